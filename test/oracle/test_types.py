"""Types beyond numbers, dates and strings: what Sluice compares itself, what it only carries, and domains."""

import pytest

# name: (the type, a value of i, whether it orders here, whether it has min and max)
COMPARED = {
    "timestamptz": ("timestamptz", "timestamptz '2024-03-30 23:00:00+00' + i * interval '7 minutes'", True, True),
    "time": ("time", "time '00:00:00' + i % 900 * interval '95.000001 seconds'", True, True),
    "bytea": ("bytea", "decode(md5((i % 700)::text), 'hex') || case when i % 3 = 0 then '\\x00'::bytea else ''::bytea end", True, False),
    "uuid": ("uuid", "md5((i % 800)::text)::uuid", True, False),
    "oid": ("oid", "(i % 400 * 10000000::bigint)::oid", False, False),
    "enum": ("mood", "(array['good', 'bad', 'ugly', 'new'])[1 + i % 4]::mood", False, False),
    "domain over int": ("small_number", "i % 300", True, True),
    "domain over numeric": ("price", "(i % 1000) * 1.25", True, True),
    "domain over a domain": ("low_price", "(i % 100) * 0.75", True, True),
    "domain over text": ("label", "'label ' || i % 60", True, True),
    "domain over char": ("code", "'c' || i % 70", True, True),
    "domain over varchar": ("short_label", "'s' || i % 55", True, True),
    "domain over uuid": ("key", "md5((i % 90)::text)::uuid", True, False),
}
CARRIED = {
    "jsonb": ("jsonb", "jsonb_build_object('n', i % 50, 'list', array[i, i + 1], 'wide', repeat('w', i % 3000))"),
    "json": ("json", "json_build_object('n', i % 50)"),
    "int[]": ("int[]", "array[i % 9, null, i]"),
    "float8[]": ("float8[]", "array[i / 3.0, 'NaN']::float8[]"),
    "text[]": ("text[]", "array['a' || i % 5, repeat('long', i % 900)]"),
    "range": ("int4range", "int4range(i % 10, i % 10 + 5)"),
    "tsvector": ("tsvector", "to_tsvector('simple', 'word' || i % 20 || ' other')"),
    "bit": ("bit varying(40)", "(i % 1000)::bit(12)::bit varying"),
    "numeric": ("numeric", "case i % 50 when 7 then 'NaN' when 8 then '-Infinity' when 9 then 1e40 + i else i % 90 / 8.0 end"),
    "numeric of many digits": ("numeric(60,20)", "i % 70 * 1.00000000000000000001"),
    "numeric rounded before the point": ("numeric(6,-2)", "i % 700 * 100"),
    "domain over numeric": ("amount", "i % 80 * 0.125"),
    "interval": ("interval", "i % 60 * interval '1 month 2 days 3.5 seconds'"),
    "float4": ("float4", "case when i % 40 = 3 then 'NaN' else i % 70 / 3.0 end"),
    "money": ("money", "(i % 90 * 1.5)::numeric::money"),
    "name": ("name", "('name ' || i % 40)::name"),
    "char": ('"char"', "chr(65 + i % 26)::\"char\""),
    "macaddr": ("macaddr", "('08:00:2b:01:02:' || lpad(to_hex(i % 200), 2, '0'))::macaddr"),
    "inet": ("inet", "('10.0.' || i % 200 || '.1')::inet"),
    "timetz": ("timetz", "timetz '10:00:00+02' + i % 50 * interval '1 minute'"),
    "point": ("point", "point(i % 30, i % 7)"),
    "lsn": ("pg_lsn", "('0/' || to_hex(i % 500))::pg_lsn"),
    "row": ("pair", "row(i % 20, repeat('p', i % 40))::pair"),
}
WITHOUT_EQUALITY = ("json", "point")
ROWS = 6000


def columns(types):
    return ", ".join(f"{prefix}{n} {spec[0]}" for prefix, group in types for n, spec in enumerate(group.values()))


