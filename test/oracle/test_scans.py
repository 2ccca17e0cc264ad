"""Scans whose conditions stand behind the columns that they hand out: decoded when their row has passed, or,
where most rows pass, on the way to the condition's column. The same rows either way, and where it changes."""

import re

import pytest

from conftest import WORKER_COUNTS


@pytest.fixture(scope="module")
def wide(session):
    session.execute("""
        drop table if exists wide;
        create table wide (id int, gone text, price numeric(12,2), note text, code char(3), far numeric(30,10),
                           name varchar(20), part int, made date, tail text, late numeric(9,3));
        -- In stretches of 6000 rows nearly all pass, none, every second one, all.
        insert into wide select i, repeat('x', i % 30), case when i % 17 = 0 then null else i * 1.25 end,
            case when i % 23 = 0 then null when i % 1000 = 0 then repeat(md5(i::text), 200) else 'note ' || i % 40 end,
            'c' || i % 7, case when i % 19 = 0 then 'NaN' else i * 1000000.0000000001 end, 'name ' || i % 300,
            case i / 6000 % 4 when 0 then (i % 97 = 0)::int when 1 then 1 when 2 then i % 2 else 0 end,
            date '2024-01-01' + i / 6000 % 4, case when i % 5 = 0 then null else 'tail' end, i % 999 / 8.0
          from generate_series(1, 48000) i;
        alter table wide drop column gone;
        alter table wide add column added numeric(6,2) default 7.25;
        insert into wide select id, price, note, code, far, name, part, made, tail, late, id % 90
          from wide where id % 4 = 0;
        delete from wide where id % 31 = 0;
        analyze wide""")
    return session


EVERYTHING = """select count(*), sum(id), sum(price), sum(length(note)), min(note), max(code), sum(far), max(name),
                       count(tail), sum(late), sum(added) from wide where {}"""


@pytest.mark.parametrize("condition", (
    "part = 0",
    "made <= date '2024-01-03'",
    "part = 0 and made <> date '2024-01-04'",
    "price > 100 and part = 0",
    "length(note) < 4000 and part = 0",
    "tail is null",
    "added < 50 and part = 0 and late >= 0",
    "made > date '2030-01-01'",
    "code <> 'c1' and name <> 'name 3' and part = 0 and late < 100",
))
def test_conditions_behind_what_is_handed_out(wide, condition):
    wide.assert_same(EVERYTHING.format(condition), workers=WORKER_COUNTS)


def test_rows_in_groups_of_their_own(wide):
    wide.assert_same("""select made, code, count(*), sum(price), max(note), sum(late) from wide where part = 0
                        group by made, code""", workers=WORKER_COUNTS)


def test_large_values_before_and_behind_the_condition(wide):
    """More page groups than seats, in each more than a batch may hold of unpacked values."""
    wide.execute("""
        drop table if exists large_values;
        create table large_values (id int, code char(3), title text, part int, body text);
        alter table large_values alter title set storage external, alter body set storage external;
        insert into large_values select i, 'c' || i % 7, repeat(chr(65 + i % 26), 12000), (i % 50 = 0)::int,
            repeat(chr(97 + i % 26), 9000) from generate_series(1, 10000) i;
        analyze large_values""")
    wide.assert_same("""select count(*), sum(length(title)), max(title), sum(id), max(code), sum(length(body)), min(body)
                        from large_values where part = 0""", workers=WORKER_COUNTS)


@pytest.mark.parametrize("workers", WORKER_COUNTS)
def test_pages_that_wait_for_the_next_group(session, workers):
    """291 tuples a page: a group takes seven of the eight pages that are pinned for it."""
    session.execute("drop table if exists empty_rows; create table empty_rows (a int, b text);"
                    "insert into empty_rows select null, null from generate_series(1, 60000);"
                    "insert into empty_rows values (1, 'x'); analyze empty_rows")
    session.assert_same("select count(*), count(a), max(b collate \"C\") from empty_rows", workers=(workers,))
    session.assert_same("select count(*) from empty_rows x join empty_rows y on x.a = y.a", workers=(workers,))
    session.assert_same("select a, count(*) from empty_rows group by a", workers=(workers,))


def test_large_values_behind_a_condition_on_large_values(session):
    """What one column leaves no room for is not unpacked again and again for the rows of the next."""
    session.execute("""
        create table two_large (a text, b text);
        alter table two_large alter a set storage external;
        alter table two_large alter b set storage external;
        insert into two_large select repeat(md5(i::text), 2000), repeat(md5((-i)::text), 2000)
            from generate_series(1, 400) i;
        analyze two_large""")
    query = "select count(*), sum(length(b)) from two_large where a not like '%zz%' and b not like '%zz%'"
    assert session.assert_same(query, (0, 2))[2] == ["(400, 25600000)"]
    lines = session.plan(query, 0, "analyze, verbose, costs off, timing off")
    scan = next(line for line in lines if "Seq Scan on two_large" in line)
    assert int(re.search(r"batches=(\d+)", scan).group(1)) < 40, scan
