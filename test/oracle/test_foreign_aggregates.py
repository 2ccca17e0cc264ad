"""Aggregates without states in the engine, which PostgreSQL's functions compute inside a run."""

import threading
import time

import psycopg2
import pytest

ANY_ORDER = (
    "stddev(small)", "stddev_pop(number)", "var_samp(large)", "variance(price)", "var_pop(loose)", "sum(loose)",
    "avg(loose)", "bool_and(flag)", "bool_or(flag)", "every(id > 0)", "bit_and(number)", "bit_or(large)", "bit_xor(small)",
    "regr_count(rate, price)", "min(cash)", "max(shade)", "min(word)", "max(word)",
    "max(network)", "min(clock)", "count(distinct number)", "count(distinct loose)", "sum(distinct number)",
    "avg(distinct price)", "sum(distinct rate)", "string_agg(distinct word, ',')", "array_agg(distinct number)",
    "array_agg(distinct number order by number desc)", "string_agg(word, ',' order by word)",
    "array_agg(day order by day desc nulls first)", "array_agg(shade order by shade)", "json_agg(word order by word)",
    "percentile_disc(0.5) within group (order by number)", "percentile_disc(0.3) within group (order by word)",
    "percentile_cont(0.5) within group (order by rate)", "percentile_cont(0.25) within group (order by price)",
    "percentile_cont(array[0, 0.25, 0.9, 1]) within group (order by number desc)",
    "percentile_disc('{{0.1,null},{0.5,0.9}}'::float8[]) within group (order by day)",
    "percentile_cont(null) within group (order by rate)", "mode() within group (order by number)",
    "mode() within group (order by word)", "max(word order by id)", "count(number order by word)",
    "min(upper(word))", "stddev(number * 2 + id)", "var_pop(price / 3)", "sum(price / 3)", "avg(abs(loose) + 1)",
    "bool_or(age(moment, timestamp '2024-01-01') > interval '40 days')", "max(document ->> 'n')",
    "sum(case when flag then price else loose end)", "avg(case when flag then price * 2 else price end)",
    "sum(distinct case when flag then price else price * 1.50 end)")

SCAN_ORDER = (
    "array_agg(number)", "array_agg(word)", "array_agg(day)", "array_agg(price)", "array_agg(loose)", "array_agg(tags)",
    # An overflow on the way raises, and depends on the order.
    "sum(span)", "avg(span)", "sum(cash)",
    "array_agg(span)", "array_agg(document)", "array_agg(flag)", "array_agg(shade)", "string_agg(word, ', ')",
    "string_agg(word, padded)", "string_agg(word::bytea, 'x'::bytea)", "string_agg(id::text || word, ';')",
    "json_agg(price)", "jsonb_agg(document)", "json_object_agg(id, word)", "jsonb_object_agg(id, rate)",
    "jsonb_object_agg(coalesce(padded, ''), price)", "sum(rate)", "avg(rate)", "stddev(rate)", "var_pop(single)",
    "sum(single)", "avg(single)", "corr(rate, number)", "regr_slope(rate, price::float8)", "covar_pop(rate, single)",
    "regr_r2(number, rate)", "min(loose)", "max(loose)", "min(span)", "max(span)", "max(tags)", "min(padded)",
    "array_agg(array[number, id])")

SORTED = (  # before PostgreSQL's functions get them: what they leave without an order is told
    "string_agg(word, ',' order by id)", "array_agg(rate order by id desc)", "array_agg(loose order by loose, id)",
    "array_agg(id order by padded, id)", "json_agg(document order by id)", "sum(distinct loose)",
    "string_agg(distinct padded, ',')", "array_agg(distinct loose order by loose desc)", "min(loose order by id)")

# A sort inside of the transition function that does not say which of two equal values comes first.
SORTED_BY_MANY_FORMS = (
    "percentile_cont(0.5) within group (order by span)", "mode() within group (order by loose)",
    "percentile_disc(0.5) within group (order by loose)")

GROUPS = ("", "bucket", "flag, shade", "id")


def grouped(calls, group, source="facts", tail=""):
    keys = group + ", " if group else ""
    return f"select {keys}{calls} from {source}" + (f" group by {group}" if group else "") + tail


