"""PostgreSQL's exact answers: types, NULLs, scales, storage forms, join and grouping shapes."""

import re

import pytest

TYPES = {
    "bool": "(i % 2 = 0)",
    "int2": "(i % 300)::int2",
    "int4": "i",
    "int8": "i::int8 * 3000000000",
    "numeric(15,2)": "(i * 1.37)::numeric(15,2)",
    "numeric(5,0)": "(i % 1000)::numeric(5,0)",
    "numeric(38,10)": "(i * 12345678901234567.0123456789)::numeric(38,10)",
    "numeric(4,4)": "((i % 100) / 1000.0)::numeric(4,4)",
    "date": "date '1992-01-01' + i % 2500",
    "timestamp": "timestamp '1992-01-01' + i * interval '1 hour 3 seconds'",
    "text": "repeat(chr(97 + i % 26), i % 40)",
    "varchar(20)": "'v' || i % 50",
    "char(12)": "'c' || i % 50",
    "float8": "i / 7.0::float8",
}


@pytest.fixture(scope="module")
def tables(session):
    """`values_all` has one column a type, a fifth of each NULL; `dim` is what it joins with."""
    columns = ", ".join(f"c{n} {name}" for n, name in enumerate(TYPES))
    exprs = ", ".join(f"case when i % 5 = {n % 5} and i % 3 = 0 then null else {expr} end"
                      for n, expr in enumerate(TYPES.values()))
    session.execute(f"""
        drop table if exists values_all, dim, dim_text, empty_table;
        create table values_all (id int not null, {columns});
        insert into values_all select i, {exprs} from generate_series(1, 20000) i;
        create table dim (id int, name text, weight numeric(10,3));
        insert into dim select i, 'dim ' || i, i * 1.001 from generate_series(0, 299) i;
        insert into dim values (null, 'null', 1), (7, 'twice', 2);
        create table dim_text (k char(12), payload varchar(200));
        insert into dim_text select 'c' || i, repeat('p', i * 4) from generate_series(0, 49) i;
        create table empty_table (id int, name text);
        analyze values_all; analyze dim; analyze dim_text; analyze empty_table;
    """)
    return session


@pytest.mark.parametrize("column", range(len(TYPES)), ids=list(TYPES))
def test_count_min_max_of_every_type(tables, column):
    name = list(TYPES)[column]
    extremes = "" if name == "bool" else f", min(c{column}), max(c{column})"
    tables.assert_same(f"select count(*), count(c{column}){extremes} from values_all")


@pytest.mark.parametrize("column", range(len(TYPES)), ids=list(TYPES))
def test_group_by_every_type(tables, column):
    tables.assert_same(f"select c{column}, count(*), sum(id) from values_all group by c{column}")


NUMBERS = [n for n, name in enumerate(TYPES) if name.startswith(("int", "numeric"))]


@pytest.mark.parametrize("column", NUMBERS, ids=[list(TYPES)[n] for n in NUMBERS])
def test_sum_and_avg_keep_their_scale(tables, column):
    tables.assert_same(f"select sum(c{column}), avg(c{column}) from values_all")
    tables.assert_same(f"select c1, sum(c{column}), avg(c{column}) from values_all group by c1")
    tables.assert_same(f"select sum(c{column}), avg(c{column}), min(c{column}) from values_all "
                       "where id < 0")


@pytest.mark.parametrize("call", [
    "count(*)", "count(c2)", "count(distinct c5)", "sum(c4)", "sum(c6)", "avg(c3)", "sum(distinct c1)", "min(c10)", "max(c8)",
    "sum(case when c2 % 3 = 0 then c4 else 1.0000 end)", "sum(c1 * c5)"])
@pytest.mark.parametrize("condition", ["c2 % 7 = 3", "c10 like 'a%' or c9 is null", "c0", "c2 < 0", "null::bool", "true", "now() < '2000-01-01'"])
def test_filter_of_an_aggregate(tables, call, condition):
    tables.assert_same(f"select c12, {call} filter (where {condition}), count(*) from values_all group by c12")
    tables.assert_same(f"select {call} filter (where {condition}) from values_all v join dim d on v.id = d.id")


