"""PostgreSQL serial and parallel, Sluice, DuckDB and DataFusion over the same queries, in one run."""

import argparse
import decimal
import math
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "demo"))

import tpch  # noqa: E402  pylint: disable=wrong-import-position
from tpch import say  # noqa: E402  pylint: disable=wrong-import-position

import memory  # noqa: E402  pylint: disable=wrong-import-position
import micro  # noqa: E402  pylint: disable=wrong-import-position
import overhead  # noqa: E402  pylint: disable=wrong-import-position
import report  # noqa: E402  pylint: disable=wrong-import-position
import rivals  # noqa: E402  pylint: disable=wrong-import-position
import scaling  # noqa: E402  pylint: disable=wrong-import-position
import targets  # noqa: E402  pylint: disable=wrong-import-position
from rivals import timed  # noqa: E402  pylint: disable=wrong-import-position
import workloads  # noqa: E402  pylint: disable=wrong-import-position

TIMEOUT_MS = 120_000
PARTS = ("micro", "tpch", "db-benchmark", "scaling", "memory", "overhead")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=pathlib.Path, required=True, help="the cluster's folder")
    parser.add_argument("--module", required=True, help="sluice.so")
    parser.add_argument("--sf", default="1", help="TPC-H scale factor")
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the db-benchmark tables")
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each query and rival")
    parser.add_argument("--workers", type=int, default=2, help="parallel workers beside the leader")
    parser.add_argument("--build", type=pathlib.Path, required=True, help="where the microbenchmarks are built")
    parser.add_argument("--only", choices=PARTS, action="append", help="these parts; no page is written")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs/benchmarks")
    return parser.parse_args()


def start(directory, module, *settings):
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 20)
    tpch.cluster("install", directory, module)
    tpch.cluster("start", directory, f"shared_buffers={max(128, min(8192, memory_mb // 3))}MB",
                 "work_mem=64MB", "hash_mem_multiplier=4", f"effective_cache_size={memory_mb // 2}MB",
                 "maintenance_work_mem=1GB", f"statement_timeout={TIMEOUT_MS}", *settings)


def measure_overhead(arguments, workload):
    """A server that does not have the library runs beside."""
    plain = arguments.directory.with_name(arguments.directory.name + "-plain")
    start(plain, arguments.module)
    try:
        return overhead.measure(arguments.directory, plain, workload, arguments.workers, arguments.runs)
    finally:
        tpch.cluster("stop", plain)


def normal(value):
    """A value as all engines can agree on it: nine digits of a number, text without padding."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float, decimal.Decimal)):
        number = float(value)
        return 0.0 if number == 0 or math.isnan(number) else float(f"{number:.9g}")
    return str(value).rstrip()


def same_rows(left, right):
    def close(a, b):
        return a == b or (isinstance(a, float) and isinstance(b, float) and math.isclose(a, b, rel_tol=1e-4))
    left = sorted(([normal(value) for value in row] for row in left), key=repr)
    right = sorted(([normal(value) for value in row] for row in right), key=repr)
    return len(left) == len(right) and all(
        len(a) == len(b) and all(map(close, a, b)) for a, b in zip(left, right))


def verdict(truth, rows):
    """PostgreSQL's rows against the others': Sluice's to the last digit, in any order."""
    if truth is None:
        return "PostgreSQL gave no answer"
    wrong = []
    for name, other in rows.items():
        if name in ("Sluice", "parallel") and sorted(map(repr, other)) != sorted(map(repr, truth)):
            wrong.append(name)
        elif name not in ("Sluice", "parallel", "serial") and not same_rows(truth, other):
            wrong.append(name)
    return f"{len(truth)}, equal" if not wrong else "differ: " + ", ".join(wrong)


def where(plan):
    """Whether Sluice ran the query, wholly or in part."""
    if not any("Custom Scan (Sluice)" in line for line in plan):
        return "PostgreSQL"
    on_top = ("Sort", "Limit", "Result", "Custom Scan (Sluice)")
    for line in plan:
        text = line.strip()
        if text.startswith("->") or line is plan[0]:
            node = text.removeprefix("->").strip()
            if not node.startswith(on_top):
                return "both"
            if node.startswith("Custom Scan (Sluice)"):
                return "Sluice"
    return "both"


def measure(engines, query, runs):
    """{name: rows} and {name: median ms}; what fails is left out.

    A first run of each warms it up and gives its rows. Serial's first run counts: it takes the longest, and its
    pages are in the buffers since they were loaded."""
    rows, times, failures = {}, {}, {}
    for engine in engines:
        try:
            rows[engine.name], ms = timed(engine, query)
            times[engine.name] = [ms] if engine.name == "serial" else []
        except Exception as error:  # pylint: disable=broad-except
            failures[engine.name] = str(error).splitlines()[0]
    for _ in range(runs):
        for engine in engines:
            if engine.name in times and len(times[engine.name]) < runs:
                times[engine.name].append(timed(engine, query)[1])
    return rows, {name: statistics.median(values) for name, values in times.items()}, failures


