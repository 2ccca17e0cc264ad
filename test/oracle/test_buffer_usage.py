"""What a scan leaves behind in PostgreSQL's buffer pool: pages that are read often must stay longer than others."""

import pytest


@pytest.fixture(scope="module")
def buffers(session):
    session.execute("create extension if not exists pg_buffercache")
    return session


def usage_counts(session, table):
    """Lowest and highest usage count of the table's buffers, and how many there are."""
    return session.execute("""
        select min(usagecount), max(usagecount), count(*) from pg_buffercache
        where relfilenode = pg_relation_filenode(%s) and relforknumber = 0
          and reldatabase = (select oid from pg_database where datname = current_database())""",
                           (table,)).fetchone()


@pytest.mark.parametrize("mode", ("off", "force"))
@pytest.mark.parametrize("workers", (0, 2))
def test_a_page_read_often_is_used(buffers, mode, workers):
    """Rows written in bulk leave pages with a usage count of 1; 5 is the most there is."""
    buffers.execute("drop table if exists often_read;"
                    "create table often_read as select i, repeat('x', 100) t from generate_series(1, 20000) i;"
                    "analyze often_read")
    buffers.execute("vacuum often_read")
    _, before, pages = usage_counts(buffers, "often_read")
    assert before < 3 and pages > 300
    query = "select count(*), max(i) from often_read"
    assert buffers.is_taken(query, workers)
    for _ in range(5):
        buffers.rows(query, mode, workers)
    assert usage_counts(buffers, "often_read") == (5, 5, pages)
