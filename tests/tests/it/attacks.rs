//! Attacks on exported files: each is found, and named by the word that tells what it was, by both verifiers.

use std::{io::Cursor, path::PathBuf, process::Command};

use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;
use wib_core::{
    evidence::{EntryKind, LINE_LIMIT, PartFault, Verified, WitnessedCheckpoint, verify, verify_file},
    kit::canonical,
};

use crate::{
    forge::{Forge, forge_without_header, small_order},
    stage::{KEY, Stage, magic, skipped},
};

const OTHER_KEY: [u8; 32] = [6; 32];
const BUNDLE_1: &[u8] = include_bytes!("fixtures/bundle-of-the-first-format.json");

/// A history of some dozens of links over three days, and a bundle of one of its calls.
struct Exported {
    history: Vec<u8>,
    bundle: Vec<u8>,
    key: String,
}

async fn exported() -> Exported {
    let stage = Stage::new().await;
    let mut sealed = None;
    for day in 0..3u128 {
        for n in [5, 4, 2] {
            let call = stage.start(&stage.account(&format!("+1312555{:04}", day * 10 + n)).await).await.unwrap();
            stage.sealed(call.id).await;
            sealed.get_or_insert(call.id);
        }
        for (n, kind) in [EntryKind::Audit, EntryKind::Purge, EntryKind::Hold, EntryKind::Pack].into_iter().enumerate()
        {
            // The same subject every day: versions.
            let data = json!({ "day": day.to_string(), "text": "Grüße \u{1}\"\\ \u{10348}", "most": u64::MAX, "least": i64::MIN });
            stage.org.append_for_test(kind, Uuid::from_u128(n as u128), data).await.unwrap();
        }
        stage.pass(86_400);
    }
    let call = stage.start(&stage.account(&magic(5)).await).await.unwrap();
    stage.sealed(call.id).await;
    let mut history = stage.org.export_history().await.unwrap();
    let mut file = vec![];
    while let Some(lines) = history.next().await.unwrap() {
        file.extend(lines);
    }
    let bundle = stage.org.evidence(sealed.unwrap()).await.unwrap().to_bytes().unwrap();
    Exported { history: file, bundle, key: stage.wib.evidence_public_key() }
}

fn faults(found: &Verified) -> &[PartFault] {
    match found {
        Verified::Bundle(found) => &found.faults,
        Verified::History(found) => &found.faults,
    }
}

fn checked(file: &[u8], key: Option<&str>, witnessed: &[WitnessedCheckpoint]) -> Verified {
    verify_file(Cursor::new(file), key, witnessed).unwrap()
}

/// Python with its one package, and the program that was made from the specification.
fn second_verifier(test: &str) -> Option<PathBuf> {
    let there =
        Command::new("python3").args(["-c", "import cryptography.hazmat.primitives.asymmetric.ed25519"]).output();
    if !there.is_ok_and(|ran| ran.status.success()) {
        skipped(test, "python3 with the package `cryptography` is not here");
        return None;
    }
    Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/verify_evidence.py"))
}

/// What the second verifier finds: parts and words.
fn second(
    program: &PathBuf,
    file: &[u8],
    key: Option<&str>,
    witnessed: &[WitnessedCheckpoint],
) -> (bool, Vec<(String, String)>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, file).unwrap();
    let mut command = Command::new("python3");
    command.arg(program).arg(&path);
    if let Some(key) = key {
        command.args(["--key", key]);
    }
    if !witnessed.is_empty() {
        let receipts = folder.path().join("witness");
        let lines: Vec<_> = witnessed.iter().map(|w| serde_json::to_string(w).unwrap() + "\n").collect();
        std::fs::write(&receipts, lines.concat()).unwrap();
        command.arg("--witness").arg(receipts);
    }
    let ran = command.output().unwrap();
    let report: Value =
        serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ran.stderr)));
    let holds = report["holds"].as_bool().unwrap();
    assert_eq!(holds, ran.status.success());
    let pair = |f: &Value| (f["part"].as_str().unwrap().to_owned(), f["fault"].as_str().unwrap().to_owned());
    (holds, report["faults"].as_array().unwrap().iter().map(pair).collect())
}

