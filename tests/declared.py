#!/usr/bin/env python3
"""Which declared answers no test has produced.

usage: tests/declared.py OPENAPI.json SEEN      SEEN: lines `METHOD path status`, written by tests while WIB_SEEN names it

A 500 is a defect and has no test of its own on each row: the frame's tests make one. Exit status 1 when one is missing.
"""
import json, sys


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    document, seen = json.load(open(sys.argv[1])), {tuple(line.split()) for line in open(sys.argv[2])}
    missing, all_of_them = [], 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status in operation["responses"]:
                if status == "500":
                    continue
                all_of_them += 1
                if (method.upper(), path, status) not in seen:
                    missing.append(f"{method.upper()} {path} {status}")
    for row in missing:
        print("not produced:", row)
    print(f"{all_of_them - len(missing)} of {all_of_them} declared answers were produced")
    sys.exit(1 if missing else 0)


main()