@pytest.fixture(scope="module")
def tables(session):
    groups = (("c", COMPARED), ("o", CARRIED))
    exprs = ", ".join(f"case when i % 11 = {n} then null else {spec[1]} end"
                      for _, group in groups for n, spec in enumerate(group.values()))
    session.execute(f"""
        drop table if exists typed, typed_too;
        drop type if exists mood, pair cascade;
        drop domain if exists small_number, low_price, price, label, key, code, short_label, amount cascade;
        create type mood as enum ('ugly', 'bad');
        alter type mood add value 'good';
        alter type mood add value 'new' before 'bad';
    """)
    session.execute(f"""
        create domain amount as numeric;
        create type pair as (n int, t text);
        create domain small_number as int check (value < 10000);
        create domain price as numeric(9,2);
        create domain low_price as price check (value < 1000);
        create domain label as text;
        create domain key as uuid;
        create domain code as char(8);
        create domain short_label as varchar(12);
        create table typed (i int not null, {columns(groups)});
        insert into typed select i, {exprs} from generate_series(1, {ROWS}) i;
        create table typed_too as select * from typed where i % 4 = 0;
        analyze typed; analyze typed_too;
        set timezone = 'Europe/Berlin';
    """)
    yield session
    session.execute("reset timezone")


def each(group):
    return pytest.mark.parametrize("n, spec", list(enumerate(group.values())), ids=list(group))


@each(COMPARED)
def test_groups(tables, n, spec):
    tables.assert_same(f"select c{n}, count(*), sum(i) from typed group by c{n}")
    tables.assert_same(f"select count(distinct c{n}), count(c{n}), count(*) from typed")


@each(COMPARED)
def test_joins(tables, n, spec):
    tables.assert_same(f"""select count(*), count(b.c{n}), sum(a.i), sum(b.i) from typed a join typed_too b on a.c{n} = b.c{n}
                           where a.i < 900""")
    tables.assert_same(f"select a.i, b.i, b.c{n} from typed a left join typed_too b on a.c{n} = b.c{n} and b.i < 40 where a.i < 300")
    tables.assert_same(f"select count(*) from typed a where a.c{n} not in (select b.c{n} from typed_too b where b.c{n} is not null)")


@each(COMPARED)
def test_comparisons_with_constants(tables, n, spec):
    tables.execute(f"select c{n}::text from typed where c{n} is not null order by i limit 1 offset 100")
    constant = f"'{tables.cursor.fetchone()[0]}'"
    for op in ("=", "<>", "<", "<=", ">", ">="):
        tables.assert_same(f"select count(*), sum(i) from typed where c{n} {op} {constant}")
    tables.assert_same(f"select count(*), sum(i) from typed where c{n} in ({constant}, null)")
    tables.assert_same(f"select count(*), sum(i) from typed where case when i % 2 = 0 then c{n} end is distinct from {constant}")


@each(COMPARED)
def test_orders(tables, n, spec):
    """Top-K where the order is known here; PostgreSQL's sort above Sluice otherwise."""
    plan = "\n".join(tables.plan(f"select c{n} from typed a join typed_too b using (c{n}) order by c{n} desc limit 5", 0))
    assert ("Top-K" in plan) == spec[2], plan
    query = f"select a.c{n}, a.i, b.i from typed a join typed_too b on a.i = b.i order by a.c{n} {{}}, a.i limit 20"
    for order in ("", "desc nulls last"):
        tables.assert_same(query.format(order))
    if spec[3]:
        tables.assert_same(f"select i % 7, min(c{n}), max(c{n}) from typed group by i % 7")


@each(CARRIED)
def test_opaque_values_are_carried(tables, n, spec):
    tables.assert_same(f"select a.i, a.o{n}, b.o{n} from typed a join typed_too b on a.i = b.i")
    tables.assert_same(f"select a.i, coalesce(b.o{n}, a.o{n}) from typed a left join typed_too b on a.i = b.i where a.i < 500")
    query = f"select count(o{n}), count(*) from typed where o{n} is not null or i % 5 = 0"
    tables.assert_same(query)
    assert not any("Plan Input" in line for line in tables.plan(query))