@pytest.fixture(scope="module")
def tables(session):
    session.execute("""
        drop table if exists facts, no_facts, one_fact, buckets; drop type if exists tint cascade;
        create type tint as enum ('white', 'pale', 'grey', 'dark');
        create table facts (id int not null, bucket int, small int2, number int, large int8, price numeric(9,2), loose numeric,
          rate float8, single float4, word text, padded char(4), day date, moment timestamp, clock time, span interval,
          cash money, flag bool, shade tint, network inet, document jsonb, tags text[], code uuid);
        insert into facts select i, nullif(i % 37, 5), nullif(i % 11, 3)::int2, nullif(i * 7919 % 211, 7), i::int8 * 1000000007,
            nullif(i * 37 % 1007, 13) / 100.0, case when i % 9 = 0 then null else round(i * 31 % 503 / 7.0, i % 5) end,
            nullif(i * 13 % 97, 3) / 7.0 - 3, (i % 53 / 3.0)::float4, case when i % 8 = 0 then null else 'w' || i * 13 % 41 end,
            'c' || i * 11 % 23, nullif(date '2024-01-01' + i * 17 % 900, '2024-02-01'), timestamp '2024-01-01' + i * interval '7 hours',
            time '00:00' + i * interval '71 seconds', i % 90 * interval '11 hours' - interval '1 month' * (i % 3), (i % 1001)::money / 7, nullif(i % 3, 2) = 0,
            ('{white,pale,grey,dark}'::tint[])[1 + i % 4], ('10.0.' || i % 4 || '.' || i % 200)::inet,
            jsonb_build_object('n', i % 12), array['t' || i % 3, null, 'u' || i % 5], md5((i % 99)::text)::uuid
          from generate_series(1, 4000) i;
        create table no_facts (like facts); create table one_fact as select * from facts where id = 17;
        create table buckets as select i as bucket, 'name' || i as name from generate_series(0, 60) i;
        analyze facts; analyze no_facts; analyze one_fact; analyze buckets;
        set work_mem = '64MB'; set max_parallel_workers_per_gather = 0;  -- workers' rows have no order
    """)
    yield session
    session.execute("reset work_mem; reset max_parallel_workers_per_gather; drop view if exists odd; drop table facts, no_facts, one_fact")


@pytest.mark.parametrize("call", ANY_ORDER)
def test_results_for_any_order(tables, call):
    for group in GROUPS:
        tables.assert_same(grouped(call, group), workers=(0, 2) if group != "bucket" else (0, 1, 2, 4))


@pytest.mark.parametrize("call", SCAN_ORDER)
def test_results_for_the_scans_order(tables, call):
    tables.assert_same(grouped(call, ""), workers=(0, 2, 4))
    tables.assert_same(grouped(call, "bucket"), workers=(0, 2, 4))


@pytest.mark.parametrize("call", SORTED)
def test_results_of_what_is_sorted(tables, call):
    tables.assert_same(grouped(call, ""), workers=(0, 2))
    tables.assert_same(grouped(call, "bucket"), workers=(0, 1, 2, 4))
    for group in ("shade, flag", "id"):
        tables.assert_same(grouped(call, group), workers=(0, 2))


@pytest.mark.parametrize("call", SORTED_BY_MANY_FORMS)
def test_sorts_inside_of_functions_are_left_to_postgresql(tables, call):
    for group in ("", "bucket"):
        tables.assert_same(grouped(call, group), workers=(0, 2), taken=False)


def test_ties_of_a_sort_that_may_spill_are_told(tables):
    tables.execute("drop table if exists spills; create table spills as select i, "
                   "case when i % 2 = 0 then (i % 1000)::numeric else ((i % 1000) || '.00')::numeric end x "
                   "from generate_series(1, 100000) i; analyze spills; set work_mem = '1MB'")
    for query in ("select md5(array_agg(x order by x)::text) from spills",
                  "select md5(array_agg(distinct x)::text) from spills"):
        assert tables.outcome(query, "force") == tables.outcome(query, "off")
    tables.execute("reset work_mem; drop table spills")


