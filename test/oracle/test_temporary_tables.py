"""Temporary tables, whose pages lie in a small pool of the session's own and have no locks."""

import pathlib
import struct
import time

import psycopg2
import pytest
import tpch
from conftest import Session

PAGE_BYTES = 8192
LINES_AT = 24  # bytes of a page's header


@pytest.fixture
def session_of_100_pages(directory, database):
    """temp_buffers is at its least, and `own` has several times as many pages."""
    opened = Session(directory, database, temp_buffers="800kB")
    opened.execute("""create temp table own (i int, t text); create temp table few (i int);
                      insert into own select i, repeat('x', 100) from generate_series(1, 30000) i;
                      insert into few select i from generate_series(1, 25000) i; analyze own; analyze few""")
    yield opened
    opened.connection.close()


def break_a_line(directory, path, page):
    """Its first line points beyond the page. The page must not be in a buffer."""
    with (pathlib.Path(tpch.socket_directory(directory)) / "data" / path).open("r+b") as file:
        file.seek(page * PAGE_BYTES + LINES_AT)
        file.write(struct.pack("<I", 0x7fff | 1 << 15 | 0x7fff << 17))


def test_a_broken_page_leaves_a_session_that_can_be_cancelled(directory, session_of_100_pages):
    session = session_of_100_pages
    query = "select count(*), max(t collate \"C\") from own"
    assert session.is_taken(query)
    session.assert_same(query, workers=(0,))
    path, = session.execute("select pg_relation_filepath('own')").fetchone()
    break_a_line(directory, path, 10)
    assert session.outcome(query, "force")[1:3] == ("XX001", "invalid line pointer in block 10 of relation \"own\"")
    session.execute("set statement_timeout = '200ms'")
    began = time.monotonic()
    with pytest.raises(psycopg2.errors.QueryCanceled):
        session.execute("select pg_sleep(10)")
    assert time.monotonic() - began < 9


def test_as_many_cursors_as_pages(session_of_100_pages):
    """Each at another page of the table; PostgreSQL's scans pin one, too."""
    session = session_of_100_pages
    query = "select own.i, t from own join few on own.i = few.i"
    assert session.is_taken(query)
    session.execute("begin")
    for number in range(50):
        session.execute(f"declare c{number} no scroll cursor for {query}; fetch {1 + 400 * number} from c{number}")
        assert session.cursor.rowcount == 1 + 400 * number
    for number in range(50):
        session.execute(f"fetch all from c{number}")
        assert session.cursor.rowcount == 25_000 - 1 - 400 * number
    session.execute("commit")
