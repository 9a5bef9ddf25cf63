#!/usr/bin/env python3
"""Turns every comparison of the compliance engine around, one by one, and expects a test to notice.

In a copy of the tree each `<`, `<=`, `>`, `>=`, `==`, `!=`, `.contains(..)`, `.min(..)`, `.max(..)`, `.any(..)` and
`.all(..)` of the checks, the judge and the calendar is changed to its opposite or neighbour; the compliance tests run;
a table tells what killed each. Ends with 1 when one survives. Python's own library only.

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
SOURCES = ["checks", "judge.rs", "calendar.rs", "forecast.rs", "rules.rs"]
TESTS = ["compliance", "vectors", "steps", "checks", "packs", "oracle"]
SLOW = ["properties"]
# What a mutant is turned into: a neighbour, which only a test of the very edge tells apart, and the opposite.
OPERATORS = {
    " < ": [" <= ", " >= "],
    " <= ": [" < ", " > "],
    " > ": [" >= ", " <= "],
    " >= ": [" > ", " < "],
    " == ": [" != "],
    " != ": [" == "],
    ".min(": [".max("],
    ".max(": [".min("],
    ".any(": [".all("],
    ".all(": [".any("],
}
CONTAINS = ".contains("


def code_of(text):
    """The text with comments, strings and tests blanked out, of the same length."""
    tests = text.find("#[cfg(test)]")
    if tests >= 0:
        text = text[:tests] + re.sub(r"[^\n]", " ", text[tests:])
    blank = lambda m: re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'//[^\n]*|"(?:\\.|[^"\\])*"', blank, text)


def start_of_expression(code, at):
    """Where the expression begins that a method at `at` is called on."""
    while at > 0:
        before = code[at - 1]
        if before in ")]":
            depth, opens = 0, {")": "(", "]": "["}[before]
            while True:
                at -= 1
                depth += (code[at] == before) - (code[at] == opens)
                if depth == 0:
                    break
        elif before.isalnum() or before in "_.:":
            at -= 1
        else:
            return at
    return at


def mutants(path):
    text = path.read_text()
    code = code_of(text)
    found = []
    for operator, others in OPERATORS.items():
        for match in re.finditer(re.escape(operator), code):
            at = match.start()
            found += [(at, operator.strip(), o.strip(), text[:at] + o + text[at + len(operator):]) for o in others]
    for match in re.finditer(re.escape(CONTAINS), code):
        begin = start_of_expression(code, match.start())
        found.append((match.start(), "contains", "!contains", text[:begin] + "!" + text[begin:]))
    found.sort(key=lambda m: (m[0], m[2]))
    return [(code.count("\n", 0, at) + 1, old, new, mutated) for at, old, new, mutated in found]


def run(tree, tests, seconds):
    """What the tests say: None when they pass, else what failed first."""
    environment = dict(os.environ, WIB_ORACLE="4000", RUST_BACKTRACE="0")
    build = ["cargo", "test", "-q", "-p", "wib-core", "--test", "it", "--no-run"]
    built = subprocess.run(build, cwd=tree, env=environment, capture_output=True, text=True)
    if built.returncode:
        return "the compiler" if re.search(r"^error", built.stderr, re.M) else "the build"
    test = ["cargo", "test", "-p", "wib-core", "--test", "it", "--", *tests]
    try:
        done = subprocess.run(test, cwd=tree, env=environment, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return "no end within %d s" % seconds
    failed = re.findall(r"^test (\S+) \.\.\. FAILED", done.stdout, re.M)
    return failed[0] + (" and %d more" % (len(failed) - 1) if failed[1:] else "") if failed else (
        "the end of the process" if done.returncode else None)


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("--list", action="store_true", help="only list the mutants")
    asked.add_argument("--only", default="", help="only files whose path holds this pattern")
    asked.add_argument("--keep", help="the directory of the copy, kept afterwards")
    asked = asked.parse_args()
    tree = pathlib.Path(asked.keep or tempfile.mkdtemp(prefix="mutants-"))
    base = pathlib.Path("wib-core/src/compliance")
    files = sorted(f for s in SOURCES for f in ([ROOT / base / s] if s.endswith(".rs") else (ROOT / base / s).glob("*.rs")))
    files = [f.relative_to(ROOT) for f in files if re.search(asked.only, str(f))]
    total, survivors, rows = 0, [], []
    if not asked.list:
        shutil.copytree(ROOT, tree, dirs_exist_ok=True, ignore=shutil.ignore_patterns("target", ".git"))
        os.environ.setdefault("CARGO_TARGET_DIR", str(tree / "target"))
        if (wrong := run(tree, TESTS + SLOW, 600)) is not None:
            sys.exit("the tests fail without a mutant: " + wrong)
    for file in files:
        for line, old, new, mutated in mutants(ROOT / file):
            total += 1
            where = "%s:%d" % (file.relative_to(base), line)
            if asked.list:
                print("%-10s -> %-10s %s" % (old, new, where))
                continue
            (tree / file).write_text(mutated)
            killer = run(tree, TESTS, 120) or run(tree, SLOW, 300)
            (tree / file).write_text((ROOT / file).read_text())
            print("%-10s -> %-10s %-24s %s" % (old, new, where, killer or "SURVIVES"), flush=True)
            if killer is None:
                survivors.append(where)
    print("%d mutants, %d survive" % (total, len(survivors)))
    if not asked.keep:
        shutil.rmtree(tree, ignore_errors=True)
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
