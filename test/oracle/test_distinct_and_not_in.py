"""Aggregates with DISTINCT, and NOT IN (subquery) with its three-valued answers."""

import pathlib
import re

import pytest

from conftest import WORKER_COUNTS


@pytest.fixture(scope="module")
def tables(session):
    session.execute("""
        drop table if exists sales, listed, nothing_listed;
        create table sales (id int not null, shop int, item int, kind char(6), note text, price numeric(9,2),
          rate float8, day date, flag bool, units int8, small int2);
        insert into sales select i, case when i % 11 = 0 then null else i % 23 end,
            case when i % 13 = 0 then null else i % 301 end, 'k' || i % 7,
            case when i % 5 = 0 then null else repeat('n', i % 17) end, (i % 97) * 0.25, (i % 19) / 8.0,
            case when i % 3 = 0 then null else date '2024-01-01' + i % 50 end, i % 2 = 0, i % 71 * 10000000000,
            i % 9 from generate_series(1, 12000) i;
        create table listed (id int not null, item int, wide int8, price numeric(7,1), note text, kind char(9));
        insert into listed select i, nullif(i, 40) * 3, i * 2, i * 0.5, repeat('n', i % 9), 'k' || i % 3
          from generate_series(1, 40) i;
        create table nothing_listed (like listed);
        analyze sales; analyze listed; analyze nothing_listed;
    """)
    return session


@pytest.mark.parametrize("argument", ("id", "shop", "item", "kind", "note", "price", "rate", "day", "flag", "units",
                                      "small", "price * 2", "coalesce(item, shop)", "substring(note from 2 for 3)"))
@pytest.mark.parametrize("group", ("shop", "shop, kind", None), ids=("one_key", "two_keys", "no_key"))
def test_count_distinct(tables, argument, group):
    keys = "" if group is None else f"{group}, "
    groups = "" if group is None else f" group by {group}"
    tables.assert_same(f"select {keys}count(distinct {argument}) from sales{groups}", workers=(0, 2))


@pytest.mark.parametrize("group", (" group by shop", ""), ids=("grouped", "plain"))
@pytest.mark.parametrize("where", ("", " where id < 0", " where item is null"), ids=("all", "no_rows", "no_values"))
def test_distinct_beside_other_aggregates(tables, group, where):
    tables.assert_same(
        "select count(distinct item), sum(distinct item), avg(distinct item), count(item), count(*), sum(item), "
        "avg(item), min(price), max(note collate \"C\"), sum(price), avg(price), sum(units), avg(small), sum(small) "
        f"from sales{where}{group}")
    tables.assert_same(f"select sum(distinct price), avg(distinct price), count(distinct price), count(*) "
                       f"from sales{where}{group}")


def test_distinct_argument_that_is_a_group_key(tables):
    tables.assert_same("select item, count(distinct item), count(*), sum(distinct item) from sales group by item")


def test_distinct_in_having_and_order(tables):
    tables.assert_same("select kind, count(distinct item) from sales group by kind "
                       "having count(distinct item) > 200 order by 2 desc, 1 limit 3")


def test_distinct_above_joins_and_below_other_groups(tables):
    tables.assert_same("select c, count(*) from (select s.shop, count(distinct l.id) c from sales s "
                       "join listed l on s.item = l.item group by s.shop) q group by c")


@pytest.mark.parametrize("aggregates", ("count(distinct item), count(distinct shop)", "sum(distinct rate)",
                                        "count(distinct item), sum(rate)", "min(distinct item)",
                                        "count(distinct (item, shop))",
                                        "count(distinct item), count(distinct item) filter (where flag)"))
def test_forms_of_distinct_that_postgresql_computes(tables, aggregates):
    # Not of a row; nor beside a sum for which PostgreSQL's sorted groups have an order of their own.
    taken = "(item, shop)" not in aggregates and ", sum(rate)" not in aggregates
    tables.assert_same(f"select kind, {aggregates} from sales group by kind", workers=(0, 2), taken=taken)


