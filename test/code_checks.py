"""Steps that look at the code itself: static analysis, fuzzers, and memory under valgrind."""

from concurrent.futures import ThreadPoolExecutor
import os
import re
import subprocess
import time

from results import CORES, JOBS, PORTABLE, PYTHON, ROOT, WORK, run_logged, step

FUZZ_SECONDS = 15
FUZZ_SECONDS_ALL = 300

# A smoke test: valgrind is slow, and AddressSanitizer sees most of it in the whole suites.
VALGRIND_TESTS = {
    "exchange_test": "Ring*:DamagedRing*:Doorbell*:MessageBuffer*:StreamOutput*:StreamInput*"
                     ":-*Random*",
    "codec_test": "PlanCodec.*:-*Random*:*Noise*:*Flipped*:*Truncation*:*Changed*",
    "engine_test": "HashJoin.*:JoinTable.*:Aggregate.*:TopK.*"
                   ":-*Agree*:*Random*:*Residual*:*ManyGroups*:*EmptySides*",
    "pg_decode_test": "PageDecoder.*:DamagedTuples.*:LinePointer*:-*Random*:*EveryLength*",
}


def product_sources():
    listed = subprocess.run(["git", "ls-files", "src/*.cc"], cwd=ROOT, capture_output=True,
                            text=True, check=True).stdout.split()
    return [path for path in listed if not re.search(r"_(test|fuzz|bench)\.cc$", path)]


def static_checks(results, long):
    """Tests are left to clang-tidy, and there to the long run, as is clang-tidy's static analyzer: cppcheck
    takes GoogleTest's macros for errors, and clang-tidy takes half a minute for each."""
    step(results, "headers alone", [PYTHON, "tools/tidy.py", "--headers"])
    step(results, "cppcheck", ["cppcheck", "--enable=warning,performance,portability",
                               "--error-exitcode=1", "--std=c++20", "--quiet", f"-j{JOBS}", "-Isrc",
                               "-USLUICE_SHARED_ATOMIC_HEADER", *product_sources()])
    directory = WORK / "clang-tidy"
    configured, _ = step(results, "configure clang-tidy",
                         ["cmake", "-S", ".", "-B", directory, "-G", "Ninja", *PORTABLE,
                          "-DCMAKE_CXX_COMPILER=clang++"])
    if configured:
        step(results, "clang-tidy", [PYTHON, "tools/clang_tidy.py", f"--build={directory}",
                                     "--tests" if long else "--joined"])


def fuzz(results, directory, long):
    """Every target of a build replays its corpus and searches on: two cases each."""
    report = WORK / "fuzz.xml"
    report.unlink(missing_ok=True)
    _, log = step(None, "fuzz", [PYTHON, "test/fuzz/fuzz.py", f"--programs={directory / 'fuzz'}",
                                 f"--seconds={FUZZ_SECONDS_ALL if long else FUZZ_SECONDS}",
                                 f"--report={report}"])
    results.add_junit("fuzz", report, log)


def valgrind(results, directory):
    """A few unit tests of a build without sanitizers; a leak or a bad access is a failure."""
    def run(name):
        binary = next(iter(sorted(directory.rglob(name))), directory / name)
        report = WORK / f"valgrind-{name}.xml"
        report.unlink(missing_ok=True)
        ok, log = run_logged(f"valgrind {name}",
                             ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full", binary,
                              f"--gtest_filter={VALGRIND_TESTS[name]}", f"--gtest_output=xml:{report}"])
        return name, ok, report, log

    began = time.monotonic()
    print("== valgrind ...", end=" ", flush=True)
    with ThreadPoolExecutor(CORES) as pool:
        done = list(pool.map(run, VALGRIND_TESTS))
    print(f"{'ok' if all(ok for _, ok, _, _ in done) else 'FAILED'} ({time.monotonic() - began:.0f} s)", flush=True)
    for name, ok, report, log in done:
        results.add_junit("valgrind", report, log)
        results.add(f"valgrind: {name} is clean", ok, log)


def one_core(results, directory):
    """The handovers between processes again, all on one core: other interleavings than on many."""
    report = WORK / "one-core.xml"
    report.unlink(missing_ok=True)
    cpu = str(min(os.sched_getaffinity(0)))
    _, log = step(None, "handovers on one core",
                  ["taskset", "--cpu-list", cpu, directory / "test/process/process_test",
                   "--gtest_filter=DoorbellProcess.*", f"--gtest_output=xml:{report}"])
    results.add_junit("one core", report, log)
