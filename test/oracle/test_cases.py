"""Statements that broke others' parallel engines: each gives PostgreSQL's answer, by us or by itself."""

import itertools
import threading

import psycopg2
import pytest
from conftest import Session
from server_state import run_watched, wait_until, workers_running

SHUFFLES = ("select a.k, b.k, c.k from links a join links b on a.k = b.n join links c on b.k = c.n "
            "join links d on c.k = d.n")
GROUPED = "select a.g, count(*) as c, sum(b.d) as s from links a join links b on a.k = b.n group by a.g"


@pytest.fixture(scope="module")
def links(session):
    session.execute("""
        drop table if exists links cascade;
        create table links (k int, n int, g int, d numeric(12,2), t text);
        insert into links select i, 20001 - i, i % 37, i * 1.25, 'row ' || i from generate_series(1, 20000) i;
        analyze links;
        drop table if exists few; create table few (k int, g int);
        insert into few select i, i % 5 from generate_series(1, 50) i; analyze few;
    """)
    session.execute("set work_mem = '64MB'; set statement_timeout = '90s'")
    yield session
    session.execute("reset work_mem; reset statement_timeout")


def redistributes(session, query, workers):
    return sum("Redistribute" in line for line in session.plan(query, workers))


# Early ends.

@pytest.mark.parametrize("limit", (0, 1))
@pytest.mark.parametrize("workers", (0, 1, 2, 4))
def test_limit_above_three_stacked_shuffles(links, limit, workers):
    query = f"{SHUFFLES} limit {limit}"
    assert links.is_taken(query, workers)
    if workers > 1:
        assert redistributes(links, query, workers) >= 3, links.plan(query, workers)
    for _ in range(5):
        assert len(links.rows(query, "force", workers)[1]) == limit
    links.assert_same(GROUPED, (workers,))


@pytest.mark.parametrize("limit", (0, 1))
@pytest.mark.parametrize("workers", (0, 2))
@pytest.mark.parametrize("form", ("text", "json", "xml", "yaml"))
def test_explain_analyze_after_an_early_stop(links, limit, workers, form):
    options = f"analyze, verbose, buffers, costs off, timing off, format {form}"
    lines = links.plan(f"{SHUFFLES} limit {limit}", workers, options)
    assert "Sluice" in str(lines)


def test_fetch_one_idle_close(links):
    links.execute("set sluice.mode = force; set sluice.workers = 2")
    for query in (SHUFFLES, GROUPED):
        expected = set(links.rows(query, "off")[1])
        links.execute("set sluice.mode = force; begin; declare c no scroll cursor for " + query)
        links.execute("fetch 1 from c")
        first = links.cursor.fetchall()
        assert links.rows("select count(*) from few", "force", 2)[1] == [(50,)]  # the cursor idles
        links.execute("fetch 1 from c")
        second = links.cursor.fetchall()
        assert len(first) == len(second) == 1 and set(first + second) <= expected and first != second
        links.execute("close c; commit")
    links.assert_same(GROUPED)


def test_cursor_with_hold(links):
    expected = sorted(links.rows(GROUPED, "off")[1])
    links.execute("set sluice.mode = force; set sluice.workers = 2")
    links.execute("begin; declare held cursor with hold for " + GROUPED)
    links.execute("fetch 3 from held")
    rows = links.cursor.fetchall()
    links.execute("commit")
    assert workers_running(links.directory) == 0
    links.execute("fetch all from held")
    rows += links.cursor.fetchall()
    links.execute("close held")
    assert sorted(rows) == expected


def test_cursor_survives_a_rolled_back_savepoint(links):
    links.execute("set sluice.mode = force; set sluice.workers = 2")
    links.execute("begin; declare c cursor for " + GROUPED + "; fetch 1 from c; savepoint s")
    links.execute("fetch 1 from c")
    with pytest.raises(psycopg2.Error):
        links.execute("select 1 / 0")
    links.execute("rollback to s; fetch all from c")
    assert len(links.cursor.fetchall()) == 35
    links.execute("rollback")
    links.assert_same(GROUPED)


