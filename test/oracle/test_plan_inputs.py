"""Plan nodes that only PostgreSQL has, below joins and aggregates: it executes them, the run reads their rows."""

import re
import threading
import time

import pytest

from conftest import WORKER_COUNTS, Session

TABLES = """
drop schema if exists plan_inputs cascade;
create schema plan_inputs;
set search_path = plan_inputs, public;
create type pair as (a int, b text);
create table t (id int primary key, k int, v int, n numeric(10,2), d date, name text);
insert into t select g, case when g % 17 <> 0 then g % 100 end, g % 1000, (g * 37 % 100000) / 100.0,
  date '2024-01-01' + g % 366, 'name ' || g % 500 from generate_series(1, 4000) g;
create table s (k int, label text, n numeric(10,2));
insert into s select g, 'label ' || g, g / 4.0 from generate_series(1, 80) g;
insert into s values (null, 'none', null), (5, 'again', 1.50);
create table wide (id int, packed text, plain text, fields int[], whole pair, j jsonb, f4 real, i interval,
  nm name, b bytea, u uuid, any_n numeric, ts timestamptz, flag bool);
alter table wide alter plain set storage external;
alter table wide add column gone int;
alter table wide drop column gone;
insert into wide select g, repeat('abc' || g, 3000), repeat(md5(g::text), 200), array[g, null, g + 1],
  row(g, 'b' || g)::pair, jsonb_build_object('x', g, 'long', repeat('y', g * 50)), g / 3.0, g * interval '1 hour',
  'name' || g, decode(md5(g::text), 'hex'), md5(g::text)::uuid, g / 7.0,
  timestamptz '2024-01-01 00:00+00' + g * interval '1 minute', g % 2 = 0
  from generate_series(1, 60) g;
insert into wide (id) values (61), (62);
create table nobody (k int);
create table texts (k int, a text collate "C", b text collate "POSIX");
insert into texts select g, 'a' || g, 'b' || g from generate_series(1, 50) g;
create table arrays (k int, a int[], b int[]);
insert into arrays values (1, '{1}', '{1}'), (2, '{1}', '{1,2}');
create table odd (id int);
insert into odd select generate_series(1, 100);
create table huge (k int, n numeric(38,0));
insert into huge select g % 100, 9e37 from generate_series(1, 199) g;
create view v as select k, sum(n) as total, count(*) as c from t group by k;
analyze t, s, wide, huge, odd, nobody;
create function two_columns(int) returns table (a int, b text) language sql stable as
  'select g, ''b'' || g from generate_series(1, $1) g';
create function same(int) returns int language plpgsql stable as 'begin return $1; end';
"""

# By the node at their top.
INPUTS = {
    "CTE": "with c as materialized (select k, count(*) c, max(n) m from t group by k) select k, c, m from c",
    "CTE with a condition": "with c as materialized (select k, v from t) select k, v c, 1 m from c where v < 30",
    "recursive CTE": "with recursive r(k, c) as (select 1, 1 union all select k + 1, c * 2 % 1000 from r where k < 90) "
                     "select k, c, 0 m from r",
    "function": "select g k, g * 2 c, 3 m from generate_series(1, 120) g",
    "function of records": "select a k, b c, length(b) m from two_columns(70)",
    "function with a column list": "select k, c, null::int m from json_to_recordset("
                                   "'[{\"k\":1,\"c\":\"x\"},{\"k\":7,\"c\":null}]') as x(k int, c text)",
    "unnest": "select u k, 1 c, 2 m from unnest(array[1, 2, null, 4, 4]) u",
    "with ordinality": "select u k, n c, 2 m from unnest(array[11, 12, null, 14]) with ordinality as x(u, n)",
    "values": "select * from (values (1, 'one', 1.5), (2, 'two', null), (null, 'none', 3), (90, null, 4.25)) as x(k, c, m)",
    "one row of values": "select * from (values (4, 'four', 1)) as x(k, c, m)",
    "constants": "select 5 k, 'five' c, 1 m offset 0",
    "limit": "select k, v c, id m from t order by id limit 50 offset 7",
    "limit without an order": "select k, 1 c, 2 m from s limit 1000",
    "window": "select k, rank() over (partition by k % 5 order by k, label) c, label m from s",
    "window sum": "select k, sum(v) over (partition by d) c, v m from t where id < 3000",
    "union": "select k, 1 c, 2 m from s union select v, 1, 2 from t where v < 50",
    "union all": "select k, label c, n m from s union all select v, name, n from t where id % 50 = 0",
    "intersect": "select k, 0 c, 0 m from s intersect select v, 0, 0 from t",
    "except": "select v k, 0 c, 0 m from t except all select k, 0, 0 from s",
    "distinct on": "select distinct on (k) k, id c, name m from t order by k, id desc",
    "set-returning targetlist": "select k, generate_series(1, 3) c, label m from s",
    "grouping sets": "select k, count(*) c, sum(n) m from t group by grouping sets ((k), ())",
    "ordered aggregate": "select k, string_agg(label, ',' order by label) c, count(*) m from s group by k",
    "user's function": "select k, same(0) * 0 c, 1 m from s where k = same(3) limit 5",
    "table function": "select k, c, 1 m from xmltable('/r/x' passing '<r><x k=\"3\">a</x><x k=\"9\">b</x></r>' "
                      "columns k int path '@k', c text path '.')",
    "sample": "select k, v c, id m from t tablesample system (100) repeatable (1)",
    "lateral": "select s.k, x.c, x.m from s, lateral (select v c, id m from t where t.k = s.k order by id limit 2) x",
    "lateral with an init plan": "select s.k, x.c, x.m from s, lateral (select (select max(v) from t where k = s.k) c, "
                                 "count(*) m from odd where id < s.k) x where s.k < 10",
    "no rows": "select k, v c, id m from t where false offset 0",
    "no rows from a function": "select g k, g c, g m from generate_series(1, 0) g",
    "correlated subquery": "select k, (select count(*) from odd where id < s.k) c, label m from s offset 0",
    "init plan inside": "select k, v + (select max(id) from odd) c, 0 m from t where v > (select avg(id) from odd) "
                        "order by id limit 500 offset 3",
    "init plan in a branch": "select k, n c, 1 m from s union all select v, n, 2 from t "
                             "where v > (select avg(id) + 900 from odd)",
    "view": "select k, c, total m from v order by k limit 40 offset 1",
}

