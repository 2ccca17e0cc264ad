"""Values known only when a run begins: parameters of generic plans, init plans, stable functions."""

import pytest


@pytest.fixture(scope="module")
def tables(session):
    session.execute("""
        drop table if exists facts, nothing;
        create table facts (id int not null, amount numeric(10,2), day date);
        insert into facts select i, i * 1.5, date '2024-01-01' + i % 400
          from generate_series(1, 5000) i;
        create table nothing (id int);
        analyze facts;
        create or replace function own_divide(int) returns int language plpgsql stable parallel safe
          as 'begin return 100 / $1; end';
        set plan_cache_mode = force_generic_plan
    """)
    yield session
    session.execute("deallocate all; reset plan_cache_mode")


def prepared(session, types, query, arguments, taken=True, workers=(0, 2)):
    """Prepares and executes in every mode; plans do not outlive the mode they were made in."""
    session.execute("deallocate all")
    session.execute(f"prepare statement({types}) as {query}")
    execute = f"execute statement({arguments})"

    def outcome(mode, count=0):
        session.execute("discard plans")
        return session.outcome(execute, mode, count)

    expected = outcome("off")
    for count in workers:
        session.execute("discard plans")
        assert session.is_taken(execute, count) == taken, "\n".join(session.plan(execute, count))
        assert outcome("force", count) == expected
    return expected


def test_error_of_a_value_that_no_row_needs_is_not_raised(tables):
    query = "select count(*) from facts where id < 0 and id = 100 / $1"
    assert prepared(tables, "int", query, "0")[0] == "rows"


def test_error_of_a_value_in_a_branch_never_taken_is_not_raised(tables):
    query = "select sum(case when id < 0 then 100 / $1 else 1 end) from facts"
    assert prepared(tables, "int", query, "0")[0] == "rows"


def test_error_of_a_value_over_an_empty_table_is_not_raised(tables):
    assert prepared(tables, "int", "select count(*) from nothing where id = 1 / $1", "0")[0] == "rows"


def test_error_of_a_value_that_a_row_needs_is_raised(tables):
    query = "select count(*) from facts where id = 100 / $1"
    assert prepared(tables, "int", query, "0")[:2] == ("error", "22012")


def test_value_is_the_run_s_own(tables):
    query = "select count(*), sum(amount) from facts where day >= $1 - 30 and id < $2 * 2"
    assert prepared(tables, "date, int", query, "'2024-06-01', 2000")[0] == "rows"


def test_function_that_is_not_built_in_is_postgresqls(tables):
    """PostgreSQL executes the scan, and comes to no row for which it needs the function."""
    query = "select count(*) from facts where id < 0 and id = own_divide($1)"
    assert prepared(tables, "int", query, "0")[0] == "rows"


def test_built_in_function_that_runs_statements_is_postgresqls(tables):
    tables.execute("create or replace view failing as select 1 / (id - id) as x from facts")
    query = "select count(*) from facts where id < 0 and id = length(table_to_xml($1, true, true, '')::text)"
    assert prepared(tables, "regclass", query, "'failing'")[0] == "rows"


def test_error_of_an_init_plan_is_raised(tables):
    """As PostgreSQL's Gather does, Sluice runs init plans before the run."""
    tables.execute("discard plans")
    outcome = tables.assert_same(
        "select count(*) from facts where id = (select id from facts where id < 3)", workers=(0, 2))
    assert outcome[:2] == ("error", "21000")


def test_value_computed_from_an_init_plan(tables):
    tables.execute("discard plans")
    tables.assert_same("select count(*) from facts where amount > 0.5 * (select avg(amount) from facts)")


BOUNDS = ("1.5", "1.505", "-1.505", "1.5000000000000000000000000", "0", "-0.001", "7500.004999999999999999999",
          "99999999999", "-99999999999", "1e30", "-1e30", "'NaN'", "null", "'Infinity'", "'-Infinity'", "1e-37",
          "1e60", "1.1e-60")


@pytest.mark.parametrize("operator", ("<", "<=", ">", ">=", "=", "<>"))
def test_decimals_compared_with_a_numeric_of_any_scale(tables, operator):
    tables.execute("""
        drop table if exists amounts;
        create table amounts (small numeric(4,2), large numeric(36,2), whole int);
        insert into amounts values ('NaN', 'NaN', 1), (null, null, null), (1.5, 1.5, 1), (1.51, 1.51, 2),
          (-1.5, -1.5, -1), (-1.51, -1.51, -2), (0, 0, 0), (99.99, 9999999999999999999999999999999999.99, 99),
          (-99.99, -9999999999999999999999999999999999.99, -99);
        insert into amounts select i % 3, 7500 + i * 0.01, i from generate_series(-3, 3) i;
        analyze amounts""")
    for bound in BOUNDS:
        for column in ("small", "large", "whole", "small * 1.5"):
            prepared(tables, "numeric", f"select count(*), sum(whole) from amounts where {column} {operator} $1",
                     bound)
            prepared(tables, "numeric", f"select count(*), sum(whole) from amounts where $1 {operator} {column}",
                     bound, workers=(0,))


def test_decimals_compared_with_an_init_plan_of_any_scale(tables):
    tables.execute("discard plans")
    for bound in ("avg(amount)", "avg(amount) / 3", "max(amount) * 0.999999999", "sum(id)"):
        tables.assert_same("select day, count(*), sum(amount) from facts where amount > "
                           f"(select {bound} from facts where id > 10) group by day")
    tables.assert_same("select count(*) from facts where amount < (select avg(amount) from facts where id < 0)")
    tables.assert_same("select day, sum(amount) from facts group by 1 having sum(amount) > "
                       "(select sum(amount) * 0.0025 from facts)")
