"""Sorted aggregates, which PostgreSQL plans for count(DISTINCT): their groups come in the order that the plan above relies on, and only then."""

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


def test_groups_that_are_hashed_above_are_not_sorted(tables):
    """The run ends below a join that PostgreSQL executes, for its condition is volatile."""
    query = ("select s.name, g.n from sensors s left join (select sensor, count(distinct value) n from readings group by sensor "
             "offset 0) g on g.sensor = s.sensor and g.n > random() - 2 order by s.name")
    plan = tables.plan(query)
    assert any("Hash Left Join" in line for line in plan), "\n".join(plan)
    assert_rows_in_order(tables, query, 1)