AROUND = {
    "built": "select t.id, x.c, x.m from t join ({}) x on t.k = x.k where t.id < 1000",
    "grouped": "select t.d, count(*), sum(t.n), max(x.k), count(x.c), count(x.m) from t join ({}) x on t.k = x.k group by t.d",
    "outer side": "select x.k, x.c, x.m, s.label from ({}) x left join s on s.k = x.k",
    "kept": "select s.label, x.c, x.m from s left join ({}) x on s.k = x.k",
    "both": "select s.label, x.c, x.m from s full join ({}) x on s.k = x.k",
    "tested": "select id, name from t where k in (select k from ({}) x)",
    "not there": "select id, name from t where not exists (select from ({}) x where x.k = t.v)",
    "tests": "select x.k, x.c, x.m from ({}) x where exists (select from t where t.v = x.k)",
    "aggregated": "select k, count(*), count(c), count(m) from ({}) x group by k",
    "counted": "select count(*), count(k), max(k) from ({}) x",
    "twice": "select count(*), sum(x.k) from ({0}) x join t on t.k = x.k join ({0}) y on y.k = x.k",
}


@pytest.fixture(scope="module")
def inputs(session):
    session.execute(TABLES)
    return session


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("node", INPUTS)
def test_every_node_in_every_place(inputs, node, around):
    query = AROUND[around].format(INPUTS[node])
    expected = inputs.outcome(query, "off")
    assert expected[0] == "rows", expected
    for workers in (0, 2):
        assert inputs.outcome(query, "force", workers) == expected, query


# May raise, so that an inner join, of which PostgreSQL may not come to both sides, does not read them.
RAISING = {"recursive CTE", "function with a column list", "user's function", "table function", "init plan inside",
           "init plan in a branch", "grouping sets", "sample"}
# Are not, or not always, PostgreSQL's.
NOT_READ = {"lateral with an init plan", "no rows", "constants", "one row of values", "ordered aggregate"}


def joined_inputs(lines):
    """The plan inputs that a run joins; a join that PostgreSQL executes may be one for an aggregate."""
    return [line for line in lines if re.search(r"Plan Input \d+: (?!Hash Join)", line)]


def assert_same_rows(inputs, query):
    """Whether a run is taken or not."""
    expected = inputs.outcome(query, "off")
    for workers in (0, 2):
        assert inputs.outcome(query, "force", workers) == expected, query
    return expected


@pytest.mark.parametrize("node", sorted(set(INPUTS) - NOT_READ))
def test_a_join_with_each_node_is_taken(inputs, node):
    query = AROUND["grouped"].format(INPUTS[node])
    assert_same_rows(inputs, query)
    lines = inputs.plan(query)
    assert bool(joined_inputs(lines)) == (node not in RAISING), "\n".join(lines)


@pytest.mark.parametrize("node", sorted(set(INPUTS) - NOT_READ - {"grouping sets"}))
def test_the_preserved_side_of_a_join_takes_each_node(inputs, node):
    lines = inputs.plan(f"select s.label, count(x.c) from ({INPUTS[node]}) x left join s on s.k = x.k group by s.label")
    assert any("Plan Input 1" in line for line in lines), "\n".join(lines)


@pytest.mark.parametrize("form", ("verbose, costs off", "analyze, timing off", "analyze, verbose, format json",
                                  "verbose, format xml", "analyze, format yaml"))
@pytest.mark.parametrize("node", INPUTS)
def test_every_node_is_explained(inputs, node, form):
    assert inputs.plan(AROUND["grouped"].format(INPUTS[node]), 2, form)