def test_cursor_declared_inside_a_savepoint_that_is_rolled_back(links):
    links.execute("set sluice.mode = force; set sluice.workers = 2")
    links.execute("begin; savepoint s; declare c cursor for " + GROUPED + "; fetch 1 from c")
    links.execute("rollback to s")
    assert links.rows(GROUPED, "force", 2)[1]
    links.execute("commit")
    links.assert_same(GROUPED)


# Rescans and shared parts.

@pytest.mark.parametrize("query", [
    "select count(*) from links a join few b on a.g = b.k and a.k < (select max(x.k) * 400 from few x where x.g = b.g)",
    "select count(*) from links a join few b on a.g = b.k and a.k < (select avg(k) from links)",
    "select count(*) from few b left join links a on a.g = b.k and (select count(*) from few x where x.g = a.g) > 3",
    "select a.g, (select count(*) from links x where x.g = a.g) from few a where exists "
    "(select 1 from links y where y.k = a.k)",
], ids=("correlated", "init-plan", "outer-join", "select-list"))
def test_subplan_in_a_join_condition(links, query):
    expected = links.outcome(query, "off")
    for workers in (0, 2, 4):
        assert links.outcome(query, "force", workers) == expected


@pytest.mark.parametrize("query", [
    "with c as materialized ({0}) select x.g, x.c, y.s from c x join c y on x.g = y.g + 1",
    "with c as materialized ({0}) (select g, c, s from c where g = 5 limit 1) union all select 0, count(*), sum(s) from c",
    "with c as materialized ({0}) select * from c x where x.c >= (select avg(c) from c) order by g limit 3",
    "with c as ({0}) select count(*) from c x, c y where x.g < y.g",
    "with recursive r(k) as (select 1 union all select l.k + 1 from r join links l on l.k = r.k where r.k < 30) "
    "select count(*) from r",
], ids=range(5))
def test_cte_read_at_two_speeds(links, query):
    query = query.format(GROUPED)
    expected = links.outcome(query, "off")
    assert expected[0] == "rows"
    for workers in (0, 1, 2, 4):
        assert links.outcome(query, "force", workers) == expected


@pytest.mark.parametrize("workers", (0, 1, 2))
@pytest.mark.parametrize("rows", (500, pytest.param(10000, marks=pytest.mark.long)))
@pytest.mark.parametrize("subquery", [
    "select count(*) from few a join few b on a.k = b.k group by a.g",
    "select a.n from links a join links b on a.k = b.n where a.n < 400",
], ids=("short", "in-flight"))
def test_rescans_reuse_the_workers(links, subquery, rows, workers):
    """The subquery runs again for every row, often from the middle of the last run."""
    query = f"select count(*) from generate_series(1, {rows}) i where i % 450 > all ({subquery})"
    links.execute("set enable_material = off")
    try:
        lines = "\n".join(links.plan(query.replace(str(rows), "50"), workers,
                                     "analyze, costs off, timing off"))
        assert "Sluice" in lines and "loops=50" in lines, lines
        if workers:  # in all, not for each of the rows
            assert f"Workers Launched: {workers}" in lines, lines
        links.execute("set max_parallel_workers_per_gather = 0")  # PostgreSQL's would start for each row
        expected = links.outcome(query, "off")
        most = 0

        def look():
            nonlocal most
            most = max(most, workers_running(links.directory))

        assert run_watched(links.directory, lambda: links.outcome(query, "force", workers), look) == expected
        assert most <= workers
    finally:
        links.execute("reset enable_material; reset max_parallel_workers_per_gather")
    links.assert_same(GROUPED, (2,))


