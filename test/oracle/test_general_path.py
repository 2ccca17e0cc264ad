"""Expressions without a kernel in the engine, which PostgreSQL evaluates row by row inside a run."""

import collections

import pytest

CONDITIONS = (
    "upper(word) like 'WORD%'", "length(word) > 20", "word ~ '^w.*[37]$'", "word ilike '%ORD1%'", "id % 7 = 3",
    "abs(number) / 3 > 10", "word || '!' = 'word5!'", "word is distinct from 'word5'",
    "date_trunc('month', moment) = timestamp '2024-03-01'", "to_char(day, 'YYYY-MM') in ('2024-01', '2024-02')",
    "round(price, 1) = 12.3", "price / 3 > 20", "sqrt(rate) < 1.5", "word < padded", "greatest(id, number) > 100",
    "nullif(number, 3) is null", "day + interval '3 days' > timestamp '2024-03-04'", "(word = any ('{word5,x}')) is true",
    "concat(word, number, null) = '7'", "num_nulls(word, number, day) = 2", "extract(month from day) = 2",
    "md5(coalesce(word, '')) > '8'", "case padded when 'ab1' then id % 2 = 0 when 'ab2' then length(word) > 9 end",
    "case moment - timestamp '2024-01-01' when interval '3 hours 7 seconds' then flag when interval '21 days' "
    "then day is null else id % 2 = 0 end",
    "word like '%' || number || '%'", "id::text like '%99'", "age(moment, timestamp '2024-01-01') > interval '40 days'")

GROUPS = (
    "id % 7", "upper(word)", "length(padded)", "word || padded", "date_trunc('week', moment)", "to_char(day, 'Month')",
    "(price * 1.07)::numeric(8,2)", "(rate * 4)::int", "rate::text", "repeat(padded, 3)", "number / 3",
    "case when number > 5 then upper(word) else padded::text end", "coalesce(lower(upper(word)), 'none')",
    "extract(year from day + 40) = 2024", "substring(upper(word) from 2 for 3)")


@pytest.fixture(scope="module")
def tables(session):
    session.execute("""
        drop table if exists facts_of_all_kinds, no_facts;
        create table facts_of_all_kinds (id int not null, word text, padded char(10), number int, price numeric(9,2),
          rate float8, day date, moment timestamp, flag bool, document jsonb);
        insert into facts_of_all_kinds select i, case when i % 9 = 0 then null else repeat('word', i % 6) || i % 800 end,
            'ab' || i % 5, case when i % 7 = 0 then null else i % 40 end,
            case when i % 4 = 0 then null when i % 501 = 0 then 'NaN' else i * 0.03 end, i % 100 / 7.0,
            case when i % 11 = 0 then null else date '2024-01-01' + i % 200 end,
            timestamp '2024-01-01' + i % 900 * interval '3 hours 7 seconds', i % 2 = 0, '{}'
          from generate_series(1, 9000) i;
        create table no_facts (like facts_of_all_kinds);
        analyze facts_of_all_kinds; analyze no_facts;
    """)
    return session


@pytest.mark.parametrize("condition", CONDITIONS)
def test_conditions(tables, condition):
    tables.assert_same(f"select count(*), sum(id), min(price) from facts_of_all_kinds where {condition}")


@pytest.mark.parametrize("group", GROUPS)
def test_groups(tables, group):
    tables.assert_same(f"select {group}, count(*), sum(number) from facts_of_all_kinds group by 1", workers=(0, 2))


@pytest.mark.parametrize("argument", ("id % 10", "length(word)", "(price / 7)::numeric(12,4)", "number / 2",
                                      "case when flag then id % 10 else length(word) end"))
def test_arguments_of_aggregates(tables, argument):
    tables.assert_same(f"select padded, sum({argument}), avg({argument}), min({argument}), count({argument}), "
                       f"count(distinct {argument}) from facts_of_all_kinds group by padded")


def test_long_strings_live_as_long_as_their_batch(tables):
    tables.assert_same("select upper(repeat(word, 30)), max(reverse(repeat(word, 20)) collate \"C\"), count(*) "
                       "from facts_of_all_kinds group by 1")