@pytest.mark.parametrize("argument, raises", (
    ("n", False), ("m::int8 + n", False), ("1 / n", True), ("n + m", True), ("n * m", True), ("-m", False), ("length(t)", False),
    ("substr(t, n, n - 1)", True), ("t::int", True), ("extract(year from d)", False), ("date_trunc(t, d)", False)))
def test_count_evaluates_what_it_counts(session, argument, raises):
    """Of columns that are never NULL, so that counting rows would give the same."""
    session.execute("""drop table if exists never_null;
        create table never_null (n int not null, m int not null, t text not null, d timestamp not null);
        insert into never_null select i, 2147483647, 'week', now() from generate_series(0, 900) i; analyze never_null""")
    kind, *_ = session.assert_same(f"select count({argument}) from never_null", taken=None)
    assert kind == ("error" if raises else "rows")
    session.assert_same(f"select n % 3, count({argument}) from never_null where n > 1 group by 1", taken=None)


def test_filter_keeps_rows_from_the_argument(tables):
    """What would raise for other rows is not evaluated for them; what passes raises all the same."""
    query = "select sum({}) filter (where c2 {} 10) from values_all"
    assert tables.assert_same(query.format("2147483600 + c2", "<"))[0] == "rows"
    assert tables.assert_same(query.format("2147483600 + c2", ">"))[0] == "error"
    assert tables.assert_same(query.format("100 / (c2 - 100)", "<"))[0] == "rows"


@pytest.mark.parametrize("condition", [
    "c2 > 100 and c2 <= 5000", "c4 between 100 and 2000.5", "c8 < date '1994-02-03'",
    "c9 >= timestamp '1992-03-01'", "c11 in ('v1', 'v2', 'v49')", "c11 not in ('v1', 'v2')",
    "c12 = 'c7'", "c12 = 'c7   '", "c10 like 'aa%'", "c10 like '%bb%'", "c11 like '%1_'",
    "c10 not like '%c%'", "c0", "not c0", "c0 is null", "c3 is not null", "c2 = 17 or c2 = 18 or c5 = 3",
    "c4 * 2 > c2 + c3", "c4 - c7 < 10.125", "c13 > 100.5", "extract(year from c8) = 1995",
    "case when c2 % 2 is null then false when c2 < 100 then true else c0 end",
    "c1 + c2 > 200", "c3 > c2", "c10 < 'm'", "c8 <= timestamp '1993-01-01 12:00'",
    "c2 between 10 and 20 and not (c1 = 15) or c0 is null and c2 > 19000",
])
def test_conditions(tables, condition):
    expected = tables.outcome(f"select count(*), sum(id) from values_all where {condition}", "off")
    for workers in (0, 2):
        assert tables.outcome(f"select count(*), sum(id) from values_all where {condition}", "force",
                              workers) == expected


@pytest.mark.parametrize("query", [
    "select count(*), sum(v.id) from values_all v join dim d on v.c1 = d.id",
    "select d.name, count(*), sum(v.c4) from values_all v join dim d on v.c2 = d.id group by d.name",
    "select d.name, v.id from values_all v join dim d on v.c1 = d.id where v.id < 500",
    "select t.k, count(*), max(payload) from values_all v join dim_text t on v.c12 = t.k group by 1",
    "select count(*) from values_all v join empty_table e on v.id = e.id",
    "select count(*), min(e.name) from empty_table e join dim d on e.id = d.id",
    "select count(*) from values_all a join values_all b on a.c1 = b.c1 and a.c11 = b.c11",
    "select count(*) from dim a join dim b on a.id = b.id and a.weight < b.weight",
    "select sum(a.weight * v.c4) from values_all v join dim a on v.c1 = a.id",
    "select d.id, count(*) from dim d join values_all v on d.id = v.c3 group by d.id",
    "select count(*) from values_all v join dim d on v.c5 = d.weight",
    "select a.name, b.name, count(*) from dim a join values_all v on a.id = v.c1 join dim b on b.id = v.c2 "
    "group by 1, 2",
], ids=range(12))
def test_joins(tables, query):
    tables.assert_same(query)


