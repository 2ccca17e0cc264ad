"""The results of a run, and the steps that add to them: commands, builds, GoogleTest binaries."""

from concurrent.futures import ThreadPoolExecutor
import os
import pathlib
import re
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build-check"
PYTHON = ROOT / ".cache/venv/bin/python"
CORES = len(os.sched_getaffinity(0))
# A command takes minutes; one that hangs is not to keep the others from being run. The long run has some that take hours.
SECONDS_MAX = int(os.environ.get("SLUICE_SUITE_SECONDS", "3600"))
SECONDS_TO_END = 60
JOBS = str(CORES)
PORTABLE = ("-DSLUICE_WITH_PG=OFF", "-DCMAKE_BUILD_TYPE=RelWithDebInfo")
# With checks that slow it down anyway: less optimized, line numbers only, and the sources of a room
# compiled together, it is built in a third of the time.
WATCHED = ("-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g1", "-DSLUICE_JOINED=ON")


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
        self.add_cases(suite, cases_of(path), log)

    def add_cases(self, suite, cases, log):
        if not cases:
            self.add(f"{suite}: no results", False, log)
        for case in cases:
            name = f"{suite}: {case.get('classname')}.{case.get('name')}"
            if case.find("skipped") is None and case.get("status") != "notrun":
                self.add(name, not has_failed(case), log)


def cases_of(path):
    """The test cases of a JUnit file, none where there is no such file."""
    try:
        return list(ElementTree.parse(path).getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return []


def has_failed(case):
    return case.find("failure") is not None or case.find("error") is not None


def log_of(name):
    return WORK / (re.sub(r"[^a-z0-9]+", "-", name.lower()) + ".log")


def run_command(command, output, **options):
    """Runs one command and returns its exit status, 124 if it takes too long. It is interrupted then, so that pytest ends
    what its tests have begun, and killed if it does not listen."""
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                          **options) as process:
        try:
            return process.wait(SECONDS_MAX)
        except subprocess.TimeoutExpired:
            output.write(f"\nnot at its end after {SECONDS_MAX} s (SLUICE_SUITE_SECONDS)\n")
            process.send_signal(signal.SIGINT)
            try:
                process.wait(SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                pass
            return 124
        finally:
            process.kill()  # nothing where it has ended


def run_logged(name, command, **options):
    """Runs one command with its output in a log, silently; returns whether it succeeded, and the log."""
    log = log_of(name)
    with open(log, "w") as output:
        status = run_command(command, output, **options)
    return status == 0, log


def step(results, name, command, **options):
    """As run_logged(), with a line of output; `results`, if any, counts it."""
    began = time.monotonic()
    print(f"== {name} ...", end=" ", flush=True)
    ok, log = run_logged(name, command, **options)
    print(f"{'ok' if ok else 'FAILED'} ({time.monotonic() - began:.0f} s)", flush=True)
    if results is not None:
        results.add(name, ok, log)
    return ok, log


def build(results, name, directory, *options, targets=("all",)):
    ok, _ = step(results, f"configure {name}",
                 ["cmake", "-S", ".", "-B", directory, "-G", "Ninja", "-DSLUICE_WERROR=ON",
                  f"-DPG_CONFIG={os.environ.get('PG_CONFIG', 'pg_config')}", *options])
    return ok and step(results, f"build {name}", ["cmake", "--build", directory, "-j", JOBS,
                                                 "--target", *targets])[0]


def unit_tests(results, name, directory, binaries=None, **environment):
    """Runs every GoogleTest binary of a build, or those of them that are named."""
    found = [binary for binary in sorted(pathlib.Path(directory).rglob("*_test"))
             if binary.is_file() and os.access(binary, os.X_OK) and (binaries is None or binary.name in binaries)]
    missing = sorted(set(binaries or ()) - {binary.name for binary in found})
    for lost in missing or ([] if found else ["tests"]):
        results.add(f"{name}: no {lost}", False)
    for binary in found:
        unit_test(results, f"{name} {binary.name}", binary, {**os.environ, **environment})


def unit_test(results, suite, binary, environment):
    """Runs one GoogleTest binary, in parts so that every core has something to do."""
    parts = 2 * CORES
    began = time.monotonic()
    print(f"== {suite} ...", end=" ", flush=True)

    def run(part):
        report, log = (log_of(f"{suite} {part}").with_suffix(end) for end in (".xml", ".log"))
        report.unlink(missing_ok=True)
        with open(log, "w") as output:
            status = run_command([binary, f"--gtest_output=xml:{report}"], output,
                                 env={**environment, "GTEST_TOTAL_SHARDS": str(parts), "GTEST_SHARD_INDEX": str(part)})
        # A test that leaves the program leaves no report, whatever the status; a part without a case does.
        return status if report.exists() else f"{status}, no report", cases_of(report), log

    with ThreadPoolExecutor(CORES) as pool:
        done = list(pool.map(run, range(parts)))
    ok = all(status == 0 for status, _, _ in done)
    print(f"{'ok' if ok else 'FAILED'} ({time.monotonic() - began:.0f} s)", flush=True)
    for status, cases, log in done:
        if status != 0 and not any(map(has_failed, cases)):
            results.add(f"{suite}: exit status {status}", False, log)
    # A small suite has parts without a case.
    if not any(cases for _, cases, _ in done):
        results.add(f"{suite}: no results", False, done[0][2])
    for _, cases, log in done:
        if cases:
            results.add_cases(suite, cases, log)
