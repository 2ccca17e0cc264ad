"""Clients that are slow, go away, or are thrown out; and how much is shared memory asked for."""

import os
import pathlib
import re
import select
import threading
import time

import psycopg2
import pytest
import tpch
from conftest import Session
from server_state import ServerLog, run_watched, state_of, wait_until, workers_running

ENDLESS = ("select count(*), sum(a.n * b.n) from crowd a join crowd b on a.g = b.g "
           "join crowd c on b.g = c.g where a.n + b.n + c.n > 0")
ROWS = "select a.n, b.t from crowd a join crowd b on a.n = b.n"
QUICK = "select g, count(*), sum(d) from crowd group by g"


@pytest.fixture(scope="module")
def crowd(session):
    session.execute("""
        drop table if exists crowd;
        create table crowd (g int, n int8, d numeric(12,2), t text);
        insert into crowd select i % 40, i, i * 1.25, 'row ' || i from generate_series(1, 60000) i;
        analyze crowd; set work_mem = '256MB'
    """)
    return session


@pytest.fixture
def client(directory, database):
    opened = Session(directory, database, work_mem="256MB", client_connection_check_interval="100ms",
                     statement_timeout="120s")
    opened.execute("set sluice.mode = force; set sluice.workers = 2")
    yield opened
    opened.connection.close()


def pid_of(session):
    return session.connection.info.backend_pid


def assert_gone(directory, pid, session, log):
    wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the backend's end")
    wait_until(lambda: workers_running(directory) == 0, "the workers' end")
    expected = session.outcome(QUICK, "off")
    assert session.outcome(QUICK, "force", 2) == expected
    assert log.complaints() == []


@pytest.mark.parametrize("workers", (0, 2))
def test_client_vanishes_while_its_query_runs(directory, database, crowd, workers):
    log = ServerLog(directory)
    assert crowd.is_taken(ENDLESS, workers)
    options = (f"-c session_preload_libraries=sluice -c sluice.mode=force -c sluice.workers={workers} "
               "-c sluice.min_cost=0 -c work_mem=256MB -c client_connection_check_interval=100ms")
    connection = psycopg2.connect(host=tpch.socket_directory(directory), port=5432, user="postgres",
                                  dbname=database, options=options, async_=1)
    while connection.poll() != psycopg2.extensions.POLL_OK:
        select.select([connection.fileno()], [connection.fileno()], [], 1)
    pid = connection.info.backend_pid
    connection.cursor().execute(ENDLESS)
    wait_until(lambda: is_active(directory, pid), "the query's begin")
    connection.close()  # without a cancel: the socket is just closed
    assert_gone(directory, pid, crowd, log)


def is_active(directory, pid):
    with tpch.connect(directory, "postgres").cursor() as cursor:
        cursor.execute("select state = 'active' from pg_stat_activity where pid = %s", (pid,))
        row = cursor.fetchone()
        return row is not None and bool(row[0])


def test_client_leaves_in_the_middle_of_its_rows(directory, crowd, client):
    log = ServerLog(directory)
    pid = pid_of(client)

    class Full(Exception):
        pass

    class Sink:
        def write(self, _):
            raise Full

    with pytest.raises((psycopg2.Error, Full)):
        client.cursor.copy_expert(f"copy ({ROWS}) to stdout", Sink())
    client.connection.close()
    assert_gone(directory, pid, crowd, log)


def test_client_reads_one_row_a_second(directory, crowd, client):
    """Three rows, through COPY and through a cursor; meanwhile every seat sleeps."""
    asleep = []

    class Slow:
        rows = 0

        def write(self, text):
            self.rows += len(text.splitlines())
            if len(asleep) < 3:
                time.sleep(1)
                asleep.append(all(state in "SD" for state in states_of_seats(directory, pid_of(client))))

    slow = Slow()
    client.cursor.copy_expert(f"copy ({ROWS}) to stdout", slow)
    assert slow.rows == 60000
    assert asleep == [True, True, True]
    client.execute("begin; declare c no scroll cursor for " + ROWS)
    for _ in range(3):
        client.execute("fetch 1 from c")
        assert len(client.cursor.fetchall()) == 1
        time.sleep(1)
    client.execute("commit")


def states_of_seats(directory, leader):
    with tpch.connect(directory, "postgres").cursor() as cursor:
        cursor.execute("select pid from pg_stat_activity where leader_pid = %s or pid = %s", (leader, leader))
        states = [state_of(pid) for (pid,) in cursor.fetchall()]
    return [state[0] for state in states if state is not None]


@pytest.mark.parametrize("how", ("terminate", "close", "lose"))
def test_session_ends_with_an_open_cursor(directory, crowd, client, how):
    log = ServerLog(directory)
    pid = pid_of(client)
    client.execute("begin; declare c no scroll cursor for " + ROWS + "; fetch 5 from c")
    if how == "terminate":
        crowd.execute("select pg_terminate_backend(%s)", (pid,))
    elif how == "close":
        client.connection.close()
    else:
        os.close(client.connection.fileno())
    assert_gone(directory, pid, crowd, log)


def test_idle_timeout_ends_a_session_with_an_open_cursor(directory, crowd, client):
    log = ServerLog(directory)
    pid = pid_of(client)
    client.execute("set idle_in_transaction_session_timeout = '50ms'")
    client.execute("begin; declare c no scroll cursor for " + ROWS + "; fetch 5 from c")
    assert_gone(directory, pid, crowd, log)


@pytest.mark.parametrize("memory_kb", (256, 1024, 16384))
def test_shared_memory_stays_within_its_setting(directory, crowd, client, memory_kb):
    """A few groups need no more than the streams may have, and the plan and counters beside them."""
    client.execute(f"set sluice.exchange_memory = '{memory_kb}kB'")
    sizes = []

    def look():
        try:
            maps = pathlib.Path(f"/proc/{pid_of(client)}/maps").read_text()
        except OSError:
            return
        for first, last in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) .*/dev/shm/PostgreSQL", maps, re.M):
            sizes.append(int(last, 16) - int(first, 16))

    client.execute("set statement_timeout = '1s'")
    outcome = run_watched(directory, lambda: client.outcome(ENDLESS, "force", 2), look)
    assert outcome[:2] == ("error", "57014")
    # The server's own control segment and pool are mapped, too, and small.
    assert sizes and max(sizes) <= memory_kb * 1024 + 2 * 1024 * 1024, max(sizes)


def test_cursors_open_together(directory, crowd, client):
    """Cursors of several runs are open together, and closed in another order."""
    client.execute("begin")
    for name in "abc":
        client.execute(f"declare {name} no scroll cursor for {ROWS} order by 1")
    for name in "cabbac":
        client.execute(f"fetch 2 from {name}")
        assert len(client.cursor.fetchall()) == 2
    for name in "bca":
        client.execute(f"close {name}")
    client.execute("commit")


def test_sessions_cancelled_all_at_once(directory, database, crowd):
    log = ServerLog(directory)
    sessions = [Session(directory, database, work_mem="64MB", statement_timeout="60s") for _ in range(6)]
    outcomes = []
    threads = [threading.Thread(target=lambda s=s: outcomes.append(s.outcome(ENDLESS, "force", 2)))
               for s in sessions]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for session in sessions:
            session.connection.cancel()
        time.sleep(0.02)
    assert {outcome[1] for outcome in outcomes} == {"57014"}
    for session in sessions:
        assert session.outcome(QUICK, "force", 2)[0] == "rows"
        session.connection.close()
    assert log.complaints() == []