def test_zeros_of_a_domain_over_float_are_told(tables):
    tables.execute("drop domain if exists own_float cascade; create domain own_float as float8; "
                   "drop table if exists zeros; create table zeros (g int, x own_float); "
                   "insert into zeros select i % 3, (case when i % 2 = 0 then '-0' else '0' end)::float8 "
                   "from generate_series(1, 20000) i; analyze zeros")
    for workers in (0, 2):
        query = "select percentile_disc(0.5) within group (order by x) from zeros"
        assert is_abandoned(tables, query, workers) or not tables.is_taken(query, workers)
    tables.execute("drop table zeros; drop domain own_float")


def test_json_of_an_enum_that_has_a_cast_is_left_to_postgresql(tables):
    """The cast is anybody's function, and json_agg calls it."""
    tables.execute("drop type if exists mood cascade; create type mood as enum ('glad', 'sad'); "
                   "drop table if exists moods; create table moods (g int, m mood); "
                   "insert into moods select i % 5, case i % 2 when 0 then 'glad' else 'sad' end::mood "
                   "from generate_series(1, 3000) i; analyze moods")
    query = "select g, json_agg(m) from moods group by g"
    tables.assert_same(query, workers=(0, 2))
    tables.execute("create function json_of(mood) returns json language plpgsql as "
                   "'begin return to_json(upper($1::text)); end'; create cast (mood as json) with function json_of(mood)")
    assert "GLAD" in str(tables.assert_same(query, workers=(0, 2), taken=False))
    tables.execute("drop table moods; drop type mood cascade")


@pytest.mark.parametrize("call", ("sum(x)", "sum(x::interval)", "avg(x::interval)"))
def test_sums_that_may_overflow_on_the_way_keep_the_scans_order(tables, call):
    """The largest values follow each other with the smallest, so that only another order overflows."""
    kind, large = ("money", "'92233720368547758.07'::money") if call == "sum(x)" else ("interval", "'170000000 years'::interval")
    tables.execute(f"drop table if exists swings; create table swings (g int, x {kind}); insert into swings select i / 2 % 3, "
                   f"case i % 2 when 0 then {large} else -1 * {large} end from generate_series(0, 39999) i; analyze swings")
    for query in (f"select {call} from swings", f"select g, {call} from swings group by g"):
        assert tables.assert_same(query, workers=(0, 2))[0] == "rows"
        lines = tables.plan(query, 2, "analyze, costs off, timing off")
        assert not any("Abandoned" in line or "Workers Planned" in line for line in lines), "\n".join(lines)
    tables.execute("drop table swings")


def test_names_in_a_nondeterministic_collation(tables):
    tables.execute("drop collation if exists no_case cascade; create collation no_case (provider = icu, "
                   "locale = 'und-u-ks-level2', deterministic = false); drop table if exists names; "
                   "create table names (g int, n name collate no_case); insert into names select i % 3, "
                   "case i % 2 when 0 then 'Anna' else 'ANNA' end from generate_series(1, 3000) i; analyze names")
    for call in ("array_agg(distinct n)", "array_agg(n order by n)", "mode() within group (order by n)"):
        query = f"select {call} from names"
        for workers in (0, 2):
            assert tables.outcome(query, "force", workers) == tables.outcome(query, "off"), query
    assert is_abandoned(tables, "select array_agg(n order by n) from names") or not tables.is_taken(
        "select array_agg(n order by n) from names", 0)
    tables.execute("drop table names; drop collation no_case")


def test_rows_that_a_sort_leaves_without_an_order_are_told(tables):
    tables.execute("drop table if exists ties; create table ties as select i % 3 as g, (i % 50)::text as x, "
                   "i + case when i = 77 then 1 else 0 end as y, i * 0.50::numeric as z from generate_series(1, 900) i;"
                   "insert into ties values (1, 'x', 5000, 400.0), (1, 'x', 5001, 400.00); analyze ties")
    for call, in_groups in (("string_agg(x, ',' order by y)", True), ("array_agg(distinct z)", True),
                            ("array_agg(z order by z)", True), ("array_agg(y order by y)", False),
                            ("count(distinct z)", False), ("max(y order by x)", False)):
        assert tables.outcome(grouped(call, "", "ties"), "force", 2) == tables.outcome(grouped(call, "", "ties"), "off")
        for workers in (0, 2):  # which may leave them in any order: then only PostgreSQL knows which
            tables.assert_same(grouped(call, "g % 1", "ties"), workers=(workers,))
            assert is_abandoned(tables, grouped(call, "g % 1", "ties"), workers) == in_groups, call