struct Attack {
    name: &'static str,
    /// The place and the word that must be among what is found; none when the file must hold.
    found: Option<(String, &'static str)>,
    file: Vec<u8>,
    key: Option<String>,
    witnessed: Vec<WitnessedCheckpoint>,
}

fn attack(name: &'static str, place: impl Into<String>, word: &'static str, file: impl Into<Vec<u8>>) -> Attack {
    Attack { name, found: Some((place.into(), word)), file: file.into(), key: None, witnessed: vec![] }
}
fn holds(name: &'static str, file: impl Into<Vec<u8>>) -> Attack {
    Attack { name, found: None, file: file.into(), key: None, witnessed: vec![] }
}
impl Attack {
    fn key(self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self }
    }
    fn witnessed(self, seen: &WitnessedCheckpoint) -> Self {
        Self { witnessed: vec![seen.clone()], ..self }
    }
}

/// A checkpoint of the history, as a witness has seen it.
fn receipt(forge: &Forge, nth: usize) -> WitnessedCheckpoint {
    let line = forge.0.iter().filter(|l| l["line"] == "checkpoint").nth(nth).unwrap();
    let seen = json!({ "witness": "notary", "size": line["size"], "root": line["root"], "at": line["signed_at"] });
    serde_json::from_value(seen).unwrap()
}

