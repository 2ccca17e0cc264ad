"""The targets of the project, each beside what was measured."""

import math
import statistics

DECODE = "BM_Columns5To11/12000"
RING = "two_processes/ring_bytes:262144/real_time"


def geomean(values):
    return statistics.geometric_mean(values) if values else float("nan")


def ratios(results, slower, faster):
    """time(slower) / time(faster) of the queries that both have run."""
    return [row["ms"][slower] / row["ms"][faster] for row in results
            if row["ms"].get(slower) and row["ms"].get(faster)]


def query_ratio(workloads, query):
    rows = [row for row in workloads["tpch"]["results"] + workloads["tpch"]["named"] if row["query"] == query]
    return geomean(ratios(rows, "parallel", "Sluice"))


def micro_row(topics, program, name):
    return next(row for row in topics["micro"] if (row["program"], row["name"]) == (program, name))


def worst(results):
    """The largest time(Sluice) / time(PostgreSQL parallel), and its query."""
    return max(((ratio, row["query"]) for row in results for ratio in ratios([row], "Sluice", "parallel")),
               default=(float("nan"), "none"))


def judge(workloads, topics):
    """[{"target", "bound", "at_least", "measured", "unit"}]"""
    tpch_rows, db_rows = workloads["tpch"]["results"], workloads["db-benchmark"]["results"]
    decode = micro_row(topics, "page_decoder", DECODE)
    launch = topics["overhead"]["launch"]
    slowest, slowest_query = worst([row for workload in workloads.values()
                                    for row in workload["results"] + workload["named"]])
    judged = [
        ("page decode, lineitem columns 5 to 11, one core", 20, True, decode["items_per_second"] / 1e6, "M rows/s"),
        ("the same over the time to memcpy those pages", 2.5, False, decode["ratio"], "x"),
    ]
    judged += [(f"{query.upper().replace('Q0', 'Q')} over PostgreSQL", bound, True, query_ratio(workloads, query), "x")
               for query, bound in (("q01", 10), ("q06", 4), ("q18", 8), ("q13", 4))]
    judged += [(f"{query} over PostgreSQL", bound, True, query_ratio(workloads, query), "x")
               for query, bound in (("count of lineitem join orders", 4), ("groups of lineitem by l_orderkey", 8))]
    judged += [
        ("geomean of the 22 queries over PostgreSQL", 4, True, geomean(ratios(tpch_rows, "parallel", "Sluice")), "x"),
        ("geomean of the 22 queries, Sluice's time over DuckDB's", 2, False,
         geomean(ratios(tpch_rows, "Sluice", "DuckDB")), "x"),
    ]
    judged += [(f"geomean of the db-benchmark's {kind} questions over PostgreSQL", bound, True,
                geomean(ratios([row for row in db_rows if row["query"].startswith(kind)], "parallel", "Sluice")), "x")
               for kind, bound in (("join", 4), ("group", 5))]
    judged += [
        (f"worst query in `auto` ({slowest_query}), Sluice's time over PostgreSQL's", 1.05, False, slowest, "x"),
        ("launch of a trivial parallel query, more than PostgreSQL's", 1, False,
         launch["Sluice"] - launch["PostgreSQL"], "ms"),
        ("ring of 256 KB between two processes, share of in-cache memcpy bandwidth", 40, True,
         100 / micro_row(topics, "ring", RING)["ratio"], "%"),
    ]
    judged += [(f"pgbench -S -M {mode}, time more with the library loaded", 1, False, 100 * (row["ratio"] - 1), "%")
               for mode, row in topics["overhead"]["oltp"].items()]
    return [dict(zip(("target", "bound", "at_least", "measured", "unit"), entry)) for entry in judged]


def missed_by(entry):
    """Empty where the target is met."""
    bound, measured = entry["bound"], entry["measured"]
    if math.isnan(measured):
        return "not measured"
    if measured >= bound if entry["at_least"] else measured <= bound:
        return ""
    if entry["unit"] in ("%", "ms"):
        return f"{abs(measured - bound):.2f} {'points' if entry['unit'] == '%' else entry['unit']}"
    return f"a factor of {bound / measured if entry['at_least'] else measured / bound:.2f}"


def table(judged):
    lines = ["The targets hold for SF 1, 10 million rows, 2 cores, 2 workers and the leader on both sides; PostgreSQL is "
             "PostgreSQL parallel.", "", "| | target | measured | missed by |", "|---|---:|---:|---|"]
    for entry in judged:
        sign = "at least" if entry["at_least"] else "at most"
        lines.append(f"| {entry['target']} | {sign} {entry['bound']:g} {entry['unit']} | "
                     f"{entry['measured']:.2f} {entry['unit']} | {missed_by(entry)} |")
    missed = sum(1 for entry in judged if missed_by(entry))
    return lines + ["", f"{len(judged) - missed} of {len(judged)} are met."]
