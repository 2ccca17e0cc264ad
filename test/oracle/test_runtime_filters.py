"""Build sides that tell the scans which rows are worth reading: the same rows as without."""

import re

import pytest

from conftest import WORKER_COUNTS


@pytest.fixture(scope="module")
def tables(session):
    session.execute("""
        drop table if exists lines, orders, parts, none_yet;
        create table lines (ord int, part int, code char(6), ratio float8, price numeric(9,2), made date,
                            note text, far bigint);
        insert into lines select case when i % 50 = 0 then null else i / 4 end, i % 1000,
            'c' || i % 300, case when i % 40 = 0 then float8 'NaN' when i % 41 = 0 then float8 '-0' else i % 90 end,
            i % 500, date '2024-01-01' + i % 700, repeat('note', i % 9), i % 2000 * 1000003 from generate_series(1, 40000) i;
        create table orders (ord int, status text, part int, code char(9), ratio float8,
                             price numeric(9,2), made date);
        insert into orders select case when i % 60 = 0 then null else i end, 'state ' || i % 40, i % 900,
            'c' || i % 200, case when i % 30 = 0 then float8 'NaN' else i % 80 - 10 end, i % 450,
            date '2024-06-01' + i % 300 from generate_series(1, 9000) i;
        insert into orders select * from orders where status in ('state 1', 'state 2');
        create table parts (far bigint, name text);
        insert into parts select i * 1000003, 'part ' || i from generate_series(1, 1500) i;
        create table none_yet (ord int, part int, name text);
        analyze lines; analyze orders; analyze parts; analyze none_yet;
        set enable_mergejoin = off; set enable_nestloop = off;
    """)
    yield session
    session.execute("reset enable_mergejoin; reset enable_nestloop")


def removed(session, query, workers):
    """Rows that runtime filters kept from the plan's scans."""
    plan = "\n".join(session.plan(query, workers, "analyze, costs off, timing off"))
    return sum(int(rows) for rows in re.findall(r"Rows Removed by Runtime Filter: (\d+)", plan))


@pytest.mark.parametrize("kind", ("", "left ", "right ", "full "))
@pytest.mark.parametrize("key", ("ord", "part", "code", "ratio", "price", "made"))
def test_every_kind_of_join_and_key(tables, kind, key):
    tables.assert_same(f"""
        select count(*), count(l.note), count(o.status), sum(l.part), sum(o.part), min(l.made), max(o.made)
        from lines l {kind}join (select * from orders where status = 'state 7') o on l.{key} = o.{key}""",
                       workers=WORKER_COUNTS)


@pytest.mark.parametrize("negation", ("", "not "))
@pytest.mark.parametrize("key", ("ord", "code", "ratio"))
def test_semi_and_anti_joins(tables, negation, key):
    tables.assert_same(f"""
        select count(*), sum(part), max(note) from lines l where {negation}exists (
          select 1 from orders o where o.{key} = l.{key} and o.status = 'state 2')""",
                       workers=WORKER_COUNTS)


@pytest.mark.parametrize("query", (
    "select count(*), sum(l.part) from lines l join none_yet n on l.ord = n.ord",
    "select count(*), sum(l.part) from lines l left join none_yet n on l.ord = n.ord",
    "select count(*), sum(l.part) from lines l join (select ord from orders where ord is null) n on l.ord = n.ord",
    "select count(*), sum(o.part) from lines l right join (select * from orders where ord is null) o "
    "on l.ord = o.ord",
))
def test_build_sides_without_a_key(tables, query):
    tables.assert_same(query, workers=WORKER_COUNTS)


@pytest.mark.parametrize("lower", ("", "left ", "right ", "full "))
def test_filters_pass_joins_below(tables, lower):
    tables.assert_same(f"""
        select count(*), sum(l.part), count(o.status), count(l.note) from lines l {lower}join orders o
          on l.ord = o.ord join (select * from parts where name like '%7') p on p.far = l.far""",
                       workers=WORKER_COUNTS)
    tables.assert_same(f"""
        select count(*), sum(l.part), count(o.status), count(l.note)
        from lines l {lower}join orders o on l.ord = o.ord
          join (select part::int as part from orders where status = 'state 3') few
            on few.part = l.part
          join (select ord from orders where status = 'state 5') five
            on five.ord = o.ord""",
                       workers=WORKER_COUNTS)