fn on_histories(e: &Exported) -> Vec<Attack> {
    let forge = Forge::of(&e.history);
    let last = forge.last();
    let edit = |mut f: Forge, seq| {
        f.manifest(seq)["data"] = json!("another");
        f
    };
    let edited = || edit(forge.clone(), 5);
    let moved = |from: i64, to: i64| {
        let mut f = forge.clone();
        let line = f.0.remove(f.entry(from));
        let at = f.entry(to);
        f.0.insert(at, line);
        f.bytes()
    };
    let put = |seq: i64, line: &[u8]| {
        let mut lines: Vec<_> = e.history.split_inclusive(|b| *b == b'\n').collect();
        lines[forge.entry(seq)] = line;
        lines.concat()
    };
    let mut without = forge.clone();
    without.0.remove(without.entry(7));
    let mut twice = forge.clone();
    twice.0.insert(twice.entry(7), forge.0[forge.entry(7)].clone());
    let mut tail = forge.clone();
    tail.0.truncate(tail.entry(last - 2));
    tail.0.push(forge.0.last().unwrap().clone());
    let mut tenant = forge.clone();
    tenant.0[0]["organization_id"] = Uuid::from_u128(7).to_string().into();
    let mut both = forge.clone();
    for n in 0..both.0.len() {
        if both.0[n]["manifest"].is_object() {
            both.0[n]["manifest"]["organization_id"] = Uuid::from_u128(7).to_string().into();
        }
    }
    both.0[0]["organization_id"] = Uuid::from_u128(7).to_string().into();
    let mut dated = forge.clone();
    dated.link(9)["at"] = json!("2020-01-01T00:00:00Z");
    let mut version = forge.clone();
    version.link(4)["version"] = json!(3);
    let mut unknown = forge.clone();
    unknown.0[0]["format"] = "wib-history/2".into();
    let mut manifest = forge.clone();
    manifest.manifest(4)["format"] = "wib-record/9".into();
    let mut checkpoint = forge.clone();
    let nth = checkpoint.0.iter().position(|l| l["line"] == "checkpoint").unwrap();
    let size = checkpoint.0[nth]["size"].clone();
    checkpoint.0[nth]["format"] = "wib-checkpoint/3".into();
    let mut early = forge.clone();
    let line = early.0.remove(nth);
    early.0.insert(1, line);
    let mut count = forge.clone();
    count.0.last_mut().unwrap()["entries"] = json!(last + 1);
    let mut foreign_key = forge.clone();
    foreign_key.0[0]["public_key"] = "ZZ".into();
    let mut float = String::from_utf8(e.history.clone()).unwrap();
    float = float.replacen("\"version\":1", "\"version\":1.0", 1);
    let late = receipt(&forge, 1);
    let deep = format!("{{\"line\":\"entry\",\"x\":{}{}}}\n", "[".repeat(200), "]".repeat(200));
    let wide = format!("\"{}\"\n", "x".repeat(LINE_LIMIT));
    let cut = forge.clone().drop_behind(late.size - 1).resign(KEY, false);
    let all_again = || edited().rechain().resign(KEY, false);
    vec![
        holds("nothing", e.history.clone()).key(&e.key).witnessed(&late),
        holds("cut at a checkpoint, and nobody has seen more", forge.clone().drop_behind(late.size).bytes())
            .key(&e.key),
        holds("rebuilt with the stolen key, and nobody has seen another", all_again().bytes()).key(&e.key),
        holds(
            "rebuilt with another key, and nobody expects this one",
            edited().rechain().resign(OTHER_KEY, true).bytes(),
        ),
        attack("a manifest edited", "entry 5.manifest", "changed_manifest", edited().bytes()),
        attack("an edited manifest with its hash", "entry 5.link", "changed_link", {
            let mut f = edited();
            let hash = canonical::hash(f.manifest(5)).unwrap();
            f.link(5)["manifest_hash"] = hash.into();
            f.bytes()
        }),
        attack("a link rebuilt alone", "entry 6.link", "broken_chain", {
            let mut f = edited();
            let whole = edited().rechain();
            let at = f.entry(5);
            f.0[at] = whole.0[at].clone();
            f.bytes()
        }),
        attack("a version raised", "entry 4.link", "wrong_subject", version.bytes()),
        attack("a line taken out of the middle", "entry 7", "missing", without.bytes()),
        attack("a line twice", "entry 7", "repeated", twice.bytes()),
        attack("the tail cut roughly", "end", "not_covered", tail.bytes()),
        attack("the tail cut roughly, counted", "header.entries", "wrong_count", tail.bytes()),
        attack("lines in another order", "entry 8", "out_of_order", moved(9, 8)),
        attack("a line moved far", "entry 3", "out_of_order", moved(3, 11)),
        attack("a checkpoint moved", format!("checkpoint {size}"), "out_of_order", {
            let mut f = forge.clone();
            let line = f.0.remove(nth);
            f.0.insert(nth + 1, line);
            f.bytes()
        }),
        attack("a checkpoint too early", "entry 1", "missing", early.bytes()),
        attack("rebuilt without the key", format!("checkpoint {size}"), "wrong_root", edited().rechain().bytes()),
        attack(
            "rebuilt without the key, the last link",
            format!("checkpoint {last}"),
            "wrong_head",
            edited().rechain().bytes(),
        ),
        attack("rebuilt, checkpoints too", format!("checkpoint {last}.signature"), "bad_signature", {
            edited().rechain().resign(OTHER_KEY, false).bytes()
        }),
        attack("rebuilt with another key", "header.public_key", "other_signer", {
            edited().rechain().resign(OTHER_KEY, true).bytes()
        })
        .key(&e.key),
        attack(
            "rebuilt with the stolen key",
            format!("entry {}", late.size),
            "differs_from_witnessed",
            all_again().bytes(),
        )
        .key(&e.key)
        .witnessed(&late),
        attack("the tail cut cleanly", "end", "shorter_than_witnessed", {
            forge.clone().drop_behind(receipt(&forge, 0).size).bytes()
        })
        .key(&e.key)
        .witnessed(&late),
        attack("the tail cut with the stolen key", "end", "shorter_than_witnessed", cut.bytes())
            .key(&e.key)
            .witnessed(&late),
        attack("another tenant in the header", "entry 1.manifest", "wrong_tenant", tenant.bytes()),
        attack(
            "another tenant in the header, signature",
            format!("checkpoint {last}.signature"),
            "bad_signature",
            tenant.bytes(),
        ),
        attack("another tenant everywhere", "entry 1.manifest", "changed_manifest", both.bytes()),
        attack("dated back", "entry 9", "backdated", dated.clone().rechain().resign(KEY, false).bytes()).key(&e.key),
        attack("dated back, roughly", "entry 9.link", "changed_link", dated.bytes()),
        attack("a checkpoint dated back", format!("checkpoint {last}"), "backdated", {
            let mut f = forge.clone();
            let at = f.0.iter().rposition(|l| l["line"] == "checkpoint").unwrap();
            f.0[at]["signed_at"] = json!("2020-01-01T00:00:00Z");
            f.resign(KEY, false).bytes()
        })
        .key(&e.key),
        attack("cut within a line", format!("line {}", forge.entry(9) + 1), "truncated", {
            let end = e.history.windows(11).position(|w| w == b"\"seq\":9,\"su").unwrap();
            &e.history[..end]
        }),
        attack("cut behind a line", "end", "truncated", {
            let end = e.history.len() - e.history.split_inclusive(|b| *b == b'\n').next_back().unwrap().len();
            &e.history[..end]
        }),
        attack(
            "something behind the end",
            format!("line {}", forge.0.len() + 1),
            "trailing",
            [&e.history[..], b"{}\n"].concat(),
        ),
        attack("another format", "header.format", "unknown_format", unknown.bytes()),
        attack("another format of a manifest", "entry 4.manifest.format", "unknown_format", manifest.bytes()),
        attack("another format of a checkpoint", format!("checkpoint {size}"), "unknown_format", checkpoint.bytes()),
        attack("a bundle among the lines", format!("line {}", forge.entry(6) + 1), "unreadable", put(6, &e.bundle)),
        attack("a history without its header", "line 1", "unreadable", forge_without_header(&forge)),
        attack(
            "garbage for a line",
            format!("line {}", forge.entry(6) + 1),
            "unreadable",
            put(6, b"\xff\xfe\x00garbage\n"),
        ),
        attack("garbage for a file", "line 1", "unreadable", &b"\x00\x01\x02\n\n\n"[..]),
        attack("a float", format!("line {}", first_version(&e.history)), "not_canonical", float),
        attack(
            "a number beyond 64 bits",
            format!("line {}", forge.entry(6) + 1),
            "not_canonical",
            put(6, b"{\"a\":18446744073709551616}\n"),
        ),
        attack("a number beyond all", format!("line {}", forge.entry(6) + 1), "unreadable", put(6, b"{\"a\":1e999}\n")),
        attack("no number", format!("line {}", forge.entry(6) + 1), "unreadable", put(6, b"{\"a\":NaN}\n")),
        attack("minus nothing", format!("line {}", forge.entry(6) + 1), "not_canonical", put(6, b"{\"a\":-0}\n")),
        attack("a key twice", format!("line {}", forge.entry(6) + 1), "not_canonical", put(6, b"{\"a\":1,\"a\":1}\n")),
        attack(
            "half a surrogate",
            format!("line {}", forge.entry(6) + 1),
            "unreadable",
            put(6, b"{\"a\":\"\\ud800\"}\n"),
        ),
        attack("spaces", format!("line {}", forge.entry(6) + 1), "not_canonical", put(6, b"{\"a\": 1}\n")),
        attack("a deep line", format!("line {}", forge.entry(6) + 1), "unreadable", put(6, deep.as_bytes())),
        attack("a long line", format!("line {}", forge.entry(6) + 1), "too_large", put(6, wide.as_bytes())),
        attack("an empty line", format!("line {}", forge.entry(6) + 1), "unreadable", put(6, b"\n")),
        attack("another number of lines", "end.entries", "wrong_count", count.bytes()),
        attack("no key", "header.public_key", "bad_key", foreign_key.bytes()),
        attack("a key of small order", format!("checkpoint {last}.signature"), "bad_signature", small_order(&forge)),
    ]
}

