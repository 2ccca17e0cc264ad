"""Steps with fault points: storms over seats, the server, the server under AddressSanitizer."""

import subprocess

from oracle_runs import oracle
from results import WATCHED, WORK, build, step, unit_tests

STORMS = ("thread_storm_test", "process_storm_test", "allocation_storm_test")
ORACLE = ("test_faults.py", "test_storm.py")
UNDER_ASAN = ("test_answers.py", "test_lifecycle.py", "test_cases.py", "test_clients.py")
# What is leaked counts sluice.live_allocations: the server itself frees little before it exits.
SANITIZER_OPTIONS = (
    "ASAN_OPTIONS=detect_leaks=0:detect_odr_violation=0:use_sigaltstack=0:"
    "detect_stack_use_after_return=0:abort_on_error=1",
    "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:abort_on_error=1",
)


def gcc_library(name):
    return subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True,
                          check=True).stdout.strip()


def storms_and_server(results, long):
    """One build with fault points and assertions: what a storm finds, it finds early."""
    directory = WORK / "faults"
    if not build(results, "faults", directory, *WATCHED, "-DSLUICE_FAULT_POINTS=ON", targets=(*STORMS, "sluice")):
        return
    seeds = {"SLUICE_STORM_SEEDS": "12000"} if long else {}
    unit_tests(results, "faults", directory, STORMS, **seeds)
    oracle(results, "server-faults", directory / "sluice.so", ORACLE, long)
    under_address_sanitizer(results, long)


def under_address_sanitizer(results, long):
    """The server with a library that AddressSanitizer watches, over a part of the oracle."""
    directory = WORK / "asan-pg"
    if not build(results, "asan-pg", directory, *WATCHED, "-DSLUICE_FAULT_POINTS=ON", "-DSLUICE_TESTS=OFF",
                 "-DSLUICE_SANITIZE=address"):
        return
    shim = directory / "no_translations.so"
    if not step(results, "build no_translations", ["gcc", "-shared", "-fPIC", "-o", shim,
                                                   "test/asan_server/no_translations.c"])[0]:
        return
    preload = ":".join([gcc_library("libasan.so"), gcc_library("libubsan.so"), str(shim)])
    files = (*UNDER_ASAN, *ORACLE) if long else ("test_answers.py", "test_faults.py")
    oracle(results, "asan-server", directory / "sluice.so", files, long=False,
           SLUICE_SERVER_ENV=" ".join([f"LD_PRELOAD={preload}", *SANITIZER_OPTIONS]))