@pytest.mark.parametrize("table", ("no_facts", "one_fact"))
@pytest.mark.parametrize("group", ("", "bucket"))
def test_no_row_and_one_row(tables, table, group):
    for calls in (ANY_ORDER, SCAN_ORDER, SORTED):
        tables.assert_same(grouped(", ".join(calls), group, table), workers=(0, 2))


def is_abandoned(tables, query, workers=0):
    return any("Abandoned" in line for line in tables.plan(query, workers, "analyze, costs off, timing off"))


def test_none_of_these_runs_is_given_up(tables):
    for call in ANY_ORDER[:-1] + SCAN_ORDER + SORTED[:5]:  # the last one has equal values of several scales
        for group in ("", "bucket"):
            assert not is_abandoned(tables, grouped(call, group)), call


def test_seats_share_the_groups_where_no_order_matters(tables):
    plan = "\n".join(tables.plan(grouped("stddev(number), count(*)", "bucket"), 2))
    assert "Redistribute" in plan and "Partial" not in plan and "stddev(" in plan, plan
    plan = "\n".join(tables.plan(grouped("percentile_disc(0.5) within group (order by number)", ""), 2))
    assert "Gather" in plan and "percentile_disc(" in plan, plan
    plan = "\n".join(tables.plan(grouped("array_agg(distinct number) filter (where flag)", "bucket"), 2))
    assert "array_agg(DISTINCT number) FILTER (WHERE flag)" in plan, plan
    for call in ("array_agg(number)", "sum(rate)", "string_agg(word, ',')", "min(loose)"):
        plan = "\n".join(tables.plan(grouped(call, "bucket"), 2))
        assert "Exchange" not in plan, plan


def test_mixed_with_the_engines_own_aggregates(tables):
    for more in ("array_agg(id), min(loose), sum(rate), json_agg(word)",
                 "string_agg(word, ',' order by id), percentile_cont(0.5) within group (order by rate), max(distinct day)",
                 "count(distinct number), count(distinct word), avg(distinct price), sum(distinct price)"):
        calls = f"count(*), sum(number), stddev(number), avg(price), max(day), {more}, count(word), sum(price), bool_or(flag)"
        for group in ("", "bucket", "bucket, shade"):
            tables.assert_same(grouped(calls, group))


def test_rows_that_postgresql_sorts_for_others(tables):
    """Groups with a sorted aggregate are sorted by PostgreSQL: rows without an order of their own come as its sort leaves them."""
    for calls in ("array_agg(id), count(distinct word)", "sum(rate), mode() within group (order by number)",
                  "string_agg(word, ',') filter (where flag), array_agg(id order by id)"):
        tables.assert_same(grouped(calls, ""), workers=(0, 2))
        tables.assert_same(grouped(calls, "bucket"), workers=(0, 2), taken=False)
    tables.execute("set enable_hashagg = off")
    try:
        tables.assert_same(grouped("array_agg(id)", "bucket"), workers=(0, 2), taken=False)
        tables.assert_same(grouped("stddev(number)", "bucket"), workers=(0, 2))
    finally:
        tables.execute("reset enable_hashagg")


def test_rows_that_postgresql_reads_through_an_index(tables):
    tables.execute("drop table if exists shuffled; create table shuffled as select i * 7919 % 4001 as k, i, round(i % 40, i % 3) as n "
                   "from generate_series(1, 4000) i; create index on shuffled (k); create index on shuffled (n); analyze shuffled; set enable_bitmapscan = off")
    try:
        tables.assert_same("select array_agg(i) from shuffled where k < 20", workers=(0,), taken=False)
        tables.assert_same("select array_agg(i) from shuffled where k > 20", workers=(0,))
        tables.assert_same("select array_agg(i order by i) from shuffled where k < 20", workers=(0,))
        tables.assert_same("select max(n) from shuffled", workers=(0, 2), taken=False)
        tables.assert_same("select k % 2, max(n) from shuffled where i > 39 group by 1", workers=(0, 2))
    finally:
        tables.execute("reset enable_bitmapscan")


