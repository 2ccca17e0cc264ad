"""Shared buffers seen through huge pages: where they come from, and that answers do not depend on them."""

import os
import pathlib
import re

import pytest
import tpch
from own_server import OwnServer
from server_state import postmaster, wait_until

QUERY = "select g, count(*), sum(n), max(filler) from big group by g"
MB = 1024  # in kB, as smaps counts
KERNEL = tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])
PATIENCE_S = 150
SWEEPER = "sluice huge pages"


def can_collapse():
    """Not on older kernels, nor where the administrator has forbidden them or reserved some for the server."""
    settings = {name: pathlib.Path(path) for name, path in (
        ("size", "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"),
        ("shmem", "/sys/kernel/mm/transparent_hugepage/shmem_enabled"),
        ("reserved", "/proc/sys/vm/nr_hugepages"))}
    text = {name: path.read_text() if path.exists() else "" for name, path in settings.items()}
    return (KERNEL >= (6, 1) and text["size"].strip() == str(2048 * MB) and "[deny]" not in text["shmem"]
            and text["reserved"].strip() == "0")


needs_collapse = pytest.mark.skipif(not can_collapse(), reason="no MADV_COLLAPSE of shared memory here")


class Server(OwnServer):
    """Its shared buffers hold a table of 68 MB, and have room for more."""

    def __init__(self, directory):
        super().__init__(directory + "-huge", """
            create table big (g int, n int, filler text); alter table big set (autovacuum_enabled = off);
            insert into big select i % 7, i, repeat('x', 1900) from generate_series(1, 35000) i;
            analyze big""", "shared_buffers=400MB", "log_min_messages=debug1")

    def sweeps(self):
        """MB in huge pages after each sweep so far."""
        return [int(mb) for mb in re.findall(r"sluice: (\d+) MB of shared buffers", self.log.text())]


@pytest.fixture(scope="module")
def server(directory):
    made = Server(directory)
    yield made
    tpch.cluster("drop", made.directory)


def segment_mappings(pid):
    """[(kB, kB mapped by huge pages)] of the process's mappings of the server's shared memory."""
    text = pathlib.Path(f"/proc/{pid}/smaps").read_text()
    found = []
    for part in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", text, flags=re.M):
        size = re.search(r"^Size: +(\d+) kB", part, re.M)
        if "/dev/zero" in part.partition("\n")[0] and int(size[1]) > 300 * MB:
            found.append((int(size[1]), int(re.search(r"^ShmemPmdMapped: +(\d+) kB", part, re.M)[1])))
    return found


def leaders_mappings(session):
    return segment_mappings(session.connection.info.backend_pid)


@needs_collapse
def test_a_large_scan_gets_huge_pages(server):
    session = server.session()
    expected = session.outcome(QUERY, "off")
    assert len(leaders_mappings(session)) == 1
    assert session.outcome(QUERY, "force", 0) == expected
    wait_until(server.sweeps, "the sweep", PATIENCE_S)
    assert server.sweeps()[0] > 50
    for workers in (0, 2):
        assert session.outcome(QUERY, "force", workers) == expected
    mapped = leaders_mappings(session)
    assert len(mapped) == 2 and sum(huge for _, huge in mapped) > 30 * MB, mapped
    session.connection.close()
    assert server.log.complaints() == []


@needs_collapse
def test_answers_while_rows_change(server):
    """Rows are written through one mapping, and hints through both, while pages are made huge."""
    server.start()
    session, writer = server.session(), server.session()
    session.assert_same(QUERY, workers=(0, 2))
    for i in range(8):
        writer.execute(f"update big set n = n + 1 where n % 8 = {i}; delete from big where n % 1000 = {i}")
        session.assert_same(QUERY, workers=(0, 2))
        writer.execute("begin; update big set n = -n where g = 3")
        session.assert_same(QUERY, workers=(2,))
        writer.execute("rollback")
    wait_until(lambda: len(server.sweeps()) > 1, "a second sweep", PATIENCE_S, lambda: session.assert_same(QUERY, workers=(2,)))
    writer.execute("vacuum big")
    session.assert_same(QUERY, workers=(0, 2))
    assert len(leaders_mappings(session)) == 2
    for opened in (session, writer):
        opened.connection.close()
    assert server.log.complaints() == []


@pytest.mark.parametrize("setting", ("huge_pages=off", "sluice.huge_pages=off"))
def test_huge_pages_that_must_not_be_used(server, setting):
    server.start(setting)
    session = server.session()
    session.assert_same(QUERY, workers=(0, 2))
    session.assert_same(QUERY, workers=(0, 2))
    assert [huge for _, huge in leaders_mappings(session)] == [0]
    assert SWEEPER not in server.log.text()
    session.connection.close()


@needs_collapse
def test_no_worker_can_be_had_to_make_them(server):
    """The server's own launcher takes the only slot."""
    server.start("max_worker_processes=1")
    session = server.session()
    for _ in range(2):
        session.assert_same(QUERY, workers=(0, 2))
    assert len(leaders_mappings(session)) == 1 and server.sweeps() == []
    session.connection.close()
    assert server.log.complaints() == []


@needs_collapse
@pytest.mark.parametrize("signal", (2, 3), ids=("fast", "immediate"))
def test_shutdown_while_they_are_made(server, signal):
    server.start()
    session = server.session()
    expected = session.outcome(QUERY, "off")
    assert session.outcome(QUERY, "force", 0) == expected
    wait_until(lambda: SWEEPER in server.log.text(), "the sweep's start")
    pid = postmaster(server.directory)
    os.kill(pid, signal)
    wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "the server's end")
    session.connection.close()
    server.start()
    session = server.session()
    assert session.outcome(QUERY, "force", 2) == expected
    session.connection.close()
