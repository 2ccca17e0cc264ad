"""Scalar aggregates of correlated subqueries: as joins where that gives the same, else as they are."""

import pytest

TABLES = """
drop table if exists o, i, small, stamps cascade;
drop domain if exists huge;
create domain huge as numeric;
create table o (id int, k int, k8 bigint, x numeric(10,2), n int, t text, d date, c char(9));
insert into o select g, case when g % 11 <> 0 then g % 300 end, g % 300, (g * 37 % 1000) / 10.0, g % 7,
  't' || g % 50, date '2024-01-01' + g % 400, 'c' || g % 50
  from generate_series(1, 3000) g;
create table i (k int, k8 bigint, y numeric(10,2), wide numeric, n int, b bigint, f float8, t text, d date,
  z int, h huge, c char(5));
insert into i select case when g % 13 <> 0 then g % 250 end, g % 250,
  case when g % 5 <> 0 then (g * 53 % 2000) / 10.0 end, g / 7.0, g % 90, g, g * 0.5, 't' || g % 40,
  date '2024-01-01' + g % 500, g % 250, g % 9, 'c' || g % 40 from generate_series(1, 20000) g;
-- a group of NULLs only
update i set y = null, n = null where k = 17;
create index on i (k);
create index on i (k8);
create index on i (z);
create table small (id int, name text);
insert into small select g, 'n' || g from generate_series(1, 12) g;
create table stamps (d timestamp);
insert into stamps select timestamp '2024-01-01' + g * interval '1 day' from generate_series(1, 400) g;
create view seen as select id, k, x, n from o where n < 5;
create view picked as select id, x from o where x < (select avg(y) from i where i.k = o.k);
create view guarded with (security_barrier) as select id, k, x, n from o where n < 5;
analyze o, i, small, stamps
"""

PULLED_UP = {
    "average, scaled": "select count(*), sum(id) from o where x < (select 0.2 * avg(y) from i where i.k = o.k)",
    "average of integers": "select id from o where n < (select avg(n) from i where i.k = o.k)",
    "average of bigints": "select id from o where k8 > (select 0.01 * avg(b) from i where i.k8 = o.k)",
    "average at the border": "select id from o where n >= (select avg(z) from i where i.z = o.n)",
    "minimum, equal": "select id, x from o where n = (select min(n) from i where i.k = o.k)",
    "maximum of a text": "select id from o where t > (select max(t) from i where i.k = o.k)",
    "maximum of a date": "select id from o where d >= (select max(d) from i where i.k = o.k)",
    "sum on the left": "select id from o where (select sum(n) from i where o.k = i.k) > id",
    "two keys": "select id from o where x > (select min(y) from i where i.k = o.k and i.t = o.t)",
    "bigint against integer": "select id from o where x > (select avg(y) from i where i.k = o.k8)",
    "more conditions": "select id from o where x > (select min(y) from i where i.k = o.k and i.n < 50 and "
                       "d >= date '2024-01-01' + interval '1 month')",
    "other value from around": "select id from o where n < (select min(n) from i where i.k = o.k) and id > 0",
    "joined subquery": "select id from o where x > (select min(y) from i join small on small.id = i.n "
                       "where i.k = o.k and small.name <> 'n3')",
    "grouped around": "select t, count(*), sum(x) from o where x > (select avg(y) from i where i.k = o.k) "
                      "group by t",
    "joined around": "select small.name, count(*) from o join small on o.n = small.id "
                     "where x > (select min(y) from i where i.k = o.k) group by 1",
    "left joined around": "select o.id, small.name from o left join small on o.n = small.id "
                          "where x > (select min(y) from i where i.k = o.k)",
    "inside an IN": "select name from small where id in (select n from o where x < "
                    "(select 0.5 * sum(y) from i where i.k = o.k) and o.k in (select k from i where n < 3))",
    "inside a CTE": "with c as materialized (select id, n from o where x < (select avg(y) from i where i.k = o.k)) "
                    "select n, count(*) from c group by n",
    "inside a UNION": "select id from o where x < (select avg(y) from i where i.k = o.k) union all "
                      "select id from o where x > (select max(y) from i where i.k = o.k)",
    "expression as key": "select count(*) from o where x > (select min(y) from i where i.k = o.k8 and i.z = o.k)",
    "value from around": "select id from o where x > (select min(y) + o.n from i where i.k = o.k)",
    "value from further around": "select name from small where exists (select from o where o.n = small.id and "
                                 "x > (select min(y) + small.id from i where i.k = o.k))",
    "subquery around": "select s.id from (select id, x, k from o where n < 5) s "
                       "where s.x < (select avg(y) from i where i.k = s.k)",
    "view around": "select id from seen where x < (select avg(y) from i where i.k = seen.k)",
    "inside a view": "select count(*), sum(x) from picked where id > 10",
    "guarded view around": "select id from guarded g where x < (select avg(y) from i where i.k = g.k)",
    "one inner column for two": "select id from o where x < (select avg(y) from i where i.k = o.k and i.k = o.k8)",
    "blank-padded key": "select id from o where n < (select avg(n) from i where i.c = o.c)",
    "uncorrelated beside it": "select sum(x) from o where x < (select avg(y) from i where i.k = o.k) "
                              "and n < (select avg(n) from i where i.k = 5)",
    "error in a condition of one table": "select id from o where 100 / (n + 1) > 20 and "
                                         "x < (select avg(y) from i where i.k = o.k)",
    "IN of a table with such a condition": "select id from o where k in (select k from i where 10 / (z + 1) < 3) and "
                                           "x < (select avg(y) from i where i.k = o.k)",
    "merged columns around": "select o.id from o join (select k, min(z) z from i group by k) g using (k) "
                             "where x < (select avg(y) from i where i.k = o.k)",
    "two subqueries": "select count(*) from o where x > (select min(y) from i where i.k = o.k) "
                      "and x < (select max(y) from i where i.k8 = o.k8)",
}