def run_workload(workload, arguments):
    say(f"== {workload.name}")
    workload.prepare(arguments.directory)
    engines = rivals.all_rivals(arguments.directory, workload, arguments.workers)
    names = [engine.name for engine in engines]
    sluice = next(engine for engine in engines if engine.name == "Sluice")
    tpch.warm_up(sluice.cursor, workload.tables)
    say(f"{'query':<34}" + "".join(f"{name:>12}" for name in names) + "   runs in, rows")
    results = []
    for name, query in {**workload.queries(), **workload.named()}.items():
        rows, ms, failures = measure(engines, query, arguments.runs)
        truth = rows.get("serial", rows.get("parallel"))
        row = {"query": name, "ms": ms, "runs_in": where(sluice.plan(query)),
               "verdict": verdict(truth, rows), "failures": failures}
        results.append(row)
        say(f"{name:<34}" + "".join(f"{ms[n]:>12.1f}" if n in ms else f"{'-':>12}" for n in names) +
            f"   {row['runs_in']}, {row['verdict']}")
        for rival, failure in failures.items():
            say(f"{'':<34}{rival}: {failure}")
    for engine in engines:
        engine.close()
    unnamed = [row for row in results if row["query"] not in workload.named()]
    named = [row for row in results if row["query"] in workload.named()]
    say("\n".join(report.summary(unnamed)))
    return {"name": workload.name, "names": names, "results": unnamed, "named": named}


def machine(arguments):
    import datafusion  # pylint: disable=import-outside-toplevel
    import duckdb  # pylint: disable=import-outside-toplevel
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                if line.startswith("model name")), "an unknown processor")
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, check=False,
                            capture_output=True, text=True).stdout.strip()
    with tpch.connect(arguments.directory, "postgres").cursor() as cursor:
        cursor.execute("show server_version")
        server = "PostgreSQL " + cursor.fetchone()[0].split(" ")[0]
    return {"cpu": cpu, "cores": os.cpu_count(), "server": server, "commit": commit,
            "memory_gb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30,
            "duckdb": "DuckDB " + duckdb.__version__, "datafusion": "DataFusion " + datafusion.__version__,
            "runs": arguments.runs, "workers": arguments.workers,
            "command": f"SF={arguments.sf} ROWS={arguments.rows} RUNS={arguments.runs} make bench"}


class Clock:
    """Says how long each part took."""

    def __init__(self):
        self.began = time.monotonic()
        self.parts = {}

    def run(self, part, function, *arguments):
        began = time.monotonic()
        say(f"== {part}, after {began - self.began:.0f} s")
        result = function(*arguments)
        self.parts[part] = time.monotonic() - began
        say(f"== {part} took {self.parts[part]:.0f} s")
        return result


def run_topics(arguments, clock, parts, workload):
    """{key: (module, data)} of what is measured beside the workloads."""
    few_runs = max(3, arguments.runs // 2)
    directory = arguments.directory
    calls = {"scaling": (scaling, scaling.measure, directory, workload, few_runs),
             "memory": (memory, memory.measure, directory, workload, arguments.workers),
             "overhead": (overhead, measure_overhead, arguments, workload)}
    topics = {}
    for key, (module, function, *rest) in calls.items():
        if key in parts:
            workload.prepare(directory)
            topics[key] = (module, clock.run(key, function, *rest))
    return topics


def main():
    arguments = parse_arguments()
    parts = arguments.only or PARTS
    clock = Clock()
    topics = {"micro": (micro, clock.run("micro", micro.measure, arguments.build))} if "micro" in parts else {}
    say(f"== cluster in {arguments.directory}")
    start(arguments.directory, arguments.module, "shared_preload_libraries=sluice")
    chosen = [workloads.TpcH(arguments.directory, arguments.sf),
              workloads.DbBenchmark(arguments.directory, arguments.rows)]
    topics |= run_topics(arguments, clock, parts, chosen[0])
    done = {workload.key: clock.run(workload.name, run_workload, workload, arguments)
            for workload in chosen if workload.key in parts}
    if arguments.only is None:
        found = {**machine(arguments), "seconds": {part: round(took) for part, took in clock.parts.items()}}
        judged = targets.judge(done, {key: data for key, (_, data) in topics.items()})
        report.write(arguments.out, found, done, topics, judged)
        say("\n".join(targets.table(judged)))
        say(f"written to {os.path.relpath(arguments.out, ROOT)}")
    tpch.cluster("stop", arguments.directory)
    wrong = [f"{workload['name']} {row['query']}" for workload in done.values()
             for row in workload["results"] + workload["named"]
             if "Sluice" in row["verdict"] or "Sluice" in row["failures"]]
    if wrong:
        tpch.fail("Sluice's results differ or are missing: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