# ---- what is in the rows ----

COLUMNS = ("packed", "plain", "fields", "whole", "j", "f4", "i", "nm", "b", "u", "any_n", "ts", "flag")


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("query", [
    "select t.id, x.{0} from t join (select id, {0} from wide order by id limit 100 offset 1) x on t.id = x.id",
    "select x.id, x.{0}, t.v from (select id, {0} from wide order by id limit 100 offset 1) x left join t on t.v = x.id",
    "select t.d, count(x.{0}) from t join (select id, {0} from wide union all select id, {0} from wide where id < 9) x "
    "on t.id = x.id group by t.d",
    "select x.id, max(x.{0}::text), count(*) from (select id, {0}, row_number() over (order by id) from wide) x "
    "join t on t.v = x.id group by x.id",
], ids=("built", "probes", "appended", "windowed"))
def test_values_of_all_kinds(inputs, query, column):
    inputs.assert_same(query.format(column), workers=(0, 2))


def test_system_columns_and_whole_rows_are_carried(inputs):
    inputs.assert_same("select t.id, x.at, x.w from t join (select id, ctid at, w from wide w order by id limit 70 "
                       "offset 2) x on x.id = t.id", workers=(0, 2))


def test_many_rows_and_wide_ones_come_in_batches(inputs):
    query = ("select x.g % 10, count(*), max(x.s), sum(length(x.s)) from (select g, repeat('x' || g, g % 3000) s "
             "from generate_series(1, 9000) g offset 0) x join t on t.id = x.g group by 1")
    inputs.assert_same(query)


def test_numerics_of_derived_scale_are_computed_with(inputs):
    query = ("with c as materialized (select k, sum(n * (1 - n)) s, min(n) m, sum(v::bigint) b from t group by k) "
             "select count(*), sum(x.s), max(x.s + x.m), min(x.b) from c x join s on s.k = x.k")
    inputs.assert_same(query)
    lines = "\n".join(inputs.plan(query))
    assert "sum(x.s), max(" in lines, lines


@pytest.mark.parametrize("query", [
    "select count(*), max(c.s) from c join s on s.k = c.k",
    "select c.k, max(c.s), sum(s.n) from s join c on s.k = c.k group by 1",
    "select t.id, c.s from t left join c on t.k = c.k",
])
def test_sums_beyond_38_digits(inputs, query):
    query = "with c as materialized (select k, sum(n) s from huge group by k) " + query
    expected = inputs.outcome(query, "off")
    assert "180000000000000000000000000000000000000" in str(expected), expected
    for workers in WORKER_COUNTS:
        assert inputs.outcome(query, "force", workers) == expected
    assert "does not fit the type planned for it" in "\n".join(inputs.plan(query, 0, "analyze"))


def test_rows_of_unsure_numerics_go_to_the_client(inputs):
    """They cannot be taken back, so their numerics are carried as they are."""
    query = ("with c as materialized (select k, sum(n) s from huge group by k) "
             "select c.k, c.s, odd.id from c left join odd on odd.id = c.k")
    expected = inputs.assert_same(query)
    assert "180000000000000000000000000000000000000" in str(expected), expected
    lines = "\n".join(inputs.plan(query, 0, "analyze"))
    assert "Plan Input 1" in lines and "does not fit" not in lines, lines


def test_float_sums_keep_postgresqls_order(inputs):
    query = ("select sum(f), count(*) from (select f from (values (1e16::float8), (1), (-1e16), (1)) as x(f) offset 0) y "
             "join odd on true where odd.id < 3")
    expected = inputs.outcome(query, "off")
    for workers in WORKER_COUNTS:
        assert inputs.outcome(query, "force", workers) == expected


# ---- what may not be inside ----

VOLATILE = [
    "select count(*) from t join (select g, {0} r from generate_series(1, 9) g offset 0) x on x.g = t.k where r < 1e9",
    "select count(*), max(x.n) from t left join (select g, {0} n from generate_series(1, 9) g) x on x.g = t.k",
    "select count(*), max(x.n) from {1}() x(n)",
    "select count(*), max(x.n) from {1}() x(n) left join t on x.n = t.k",
    "with c as materialized (select * from {1}()) select count(*), max(c.n) from c",
    "select count(*), max(x.n) from (select g, (select n from {1}() limit 1) n from generate_series(1, 9) g offset 0) x",
    "select count(*), max(x.c) from (select k, {2}(k) c from s group by k order by k limit 99 offset 1) x",
    "select count(*), max(x.c) from (select k, {2}(k) over (order by k) c from s) x",
    "select count(*), max(x.c) from (select k::{3} c from s order by k limit 99 offset 1) x",
    "select count(*), max(x.a) from json_to_recordset('[{{\"a\":1}}]') as x(a {3})",
    "select count(*), max(x.k) from xmltable('/r/x' passing '<r><x k=\"3\"/></r>' columns k {3} path '@k') x",
    "select count(*), max(x.c) from (select k, (select max(k) from s tablesample system (100) {4}) c from t offset 1) x",
]