@pytest.mark.parametrize("some", ("number > 50", "flag", "word like 'w1%' and number is not null", "id < 0", "upper(word) > 'W2'"))
def test_filter(tables, some):
    for calls in (("array_agg(number)", "stddev(price)", "jsonb_object_agg(id, loose)"),
                  ("string_agg(distinct word, ',')", "json_agg(word order by id)", "stddev(number)",
                   "percentile_disc(0.5) within group (order by day)", "count(distinct loose)")):
        tables.assert_same(grouped(", ".join(f"{call} filter (where {some})" for call in calls) + ", count(*)", "bucket"))
        tables.assert_same(grouped(", ".join(f"{call} filter (where {some})" for call in calls), ""), workers=(0, 2))
    # What is left out is not computed.
    tables.assert_same("select bucket, array_agg(10 / number) filter (where number > 0), "
                       "stddev(1 / (id - 7)) filter (where id <> 7) from facts where number is not null group by 1")


def test_having_and_expressions_above(tables):
    tables.assert_same("select bucket, round(stddev(number), 3), array_length(array_agg(id), 1), upper(string_agg(word, '')) "
                       "from facts group by bucket having var_pop(number) > 3000 and count(*) > 100")
    tables.assert_same("select bucket, sum(loose) / count(*) + 1, jsonb_agg(id) -> 0 from facts group by 1 "
                       "having bool_or(flag) and min(loose) < 1.5 and avg(loose) between 20 and 40")
    tables.assert_same("select bucket from facts group by bucket order by stddev(number) desc nulls last, bucket limit 5")
    tables.assert_same("select max(s), array_agg(b order by b) from (select bucket b, stddev(number) s from facts group by 1) q")


def test_over_joins(tables):
    source = "facts f join buckets b on f.bucket = b.bucket"
    for call in ("stddev(f.number)", "count(distinct f.loose)", "string_agg(b.name, ',' order by b.name)", "sum(f.loose)",
                 "percentile_cont(0.5) within group (order by f.rate)", "bool_and(f.flag)", "array_agg(f.id order by f.id)"):
        tables.assert_same(f"select b.name, {call} from {source} group by b.name")
        tables.assert_same(f"select {call} from {source}", workers=(0, 2))
    for call in ("min(f.loose)", "max(f.span)", "min(f.tags)", "max(f.padded)", "min(f.single)", "max(f.loose * 1.0)"):
        tables.assert_same(f"select b.name, {call} from {source} group by b.name")
        tables.assert_same(f"select {call}, count(*) from {source} where f.loose > 3.5", workers=(0, 2))
    tables.assert_same(f"select b.name, q.s, q.a from buckets b join (select bucket, stddev(number) s, "
                       "percentile_disc(0.9) within group (order by word) a from facts group by 1) q on b.bucket = q.bucket")


@pytest.mark.parametrize("call", ("array_agg(f.id)", "string_agg(f.word, ',')", "sum(f.rate)",
                                  "string_agg(f.word, ',' order by b.name)"))
def test_orders_that_only_postgresqls_join_has(tables, call):
    plan = "\n".join(tables.plan(f"select {call} from facts f join buckets b on f.bucket = b.bucket", 0))
    assert call.split("(")[0] + "(" not in plan.split("Custom Scan")[-1], plan


@pytest.mark.parametrize("query", (
    "select string_agg(word, ',') from (select word from facts order by number, id) q",
    "select bucket, array_agg(id) from (select * from facts order by bucket, number desc, id) q group by bucket",
    "select bucket, sum(rate) from (select * from facts order by number, id) q group by bucket"))
def test_order_of_a_subquery_is_kept(tables, query):
    tables.execute("set enable_hashagg = off")
    try:
        for workers in (0, 2):
            assert tables.outcome(query, "force", workers) == tables.outcome(query, "off")
            assert not any("Aggregates:" in line for line in tables.plan(query, workers))
        # Where no order matters, none is needed.
        tables.assert_same("select bucket, stddev(number) from (select * from facts order by number, id) q group by bucket")
    finally:
        tables.execute("reset enable_hashagg")


@pytest.mark.parametrize("call", (
    "stddev(number * random())", "count(distinct (id, word))", "own_sum(number)",
    "percentile_disc(bucket / 40.0) within group (order by number)"))
