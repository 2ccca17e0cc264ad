"""Cancel, timeout, termination, errors of workers, cursors, cached plans: the session goes on."""

import os
import pathlib
import signal
import threading
import time

import psycopg2
import pytest
import tpch
from conftest import Session, maps_of

SLOW = ("select count(*), sum(a.n * b.n) from big a join big b on a.g = b.g "
        "join big c on b.g = c.g where a.n + b.n + c.n > 0")
QUICK = "select g, count(*), sum(d) from big group by g"


@pytest.fixture(scope="module")
def big(session):
    """`big` joins with itself into far more rows than anybody waits for."""
    session.execute("""
        drop table if exists big;
        create table big (g int, n int8, d numeric(12,2), t text);
        insert into big select i % 40, i, i * 1.25, 'row ' || i from generate_series(1, 60000) i;
        analyze big;
    """)
    session.execute("set work_mem = '256MB'")
    return session


def assert_session_works(session):
    expected = session.outcome(QUICK, "off")
    for workers in (0, 2):
        assert session.outcome(QUICK, "force", workers) == expected


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited for a minute"
        time.sleep(0.01)


def is_running(directory, pid):
    with tpch.connect(directory, "postgres").cursor() as cursor:
        cursor.execute("select state = 'active' from pg_stat_activity where pid = %s", (pid,))
        row = cursor.fetchone()
        return row is not None and row[0]


@pytest.mark.parametrize("workers", (0, 1, 2, 4))
def test_statement_timeout(big, workers):
    assert big.is_taken(SLOW, workers)
    big.execute("set statement_timeout = '300ms'")
    outcome = big.outcome(SLOW, "force", workers)
    big.execute("reset statement_timeout")
    assert outcome[:2] == ("error", "57014")
    assert_session_works(big)


@pytest.mark.parametrize("workers", (0, 2))
@pytest.mark.parametrize("delay_ms", (0, 3, 10, 40, 200))
def test_cancel_at_any_moment(big, workers, delay_ms):
    assert big.is_taken(SLOW, workers)
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(big.outcome(SLOW, "force", workers)))
    thread.start()
    wait_until(lambda: is_running(big.directory, big.connection.info.backend_pid))
    time.sleep(delay_ms / 1000)
    while thread.is_alive():
        big.connection.cancel()
        thread.join(1)
    assert outcomes[0][:2] == ("error", "57014")
    assert_session_works(big)


@pytest.mark.parametrize("delay_ms", (0, 5, 20, 100))
def test_terminate_the_leader(directory, database, big, delay_ms):
    victim = Session(directory, database, work_mem="256MB")
    pid = victim.connection.info.backend_pid
    failures = []

    def run():
        try:
            victim.rows(SLOW, "force", 2)
        except psycopg2.Error as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: is_running(directory, pid))
    time.sleep(delay_ms / 1000)
    big.execute("select pg_terminate_backend(%s)", (pid,))
    thread.join(60)
    assert not thread.is_alive() and failures
    wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists())
    wait_until(lambda: not has_workers(directory))
    assert_session_works(big)


def has_workers(directory):
    with tpch.connect(directory, "postgres").cursor() as cursor:
        cursor.execute("select count(*) from pg_stat_activity where backend_type = 'parallel worker'")
        return cursor.fetchone()[0] > 0


def test_terminate_a_worker(big):
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(big.outcome(SLOW, "force", 2)))
    thread.start()
    wait_until(lambda: has_workers(big.directory))
    with tpch.connect(big.directory, "postgres").cursor() as cursor:
        cursor.execute("select pg_terminate_backend(pid) from pg_stat_activity "
                       "where backend_type = 'parallel worker' limit 1")
    thread.join(60)
    assert not thread.is_alive()
    assert outcomes[0][:2] == ("error", "57P01"), outcomes
    assert_session_works(big)


@pytest.mark.parametrize("workers", (0, 1, 2, 4))
def test_an_error_keeps_its_sqlstate_and_message(big, workers):
    query = "select sum(n::int4 * 100000) from big where n > 59000"
    big.execute("drop table if exists overflowing; create table overflowing as "
                "select n::int4 as n, g from big; analyze overflowing")
    query = "select g, sum(n * 100000) from overflowing group by g"
    assert big.is_taken(query, workers)
    expected = big.outcome(query, "off")
    assert expected[:3] == ("error", "22003", "integer out of range")
    assert big.outcome(query, "force", workers) == expected
    assert_session_works(big)


