#!/usr/bin/env python3
"""Verifies evidence files and histories of Word Is Bond, made from wib-core/src/evidence/FORMAT.md alone.

    pip install cryptography
    python3 verify_evidence.py FILE [--key HEX] [--witness FILE]

Prints a line of JSON, {"holds", "faults": [{"part", "fault", "reason"}], ..}; exit status 1 when something does not hold.
"""
import argparse, datetime, functools, hashlib, json, re, sys
try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    sys.exit("verify_evidence: needs Ed25519: pip install cryptography")

LINE, DEPTH, MOST, GENESIS = 1 << 20, 64, 100, "sha256:" + "0" * 64
KINDS = ("call", "audit", "purge", "hold", "erasure", "pack")
LINK = "format seq kind subject_id call_id version supersedes at manifest_hash prev_hash entry_hash".split()
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z", re.ASCII)
BASE64 = re.compile(r"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HASH, KEY, SIGNATURE = (re.compile(p + r"[0-9a-f]{%d}" % n) for p, n in (("sha256:", 64), ("", 64), ("", 128)))
class Bad(Exception):
    """What is wrong with a line, as a word."""
def sha(data): return hashlib.sha256(data).digest()
def text_of(digest): return "sha256:" + digest.hex()
def node(left, right): return sha(b"\x01" + left + right)
def canonical(value): return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
def hash_of(value): return text_of(sha(canonical(value)))
def when(text): return text[:19], text[20:-1].ljust(9, "0")
def refuse(word): raise ValueError(word)
def inside(v): return v.values() if isinstance(v, dict) else v
def depth(v): return 1 + max(map(depth, inside(v)), default=0) if isinstance(v, (dict, list)) else 0
def number(digits):
    if abs(float(digits)) == float("inf"):
        refuse(digits)
    plain = re.fullmatch(r"-?\d{1,20}", digits) and -(2**63) <= int(digits) < 2**64
    return int(digits) if plain else object()
def read(line):
    """A line without its line feed as JSON in its one byte form."""
    try:
        value = json.loads(line.decode("utf-8"), parse_int=number, parse_float=number, parse_constant=refuse)
        if depth(value) > DEPTH:
            raise Bad("unreadable")
        if canonical(value) != line:
            raise Bad("not_canonical")
        return value
    except (ValueError, RecursionError):
        raise Bad("unreadable") from None
    except TypeError:
        raise Bad("not_canonical") from None
def is_int(v): return type(v) is int and -(2**63) <= v < 2**63
def is_text(v): return isinstance(v, str)
def is_uuid(v): return is_text(v) and bool(UUID.fullmatch(v))
def maybe(check): return lambda v: v is None or check(v)
def one_of(*words): return lambda v: is_text(v) and v in words
def listed(check): return lambda v: isinstance(v, list) and all(fits(i, check) for i in v)
def anything(_): return True
def is_time(v):
    try:
        return is_text(v) and bool(TIME.fullmatch(v) and datetime.datetime.fromisoformat(v[:19]))
    except ValueError:
        return False
def fits(value, shape):
    if not isinstance(shape, dict):
        return shape(value)
    return isinstance(value, dict) and value.keys() == shape.keys() and all(fits(value[k], shape[k]) for k in shape)
def shaped(value, shape):
    if not fits(value, shape):
        raise Bad("unreadable")
    return value
A_LINK = dict(zip(LINK, (one_of("wib-link/1", "wib-link/2"), is_int, one_of(*KINDS), is_uuid, maybe(is_uuid), is_int,
                         maybe(is_text), is_time, is_text, is_text, is_text)))
CHECKPOINT = {"format": is_text, "size": is_int, "head": is_text, "root": maybe(is_text), "signed_at": is_time,
              "signature": is_text}
RECEIPT = {"witness": is_text, "size": is_int, "root": is_text, "at": is_time}
BUNDLE = {"format": is_text, "manifest": anything, "link": A_LINK, "inclusion": listed(is_text),
          "checkpoint": CHECKPOINT | {"public_key": is_text}, "witnesses": listed(RECEIPT),
          "timestamps": listed({"authority": is_text, "token": is_text})}
BUNDLE_1 = {"format": is_text, "manifest": anything,
            "link": {"seq": is_int, "manifest_hash": is_text, "prev_hash": is_text, "entry_hash": is_text},
            "checkpoint": {"size": is_int, "head": is_text, "signed_at": is_time, "public_key": is_text, "signature": is_text}}
LINES = {"header": {"line": is_text, "format": is_text, "organization_id": is_uuid, "public_key": is_text, "entries": is_int},
         "entry": {"line": is_text, "link": A_LINK, "manifest": anything}, "checkpoint": {"line": is_text} | CHECKPOINT,
         "end": {"line": is_text, "entries": is_int, "checkpoints": is_int}}

def root_of_inclusion(entry, index, size, proof):
    """RFC 9162, section 2.1.3.2."""
    place, last, at = index, size - 1, sha(b"\x00" + entry)
    for step in proof:
        if last == 0:
            return None
        if place & 1 or place == last:
            at = node(step, at)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            at = node(at, step)
        place, last = place >> 1, last >> 1
    return at if last == 0 else None
def push(edge, entry):
    """Adds a leaf to the right edge of a tree: its complete subtrees, the largest first."""
    level, at = 0, sha(b"\x00" + entry)
    while edge and edge[-1][0] == level:
        level, at = level + 1, node(edge.pop()[1], at)
    edge.append((level, at))
def root_of(edge):
    hashes = [at for _, at in reversed(edge)]
    return text_of(functools.reduce(lambda right, left: node(left, right), hashes) if hashes else sha(b""))

# Points of small order in every encoding: a signature by such a key, or with such a point, fits many statements.
P, EIGHT = 2**255 - 19, 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826
SMALL = {(y | sign << 255).to_bytes(32, "little") for y in (0, 1, P - 1, P, P + 1, EIGHT, P - EIGHT) for sign in (0, 1)}
def signed(cp, organization, key):
    if not KEY.fullmatch(key) or not SIGNATURE.fullmatch(cp["signature"]):
        return False
    key, signature = bytes.fromhex(key), bytes.fromhex(cp["signature"])
    fields = ("format", "size", "head", "signed_at") + (("root",) if cp["root"] is not None else ())
    try:
        statement = canonical({k: cp[k] for k in fields} | {"organization_id": organization})
        Ed25519PublicKey.from_public_bytes(key).verify(signature, statement)
        return key not in SMALL and signature[:32] not in SMALL
    except (InvalidSignature, ValueError):
        return False
def known(cp): return cp["format"] == ("wib-checkpoint/1" if cp["root"] is None else "wib-checkpoint/2")

class Verifier:
    def __init__(self, key, witnessed):
        self.key, self.witnessed = key, sorted(witnessed, key=lambda w: -w["size"])
        self.faults, self.more, self.unchecked, self.signer = [], 0, [], None
    def fault(self, part, word):
        if len(self.faults) < MOST:
            self.faults.append({"part": part, "fault": word, "reason": word.replace("_", " ")})
        else:
            self.more += 1
    def check(self, wrong, part, word):
        if wrong:
            self.fault(part, word)
    def whose(self, part, key):
        if not KEY.fullmatch(key):
            return self.fault(part, "bad_key")
        self.signer = text_of(sha(bytes.fromhex(key)))
        self.check(self.key not in (None, key), part, "other_signer")
    def link(self, link, manifest, organization, place):
        """What the link hashes to."""
        m = manifest if isinstance(manifest, dict) else {}
        v1, first = link["format"] == "wib-link/1", link["version"] == 1
        call = m.get("call_id") == link["subject_id"] == link["call_id"] and link["kind"] == "call"
        supersedes, agree = m.get("supersedes") if is_text(m.get("supersedes")) else None, True
        if m.get("format") == "wib-manifest/1" and v1:
            agree = call and m.get("sealed_at") == link["at"]
        elif m.get("format") == "wib-manifest/2" and not v1:
            same = is_int(m.get("version")) and m["version"] == link["version"] and "supersedes" in m
            agree = call and same and supersedes == link["supersedes"]
        elif m.get("format") == "wib-record/1" and not v1:
            agree = m.get("kind") == link["kind"] != "call" and m.get("subject_id") == link["subject_id"]
        else:
            self.fault(place + "manifest.format", "unknown_format")
        self.check(not agree or link["version"] < 1 or first != (link["supersedes"] is None) or (v1 and not first), place + "link", "wrong_subject")
        self.check(m.get("organization_id") != organization or not organization, place + "manifest", "wrong_tenant")
        self.check(hash_of(manifest) != link["manifest_hash"], place + "manifest", "changed_manifest")
        names = ("seq", "manifest_hash", "prev_hash") if v1 else LINK[:-1]
        computed = hash_of({k: link[k] for k in names} | {"organization_id": organization})
        self.check(computed != link["entry_hash"], place + "link", "changed_link")
        return computed
    def bundle(self, data):
        if len(data) > LINE or not data.endswith(b"\n"):
            return self.fault(*(("structure", "too_large") if len(data) > LINE else ("encoding", "truncated")))
        try:
            b = read(data[:-1])
            of = b.get("format") if isinstance(b, dict) else None
            if of not in ("wib-evidence/1", "wib-evidence/2"):
                return self.fault("format", "unknown_format")
            shaped(b, BUNDLE if of == "wib-evidence/2" else BUNDLE_1)
        except Bad as bad:
            return self.fault("encoding" if bad.args[0] == "not_canonical" else "structure", *bad.args)
        m, link, cp = b["manifest"] if isinstance(b["manifest"], dict) else {}, b["link"], b["checkpoint"]
        if of == "wib-evidence/1":
            call, at = m.get("call_id"), m.get("sealed_at")
            if not is_uuid(call) or not is_time(at):
                return self.fault("manifest", "unreadable")
            link |= dict(format="wib-link/1", kind="call", subject_id=call, call_id=call, version=1, supersedes=None, at=at)
            cp |= {"format": "wib-checkpoint/1", "root": None}
            b |= {"inclusion": [], "timestamps": [], "witnesses": []}
        organization = m["organization_id"] if is_text(m.get("organization_id")) else ""
        self.sealed(b, link, cp, organization, of == "wib-evidence/2")
        self.whose("checkpoint.public_key", cp["public_key"])
        self.check(not signed(cp, organization, cp["public_key"]), "checkpoint.signature", "bad_signature")
        for n, stamp in enumerate(b["timestamps"]):
            if not BASE64.fullmatch(stamp["token"]):
                self.fault(f"timestamps.{n}", "bad_timestamp")
            else:
                self.unchecked.append(f"timestamps.{n}")
        for n, receipt in enumerate(b["witnesses"]):
            self.unchecked.append(f"witnesses.{n}")
            self.check((receipt["size"], receipt["root"]) != (cp["size"], cp["root"]), f"witnesses.{n}", "differs_from_witnessed")
        for seen in self.witnessed:
            self.check(seen["size"] == cp["size"] and cp["root"] not in (None, seen["root"]), "checkpoint.root", "differs_from_witnessed")
    def sealed(self, b, link, cp, organization, v2):
        entry, seq, size = self.link(link, b["manifest"], organization, ""), link["seq"], cp["size"]
        if not known(cp) or v2 != (cp["root"] is not None):
            return self.fault("checkpoint.format", "unknown_format")
        if seq < 1 or seq > size or (not v2 and seq != size):
            return self.fault("checkpoint", "not_covered")
        self.check(seq == size and cp["head"] != entry, "checkpoint", "wrong_head")
        self.check(when(cp["signed_at"]) < when(link["at"]), "checkpoint", "backdated")
        proof = [bytes.fromhex(h[7:]) for h in b["inclusion"] if HASH.fullmatch(h)]
        root = root_of_inclusion(bytes.fromhex(entry[7:]), seq - 1, size, proof)
        self.check(v2 and (len(proof) != len(b["inclusion"]) or root is None or text_of(root) != cp["root"]), "inclusion", "wrong_root")
    def history(self, lines):
        self.header, self.edge, self.gap, self.head, self.last = None, [], False, GENESIS, 0
        self.at, self.signed_at, self.checkpoints, self.covered, self.ended = None, None, 0, None, False
        for n, data in enumerate(lines, 1):
            wrong = "too_large" if len(data) > LINE else "" if data.endswith(b"\n") else "truncated"
            if wrong or self.ended:
                self.fault(f"line {n}", wrong or "trailing")
                break
            try:
                line = read(data[:-1])
                word = line.get("line") if isinstance(line, dict) else None
                if self.header is None and word == "header" and line.get("format") != "wib-history/1":
                    return self.fault("header.format", "unknown_format")
                if word not in (("header",) if self.header is None else ("entry", "checkpoint", "end")):
                    raise Bad("unreadable")
                getattr(self, "on_" + word)(shaped(line, LINES[word]))
            except Bad as bad:
                self.fault(f"line {n}", *bad.args)
                if self.header is None:
                    return
        else:
            self.check(not self.ended, "end", "truncated")
        for _ in self.witnessed if self.ended else ():
            self.fault("end", "shorter_than_witnessed")
    def on_header(self, header):
        self.header = header
        self.whose("header.public_key", header["public_key"])
        self.compare()
    def missing(self, following):
        self.fault(f"entry {self.last + 1}", "missing")
        self.gap, self.head, self.last = True, None, following - 1
    def compare(self):
        while self.witnessed and self.witnessed[-1]["size"] <= self.last:
            seen = self.witnessed.pop()
            self.check(not self.gap and (seen["size"], seen["root"]) != (self.last, root_of(self.edge)), f"entry {self.last}", "differs_from_witnessed")
    def on_entry(self, line):
        link, place = line["link"], f"entry {line['link']['seq']}"
        if link["seq"] <= self.last:
            return self.fault(place, "repeated" if link["seq"] == self.last > 0 else "out_of_order")
        if link["seq"] > self.last + 1:
            self.missing(link["seq"])
        computed = self.link(link, line["manifest"], self.header["organization_id"], place + ".")
        self.check(self.head not in (None, link["prev_hash"]), place + ".link", "broken_chain")
        at = when(link["at"])
        self.check(self.at and at < self.at, place, "backdated")
        if not self.gap:
            push(self.edge, bytes.fromhex(computed[7:]))
        self.at, self.head, self.last = max(at, self.at or at), computed, link["seq"]
        self.compare()
    def on_checkpoint(self, cp):
        self.checkpoints += 1
        place, at = f"checkpoint {cp['size']}", when(cp["signed_at"])
        if not known(cp) or cp["size"] < self.last:
            return self.fault(place, "out_of_order" if known(cp) else "unknown_format")
        if cp["size"] > self.last:
            self.missing(cp["size"] + 1)
            self.compare()
        self.check(self.head not in (None, cp["head"]), place, "wrong_head")
        self.check(not self.gap and cp["root"] not in (None, root_of(self.edge)), place, "wrong_root")
        self.check(not signed(cp, self.header["organization_id"], self.header["public_key"]), place + ".signature", "bad_signature")
        self.check(at < max(self.at or at, self.signed_at or at), place, "backdated")
        self.signed_at, self.covered = max(at, self.signed_at or at), cp["size"]
    def on_end(self, end):
        self.ended = True
        self.check(self.header["entries"] != self.last, "header.entries", "wrong_count")
        self.check(end["entries"] != self.last, "end.entries", "wrong_count")
        self.check(end["checkpoints"] != self.checkpoints, "end.checkpoints", "wrong_count")
        self.check(self.covered != self.last, "end", "not_covered")

def main():
    arguments = argparse.ArgumentParser(description="Verifies evidence of Word Is Bond.")
    arguments.add_argument("file")
    arguments.add_argument("--key", type=str.lower, help="the signer's public key, 64 hexadecimal digits")
    arguments.add_argument("--witness", help="checkpoints that somebody else has seen, a line of JSON each")
    asked = arguments.parse_args()
    witnessed = [json.loads(line) for line in open(asked.witness, "rb")] if asked.witness else []
    if not (asked.key is None or KEY.fullmatch(asked.key)) or not fits(witnessed, listed(RECEIPT)):
        sys.exit("verify_evidence: the key or the witness's file cannot be read")
    verifier = Verifier(asked.key, witnessed)
    with open(asked.file, "rb") as file:
        first, second = file.readline(LINE + 1), file.readline(LINE + 1)
        if second:
            verifier.history(line for part in ((first, second), iter(lambda: file.readline(LINE + 1), b"")) for line in part)
        else:
            verifier.bundle(first)
    print(json.dumps({"holds": not verifier.faults, "faults": verifier.faults, "more_faults": verifier.more, "signer": verifier.signer,
                      "signer_checked": bool(verifier.signer and verifier.key), "unchecked": verifier.unchecked}))
    return 1 if verifier.faults else 0
if __name__ == "__main__":
    sys.exit(main())
