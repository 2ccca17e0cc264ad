"""At every fault point: an error, a death, a stop, an interrupt. The answer is right or the error is.

Needs the build with SLUICE_FAULT_POINTS (test/run.py makes it); skipped on any other.
"""

import os
import pathlib
import re
import signal

import psycopg2
import pytest
import tpch
from conftest import ROOT, Session, orphaned_segments
from server_state import (ServerLog, children, continue_stopped, postmaster, run_watched, wait_until,
                          workers_running)

JOIN = ("select b.g, count(*), sum(a.n), min(b.d) from fault_rows a join fault_rows b on a.n = b.n "
        "group by b.g")
QUERIES = {  # point: what passes it where JOIN does not
    "Detoast": "select g, count(*), max(outside) from fault_toasted group by g",
    "Abandoned": "select g, sum(n) from fault_wide group by g",
    "EpochAdvance": ("select count(*) from generate_series(1, 9) i where i > all "
                     "(select a.n from fault_rows a join fault_rows b on a.n = b.n)"),
    "KeysAdded": ("select count(*), sum(o.n) from fault_rows o where o.g = 7 and exists "
                  "(select 1 from fault_rows l where l.n = o.n)"),
    "RingFull": "select a.n, a.d, b.g from fault_rows a join fault_rows b on a.n = b.n",
}
SETTINGS = {"RingFull": "set sluice.exchange_memory = '128kB'",
            "EpochAdvance": "set enable_material = off"}
CAUSED_BY_AN_ERROR = {"ErrorAwaited"}

QUICK = ("error", "abandon", "term", "exit")
LONG = ("oom", "palloc_oom", "fatal", "stop", "cancel", "sleep", "reset_latch", "interrupt")
THROWING = {"error", "oom", "palloc_oom", "abandon", "interrupt"}
# There the run is not yet, or no longer, one that PostgreSQL's plan could take over.
NO_ABANDON = {"RowReturned", "Dismissed", "Abandoned", "ErrorAwaited", "QueryClose", "WorkerStart",
              "WorkerAttached", "WorkerLeave", "StreamClose", "OutputAnswer"}
RIGHT = "right"
REINITIALIZING = "all server processes terminated; reinitializing"
LOST = "lost"  # the connection, without a message


def points():
    """{name: who passes it}, from the list in the source."""
    text = (ROOT / "src/base/fault_point.h").read_text()
    return dict(re.findall(r"X\(k(\w+)\)\s*/\* ([\w ]+):", text))


def placed_points(macro):
    """Points that stand at least once in the code by this macro."""
    found = set()
    for path in (ROOT / "src").rglob("*.[hc]*"):
        found |= set(re.findall(macro + r"\(k(\w+)\)", path.read_text(errors="replace")))
    return found


POINTS, MAY_THROW = points(), placed_points("SLUICE_FAULT_POINT")
PLACED = MAY_THROW | placed_points("SLUICE_FAULT_POINT_NOEXCEPT")


def combinations():
    for point, who in POINTS.items():
        if point not in PLACED:
            continue
        places = {"leader": ("alone", "leader"), "worker": ("worker",)}.get(
            who, ("alone", "leader", "worker"))
        for place in places:
            for action in QUICK + LONG:
                if action in THROWING and point not in MAY_THROW:
                    continue
                if action == "abandon" and point in NO_ABANDON:
                    continue
                if action == "reset_latch" and point == "Parked":
                    continue  # where no code but the sleeper's own runs
                marks = [] if action in QUICK else [pytest.mark.long]
                yield pytest.param(point, place, action, marks=marks, id=f"{point}-{place}-{action}")