def test_no_error_for_rows_that_postgresql_would_not_evaluate(big):
    big.assert_same("select count(*) from overflowing where n < 10 and n * 100000 > 5")
    big.assert_same("select sum(case when n < 100 then n * 100000 else 0 end) from overflowing")


def test_repeated_queries_leave_nothing_mapped(big):
    process = pathlib.Path(f"/proc/{big.connection.info.backend_pid}")
    big.rows(QUICK, "force", 2)
    before = maps_of(process).count("/dev/shm/PostgreSQL")
    for _ in range(20):
        big.rows(QUICK, "force", 2)
    assert maps_of(process).count("/dev/shm/PostgreSQL") == before


def test_limit_stops_early_and_cleanly(big):
    query = "select a.n, b.n from big a join big b on a.g = b.g limit 5"
    for workers in (0, 1, 2, 4):
        assert big.is_taken(query, workers)
        assert len(big.rows(query, "force", workers)[1]) == 5
    assert_session_works(big)


def test_cursor_fetches_in_pieces(big):
    query = "select b.g, count(*), sum(a.n) from big a join big b on a.n = b.n group by b.g"
    expected = sorted(big.rows(query, "off")[1])
    big.execute("set sluice.mode = force; set sluice.workers = 2")
    big.execute("begin; declare c no scroll cursor for " + query)
    rows = []
    while True:
        big.execute("fetch 7 from c")
        piece = big.cursor.fetchall()
        if not piece:
            break
        rows += piece
    big.execute("commit")
    assert sorted(rows) == expected


def test_cursor_closed_in_the_middle(big):
    big.execute("set sluice.mode = force; set sluice.workers = 2")
    big.execute("begin; declare c cursor for select a.n from big a join big b on a.g = b.g")
    big.execute("fetch 3 from c")
    assert len(big.cursor.fetchall()) == 3
    big.execute("close c; commit")
    assert_session_works(big)


@pytest.mark.parametrize("plan_cache_mode", ("force_generic_plan", "force_custom_plan"))
def test_prepared_statement_with_parameters(big, plan_cache_mode):
    big.execute(f"set plan_cache_mode = {plan_cache_mode}")
    for mode in ("off", "force"):
        big.execute(f"set sluice.mode = {mode}; set sluice.workers = 2")
        big.execute("prepare p(int, date) as select count(*), sum(n) from big where g < $1 and $2 is not null")
        results = []
        for argument in ("3", "17", "null", "0"):
            big.execute(f"execute p({argument}, '2020-01-01')")
            results.append(big.cursor.fetchall())
        big.execute("deallocate p")
        if mode == "off":
            expected = results
    big.execute("reset plan_cache_mode")
    assert results == expected


def test_plpgsql_function(big):
    big.execute("""
        create or replace function totals(floor_g int) returns table (g int, s numeric) as $$
        begin
          return query select b.g, sum(b.d) from big b where b.g > floor_g group by b.g;
        end $$ language plpgsql
    """)
    expected = big.outcome("select * from totals(30)", "off")
    assert big.outcome("select * from totals(30)", "force", 2) == expected


@pytest.mark.parametrize("statement", [
    "create table copied as select a.g, sum(b.d) as s from big a join big b on a.n = b.n group by a.g",
    "insert into copied select a.g, sum(b.d) from big a join big b on a.n = b.n group by a.g",
])
def test_writing_what_a_query_gives(big, statement):
    contents = {}
    for mode in ("off", "force"):
        big.execute("drop table if exists copied; create table if not exists copied (g int, s numeric)")
        if statement.startswith("create"):
            big.execute("drop table copied")
        big.execute(f"set sluice.mode = {mode}; set sluice.workers = 2")
        big.execute(statement)
        contents[mode] = big.rows("select * from copied order by g", "off")
    assert contents["off"] == contents["force"]


def test_copy_to(big, tmp_path):
    outputs = []
    for mode in ("off", "force"):
        big.execute(f"set sluice.mode = {mode}; set sluice.workers = 2")
        path = tmp_path / mode
        with open(path, "w") as file:
            big.cursor.copy_expert("copy (select g, sum(d) from big group by g order by g) to stdout", file)
        outputs.append(path.read_text())
    assert outputs[0] == outputs[1] and outputs[0]


