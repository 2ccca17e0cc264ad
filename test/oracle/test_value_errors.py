"""Errors of values: PostgreSQL may meet another one first, or none. As long as no row has gone out
its plan decides."""

import psycopg2
import pytest


@pytest.fixture(scope="module")
def tables(session):
    session.execute("""
        create table ve_pairs (a int, b int, c int2, d int2, x int, y int);
        insert into ve_pairs values (1, 1, 32767, 2, 1, 0), (2147483647, 1, 1, 1, 2147483647, 1);
        create table ve_outer (k int, z int);
        insert into ve_outer select g, g from generate_series(1, 20000) g;
        create table ve_inner (k int, x int);
        insert into ve_inner select g, case g when 1 then 100000 else 1 end from generate_series(1, 1000) g;
        create table ve_first (k int, z int);
        insert into ve_first select g, case g when 1 then 100000 else 1 end from generate_series(1, 20000) g;
        create table ve_half as select k from ve_outer where k <= 5000;
        create table ve_texts (k int, t text);
        insert into ve_texts select g, case g when 500 then 'x' else g::text end from generate_series(1, 1000) g;
        analyze ve_pairs, ve_outer, ve_inner, ve_first, ve_half, ve_texts""")
    session.execute("set enable_nestloop = off; set enable_mergejoin = off")
    yield session
    session.execute("reset enable_nestloop; reset enable_mergejoin")


@pytest.mark.parametrize("query", [
    "select sum(a + b), sum(c * d) from ve_pairs",
    "select sum(c * d), sum(a + b) from ve_pairs",
    "select count(*) from ve_pairs where x + 1 > 0 and 10 / y > 0",
    "select y, max(10 / y), min(x + 1) from ve_pairs group by y",
])
def test_the_first_row_that_raises_says_which_error(tables, query):
    """The engine goes expression by expression, PostgreSQL row by row."""
    tables.execute("set max_parallel_workers_per_gather = 0")
    try:
        assert tables.assert_same(query)[0] == "error"
    finally:
        tables.execute("reset max_parallel_workers_per_gather")


@pytest.mark.parametrize("query", [
    "select count(*) from ve_outer o join ve_inner i on o.k = i.k where o.z + 0 < 0 and i.x * 100000 > 5",
    "select count(*) from ve_outer o left join ve_inner i on o.k = i.k and i.x * 100000 > 5 where o.z + 0 < 0",
    "select count(*) from ve_outer o where o.z + 0 < 0 and not exists "
    "(select 1 from ve_inner i where i.k = o.k and i.x * 100000 > 5)",
])
def test_a_side_that_postgresql_does_not_come_to_raises_nothing(tables, query):
    """It looks for a row of the other side before it builds."""
    tables.execute("set max_parallel_workers_per_gather = 0")
    try:
        for workers in (0, 2):
            assert tables.outcome(query, "force", workers) == tables.outcome(query, "off")
        assert tables.outcome(query, "off")[0] == "rows"
    finally:
        tables.execute("reset max_parallel_workers_per_gather")


@pytest.mark.parametrize("condition", ["date_trunc(i.t, i.at) < '2100-01-01'", "i.t::regclass = 'pg_class'::regclass",
                                       "i.t::regtype = 'int4'::regtype", "(i.t || '(5)')::regtype = 'int4'::regtype"])
def test_nor_do_functions_whatever_their_errors_are(tables, condition):
    """Of other classes than data exceptions, and without leaving anything behind."""
    tables.execute("""create table if not exists ve_words (k int, t text, at timestamp);
                      truncate ve_words; insert into ve_words values (1, 'timezone', now()), (2, 'nosuch.t', now()),
                      (3, 'int4', now()); analyze ve_words""")
    query = f"select count(*) from ve_outer o join ve_words i on o.k = i.k where o.z + 0 < 0 and {condition}"
    tables.execute("set max_parallel_workers_per_gather = 0")
    try:
        for workers in (0, 2):
            del tables.connection.notices[:]
            assert tables.outcome(query, "force", workers) == tables.outcome(query, "off")
            assert tables.connection.notices == []
        assert tables.outcome(query, "off")[0] == "rows"
    finally:
        tables.execute("reset max_parallel_workers_per_gather")


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_row_that_postgresql_looks_at_before_it_builds_nothing(tables, workers):
    query = "select count(*) from ve_first o join ve_inner i on o.k = i.k where o.z * 100000 > 5 and i.x + 0 < 0"
    tables.execute("set max_parallel_workers_per_gather = 0")
    try:
        assert tables.outcome(query, "off")[1] == "22003"
        assert tables.outcome(query, "force", workers) == tables.outcome(query, "off")
    finally:
        tables.execute("reset max_parallel_workers_per_gather")