@each(CARRIED)
def test_opaque_values_are_compared_by_postgresql_only(tables, n, spec):
    if spec[0] not in WITHOUT_EQUALITY:
        tables.assert_same(f"select o{n}, count(*) from typed where i < 200 group by o{n}", workers=(0, 2), taken=False)
        tables.assert_same(f"select count(distinct o{n}) from typed", workers=(0, 2))
        for query in (f"select count(*), sum(a.i) from typed a join typed_too b on a.o{n} = b.o{n} where a.i < 400 and b.i < 400",
                      f"select a.o{n} from typed a join typed_too b on a.i = b.i order by a.o{n} limit 7"):
            for workers in (0, 2):
                assert tables.outcome(query, "force", workers) == tables.outcome(query, "off")
        for query in (f"select count(*) from typed where o{n} = (select o{n} from typed where i = 100)",
                      f"select count(*) from typed where case when i > 50 then o{n} end is not distinct from o{n}"):
            for workers in (0, 2):
                assert tables.outcome(query, "force", workers) == tables.outcome(query, "off")
        taken = "numeric" in spec[0] or spec[0] in ("jsonb", "int[]", "tsvector", "inet")
        if taken:
            tables.assert_same(f"select count(*) from typed where o{n} = (select o{n} from typed where i = 100)")


def test_numerics_without_a_scale(tables):
    n = list(CARRIED).index("numeric")
    for condition in (f"o{n} > 3.5", f"o{n} * 2 + 1 < i % 10", f"o{n} in (1.5, 2.5, 'NaN')", f"o{n} between 1 and 2.25",
                      f"-o{n} > -1", f"o{n}::int4 = 3", f"round(o{n}, 1) = 0.3", f"abs(o{n}) < i"):
        guard = "" if "int4" not in condition else f"o{n} < 1000 and o{n} > -1000 and "
        tables.assert_same(f"select count(*), sum(i) from typed where {guard}{condition}")
    tables.assert_same(f"select a.i, a.o{n} + b.o{n}, b.o{n} * 2 from typed a join typed_too b on a.i = b.i")
    for query in (f"select sum(o{n}), count(o{n}) from typed", f"select i % 7, avg(o{n}) from typed group by 1",
                  f"select min(o{n}), max(o{n}) from typed"):
        tables.assert_same(query, workers=(0, 2))
    tables.assert_same(f"select sum(a.o{n}), max(b.o{n}) from typed a join typed_too b on a.i = b.i where a.i % 50 < 7")
    tables.execute("deallocate all; set plan_cache_mode = force_generic_plan;"
                   f"prepare above (numeric) as select count(*), sum(i) from typed where o{n} > $1")
    try:
        found = []
        for mode in ("off", "force"):
            tables.execute(f"set sluice.mode = {mode}")
            found.append([tables.execute(f"execute above ({value})").fetchall() for value in ("3.75", "'NaN'", "null", "1e50")])
        assert found[0] == found[1]
    finally:
        tables.execute("reset plan_cache_mode; deallocate all")


def test_missing_values_that_are_carried(session):
    session.execute("""
        drop table if exists widened;
        create table widened (i int); insert into widened select i from generate_series(1, 3000) i;
        alter table widened add column n numeric default 12.5, add column p interval default '1 day 2 hours',
            add column f float4 default 1.5, add column m macaddr default '08:00:2b:01:02:03', add column a name default 'added';
        insert into widened select i, i / 7.0, null, i, null, 'n' || i from generate_series(3001, 4000) i;
        analyze widened""")
    session.assert_same("select a.*, b.p, b.f from widened a join widened b on a.i = b.i")