@pytest.mark.parametrize("query", VOLATILE)
def test_volatile_functions_stay_outside(inputs, query):
    inputs.execute("""drop sequence if exists calls cascade; create sequence calls;
        create or replace function drawn() returns table (n bigint) language sql stable as
        'select nextval(''calls'') from generate_series(1, 9)';
        create or replace function given() returns table (n bigint) language sql stable as
        'select g from generate_series(1::bigint, 9) g';
        create or replace function noted(int, int) returns int language plpgsql as
        'begin perform nextval(''calls''); return $2; end';
        drop aggregate if exists own_last(int); create aggregate own_last(int) (sfunc = noted, stype = int, initcond = '0');
        drop domain if exists odd_number; create domain odd_number as int check (nextval('calls') > 0)""")
    effects = query.format("nextval('calls')", "drawn", "own_last", "odd_number", "")
    lines = inputs.plan(effects, 2)
    assert not any("Plan Input" in line for line in lines), "\n".join(lines)
    harmless = query.format("g", "given", "max", "int", "repeatable (1)")
    lines = inputs.plan(harmless, 2)
    assert any("Plan Input" in line for line in lines), "\n".join(lines)


def test_numerics_of_a_cte_that_is_a_run_itself_have_the_digits_of_all_branches(inputs):
    """The first branch declares what the second does not keep to."""
    inputs.execute("drop table if exists exact, loose; create table exact (k int, x numeric(5,2)); "
                   "create table loose (k int, x numeric); insert into exact select g, g from generate_series(1, 900) g; "
                   "insert into loose select g, g + 0.123 from generate_series(901, 1800) g; analyze exact, loose")
    query = ("with c as materialized (select t.id, u.m from t join (select k, max(x) m from (select k, x from exact "
             "union all select k, x from loose) z group by k limit 100000) u on t.id = u.k), "
             "d as materialized (select c.id, c.m, s.label from c left join s on s.k = c.id) select * from d")
    assert assert_same_rows(inputs, query)[0] == "rows"
    lines = "\n".join(inputs.plan(query, 0, "analyze, costs off, timing off"))
    assert "Plan Input 1: CTE Scan" in lines and "Abandoned" not in lines, lines
    inputs.execute("drop table exact, loose")


def test_not_in_with_nulls_does_not_execute_a_node_twice(inputs):
    """Two copies of a nested loop would set the same parameters."""
    query = ("select count(*) from t where v not in "
             "(select x.c from s, lateral (select v c from t u where u.k = s.k offset 0) x)")
    assert_same_rows(inputs, query)
    lines = inputs.plan(query, 2)
    assert sum("Plan Input" in line and "->" in line for line in lines) == 1, "\n".join(lines)


def test_like_without_a_collation_is_planned(inputs):
    assert_same_rows(inputs, "select count(*), count(x.r) from s join (select k, row_number() over (order by k) r "
                             "from texts where coalesce(a, b) like 'a%') x on x.k = s.k")


def test_columns_doubled_again_and_again_are_planned_at_once(inputs):
    doubled = ", ".join(f"c{i} as materialized (select k, n + n n from c{i - 1})" for i in range(1, 40))
    query = ("with c0 as materialized (select k, n from t where id < 200), " + doubled +
             " select count(*), max(c39.n) from s join c39 on c39.k = s.k")
    inputs.execute("set statement_timeout = '20s'")
    assert assert_same_rows(inputs, query)[0] == "rows"
    inputs.execute("reset statement_timeout")


def test_numerics_beyond_all_limits(inputs):
    squared = ", ".join(f"c{i} as materialized (select k, n * n n from c{i - 1})" for i in range(1, 13))
    query = ("with c0 as materialized (select k, n from huge where k = 1), " + squared +
             " select count(*), max(c12.n) from nobody join c12 on c12.k = nobody.k")
    assert assert_same_rows(inputs, query)[0] == "rows"
    assert not joined_inputs(inputs.plan(query)), "\n".join(inputs.plan(query))


def test_explain_names_what_stays_postgresqls(inputs):
    lines = inputs.plan("select count(*) from t join (select k from s where same(k) > 3) x using (k)", 0, "verbose")
    assert any("partly used: expression: function same" in line for line in lines), "\n".join(lines)
    lines = inputs.plan(AROUND["grouped"].format(INPUTS["values"]), 0, "verbose")
    assert not any("partly used" in line for line in lines), "\n".join(lines)


# ---- early ends and errors ----

FAILS = "select 100 / (90 - g) as k from generate_series(1, 200) g offset 0"


