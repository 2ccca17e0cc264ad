"""One throwaway cluster for all tests of this folder, and sessions that compare off with force."""

import os
import pathlib
import sys
import time

import psycopg2
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "demo"))

import tpch  # noqa: E402

WORKER_COUNTS = (0, 1, 2, 4)


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="larger data and the long tests")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: runs in make check-all only")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--all"):
        for item in items:
            if "long" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="make check-all runs it"))


def plain(value):
    """A bytea as its bytes: the view that psycopg2 makes of it shows where they lie."""
    return bytes(value) if isinstance(value, memoryview) else value


class Session:
    """A connection with Sluice loaded that forces it, or not, a statement at a time."""

    def __init__(self, directory, database, **settings):
        self.directory = directory
        self.connection = tpch.connect(directory, database, session_preload_libraries="sluice",
                                       **settings)
        self.cursor = self.connection.cursor()
        self.execute("set sluice.min_cost = 0")
        # Small tables must be worth a parallel plan here.
        self.execute("set parallel_setup_cost = 0; set min_parallel_table_scan_size = 0")

    def execute(self, statement, arguments=None):
        self.cursor.execute(statement, arguments)
        return self.cursor

    def rows(self, query, mode, workers=0):
        """(column types, rows) of a query."""
        self.execute(f"set sluice.mode = {mode}; set sluice.workers = {workers}")
        self.execute(query)
        return [column.type_code for column in self.cursor.description], self.cursor.fetchall()

    def outcome(self, query, mode, workers=0):
        """The result, or the error as (SQLSTATE, message, detail, hint)."""
        try:
            types, rows = self.rows(query, mode, workers)
            return "rows", types, sorted(repr(tuple(map(plain, row))) for row in rows)
        except psycopg2.Error as error:
            return ("error", error.pgcode, error.diag.message_primary, error.diag.message_detail,
                    error.diag.message_hint)

    def plan(self, query, workers=0, options="costs off"):
        """The lines of EXPLAIN in force mode."""
        self.execute(f"set sluice.mode = force; set sluice.workers = {workers}")
        self.execute(f"explain ({options}) " + query)
        return [line for (line,) in self.cursor.fetchall()]

    def is_taken(self, query, workers=0):
        return any("Custom Scan (Sluice)" in line for line in self.plan(query, workers))

    def assert_same(self, query, workers=WORKER_COUNTS, taken=True):
        """off and force agree, and force did run through Sluice (False: did not; None: as it likes)."""
        expected = self.outcome(query, "off")
        for count in workers:
            assert taken is None or self.is_taken(query, count) == taken, \
                "\n".join(self.plan(query, count))
            assert self.outcome(query, "force", count) == expected, f"{count} workers: {query}"
        return expected


@pytest.fixture(scope="session")
def directory():
    """The running cluster's folder; its parallel workers load the module by name."""
    path = os.environ.get("SLUICE_CLUSTER", str(ROOT / "build-check/cluster"))
    tpch.cluster("install", path, os.environ.get("SLUICE_MODULE", str(ROOT / "build/sluice.so")))
    tpch.cluster("start", path, "shared_buffers=256MB", "max_parallel_workers_per_gather=2",
                 "log_min_messages=warning", "restart_after_crash=on")
    yield path
    tpch.cluster("stop", path)


@pytest.fixture(scope="session")
def database(directory):
    """An empty database for the tests' own tables."""
    with tpch.connect(directory, "postgres").cursor() as cursor:
        cursor.execute("drop database if exists sluice_test with (force)")
        cursor.execute("create database sluice_test")
    return "sluice_test"


@pytest.fixture(scope="module")
def session(directory, database):
    opened = Session(directory, database)
    yield opened
    opened.connection.close()


@pytest.fixture(scope="session")
def tpch_session(directory, pytestconfig):
    sf = "0.1" if pytestconfig.getoption("--all") else "0.01"
    tpch.load(directory, sf)
    opened = Session(directory, tpch.database_name(sf))
    yield opened
    opened.connection.close()


@pytest.fixture(autouse=True)
def nothing_left_behind(directory, request):
    """After every test no parallel worker runs and no orphaned segment is left in /dev/shm."""
    yield
    with tpch.connect(directory, "postgres").cursor() as cursor:
        cursor.execute("select count(*) from pg_stat_activity where backend_type = 'parallel worker'")
        assert cursor.fetchone() == (0,), f"{request.node.name} left parallel workers"
    assert orphaned_segments(directory) == [], f"{request.node.name} left a segment"


def orphaned_segments(directory):
    """Names of the DSM segments made since the cluster started that no process maps any more."""
    marker = (pathlib.Path(tpch.socket_directory(directory)) / "data/postmaster.pid").stat()
    orphans = None
    until = time.monotonic() + 10
    while time.monotonic() < until:  # other servers' segments come and go while we look: what stays, counts
        young = {path.name for path in pathlib.Path("/dev/shm").glob("PostgreSQL.*")
                 if is_younger(path, marker)}
        orphans = young if orphans is None else orphans & young
        if not orphans:
            break
        mapped = "".join(map(maps_of, (process for process in pathlib.Path("/proc").iterdir()
                                       if process.name.isdigit())))
        orphans = {name for name in orphans if name not in mapped}
        time.sleep(0.02 if orphans else 0)
    return sorted(orphans)


def is_younger(path, marker):
    try:
        found = path.stat()
    except OSError:  # gone meanwhile
        return False
    return found.st_uid == marker.st_uid and found.st_mtime > marker.st_mtime


def maps_of(process):
    try:
        return (process / "maps").read_text()
    except OSError:  # gone, or not ours
        return ""