class Faulted:
    """A session that is made again when a fault ends it, and what it looked like before."""

    def __init__(self, directory, database):
        self.directory, self.database = directory, database
        self.log = ServerLog(directory)
        self.expected = {}
        self.open()

    def open(self):
        self.session = Session(self.directory, self.database, work_mem="64MB",
                               statement_timeout="60s")
        self.pid = self.session.connection.info.backend_pid
        for query in [JOIN, *QUERIES.values()]:
            if query not in self.expected:
                self.expected[query] = self.session.outcome(query, "off")
            for workers in (0, 2):
                assert self.session.outcome(query, "force", workers) == self.expected[query]
        self.base_allocations = self.allocations()

    def allocations(self):
        self.session.execute("show sluice.live_allocations")
        return int(self.session.cursor.fetchone()[0])

    def fault(self, text):
        self.session.execute("set sluice.fault = %s", (text,))

    def run(self, query, fault, workers, meanwhile=None, setting=None):
        """RIGHT, LOST, a SQLSTATE, or the wrong rows."""
        self.session.execute("reset sluice.exchange_memory; reset enable_material")
        if setting:
            self.session.execute(setting)
        self.fault(fault)
        return run_watched(self.directory, lambda: self.outcome(query, workers), meanwhile)

    def outcome(self, query, workers):
        try:
            types, rows = self.session.rows(query, "force", workers)
        except psycopg2.Error as error:
            # What the server said last the driver loses with the connection; the log has it.
            said = {"FATAL:  fault at": "SL001", "FATAL:  terminating connection": "57P01"}
            log = self.log.text() if error.pgcode is None else ""
            return error.pgcode or next((code for text, code in said.items() if text in log), LOST)
        outcome = "rows", types, sorted(map(repr, rows))
        return RIGHT if outcome == self.expected[query] else outcome

    def alive(self):
        try:
            self.fault("")
            return True
        except psycopg2.Error:
            return False

    def settle(self, restarted=False):
        """The session works, or a new one does, and nothing is left of what happened."""
        if restarted or not self.alive():
            self.session.connection.close()
            if restarted:
                # Until the postmaster sees the death it takes connections that it then ends.
                wait_until(lambda: REINITIALIZING in self.log.text(), "the server's notice")
                wait_until(lambda: accepts(self.directory), "the server's restart")
            wait_until(lambda: not pathlib.Path(f"/proc/{self.pid}").exists(), "the backend's end")
            wait_until(lambda: workers_running(self.directory) == 0, "the workers' end")
            self.open()
        else:
            assert self.allocations() == self.base_allocations
            for workers in (0, 2):
                assert self.session.outcome(JOIN, "force", workers) == self.expected[JOIN]
        wait_until(lambda: orphaned_segments(self.directory) == [], "the segment's end", 10)
        with tpch.connect(self.directory, "postgres").cursor() as cursor:
            cursor.execute("select locktype, relation::regclass, mode from pg_locks where pid = %s",
                           (self.session.connection.info.backend_pid,))
            assert cursor.fetchall() == []
        assert self.log.complaints(but="terminated by signal" if restarted else None) == []


def accepts(directory):
    try:
        tpch.connect(directory, "postgres").close()
        return True
    except psycopg2.Error:
        return False


@pytest.fixture(scope="module")
def made(session):
    session.execute("select 1 from pg_settings where name = 'sluice.fault'")
    if session.cursor.fetchone() is None:
        pytest.skip("a build without fault points")
    session.execute("""
        drop table if exists fault_rows, fault_toasted, fault_wide;
        create table fault_rows (g int, n int, d numeric(12,2), t text);
        insert into fault_rows select i % 40, i, i * 1.25, 'row ' || i from generate_series(1, 12000) i;
        create table fault_toasted (g int, outside text);
        alter table fault_toasted alter column outside set storage external;
        insert into fault_toasted select i % 3, repeat(md5(i::text), 100) from generate_series(1, 200) i;
        create table fault_wide (g int, n numeric(38,0));
        insert into fault_wide select i % 2, repeat('9', 38)::numeric from generate_series(1, 2000) i;
        analyze fault_rows; analyze fault_toasted; analyze fault_wide;
    """)
    return session


