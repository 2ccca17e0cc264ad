"""What may not be a plan input since it would raise or do what PostgreSQL does not; early ends and errors."""

import re
import threading
import time

import pytest

from conftest import Session
from plan_input_cases import assert_same_rows, inputs, joined_inputs

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


def test_like_without_a_collation_is_planned(inputs):
    assert_same_rows(inputs, "select count(*), count(x.r) from s join (select k, row_number() over (order by k) r "
                             "from texts where coalesce(a, b) like 'a%') x on x.k = s.k")


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
    "select k, 100 / k c from s order by k, label limit 100 offset 1",
    "select k, 100 % k c from s order by k, label limit 100 offset 1",
    "select k, k / -1 c from s order by k, label limit 100 offset 1",
    "select k, ntile(k) over (order by label) c from s",
    "select k, label c from s order by k limit (select min(k) from s)",
    "select k, (select id from odd where id = s.k) c from s offset 0",
    "select substr(label, 7)::int k, label c from s where label like 'label%' order by s.k limit 100 offset 1",
    "select k, same(k) c from s order by k, label limit 100 offset 1",
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
    "select k, a < b c from texts where k > 100 order by k limit 9 offset 1",
    "select k, min(coalesce(a, b)) is null c from texts where k > 100 group by k order by k limit 9 offset 1",
    "select k, min(coalesce(a, b)) over (order by k) is null c from texts where k > 100",
    "select k, row_number() over (order by a) c from (select k, a from texts union all select k, b from texts) u "
    "where k > 100",
    "select id k, row_number() over (order by whole) c from wide",
    "select k, label c from s where label = md5(label) order by k limit 9 offset 1",
    "select k, label c from s order by k fetch first 3 rows with ties",
    "select k, array[a, b] c from arrays where k = 1 order by k limit 9 offset 1",
    "select k, array(select a from arrays b where b.k = arrays.k) c from arrays offset 0",
]


@pytest.mark.parametrize("taken, node", [(True, node) for node in HARMLESS] + [(False, node) for node in HARMFUL])
def test_what_may_raise(inputs, node, taken):
    query = f"select t.d, count(*), count(x.c) from t join ({node}) x on t.k = x.k group by t.d"
    assert_same_rows(inputs, query)
    lines = inputs.plan(query)
    assert bool(joined_inputs(lines)) == taken, "\n".join(lines)
    # That it may raise is all that keeps it out: it is taken where PostgreSQL reads it whole.
    lines = inputs.plan(f"select t.d, count(*), count(x.c) from ({node}) x left join t on t.k = x.k group by t.d")
    assert joined_inputs(lines), "\n".join(lines)


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