@pytest.mark.parametrize("query", [
    "select sum(s.c) from generate_series(1, 30) x(i) left join lateral (select count(*) as c from links a "
    "join few b on a.k = b.k where a.k <= x.i % 7 offset 0) s on true",
    "select i, (select count(*) from links a join few b on a.k = b.k where a.g <= i % 7) from generate_series(1, 30) i",
], ids=("lateral", "subplan"))
def test_a_correlated_subquery_is_left_to_postgresql(links, query):
    """Its workers would have to start again for every row."""
    expected = links.outcome(query, "off")
    for workers in (0, 2):
        lines = "\n".join(links.plan(query, workers, "verbose, costs off"))
        above = ["Plan Input 1: Nested Loop"] if query.startswith("select sum") else []
        assert [line.split("->  ")[1] for line in lines.split("\n") if "Plan Input" in line] == above, lines
        assert lines.count("Custom Scan (Sluice)") == len(above) and "used: " in lines, lines
        assert links.outcome(query, "force", workers) == expected


# Writing and transactions.

@pytest.mark.parametrize("statement", [
    "insert into target select g, c, s from ({0}) q",
    "insert into target select g, c, s from ({0}) q on conflict do nothing",
    "update target t set s = q.s from ({0}) q where q.g = t.g",
    "delete from target t using ({0}) q where q.g = t.g and q.c > 1",
    "with w as (insert into target select g, c, s from ({0}) q returning g) select count(*) from w",
    "merge into target t using ({0}) q on t.g = q.g when matched then update set c = q.c "
    "when not matched then insert values (q.g, q.c, q.s)",
], ids=("insert", "on-conflict", "update", "delete", "with", "merge"))
def test_statements_that_write(links, statement):
    statement = statement.format(GROUPED)
    contents = {}
    for mode, workers in (("off", 0), ("force", 0), ("force", 2)):
        links.execute("drop table if exists target; create table target (g int unique, c int8, s numeric); "
                      "insert into target select i, 0, 0 from generate_series(20, 25) i")
        if statement.startswith(("insert", "with")) and "conflict" not in statement:
            links.execute("truncate target")
        links.execute(f"set sluice.mode = {mode}; set sluice.workers = {workers}; " + statement)
        contents[mode, workers] = sorted(links.rows("select * from target", "off")[1])
    assert contents["off", 0] == contents["force", 0] == contents["force", 2]
    assert contents["off", 0] or statement.startswith("delete")


def test_transaction_ids_and_sequences_beside_a_query(links):
    links.execute("drop sequence if exists counted; create sequence counted")
    for query in (f"select g, c, s, txid_current() > 0 from ({GROUPED}) q",
                  f"select count(nextval('counted')) from ({GROUPED}) q"):
        expected = links.outcome(query, "off")
        for workers in (0, 2):
            assert links.outcome(query, "force", workers) == expected


def test_subtransaction_of_plpgsql_catches_our_error(links):
    links.execute("""
        create or replace function caught(divisor int) returns text as $$
        declare found numeric;
        begin
          begin
            select sum(a.k / (b.k - divisor)) into found from links a join links b on a.k = b.n;
            return 'sum';
          exception when division_by_zero then
            select sum(c) into found from (select count(*) as c from links group by g) q;
            return 'caught ' || found;
          end;
        end $$ language plpgsql
    """)
    query = "select caught(i) from generate_series(1, 10) i"
    expected = links.outcome(query, "off")
    assert "caught 20000" in str(expected)
    for workers in (0, 2):
        assert links.outcome(query, "force", workers) == expected


@pytest.mark.parametrize("isolation", ("read committed", "repeatable read", "serializable"))
def test_isolation_levels(links, isolation):
    expected = links.outcome(GROUPED, "off")
    for workers in (0, 2):
        links.execute(f"begin isolation level {isolation}")
        assert links.outcome(GROUPED, "force", workers) == expected
        links.execute("commit")
        links.execute(f"begin isolation level {isolation} read only deferrable")
        assert links.outcome(GROUPED, "force", workers) == expected
        links.execute("commit")