# PostgreSQL reads these to the end whatever the other tables have.
READ_WHOLE = [
    f"select count(*), sum(k) from ({FAILS}) x",
    f"select s.label, count(x.k) from ({FAILS}) x left join s on s.k = x.k group by 1",
    f"select s.label, count(x.k) from s right join ({FAILS}) x on s.k = x.k group by 1",
    f"select s.label, x.k, count(*) from s full join ({FAILS}) x on s.k = x.k group by 1, 2",
    f"select x.k, count(*) from ({FAILS}) x where not exists (select from s where s.k = x.k) group by 1",
    f"select s.label, x.k from ({FAILS}) x left join s on s.k = x.k order by 1, 2 limit 3",
    f"select count(*) from (select x.k, count(*) c from ({FAILS}) x group by 1) y left join s on s.k = y.k",
]

# It may stop before it comes to the row that fails, or not come to the subquery at all.
NOT_READ_WHOLE = [
    "select count(*), max(x.k) from {0} join ({1}) x on x.k = {0}.k",
    "select {0}.k, count(*) from {0} join ({1}) x on x.k = {0}.k group by 1",
    "select count(*), max(x.k) from ({1}) x join {0} on x.k = {0}.k",
    "select count(*) from {0} left join ({1}) x on x.k = {0}.k",
    "select count(*) from ({1}) x right join {0} on x.k = {0}.k",
    "select count(*) from {0} where k in (select k from ({1}) x)",
    "select count(*) from {0} where k not in (select k from ({1}) x)",
    "select count(*) from {0} where exists (select from ({1}) x where x.k = {0}.k)",
    "select count(*) from {0} where not exists (select from ({1}) x where x.k = {0}.k)",
    "select count(*) from ({1}) x where exists (select from {0} where x.k = {0}.k)",
    "select count(*) from {0} join (select x.k, count(*) c from ({1}) x group by 1) y on y.k = {0}.k",
    "select count(*) from {0} join (select k from s union all select x.k from ({1}) x) y on y.k = {0}.k",
    "select count(*) from {0} a join {0} b on a.k = b.k join ({1}) x on x.k = a.k",
    "select x.k, s.label from ({1}) x join s on s.k = x.k limit 3",
    "select x.k, s.label from ({1}) x left join s on s.k = x.k limit 3",
    "select s.label from s where k in (select k from ({1}) x) limit 1",
]


@pytest.mark.parametrize("query", READ_WHOLE)
def test_errors_are_postgresqls(inputs, query):
    assert any("Plan Input 1" in line for line in inputs.plan(query, 2)), query
    outcome = inputs.assert_same(query)
    assert outcome[:2] == ("error", "22012"), outcome


@pytest.mark.parametrize("table", ("s", "nobody"))
@pytest.mark.parametrize("around", NOT_READ_WHOLE)
def test_no_error_that_postgresql_does_not_come_to(inputs, around, table):
    query = around.format(table, FAILS)
    assert_same_rows(inputs, query)
    harmless = around.format(table, "select g as k from generate_series(1, 200) g offset 0")
    if "limit" not in harmless:  # which rows these are is open
        assert_same_rows(inputs, harmless)
    assert joined_inputs(inputs.plan(harmless, 2)), "\n".join(inputs.plan(harmless, 2))


HARMLESS = [
    "select k, sum(n * (1 - n)) c from t group by k order by k limit 9 offset 1",
    "select k, avg(n) c from t group by k order by k limit 9 offset 1",
    "select k, lag(label) over (order by k, label) c from s",
    "select k, sum(n) over (order by k rows between 2 preceding and current row) c from s",
    "select k, count(distinct label) c from s group by k order by k limit 100 offset 1",
    "select k, case when n > 3 then label else 'few' end c from s order by k, label limit 100 offset 1",
    "select k, exists (select from odd where odd.id = s.k) c from s offset 0",
    "select k, label c from s where n < (select max(n) from t) order by k, label limit 100 offset 1",
    "select k, unnest(array[k, 3]) c from s",
    "select k, v % 7 c, v / 3 from t order by id limit 100 offset 1",
    "select k, label c from s where label like '%9%' and label not like 'again' order by k, label limit 100 offset 1",
    "select k, any_n c from s, wide where wide.id = s.k order by k limit 100 offset 1",
]

HARMFUL = [
    "select k, v + 1 c from t order by id limit 100 offset 1",
    "select k, 100 / k c from s offset 0",
    "select k, 100 % k c from s offset 0",
    "select k, k / -1 c from s offset 0",
    "select k, ntile(k) over (order by label) c from s",
    "select k, label c from s order by k limit (select min(k) from s)",
    "select k, (select id from odd where id = s.k) c from s offset 0",
    "select substr(label, 7)::int k, label c from s where label like 'label%' offset 0",
    "select k, same(k) c from s offset 0",
    r"select k, label c from s where label like 'a\\_%' order by k, label limit 100 offset 1",
    "select k, label c from s where 'label' like label order by k, label limit 100 offset 1",
    "select k, sum(any_n) c from s, wide where wide.id = s.k group by k order by k limit 100 offset 1",
    "select k, -any_n c from s, wide where wide.id = s.k order by k limit 100 offset 1",
    "select k, sum(n) over (order by k rows between (select 2 - min(k) from s) preceding and current row) c from s",
    "select k, sum(n) over (order by k range between 1 preceding and current row) c from s",
    "select k, sum(v / k) c from t where k > 0 group by k order by k limit 3 offset 1",
    "select k, label c from s where n < (select n from s order by n desc limit 1) order by k, label limit 100 offset 1",
    "select k, label c from s where n < (select max(100 / id) from odd) order by k, label limit 100 offset 1",
    "select k, exists (select from odd where 100 / odd.id = s.k) c from s offset 0",
    "select k, a < b c from texts where k > 100 offset 0",
    "select k, min(coalesce(a, b)) c from texts where k > 100 group by k order by k limit 9 offset 1",
    "select k, label c from s where label = md5('x') offset 0",
    "select k, label c from s order by k fetch first 3 rows with ties",
    "select k, array[a, b] c from arrays where k = 1 offset 0",
    "select k, array(select a from arrays b where b.k = arrays.k) c from arrays offset 0",
]