# Whatever becomes of the condition, a part of the statement is for Sluice.
TAKEN_BESIDE = "select (select count(*) from o a join small b on a.n = b.id), count(*) from o"

KEPT = {
    "count is 0 for no rows": "select count(*) from o where n > (select count(*) from i where i.k = o.k)",
    "NULL passes": "select count(*) from o where x < coalesce((select min(y) from i where i.k = o.k), 5)",
    "NULL is asked for": "select count(*) from o where (select min(y) from i where i.k = o.k) is null",
    "or": "select count(*) from o where id < 100 or x < (select min(y) from i where i.k = o.k)",
    "no equality": "select count(*) from o where id < 50 and x < (select min(y) from i where i.k > o.k)",
    "division": "select count(*) from o where x < (select min(y) / 3 from i where i.k = o.k)",
    "division around": "select count(*) from o where x < (select min(y) from i where i.k = o.k) / 3",
    "joined rows that may raise": "select count(*) from o join small on small.id = o.n where x < "
                                  "(select min(y) from i where i.k = o.k) and 100 / (small.id - o.n + 1) > 0",
    "computed column joined with": "select count(*) from (select id, 10 / (n + 1) r from o where x < (select min(y) "
                                   "from i where i.k = o.k)) s join small on small.id = s.r",
    "computed column compared": "select count(*) from (select x, 10 / (n + 1) q from o) s "
                                "where x < (select min(y) from i where i.k = s.q)",
    "merged column that is cast": f"{TAKEN_BESIDE} where o.d < (select min(d) from i left join stamps using (d) "
                                  "where i.k = o.k)",
    "domain of boundless numerics": f"{TAKEN_BESIDE} where x < (select sum(h) from i where i.k = o.k)",
    "boundless constant": f"{TAKEN_BESIDE} where x < (select min(y * 1e131070) from i where i.k = o.k)",
    "boundless folded constant": f"{TAKEN_BESIDE} where x < (select min(y * (10.0 ^ 300)) from i where i.k = o.k)",
    "column of a UNION ALL": "select u.d from (select k, x, 10 / (n + 1) d from o union all "
                             "select k, x, 10 / (n + 1) from o) u where u.x < (select avg(y) from i where i.k = u.k)",
    "column grouped by": "select d, count(*) from (select k, x, 10 / (n + 1) d from o) s "
                         "where x < (select avg(y) from i where i.k = s.k) group by rollup (d)",
    "column of a nullable side": "select small.id, s.d from small left join (select n, k, 10 / (n + 1) d from o "
                                 "where x < (select avg(y) from i where i.k = o.k)) s on s.n = small.id",
    "condition inside a subquery": "select count(*) from (select o.x, o.k from o, small where 10 / (o.n + 1) = small.id) s "
                                   "where x < (select avg(y) from i where i.k = s.k)",
    "condition of a semi join": "select count(*) from o where x < (select avg(y) from i where i.k = o.k) "
                                "and exists (select from small where small.id = 10 / (o.n + 1))",
    "subquery behind this one": "select count(*) from o where 3 < (select min(y) from i where i.k = o.k) "
                                "and (select 100 / sum(n) from i where i.k = o.k) > 3",
    "condition of an outer join": "select count(*) from o left join small on small.id = o.n and 10 / (o.n + 1) > 1 "
                                  "where x < (select avg(y) from i where i.k = o.k)",
    "lateral values": "select count(*) from o cross join lateral (values (10 / (o.n + 1))) v(d) "
                      "join small on small.id = v.d where x < (select avg(y) from i where i.k = o.k)",
    "CTE that may be inlined": "with c as (select id, k, x, 10 / (n + 1) d from o) select c.d, small.name from c "
                               "join small on c.d = small.id where x < (select avg(y) from i where i.k = c.k)",
    "integer sum that could overflow": "select count(*) from o where n < (select min(n + 2147483600 - 100) from i "
                                       "where i.k = o.k)",
    "float sum": "select count(*) from o where n < (select sum(f) from i where i.k = o.k)",
    "volatile": "select count(*) from o where n < (select max(n) + floor(random()) from i where i.k = o.k)",
    "distinct": "select count(*) from o where n < (select avg(distinct n) from i where i.k = o.k)",
    "grouped": "select count(*) from o where n < (select max(n) from i where i.k = o.k group by i.k)",
    "limited": "select count(*) from o where n < (select max(n) from i where i.k = o.k limit 1)",
    "value of around inside": "select count(*) from o where n < (select max(i.n + 0 * o.n) from i where i.k = o.k)",
    "in the targetlist": "select id, (select max(n) from i where i.k = o.k) from o where id < 100",
}


