#!/usr/bin/env python3
"""Turns every comparison of the compliance engine around, one by one, and expects a test to notice.

In a copy of the tree each `<`, `<=`, `>`, `>=`, `==`, `!=`, `.contains(..)`, `.min(..)`, `.max(..)`, `.any(..)` and
`.all(..)` of the checks, the judge, the forecast and the calendar gets a switch to its neighbour and its opposite; the
copy is built a few times (switches that overlap go into different builds), and the compliance tests run once for every
switch. A table tells what noticed each. Ends with 1 when one survives. Python's own library only.

    python3 tests/mutate_rules.py [--list] [--only PATTERN] [--keep DIR]

CARGO_TARGET_DIR is honoured: give it a directory of its own to spare the build of dependencies.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BASE = pathlib.Path("wib-core/src/compliance")
SOURCES = ["checks", "judge.rs", "calendar.rs", "forecast.rs", "rules.rs"]
TESTS = ["calendar::", "compliance::", "vectors::", "steps::", "checks::", "packs::"]
SLOW = ["oracle::", "properties::", "checker::"]
INFIX = {"<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="], "!=": ["=="]}
METHODS = {"min": "max", "max": "min", "any": "all", "all": "any"}
CLOSES = {"(": ")", "[": "]", "{": "}"}
OPENS = {v: k for k, v in CLOSES.items()}
SWITCH = """
/// Which comparison is turned around in this run.
pub(crate) fn switched(number: u32) -> bool {
    static ON: std::sync::LazyLock<u32> =
        std::sync::LazyLock::new(|| std::env::var("WIB_MUTANT").ok().and_then(|n| n.parse().ok()).unwrap_or(0));
    *ON == number
}
"""


def code_of(text):
    """The text with comments, texts and tests blanked out, of the same length."""
    tests = text.find("#[cfg(test)]")
    if tests >= 0:
        text = text[:tests] + re.sub(r"[^\n]", " ", text[tests:])
    return re.sub(r'//[^\n]*|"(?:\\.|[^"\\])*"', lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def matching(code, at, step):
    """The bracket that belongs to the one at `at`."""
    depth, pairs = 0, CLOSES if step > 0 else OPENS
    here, there = code[at], pairs[code[at]]
    while True:
        depth += (code[at] == here) - (code[at] == there)
        if depth == 0:
            return at
        at += step


def receiver(code, at):
    """Where the expression begins whose method is called at `at`."""
    while at > 0:
        before = code[at - 1]
        if before in ")]":
            at = matching(code, at - 1, -1)
        elif before.isalnum() or before in "_.:?" or (before.isspace() and code[at:].lstrip()[:1] in ".?"):
            at -= 1
        elif before == ">" and code[:at].endswith("::<_>"):
            at -= 5
        else:
            return at
    return at


def left(code, at):
    """Where the left side of the comparison at `at` begins."""
    while at > 0:
        if code[at - 1] in ")]":
            at = matching(code, at - 1, -1)
        elif code[at - 1] in "([{,;|=}" or code[at - 2 : at] in ("&&", "=>", ": "):
            break
        elif re.search(r"\b(if|while|return|match)\s$", code[:at]):
            break
        else:
            at -= 1
    return at + len(code[at:]) - len(code[at:].lstrip())


def right(code, at):
    """The end of the right side of the comparison whose operator ends at `at`."""
    while at < len(code):
        if code[at] in "([":
            at = matching(code, at, 1) + 1
        elif code[at] in ")]}{,;|" or code[at : at + 2] in ("&&", "=>"):
            break
        else:
            at += 1
    return len(code[:at].rstrip())


def mutants(path):
    """(begin, end, line, what, instead): the text from begin to end, and what it is turned into."""
    text = path.read_text()
    code = code_of(text)
    found = []
    for match in re.finditer(r" (<=|>=|==|!=|<|>) ", code):
        begin, end, old = left(code, match.start()), right(code, match.end()), match.group(1)
        for new in INFIX[old]:
            instead = text[begin : match.start(1)] + new + text[match.end(1) : end]
            found.append((begin, end, match.start(), "%s -> %s" % (old, new), instead))
    for match in re.finditer(r"\.(contains\(|min\(|max\(|any\((?=\|)|all\((?=\|))", code):
        begin, end, old = receiver(code, match.start()), matching(code, match.end() - 1, 1) + 1, match.group(1)[:-1]
        begin += len(code[begin:]) - len(code[begin:].lstrip())
        new = METHODS.get(old)
        instead = text[begin : match.start(1)] + new + text[match.end(1) - 1 : end] if new else "!" + text[begin:end]
        found.append((begin, end, match.start(), "%s -> %s" % (old, new or "not"), instead))
    return [(b, e, code.count("\n", 0, at) + 1, what, instead) for b, e, at, what, instead in sorted(found)]


def batches(all_mutants):
    """Mutants that do not overlap, but for those of the same span, go together."""
    groups = []
    for number, (file, mutant) in enumerate(all_mutants, 1):
        for group in groups:
            spans = group.setdefault(file, {})
            if all((b, e) == mutant[:2] or e <= mutant[0] or mutant[1] <= b for b, e in spans):
                spans.setdefault(mutant[:2], []).append((number, mutant[4]))
                break
        else:
            groups.append({file: {mutant[:2]: [(number, mutant[4])]}})
    return groups


def switched(text, spans):
    for (begin, end), choices in sorted(spans.items(), reverse=True):
        arms = "".join("if crate::switched(%d) { %s } else " % choice for choice in choices)
        text = text[:begin] + "({ " + arms + "{ " + text[begin:end] + " } })" + text[end:]
    return text


def cargo(tree, *arguments):
    return subprocess.run(["cargo", *arguments], cwd=tree, capture_output=True, text=True)


def build(tree):
    """The test programs, or what the compiler says."""
    built = cargo(tree, "test", "-p", "wib-core", "--lib", "--test", "it", "--no-run")
    programs = re.findall(r"Executable .*\((.+)\)", built.stderr)
    if built.returncode or len(programs) != 2:
        sys.exit("the copy does not compile:\n" + built.stderr[-4000:])
    return [(tree / p) if not os.path.isabs(p) else pathlib.Path(p) for p in programs]


def run(tree, programs, number, tests, seconds):
    """What fails first; None when nothing does."""
    environment = dict(os.environ, WIB_MUTANT=str(number), WIB_ORACLE="3000", RUST_BACKTRACE="0")
    for program in programs:
        try:
            done = subprocess.run(
                [program, *tests], cwd=tree / "wib-core", env=environment, capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            return "no end within %d s" % seconds
        failed = re.findall(r"^test (\S+) \.\.\. FAILED", done.stdout, re.M)
        if failed:
            return failed[0] + (" and %d more" % (len(failed) - 1) if failed[1:] else "")
        if done.returncode:
            return "the end of the process"
    return None


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("--list", action="store_true", help="only list the mutants")
    asked.add_argument("--only", default="", help="only files whose path holds this pattern")
    asked.add_argument("--keep", help="the directory of the copy, kept afterwards")
    asked = asked.parse_args()
    files = [f for s in SOURCES for f in ([ROOT / BASE / s] if s.endswith(".rs") else sorted((ROOT / BASE / s).glob("*.rs")))]
    files = [f.relative_to(ROOT) for f in files if re.search(asked.only, str(f))]
    found = [(file, mutant) for file in files for mutant in mutants(ROOT / file)]
    groups = batches(found)
    if asked.list:
        for file, (_, _, line, what, instead) in found:
            print("%-16s %-24s %s" % (what, "%s:%d" % (file.relative_to(BASE), line), " ".join(instead.split())))
        sys.exit("%d mutants in %d builds" % (len(found), len(groups)))
    tree = pathlib.Path(asked.keep or tempfile.mkdtemp(prefix="mutants-"))
    shutil.copytree(ROOT, tree, dirs_exist_ok=True, ignore=shutil.ignore_patterns("target", ".git"))
    os.environ.setdefault("CARGO_TARGET_DIR", str(tree / "target"))
    with open(tree / "wib-core/src/lib.rs", "a") as lib:
        lib.write(SWITCH)
    killers = {}
    for group in groups:
        for file in files:
            (tree / file).write_text(switched((ROOT / file).read_text(), group.get(file, {})))
        programs = build(tree)
        if (wrong := run(tree, programs, 0, TESTS + SLOW, 900)) is not None:
            sys.exit("the tests fail with nothing switched: " + wrong)
        for number in sorted(n for spans in group.values() for choices in spans.values() for n, _ in choices):
            file, (_, _, line, what, _) = found[number - 1]
            killers[number] = run(tree, programs, number, TESTS, 180) or run(tree, programs, number, SLOW, 600)
            where = "%s:%d" % (file.relative_to(BASE), line)
            print("%-16s %-24s %s" % (what, where, killers[number] or "SURVIVES"), flush=True)
    survivors = [n for n, killer in killers.items() if killer is None]
    print("%d mutants in %d builds, %d survive" % (len(found), len(groups), len(survivors)))
    if not asked.keep:
        shutil.rmtree(tree, ignore_errors=True)
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