@pytest.mark.parametrize("taken, node", [(True, node) for node in HARMLESS] + [(False, node) for node in HARMFUL])
def test_what_may_raise(inputs, node, taken):
    query = f"select t.d, count(*), count(x.c) from t join ({node}) x on t.k = x.k group by t.d"
    assert_same_rows(inputs, query)
    lines = inputs.plan(query)
    assert bool(joined_inputs(lines)) == taken, "\n".join(lines)


def test_limit_leaves_the_rest_uncomputed(inputs):
    query = "select x.g, s.label from (select g from generate_series(1, 20000) g offset 0) x join s on s.k = x.g limit 2"
    lines = inputs.plan(query, 2, "analyze, costs off, timing off")
    function = [line for line in lines if "Function Scan" in line and "actual" in line]
    assert any(re.search(r"actual rows=\d{1,3} ", line) for line in function), "\n".join(lines)


def test_cancelled_inside(inputs, directory, database):
    inputs.execute("""create or replace function slow(int) returns int language plpgsql stable as
                      'begin perform pg_sleep(0.05); return $1; end'""")
    query = "select t.d, count(*) from t join (select slow(g) k from generate_series(1, 400) g offset 0) x using (k) group by 1"
    for workers in (0, 2):
        assert inputs.is_taken(query, workers)
        victim = Session(directory, database, statement_timeout="400ms", search_path="plan_inputs")
        assert victim.outcome(query, "force", workers)[:2] == ("error", "57014")
        assert victim.outcome("select 1", "force")[0] == "rows"
        victim.connection.close()


def test_terminated_inside(inputs, directory, database):
    query = "select t.d, count(*) from t join (select slow(g) k from generate_series(1, 400) g offset 0) x using (k) group by 1"
    for workers in (0, 2):
        victim = Session(directory, database, search_path="plan_inputs")
        pid = victim.execute("select pg_backend_pid()").fetchone()[0]
        outcomes = []
        thread = threading.Thread(target=lambda: outcomes.append(victim.outcome(query, "force", workers)))
        thread.start()
        time.sleep(0.5)
        inputs.execute(f"select pg_terminate_backend({pid})")
        thread.join(20)
        assert outcomes and outcomes[0][0] == "error", outcomes


# ---- runs inside of runs ----

NESTED = {
    "below a window": "select x.r, x.c, count(*) from (select k, c, rank() over (order by c, k) r from "
                      "(select k, count(*) c from t group by k) g) x join t on t.k = x.k group by 1, 2",
    "CTE read twice": "with c as materialized (select k, sum(v) v from t group by k) select count(*), sum(x.v), max(y.v) "
                      "from c x join t on t.k = x.k join c y on y.k = t.v",
    "both sides": "select count(*), sum(x.c) from (select k, count(*) c from t group by k order by k offset 1) x join "
                  "(select v, count(*) d from t group by v order by v offset 1) y on x.k = y.v",
    "three deep": "select a.k, count(*) from (select k, r from (select k, rank() over (order by k) r from (select b.k from "
                  "(select k, count(*) c from t group by k order by k offset 2) b join s on s.k = b.k) e) f) a "
                  "join t on t.k = a.k group by 1",
    "function that queries": "select x.n, count(*) from (select counted(g) n from generate_series(1, 20) g offset 0) x "
                             "join t on t.k = x.n group by 1",
}


@pytest.mark.parametrize("name", NESTED)
def test_a_run_inside_of_a_run(inputs, name):
    inputs.execute("""create or replace function counted(int) returns int language plpgsql stable as
                      'begin return (select count(*) % 90 from t join s on s.k = t.k where t.v < $1); end'""")
    inputs.assert_same(NESTED[name])
    lines = inputs.plan(NESTED[name], 2, "analyze, costs off, timing off")
    if name != "function that queries":
        assert sum("Custom Scan (Sluice)" in line for line in lines) >= 2, "\n".join(lines)
        assert sum("Workers Launched" in line for line in lines) >= 1, "\n".join(lines)


