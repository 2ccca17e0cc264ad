"""Plan inputs that are executed again: abandoned runs, rescans, cursors, cached plans; and runs inside of them."""

import pytest

from conftest import WORKER_COUNTS
from plan_input_cases import AROUND, INPUTS, inputs

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