def test_answers_hold_while_others_write_and_vacuum(directory, database, links):
    """Money moves between accounts, rows are replaced and vacuumed: every snapshot sees the same sums."""
    links.execute("drop table if exists account; create table account (id int, other int, amount numeric(12,2));"
                  "insert into account select i, i % 10, 100 from generate_series(1, 4098) i; analyze account")
    done = threading.Event()
    failures = []

    def work(statements):
        try:
            session = Session(directory, database)
            for i in itertools.count():
                if done.is_set():
                    break
                session.execute(statements[i % len(statements)].format(a=i % 4000 + 1, b=i * 7 % 4000 + 1))
            session.connection.close()
        except psycopg2.Error as error:
            if error.pgcode != "40P01":
                failures.append(error)

    move = "update account set amount = amount + case id when {a} then 1 else -1 end where id in ({a}, {b}) and {a} <> {b}"
    replace = "with gone as (delete from account where id = 4000 + {b} % 99 returning *) insert into account select * from gone"
    threads = [threading.Thread(target=work, args=(statements,), daemon=True)
               for statements in ([move], [replace, move], ["vacuum account"])]
    for thread in threads:
        thread.start()
    try:
        for query in ("select count(*), sum(amount) from account",
                      "select count(*), sum(a.amount) from account a join account b on a.id = b.id"):
            for workers in (0, 1, 2, 2, 2, 2, 4):
                assert links.rows(query, "force", workers)[1] == [(4098, 409800)], query
    finally:
        done.set()
        for thread in threads:
            thread.join(30)
    assert not failures


# Plans, parameters, permissions.

def test_generic_plan_meets_other_settings(links):
    links.execute("set sluice.mode = force; set sluice.workers = 2; set plan_cache_mode = force_generic_plan")
    links.execute("prepare p(int) as select a.g, count(*) from links a join links b on a.k = b.n "
                  "where a.g < $1 group by a.g limit $1")
    expected = None
    for setting in ("sluice.workers = 0", "sluice.workers = 4", "sluice.mode = off", "sluice.mode = auto",
                    "max_parallel_workers = 0", "sluice.exchange_memory = '64kB'", "work_mem = '64kB'",
                    "max_parallel_workers_per_gather = 0", "parallel_leader_participation = off"):
        links.execute(f"set {setting}")
        links.execute("execute p(7)")
        rows = sorted(links.cursor.fetchall())
        expected = expected or rows
        assert rows == expected and len(rows) == 7, setting
        links.execute("reset " + setting.split(" ")[0])
        if setting.startswith("sluice.mode"):
            links.execute("set sluice.mode = force")
    links.execute("deallocate p; reset plan_cache_mode; set work_mem = '64MB'")


@pytest.mark.parametrize("workers", (0, 2))
def test_row_security_and_column_permissions(links, workers):
    links.execute("""
        drop table if exists owned cascade; drop role if exists sluice_reader; create role sluice_reader;
        create table owned (owner text, g int, amount int, secret int);
        insert into owned select case i % 4 when 0 then 'sluice_reader' else 'other' end, i % 9, i, i
          from generate_series(1, 5000) i;
        analyze owned; alter table owned enable row level security;
        create policy own_rows on owned using (owner = current_user);
        grant select (owner, g, amount) on owned to sluice_reader; grant select on links, few to sluice_reader;
        create view leaky as select g, secret from owned;
        create view barrier with (security_barrier) as select g, amount from owned where amount % 2 = 0;
        grant select on barrier to sluice_reader;
    """)
    try:
        for query in ("select g, count(*), sum(amount) from owned group by g",
                      "select count(*), sum(o.amount) from owned o join few f on o.g = f.g",
                      "select g, count(*), sum(secret) from owned group by g",
                      "select g, max(secret) from leaky group by g",
                      "select g, count(*) from barrier where amount > 100 group by g"):
            links.execute("set role sluice_reader")
            expected = links.outcome(query, "off")
            found = links.outcome(query, "force", workers)
            links.execute("reset role")
            assert found == expected, query
            assert (expected[:2] == ("error", "42501")) == ("secret" in query), expected
        links.execute("set role sluice_reader")
        rows = links.rows("select count(*) from owned", "force", workers)[1]
        links.execute("reset role")
        assert rows == [(1250,)]
        assert links.rows("select count(*) from owned", "force", workers)[1] == [(5000,)]
    finally:
        links.execute("reset role; drop table owned cascade; revoke all on links, few from sluice_reader; "
                      "drop role sluice_reader")