@pytest.fixture(scope="module")
def faulted(directory, database, made):
    opened = Faulted(directory, database)
    yield opened
    opened.session.connection.close()


@pytest.fixture
def marked(faulted):
    if not faulted.alive():
        faulted.open()
    faulted.log.mark()
    return faulted


def allowed(action, place, query):
    """The outcomes that are right once the seat has come by."""
    streams = query in (QUERIES["RingFull"], QUERIES["EpochAdvance"])
    codes = {"error": {"SL001"}, "fatal": {"SL001"}, "oom": {"53200"}, "palloc_oom": {"53200"},
             "abandon": {RIGHT, "54000"} if streams else {RIGHT}, "cancel": {"57014", RIGHT}, "term": {"57P01", RIGHT}}
    if action == "exit":
        return {"55000"} if place == "worker" else {LOST}
    return codes.get(action, {RIGHT})


def test_every_point_is_passed(marked):
    """By the queries of this file, with and without workers."""
    marked.session.connection.close()
    marked.open()
    for workers in (0, 2, 4):
        for query in [JOIN, *QUERIES.values()]:
            setting = next((SETTINGS[point] for point, text in QUERIES.items()
                            if text == query and point in SETTINGS), None)
            assert marked.run(query, "*:note:0", workers, setting=setting) == RIGHT
    passed = {}
    for point, seat in re.findall(r"sluice passes (\w+) in seat (\d+)", marked.log.text()):
        passed.setdefault(point, set()).add(int(seat))
    assert PLACED - set(passed) <= CAUSED_BY_AN_ERROR
    for point, who in POINTS.items():
        if point in passed:
            seats = {"leader": {0}, "worker": {1, 2, 3, 4}}.get(who, passed[point])
            assert passed[point] <= seats, (point, passed[point])
    marked.settle()


def test_every_listed_point_stands_in_the_code():
    assert PLACED == set(POINTS)


@pytest.mark.parametrize("point, place, action", list(combinations()))
def test_fault(marked, point, place, action):
    workers, seat = {"alone": (0, 0), "leader": (2, 0), "worker": (2, 1)}[place]
    query = QUERIES.get(point, JOIN)
    fault = f"{point}:{action}:1:{seat}"
    meanwhile = (lambda: continue_stopped(marked.directory)) if action == "stop" else None
    outcome = marked.run(query, fault, workers, meanwhile, SETTINGS.get(point))
    assert outcome in allowed(action, place, query) | {RIGHT}, (fault, outcome)
    marked.settle()


@pytest.mark.parametrize("seat", (0, 1, 2))
@pytest.mark.parametrize("nth", range(1, 9))
def test_a_build_side_gives_up_before_the_first_row(marked, seat, nth):
    """Wherever a build side runs out of memory, no row has gone to the client."""
    fault = f"OperatorMemory:abandon:{nth}:{seat}"
    assert marked.run(QUERIES["RingFull"], fault, 2, setting=SETTINGS["RingFull"]) == RIGHT
    marked.settle()


@pytest.mark.parametrize("workers", (0, 2))
@pytest.mark.parametrize("point", sorted(
    point for point, who in POINTS.items() if point in MAY_THROW and point in (
        "LaunchBegin", "LaunchFormatted", "ParametersBound", "RowReturned", "Detoast", "ScanPage",
        "PlanDecoded", "OperatorMemory", "TaskStep")))
def test_an_injected_error_arrives_unchanged(marked, point, workers):
    query = QUERIES.get(point, JOIN)
    assert marked.run(query, f"{point}:error", workers) == "SL001"
    marked.settle()
    assert marked.session.outcome(f"/* {point} */ " + query, "force", workers) == marked.expected[query]