@pytest.mark.parametrize("limit", (3, 1))
def test_more_runs_than_workers(inputs, limit):
    inputs.execute(f"set max_parallel_workers = {limit}")
    for query in NESTED.values():
        inputs.assert_same(query, workers=(2, 4))
    inputs.execute("reset max_parallel_workers")


def test_errors_inside_of_a_run_inside(inputs):
    query = ("select count(*), max(r) from (select k, rank() over (order by c) r from (select k, sum(100 / (v - 400)) c from t "
             "group by k) g) x join t on t.k = x.k")
    assert inputs.assert_same(query)[:2] == ("error", "22012")


# ---- again and again ----

def test_abandoned_runs_read_the_nodes_again(inputs):
    inputs.execute("set work_mem = '64kB'; set hash_mem_multiplier = 1")
    nested = "select k, c, rank() over (order by c, k) m from (select k, count(*) c from t group by k) g"
    for node in (nested, *(INPUTS[name] for name in ("CTE", "recursive CTE", "function", "init plan inside", "window sum",
                                                     "init plan in a branch", "correlated subquery"))):
        query = f"select t.id, t.name, x.k, count(*), max(t.v) from t left join ({node}) x on t.k = x.k group by 1, 2, 3"
        expected = inputs.outcome(query, "off")
        for workers in (0, 2):
            assert inputs.outcome(query, "force", workers) == expected, query
        assert "Abandoned" in "\n".join(inputs.plan(query, 0, "analyze, costs off")), query
    inputs.execute("reset work_mem; reset hash_mem_multiplier")


@pytest.mark.parametrize("subquery", [
    "select x.g from (select g from generate_series(1, 30) g offset 0) x join s on s.k = x.g where s.n < 100",
    "select s.k from s join (select v, rank() over (order by id) r from t limit 300) x on x.v = s.k",
    "select count(*) from (select k, count(*) c from t group by k order by k limit 20 offset 1) x join s on s.k = x.k group by c",
])
def test_rescans_read_them_from_the_first_row(inputs, subquery):
    query = f"select count(*) from generate_series(1, 40) i where i % 35 > all ({subquery})"
    inputs.execute("set enable_material = off")
    expected = inputs.outcome(query, "off")
    for workers in WORKER_COUNTS:
        assert inputs.outcome(query, "force", workers) == expected
    lines = "\n".join(inputs.plan(query, 2, "analyze, costs off, timing off"))
    assert "loops=40" in lines and "Plan Input 1" in lines, lines
    inputs.execute("reset enable_material")


def test_rescans_with_other_parameters(inputs):
    query = ("select i, (select count(*) from s join (select g from generate_series(1, i) g offset 0) x on x.g = s.k), "
             "(select sum(m) from (select max(v) m from t where k > i group by k limit 5) y) from generate_series(1, 12) i")
    expected = inputs.outcome(query, "off")
    for workers in (0, 2):
        assert inputs.outcome(query, "force", workers) == expected


def test_cursors_read_on(inputs):
    query = ("select t.id, x.r from t join (select v, rank() over (order by id) r from t where id < 300) x on x.v = t.id "
             "order by 1, 2")
    unsorted = "select x.r, s.label from (select v, rank() over (order by id) r from t where id < 300) x left join s on s.k = x.v"
    for statement in (query, unsorted):
        expected = inputs.outcome(statement, "off")
        for workers in (0, 2):
            inputs.execute(f"set sluice.mode = force; set sluice.workers = {workers}")
            inputs.execute("begin; declare c no scroll cursor for " + statement)
            rows = []
            while part := inputs.execute("fetch 70 from c").fetchall():
                rows += part
                inputs.execute(AROUND["counted"].format(INPUTS["window"]))
            inputs.execute("commit")
            assert sorted(map(repr, rows)) == expected[2]


def test_an_abandoned_run_reads_a_cte_again_that_a_scrolling_cursor_may_rewind(inputs):
    statement = ("with c as materialized (select k, sum(n) total from huge group by k) "
                 "select s.label, max(c.total) from s join c on s.k = c.k group by s.label order by 1")
    expected = inputs.outcome(statement, "off")
    inputs.execute("set sluice.mode = force; set sluice.workers = 0")
    inputs.execute("begin; declare c cursor for " + statement)
    rows = inputs.execute("fetch all from c").fetchall()
    inputs.execute("commit")
    assert sorted(map(repr, rows)) == expected[2]


def test_plan_inputs_are_on_by_default(inputs):
    query = "select t.d, count(*) from t join (values (1), (2)) x(k) on x.k = t.k group by t.d"
    for setting, taken in (("off", False), ("default", True)):
        inputs.execute(f"set sluice.plan_inputs = {setting}; set sluice.mode = force; set sluice.workers = 0")
        plan = "\n".join(line for (line,) in inputs.execute("explain " + query).fetchall())
        assert ("Plan Input" in plan) == taken, plan


