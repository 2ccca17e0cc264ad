"""A server of its own that runs out of things, or is shut down, while Sluice runs."""

import os
import pathlib
import shutil
import signal
import subprocess
import threading

import psycopg2
import pytest
import tpch
from conftest import ROOT
from own_server import OwnServer
from server_state import ServerLog, postmaster, run_watched, wait_until, workers_running

JOIN = "select a.g, count(*), sum(b.d) from rows a join rows b on a.n = b.n group by a.g"
ENDLESS = "select count(*) from rows a join rows b on a.g = b.g join rows c on b.g = c.g where a.n + b.n + c.n > 0"


class Server(OwnServer):
    def __init__(self, directory):
        super().__init__(directory + "-own", """
            create table rows (g int, n int, d numeric(12,2));
            insert into rows select i % 40, i, i * 1.25 from generate_series(1, 12000) i; analyze rows""",
                         "max_connections=130", "log_min_messages=warning")
        session = self.session()
        self.expected = session.outcome(JOIN, "off")
        session.connection.close()

    def assert_works(self, workers=2):
        session = self.session()
        assert session.outcome(JOIN, "force", workers) == self.expected
        session.connection.close()
        assert self.log.complaints() == []


@pytest.fixture(scope="module")
def server(directory):
    made = Server(directory)
    yield made
    tpch.cluster("drop", made.directory)


def limit(pid, kind, value):
    """Sets a soft limit of a process of the server, as the server's user; without a value the hard one."""
    owner = pathlib.Path(f"/proc/{pid}").owner()
    command = ["prlimit", f"--pid={pid}", f"--{kind}={value or hard_limit(pid, kind)}:"]
    subprocess.run((["runuser", "-u", owner, "--"] if os.geteuid() == 0 else []) + command, check=True)


def hard_limit(pid, kind):
    name = {"nproc": "Max processes", "fsize": "Max file size"}[kind]
    line = next(line for line in pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines()
                if line.startswith(name))
    return line[len("Max realtime priority     "):].split()[1]


def test_library_that_the_server_has_preloaded(server):
    server.start("shared_preload_libraries=sluice")
    with tpch.connect(server.directory, "postgres").cursor() as cursor:  # which loads nothing itself
        cursor.execute("set sluice.mode = force; set sluice.min_cost = 0; set sluice.workers = 2; set min_parallel_table_scan_size = 0")
        cursor.execute("explain (analyze, costs off, timing off) " + JOIN)
        lines = [line.strip() for (line,) in cursor.fetchall()]
        assert any("Custom Scan (Sluice)" in line for line in lines) and "Workers Launched: 2" in lines, "\n".join(lines)
    server.assert_works()
    server.start()


@pytest.mark.parametrize("slots, launched", ((1, 0), (2, 1), (3, 2)))
def test_worker_slots_exhausted(server, slots, launched):
    """The server's own launcher takes a slot; what is left is what comes."""
    server.start(f"max_worker_processes={slots}")
    session = server.session()
    lines = "\n".join(session.plan(JOIN, 4, "analyze, costs off, timing off"))
    assert f"Workers Launched: {launched}" in lines, lines
    assert session.outcome(JOIN, "force", 4) == server.expected
    session.connection.close()
    server.assert_works()


def test_worker_cannot_be_forked(server):
    """Registered, and gone before it could attach: PostgreSQL's own error, and the session goes on."""
    server.start()
    session = server.session()
    assert session.outcome(JOIN, "force", 2) == server.expected
    pid = postmaster(server.directory)
    limit(pid, "nproc", "1")
    try:
        for _ in range(5):
            outcome = run_watched(server.directory, lambda: session.outcome(JOIN, "force", 2))
            assert outcome == server.expected or outcome[1] == "55000", outcome
    finally:
        limit(pid, "nproc", "")
    assert "could not fork" in server.log.text()
    assert session.outcome(JOIN, "force", 2) == server.expected
    session.connection.close()
    server.assert_works()


def test_segment_cannot_be_made(server):
    """A limit on the leader's files, which its segment is one of: the leader works alone, every time."""
    server.start()
    session = server.session()
    assert session.outcome(JOIN, "force", 2) == server.expected
    pid = session.connection.info.backend_pid
    limit(pid, "fsize", "100000")
    try:
        for _ in range(5):
            assert session.outcome(JOIN, "force", 2) == server.expected
        lines = "\n".join(session.plan(JOIN, 2, "analyze, costs off, timing off"))
        assert "Workers Launched: 0" in lines, lines
    finally:
        limit(pid, "fsize", "")
    assert session.outcome(JOIN, "force", 2) == server.expected
    session.connection.close()
    server.assert_works()


