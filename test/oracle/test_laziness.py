"""What nobody asks for never runs, seen through PostgreSQL's own statistics and EXPLAIN ANALYZE."""

import json

import pytest


@pytest.fixture(scope="module")
def tables(session):
    session.execute("""
        drop table if exists probe_side, build_side, nobody;
        create table probe_side (k int, n int);
        insert into probe_side select i, i from generate_series(1, 40000) i;
        create table build_side (k int, tag text);
        insert into build_side select i, 'tag ' || i from generate_series(1, 400) i;
        create table nobody (k int, other int);
        analyze probe_side; analyze build_side; analyze nobody;
    """)
    return session


def sequential_scans(session, table):
    session.execute("select pg_stat_force_next_flush()")
    session.execute("select pg_stat_clear_snapshot()")
    session.execute("select seq_scan from pg_stat_user_tables where relname = %s", (table,))
    return session.cursor.fetchone()[0]


def sluice_nodes(plan):
    """Every JSON object of an EXPLAIN tree that describes one of Sluice's operators."""
    found = []
    if isinstance(plan, list):
        for item in plan:
            found += sluice_nodes(item)
    elif isinstance(plan, dict):
        if "Operator" in plan:
            found.append(plan)
        for value in plan.values():
            found += sluice_nodes(value)
    return found


@pytest.mark.parametrize("workers", (0, 1, 2, 4))
def test_an_empty_build_side_never_scans_the_probe_side(tables, workers):
    query = ("select count(*), sum(p.n) from probe_side p join nobody e on p.k = e.k")
    assert tables.is_taken(query, workers)
    before = sequential_scans(tables, "probe_side")
    assert tables.rows(query, "force", workers)[1] == [(0, None)]
    assert sequential_scans(tables, "probe_side") == before
    tables.rows(query.replace("nobody", "build_side"), "force", workers)
    assert sequential_scans(tables, "probe_side") > before


@pytest.mark.parametrize("workers", (1, 2, 4))
def test_an_unrequested_fragment_with_a_failing_expression_raises_nothing(tables, workers):
    failing = ("select count(*) from (select k, n * 1000000 as huge from probe_side) p "
               "join {} e on p.k = e.k and p.huge > e.other")
    query = failing.format("nobody")
    assert tables.is_taken(query, workers)
    assert tables.rows(query, "force", workers)[1] == [(0,)]


@pytest.mark.parametrize("workers", (2, 4))
def test_explain_analyze_says_never_started(tables, workers):
    # PostgreSQL expects nearly all rows of b to pass, so that both sides are to be redistributed; none does.
    query = ("select count(*) from probe_side a join probe_side b on a.k = b.n "
             "where b.k <> b.k and b.n < 28000")
    lines = tables.plan(query, workers, "analyze, costs off, timing off")
    redistributes = [line for line in lines if "Redistribute" in line]
    assert len(redistributes) == 2, "\n".join(lines)
    assert sum("never started" in line for line in redistributes) == 1, "\n".join(lines)


@pytest.mark.parametrize("workers", (1, 2, 4))
def test_limit_one_cancels_down_the_tree(tables, workers):
    query = ("select a.k from probe_side a join probe_side b on a.k = b.n join probe_side c on b.k = c.n "
             "join probe_side d on c.k = d.n limit 1")
    plan = tables.plan(query, workers, "analyze, costs off, timing off, format json")
    tree = plan[0] if not isinstance(plan[0], str) else json.loads(plan[0])
    nodes = sluice_nodes(tree)
    assert nodes, tree
    assert len(tables.rows(query, "force", workers)[1]) == 1


@pytest.mark.parametrize("workers", (2, 4))
def test_a_probe_side_behind_a_stream_is_not_scanned_for_an_empty_build_side(tables, workers):
    """In another fragment nothing but the START that nobody sends keeps the scan from running."""
    tables.execute("drop table if exists far_side; create table far_side as select * from probe_side; analyze far_side")
    query = "select count(*) from far_side a join probe_side b on a.k = b.n where b.k {} b.k and b.n < 28000"
    plan = "\n".join(tables.plan(query.format("<>"), workers))
    assert plan.count("Redistribute") == 2 and plan.index("Seq Scan on far_side") < plan.index(
        "Seq Scan on probe_side"), plan
    before = sequential_scans(tables, "far_side")
    assert tables.rows(query.format("<>"), "force", workers)[1] == [(0,)]
    assert sequential_scans(tables, "far_side") == before
    tables.rows(query.format("="), "force", workers)
    assert sequential_scans(tables, "far_side") > before