/// The number of the first line that has a version, from 1.
fn first_version(file: &[u8]) -> usize {
    1 + file.split(|b| *b == b'\n').position(|l| String::from_utf8_lossy(l).contains("\"version\":1")).unwrap()
}

fn on_bundles(e: &Exported) -> Vec<Attack> {
    let bundle: Value = serde_json::from_slice(&e.bundle).unwrap();
    let bytes = |b: &Value| (canonical::to_text(b).unwrap() + "\n").into_bytes();
    let with = |pointer: &str, value: Value| {
        let mut changed = bundle.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        bytes(&changed)
    };
    let without = |field: &str| {
        let mut changed = bundle.clone();
        changed.as_object_mut().unwrap().remove(field);
        bytes(&changed)
    };
    let seen = |root: &Value, size: &Value| json!({ "witness": "notary", "size": size, "root": root, "at": "2026-06-03T00:00:00Z" });
    let (root, size) = (&bundle["checkpoint"]["root"], &bundle["checkpoint"]["size"]);
    let other = "sha256:".to_owned() + &"11".repeat(32);
    let receipt = |root: &Value| serde_json::from_value(seen(root, size)).unwrap();
    let shorter: Vec<_> = bundle["inclusion"].as_array().unwrap()[1..].to_vec();
    vec![
        holds("nothing", e.bundle.clone()).key(&e.key).witnessed(&receipt(root)),
        holds("nothing, of the first format", BUNDLE_1),
        holds("a receipt of this checkpoint", with("/witnesses", json!([seen(root, size)]))),
        attack("a manifest edited", "manifest", "changed_manifest", with("/manifest/live", json!(true))),
        attack("another status", "manifest", "changed_manifest", with("/manifest/status", json!("another"))),
        attack("another place", "link", "changed_link", with("/link/seq", json!(2))),
        attack("a place of its own making", "inclusion", "wrong_root", with("/link/seq", json!(2))),
        attack("no place", "checkpoint", "not_covered", with("/link/seq", json!(0))),
        attack("a place that nobody covers", "checkpoint", "not_covered", with("/link/seq", json!(i64::MAX))),
        attack("a version raised", "link", "wrong_subject", with("/link/version", json!(2))),
        attack("another kind", "link", "wrong_subject", with("/link/kind", json!("hold"))),
        attack("a kind that nobody knows", "structure", "unreadable", with("/link/kind", json!("wish"))),
        attack("another tenant", "checkpoint.signature", "bad_signature", {
            with("/manifest/organization_id", json!(Uuid::from_u128(7).to_string()))
        }),
        attack("no tenant", "manifest", "wrong_tenant", with("/manifest/organization_id", json!(7))),
        attack("another root", "checkpoint.signature", "bad_signature", with("/checkpoint/root", json!(other))),
        attack("another head", "checkpoint.signature", "bad_signature", with("/checkpoint/head", json!(other))),
        attack("a shorter proof", "inclusion", "wrong_root", with("/inclusion", json!(shorter))),
        attack("another proof", "inclusion", "wrong_root", with("/inclusion/0", json!(other))),
        attack("a proof of no hashes", "inclusion", "wrong_root", with("/inclusion/0", json!("x"))),
        attack(
            "a larger checkpoint",
            "checkpoint.signature",
            "bad_signature",
            with("/checkpoint/size", json!(1_000_000)),
        ),
        attack(
            "signed later",
            "checkpoint.signature",
            "bad_signature",
            with("/checkpoint/signed_at", json!("2027-01-01T00:00:00Z")),
        ),
        attack(
            "signed before",
            "checkpoint",
            "backdated",
            with("/checkpoint/signed_at", json!("2025-01-01T00:00:00Z")),
        ),
        attack("a day that is none", "structure", "unreadable", with("/link/at", json!("2026-02-29T00:00:00Z"))),
        attack("a time in another form", "structure", "unreadable", with("/link/at", json!("2026-02-28T00:00:00.50Z"))),
        attack("another key", "checkpoint.signature", "bad_signature", {
            with(
                "/checkpoint/public_key",
                json!(hex::encode(SigningKey::from_bytes(&OTHER_KEY).verifying_key().as_bytes())),
            )
        }),
        attack("no key", "checkpoint.public_key", "bad_key", with("/checkpoint/public_key", json!("00"))),
        attack(
            "capitals",
            "checkpoint.public_key",
            "bad_key",
            with("/checkpoint/public_key", json!(e.key.to_uppercase())),
        ),
        attack("not the expected key", "checkpoint.public_key", "other_signer", e.bundle.clone()).key(&"11".repeat(32)),
        attack(
            "an old checkpoint's format",
            "checkpoint.format",
            "unknown_format",
            with("/checkpoint/format", json!("wib-checkpoint/1")),
        ),
        attack("no root", "checkpoint.format", "unknown_format", with("/checkpoint/root", json!(null))),
        attack("another format", "format", "unknown_format", with("/format", json!("wib-evidence/3"))),
        attack("no format", "format", "unknown_format", without("format")),
        attack("an older format", "structure", "unreadable", with("/format", json!("wib-evidence/1"))),
        attack(
            "another manifest's format",
            "manifest.format",
            "unknown_format",
            with("/manifest/format", json!("wib-manifest/1")),
        ),
        attack("a field more", "structure", "unreadable", {
            let mut changed = bundle.clone();
            changed["more"] = json!(1);
            bytes(&changed)
        }),
        attack("a field less", "structure", "unreadable", without("witnesses")),
        attack(
            "a receipt of another chain",
            "witnesses.0",
            "differs_from_witnessed",
            with("/witnesses", json!([seen(&json!(other), size)])),
        ),
        attack("seen otherwise by a witness", "checkpoint.root", "differs_from_witnessed", e.bundle.clone())
            .witnessed(&receipt(&json!(other))),
        attack(
            "a token that is none",
            "timestamps.0",
            "bad_timestamp",
            with("/timestamps", json!([{ "authority": "a", "token": "A?" }])),
        ),
        attack("no line feed", "encoding", "truncated", &e.bundle[..e.bundle.len() - 1]),
        attack("a space before", "encoding", "not_canonical", [b" ", &e.bundle[..]].concat()),
        attack("a line behind", "line 1", "unreadable", [&e.bundle[..], b"\n"].concat()),
        attack("half of it", "encoding", "truncated", &e.bundle[..e.bundle.len() / 2]),
        attack("nothing at all", "encoding", "truncated", &b""[..]),
        attack("something long", "structure", "too_large", vec![b'['; LINE_LIMIT + 1]),
        attack("something deep", "structure", "unreadable", ["[".repeat(100_000), "\n".to_owned()].concat()),
        attack("a list", "format", "unknown_format", &b"[]\n"[..]),
    ]
}

