"""Subqueries in FROM whose targetlists PostgreSQL evaluates beyond what is read of them, and in whose order their
rows are limited."""

import pathlib
import re

import pytest

from conftest import WORKER_COUNTS


@pytest.fixture(scope="module")
def tables(session):
    session.execute("""
        drop table if exists sales, shops; drop sequence if exists drawn; create sequence drawn;
        create table sales (shop int, amount int, price numeric(10,2), big int8, f float8);
        -- Many small sales in even shops, few large ones in odd ones: by sum and by average the order differs.
        insert into sales select shop, amount, amount * 1.5, amount * 1000000007::int8, amount / 4.0
          from generate_series(1, 40) shop,
               lateral (select case when shop % 2 = 0 then 5 + shop else 400 + shop end amount
                        from generate_series(1, case when shop % 2 = 0 then 300 else 2 end)) amounts;
        create table shops (shop int, factor int);
        insert into shops select i, i % 40 from generate_series(1, 40) i;
        create or replace function refuses(i int) returns int volatile language plpgsql as
          $$ begin if i = 7 then raise 'no sevens'; end if; return i; end $$;
        create or replace function refuses_sevens(i int) returns int immutable language plpgsql as
          $$ begin if i = 7 then raise 'no sevens'; end if; return i; end $$;
        analyze sales; analyze shops""")
    return session


@pytest.mark.parametrize("direction", ("", " desc"))
@pytest.mark.parametrize("average", ("avg(amount)", "avg(price)", "avg(big)", "avg(f)"))
def test_limit_in_the_order_of_an_average(tables, average, direction):
    ordered = f"select shop from sales group by shop order by {average}{direction} limit 5"
    tables.assert_same(f"select sum(shop) from ({ordered}) best", workers=WORKER_COUNTS)
    tables.assert_same(f"select shop, factor from shops join ({ordered}) best using (shop)", taken=None)


@pytest.mark.parametrize("order", ("sum(amount)", "max(price) desc", "count(*) desc, shop", "shop"))
def test_limit_in_the_order_of_other_aggregates(tables, order):
    tables.assert_same(f"""select sum(shop), count(*) from
                           (select shop from sales group by shop order by {order} limit 7) best""")


@pytest.mark.parametrize("query", (
    "select count(*) from (select shop from shops order by 1 / factor) x",
    "select count(*) from (select shop from shops order by refuses_sevens(shop)) x",
    "select count(*) from (select shop, refuses(shop) from shops) x",
    "select count(*) from (select shops.shop, refuses(shops.shop) from shops join sales using (shop)) x",
    "select count(*) from (select shop, refuses(shop) from sales group by shop) x",
    "select s.amount from sales s join (select shop, refuses(shop) from shops) x on s.shop = x.shop",
    "select count(*) from (select shop from sales group by shop order by sum(1 / (amount - 407))) x",
    "select count(*) from (select shop from sales group by shop order by sum(shop) / (shop - 7)) x",
    "select sum(shop) from (select shop from sales order by (select 1 / factor from shops where shop = 40)) x",
))
def test_errors_of_what_nobody_reads(tables, query):
    kind, *_ = tables.assert_same(query, workers=WORKER_COUNTS, taken=None)
    assert kind == "error"


@pytest.mark.parametrize("subquery", (
    "select nextval('drawn') from shops",
    "select shop, nextval('drawn') from shops group by shop",
    "select shop from shops order by nextval('drawn')",
    "select shops.shop, nextval('drawn') from shops join sales using (shop) where amount > 400",
    "select s.shop from shops s join (select shop, nextval('drawn') from sales group by shop) q on s.shop = q.shop",
    "select s.shop from (select shop, nextval('drawn') from sales group by shop) q join shops s on s.shop = q.shop",
))
@pytest.mark.parametrize("mode", ("off", "force"))
def test_sequences_that_nobody_reads(tables, subquery, mode):
    tables.execute("alter sequence drawn restart")
    tables.rows(f"select count(*) from ({subquery}) x", mode)
    assert tables.execute("select last_value, is_called from drawn").fetchone() == (40, True)