@pytest.fixture(scope="module", autouse=True)
def tables(session):
    session.execute(TABLES)


def correlated(session, query):
    return any("SubPlan" in line for line in session.plan(query))


@pytest.mark.parametrize("name", PULLED_UP)
def test_pulled_up(session, name):
    query = PULLED_UP[name]
    assert not correlated(session, query), "\n".join(session.plan(query))
    outcome = session.assert_same(query)
    assert outcome[0] == "rows" and outcome[2], "the query should find rows"


@pytest.mark.parametrize("name", KEPT)
def test_kept(session, name):
    query = KEPT[name]
    assert correlated(session, query), "\n".join(session.plan(query))
    expected = session.outcome(query, "off")
    assert session.outcome(query, "force", 2) == expected


def test_an_uncorrelated_subquery_stays_one_value(session):
    plan = "\n".join(session.plan(PULLED_UP["uncorrelated beside it"]))
    assert "InitPlan 1" in plan and "Join Filter: (o.n < " not in plan, plan


def test_a_group_that_nobody_asks_for_raises_nothing(session):
    """1 / z fails for a group that no outer row has."""
    session.execute("drop table if exists a, b; create table a (k int, x int); create table b (k int, z int);"
                    "insert into a select g, g from generate_series(1, 100) g;"
                    "insert into b select g % 200, 1 + g % 7 from generate_series(1, 2000) g;"
                    "insert into b values (150, 0); analyze a, b")
    for value in ("sum(1000 / z)", "max(z) / min(z)"):
        query = f"select count(*) from a where x < (select {value} from b where b.k = a.k)"
        assert session.outcome(query, "off")[0] == "rows"
        assert session.outcome(query, "force", 2) == session.outcome(query, "off")


def test_collations_that_group_otherwise_than_they_compare(session):
    """'a' and 'A' are one value to the comparison, two to the grouping."""
    session.execute("drop table if exists p, q; drop collation if exists blind;"
                    "create collation blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
                    "create table p (t text, x int); create table q (t text, y int);"
                    "insert into p select chr(97 + g % 26), g from generate_series(1, 500) g;"
                    "insert into q select chr(97 + g % 26 - 32 * (g % 2)), g from generate_series(1, 5000) g;"
                    "analyze p, q")
    query = "select count(*) from p where x < (select min(y) * 1.0 from q where q.t = p.t collate blind)"
    assert session.outcome(query, "force", 2) == session.outcome(query, "off")
    assert correlated(session, query)


