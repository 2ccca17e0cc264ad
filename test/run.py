"""Runs every suite and adds up their results; the last line counts the whole run.

Each suite reports through JUnit XML or as one step that passes or fails. What failed is printed at the
end with where its log is. Exit status 0 only when nothing failed and something passed.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import traceback

import code_checks
import faults
from oracle_runs import drop, oracle
from results import PORTABLE, PYTHON, ROOT, WATCHED, WORK, Results, build, step, unit_tests


def check_sources(results, _):
    files = subprocess.run(["git", "ls-files", "*.h", "*.cc"], cwd=ROOT, capture_output=True,
                           text=True, check=True).stdout.split()
    if not files:
        results.add("no sources to check", False)
    step(results, "format", ["clang-format", "--dry-run", "-Werror", *files])
    step(results, "house rules", [PYTHON, "tools/tidy.py"])
    step(results, "house rules: self-test", [PYTHON, "tools/tidy.py", "--self-test"])


def static_checks(results, all_suites):
    code_checks.static_checks(results, long=all_suites)


def server_tests(results, module, all_suites):
    files = sorted(path.name for path in (ROOT / "test/oracle").glob("test_*.py"))
    oracle(results, "oracle", module, [file for file in files if file not in faults.ORACLE], all_suites)
    cluster = WORK / "cluster"
    drop(cluster)
    environment = {**os.environ, "SLUICE_CLUSTER": str(cluster), "SLUICE_MODULE": str(module)}
    try:
        for suite in ("sql", "isolation"):
            runner = ROOT / "test" / suite / "run.sh"
            if runner.exists():
                regress_tests(results, suite, runner, environment)
    finally:
        drop(cluster)


def model_checks(results, all_bounds):
    """The Spin models: every configuration and every mutation is a case."""
    report = WORK / "models.xml"
    report.unlink(missing_ok=True)
    _, log = step(None, "models", [PYTHON, "test/models/run.py", f"--junit={report}",
                                   *(["--all"] if all_bounds else [])])
    results.add_junit("models", report, log)


def regress_tests(results, suite, runner, environment):
    """Counts pg_regress's lines: `test name ... ok` or `... FAILED`, later `ok 1 - name` or `not ok`."""
    ok, log = step(None, suite, [runner], env=environment)
    text = log.read_text()
    verdicts = [(name, verdict == "ok")
                for name, verdict in re.findall(r"^test (\S+)\s+\.\.\. (ok|FAILED)\s+\d+ ms$", text, re.M)]
    # As of PostgreSQL 16.
    verdicts += [(name, verdict == "ok") for verdict, name in
                 re.findall(r"^(ok|not ok) \d+\s+[-+]\s+(\S+)\s+\d+ ms$", text, re.M)]
    for name, passed in verdicts:
        results.add(f"{suite}: {name}", passed, log)
    if not verdicts or (not ok and all(passed for _, passed in verdicts)):
        results.add(f"{suite}: run", False, log)


def gcc_checks(results, all_suites):
    """The product as it is delivered, each source by itself."""
    # What only measures must at least compile.
    targets = ("all", "microbenchmarks") if all_suites else ("all",)
    if build(results, "gcc", WORK / "gcc", "-DSLUICE_TEST_OPTIONS=-O1;-g1", targets=targets):
        unit_tests(results, "gcc", WORK / "gcc")
        code_checks.one_core(results, WORK / "gcc")
        code_checks.valgrind(results, WORK / "gcc")
        server_tests(results, WORK / "gcc/sluice.so", all_suites)


def clang_checks(results, all_suites):
    """One build under AddressSanitizer and UBSan for the unit tests and the fuzzers."""
    clang = f"-DCMAKE_CXX_COMPILER={shutil.which('clang++')}"
    if build(results, "asan", WORK / "asan-clang", *PORTABLE, *WATCHED, clang, "-DSLUICE_SANITIZE=fuzzer",
             # Only what fuzzers search through is to count its branches, which is slow.
             "-DSLUICE_TEST_OPTIONS=-fno-sanitize=fuzzer-no-link"):
        unit_tests(results, "asan", WORK / "asan-clang")
        code_checks.fuzz(results, WORK / "asan-clang", long=all_suites)
    if all_suites:
        build(results, "clang", WORK / "clang", *PORTABLE, clang, "-DSLUICE_TESTS=OFF")


def thread_checks(results, all_suites):
    """ThreadSanitizer: only for tests that start threads, but for the long run."""
    threaded = ("exchange_test", "engine_test", "thread_storm_test")
    if build(results, "tsan", WORK / "tsan", *PORTABLE, *WATCHED, "-DSLUICE_SANITIZE=thread",
             f"-DSLUICE_THREADED_TESTS={'OFF' if all_suites else 'ON'}", "-DSLUICE_FAULT_POINTS=ON",
             targets=threaded):
        unit_tests(results, "tsan", WORK / "tsan", threaded,
                   SLUICE_STORM_SEEDS="1000" if all_suites else "100")


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
    # The tree may belong to another user, as where a container mounts it.
    os.environ.update(GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0=str(ROOT))
    results = Results()
    for suites in (check_sources, static_checks, model_checks, gcc_checks, faults.storms_and_server, clang_checks,
                   thread_checks):
        try:
            suites(results, arguments.all)
        except Exception as error:  # the last line is to be true whatever happened
            traceback.print_exc()
            results.add(f"{suites.__name__}: {error!r}", False)
    return summarize(results)


if __name__ == "__main__":
    sys.exit(main())
