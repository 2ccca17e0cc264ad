#!/usr/bin/env python3
"""Runs clang-tidy over the sources outside src/pg that need no server.

    tools/clang_tidy.py --build DIR --joined  what the extension is made of, without the static analyzer
    tools/clang_tidy.py --build DIR           with it: ten times as long
    tools/clang_tidy.py --build DIR --tests   the unit tests, too: ten times as long again

Joined, the sources of a room are looked at together, so that what they include is parsed once. The
analyzer does not look into included files. DIR has a compile_commands.json. What passed is not looked
at again until it, a header of ours that it includes, the settings or clang-tidy change; DIR/clang-tidy
remembers.
"""

import argparse
import concurrent.futures
import hashlib
import itertools
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROOMS = re.compile(r"src/(base|vector|plan|codec|exchange|engine|pg/source/decode)/[^/]*\.cc$")
JOINED_MAX = 16
SETTINGS = (".clang-tidy", "CMakeLists.txt", "cmake/sluice_room.cmake", "tools/clang_tidy.py")
JOINED_OPTIONS = (f"--config-file={ROOT / '.clang-tidy'}",
                  "--checks=-clang-analyzer-*,-bugprone-suspicious-include",
                  "--header-filter=src/(base|vector|plan|codec|exchange|engine|pg/source/decode)/")
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


def key_of(paths, settings):
    digest = hashlib.sha256(settings)
    seen = set()
    for path in paths:
        with_headers(ROOT / path, seen)
    for part in sorted(seen):
        digest.update(str(part.relative_to(ROOT)).encode() + b"\0" + part.read_bytes())
    return digest.hexdigest()


def together(paths):
    """The sources of each room, some at a time."""
    for _, group in itertools.groupby(paths, os.path.dirname):
        room = list(group)
        for first in range(0, len(room), JOINED_MAX):
            yield tuple(room[first:first + JOINED_MAX])


def compiler_options(build, path):
    """How `path` is compiled, without what is made of what."""
    entries = json.loads((build / "compile_commands.json").read_text())
    command = next(entry["command"] for entry in entries if entry["file"] == str(ROOT / path))
    words = shlex.split(command)[1:]
    return words[:words.index("-o")]


def command_of(paths, build):
    tidy = ["clang-tidy", "--quiet"]
    if len(paths) == 1:
        return [*tidy, "-p", build, *paths]
    joined = build / "clang-tidy" / (paths[0].replace("/", "-") + ".joined.cc")
    joined.write_text("".join(f'#include "{path.removeprefix("src/")}"\n' for path in paths))
    return [*tidy, *JOINED_OPTIONS, joined, "--", *compiler_options(build, paths[0])]


def check(paths, build):
    """Returns what clang-tidy finds; nothing when it is content."""
    result = subprocess.run(command_of(paths, build), cwd=ROOT, stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, check=False)
    return "" if result.returncode == 0 else (result.stdout or result.stderr or "failed\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--joined", action="store_true")
    parser.add_argument("--tests", action="store_true")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
    settings = version + b"".join((ROOT / path).read_bytes() for path in SETTINGS)
    passed = build / "clang-tidy"
    passed.mkdir(exist_ok=True)
    listed = sources(arguments.tests)
    # A room of one source alone would be looked at with the analyzer: no harm.
    units = list(together(listed)) if arguments.joined else [(path,) for path in listed]
    keys = {unit: key_of(unit, settings) for unit in units}
    wanted = [unit for unit in units if not (passed / keys[unit]).exists()]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for unit, findings in zip(wanted, pool.map(lambda unit: check(unit, build), wanted)):
            if findings:
                failed += 1
                print(findings)
            else:
                (passed / keys[unit]).touch()
    print(f"{failed} of {len(units)} units with findings; {len(wanted)} looked at, "
          f"{len(listed)} sources in all")
    return 1 if failed or not listed else 0


if __name__ == "__main__":
    sys.exit(main())
