"""Runs files of test/oracle, some at a time on each of several private clusters."""

from concurrent.futures import ThreadPoolExecutor
import os
import queue
import subprocess
import time

from results import CORES, PYTHON, ROOT, WORK, cases_of, has_failed, run_logged

# A part goes to the first cluster that is free: smaller ones balance better, and each starts a server.
PARTS_PER_CLUSTER = 3
SERVERS_MAX = 4
SHARED_MEMORY_EACH = 256 << 20  # bytes of /dev/shm


def servers():
    """As many as have work at the same time; one alone where a second could want for shared memory."""
    shared = os.statvfs("/dev/shm")
    room = shared.f_bavail * shared.f_frsize // SHARED_MEMORY_EACH
    return max(1, min(max(2, CORES), SERVERS_MAX, room))


def drop(cluster):
    subprocess.run([ROOT / "tools/cluster.sh", "drop", cluster], check=False)


def dealt(files, clusters):
    parts = [files[first::clusters * PARTS_PER_CLUSTER] for first in range(clusters * PARTS_PER_CLUSTER)]
    return [part for part in parts if part]


def oracle(results, name, module, files, long, **environment):
    """One line of output; every part has its own log and its own JUnit file."""
    clusters = [WORK / f"cluster-{name}-{number}" for number in range(servers())][:len(files)]
    free = queue.SimpleQueue()
    for cluster in clusters:
        drop(cluster)
        free.put(cluster)

    def run(numbered):
        number, part = numbered
        report = WORK / f"{name}-{number}.xml"
        report.unlink(missing_ok=True)
        cluster = free.get()
        try:
            ok, log = run_logged(
                f"{name} {number}",
                [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}",
                 *(f"test/oracle/{file}" for file in part), *(["--all"] if long else [])],
                env={**os.environ, "SLUICE_CLUSTER": str(cluster), "SLUICE_MODULE": str(module), **environment})
        finally:
            free.put(cluster)
        return ok, cases_of(report), log

    began = time.monotonic()
    print(f"== {name} ...", end=" ", flush=True)
    try:
        with ThreadPoolExecutor(len(clusters)) as pool:
            done = list(pool.map(run, enumerate(dealt(files, len(clusters)))))
    finally:
        for cluster in clusters:
            drop(cluster)
    print(f"{'ok' if all(ok for ok, _, _ in done) else 'FAILED'} ({time.monotonic() - began:.0f} s)", flush=True)
    for ok, cases, log in done:
        if not ok and cases and not any(map(has_failed, cases)):
            results.add(f"{name}: pytest failed, but no test", False, log)
        results.add_cases(name, cases, log)