@pytest.mark.parametrize("query", (
    "select w.id from wide w join mates m using (id) where repeat(repeat('w', 100), w.n) <> 'y'",
    "select w.id, m.id from wide w join mates m on repeat(repeat('w', 100), w.n) = m.word",
    "select w.id, m.n from wide w left join mates m on w.id = m.id and repeat(repeat('w', 100), w.n + m.n) <> 'y'"), ids=("filter", "key", "residual"))
def test_strings_of_a_batch_beyond_a_gigabyte(session, query):
    """The first rows are out before the long ones come: a batch is evaluated in parts then."""
    session.execute("drop table if exists wide, mates; create table wide (id int, n int); create table mates (id int, n int, word text);"
                    "insert into wide select i, case when i <= 9000 then 1 else 10000 end from generate_series(1, 10800) i;"
                    "insert into mates select i, 3, case when i < 3 then repeat('w', 100) else 'm' || i end from generate_series(1, 10800) i;"
                    "analyze wide, mates; set max_parallel_workers_per_gather = 0; set work_mem = '64MB'")
    assert session.assert_same(query, workers=(0, 2))[0] == "rows"
    session.execute("reset max_parallel_workers_per_gather; reset work_mem")


def test_parts_of_a_batch_call_a_function_once_a_row(session):
    session.execute("drop table if exists calls; create table calls (id int); insert into calls select generate_series(1, 400);"
                    "create or replace function long_word(id int) returns text language plpgsql stable parallel safe as "
                    "$$begin raise notice 'word %', id; return repeat('x', 100000 + id); end$$; analyze calls; set work_mem = '256MB'")
    query = "select octet_length(w), n from (select long_word(id) w, count(*) n from calls group by 1 offset 0) q"
    assert session.is_taken(query)
    calls = {}
    for mode in ("off", "force"):
        session.connection.notices = calls[mode] = collections.deque()  # of a list psycopg2 keeps the last 50
        session.rows(query, mode)
    session.connection.notices = []
    session.execute("reset work_mem")
    assert len(calls["off"]) == 400 and sorted(calls["off"]) == sorted(calls["force"])


def test_joins_on_and_above_what_postgresql_computes(tables):
    tables.assert_same("select count(*), sum(a.id) from facts_of_all_kinds a join facts_of_all_kinds b "
                       "on a.id % 1000 = b.id where length(a.word) > b.number")
    tables.assert_same("select a.id, a.word, b.word from facts_of_all_kinds a left join facts_of_all_kinds b "
                       "on upper(a.word) = b.word and b.id % 3 = 1 where a.id % 50 = 7")
    tables.assert_same("select padded, sum(number) from facts_of_all_kinds group by padded having sum(number) % 2 = 0")


def test_nothing_is_computed_over_an_empty_table(tables):
    tables.assert_same("select upper(word), count(*), sum(1 / number) from no_facts group by 1")


@pytest.mark.parametrize("expression, sqlstate, guard", (
    ("1 / (id - 778)", "22012", "id <> 778"), ("word::int", "22P02", "word ~ '^[0-9]+$'"),
    ("sqrt(rate - 1)", "2201F", "rate > 1"), ("repeat(word, id)::int", "22P02", "id = 6")))
def test_errors_are_postgresqls_and_only_of_rows_that_are_needed(tables, expression, sqlstate, guard):
    query = f"select sum({expression}) from facts_of_all_kinds where number is not null"
    assert tables.assert_same(query, workers=(0,))[:2] == ("error", sqlstate)
    for workers in (1, 2, 4):  # whose row comes first decides what the message quotes
        assert tables.outcome(query, "force", workers)[:2] == ("error", sqlstate)
    for condition in ("id < 0", guard):
        results = (tables.assert_same(f"select count(case when {condition} then {expression} else 1 end) "
                                      "from facts_of_all_kinds"),
                   tables.assert_same(f"select count(*) from facts_of_all_kinds where {condition} and {expression} > 0"),
                   tables.assert_same(f"select count(*) from facts_of_all_kinds where not ({condition}) or "
                                      f"{expression} > 0"))
        assert [result[0] for result in results] == ["rows"] * 3