def test_equal_values_of_different_bytes(session):
    session.execute("""
        drop table if exists alike; create table alike (i int, j jsonb, f float8[], n numeric[]);
        insert into alike select i, (array['1', '1.0', '1.00'])[1 + i % 3]::jsonb, array[(array['0', '-0'])[1 + i % 2]::float8],
            array[(array['2', '2.0'])[1 + i % 2]::numeric] from generate_series(1, 3000) i;
        analyze alike""")
    for column in "jfn":
        session.assert_same(f"select count(*), count(distinct {column}) from alike group by {column}", workers=(0, 2), taken=False)
        query = f"select count(*) from alike a join (select * from alike where i < 5) b on a.{column} = b.{column}"
        assert session.outcome(query, "force", 2) == session.outcome(query, "off")
    session.assert_same("select sum(i) from alike where j = '1' and f = '{0}' and n = '{2}'")


def test_blanks_that_do_not_count(session):
    """Of equal values of a bpchar without a length which one comes out depends on the order of rows."""
    session.execute("""
        drop table if exists blanks; drop domain if exists padded_name, open_name; create domain padded_name as char(9); create domain open_name as bpchar;
        create table blanks (i int, x bpchar collate "C", c char(9) collate "C", p padded_name collate "C", o open_name collate "C");
        insert into blanks select i, v, v, v, v
          from (select 0 as i, 'z  ' as v union all select 1, 'z' union all select i, 'a' || i % 5000 || repeat(' ', i % 3) from generate_series(2, 30000) i) s;
        create index on blanks (x); analyze blanks; set max_parallel_workers_per_gather = 0""")
    try:
        def read(values, group=""):
            return f"select {values} from blanks{' group by ' + group if group else ''}"
        for column in "cp":
            session.assert_same(read(f"{column}, octet_length({column}), count(*)", column))
            session.assert_same(read(f"octet_length(max({column})), max({column})"))
            session.assert_same(read(f"distinct {column}"))
        for column in "xo":
            for query in (read(f"octet_length(max({column})), max({column})"), read(f"i % 7, octet_length(min({column}))", "1"),
                          read(f"octet_length({column}), count(*)", column), read(f"distinct {column}"), read(f"count(distinct {column})"),
                          f"select octet_length(max(a.{column})) from blanks a join blanks b on a.i = b.i where b.i < 4"):
                session.assert_same(query, taken=None)
        session.assert_same("select count(distinct x), sum(i) from blanks", workers=(0, 2))
    finally:
        session.execute("reset max_parallel_workers_per_gather")


def test_values_at_the_ends(session):
    session.execute("""
        drop table if exists ends; create table ends (i int, z timestamptz, t time, b bytea, u uuid, o oid);
        insert into ends select i, (array['infinity', '-infinity', '2024-01-01', '294276-12-31 23:59:59+00'])[1 + i % 4]::timestamptz,
            (array['24:00:00', '00:00:00', '23:59:59.999999'])[1 + i % 3]::time,
            (array['', '\\x00', '\\x0000', '\\x00ff', '\\xff', '\\xff00', '\\x61', '\\x6100',
                   '\\x000000000000000000000000', '\\x00000000000000000000000000'])[1 + i % 10]::bytea,
            null, (array[0, 2147483647, 2147483648, 4294967295])[1 + i % 4]::oid from generate_series(1, 4000) i;
        analyze ends""")
    for column in "ztbuo":
        session.assert_same(f"select {column}::text, count(*), sum(i) from (select {column}, i from ends) e group by {column}")
        session.assert_same(f"select count(*), count(distinct {column}) from ends")
        session.assert_same(f"select count(*), sum(b.i) from ends a join ends b on a.{column} = b.{column} where a.i < 30")
        if column != "o":
            session.assert_same(f"select a.{column}::text, a.i from ends a join ends b using (i) order by a.{column} desc, a.i limit 25")
    session.assert_same("select min(z)::text, max(z)::text, min(t)::text, max(t)::text from ends")
    for condition in ("z < 'infinity'", "t >= '24:00'", "b > '\\x00'", "b = ''", "o = 4294967295", "b in ('\\x6100', '')"):
        session.assert_same(f"select count(*), sum(i) from ends where {condition}")