def test_rows_are_removed_and_counted(tables):
    query = """select count(*), sum(l.price) from lines l join orders o on l.ord = o.ord
               where o.status = 'state 7'"""
    tables.assert_same(query, workers=WORKER_COUNTS)
    for workers in (0, 2):
        assert removed(tables, query, workers) > 30000
    assert removed(tables, query.replace("join orders", "left join orders")
                   .replace("where", "and"), 0) == 0


def test_an_error_in_a_condition_of_the_scan_is_raised_all_the_same(tables):
    """The row has no match, but PostgreSQL looks at the condition first."""
    tables.assert_same("""
        select count(*) from lines l join orders o on l.ord = o.ord
        where o.status = 'state 7' and 2147483647 - l.part + (l.part - 999) * 10 >= 0
          and l.part + 2147482649 > 0""", workers=WORKER_COUNTS)


def test_an_error_behind_a_build_side_of_which_filters_leave_nothing(tables):
    """No order has one of these parts, so the lines need not be read; PostgreSQL reads them."""
    query = """select count(*) from (lines l join orders o on l.ord = o.ord) join strange s on o.part = s.part
               where l.part + {} > 0"""
    tables.execute("drop table if exists strange; create table strange (part int); insert into strange values (-5), (-7);"
                   "analyze strange; set join_collapse_limit = 1")
    try:
        for number, kind in ((2147482648, "rows"), (2147482649, "error")):
            assert tables.assert_same(query.format(number), workers=WORKER_COUNTS)[0] == kind
    finally:
        tables.execute("reset join_collapse_limit")


CROSSING = """select count(*), sum(o.part), max(o.status) from orders o where o.status in ('state 7', 'state 8')
              and {}exists (select 1 from lines l where l.{} = o.{})"""


@pytest.mark.parametrize("negation", ("", "not "))
@pytest.mark.parametrize("key", ("ord", "code", "ratio", "price", "made"))
def test_filters_cross_redistributions(tables, negation, key):
    query = CROSSING.format(negation, key, key)
    plan = "\n".join(tables.plan(query, 2))
    assert "Exchange Redistribute" in plan and f"Runtime Filter: (l.{key} = o.{key})" in plan, plan
    tables.assert_same(query, workers=WORKER_COUNTS)


def test_what_no_seat_wants_is_not_sent(tables):
    """The build side is in parts, one a seat, and so are the rows that look for it."""
    query = CROSSING.format("", "ord", "ord")
    plan = "\n".join(tables.plan(query, 2, "analyze, costs off, timing off"))
    assert re.search(r"Exchange Redistribute.*Hash Key: l\.ord", plan), plan
    assert "Runtime Filter: (l.ord = o.ord)" in plan
    # Before every seat has its part, no more rows come than the rings hold.
    tables.execute("set sluice.exchange_memory = '256kB'")
    try:
        assert removed(tables, query, 2) > 20000
    finally:
        tables.execute("reset sluice.exchange_memory")


@pytest.mark.parametrize("workers", (0, 1, 2))
def test_rescans_fill_the_filters_again(tables, workers):
    """The subquery runs again for every row, mostly from the middle of the last run."""
    crossing = """select o.part from orders o where o.status in ('state 7', 'state 8')
                  and exists (select 1 from lines l where l.ord = o.ord)"""
    query = f"select count(*), sum(i) from generate_series(1, 40) i where i * 30 > all ({crossing})"
    tables.execute("set enable_material = off")
    try:
        plan = "\n".join(tables.plan(query, workers, "analyze, costs off, timing off"))
        assert "Sluice" in plan and "loops=40" in plan, plan
        assert tables.outcome(query, "force", workers) == tables.outcome(query, "off")
    finally:
        tables.execute("reset enable_material")
