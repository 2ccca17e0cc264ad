"""TPC-H: the queries that must run inside, and all 22 against PostgreSQL."""

import pytest
import tpch
from conftest import WORKER_COUNTS

WHOLLY_INSIDE = ("q01", "q03", "q04", "q05", "q06", "q07", "q08", "q09", "q10", "q11", "q12", "q13", "q14", "q16",
                 "q18", "q19", "q21", "q22")
JOINS_INSIDE = ("q03", "q04", "q05", "q07", "q08", "q09", "q10", "q11", "q12", "q13", "q14", "q16", "q18", "q19",
                "q21", "q22")
POSTGRES_NODES_ON_TOP = ("Sort", "Limit", "Result", "Custom Scan (Sluice)")


def postgres_nodes(plan):
    """Names of PostgreSQL's own plan nodes, down to and including the Custom Scan."""
    nodes = []
    for line in plan:
        text = line.strip()
        name = text.removeprefix("->").strip().split("  ")[0]
        if not nodes or text.startswith("->"):
            nodes.append(name)
        if name.startswith("Custom Scan (Sluice)"):
            break
    return nodes


@pytest.mark.parametrize("name", sorted(tpch.queries()))
def test_results_equal_postgresql(tpch_session, name):
    query = tpch.queries()[name]
    expected = tpch_session.outcome(query, "off")
    assert expected[0] == "rows"
    for workers in WORKER_COUNTS:
        assert tpch_session.outcome(query, "force", workers) == expected, f"{workers} workers"


@pytest.mark.parametrize("name", WHOLLY_INSIDE)
@pytest.mark.parametrize("workers", WORKER_COUNTS)
def test_scans_joins_and_aggregates_are_in_one_custom_scan(tpch_session, name, workers):
    plan = tpch_session.plan(tpch.queries()[name], workers)
    nodes = postgres_nodes(plan)
    assert nodes[-1] == "Custom Scan (Sluice)", "\n".join(plan)
    assert set(nodes) <= set(POSTGRES_NODES_ON_TOP), "\n".join(plan)
    subqueries = sum("InitPlan" in line for line in plan)  # each is a plan of its own
    assert sum("Custom Scan" in line for line in plan) == 1 + subqueries, "\n".join(plan)


def test_subquery_used_twice_is_inside_for_itself(tpch_session):
    """Q15 reads the sums of lineitem twice: PostgreSQL keeps them, Sluice computes them and what reads them."""
    plan = [line.strip() for line in tpch_session.plan(tpch.queries()["q15"], 2)]
    at = plan.index("CTE revenue")
    assert plan[at + 1] == "->  Custom Scan (Sluice)", "\n".join(plan)
    assert sum("Seq Scan on lineitem" in line for line in plan) == 1, "\n".join(plan)
    assert sum(line.endswith("Plan Input 1: CTE Scan") for line in plan) == 2, "\n".join(plan)
    assert not {"->  Aggregate", "->  Hash Join", "->  Hash"} & set(plan), "\n".join(plan)  # PostgreSQL's own


@pytest.mark.parametrize("name", JOINS_INSIDE)
@pytest.mark.parametrize("workers", (2, 4))
def test_rows_cross_redistribute_or_broadcast_streams(tpch_session, name, workers):
    plan = tpch_session.plan(tpch.queries()[name], workers, "analyze, costs off, timing off, format json")
    crossed = rows_across(plan[0])
    assert crossed > 0, plan


def rows_across(node):
    """Rows that went through Redistribute and Broadcast exchanges, anywhere in an EXPLAIN tree."""
    if isinstance(node, list):
        return sum(map(rows_across, node))
    if not isinstance(node, dict):
        return 0
    own = 0
    if node.get("Operator") in ("Exchange Redistribute", "Exchange Broadcast"):
        own = node.get("Rows Sent", 0)
    return own + sum(map(rows_across, node.values()))