#[tokio::test]
async fn every_attack_is_found_and_named_by_both_verifiers_and_untouched_files_hold() {
    let exported = exported().await;
    let entries = Forge::of(&exported.history).last();
    assert!(entries >= 22, "some dozens: {entries}");
    let program = second_verifier("both verifiers agree");
    let attacks: Vec<_> = on_histories(&exported).into_iter().chain(on_bundles(&exported)).collect();
    for Attack { name, found, file, key, witnessed } in &attacks {
        let first = checked(file, key.as_deref(), witnessed);
        let told: Vec<_> = faults(&first).iter().map(|f| (f.part.clone(), f.fault.to_string())).collect();
        match found {
            Some((place, word)) => {
                let named = told.iter().any(|(part, fault)| part == place && fault == word);
                assert!(named && !first.holds(), "{name}: expected {word} of {place} in {told:?}");
            }
            None => assert!(first.holds(), "{name}: {told:?}"),
        }
        if let Some(program) = &program {
            let (holds, also) = second(program, file, key.as_deref(), witnessed);
            assert_eq!((holds, &also), (first.holds(), &told), "{name}: the verifiers differ");
        }
    }
    println!("{} files, {} attacks", attacks.len(), attacks.iter().filter(|a| a.found.is_some()).count());
}

#[tokio::test]
async fn a_flipped_bit_of_any_byte_of_a_bundle_is_found() {
    let exported = exported().await;
    for file in [&exported.bundle[..], BUNDLE_1] {
        for at in 0..file.len() {
            // Bit 5 turns letters into capitals: the same number in hexadecimal, another text.
            for bit in [at % 8, 5] {
                let mut changed = file.to_vec();
                changed[at] ^= 1 << bit;
                assert!(!verify(&changed, None).unwrap().holds(), "byte {at} bit {bit}");
            }
        }
    }
}

