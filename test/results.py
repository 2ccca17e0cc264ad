"""The results of a run, and the steps that add to them: commands, builds, GoogleTest binaries."""

import os
import pathlib
import re
import subprocess
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build-check"
PYTHON = ROOT / ".cache/venv/bin/python"
JOBS = str(os.cpu_count() or 2)
PORTABLE = ("-DSLUICE_WITH_PG=OFF", "-DCMAKE_BUILD_TYPE=RelWithDebInfo")


class Results:
    """Counts and failures of the whole run."""

    def __init__(self):
        self.passed = 0
        self.failures = []

    def add(self, name, ok, log=None):
        if ok:
            self.passed += 1
        else:
            self.failures.append((name, log))

    def add_junit(self, suite, path, log):
        """Adds every test case of a JUnit file; a missing or empty file is a failure."""
        try:
            cases = list(ElementTree.parse(path).getroot().iter("testcase"))
        except (OSError, ElementTree.ParseError):
            cases = []
        if not cases:
            self.add(f"{suite}: no results", False, log)
        for case in cases:
            name = f"{suite}: {case.get('classname')}.{case.get('name')}"
            if case.find("skipped") is None and case.get("status") != "notrun":
                self.add(name, case.find("failure") is None and case.find("error") is None, log)


def step(results, name, command, **options):
    """Runs one command with its output in a log; returns whether it succeeded."""
    log = WORK / (re.sub(r"[^a-z0-9]+", "-", name.lower()) + ".log")
    began = time.monotonic()
    print(f"== {name} ...", end=" ", flush=True)
    with open(log, "w") as output:
        status = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output,
                                stderr=subprocess.STDOUT, check=False, **options).returncode
    print(f"{'ok' if status == 0 else 'FAILED'} ({time.monotonic() - began:.0f} s)", flush=True)
    if results is not None:
        results.add(name, status == 0, log)
    return status == 0, log


def build(results, name, directory, *options, targets=("all",)):
    ok, _ = step(results, f"configure {name}",
                 ["cmake", "-S", ".", "-B", directory, "-G", "Ninja", "-DSLUICE_WERROR=ON",
                  f"-DPG_CONFIG={os.environ.get('PG_CONFIG', 'pg_config')}", *options])
    return ok and step(results, f"build {name}", ["cmake", "--build", directory, "-j", JOBS,
                                                 "--target", *targets])[0]


def unit_tests(results, name, directory, binaries=None, **environment):
    """Runs every GoogleTest binary of a build, or those of them that are named."""
    for binary in sorted(pathlib.Path(directory).rglob("*_test")):
        if not (binary.is_file() and os.access(binary, os.X_OK)):
            continue
        if binaries is not None and binary.name not in binaries:
            continue
        suite = f"{name} {binary.name}"
        report = WORK / f"{name}-{binary.name}.xml"
        report.unlink(missing_ok=True)
        _, log = step(None, suite, [binary, f"--gtest_output=xml:{report}"],
                      env={**os.environ, **environment})
        results.add_junit(suite, report, log)