def test_what_stays_with_postgresql(tables, call):
    tables.execute("""
        create or replace function own_plus(int, int) returns int language plpgsql volatile as 'begin return $1 + $2; end';
        create or replace aggregate own_sum(int) (sfunc = own_plus, stype = int, initcond = 0, parallel = safe);
        drop type if exists couple cascade; create type couple as (a int, b int);
        drop view if exists odd; create view odd as
          select *, row(id, number)::couple as pair from facts""")
    query = f"select bucket, {call} from odd group by bucket"
    for workers in (0, 2):
        assert not tables.is_taken(query, workers), "\n".join(tables.plan(query, workers))
        if "random" not in call:
            assert tables.outcome(query, "force", workers) == tables.outcome(query, "off")


@pytest.mark.parametrize("query, sqlstate", (
    ("select bucket, jsonb_object_agg(word, id) from facts group by 1", "22023"),
    ("select percentile_cont(1.5) within group (order by rate) from facts", "22003"),
    ("select bucket, percentile_disc(-1) within group (order by id) from facts group by 1", "22003"),
    ("select sum(span * 1000000000) from facts", "22008"),
    ("select array_agg(case when id % 2 = 0 then tags else tags || tags end) from facts", "2202E"),
    ("select bucket, stddev(10 / number) from facts where number is not null group by 1", "22012")))
def test_errors_are_postgresqls(tables, query, sqlstate):
    for workers in (0, 2):
        expected = tables.outcome(query, "off")
        assert expected[:2] == ("error", sqlstate)
        assert tables.is_taken(query, workers)
        assert tables.outcome(query, "force", workers) == expected


def test_no_error_of_a_group_that_nobody_wants(tables):
    tables.assert_same("select bucket, jsonb_object_agg(word, id) from facts where word is not null and bucket < 9 group by 1")
    tables.assert_same("select bucket, percentile_cont(2) within group (order by rate) from no_facts group by 1")


def test_extremes_that_another_value_equals_are_told(tables):
    tables.execute("drop table if exists scales; create table scales as select i % 4 as g, i % 2 as k, i, round(i % 299, i % 3) + 1 as x, "
                   "i * 1.0 as y from generate_series(1, 1200) i; analyze scales; analyze buckets")
    source = "scales s join buckets b on s.k = b.bucket"
    for call, condition, told in (("min(x)", "true", True), ("max(x)", "true", True), ("min(y)", "true", False),
                                  ("max(y)", "true", False), ("min(x)", "x > 1 and (i < 280 or i = 600)", False),
                                  ("max(x)", "i < 300", False), ("min(x)", "i in (7, 306, 600)", False)):
        query = f"select {call}, count(*) from {source} where {condition}"
        for workers in (0, 2):
            tables.assert_same(query, workers=(workers,))
            assert is_abandoned(tables, query, workers) == told, query
    tables.assert_same(f"select g, max(x), min(y), min(x) from {source} group by g")


def test_negative_zeros_are_left_to_postgresql_where_their_place_shows(tables):
    tables.execute("drop table if exists zeros; create table zeros as select i % 3 as g, (case i % 4 when 0 then '-0' when 1 then '0' "
                   "else '1' end)::float8 as x, (case i % 4 when 0 then '-0' else '0' end)::float4 as y "
                   "from generate_series(1, 2000) i; analyze zeros")
    for call in ("percentile_disc(0.3) within group (order by x)", "mode() within group (order by y)", "array_agg(distinct x)",
                 "min(y)", "array_agg(x)", "count(distinct x)", "sum(distinct y)"):
        for group in ("", "g"):
            tables.assert_same(grouped(call, group, "zeros"), workers=(0, 2))
    assert is_abandoned(tables, "select array_agg(distinct x) from zeros")
    assert not is_abandoned(tables, "select count(distinct x), array_agg(y) from zeros")


