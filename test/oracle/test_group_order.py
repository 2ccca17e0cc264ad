"""Sorted aggregates, which PostgreSQL plans for count(DISTINCT): their groups come in order where that shows."""

import pytest


@pytest.fixture(scope="module")
def tables(session):
    session.execute("""
        drop table if exists readings, sensors;
        create table readings (sensor int, place text, value int);
        insert into readings select i * 7919 % 1000 - 500, 'place ' || i % 13, i % 101 from generate_series(1, 20000) i;
        insert into readings values (null, 'nowhere', 1), (null, null, 2);
        create table sensors (sensor int, name text);
        insert into sensors select i - 500, 'sensor ' || i from generate_series(1, 1000) i;
        analyze readings; analyze sensors;
    """)
    return session


def sorts(plan):
    return sum("Sort Key:" in line and "[" not in line for line in plan)


def assert_rows_in_order(session, query, sorts_wanted, workers=(0, 1, 2)):
    """The rows are PostgreSQL's in PostgreSQL's order, with so many of its sorts above the run."""
    expected = session.rows(query, "off")[1]
    for count in workers:
        plan = session.plan(query, count)
        assert any("Custom Scan (Sluice)" in line for line in plan), "\n".join(plan)
        assert sorts(plan) == sorts_wanted, "\n".join(plan)
        assert session.rows(query, "force", count)[1] == expected


@pytest.mark.parametrize("query", (
    "select sensor, count(distinct value), count(distinct value) from readings group by sensor order by sensor",
    "select sensor, count(distinct value) from readings group by sensor order by sensor desc nulls last",
    "select place, sensor, count(distinct value) from readings group by place, sensor order by place, sensor",
    "select sensor, n, row_number() over (order by sensor) from "
    "(select sensor, count(distinct value) n from readings group by sensor) q",
))
def test_an_order_that_is_relied_on_is_restored(tables, query):
    assert_rows_in_order(tables, query, 1)


@pytest.mark.parametrize("query", (
    "select sensor, count(distinct value) n from readings group by sensor order by n desc, sensor",
    "select place, sensor, count(distinct value) s from readings group by place, sensor order by s, sensor, place",
))
def test_groups_below_another_sort_are_not_sorted_before(tables, query):
    assert_rows_in_order(tables, query, 1)


def test_groups_below_a_subquery_below_a_sort_are_not_sorted(tables):
    query = ("select sensor, n from (select sensor, count(distinct value) n from readings group by sensor offset 0) q "
             "where n > 3 order by n, sensor")
    assert any("Subquery Scan" in line for line in tables.plan(query))
    assert_rows_in_order(tables, query, 1)


@pytest.mark.parametrize("query", (
    # in the subquery's own targetlist and condition
    "select nextval('numbers') id, sensor, n from "
    "(select sensor, count(distinct value) n from readings group by sensor order by sensor) q order by id",
    "select sensor, n from (select sensor, count(distinct value) n from readings group by sensor offset 0) q "
    "where nextval('numbers') % 2 = 0 order by n, sensor",
    # in the aggregate's
    "select sensor, count(distinct value), nextval('numbers') from readings group by sensor order by sensor",
    "select sensor, count(distinct value) from readings group by sensor having nextval('numbers') % 3 > 0 "
    "order by sensor",
))
def test_volatile_expressions_see_the_groups_in_order(tables, query):
    results = []
    for mode, workers in (("off", 0), ("force", 0), ("force", 1), ("force", 2)):
        tables.execute("drop sequence if exists numbers; create sequence numbers")
        results.append(tables.rows(query, mode, workers)[1])
    assert len(results[0]) > 100
    assert results[1:] == results[:1] * 3


@pytest.mark.parametrize("query", (
    "select n, array_agg(sensor), count(distinct sensor) from "
    "(select sensor, count(distinct value) n from readings group by sensor) q group by n",
    "select n, sum(f), count(distinct sensor) from (select sensor, count(distinct value) n, max(value / 7.0::float8) f "
    "from readings group by sensor) q group by n",
    "select sensor, row_number() over (order by n) from "
    "(select sensor, count(distinct value) n from readings group by sensor) q",
    "insert into ordered select sensor from (select sensor, count(distinct value) n from readings group by sensor) q "
    "order by n returning *",
))
def test_equal_rows_keep_their_order_below_what_shows_it(tables, query):
    tables.execute("drop table if exists ordered; create table ordered (sensor int)")
    expected = tables.rows(query, "off")[1]
    for workers in (0, 1, 2):
        assert tables.rows(query, "force", workers)[1] == expected


@pytest.mark.parametrize("query", (
    "select g, count(distinct v) c from (select sensor % 7 g, value v from readings order by 1 offset 0) q "
    "where v > 3 group by g order by c, g",
    "select g, count(distinct v) c, array_agg(v) "
    "from (select sensor % 7 g, value v from readings order by 1 offset 0) q where v > 3 group by g order by c, g",
))
def test_groups_of_an_input_in_order(tables, query):
    tables.assert_same(query, taken=None)
