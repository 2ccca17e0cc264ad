"""Peak memory of a query: what its backend and workers take for themselves, and the shared segments.

Private memory is RssAnon of the backend and of its parallel workers, less an idle backend's, sampled; shared
memory is what the files of /dev/shm have allocated more than before. The buffer pool counts as neither.
"""

import os
import pathlib
import re
import threading
import time

import tpch
from rivals import OFF, Postgres
from tpch import say

TITLE = "Memory"
QUERIES = ("q03", "q09", "q13", "q18", "groups of lineitem by l_orderkey")
WORK_MEM_MB = (4, 64)
HASH_MEM_MULTIPLIER = 4
SAMPLE_SECONDS = 0.004


def read_text(path):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:  # the process has gone
        return ""


def private_bytes(pid):
    found = re.search(r"^RssAnon:\s+(\d+) kB", read_text(f"/proc/{pid}/status"), re.M)
    return int(found.group(1)) * 1024 if found else 0


def children(postmaster):
    """By each process's parent: /proc/PID/task/PID/children is not in every kernel."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = read_text(f"/proc/{entry}/stat").rpartition(")")[2].split()
            if len(fields) > 1 and int(fields[1]) == postmaster:
                found.append(int(entry))
    return found


def shared_bytes():
    total = 0
    for path in pathlib.Path("/dev/shm").glob("PostgreSQL.*"):
        try:
            total += path.stat().st_blocks * 512
        except OSError:  # removed meanwhile
            pass
    return total


class Sampler(threading.Thread):
    """Watches one backend until stopped."""

    def __init__(self, backend):
        super().__init__(daemon=True)
        self.backend = backend
        self.postmaster = int(read_text(f"/proc/{backend}/stat").rpartition(")")[2].split()[1])
        self.before_private = private_bytes(backend)
        self.before_shared = shared_bytes()
        self.private = self.shared = self.samples = 0
        self.over = threading.Event()

    def run(self):
        title = f"parallel worker for PID {self.backend}"
        while not self.over.is_set():
            pids = [self.backend] + [pid for pid in children(self.postmaster)
                                     if title in read_text(f"/proc/{pid}/cmdline")]
            used = sum(max(0, private_bytes(pid) - self.before_private) for pid in pids)
            self.private = max(self.private, used)
            self.shared = max(self.shared, shared_bytes() - self.before_shared)
            self.samples += 1
            time.sleep(SAMPLE_SECONDS)

    def stop(self):
        self.over.set()
        self.join()


def measure(directory, workload, workers):
    """One fresh session for each figure: memory that an earlier query kept is not counted away."""
    texts = {**workload.queries(), **workload.named()}
    rows = []
    for query in QUERIES:
        for work_mem in WORK_MEM_MB:
            for name, settings in (("PostgreSQL", OFF), ("Sluice", {})):
                engine = Postgres(name, directory, workload, work_mem=f"{work_mem}MB",
                                  hash_mem_multiplier=HASH_MEM_MULTIPLIER,
                                  max_parallel_workers_per_gather=workers, **settings)
                used = engine.plan(texts[query])
                sampler = Sampler(engine.backend_pid())
                sampler.start()
                try:
                    engine.rows(texts[query])
                    failure = ""
                except tpch.psycopg2.Error as error:
                    failure = str(error).splitlines()[0]
                sampler.stop()
                engine.close()
                rows.append({"query": query, "work_mem_mb": work_mem, "engine": name,
                             "runs_in": "Sluice" if any("(Sluice)" in line for line in used) else "PostgreSQL",
                             "private_mb": sampler.private / 2**20, "shared_mb": sampler.shared / 2**20,
                             "samples": sampler.samples, "failure": failure})
                say(f"{query:<34}{work_mem:>3} MB {name:<11}{rows[-1]['private_mb']:>8.1f} private"
                    f"{rows[-1]['shared_mb']:>8.1f} shared  {failure}")
    return rows


def section(rows, machine):
    lines = [f"Peak of private memory beyond an idle backend's, backend and {machine['workers']} workers together, and of "
             f"dynamic shared memory, in MB, sampled every {SAMPLE_SECONDS * 1000:.0f} ms or so. The multiple is both "
             f"together over `work_mem` x `hash_mem_multiplier` ({HASH_MEM_MULTIPLIER}), which PostgreSQL grants to every "
             "hash of every process.", "",
             "| query | work_mem, MB | engine | runs in | private | shared | multiple | |",
             "|---|---:|---|---|---:|---:|---:|---|"]
    for row in rows:
        multiple = (row["private_mb"] + row["shared_mb"]) / (row["work_mem_mb"] * HASH_MEM_MULTIPLIER)
        lines.append(f"| {row['query']} | {row['work_mem_mb']} | {row['engine']} | {row['runs_in']} | "
                     f"{row['private_mb']:.1f} | {row['shared_mb']:.1f} | {multiple:.2f} | {row['failure']} |")
    return lines