def start_with_small_shm(server):
    """The server in a mount namespace where /dev/shm has 64 MB; None where that is not allowed."""
    tpch.cluster("stop", server.directory)
    unshare = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    script = ("mount -t tmpfs -o size=64m,mode=1777 tmpfs /dev/shm && "
              f"exec {ROOT}/tools/cluster.sh start {server.directory} max_connections=130")
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], check=False).returncode != 0:
        return None
    if subprocess.run([*unshare, "sh", "-c", script], check=False).returncode != 0:
        return None
    server.log = ServerLog(server.directory)
    return pathlib.Path(f"/proc/{postmaster(server.directory)}/root/dev/shm")


def test_full_shared_memory_of_64_mb(server):
    """Enough for the default setting; where nothing is free, the leader works alone."""
    shm = start_with_small_shm(server)
    if shm is None:
        server.start()
        pytest.skip("no mount namespace here; test_segment_cannot_be_made has the case")
    session = server.session()
    lines = "\n".join(session.plan(JOIN, 2, "analyze, costs off, timing off"))
    assert "Workers Launched: 2" in lines, lines
    session.execute("set sluice.exchange_memory = '1GB'")
    assert session.outcome(JOIN, "force", 2) == server.expected
    session.execute("reset sluice.exchange_memory")
    hog = shm / "hog"
    file = os.open(hog, os.O_CREAT | os.O_WRONLY)
    try:
        while True:
            os.write(file, b"x" * 4096)
    except OSError:
        os.close(file)
    try:
        for _ in range(5):
            assert session.outcome(JOIN, "force", 2) == server.expected
        lines = "\n".join(session.plan(JOIN, 2, "analyze, costs off, timing off"))
        assert "Workers Launched: 0" in lines, lines
    finally:
        hog.unlink()
    lines = "\n".join(session.plan(JOIN, 2, "analyze, costs off, timing off"))
    assert "Workers Launched: 2" in lines, lines
    session.connection.close()
    server.assert_works()
    tpch.cluster("stop", server.directory)
    server.start()


def test_a_hundred_sessions_at_once(server):
    server.start()
    outcomes = []

    def work():
        session = server.session()
        for workers in (2, 0, 4):
            outcomes.append(session.outcome(JOIN, "force", workers))
        session.connection.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    assert len(outcomes) == 300
    assert all(outcome == server.expected for outcome in outcomes)
    wait_until(lambda: workers_running(server.directory) == 0)
    server.assert_works()


SHUTDOWNS = [(how, delay_ms) for how in ("fast", "smart") for delay_ms in (0, 2, 5, 10, 50, 300)]


@pytest.mark.parametrize("how, delay_ms", [*SHUTDOWNS, ("immediate", None)])
def test_shutdown(server, how, delay_ms):
    """During the launch and during the run. A smart shutdown waits for the query, which is cancelled.
    An immediate one only where the workers run: PostgreSQL itself loses a segment that is being made."""
    server.start()
    session = server.session(work_mem="64MB")
    pid = postmaster(server.directory)
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(session.outcome(ENDLESS, "force", 2)), daemon=True)
    thread.start()
    if delay_ms is None:
        wait_until(lambda: workers_running(server.directory) == 2, "the workers")
    else:
        thread.join(delay_ms / 1000)
    os.kill(pid, {"fast": signal.SIGINT, "smart": signal.SIGTERM, "immediate": signal.SIGQUIT}[how])
    if how == "smart":
        while thread.is_alive():
            session.connection.cancel()
            thread.join(0.1)
        session.connection.close()
    thread.join(60)
    assert not thread.is_alive()
    if how == "smart":
        assert outcomes[0][:2] == ("error", "57014")
    else:
        assert outcomes[0][0] == "error" and outcomes[0][1] in (None, "57P01", "57P02", "57014")
    wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the server's end")
    assert server.log.complaints() == []
    try:
        tpch.connect(server.directory, "postgres")
        raise AssertionError("still there")
    except psycopg2.OperationalError:
        pass


def test_works_after_the_shutdowns(server):
    server.start()
    server.assert_works()