def test_an_empty_side_beside_one_that_raises_nothing_is_no_reason(tables):
    query = "select count(*) from ve_first o join ve_inner i on o.k = i.k where i.x + 0 < 0"
    for workers in (0, 2):
        lines = tables.plan(query, workers, "analyze, costs off, timing off")
        assert not any("Abandoned" in line for line in lines), "\n".join(lines)
        # The word is there where it is one.
        lines = tables.plan(query + " and o.z + 1 > 0", workers, "analyze, costs off, timing off")
        assert any("Abandoned" in line for line in lines), "\n".join(lines)


def test_rows_that_are_all_asked_for_may_raise(tables):
    """A limit or a cursor may stop; what inserts or appends reads to the end."""
    query = "select o.k from ve_outer o join ve_half i using (k) where o.k + 1 > 5"
    tables.execute("create table if not exists ve_taken (k int)")
    assert tables.is_taken("insert into ve_taken " + query)
    tables.assert_same(f"select count(*), sum(k) from ({query} union all select k from ve_inner offset 0) q")


@pytest.mark.parametrize("workers", [0, 1, 2, 4])
def test_errors_of_built_in_functions(tables, workers):
    """The engine calls PostgreSQL's function; its error has its own words, detail and place."""
    query = "select sum(t.t::int) from ve_texts t join ve_inner i using (k)"
    assert tables.is_taken(query, workers)
    assert tables.outcome(query, "force", workers) == tables.outcome(query, "off")
    assert tables.outcome(query, "force", workers)[1] == "22P02"


@pytest.mark.parametrize("workers", [0, 2])
def test_after_the_first_row_an_error_is_the_querys(tables, workers):
    """The rows before it have gone out: nobody can take them back."""
    query = "select o.k from ve_outer o join ve_half i using (k) where 10 / (o.k - 4500) > -100000"
    assert tables.is_taken(query, workers)
    expected = ("error", "22012", "division by zero", None, None)
    assert tables.outcome(query, "off") == expected
    assert tables.outcome(query, "force", workers) == expected


def test_rows_that_a_cursor_does_not_ask_for_raise_nothing(tables):
    """A batch is computed before its first row goes out."""
    query = "select o.k from ve_outer o join ve_half i using (k) where 10 / (o.k - 2500) > -100000"
    for mode in ("off", "force"):
        tables.execute(f"set sluice.mode = {mode}; set max_parallel_workers_per_gather = 0")
        tables.execute("begin")
        tables.execute("declare c no scroll cursor for " + query)
        tables.execute("fetch 2000 from c")
        assert len(tables.cursor.fetchall()) == 2000, mode
        tables.execute("rollback")
        tables.execute(query + " limit 2000")
        assert len(tables.cursor.fetchall()) == 2000, mode
    tables.execute("reset max_parallel_workers_per_gather")
    assert tables.is_taken(query)
    assert tables.is_taken(query.replace("10 / (o.k - 2500) > -100000", "o.k <> 2500") + " limit 2000")


def test_users_functions_are_not_called_again(tables):
    """They may say that they were called: then the run's error is the query's."""
    tables.execute("""create or replace function ve_told(i int) returns int immutable parallel safe
        language plpgsql as $$begin if i = 1 then raise notice 'told'; end if; return i; end$$""")
    del tables.connection.notices[:]
    tables.execute("set sluice.mode = force; set sluice.workers = 0")
    with pytest.raises(psycopg2.errors.DivisionByZero):
        tables.execute("select sum(10 / (ve_told(o.k) - 20000)) from ve_outer o join ve_outer i using (k)")
    assert len(tables.connection.notices) == 1, tables.connection.notices


def test_nor_below_a_node_that_postgresql_executes(tables):
    """Its rows are read by the run, and once more by the plan that answers for a run given up."""
    tables.execute("""create or replace function ve_noisy(i int) returns bool stable parallel safe
        language plpgsql as $$begin raise notice 'n %', i; return true; end$$""")
    query = ("select sum(10 / (q.y - 3)) from ve_outer o join "
             "(select y from generate_series(1, 3) y where ve_noisy(y) offset 0) q on o.k = q.y")
    assert any("Plan Input" in line for line in tables.plan(query)), tables.plan(query)
    told = []
    for mode in ("off", "force"):
        del tables.connection.notices[:]
        tables.execute(f"set sluice.mode = {mode}; set sluice.workers = 0")
        with pytest.raises(psycopg2.errors.DivisionByZero):
            tables.execute(query)
        told.append(len(tables.connection.notices))
    assert tables.is_taken(query) and told == [3, 3], (told, tables.plan(query))