@pytest.mark.parametrize("workers", (0, 2))
def test_row_security_that_reads_no_column(links, workers):
    """The policy is a condition of a scan that decodes nothing."""
    links.execute("""
        drop table if exists closed cascade; drop role if exists sluice_reader; create role sluice_reader;
        create table closed (g int, amount int);
        insert into closed select i % 9, i from generate_series(1, 5000) i;
        analyze closed; alter table closed enable row level security;
        create policy by_name on closed using (current_user = 'somebody else');
        create policy by_setting on closed using (current_setting('sluice_test.open', true) = 'yes');
        grant select on closed to sluice_reader""")
    try:
        links.execute("set role sluice_reader")
        for open_to_all, count in (("no", 0), ("yes", 5000)):
            links.execute(f"set sluice_test.open = '{open_to_all}'")
            assert links.rows("select count(*) from closed", "off")[1] == [(count,)]
            assert links.rows("select count(*) from closed", "force", workers)[1] == [(count,)]
            assert links.is_taken("select count(*) from closed", workers)
    finally:
        links.execute("reset role; drop table closed cascade; drop role sluice_reader")


@pytest.mark.parametrize("query", [
    "select count(*), sum(v) from parted", "select k % 3, count(*) from parted group by 1",
    "select p.k, q.v from parted p join parted q on p.k = q.v where p.k < 300",
    "select count(*) from parted p join few f on p.k = f.k where p.k < 100",
    "select count(*), sum(a) from parent", "select count(*) from only parent",
    "select count(*) from parent p join few f on p.a = f.k",
    "select tableoid::regclass, count(*) from parted group by 1",
], ids=range(8))
def test_partitions_and_inheritance(links, query):
    links.execute("""
        create table if not exists parted (k int, v int) partition by range (k);
        create table if not exists parted_low partition of parted for values from (0) to (1000);
        create table if not exists parted_high partition of parted for values from (1000) to (100000);
        create table if not exists parent (a int); create table if not exists child (b int) inherits (parent);
        truncate parted, parent;
        insert into parted select i, i % 700 from generate_series(1, 5000) i;
        insert into parent select i from generate_series(1, 500) i;
        insert into child select i, i from generate_series(1, 800) i; analyze parted; analyze parent; analyze child;
    """)
    expected = links.outcome(query, "off")
    for workers in (0, 2):
        assert links.outcome(query, "force", workers) == expected


@pytest.mark.parametrize("query", [
    "select count(*) from few where k not in (select g from holes)",
    "select count(*) from few where k not in (select g from holes where g is not null)",
    "select count(*) from holes where g not in (select k from few where k < 0)",
    "select count(*) from holes where g not in (select k from few)",
    "select count(*) from few f where (k, g) not in (select g, g from holes where g > 3)",
    "select count(*) from few f where not exists (select 1 from holes h where h.g = f.k)",
    "select count(*) from few f left join holes h on h.g = f.k where h.g is null",
    "select count(*) from few f full join holes h on h.g = f.k",
    "select f.g from few f intersect select g from holes", "select g from holes except select f.k from few f",
], ids=range(10))
def test_not_in_and_other_joins_keep_their_nulls(links, query):
    links.execute("drop table if exists holes; create table holes (g int); "
                  "insert into holes values (1), (2), (null), (7), (60); analyze holes")
    expected = links.outcome(query, "off")
    for workers in (0, 2):
        assert links.outcome(query, "force", workers) == expected


@pytest.mark.parametrize("query", [
    "select g, rank() over (order by c, g) from ({0}) q limit 3",
    "select g, generate_series(1, 3) from ({0}) q order by g, 2 limit 7",
    "select g, sum(c) from ({0}) q group by g order by g limit 2",
    "select * from (select g, c from ({0}) q order by g limit 3) x join few f on f.g = x.g order by 1, 3 limit 4",
    "select * from ({0}) q order by s desc, g offset 35 limit 5",
    "(select g, c from ({0}) q order by g limit 2) union all (select g, 1 from few order by k limit 1)",
    "select distinct on (g) g, c from ({0}) q order by g, c limit 4",
    "select g from ({0}) q union select g from few order by 1 limit 6",
], ids=range(8))
def test_limit_stays_above_what_it_must_not_pass(links, query):
    query = query.format(GROUPED)
    expected = links.rows(query, "off")
    for workers in (0, 2, 4):
        assert links.rows(query, "force", workers) == expected


