"""Partial aggregates that hand their groups out, or let rows pass, while rows still come."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def table(session):
    session.execute("""
        drop table if exists many;
        create table many (clustered int, any_order int, once int, few int, name text, long text, v int,
                           n numeric(12, 2));
        insert into many
        select g / 4, abs(hashint4(g)) % 40000, g, g % 7, 'name ' || g / 3,
               case when g % 5 = 0 then null else repeat('long ', 4 + g % 9) || g / 4 end,
               nullif(g % 11, 3), g / 8.0
        from generate_series(1, 300000) g;
        analyze many;
    """)
    yield
    session.execute("reset work_mem")


@pytest.mark.parametrize("work_mem", ["64kB", "1MB", "64MB"])
@pytest.mark.parametrize("keys", ["clustered", "any_order", "once", "few, any_order", "name", "long"])
def test_states_of_one_group_add_up(session, keys, work_mem):
    session.execute(f"set work_mem = '{work_mem}'")
    groups = (f"select {keys}, count(*) c, count(v) cv, sum(v) s, min(v) lo, max(long collate \"C\") hi, sum(n) sn "
              f"from many group by {keys}")
    session.assert_same(f"select count(*), sum(c), sum(cv), sum(s), sum(lo), min(hi), max(hi), sum(sn) from ({groups}) g",
                        workers=(1, 2, 4))


def test_a_small_table_hands_out_more_groups_than_there_are(session):
    session.execute("set work_mem = '64MB'; set sluice.mode = force; set sluice.workers = 1")
    (count,) = session.execute("select count(distinct clustered) from many").fetchone()
    plan = session.execute("explain (analyze, costs off, timing off, summary off) "
                           "select count(*) from (select clustered, count(*) from many group by 1) g").fetchall()
    lines = [line for (line,) in plan]
    partial = next(i for i, line in enumerate(lines) if "Partial HashAggregate" in line)
    rows = int(lines[partial].split("actual rows=")[1].split(" ")[0])
    assert count < rows < count * 1.5, "\n".join(lines)
