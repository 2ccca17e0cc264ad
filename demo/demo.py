"""The main job, shown: TPC-H in an embedded cluster, each query with Sluice off and on."""

import argparse
import os
import statistics
import subprocess
import time

import tpch
from tpch import say


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", required=True, help="the cluster's folder")
    parser.add_argument("--module", required=True, help="sluice.so")
    parser.add_argument("--sf", default="0.1", help="TPC-H scale factor")
    parser.add_argument("--runs", type=int, default=3, help="timed runs of each query and mode")
    parser.add_argument("--workers", type=int, default=2, help="parallel workers beside the leader")
    arguments = parser.parse_args()
    try:
        if not 0.001 <= float(arguments.sf) <= 1000:
            raise ValueError
    except ValueError:
        tpch.fail(f"SF must be a number from 0.001 to 1000, not '{arguments.sf}'")
    return arguments


def start(arguments):
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1 << 20)
    shared_mb = max(128, min(4096, memory_mb // 4))
    tpch.cluster("install", arguments.directory, arguments.module)
    tpch.cluster("start", arguments.directory, f"shared_buffers={shared_mb}MB", "work_mem=64MB",
                 f"effective_cache_size={memory_mb // 2}MB")


def run(cursor, query):
    began = time.monotonic()
    cursor.execute(query)
    rows = cursor.fetchall()
    return rows, (time.monotonic() - began) * 1000


def is_taken(cursor, query):
    cursor.execute("explain (costs off) " + query)
    return any("Custom Scan (Sluice)" in line for (line,) in cursor.fetchall())


def measure(off, on, query, runs):
    """Interleaved runs of both modes after one warm-up each: rows and median ms of each."""
    rows_off, _ = run(off, query)
    rows_on, _ = run(on, query)
    times_off, times_on = [], []
    for _ in range(runs):
        times_off.append(run(off, query)[1])
        times_on.append(run(on, query)[1])
    return rows_off, rows_on, statistics.median(times_off), statistics.median(times_on)


def same_rows(left, right):
    """Row by row as text, so that 1.0 and 1.00 differ; in any order (ties in ORDER BY are free)."""
    return sorted(map(repr, left)) == sorted(map(repr, right))


def compare(off, on, arguments):
    """Prints the table; returns (queries taken, queries with other rows)."""
    taken, wrong, ratios, not_taken = [], [], [], []
    say(f"\n{'query':<6} {'PostgreSQL':>12} {'Sluice':>10} {'speed-up':>9}   rows")
    for name, query in tpch.queries().items():
        if not is_taken(on, query):
            not_taken.append(name)
            continue
        rows_off, rows_on, ms_off, ms_on = measure(off, on, query, arguments.runs)
        equal = same_rows(rows_off, rows_on)
        taken.append(name)
        ratios.append(ms_off / ms_on)
        if not equal:
            wrong.append(name)
        verdict = f"{len(rows_on)}, equal" if equal else "DIFFERENT"
        say(f"{name:<6} {ms_off:>9.1f} ms {ms_on:>7.1f} ms {ms_off / ms_on:>8.1f}x   {verdict}")
    if ratios:
        say(f"{'':<6} {'geometric mean of the speed-ups':>30} "
            f"{statistics.geometric_mean(ratios):>6.1f}x")
    if not_taken:
        say("left to PostgreSQL (sluice.mode = auto): " + ", ".join(not_taken))
    return taken, wrong


def show_streams(on, query):
    say("\nEXPLAIN (ANALYZE, COSTS OFF) of q05 with Sluice on:\n")
    on.execute("explain (analyze, costs off) " + query)
    for (line,) in on.fetchall():
        say("  " + line)


def main():
    arguments = parse_arguments()
    say(f"== cluster in {arguments.directory}")
    start(arguments)
    say(f"== TPC-H data, SF {arguments.sf}")
    tpch.load(arguments.directory, arguments.sf)
    database = tpch.database_name(arguments.sf)
    shared = {"max_parallel_workers_per_gather": arguments.workers}
    off = tpch.connect(arguments.directory, database, **shared).cursor()
    on = tpch.connect(arguments.directory, database, session_preload_libraries="sluice",
                      **shared).cursor()
    tpch.warm_up(on, tpch.TABLES)
    say(f"== queries, {arguments.workers} workers and the leader on both sides, median of "
        f"{arguments.runs} warm runs")
    taken, wrong = compare(off, on, arguments)
    show_streams(on, tpch.queries()["q05"])
    say("\nLook around:")
    say(f"  PGOPTIONS='-c session_preload_libraries=sluice' psql -h "
        f"{tpch.socket_directory(arguments.directory)} -U postgres {database}")
    say("Stop the server:\n  make demo-stop")
    if wrong:
        tpch.fail("results differ: " + ", ".join(wrong))
    if not taken:
        tpch.fail("no query ran through Sluice")


if __name__ == "__main__":
    try:
        main()
    except subprocess.SubprocessError as error:
        tpch.fail(str(error))