#[tokio::test]
async fn a_flipped_bit_of_any_byte_of_a_history_is_found() {
    let exported = exported().await;
    let history = &exported.history;
    let program = second_verifier("both verifiers agree on flipped bits");
    let cases = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    let tried = std::cell::Cell::new(0);
    proptest!(cases, |(at in 0..history.len(), bit in 0u32..8)| {
        let mut changed = history.clone();
        changed[at] ^= 1 << bit;
        let found = checked(&changed, None, &[]);
        prop_assert!(!found.holds(), "byte {at} bit {bit}");
        tried.set(tried.get() + 1);
        if let (Some(program), 0) = (&program, tried.get() % 20) {
            let told: Vec<_> = faults(&found).iter().map(|f| (f.part.clone(), f.fault.to_string())).collect();
            prop_assert_eq!(second(program, &changed, None, &[]), (false, told), "byte {} bit {}", at, bit);
        }
    });
}

proptest! {
    #[test]
    fn nothing_makes_a_verifier_panic_or_hold(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(!checked(&bytes, None, &[]).holds());
    }

    #[test]
    fn no_json_makes_a_verifier_panic_or_hold(text in "(\\{|\\[|\\}|\\]|,|:|\"line\"|\"header\"|\"entry\"|\"format\"|1|\n){0,60}") {
        prop_assert!(!checked(text.as_bytes(), None, &[]).holds());
    }
}