@pytest.mark.parametrize("table", ("i", "o"))
def test_row_security(session, table):
    session.execute("drop role if exists looker; create role looker; grant select on o, i to looker;"
                    f"alter table {table} enable row level security; create policy part_of_it on {table} using (n < 4)")
    query = PULLED_UP["average, scaled"]
    before = session.outcome(query, "off")
    session.execute("set role looker")
    try:
        seen = session.outcome(query, "off")
        assert seen != before
        assert session.outcome(query, "force", 2) == seen
    finally:
        session.execute(f"reset role; alter table {table} disable row level security; drop policy part_of_it on {table};"
                        "revoke all on o, i from looker; drop role looker")


def test_right_to_a_table_that_is_not_read(session):
    session.execute("drop role if exists looker; create role looker; grant select on o, i to looker; "
                    "create table if not exists forbidden (k int, y int); set role looker")
    try:
        query = ("select id from o where false and x < (select min(y) from forbidden f where f.k = o.k) "
                 "union all select id from o where x < (select min(y) from i where i.k = o.k)")
        assert session.outcome(query, "off")[0] == "rows"
        assert session.outcome(query, "force", 2) == session.outcome(query, "off")
    finally:
        session.execute("reset role; revoke all on o, i from looker; drop role looker; drop table forbidden")


def test_a_constant_that_nobody_evaluates(session):
    query = ("with unused as (select * from o where 1 / 0 = 1 and x < (select avg(y) from i where i.k = o.k)) "
             "select count(*) from o where x < (select avg(y) from i where i.k = o.k)")
    assert session.outcome(query, "off")[0] == "rows"
    assert session.outcome(query, "force", 2) == session.outcome(query, "off")


def test_insert_of_what_is_selected(session):
    session.execute("drop table if exists target; create table target (mode text, id int)")
    for mode in ("off", "force"):
        session.execute(f"set sluice.mode = {mode}")
        session.execute(f"insert into target select '{mode}', id from o where x < (select avg(y) from i where i.k = o.k)")
    assert session.execute("select count(*) > 100, count(*) filter (where mode = 'off') = "
                           "count(*) filter (where mode = 'force'), count(distinct id) * 2 = count(*) "
                           "from target").fetchall() == [(True, True, True)]


def test_abandoned_run(session):
    """The year of an infinite date is not for the engine: PostgreSQL runs the rewritten plan."""
    session.execute("begin; update o set d = 'infinity' where id % 1000 = 1")
    try:
        query = ("select extract(year from d), count(*) from o where x < (select avg(y) from i where i.k = o.k) "
                 "group by 1")
        expected = session.outcome(query, "off")
        assert any("Infinity" in row for row in expected[2])
        assert not correlated(session, query)
        assert session.outcome(query, "force", 2) == expected
    finally:
        session.execute("rollback")


def test_prepared_with_a_generic_plan(session):
    prepare = ("prepare p (int) as select count(*) from o where x < "
               "(select avg(y) from i where i.k = o.k and i.n < $1)")
    session.execute("set plan_cache_mode = force_generic_plan")
    try:
        for value in (10, 60):
            counts = []
            for mode in ("off", "force"):
                session.execute(f"set sluice.mode = {mode}; deallocate all; {prepare}")
                counts.append(session.execute(f"execute p ({value})").fetchall())
            assert counts[0] == counts[1]
    finally:
        session.execute("reset plan_cache_mode; deallocate all")


def test_runtime_filters_reach_below_the_groups(session):
    query = "select count(*) from o where o.id < 20 and x < (select avg(y) from i where i.k = o.k)"
    for workers in (0, 2):
        plan = "\n".join(session.plan(query, workers))
        assert "Runtime Filter: (i.k = o.k)" in plan, plan
    session.assert_same(query)


def test_a_condition_dearer_than_the_subquery(session):
    """A scan evaluates it for the rows that pass the subquery's; below a join it would see all."""
    session.execute("create or replace function dear(int) returns int language plpgsql immutable cost 1000000 as "
                    "'begin if $1 % 11 = 0 then raise ''no elevens''; end if; return $1; end'")
    query = "select count(*), sum(id) from o where x < (select avg(y) from i where i.k = o.k) and dear(id) > 0"
    assert session.assert_same(query, workers=(0, 2), taken=None)[0] == "rows"