def test_limit_known_only_at_run_time(links):
    links.execute("set plan_cache_mode = force_generic_plan; set sluice.mode = force; set sluice.workers = 2")
    links.execute("prepare top(int, int) as select a.k from links a join links b on a.k = b.n "
                  "order by a.k desc limit $1 offset $2")
    for limit, offset in ((3, 0), (0, 0), (5, 19998), (1, 1)):
        links.execute(f"execute top({limit}, {offset})")
        assert [k for (k,) in links.cursor.fetchall()] == list(range(20000 - offset, 0, -1))[:limit]
    links.execute("deallocate top; reset plan_cache_mode")


def test_order_by_limit_stays_with_the_index(links):
    links.execute("create index if not exists links_k on links (k); analyze links; set sluice.min_cost = 0")
    query = "select a.k, b.t from links a join few b on a.k = b.k order by a.k limit 5"
    point = "select count(*) from links where k = 17"
    for statement in (query, point):
        links.execute("set sluice.mode = auto; set sluice.workers = 2; explain (costs off) " + statement.replace("b.t", "b.g"))
        plan = "\n".join(line for (line,) in links.cursor.fetchall())
        assert "Sluice" not in plan and "Index" in plan, plan
    links.execute("drop index links_k")


def test_user_functions_raise_as_in_postgresql(links):
    links.execute("""
        create or replace function fussy(n int) returns int as $$
        begin if n = 15000 then raise exception 'no % please', n using errcode = 'P7777'; end if; return n; end
        $$ language plpgsql immutable parallel safe
    """)
    for query in ("select sum(fussy(k)) from links", "select count(*) from links a join links b on a.k = b.n and fussy(b.k) > 5",
                  "select g, sum(fussy(c::int + 14459)) from (" + GROUPED + ") q group by g"):
        expected = links.outcome(query, "off")
        assert expected[:2] == ("error", "P7777")
        for workers in (0, 2):
            assert links.outcome(query, "force", workers) == expected
    assert links.is_taken("select sum(fussy(k)) from links")


# Sizes.

@pytest.mark.parametrize("workers", (8, 16))
def test_many_more_seats_than_cores(links, workers):
    expected = links.outcome(GROUPED, "off")
    links.execute("set max_parallel_workers = 16")
    for _ in range(3):
        assert links.outcome(GROUPED, "force", workers) == expected
    assert len(links.rows(SHUFFLES + " limit 1", "force", workers)[1]) == 1
    links.execute("reset max_parallel_workers")


@pytest.mark.parametrize("exchange_memory", ("64kB", "128kB", "512kB"))
@pytest.mark.parametrize("workers", (0, 1, 2, 4))
def test_tiny_memory(links, workers, exchange_memory):
    query = "select a.k, b.t, c.d from links a join links b on a.k = b.n join links c on b.g = c.k"
    expected = [links.outcome(text, "off") for text in (query, GROUPED)]
    links.execute(f"set sluice.exchange_memory = '{exchange_memory}'")
    for work_mem in ("64kB", "64MB"):
        links.execute(f"set work_mem = '{work_mem}'")
        assert [links.outcome(text, "force", workers) for text in (query, GROUPED)] == expected
    links.execute("reset sluice.exchange_memory")


@pytest.mark.parametrize("workers", (0, 2))
def test_values_of_many_megabytes_through_small_rings(links, workers):
    links.execute("""
        drop table if exists heavy; create table heavy (k int, v text);
        insert into heavy select i, repeat(chr(96 + i), 30000000 + i) from generate_series(1, 3) i;
        insert into heavy select i, 'light' from generate_series(4, 3000) i;
        analyze heavy; set sluice.exchange_memory = '1MB'
    """)
    query = "select k.k, length(v), md5(v) from heavy h join few k on h.k = k.k where k.k < 9"
    top = "select h.k, v from heavy h join few k on h.k = k.k order by length(v) desc limit 2"
    try:
        expected = links.outcome(query, "off")
        assert links.outcome(query, "force", workers) == expected
        assert links.rows(top, "force", workers) == links.rows(top, "off")
        grouped = "select v, count(*) from heavy group by v"
        assert links.rows(f"select md5(v), count from ({grouped}) q order by 1", "force", workers) == \
            links.rows(f"select md5(v), count from ({grouped}) q order by 1", "off")
    finally:
        links.execute("reset sluice.exchange_memory; drop table heavy")