@pytest.mark.parametrize("query", [
    "select count(*) from empty_table", "select sum(id), min(name) from empty_table",
    "select name, count(*) from empty_table group by name",
])
def test_empty_tables(tables, query):
    tables.assert_same(query)


def test_having_and_expressions_above_aggregates(tables):
    tables.assert_same("select c1, 100 * sum(c4) / count(*) from values_all group by c1 "
                       "having sum(c4) > 1000 and count(*) > 3")


def test_order_and_limit_on_top(tables):
    for workers in (0, 1, 2, 4):
        query = "select v.id, c4 from values_all v join dim d on v.c2 = d.id order by c4 desc, v.id limit 13"
        assert tables.rows(query, "force", workers) == tables.rows(query, "off")


def test_dropped_added_and_altered_columns(session):
    session.execute("""
        drop table if exists shapes;
        create table shapes (a int, gone text, b numeric(8,2));
        insert into shapes select i, 'x' || i, i / 3.0 from generate_series(1, 3000) i;
        alter table shapes drop column gone;
        alter table shapes add column fast int default 42, add column word text default 'fast word';
        alter table shapes add column nothing numeric(6,1);
        insert into shapes values (0, 0, 0, 'new', 1.5), (null, null, null, null, null);
        alter table shapes alter column b type numeric(9,3);
        insert into shapes select i, i, i, 'later ' || i, i from generate_series(1, 1000) i;
        alter table shapes add column late int8 default 77;
        analyze shapes;
    """)
    session.assert_same("select count(a), sum(b), sum(fast), count(word), max(word), sum(nothing), "
                        "sum(late), min(late) from shapes")
    session.assert_same("select fast, word, late, count(*), sum(b) from shapes group by fast, word, late")


def test_toasted_and_huge_values(session):
    session.execute("""
        drop table if exists fat;
        create table fat (id int, plain text, packed text, outside text);
        alter table fat alter column outside set storage external;
        insert into fat select i, repeat('p', i), repeat('compress me ', i * 20),
          (select string_agg(md5(i::text || n), '') from generate_series(1, 200) n)
          from generate_series(1, 300) i;
        insert into fat values (301, repeat('z', 5000000), null, repeat('y', 9000000));
        create table if not exists fat_key (outside text, n int);
        truncate fat_key;
        insert into fat_key select outside, id from fat where id % 10 = 1;
        analyze fat; analyze fat_key;
    """)
    session.assert_same("select packed, count(*) from fat group by packed")
    session.assert_same("select max(outside), min(packed), count(plain) from fat")
    session.assert_same("select k.n, f.id, f.outside, f.packed from fat f join fat_key k "
                        "on f.outside = k.outside", workers=(0, 1, 2))
    session.assert_same("select count(*), max(outside), min(plain) from fat where id > 10 "
                        "and packed like '%press%' and outside <> plain and id < 290")


@pytest.mark.parametrize("condition, wanted", (
    ("i + 2147483647 = any('{}'::int[])", "22003"), ("10 / (i - 1) <> all('{}'::int[])", "22012"), ("upper(t)::int = any('{}'::int[])", "22P02"),
    ("substr(t, 2, i - 9) like any('{}'::text[])", "22011"), ("abs(i) = any('{}'::int[])", "rows"), ("n / 3 <> all('{}'::numeric[])", "rows"),
    ("i = any('{}'::int[])", "rows"), ("t not like all('{}'::text[])", "rows"), ("i > 5 and i + 2147483642 = any('{}'::int[])", "22003"),
    ("i < 5 and 2147483642 + i = any('{}'::int[])", "rows")))
