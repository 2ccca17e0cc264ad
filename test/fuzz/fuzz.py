#!/usr/bin/env python3
"""Runs the fuzzers of a build over the corpus, and lets them search on from there.

    fuzz.py --programs build/fuzz --seconds 15 --report fuzz.xml
    fuzz.py --programs build/fuzz --seconds 600 --renew    the corpus anew from what was found

What makes a fuzzer fail is left in the work folder and printed; the exit status is then 1.
"""

import argparse
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import time
from xml.etree import ElementTree

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
INPUT_BYTES_MAX = 2048
CAUGHT = "caught-"  # names an input that made a target fail, or fails it if a check is left out
LOG_LINES = 30


class Fuzzer:
    """One program, its corpus and its scratch folder. Makes its own room in `work`."""

    def __init__(self, program, work):
        self.program = program
        self.target = program.name.removesuffix("_fuzz")
        self.corpus = CORPUS / self.target
        self.found = work / self.target / "found"
        self.artifacts = work / self.target / "failures"
        for folder in (self.found, self.artifacts):
            folder.mkdir(parents=True, exist_ok=True)

    def run(self, *arguments):
        """Returns seconds and, when it failed, the end of its output."""
        began = time.monotonic()
        result = subprocess.run(
            [self.program, f"-artifact_prefix={self.artifacts}/", f"-max_len={INPUT_BYTES_MAX}",
             "-timeout=20", "-rss_limit_mb=2048", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
        lines = (result.stdout + result.stderr).splitlines()
        failure = "\n".join(lines[-LOG_LINES:]) if result.returncode else None
        return time.monotonic() - began, failure

    def replay(self):
        """Every file of the corpus once."""
        if not any(self.corpus.iterdir() if self.corpus.is_dir() else ()):
            return 0.0, f"{self.corpus} is empty"
        return self.run("-runs=0", self.corpus)

    def search(self, seconds):
        self.corpus.mkdir(parents=True, exist_ok=True)
        return self.run(f"-max_total_time={seconds}", self.found, self.corpus)

    def renew(self):
        """Replaces the corpus by the fewest inputs that cover as much; what has caught a mistake
        once stays (CAUGHT)."""
        merged = self.found.parent / "merged"
        shutil.rmtree(merged, ignore_errors=True)
        merged.mkdir()
        # Without counters: an input that only goes round a loop more often is not kept.
        _, failure = self.run("-set_cover_merge=1", "-use_counters=0", merged, self.found,
                              self.corpus)
        if failure:
            raise RuntimeError(f"{self.target}: {failure}")
        for path in self.corpus.iterdir():
            if not path.name.startswith(CAUGHT):
                path.unlink()
        for path in merged.iterdir():
            shutil.copy(path, self.corpus / path.name[:16])
        files = list(self.corpus.iterdir())
        size = sum(path.stat().st_size for path in files)
        print(f"{self.target}: {len(files)} inputs, {size} bytes")


def check(fuzzer, seconds, with_corpus):
    """Returns (case, seconds, failure) of the corpus and, where that passes, of the search."""
    cases = [(f"{fuzzer.target}: corpus", *fuzzer.replay())] if with_corpus else []
    if all(failure is None for _, _, failure in cases):
        cases.append((f"{fuzzer.target}: search", *fuzzer.search(seconds)))
    return cases


def write_report(path, cases):
    suite = ElementTree.Element("testsuite", name="fuzz")
    for name, seconds, failure in cases:
        case = ElementTree.SubElement(suite, "testcase", classname="fuzz", name=name,
                                      time=f"{seconds:.1f}")
        if failure is not None:
            ElementTree.SubElement(case, "failure", message="failed")
    ElementTree.ElementTree(suite).write(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=15, help="of search a target")
    parser.add_argument("--report", help="JUnit XML to write")
    parser.add_argument("--renew", action="store_true")
    parser.add_argument("targets", nargs="*", help="default: all of them")
    arguments = parser.parse_args()
    programs = [path for path in sorted(arguments.programs.resolve().glob("*_fuzz"))
                if not arguments.targets or path.name.removesuffix("_fuzz") in arguments.targets]
    fuzzers = [Fuzzer(path, arguments.programs.resolve() / "work") for path in programs]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        cases = [case for cases in pool.map(
            lambda fuzzer: check(fuzzer, arguments.seconds, not arguments.renew), fuzzers)
                 for case in cases]
    for name, seconds, failure in cases:
        print(f"{name}: {'ok' if failure is None else 'FAILED'} ({seconds:.0f} s)")
        if failure is not None:
            print(failure)
    if arguments.report:
        write_report(arguments.report, cases)
    if arguments.renew:
        for fuzzer in fuzzers:
            fuzzer.renew()
    return 0 if cases and all(failure is None for _, _, failure in cases) else 1


if __name__ == "__main__":
    sys.exit(main())
