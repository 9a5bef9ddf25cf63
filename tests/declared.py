#!/usr/bin/env python3
"""Which declared answers no test has produced.

usage: tests/declared.py OPENAPI.json SEEN      SEEN: lines `METHOD path status`, written by tests while WIB_SEEN names it

A 500 is a defect and has no test of its own on each row: the frame's tests make one. Any other status that no test made is
told, and the exit status is 1.
"""
import json, sys

# Made by other programs' tests, which write no SEEN: streams of sound over real sockets (`-p tests -- sockets hearing`), and
# what is lent, whose addresses only the core makes (`-p tests -- blobs`, `ranges` in `-p wib-http --lib`).
ELSEWHERE = {"GET /media/{vendor}/{address}", "GET /blobs/{key}"}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    document, seen = json.load(open(sys.argv[1])), {tuple(line.split()) for line in open(sys.argv[2])}
    missing, all_of_them = [], 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status in operation["responses"]:
                if status == "500" or f"{method.upper()} {path}" in ELSEWHERE:
                    continue
                all_of_them += 1
                if (method.upper(), path, status) not in seen:
                    missing.append(f"{method.upper()} {path} {status}")
    for row in missing:
        print("not produced:", row)
    print(f"{all_of_them - len(missing)} of {all_of_them} declared answers were produced over HTTP")
    sys.exit(1 if missing else 0)


main()