def test_lists_without_elements_evaluate_what_is_looked_for(session, condition, wanted):
    session.execute("""
        drop table if exists looked_for; create table looked_for as select i, 't' || i as t, i / 4.0 as n from generate_series(1, 2000) i;
        analyze looked_for""")
    kind, code, *_ = session.assert_same(f"select count(*) from looked_for where {condition}", workers=(0, 2))
    assert wanted in (kind, code)


def test_lists_of_nulls(session):
    """Of a numeric without a scale, too, which the engine does not compare."""
    session.execute("""
        drop table if exists loose; create table loose as select i, i / 4.0 as n from generate_series(1, 2000) i; analyze loose""")
    for condition in ("n in (null, null)", "n not in (null, null)", "n = any(array[null, null]::numeric[])", "i in (null, null)"):
        session.assert_same(f"select count(*), sum(i) from loose where ({condition}) is null", workers=(0, 2))


def test_nan_in_a_declared_numeric(session):
    session.execute("""
        drop table if exists nans;
        create table nans (g int, v numeric(10,2), w numeric(30,4));
        insert into nans select i % 4, i, i from generate_series(1, 5000) i;
        insert into nans values (1, 'NaN', 1), (2, 2, 'NaN'), (7, 'NaN', 'NaN'), (7, 'NaN', null);
        analyze nans;
    """)
    session.assert_same("select g, sum(v), avg(v), min(v), max(v), sum(w), avg(w), count(*), "
                        "sum(v * w), max(w) from nans group by g")
    session.assert_same("select v, count(*) from nans where v > 4990 group by v")
    session.assert_same("select count(*) from nans a join nans b on a.v = b.w where a.v > 4000")


def test_decimal_overflow_still_gives_postgresqls_answer(session):
    """Beyond 38 digits the run is abandoned and PostgreSQL's own plan answers."""
    session.execute("""
        drop table if exists wide;
        create table wide (a numeric(38,0), b numeric(38,0));
        insert into wide select repeat('9', 38)::numeric, i from generate_series(1, 2000) i;
        analyze wide;
    """)
    session.assert_same("select sum(a), avg(a), max(b) from wide")
    session.assert_same("select sum(a * b) from wide")
    plan = "\n".join(session.plan("select sum(a) from wide", 0, "analyze, costs off, timing off"))
    assert "Abandoned" in plan, plan


def test_collation_sensitive_queries_agree(session):
    session.execute("""
        drop table if exists words;
        create table words (w text collate "C.utf8", c text collate "C", n int);
        insert into words select x, x, i from generate_series(1, 3000) i,
          lateral (select chr(65 + i % 50) || i % 7 as x) y;
        analyze words;
    """)
    for query in ("select min(w), max(w), count(*) from words", "select count(*) from words where w < 'm'",
                  "select min(c), max(c) from words where c < 'm'",
                  "select w, count(*) from words group by w"):
        expected = session.outcome(query, "off")
        for workers in (0, 2):
            assert session.outcome(query, "force", workers) == expected, query


def test_float_sums_are_postgresqls_to_the_last_bit(session):
    session.execute("""
        drop table if exists floats;
        create table floats (g int, f float8);
        insert into floats select i % 3, (random() - 0.5) * power(10, i % 30)
          from generate_series(1, 30000) i;
        insert into floats values (0, '-0'), (5, 'NaN'), (6, 'Infinity'), (6, '-Infinity'),
          (7, '-0'), (7, '-0'), (8, '-0'), (8, '0'), (9, null);
        analyze floats;
        set max_parallel_workers_per_gather = 0;
    """)
    for query in ("select g, sum(f), avg(f), min(f), max(f), count(f) from floats group by g",
                  "select sum(f), avg(f) from floats"):
        expected = session.outcome(query, "off")
        for workers in (0, 2):
            assert session.outcome(query, "force", workers) == expected, query
    session.execute("reset max_parallel_workers_per_gather")


