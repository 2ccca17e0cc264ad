"""What is in the rows of plan inputs: values of all kinds, and the digits of numerics."""

import pytest

from conftest import WORKER_COUNTS
from plan_input_cases import assert_same_rows, inputs, joined_inputs

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