def test_cached_plans(inputs):
    inputs.execute("set plan_cache_mode = force_generic_plan")
    text = ("(int, int) as select t.d, count(*), sum(x.c) from t join (select g k, g * $2 c from generate_series(1, $1) g "
            "offset 0) x on x.k = t.k where t.v > $2 group by t.d")
    inputs.execute("set sluice.mode = off; prepare plain" + text)
    for workers in (0, 2):
        inputs.execute(f"set sluice.mode = force; set sluice.workers = {workers}; prepare taken" + text)
        for first, second in ((10, 3), (50, 0), (0, 1), (99, 500)):
            expected = inputs.outcome(f"execute plain({first}, {second})", "off")
            assert inputs.outcome(f"execute taken({first}, {second})", "force", workers) == expected
        inputs.execute("deallocate taken")
    inputs.execute("deallocate plain; reset plan_cache_mode")


def test_rows_go_into_tables(inputs):
    inputs.execute("drop table if exists target; create table target (d date, c bigint)")
    inputs.execute("set sluice.mode = force; set sluice.workers = 2")
    query = f"select t.d, count(*) n from t join ({INPUTS['union']}) x on t.k = x.k group by t.d"
    inputs.execute(f"insert into target select d, n from ({query}) q")
    assert inputs.execute("select count(*), sum(c) from target").fetchone() == inputs.execute(
        f"select count(*), sum(n)::numeric from ({query}) q").fetchone()
    inputs.execute("drop table target")


def test_temporary_tables_and_transition_tables(inputs):
    inputs.execute("""
        drop table if exists temp_k, logged; create temp table temp_k as select g k from generate_series(1, 50) g;
        create table logged (d date, c bigint);
        create or replace function log_rows() returns trigger language plpgsql as $$
        begin insert into logged select t.d, count(*) from fresh join t on t.k = fresh.id group by t.d; return null; end $$;
        create trigger log_rows after insert on odd referencing new table as fresh
        for each statement execute function log_rows()""")
    inputs.assert_same("select t.d, count(*) from t join (select k, row_number() over (order by k) from temp_k) x "
                       "on x.k = t.k group by t.d", workers=(0, 2))
    sums = []
    for mode in ("off", "force"):
        inputs.execute(f"set sluice.mode = {mode}; truncate logged; insert into odd select generate_series(1, 20)")
        sums.append(inputs.execute("select count(*), sum(c) from logged").fetchone())
    assert sums[0] == sums[1], sums
    inputs.execute("drop trigger log_rows on odd; delete from odd; insert into odd select generate_series(1, 100)")


# ---- plans ----

def test_analyze_counts_their_rows(inputs):
    query = "select t.d, count(*) from t join (select g from generate_series(1, 77) g offset 0) x on x.g = t.k group by t.d"
    lines = inputs.plan(query, 2, "analyze, costs off, timing off, summary off")
    assert any("Plan Input 1: Function Scan (actual rows=77 batches=3)" in " ".join(line.split()) for line in lines), \
        "\n".join(lines)
    assert any("->  Function Scan on generate_series g (actual rows=77 loops=1)" in line for line in lines), "\n".join(lines)
    assert not any("Hash Join (" in line for line in lines), "\n".join(lines)  # PostgreSQL's own plan


@pytest.mark.parametrize("query", [
    "select count(*), sum(g) from generate_series(1, 100000) g",
    "select count(*) from (select id from t limit 3000) x",
    "select count(*), max(r) from (select rank() over (order by v) r from t) x",
    "with recursive r(k) as (select 1 union all select k + 1 from r where k < 2000) select count(*) from r",
])
def test_auto_does_not_read_rows_for_nothing(inputs, query):
    inputs.execute("set sluice.mode = auto; set sluice.workers = 0")
    inputs.execute("explain " + query)
    lines = [line for (line,) in inputs.cursor.fetchall()]
    assert not any("Sluice" in line for line in lines), "\n".join(lines)


def test_auto_takes_what_is_worth_it_beside_what_is_not(inputs):
    inputs.execute("set sluice.mode = auto; set sluice.workers = 0; set max_parallel_workers_per_gather = 0")
    inputs.execute("explain select a.d, count(*), sum(b.v) from t a join t b using (k) group by a.d union all "
                   "select null, count(*), sum(g) from generate_series(1, 100000) g")
    lines = [line for (line,) in inputs.cursor.fetchall()]
    inputs.execute("reset max_parallel_workers_per_gather")
    assert sum("Custom Scan (Sluice)" in line for line in lines) == 1, "\n".join(lines)
    assert not any("Plan Input" in line for line in lines), "\n".join(lines)


def test_auto_joins_values_with_a_large_table(inputs):
    inputs.execute("set sluice.mode = auto; set sluice.workers = 0")
    inputs.execute("explain select t.d, x.name, count(*), sum(t.n) from t join (values (1, 'one'), (2, 'two')) as "
                   "x(k, name) on x.k = t.k group by 1, 2")
    lines = [line for (line,) in inputs.cursor.fetchall()]
    assert any("Plan Input 1: Values Scan" in line for line in lines), "\n".join(lines)