@pytest.mark.parametrize("condition", ("id < random() * 0", "moment > clock_timestamp()",
                                       "pg_column_size(document) > 20"))
def test_what_stays_with_postgresql(tables, condition):
    tables.assert_same(f"select count(*) from facts_of_all_kinds where {condition}", workers=(0, 2), taken=False)


def test_scans_that_postgresql_executes(tables):
    query = "select count(*) from facts_of_all_kinds where word = upper((select 'word' where number > 0))"
    tables.assert_same(query, workers=(0, 2))
    assert any("Plan Input 1: Seq Scan" in line for line in tables.plan(query))


def test_explain_names_the_function(tables):
    plan = "\n".join(tables.plan("select count(*) from facts_of_all_kinds where upper(word) = 'A' and id % 2 = 0", 2))
    assert "upper(word)" in plan and "operator %(id)" in plan, plan


PREPARED = (("word like $1", "text", ("'word%'", "'%7'", "null")), ("id % $1 = 1", "int", ("3", "100", "null")),
            ("date_trunc($1, moment) = timestamp '2024-02-01'", "text", ("'month'", "'year'")),
            ("word ~ $1 and upper(word) <> $1", "text", ("'^w'", "'9$'")),
            ("number between $1 and $1 % 7 + id / $1", "int", ("5", "11")),
            ("length(word) > (select max(number) from facts_of_all_kinds where id < 20) + id % $1", "int", ("4",)))


@pytest.mark.parametrize("condition, kind, values", PREPARED)
def test_parameters_of_generic_plans(tables, condition, kind, values):
    tables.execute("set plan_cache_mode = force_generic_plan")
    tables.execute(f"prepare chosen({kind}) as select count(*), sum(id) from facts_of_all_kinds where {condition}")
    for value in values:
        execute = f"execute chosen({value})"
        tables.execute("discard plans")
        expected = tables.outcome(execute, "off")
        assert expected[0] == "rows"
        for workers in (0, 2):
            tables.execute("discard plans")
            assert tables.is_taken(execute, workers)
            assert tables.outcome(execute, "force", workers) == expected
    tables.execute("deallocate chosen; reset plan_cache_mode")


def test_parameter_that_is_an_error_for_no_row_is_none(tables):
    tables.execute("set plan_cache_mode = force_generic_plan")
    tables.execute("prepare divided(int) as select count(*) from facts_of_all_kinds where id < 0 and id / $1 = 3")
    for workers in (0, 2):
        tables.execute("discard plans")
        assert tables.outcome("execute divided(0)", "force", workers)[0] == "rows"
    tables.execute("deallocate divided; reset plan_cache_mode")


def test_prepared_plan_runs_again(tables):
    tables.execute("prepare counted as select upper(word), count(*) from facts_of_all_kinds group by 1 "
                   "having count(*) > 2")
    expected = tables.outcome("execute counted", "off")
    for workers in (0, 2, 0, 4):
        tables.execute("discard plans")
        for _ in range(3):
            assert tables.outcome("execute counted", "force", workers) == expected
    tables.execute("deallocate counted")


def test_rescans_use_what_postgresql_made_again(tables):
    tables.execute("set enable_material = off; set sluice.mode = force; set sluice.workers = 0")
    query = """select i from generate_series(1, 400) i where i <= all (
        select a.id from facts_of_all_kinds a join facts_of_all_kinds b on a.id = b.id where upper(a.word) = 'WORD805')"""
    assert "Custom Scan (Sluice)" in "\n".join(tables.plan(query, 0))
    tables.execute("begin; declare c cursor for " + query)
    assert len(tables.execute("fetch 300 from c").fetchall()) == 300
    made = tables.execute("select count(*) from pg_backend_memory_contexts where name = 'sluice results'").fetchone()[0]
    tables.execute("rollback; reset enable_material")
    assert 1 <= made <= 2