def test_what_outgrows_its_memory_is_left_to_postgresql(tables):
    tables.execute("set work_mem = '64kB'; set hash_mem_multiplier = 1")
    try:
        given_up = []
        for call in ("array_agg(distinct id)", "string_agg(word, ',' order by id)", "count(distinct word)", "stddev(number)",
                     "percentile_disc(0.5) within group (order by day)", "array_agg(distinct number order by number)"):
            for group in ("", "bucket", "id"):
                for workers in (0, 2):
                    tables.assert_same(grouped(call, group), workers=(workers,))
                given_up.append(is_abandoned(tables, grouped(call, group)))
        assert True in given_up and False in given_up
    finally:
        tables.execute("reset hash_mem_multiplier; set work_mem = '64MB'")


def test_sorts_of_one_group_spill(tables):
    """A sort of PostgreSQL's has work_mem and then files, which nobody leaves behind."""
    tables.execute("drop table if exists wide; create table wide as select i, md5(i::text) as t from generate_series(1, 60000) i;"
                   "analyze wide; set work_mem = '256kB'; set client_min_messages = warning; set log_temp_files = 0")
    tables.connection.notices.clear()
    try:
        for call in ("percentile_disc(0.7) within group (order by t)", "bit_xor(distinct i)", "mode() within group (order by t)"):
            tables.assert_same(f"select {call} from wide", workers=(0, 2))
            assert not is_abandoned(tables, f"select {call} from wide")
        tables.assert_same("select length(string_agg(t, ',' order by t desc)) from wide", workers=(0, 2))
        assert not [notice for notice in tables.connection.notices if "leak" in notice]
    finally:
        tables.execute("set work_mem = '64MB'; reset client_min_messages; reset log_temp_files")


def test_cancel_during_a_long_one(tables):
    query = "select length(string_agg(a.word || b.word, ',' order by a.word || b.word, a.id)) from facts a join facts b on a.flag = b.flag"
    for workers in (0, 2):
        tables.execute(f"set sluice.mode = force; set sluice.workers = {workers}")
        assert tables.is_taken(query, workers)
        timer = threading.Timer(0.7, tables.connection.cancel)
        timer.start()
        begun = time.monotonic()
        with pytest.raises(psycopg2.errors.QueryCanceled):
            tables.execute(query)
        timer.join()
        assert time.monotonic() - begun < 5
    assert tables.execute("select 1").fetchone() == (1,)


def test_prepared_and_run_again_its_states_are_fresh(tables):
    tables.execute("prepare again (int) as select bucket, array_agg(id order by id desc), stddev(number), string_agg(word, ',' order by id) "
                   "from facts where id > $1 group by bucket")
    for workers in (0, 2):
        tables.execute("discard plans")
        for value in (3900, 100, 3990, 100, 5000, 100, 7):
            expected = tables.outcome(f"execute again({value})", "off")
            tables.execute("discard plans")
            assert tables.outcome(f"execute again({value})", "force", workers) == expected
    tables.execute("deallocate again")


@pytest.mark.parametrize("values", (
    "select stddev(number) - 300 from facts group by bucket",
    "select bit_or(a.id) from facts a join buckets b on a.bucket = b.bucket group by b.name",
    "select sum(array_length(ids, 1)) from (select array_agg(id order by id) ids from facts group by bucket) x"))
def test_rescans_begin_anew_and_leave_nothing(tables, values):
    query = f"select i from generate_series(1, 1000) i where i % 300 <> all ({values})"
    tables.execute("set enable_material = off")
    try:
        assert any("Sluice" in line and "loops=1000" in line
                   for line in tables.plan(query, options="analyze, costs off, timing off"))
        expected = tables.outcome(query, "off")
        tables.execute("begin; set sluice.mode = force; set sluice.workers = 0; declare c cursor for " + query)
        rows = tables.execute("fetch all from c").fetchall()
        assert sorted(map(repr, rows)) == expected[2]
        kept = dict(tables.execute("select name, sum(used_bytes)::int from pg_backend_memory_contexts group by name").fetchall())
        assert "sluice aggregates" not in kept and kept["ExecutorState"] < 300_000
    finally:
        tables.execute("rollback; reset enable_material")


def test_in_a_cursor_row_by_row(tables):
    query = "select bucket, array_agg(id order by id), percentile_disc(0.5) within group (order by day) from facts group by bucket"
    expected = tables.outcome(query, "off")[2]
    for workers in (0, 2):
        tables.execute(f"set sluice.mode = force; set sluice.workers = {workers}; begin; declare c no scroll cursor for {query}")
        rows = []
        while row := tables.execute("fetch 1 from c").fetchone():
            rows.append(repr(row))
        tables.execute("close c; commit")
        assert sorted(rows) == expected