def test_run_constants_that_nobody_needs(tables):
    """PostgreSQL never comes to them."""
    for condition in ("c6 = 20000::small_number", "case when i < 0 then 'nosuch'::text::regclass end = c4"):
        query = f"select count(*) from typed where i < 0 and {condition}"
        outcome = tables.outcome(query, "off")
        assert outcome[0] == "rows", (condition, outcome)
        for workers in (0, 2):
            assert tables.outcome(query, "force", workers) == outcome


@pytest.mark.parametrize("document", ("jsonb '{\"n\": 7}'", "'{\"n\": 7}'::text::jsonb"))
def test_parameters(tables, document):
    tables.execute("set plan_cache_mode = force_generic_plan")
    for name, kind, value, condition in (
            ("by_document", "jsonb", document, "o0 @> $1"), ("by_time", "timestamptz", "timestamptz '2024-04-20'", "c0 < $1"),
            ("by_id", "uuid", "md5('3')::uuid", "c3 <> $1"), ("by_mood", "mood", "'bad'", "c5 = $1"),
            ("by_number", "small_number", "12", "c6 > $1")):
        results = []
        for mode in ("force", "off"):
            tables.execute(f"set sluice.mode = {mode}; prepare {name} ({kind}) as select count(*), sum(i) from typed where {condition}")
            results.append(tables.execute(f"execute {name} ({value})").fetchall())
            tables.execute(f"deallocate {name}")
        assert results[0] == results[1], name
    tables.execute("reset plan_cache_mode")


def test_functions_that_a_type_brings_along(session):
    """The order of a range of somebody's own is somebody's own function."""
    session.execute("""
        drop table if exists spans; drop type if exists span cascade;
        create type span as range (subtype = int4);
        create table spans (i int, s span); insert into spans select i, span(i % 10, i % 10 + 5) from generate_series(1, 2000) i;
        analyze spans""")
    session.assert_same("select count(greatest(s, span(3, 9))) from spans", workers=(0, 2))
    session.assert_same("select count(s), count(*) from spans where s is not null")


@pytest.mark.parametrize("expression", (
    "o0 ->> 'n'", "o0 -> 'list'", "jsonb_array_length(o0 -> 'list')", "(o0 ->> 'n')::int + 1", "o0 @> '{\"n\": 7}'", "o0 ? 'n'",
    "o1 ->> 'n'", "o2[1]", "array_length(o2, 1)", "3 = any(o2)", "o3[1]", "o4[2]", "upper(o5)", "o5 @> 7", "o6 @@ 'word7'",
    "date_trunc('day', c0)", "extract(hour from c0)::int", "c0::date", "c0 at time zone 'UTC'", "c0 > timestamp '2024-04-10 01:00'",
    "c0 + interval '1 month'", "c1 + interval '3 hours'", "length(c2)", "encode(c2, 'hex')", "c3::text", "c5 > 'bad'::mood", "c5::text",
    "c6 + 1", "c7 * 2", "upper(c9)", "c9 like '%7%'", "c4::bigint"))
def test_functions_of_them(tables, expression):
    tables.assert_same(f"select count({expression}), count(*) from typed")
    tables.assert_same(f"select {expression}, i from typed a where exists (select 1 from typed_too b where b.i = a.i)")


def test_missing_values_and_a_changed_type(session):
    session.execute("""
        drop table if exists grown;
        create table grown (i int); insert into grown select i from generate_series(1, 3000) i;
        alter table grown add column u uuid default 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
            add column j jsonb default '{"a": [1, 2]}', add column at timestamptz default '2024-01-01 00:00+00',
            add column b bytea default '\\xff00', add column t time default '12:34:56.789';
        insert into grown select i, md5(i::text)::uuid, null, now(), null, null from generate_series(3001, 4000) i;
        analyze grown""")
    session.assert_same("select u, at is null, b, t, count(*), count(j), min(i) from grown group by u, at is null, b, t")
    session.assert_same("select a.i, a.j, a.u, b.t from grown a join grown b on a.u = b.u and a.i = b.i")
    session.execute("alter table grown alter column u drop default, alter column u type text, alter column j drop default, "
                    "alter column j type json")
    session.execute("analyze grown")
    session.assert_same("select a.i, a.j, a.u, b.t from grown a join grown b on a.u = b.u and a.i = b.i")


