#!/usr/bin/env python3
"""Runs clang-tidy over the sources outside src/pg that need no server.

    tools/clang_tidy.py --build DIR          what the extension is made of
    tools/clang_tidy.py --build DIR --tests  the unit tests, too: ten times as long

DIR has a compile_commands.json. A file that passed is not looked at again until it, a header of ours
that it includes, the settings or clang-tidy change; DIR/clang-tidy remembers.
"""

import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROOMS = re.compile(r"src/(base|vector|plan|codec|exchange|engine|pg/source/decode)/[^/]*\.cc$")
INCLUDE = re.compile(r'^#include "([^"]+)"', re.M)


def sources(with_tests):
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "src"],
                            cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    left_out = r"_(fuzz|bench)\.cc$" if with_tests else r"_(fuzz|bench|test)\.cc$"
    return [path for path in sorted(set(listed))
            if ROOMS.match(path) and not re.search(left_out, path) and (ROOT / path).is_file()]


def with_headers(path, seen):
    """The file and every header of ours below it."""
    if path not in seen and path.is_file():
        seen.add(path)
        for header in INCLUDE.findall(path.read_text(encoding="utf-8")):
            with_headers(ROOT / "src" / header, seen)
    return seen


def key_of(path, settings):
    digest = hashlib.sha256(settings)
    for part in sorted(with_headers(ROOT / path, set())):
        digest.update(str(part.relative_to(ROOT)).encode() + b"\0" + part.read_bytes())
    return digest.hexdigest()


def check(path, build):
    """Returns what clang-tidy finds; nothing when it is content."""
    result = subprocess.run(["clang-tidy", "-p", build, "--quiet", path], cwd=ROOT,
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return "" if result.returncode == 0 else (result.stdout or result.stderr or "failed\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--tests", action="store_true")
    arguments = parser.parse_args()
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
    settings = version + (ROOT / ".clang-tidy").read_bytes()
    passed = arguments.build / "clang-tidy"
    passed.mkdir(exist_ok=True)
    paths = sources(arguments.tests)
    keys = {path: key_of(path, settings) for path in paths}
    wanted = [path for path in paths if not (passed / keys[path]).exists()]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, findings in zip(wanted, pool.map(
                lambda path: check(path, arguments.build.resolve()), wanted)):
            if findings:
                failed += 1
                print(findings)
            else:
                (passed / keys[path]).touch()
    print(f"{failed} of {len(paths)} files with findings; {len(wanted)} looked at")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