@pytest.mark.parametrize("point", ("WorkerStart", "WorkerAttached", "WorkerLeave", "ScanPage"))
@pytest.mark.parametrize("action, code", (("error", "SL001"), ("fatal", "SL001"), ("exit", "55000"),
                                          ("oom", "53200"), ("palloc_oom", "53200")))
def test_every_worker_fails_at_once(marked, point, action, code):
    """Two errors at once: one of them is reported, as itself."""
    fault = f"{point}:{action}"
    if point == "ScanPage":
        fault += ":1:1"
    assert marked.run(JOIN, fault, 2) in {code, RIGHT if point == "ScanPage" else code}
    marked.settle()


@pytest.mark.parametrize("query", (JOIN, QUERIES["Detoast"]), ids=("scan", "detoast"))
@pytest.mark.parametrize("nth", (1, 2, 5))
def test_two_errors_at_once_mid_partition(marked, query, nth):
    point = "Detoast" if "toasted" in query else "ScanPage"
    assert marked.run(query, f"{point}:error:{nth}", 2) in {"SL001", RIGHT}
    marked.settle()


def test_worker_dies_while_its_error_is_awaited(marked):
    assert marked.run(JOIN, "ScanPage:error:1:1", 2) in {"SL001", RIGHT}
    for action in ("error", "cancel", "oom"):
        marked.fault("")
        outcome = marked.run(JOIN, f"ErrorAwaited:{action}:1:0", 2)
        assert outcome == RIGHT
    marked.settle()


def test_leader_begins_before_any_worker_has_come(marked):
    """The postmaster, which starts workers, stands still until the leader has read its first page."""
    marked.session.connection.close()
    marked.open()  # a process notes each point once
    parent = postmaster(marked.directory)

    def go_on_once_it_scans():
        if "passes ScanPage in seat 0" in marked.log.text():
            os.kill(parent, signal.SIGCONT)

    os.kill(parent, signal.SIGSTOP)
    try:
        assert marked.run(JOIN, "ScanPage:note:0:0", 2, go_on_once_it_scans) == RIGHT
    finally:
        os.kill(parent, signal.SIGCONT)
    marked.settle()


@pytest.mark.parametrize("point", ("WorkerStart", "WorkerAttached"))
def test_cancel_while_a_worker_starts(marked, point):
    interrupted = []

    def cancel_then_go_on():
        if "T" in children(marked.directory).values():
            if not interrupted:
                os.kill(marked.pid, signal.SIGINT)
                interrupted.append(True)
            continue_stopped(marked.directory)

    assert marked.run(JOIN, f"{point}:stop:1:1", 2, cancel_then_go_on) == "57014"
    assert interrupted
    marked.settle()


@pytest.mark.parametrize("fault", ("LaunchFormatted:kill:1:0", "Launched:kill:1:0",
                                   "WorkerStart:kill:1:1", "WorkerAttached:kill:1:1", "ScanPage:kill:1:1",
                                   "RecordReserved:kill:1:1", "Park:kill:1:0"))
def test_server_comes_back_after_a_kill(marked, fault):
    before = postmaster(marked.directory)
    outcome = marked.run(JOIN, fault, 2)
    assert outcome in {LOST, "57P02", RIGHT}
    if outcome == RIGHT:  # the worker found nothing to do
        marked.settle()
        return
    marked.settle(restarted=True)
    assert postmaster(marked.directory) == before


def test_failures_leave_no_memory_behind(marked):
    """Neither PostgreSQL's memory contexts nor our own objects grow with failed statements."""
    def memory():
        marked.fault("")
        marked.session.execute("select sum(total_bytes)::int8 from pg_backend_memory_contexts")
        return marked.session.cursor.fetchone()[0]

    def fail():
        for point in sorted(MAY_THROW):
            for workers in (0, 2):
                for action in ("error", "oom", "cancel"):
                    marked.run(JOIN, f"{point}:{action}:1:0", workers)

    fail()
    before = memory()
    fail()
    assert memory() - before < 64 * 1024
    marked.settle()