@pytest.mark.parametrize("query", (
    "select count(*) from no_shops where shop = (select nextval('drawn'))",
    "select count(*) from shops where shop < 0 and factor = (select nextval('drawn') + refuses(7))",
))
@pytest.mark.parametrize("mode", ("off", "force"))
def test_subqueries_that_no_row_needs(tables, query, mode):
    tables.execute("alter sequence drawn restart; drop table if exists no_shops; create table no_shops (shop bigint)")
    tables.rows(query, mode)
    assert tables.execute("select is_called from drawn").fetchone() == (False,)


@pytest.mark.parametrize("query", (
    "select shop, 10 / min(factor) from shops join sales using (shop) group by shop order by sum(amount) limit 3",
    "select shop, sum(amount) / (shop - 7) from sales group by shop order by sum(amount) limit 2",
))
def test_errors_of_rows_beyond_a_limit(tables, query):
    """PostgreSQL evaluates the targetlist before it sorts."""
    kind, *_ = tables.assert_same(query, workers=WORKER_COUNTS, taken=None)
    assert kind == "error"
    tables.assert_same(query.replace("factor", "factor + 1").replace("(shop - 7)", "shop"))


def test_limit_above_a_function_that_postgresql_evaluates_for_its_rows_alone(tables):
    """It is dear enough to wait for the limit."""
    query = "select shop, refuses_sevens(shop) from sales group by shop order by sum(amount), shop limit 2"
    kind, *_ = tables.assert_same(query, workers=WORKER_COUNTS)
    assert kind == "rows"


@pytest.mark.parametrize("query", (
    "select count(*), sum(shop) from (select shop from shops order by factor + 1) x",
    "select count(*) from (select shop from sales group by shop order by max(amount), count(*)) x",
    "select sum(s.amount) from sales s join (select shop from shops order by factor, shop) x on s.shop = x.shop",
))
def test_what_nobody_notices_keeps_nothing_outside(tables, query):
    tables.assert_same(query, workers=WORKER_COUNTS)


def test_one_row_of_a_group_by_a_primary_key_that_children_do_not_share(tables):
    tables.execute("""
        drop table if exists parent, other cascade;
        create table parent (id int primary key, name text); create table child () inherits (parent);
        create table other (id int, part text);
        insert into parent select i, 'parent ' || i from generate_series(1, 9) i;
        insert into child select i % 9 + 1, 'child ' || i from generate_series(1, 90) i;
        insert into other select i % 9 + 1, 'part' from generate_series(1, 90) i;
        analyze parent; analyze child; analyze other""")
    counts = "select parent.id, count(*), name > '' from {} join other on parent.id = other.id group by parent.id"
    tables.assert_same("select id, count(*), name > '' from parent group by id", taken=None)
    tables.assert_same(counts.format("parent"), taken=None)
    tables.assert_same(counts.format("only parent"), workers=WORKER_COUNTS)


@pytest.mark.parametrize("where", ("", "where id < 40", "where id >= 60"))
def test_partitions_share_their_primary_key(tables, where):
    tables.execute("""
        drop table if exists parted; create table parted (id int primary key, name text, part int) partition by range (id);
        create table parted_low partition of parted for values from (0) to (50);
        create table parted_high partition of parted for values from (50) to (1000);
        insert into parted select i, 'name ' || i, i % 7 from generate_series(0, 99) i; analyze parted""")
    tables.assert_same(f"select id, name, count(*), max(part) from parted {where} group by id", workers=(0, 2))
    tables.assert_same(f"select id, name, count(*) from parted {where} group by id, name", workers=(0, 2))


def test_columns_doubled_in_subquery_after_subquery(tables):
    """Written out in base columns the last would have four million terms."""
    query = "select shop::numeric as n from shops"
    for _ in range(22):
        query = f"select n + n as n from ({query} offset 0) s"
    tables.assert_same(f"select sum(n), count(*) from ({query}) s", workers=(0, 2))
    status = pathlib.Path(f"/proc/{tables.connection.info.backend_pid}/status").read_text()
    peak_kb = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])
    assert peak_kb < 500_000  # the shared buffers included


def test_subqueries_nested_deeply(tables):
    """Each level of the plan would take its part of the stack; PostgreSQL's own planner takes less."""
    query = "select shop as n from shops"
    for _ in range(450):
        query = f"select n + 1 as n from ({query} offset 0) s"
    tables.execute("set max_stack_depth = '700kB'")
    try:
        assert tables.assert_same(f"select sum(n), count(*) from ({query}) s", workers=(0,), taken=None)[0] == "rows"
    finally:
        tables.execute("reset max_stack_depth")
