"""What small queries pay: launching workers, planning, and the planner hook on OLTP statements."""

import contextlib
import os
import pathlib
import re
import statistics
import subprocess

import tpch
from rivals import OFF, timed
from tpch import say

TITLE = "Overheads"
DATABASE = "bench_small"
ROUNDS = 200          # of the launch and planning measurements
OLTP_ROUNDS = 400     # pairs of pgbench runs: so many that their median tells 1 %
OLTP_STATEMENTS = 1000
TRIVIAL = "select count(*) from trivial"
PREPARE = ("create table if not exists trivial as select i from generate_series(1, 1000) i",
           "alter table trivial set (parallel_workers = 2)", "vacuum analyze trivial")


class Session:
    """A connection with settings, asked with the server's own fetch."""

    def __init__(self, directory, database, **settings):
        self.connection = tpch.connect(directory, database, **settings)
        self.cursor = self.connection.cursor()

    def rows(self, query):
        self.cursor.execute(query)
        return self.cursor.fetchall()


def fill(directory):
    with tpch.connect(directory, "postgres").cursor() as cursor:
        cursor.execute("select 1 from pg_database where datname = %s", (DATABASE,))
        if cursor.fetchone() is None:
            cursor.execute(f"create database {DATABASE}")
    with tpch.connect(directory, DATABASE).cursor() as cursor:
        for statement in PREPARE:
            cursor.execute(statement)
        cursor.execute("select to_regclass('pgbench_accounts')")
        if cursor.fetchone()[0] is None:
            pgbench(directory, "-i", "-s", "1", "-q")


def pgbench(directory, *arguments, options=""):
    config = os.environ.get("PG_CONFIG", "pg_config")
    bindir = subprocess.run([config, "--bindir"], check=True, capture_output=True, text=True).stdout
    done = subprocess.run([pathlib.Path(bindir.strip()) / "pgbench", *arguments, DATABASE], check=False,
                          capture_output=True, text=True,
                          env={**os.environ, "PGHOST": tpch.socket_directory(directory), "PGPORT": "5432",
                               "PGUSER": "postgres", "PGOPTIONS": options})
    if done.returncode != 0:
        tpch.fail("pgbench: " + done.stderr.strip())
    return done.stdout


def launch(directory, plain, workers):
    """Medians of the trivial query, each plan with `workers` workers really launched."""
    loaded = {"session_preload_libraries": "sluice"}
    forced = {"sluice.mode": "force", "sluice.workers": workers}
    cheap = {"parallel_setup_cost": 0, "parallel_tuple_cost": 0, "min_parallel_table_scan_size": 0,
             "max_parallel_workers_per_gather": workers}
    sessions = {
        "serial": Session(plain, DATABASE, max_parallel_workers_per_gather=0),
        "PostgreSQL": Session(plain, DATABASE, **cheap),
        # Workers load the library, too: what it costs them whose query is not even Sluice's.
        "PostgreSQL, library loaded": Session(plain, DATABASE, **loaded, **OFF, **cheap),
        "Sluice, library loaded": Session(plain, DATABASE, **loaded, **forced),
        "Sluice": Session(directory, DATABASE, **forced),
        "Sluice, leader alone": Session(directory, DATABASE, **{**forced, "sluice.workers": 0}),
    }
    check_plans(sessions, workers)
    times = {name: [] for name in sessions}
    for _ in range(ROUNDS):
        for name, session in sessions.items():
            rows, ms = timed(session, TRIVIAL)
            if rows != [(1000,)]:
                tpch.fail(f"{name} counts {rows} in the trivial table")
            times[name].append(ms)
    return {name: statistics.median(values) for name, values in times.items()}


def check_plans(sessions, workers):
    """Figures of a plan with fewer workers than said would be no figures of a launch."""
    for name in sessions.keys() - {"serial"}:
        node = "Gather" if name.startswith("PostgreSQL") else "Custom Scan (Sluice)"
        plan = "\n".join(line for (line,) in sessions[name].rows("explain (analyze) " + TRIVIAL))
        if node not in plan:
            tpch.fail(f"the trivial query does not run in {name}:\n{plan}")
        launched = re.search(r"Workers Launched: (\d+)", plan)
        wanted = 0 if name == "Sluice, leader alone" else workers
        if (int(launched.group(1)) if launched else 0) != wanted:
            tpch.fail(f"the trivial query did not get {wanted} workers in {name}:\n{plan}")


