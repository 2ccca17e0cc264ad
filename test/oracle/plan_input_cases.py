"""Tables, plan nodes that only PostgreSQL has, and the queries around them."""

import re

import pytest

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


def joined_inputs(lines):
    """The plan inputs that a run joins; a join that PostgreSQL executes may be one for an aggregate."""
    return [line for line in lines if re.search(r"Plan Input \d+: (?!Hash Join)", line)]


def assert_same_rows(inputs, query):
    """Whether a run is taken or not."""
    return inputs.assert_same(query, workers=(0, 2), taken=None)