def test_float_sums_in_the_order_of_postgresqls_own_plan(session):
    """An index scan and sorted groups add in another order than the heap's."""
    session.execute("""
        drop table if exists unordered_floats;
        create table unordered_floats (k int, g int, f float8);
        insert into unordered_floats select i * 7919 % 30011, i % 500, sin(i) * power(10, i % 30) from generate_series(1, 30000) i;
        create index on unordered_floats (k); analyze unordered_floats;
        set max_parallel_workers_per_gather = 0; set enable_bitmapscan = off;
    """)
    try:
        session.assert_same("select sum(f), avg(f) from unordered_floats", workers=(0, 2))
        session.assert_same("select g, sum(f) from unordered_floats where g < 70 group by g", workers=(0, 2))
        session.assert_same("select sum(f), avg(f) from unordered_floats where k between 100 and 200", workers=(0, 2), taken=False)
        session.execute("set enable_hashagg = off")
        session.assert_same("select g, sum(f) from unordered_floats group by g", workers=(0, 2), taken=False)
        session.assert_same("select g, sum(k) from unordered_floats group by g", workers=(0, 2))
    finally:
        session.execute("reset max_parallel_workers_per_gather; reset enable_bitmapscan; reset enable_hashagg")


def test_float_average_overflows_where_postgresql_s_does(session):
    session.execute("""
        drop table if exists large_floats;
        create table large_floats (g int, f float8);
        insert into large_floats values (1, 1e200), (1, -1e200), (2, 1e150), (2, 1e150), (3, 'Infinity');
        analyze large_floats;
        set max_parallel_workers_per_gather = 0;
    """)
    for condition in ("g = 1", "g = 2", "g = 3", "true"):
        for aggregate in ("avg(f)", "sum(f)"):
            session.assert_same(f"select {aggregate} from large_floats where {condition}", workers=(0,))
    session.execute("reset max_parallel_workers_per_gather")


@pytest.mark.parametrize("terms", [500, 2500, 6000])
def test_expression_of_many_terms(session, terms):
    session.execute("drop table if exists few; create table few as select i from generate_series(1, 50) i;"
                    "analyze few")
    query = f"select sum({' + '.join(['i'] * terms)}) from few"
    assert session.outcome(query, "force") == session.outcome(query, "off")


@pytest.mark.parametrize("wrap", ["coalesce({}, i)", "case {} when 1 then 2 when 3 then 4 else 5 end"],
                         ids=("coalesce", "case"))
def test_nested_conditions_do_not_multiply(session, wrap):
    """The engine's CASE holds copies of what it tests; PostgreSQL's expressions do not, and are left alone then."""
    session.execute("drop table if exists few; create table few as select i from generate_series(1, 50) i;"
                    "analyze few")
    expression = "i"
    for _ in range(40):
        expression = wrap.format(expression)
    query = f"select sum({expression}) from few"
    assert session.outcome(query, "force") == session.outcome(query, "off")
    plan = "\n".join(session.plan(query, options="costs off, verbose"))
    assert "expression(" in plan or "not used" in plan, plan


def test_explain_cuts_names_between_characters(session):
    """A client with another encoding could not be told of half a character."""
    session.execute('drop table if exists accents; create table accents ("größe" int8, "a€" int8); '
                    "insert into accents select i, i from generate_series(1, 100) i; analyze accents")
    session.connection.set_client_encoding("WIN1252")
    try:
        for column in ('"größe"', '"a€"'):
            for more in range(6):
                terms = " * ".join([column] * 30 + ["2"] * more)
                assert any("..." in line for line in session.plan(f"select sum({terms}), max({terms}) from accents", 0, "verbose, costs off"))
    finally:
        session.connection.set_client_encoding("UTF8")


def test_explain_of_more_rows_than_can_be_counted(session):
    session.execute("drop table if exists same; create table same as select 1 as k, i from generate_series(1, 3000) i; analyze same")
    joins = " ".join(f"join same t{n} using (k)" for n in range(1, 7))
    lines = session.plan(f"select k, count(*) from same t0 {joins} group by k", 0, "costs on")
    estimates = [int(re.search(r"\(rows=(-?\d+)\)", line)[1]) for line in lines if "Hash Join" in line]
    assert max(estimates) > 2**63 and min(estimates) > 0, "\n".join(lines)