def planning(directory, workload, runs):
    """Medians of EXPLAIN over all queries of the workload: {"off": ms, "auto": ms}, sums."""
    sessions = {mode: Session(directory, workload.database, **{"sluice.mode": mode}) for mode in ("off", "auto")}
    totals = {mode: 0.0 for mode in sessions}
    for query in workload.queries().values():
        times = {mode: [] for mode in sessions}
        for _ in range(runs + 1):
            for mode, session in sessions.items():
                times[mode].append(timed(session, "explain " + query)[1])
        for mode in sessions:
            totals[mode] += statistics.median(times[mode][1:])
    return totals


@contextlib.contextmanager
def on_one_core(directory):
    """This process, its children and what the server starts from now on: else what a statement takes depends on whether
    client and server meet on a core or have to wake another, which changes from run to run."""
    server = int((pathlib.Path(directory) / "data" / "postmaster.pid").read_text().partition("\n")[0])
    cores = {process: os.sched_getaffinity(process) for process in (0, server)}
    one = set.intersection(*cores.values()) or set.union(*cores.values())
    try:
        for process in cores:
            os.sched_setaffinity(process, {max(one)})
        yield
    finally:
        for process, own in cores.items():
            os.sched_setaffinity(process, own)


def oltp(plain):
    """{mode: {"without": us, "with": us, "ratio": median of the pairs' ratios, "quartiles": theirs}} of pgbench -S."""
    result = {}
    for mode in ("simple", "prepared"):
        latencies = {"without": [], "with": []}
        for turn in range(OLTP_ROUNDS):
            order = ("without", "with") if turn % 2 == 0 else ("with", "without")
            for which in order:
                options = "-c session_preload_libraries=sluice" if which == "with" else ""
                with on_one_core(plain):
                    text = pgbench(plain, "-S", "-n", "-M", mode, "-t", str(OLTP_STATEMENTS), options=options)
                rate = float(re.search(r"^tps = ([0-9.]+)", text, re.M).group(1))
                latencies[which].append(1e6 / rate)
        pairs = [b / a for a, b in zip(latencies["without"], latencies["with"])]
        result[mode] = {**{which: statistics.median(values) for which, values in latencies.items()},
                        "ratio": statistics.median(pairs), "quartiles": statistics.quantiles(pairs)[::2]}
    return result


def measure(directory, plain, workload, workers, runs):
    """The server in `directory` has the library in shared_preload_libraries, the one in `plain` has not."""
    for server in (directory, plain):
        fill(server)
    data = {"workers": workers, "launch": launch(directory, plain, workers),
            "planning": planning(directory, workload, runs), "queries": len(workload.queries()), "oltp": oltp(plain)}
    say("trivial query, ms: " + ", ".join(f"{name} {ms:.2f}" for name, ms in data["launch"].items()))
    say(f"EXPLAIN of {data['queries']} queries, ms: off {data['planning']['off']:.1f}, "
        f"auto {data['planning']['auto']:.1f}")
    for mode, row in data["oltp"].items():
        say(f"pgbench -S -M {mode}: {row['without']:.1f} us without the library, {row['with']:.1f} with it, "
            f"ratio {row['ratio']:.4f}")
    return data


def section(data, _machine):
    lines = [f"`{TRIVIAL}` over 1,000 rows, median of {ROUNDS} interleaved runs, the workers really launched:", "",
             "| plan | ms |", "|---|---:|"]
    labels = {"serial": "PostgreSQL serial", "PostgreSQL": f"PostgreSQL, Gather with {data['workers']} workers",
              "PostgreSQL, library loaded": "the same, with the library in `session_preload_libraries`",
              "Sluice, library loaded": f"Sluice, {data['workers']} workers, loaded like that",
              "Sluice": "Sluice in the server that has it in `shared_preload_libraries`, as in all other measurements",
              "Sluice, leader alone": "the same, leader alone"}
    lines += [f"| {labels[name]} | {ms:.2f} |" for name, ms in data["launch"].items()]
    off, auto = data["planning"]["off"], data["planning"]["auto"]
    lines += ["", f"Planning (`EXPLAIN`, client's time): the {data['queries']} TPC-H queries together take "
              f"{off:.1f} ms with `sluice.mode = off` and {auto:.1f} ms with `auto`: "
              f"{(auto - off) / data['queries']:.2f} ms a query.", "",
              f"The planner hook on OLTP statements: `pgbench -S`, one client, on the server's core, {OLTP_ROUNDS} interleaved "
              f"pairs of {OLTP_STATEMENTS} statements, microseconds a statement.", "",
              "| mode | without the library | with it | ratio (median of the pairs) | quartiles of the pairs |",
              "|---|---:|---:|---:|---|"]
    lines += [f"| {mode} | {row['without']:.1f} | {row['with']:.1f} | {row['ratio']:.4f} | "
              f"{row['quartiles'][0]:.3f}, {row['quartiles'][1]:.3f} |" for mode, row in data["oltp"].items()]
    return lines
