#!/usr/bin/env python3
"""Runs the Spin models: every configuration exhaustively, every mutation until it is caught.

    test/models/run.py [--all] [--only NAME] [--junit FILE] [--list]

A configuration that must hold is searched through to the end; one that must fail has to fail in the
way that it names. Anything else (an unexpected error, a search cut short by depth, memory or time) is
a failure. Works in build-check/models. Exit status 0 only when everything is as expected.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

from configurations import CONFIGURATIONS
import references

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "build-check" / "models"
VERIFIERS = 2
MEMORY_MB_MAX = 6000
SECONDS_MAX = 600

# How each kind of expected outcome looks in the verifier's output.
OUTCOMES = {
    "deadlock": r"pan:1: invalid end state",
    "assertion": r"pan:1: assertion violated",
    "cycle": r"pan:1: (acceptance|non-progress) cycle",
}


class Failure(Exception):
    """A configuration that did not come out as expected."""


def limit_memory():
    limit = (MEMORY_MB_MAX + 500) << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def call(command, directory, seconds=SECONDS_MAX, check=True):
    try:
        done = subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              timeout=seconds, preexec_fn=limit_memory)
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{command[0]} took more than {seconds} s") from error
    if check and done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def outcome_of(output):
    """`holds` or the kind of error; a search that was cut short is a Failure."""
    for cut in ("max search depth too small", "out of memory", "Search not completed",
                "memory limit", "VECTORSZ", "aborting"):
        if cut in output and not (cut == "Search not completed" and "pan:1:" in output):
            raise Failure(f"not exhaustive: {cut}\n{output[-3000:]}")
    errors = re.search(r"errors: (\d+)", output)
    if errors is None:
        raise Failure(f"no verdict\n{output[-3000:]}")
    if errors.group(1) == "0":
        return "holds"
    for kind, pattern in OUTCOMES.items():
        if re.search(pattern, output):
            return kind
    raise Failure(f"an error of another kind\n{output[-3000:]}")


def trail_of(model, defines, directory):
    """The end of the run that leads to the error."""
    output = call(["spin", "-k", f"{model.name}.trail", "-g", "-p", *defines, model], directory,
                  check=False)
    return "\n".join(output.splitlines()[-60:])


def verify(configuration):
    """Returns the states searched; a Failure unless all is as expected."""
    model = HERE / configuration.model
    directory = WORK / re.sub(r"[^A-Za-z0-9_]+", "-", f"{model.stem} {configuration.name}")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    defines = [f"-D{macro}" for macro in configuration.macros]
    call(["spin", "-a", *defines, model], directory)
    compiler_options = ["-DSAFETY"]
    pan_options = [f"-m{configuration.depth}"]
    if configuration.claim is not None:
        compiler_options = ["-DNFAIR=4"]
        pan_options += ["-a", "-f", "-N", configuration.claim]
    elif configuration.loops:
        compiler_options = ["-DNP"]
        pan_options += ["-l"]
    # Optimizing takes longer than a short search does.
    call(["gcc", "-O2" if configuration.weight >= 10 else "-O0", "-w", *compiler_options,
          f"-DMEMLIM={MEMORY_MB_MAX}", "-o", "pan", "pan.c"], directory)
    output = call(["./pan", *pan_options], directory, check=False)
    outcome = outcome_of(output)
    states = int(re.search(r"(\d+) states, stored", output).group(1))
    if outcome != configuration.expect:
        trail = "" if outcome == "holds" else trail_of(model, defines, directory)
        raise Failure(f"expected: {configuration.expect}, is: {outcome}\n{output[:1500]}\n{trail}")
    shutil.rmtree(directory)
    return states


class Report:
    """Collects JUnit cases and prints a line for each."""

    def __init__(self):
        self.suite = ElementTree.Element("testsuite", name="models")
        self.failed = 0
        self.passed = 0

    def add(self, classname, name, seconds, detail, failure=None):
        case = ElementTree.SubElement(self.suite, "testcase", classname=classname, name=name,
                                      time=f"{seconds:.1f}")
        print(f"{'ok    ' if failure is None else 'FAILED'} {classname}: {name}  "
              f"({seconds:.1f} s{detail})", flush=True)
        if failure is None:
            self.passed += 1
            return
        self.failed += 1
        print(failure, flush=True)
        text = re.sub(r"[^\t\n\x20-\x7e]", "?", failure)
        ElementTree.SubElement(case, "failure", message=text.splitlines()[0]).text = text

    def write(self, path):
        self.suite.set("tests", str(self.passed + self.failed))
        self.suite.set("failures", str(self.failed))
        ElementTree.ElementTree(self.suite).write(path, encoding="unicode", xml_declaration=True)


def run_one(configuration):
    began = time.monotonic()
    try:
        states = verify(configuration)
        return configuration, time.monotonic() - began, f", {states} states", None
    except Failure as failure:
        return configuration, time.monotonic() - began, "", str(failure)


def check_references(report):
    began = time.monotonic()
    findings = references.check(HERE, ROOT)
    report.add("models.references", "every transition names code that exists",
               time.monotonic() - began, "", "\n".join(findings) or None)
    report.add("models.references", "a reference to code that is gone is found", 0, "",
               references.self_test(ROOT) or None)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="the larger bounds, too")
    parser.add_argument("--only", metavar="NAME", help="configurations with NAME in their name")
    parser.add_argument("--junit", metavar="FILE", default=str(WORK / "models.xml"))
    parser.add_argument("--list", action="store_true", help="names and expectations only")
    arguments = parser.parse_args()
    chosen = [c for c in CONFIGURATIONS
              if (arguments.all or not c.large or arguments.only) and
              (arguments.only or "") in f"{c.model} {c.name}"]
    if arguments.list:
        for c in chosen:
            print(f"{c.model}: {c.name}: {c.expect}{'  (--all)' if c.large else ''}")
        return 0
    missing = [tool for tool in ("spin", "gcc") if shutil.which(tool) is None]
    if missing:
        print(f"not installed: {', '.join(missing)} (see docs/testing.md)")
        return 2
    os.makedirs(WORK, exist_ok=True)
    report = Report()
    check_references(report)
    # The longest first, so that the two verifiers end together.
    chosen.sort(key=lambda c: -c.weight)
    with concurrent.futures.ThreadPoolExecutor(VERIFIERS) as pool:
        for configuration, seconds, detail, failure in pool.map(run_one, chosen):
            report.add(f"models.{configuration.model.removesuffix('.pml')}",
                       f"{configuration.name}: {configuration.expect}", seconds, detail, failure)
    report.write(arguments.junit)
    print(f"{report.passed} passed, {report.failed} failed")
    return 0 if chosen and report.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