VALUES = ("select item from listed", "select item from listed where item is not null", "select id from listed",
          "select item from nothing_listed", "select id from nothing_listed",
          "select item from listed where id = 40", "select wide from listed", "select wide from listed where id < 0",
          "select l.item from listed l join sales s on s.item = l.id",
          "select item from sales where price > 20 group by item")


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("probe", ("item", "id"))
def test_not_in(tables, probe, values):
    tables.assert_same(f"select kind, count(*), sum(price) from sales where {probe} not in ({values}) group by kind")


@pytest.mark.parametrize("condition", ("price not in (select price from listed)",
                                       "note not in (select note from listed)",
                                       "kind not in (select kind from listed)",
                                       "units not in (select wide from listed)",
                                       "small not in (select wide from listed where id > 3)",
                                       "substring(note from 2 for 9) not in (select note from listed)",
                                       "item not in (select item from listed where id <> 40) "
                                       "and shop not in (select id from listed where id % 2 = 0)",
                                       "item not in (select item from listed) or flag",
                                       "flag and item not in (select id from listed) and price > 3"))
def test_not_in_of_other_types_and_beside_other_conditions(tables, condition):
    expected = tables.outcome(f"select count(*), sum(id) from sales where {condition}", "off")
    for workers in WORKER_COUNTS:
        assert tables.outcome(f"select count(*), sum(id) from sales where {condition}", "force", workers) == expected


def test_not_in_below_a_join_and_as_rows(tables):
    tables.assert_same("select l.kind, count(*) from sales s join listed l on s.shop = l.id where s.item not in "
                       "(select id from nothing_listed) and l.wide not in (select item from sales where day is null "
                       "and item is not null) group by l.kind")
    tables.assert_same("select s.id, s.item, l.wide from sales s join listed l on s.shop = l.id "
                       "where s.item not in (select item from listed where id < 40)")


def test_not_in_is_one_custom_scan(tables):
    for values in VALUES[:4]:
        plan = "\n".join(tables.plan(f"select count(*) from sales where item not in ({values})", 2))
        assert "SubPlan" not in plan and "Anti Join" in plan, plan


@pytest.mark.parametrize("levels, nested_run", ((1, True), (2, True), (5, True), (17, False)))
def test_nested_not_in(tables, levels, nested_run):
    """Where NULLs are possible each subquery is read twice: written out, the innermost of many 2^n times."""
    query = "select item from listed where item > 60"
    for level in range(levels):
        query = f"select item from {('sales', 'listed')[level % 2]} where item > {level} and item not in ({query})"
    lines = tables.plan(f"select count(*), sum(item) from ({query}) q")
    assert ("SubPlan" not in "\n".join(lines)) == nested_run
    tables.assert_same(f"select count(*), sum(item) from ({query}) q", workers=(0, 2))
    status = pathlib.Path(f"/proc/{tables.connection.info.backend_pid}/status").read_text()
    peak_kb = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])
    assert peak_kb < 500_000  # the shared buffers included


def test_not_in_a_join_inside_a_subquery(tables):
    """The join becomes a part of the subquery's run, not a run of its own."""
    query = ("select id, (select count(*) from sales where id not in (select s.id from sales s join listed l "
             "on s.item = l.id where s.units > 0)) from nothing_listed right join listed using (id)")
    plan = "\n".join(tables.plan(query))
    assert "Anti Join" in plan and "SubPlan" not in plan, plan
    tables.assert_same(query, workers=(0, 2))


def test_errors_of_a_subquery_that_no_row_needs_are_not_raised(tables):
    for query in ("select count(*) from sales where id < 0 and item not in (select 1 / (id - id) from listed)",
                  "select count(*) from sales where id < 0 and item not in "
                  "(select id + 2147483647 from listed)",
                  "select count(*) from sales where item + 2147483647 not in (select id from nothing_listed)",
                  "select count(*) from sales where item + 2147483647 not in (select id from listed)"):
        expected = tables.outcome(query, "off")
        for workers in (0, 2):
            assert tables.outcome(query, "force", workers) == expected