def test_uuids_order_by_their_bytes(session):
    session.execute("""
        drop table if exists ids; create table ids (i int, u uuid);
        insert into ids select i, (lpad(to_hex(i * 16777216::bigint), 8, '0') || repeat('0', 24))::uuid
            from generate_series(0, 255) i;
        insert into ids values (300, 'ffffffff-ffff-ffff-ffff-ffffffffffff'), (301, '00000000-0000-0000-0000-000000000000'),
            (302, '7fffffff-ffff-ffff-ffff-ffffffffffff'), (303, '80000000-0000-0000-0000-000000000000');
        analyze ids""")
    for op in ("<", ">="):
        session.assert_same(f"select count(*), sum(i) from ids where u {op} '80000000-0000-0000-0000-000000000000'")
    session.assert_same("select a.i, a.u from ids a join ids b on a.u = b.u order by a.u desc, a.i limit 30")


@pytest.mark.parametrize("query", (
    "select min(x) from zeros", "select max(x) from zeros where x < 1", "select max(z.x) from few join zeros z using (k) where x <= 0",
    "select x, count(*) from zeros group by x", "select distinct x from zeros",
    "select z.x, count(*) from few join zeros z using (k) where z.x > -1 group by 1",
    "select k % 2, x, count(*) from zeros group by 1, 2", "select k % 2, min(x), max(-x) from zeros group by 1"))
def test_zeros_of_two_signs(session, query):
    """They are equal, so that the order of the rows tells which one is shown."""
    session.execute("drop table if exists zeros, few; create table zeros (k int, x float8); create table few (k int);"
                    "insert into zeros values (1, '-0'), (1, 0), (1, 0);"
                    "insert into zeros select g, g from generate_series(2, 3000) g;"
                    "insert into few select g from generate_series(1, 5000) g;"
                    "analyze zeros, few; set max_parallel_workers_per_gather = 0")
    session.assert_same(query, workers=(0, 2))
    session.execute("reset max_parallel_workers_per_gather")


@pytest.mark.parametrize("query", ("select min(x), max(y) from zeros", "select x, count(*) from zeros group by x"))
def test_negative_zeros_alone(session, query):
    session.execute("drop table if exists zeros; create table zeros (x float8, y float8);"
                    "insert into zeros select case when g % 3 = 0 then '-0' else g % 7 + 1 end, case when g % 9 = 0 then '-0' else -1 end "
                    "from generate_series(1, 3000) g; analyze zeros; set max_parallel_workers_per_gather = 0")
    session.assert_same(query, workers=(0, 2))
    plan = "\n".join(session.plan(query, 2, "analyze, verbose, timing off, summary off, costs off"))
    assert "gave up" not in plan and "bandon" not in plan, plan
    session.execute("reset max_parallel_workers_per_gather")


def test_extreme_of_zeros_by_an_index(session):
    """PostgreSQL's own plan comes to the zeros in another order than a scan, which answers for a run given up."""
    session.execute("drop table if exists zeros; create table zeros (x float8);"
                    "insert into zeros values ('0'), ('-0');"
                    "insert into zeros select g from generate_series(1, 20000) g;"
                    "create index on zeros (x); analyze zeros; set max_parallel_workers_per_gather = 0")
    session.assert_same("select min(x) from zeros", workers=(0, 2), taken=False)
    session.execute("drop table zeros; create table zeros (k int, x float8);"
                    "insert into zeros values (2, '-0'), (1, '0');"
                    "insert into zeros select g, g from generate_series(3, 20000) g;"
                    "create index on zeros (k); analyze zeros; set enable_bitmapscan = off")
    session.assert_same("select x, count(*) from zeros where k < 50 group by x", workers=(0, 2), taken=False)
    session.assert_same("select distinct x from zeros where k < 50", workers=(0, 2), taken=False)
    session.execute("reset enable_bitmapscan")
    session.execute("reset max_parallel_workers_per_gather")