def test_sees_its_own_transaction_and_not_what_came_later(directory, database, big):
    big.execute("drop table if exists moving; create table moving (n int); "
                "insert into moving select generate_series(1, 5000); analyze moving")
    other = Session(directory, database)
    big.execute("begin isolation level repeatable read")
    big.execute("insert into moving select generate_series(1, 10)")
    query = "select count(*), sum(n) from moving"
    expected = big.outcome(query, "off")
    other.execute("update moving set n = n + 1 where n % 2 = 0; delete from moving where n % 7 = 0")
    for workers in (0, 2):
        assert big.outcome(query, "force", workers) == expected == big.outcome(query, "off")
    big.execute("rollback")
    for workers in (0, 2):
        assert big.outcome(query, "force", workers) == big.outcome(query, "off")
    other.connection.close()


def test_rescan_under_a_nested_loop(big):
    query = ("select x.i, s.g, s.c from generate_series(1, 4) x(i), lateral "
             "(select b.g, count(*) as c from big b group by b.g offset 0) s where s.g < x.i")
    expected = big.outcome(query, "off")
    big.execute("set enable_material = off")
    for workers in (0, 2):
        assert big.outcome(query, "force", workers) == expected
    big.execute("reset enable_material")


def test_workers_leave_at_the_end_of_rows_that_nobody_rescans(big):
    """While the leader goes on: an InitPlan's workers do not wait for the end of the query."""
    query = "select (select count(*) from big a join big b on a.n = b.n), pg_sleep(60)"
    assert big.is_taken(query, 2)
    plan = big.plan(query.replace("60", "0"), 2, "analyze, costs off, timing off")
    assert any("Workers Launched: 2" in line for line in plan), plan
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(big.outcome(query, "force", 2)))
    thread.start()
    try:
        wait_until(lambda: sleeps(big.directory, big.connection.info.backend_pid))
        deadline = time.monotonic() + 20
        while has_workers(big.directory) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not has_workers(big.directory)
        assert sleeps(big.directory, big.connection.info.backend_pid), "they left with the query"
    finally:
        while thread.is_alive():
            big.connection.cancel()
            thread.join(1)
    assert outcomes[0][:2] == ("error", "57014")
    assert_session_works(big)


def sleeps(directory, pid):
    with tpch.connect(directory, "postgres").cursor() as cursor:
        cursor.execute("select wait_event = 'PgSleep' from pg_stat_activity where pid = %s", (pid,))
        return cursor.fetchone() == (True,)


@pytest.mark.parametrize("workers", (0, 1, 2))
def test_two_runs_in_one_statement(big, workers):
    """One of an InitPlan, one of the query around it; both are counted whole."""
    query = "select count(*), sum(a.n) from big a join big b on a.n = b.n where a.n > (select avg(n) from big)"
    lines = big.plan(query, workers, "analyze, costs off, timing off")
    assert sum("Custom Scan (Sluice)" in line for line in lines) == 2, lines
    launched = [line.strip() for line in lines if "Workers Launched" in line]
    assert launched == [f"Workers Launched: {workers}"] * 2 if workers else not launched, lines
    scans = [line for line in lines if "Seq Scan on big " in line or line.endswith("Seq Scan on big")]
    assert any("rows=60000" in line for line in scans), lines
    big.assert_same(query)


def test_timeout_within_one_pattern_match(directory, database, big):
    """A pattern that fails late at every place of a long text: hours, if it could not be ended."""
    victim = Session(directory, database)
    victim.execute("""
        drop table if exists long_text;
        create table long_text (t text);
        alter table long_text alter t set storage external;
        insert into long_text select repeat('a', 30000000);
        analyze long_text""")
    query = "select count(*) from long_text where t like '%_" + "a" * 20000 + "b%'"
    assert victim.is_taken(query)
    victim.execute("set statement_timeout = '200ms'")
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(victim.outcome(query, "force")))
    thread.start()
    thread.join(60)
    if thread.is_alive():
        os.kill(victim.connection.info.backend_pid, signal.SIGKILL)  # nothing else ends it
    assert outcomes and outcomes[0][:2] == ("error", "57014"), outcomes
    assert_session_works(big)