def test_permission_to_call_is_asked_for(tables):
    tables.execute("drop role if exists nobody_sums; create role nobody_sums; grant select on facts to nobody_sums;"
                   "revoke execute on function bool_and(bool) from public; set role nobody_sums")
    try:
        for mode in ("off", "force"):
            assert tables.outcome("select bool_and(flag) from facts", mode)[:2] == ("error", "42501")
    finally:
        tables.execute("reset role; grant execute on function bool_and(bool) to public;"
                       "revoke all on facts from nobody_sums; drop role nobody_sums")


def test_permission_to_compare_is_asked_for_where_distinct_has_several_columns(tables):
    tables.execute("drop role if exists nobody_sums; create role nobody_sums; grant select on facts, no_facts to nobody_sums;"
                   "revoke execute on function texteq(text, text) from public; set role nobody_sums")
    try:
        for query in ("select string_agg(distinct word, ',') from facts", "select string_agg(distinct word, ',') from no_facts",
                      "explain select string_agg(distinct word, ',') from facts"):
            for mode in ("off", "force"):
                assert tables.outcome(query, mode)[:3] == ("error", "42501", "permission denied for function texteq")
        tables.assert_same("select array_agg(distinct word), count(distinct word) from facts", workers=(0, 2))
    finally:
        tables.execute("reset role; grant execute on function texteq(text, text) to public;"
                       "revoke all on facts, no_facts from nobody_sums; drop role nobody_sums")


def test_results_of_carried_types_inside_a_run(tables):
    for expression in ("span * 2", "loose * 1.5", "price / 3", "moment - timestamp '2024-01-01'", "tags || 'x'::text", "single * 2",
                       "coalesce(span, interval '1 day')", "case when flag then span else interval '3 hours' end",
                       "array[number, id]", "nullif(loose, 1.5)", "document -> 'n'", "greatest(cash, 5::money)",
                       "case when id % 2 = 0 then 'Infinity'::numeric else loose end"):
        tables.assert_same(f"select b.name, {expression} from facts f join buckets b on f.bucket = b.bucket where id % 9 = 1",
                           workers=(0, 2))
        tables.assert_same(f"select bucket, count(x), array_agg(x) from (select bucket, {expression} as x from facts) q group by 1",
                           workers=(0, 2))
        tables.assert_same(f"select count(*) from facts f join buckets b on f.bucket = b.bucket where ({expression}) is not null",
                           workers=(0, 2))


CARRIED_PARAMETERS = (("span > $1", "interval", ("'5 days'", "null", "'-1 month'")), ("single < $1", "float4", ("3.5", "'NaN'")),
                      ("coalesce(cash, $1) > 5::money", "money", ("7", "1")), ("$1 = any (tags)", "text", ("'t1'", "null")),
                      ("tags @> $1", "text[]", ("'{t2}'", "'{}'")), ("loose * $1 > 30", "numeric", ("1.50", "'Infinity'")),
                      ("network << $1", "cidr", ("'10.0.1.0/24'",)), ("moment - $1 > timestamp '2024-05-01'", "interval", ("'3 days'",)),
                      ("case when flag then span else $1 end > interval '3 days'", "interval", ("'4 days'", "'1 day'")))


@pytest.mark.parametrize("condition, kind, values", CARRIED_PARAMETERS)
def test_parameters_of_carried_types(tables, condition, kind, values):
    tables.execute("set plan_cache_mode = force_generic_plan")
    tables.execute(f"prepare chosen({kind}) as select count(*), sum(id) from facts where {condition}")
    try:
        for value in values:
            tables.execute("discard plans")
            expected = tables.outcome(f"execute chosen({value})", "off")
            assert expected[0] == "rows"
            for workers in (0, 2):
                tables.execute("discard plans")
                assert tables.is_taken(f"execute chosen({value})", workers)
                assert tables.outcome(f"execute chosen({value})", "force", workers) == expected
    finally:
        tables.execute("deallocate chosen; reset plan_cache_mode")
