"""Runs every suite and adds up their results; the last line counts the whole run.

Each suite reports through JUnit XML or as one step that passes or fails. What failed is printed at the
end with where its log is. Exit status 0 only when nothing failed and something passed.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build-check"
PYTHON = ROOT / ".cache/venv/bin/python"
JOBS = str(os.cpu_count() or 2)


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


def check_sources(results):
    files = subprocess.run(["git", "ls-files", "*.h", "*.cc"], cwd=ROOT, capture_output=True,
                           text=True, check=True).stdout.split()
    step(results, "format", ["clang-format", "--dry-run", "-Werror", *files])
    step(results, "house rules", [PYTHON, "tools/tidy.py"])
    step(results, "house rules: self-test", [PYTHON, "tools/tidy.py", "--self-test"])


def build(results, name, directory, *options):
    ok, _ = step(results, f"configure {name}",
                 ["cmake", "-S", ".", "-B", directory, "-G", "Ninja", "-DSLUICE_WERROR=ON",
                  f"-DPG_CONFIG={os.environ.get('PG_CONFIG', 'pg_config')}", *options])
    return ok and step(results, f"build {name}", ["cmake", "--build", directory, "-j", JOBS])[0]


def unit_tests(results, name, directory, binaries=None):
    """Runs every GoogleTest binary of a build."""
    for binary in sorted(pathlib.Path(directory).rglob("*_test")):
        if not (binary.is_file() and os.access(binary, os.X_OK)):
            continue
        if binaries is not None and binary.name not in binaries:
            continue
        suite = f"{name} {binary.name}"
        report = WORK / f"{name}-{binary.name}.xml"
        report.unlink(missing_ok=True)
        _, log = step(None, suite, [binary, f"--gtest_output=xml:{report}"])
        results.add_junit(suite, report, log)


def server_tests(results, module, all_suites):
    cluster = WORK / "cluster"
    subprocess.run([ROOT / "tools/cluster.sh", "drop", cluster], check=False)
    environment = {**os.environ, "SLUICE_CLUSTER": str(cluster), "SLUICE_MODULE": str(module)}
    try:
        report = WORK / "oracle.xml"
        report.unlink(missing_ok=True)
        _, log = step(None, "oracle", [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                                       f"--junitxml={report}", "test/oracle",
                                       *(["--all"] if all_suites else [])], env=environment)
        results.add_junit("oracle", report, log)
        for suite in ("sql", "isolation"):
            runner = ROOT / "test" / suite / "run.sh"
            if runner.exists():
                regress_tests(results, suite, runner, environment)
    finally:
        subprocess.run([ROOT / "tools/cluster.sh", "drop", cluster], check=False)


def regress_tests(results, suite, runner, environment):
    """Counts pg_regress's lines: `test name ... ok` or `... FAILED`."""
    ok, log = step(None, suite, [runner], env=environment)
    lines = re.findall(r"^(?:test|ok|not ok)\s+(?:\d+\s+-\s+)?(\S+)\s.*?(ok|FAILED)?\s+\d+ ms$",
                       log.read_text(), re.M)
    for name, verdict in lines:
        results.add(f"{suite}: {name}", verdict == "ok", log)
    if not lines or (not ok and all(verdict == "ok" for _, verdict in lines)):
        results.add(f"{suite}: run", False, log)


def summarize(results):
    for name, log in results.failures:
        print(f"FAILED {name}" + (f"  (log: {os.path.relpath(log, ROOT)})" if log else ""))
    for log in {log for _, log in results.failures if log}:
        print(f"---- end of {os.path.relpath(log, ROOT)}")
        print("\n".join(log.read_text(errors="replace").splitlines()[-40:]))
    print(f"{results.passed} passed, {len(results.failures)} failed", flush=True)
    return 0 if results.passed and not results.failures else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="the long suites, too")
    arguments = parser.parse_args()
    WORK.mkdir(exist_ok=True)
    results = Results()
    check_sources(results)
    if build(results, "gcc", WORK / "gcc"):
        unit_tests(results, "gcc", WORK / "gcc")
        server_tests(results, WORK / "gcc/sluice.so", arguments.all)
    portable = ["-DSLUICE_WITH_PG=OFF", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"]
    if build(results, "asan", WORK / "asan", *portable, "-DSLUICE_SANITIZE=address"):
        unit_tests(results, "asan", WORK / "asan")
    if build(results, "tsan", WORK / "tsan", *portable, "-DSLUICE_SANITIZE=thread"):
        unit_tests(results, "tsan", WORK / "tsan", {"exchange_test", "engine_test"})
    clang = shutil.which("clang++")
    build(results, "clang", WORK / "clang", *portable, f"-DCMAKE_CXX_COMPILER={clang}",
          "-DSLUICE_TESTS=OFF")
    return summarize(results)


if __name__ == "__main__":
    sys.exit(main())