def test_cancel_while_values_are_detoasted(links):
    links.execute("""
        drop table if exists outside; create table outside (g int, v text);
        alter table outside alter column v set storage external;
        insert into outside select i, repeat(md5(i::text), 3000) from generate_series(1, 400) i; analyze outside;
    """)
    query = "select g, max(a.v), min(a.v) from outside a group by g"
    assert links.is_taken(query)
    expected = links.outcome(query, "off")
    for timeout_ms in (1, 3, 5, 8, 12, 20, 40):
        for workers in (0, 2):
            links.execute(f"set statement_timeout = {timeout_ms}")
            outcome = links.outcome(query, "force", workers)
            links.execute("set statement_timeout = '90s'")
            assert outcome == expected or outcome[:2] == ("error", "57014")
    assert links.outcome(query, "force", 2) == expected


# Locks.

def test_a_worker_passes_a_lock_that_waits_for_its_leader(directory, database, links):
    """The leader holds the table, another session queues for it: the workers must not queue behind."""
    other = Session(directory, database, statement_timeout="60s")
    links.execute("begin")
    links.rows("select count(*) from few", "off")
    other.execute("begin")
    thread = threading.Thread(target=lambda: other.execute("lock table few in access exclusive mode"))
    thread.start()
    wait_until(lambda: is_waiting(links, other), "the lock's queue")
    query = "select count(*) from few a join few b on a.k = b.k"
    assert run_watched(directory, lambda: links.rows(query, "force", 2))[1] == [(50,)]
    links.execute("commit")
    thread.join(60)
    assert not thread.is_alive()
    other.connection.close()


def is_waiting(session, other):
    session.execute("select count(*) from pg_locks where not granted and pid = %s",
                    (other.connection.info.backend_pid,))
    return session.cursor.fetchone()[0] > 0


@pytest.mark.parametrize("workers", (0, 2, 4))
def test_lock_cycle_through_another_session_while_peers_wait(directory, database, links, workers):
    """Seats wait for a toast index of the other session, which waits for a table of the leader."""
    links.execute("""
        drop table if exists cycle, held; create table cycle (g int, v text); create table held (k int);
        alter table cycle alter column v set storage external;
        insert into cycle select i, repeat(md5(i::text), 200) from generate_series(1, 200) i; analyze cycle;
        select reltoastrelid::regclass::text from pg_class where relname = 'cycle'
    """)
    toast = links.cursor.fetchone()[0]
    other = Session(directory, database, statement_timeout="60s", deadlock_timeout="100ms")
    results = []

    def close_the_cycle():
        try:
            other.execute("lock table held in access exclusive mode")
            results.append("granted")
        except psycopg2.Error as error:
            results.append(error.pgcode)

    links.execute("set deadlock_timeout = '100ms'; begin; lock table held in access exclusive mode")
    other.execute(f"begin; reindex table {toast}")
    thread = threading.Thread(target=close_the_cycle)
    thread.start()
    query = "select a.g, a.v from cycle a join cycle b on a.v = b.v"
    assert links.is_taken(query)
    outcome = run_watched(directory, lambda: links.outcome(query, "force", workers))
    if outcome[0] == "error":
        assert outcome[1] == "40P01", outcome
    links.execute("rollback")
    thread.join(60)
    assert not thread.is_alive() and results
    assert "40P01" in (outcome[1], results[0]), (outcome[1], results)
    other.execute("rollback")
    other.connection.close()
    links.execute("reset deadlock_timeout; drop table cycle, held")
    links.assert_same(GROUPED, (0, 2))
