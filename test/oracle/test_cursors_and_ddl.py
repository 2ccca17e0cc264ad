"""What else a session does to the tables of its open cursors, and what others did to them since its snapshot."""

import psycopg2
import pytest
from conftest import WORKER_COUNTS, Session

JOIN = "select a.k, b.x from held_a a join held_b b using (k)"


@pytest.fixture
def tables(session):
    session.execute("""
        drop table if exists held_a, held_b;
        create table held_a (k int, x int); create table held_b (k int, x int);
        insert into held_a select i, i from generate_series(1, 3000) i;
        insert into held_b select i, i from generate_series(1, 3000) i;
        analyze held_a; analyze held_b""")
    yield session
    session.execute("rollback")


@pytest.mark.parametrize("fetched", (0, 3))
@pytest.mark.parametrize("workers", (0, 2))
@pytest.mark.parametrize("statement", (
    "truncate held_a", "drop table held_b", "alter table held_a alter x type text", "alter table held_b add y int default 1",
    "truncate held_b"))
def test_a_table_that_a_cursor_reads_is_in_use(tables, statement, workers, fetched):
    assert tables.is_taken(JOIN, workers)
    tables.execute(f"begin; declare c no scroll cursor for {JOIN}")
    if fetched:
        tables.execute(f"fetch {fetched} from c")
    with pytest.raises(psycopg2.errors.ObjectInUse):
        tables.execute(statement)


def test_a_table_is_free_once_the_cursor_is_closed(tables):
    assert tables.is_taken(JOIN, 2)
    tables.execute(f"begin; declare c no scroll cursor for {JOIN}; fetch 3 from c; close c; truncate held_a, held_b")
    assert tables.rows(JOIN, "force", 2)[1] == []


@pytest.mark.parametrize("query", (
    "select * from held_a where x <= (select max(b.x) from held_b b where b.k = held_a.k)",
    "select k from (select * from held_a where x >= (select min(x) from held_b b where b.k = held_a.k)) a limit 5"))
@pytest.mark.parametrize("mode", ("off", "force"))
def test_current_row_of_a_cursor(tables, query, mode):
    """PostgreSQL's plans are scans of the table that is updated; joins that give the same rows are not."""
    assert tables.is_taken(query)
    tables.execute(f"set sluice.mode = {mode}; begin; declare c no scroll cursor for {query}; fetch 2 from c;"
                   "update held_a set x = -1 where current of c")
    assert tables.cursor.rowcount == 1
    assert tables.execute("select k from held_a where x = -1").fetchall() == [(2,)]


def test_current_row_of_one_of_two_tables(tables):
    query = ("select k, x from held_b where x < 4 union all "
             "select k, x from held_a where x <= (select max(b.x) from held_b b where b.k = held_a.k)")
    for mode in ("off", "force"):
        tables.execute(f"set sluice.mode = {mode}; begin; declare c no scroll cursor for {query}; fetch 5 from c;"
                       "update held_a set x = -1 where current of c")
        assert tables.execute("select k from held_a where x = -1").fetchall() == [(2,)]
        tables.execute("rollback")


def test_a_loop_is_no_cursor_that_anybody_names(tables):
    define = """create or replace function looped() returns bigint language plpgsql as $$
        declare r record; found bigint = 0; begin
          for r in select * from held_a where x <= (select max(b.x) from held_b b where b.k = held_a.k) loop
            found := found + r.k; end loop;
          return found; end $$"""
    tables.execute("load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;"
                   "set auto_explain.log_level = notice")
    try:
        for mode in ("off", "force"):
            tables.execute(define)  # without the plan that it kept
            tables.connection.notices = []
            assert tables.rows("select looped()", mode)[1] == [(3000 * 3001 // 2,)]
            assert any("Custom Scan (Sluice)" in notice for notice in tables.connection.notices) == (mode == "force")
    finally:
        tables.execute("set auto_explain.log_min_duration = -1")


@pytest.mark.parametrize("query", (
    "select count(x) from late",
    "select sum(k) from late where x not in (select k + 100 from late where k > 0)",
    "select sum(k) from late where k not in (select x from late)",
))
@pytest.mark.parametrize("isolation", ("repeatable read", "read committed"))
def test_not_null_is_set_after_the_snapshot(directory, database, tables, query, isolation):
    """The column has no NULL any more, but for those who see the rows of before."""
    tables.execute("drop table if exists late; create table late (k int not null, x int);"
                   "insert into late select i, nullif(i % 3, 0) from generate_series(1, 3000) i; analyze late")
    tables.execute(f"begin isolation level {isolation}; select 1")
    other = Session(directory, database)
    other.execute("update late set x = 0 where x is null; alter table late alter x set not null")
    other.connection.close()
    tables.assert_same(query, workers=WORKER_COUNTS)


def test_a_primary_key_is_made_after_the_snapshot(directory, database, tables):
    """Rows of the same key are there for those who see the rows of before."""
    tables.execute("drop table if exists doubled; create table doubled (id int, name text);"
                   "insert into doubled select i % 1000, 'name' from generate_series(1, 2000) i;"
                   "update doubled set name = 'other' where ctid in (select min(ctid) from doubled group by id); analyze doubled")
    tables.execute("begin isolation level repeatable read; select 1")
    other = Session(directory, database)
    other.execute("delete from doubled where name = 'other'; alter table doubled add primary key (id)")
    other.connection.close()
    query = "select id, count(*), name > '' from doubled group by id"
    assert len(tables.assert_same(query, workers=WORKER_COUNTS, taken=None)[2]) == 1000
    tables.execute("rollback")
    tables.assert_same(query, workers=WORKER_COUNTS)
