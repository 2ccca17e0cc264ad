"""Functions, operators, types and aggregates of users and extensions, which PostgreSQL evaluates inside a run."""

import pathlib
import re

import psycopg2
import pytest

IN_PLPGSQL = "language plpgsql immutable parallel safe"
WORKERS = (0, 2)

FUNCTIONS = f"""
    create function own_upper(text) returns text {IN_PLPGSQL} as 'begin return upper($1); end';
    create function own_sum(int, int) returns int {IN_PLPGSQL} strict as 'begin return $1 + $2; end';
    create function is_odd(int) returns bool {IN_PLPGSQL} as 'begin return $1 % 2 = 1; end';
    create function settled(text) returns text language sql stable parallel safe set search_path = pg_catalog
      as 'select lower($1) || current_setting(''search_path'')';
    create function name_of(int) returns text language plpgsql stable parallel safe
      as 'begin return (select name from shops where id = $1); end';
    create function sold_by(int) returns numeric language plpgsql stable parallel safe as
      'begin return (select sum(price) from sales join shops on shop = shops.id where shop = $1 group by name); end';
    create function checked(int) returns int {IN_PLPGSQL} as
      'begin return 100 / ($1 - 7); exception when division_by_zero then return -1; end';
    create function picky(int) returns int {IN_PLPGSQL} as
      'begin if $1 = 777 then raise exception ''not %'', $1 using errcode = ''P7777'', hint = ''less''; end if; return $1; end';
    create function of_leader(int) returns int language plpgsql stable parallel restricted as 'begin return $1 + 1; end';
    create function unsafe(int) returns int language plpgsql stable as 'begin return $1 + 1; end';
    create function for_owner(int) returns text language plpgsql stable parallel safe security definer
      as 'begin return session_user || current_user || (select name from shops where id = $1); end';
    create function polymorphic(anyelement) returns text {IN_PLPGSQL} as 'begin return pg_typeof($1) || $1::text; end';
    create function many(variadic int[]) returns int {IN_PLPGSQL} as 'begin return array_length($1, 1); end';
    create function minimum() returns int language plpgsql stable parallel safe as 'begin return 40; end';
    create function next_one(int) returns int language plpgsql volatile as 'begin return $1 + 1; end';
    create function picky_later(int) returns int language plpgsql stable parallel safe as 'begin return own.picky($1); end';
    create operator +~ (leftarg = int, rightarg = int, function = own_sum);
"""

AGGREGATES = f"""
    create aggregate product(numeric) (sfunc = numeric_mul, stype = numeric);
    create function first_of(anyelement, anyelement) returns anyelement language sql immutable strict parallel safe as 'select $1';
    create aggregate first(anyelement) (sfunc = first_of, stype = anyelement, parallel = safe);
    create function kept(int[], int) returns int[] {IN_PLPGSQL} as 'begin return array_append($1, $2); end';
    create function spread(int[]) returns int {IN_PLPGSQL} as 'begin return (select max(x) - min(x) from unnest($1) x); end';
    create aggregate spread(int) (sfunc = kept, stype = int[], initcond = '{{}}', finalfunc = spread);
    create aggregate ordered(int) (sfunc = kept, stype = int[], initcond = '{{}}');
    create function fussy(int, int) returns int {IN_PLPGSQL} as
      'begin if $2 = 777 then raise exception ''no %'', $2 using errcode = ''P7778''; end if; return coalesce($1, 0) + $2; end';
    create aggregate fussy_sum(int) (sfunc = fussy, stype = int);
    create function noted(int, int) returns int language plpgsql volatile as 'begin return $1 + $2; end';
    create aggregate noted_sum(int) (sfunc = noted, stype = int, initcond = '0');
    create function weighed(numeric, int, int) returns numeric {IN_PLPGSQL} as 'begin return coalesce($1, 0) + $2 * $3; end';
    create aggregate weighed(int, int) (sfunc = weighed, stype = numeric);
"""


@pytest.fixture(scope="module")
def tables(session):
    session.execute("""
        create extension if not exists citext; create extension if not exists hstore;
        drop table if exists sales, shops, nobody cascade; drop schema if exists own cascade; create schema own;
        drop type if exists place, pair cascade; create type place as (city text, code int);
        set search_path = own, public;
        create table shops (id int primary key, name text);
        create table sales (id int not null, shop int, label citext, amount int, price numeric(9,2), facts hstore, seat place);
        insert into shops select i, 'shop' || i from generate_series(0, 40) i;
        insert into sales select i, nullif(i % 37, 5), case when i % 9 = 0 then null when i % 2 = 0 then 'ITEM' else 'item' end || i % 90,
            nullif(i % 50, 13), i % 1003 / 100.0 + 0.01, hstore('k', (i % 7)::text), row('city' || i % 4, i % 11)::place
          from generate_series(1, 6000) i;
        create table nobody (like sales); analyze sales; analyze shops; analyze nobody;
        alter table shops set (parallel_workers = 0);  -- functions ask it for each row
    """ + FUNCTIONS + AGGREGATES)
    yield session
    session.execute("reset search_path; drop schema own cascade; drop type place cascade")


CONDITIONS = (
    "own_upper(label::text) = 'ITEM7'", "is_odd(amount)", "not is_odd(amount) and price > 5", "own_sum(amount, shop) > 60",
    "amount +~ shop = 30", "settled(label::text) = 'item8pg_catalog'", "name_of(shop) like '%3'",
    "of_leader(amount) = 8", "unsafe(amount) = 8", "for_owner(shop) like '%shop1_'", "polymorphic(amount) = 'integer12'",
    "many(amount, shop, 3) = 3", "amount < minimum()", "amount < minimum() + shop and is_odd(id)",
    "label = 'Item7'", "label like 'ITEM_'", "label in ('item1', 'ITEM2')", "facts -> 'k' = '3'", "facts ? 'k'",
    "facts = 'k=>2'::hstore", "(seat).city = 'city2'", "(seat).code > 4 and is_odd(id)",
    "case when id = 777 then false else picky(id) > 0 end", "age(current_date, date '2024-01-01' + amount) > '1 year'",
    "row(amount, shop) < row(20, 7)", "array[amount, shop]::text[] = '{3,3}'",
    "xmlelement(name a, amount)::text = '<a>3</a>'")


@pytest.mark.parametrize("condition", CONDITIONS)
def test_conditions(tables, condition):
    query = f"select count(*), sum(amount), min(price) from sales where {condition}"
    tables.assert_same(query, workers=WORKERS)
    assert not any("Plan Input" in line for line in tables.plan(query))


@pytest.mark.parametrize("argument", ("own_sum(amount, shop)", "length(name_of(shop))", "amount +~ 3",
                                      "(facts -> 'k')::int", "many(amount)", "(seat).code", "of_leader(amount)"))
def test_arguments_and_group_keys(tables, argument):
    tables.assert_same(f"select shop, sum({argument}), count(distinct {argument}), stddev({argument}) from sales group by shop",
                       workers=WORKERS)
    tables.assert_same(f"select {argument}, count(*), sum(price) from sales group by 1", workers=WORKERS)
    tables.assert_same(f"select count({argument}) from nobody", workers=WORKERS)


def test_joins(tables):
    tables.assert_same("select count(*), sum(price) from sales join shops on own_sum(shop, 1) = shops.id", workers=WORKERS)
    tables.assert_same("select count(*), sum(a.price) from sales a join sales b on a.id = b.id + 1 where own_sum(a.amount, b.amount) > 50",
                       workers=WORKERS)
    tables.assert_same("select name, count(*) from shops left join sales on shop = shops.id and is_odd(amount) group by name",
                       workers=WORKERS)


def test_an_error_is_the_functions_own(tables):
    for query in ("select sum(picky(id)) from sales", "select count(*) from sales where picky(id) > 3",
                  "select shop, fussy_sum(id) from sales group by shop"):
        for workers in WORKERS:
            failed = tables.outcome(query, "force", workers)
            assert failed == tables.outcome(query, "off") and failed[0] == "error" and failed[1].startswith("P777"), failed
        assert tables.is_taken(query)
    tables.assert_same("select count(*) from sales", workers=WORKERS)


def test_an_error_of_users_states_gives_no_run_up(tables):
    """A second run, PostgreSQL's, would call the function again for every row."""
    tables.execute("create function telling(int, int) returns int language plpgsql immutable as 'begin raise notice ''%'', $2; "
                   "if $2 = 30 then raise division_by_zero; end if; return $1 + $2; end'; "
                   "create aggregate telling_sum(int) (sfunc = telling, stype = int, initcond = '0')")
    told = []
    for mode in ("off", "force"):
        tables.connection.notices = []
        assert tables.outcome("select telling_sum(id) from sales", mode)[:2] == ("error", "22012")
        told.append(len(tables.connection.notices))
    assert told == [30, 30] and tables.is_taken("select telling_sum(id) from sales")


@pytest.mark.parametrize("query", (
    "select sum(coalesce(told(amount), 0)) from sales where id < 16",
    "select count(*) from sales where id < 16 and case told(amount) when 1 then true when 2 then true when 3 then true end",
    "select count(*) from sales where id < 16 and told(amount) < any('{1,2,3,4,5}')",
    "select sum(case when told(id) > 8 then price when told(id) < 5 then 1 else 2.345 end) from sales where id < 16",
    "select array_agg(id + 1 order by id + 1) filter (where told(id) > 8) from sales where id < 16",
    "select count(*) from sales where id < 16 and (told(amount) > 3) is not unknown and told(id) is distinct from told(amount)",
))
def test_a_function_is_called_as_often(tables, query):
    """By its notices, of which psycopg2 keeps 50."""
    tables.execute("create or replace function told(i int) returns int language plpgsql immutable as "
                   "'begin raise notice ''%'', i; return i; end'")
    told = []
    for mode in ("off", "force"):
        tables.connection.notices = []
        tables.rows(query, mode)
        told.append(sorted(tables.connection.notices))
    assert told[0] == told[1] and 0 < len(told[0]) < 50
    tables.assert_same(query, workers=(0,), taken="filter" not in query)


def test_rows_that_postgresql_does_not_compute_raise_nothing(tables):
    for query in ("select count(*) from sales where id < 0 and picky(id + 777) = 1",
                  "select count(*) from sales where id <> 777 and picky(id) > 0",
                  "select sum(case when id <> 777 then picky(id) end) from sales",
                  "select sum(picky(id)) filter (where id <> 777) from sales",
                  "select fussy_sum(id) filter (where id <> 777) from sales",
                  "select count(picky_later(777)) from nobody",
                  "select sum(case when id < 0 then picky_later(777) end) from sales", "select fussy_sum(777) from nobody"):
        assert tables.assert_same(query, workers=WORKERS)[0] == "rows"


CALLS = ("product(price / 5)", "first(amount)", "first(label)", "first(price)", "first(seat)", "spread(amount)", "ordered(amount)",
         "ordered(amount order by id desc)", "ordered(distinct amount)", "fussy_sum(amount)", "weighed(amount, shop)",
         "weighed(distinct amount, shop)", "product(amount) filter (where amount > 0)", "spread(own_sum(amount, 1))",
         "max(label)", "min(label)", "array_agg(label)", "json_agg(facts)", "array_agg(seat)", "array_agg(distinct seat)", "count(distinct label)",
         "rank(20) within group (order by amount)", "dense_rank(20, 3) within group (order by amount desc, shop)",
         "percent_rank(3.5) within group (order by price)", "cume_dist('item7'::text) within group (order by label::text)")


@pytest.mark.parametrize("call", CALLS)
def test_aggregates(tables, call):
    tables.execute("set max_parallel_workers_per_gather = 0")  # workers' rows have no order
    for query in (f"select {call} from sales", f"select shop, {call} from sales group by shop", f"select {call} from nobody",
                  f"select shop, {call}, sum(price) from sales where is_odd(id) group by shop having count(*) > 3"):
        tables.assert_same(query, workers=WORKERS)
    tables.execute("reset max_parallel_workers_per_gather")


@pytest.mark.parametrize("query", (
    "select sum(next_one(amount)) from sales", "select noted_sum(amount) from sales",
    "select shops.name, total from shops left join (select shop, fussy_sum(amount) as total from sales group by shop) s "
    "on shop = shops.id where total > 3 or total is null limit 3"))
def test_aggregates_that_stay_postgresqls(tables, query):
    lines = tables.plan(query)
    assert not any("Aggregates:" in line for line in lines), "\n".join(lines)  # as the engine's are shown
    for workers in WORKERS:
        assert tables.outcome(query, "force", workers) == tables.outcome(query, "off")


def planned_workers(tables, query):
    lines = tables.plan(query, 2)
    return any("Workers Planned: 2" in line for line in lines)


def test_who_may_call_a_function(tables):
    """Labels of functions in C are believed; others where PostgreSQL's own plan has workers."""
    def counts(condition):
        return f"select count(*) from sales join shops on shop = shops.id where {condition}"
    tables.execute("set parallel_setup_cost = 1e9")
    assert planned_workers(tables, counts("label = 'item7'"))
    assert not planned_workers(tables, counts("is_odd(amount)"))
    tables.execute("set parallel_setup_cost = 0; set parallel_tuple_cost = 0")
    assert planned_workers(tables, counts("is_odd(amount)"))
    for condition in ("is_odd(amount)", "name_of(shop) like '%3'", "for_owner(shop) like '%shop1_'", "settled(label::text) > 'item5'"):
        tables.assert_same(counts(condition), workers=(2, 4))
    for condition in ("of_leader(amount) = 8", "unsafe(amount) = 8"):
        assert not planned_workers(tables, counts(condition))
    tables.execute("reset parallel_tuple_cost")


def test_functions_that_catch_errors_run_without_parallel_mode(tables):
    """Its label is wrong: it starts subtransactions. PostgreSQL's own plan has no workers, so that it works there."""
    tables.execute("set parallel_setup_cost = 1e9")
    for query in ("select sum(checked(amount)) from sales join shops on shop = shops.id",
                  "select count(*) from sales join (select checked(id) as x from shops limit 30) s on amount = x"):
        assert tables.assert_same(query, workers=(0, 2, 4))[0] == "rows"
    tables.execute("set parallel_setup_cost = 0")


def test_statements_of_a_function_may_be_runs_of_their_own(tables):
    """Planned inside of a run, cached from before it, and as a cursor that was opened before."""
    tables.execute("create function total_of(cursor refcursor) returns numeric language plpgsql stable parallel restricted as "
                   "'declare x numeric; begin fetch from cursor into x; return x; end'")
    query = "select sum(sold_by(id)) from shops join (select distinct shop from sales) s on shop = id where id < 12"
    assert tables.is_taken("select sum(price) from sales join shops on shop = shops.id where shop = 3 group by name")
    for first in (False, True):
        for workers in WORKERS:
            tables.execute("discard plans; set sluice.mode = force; set plan_cache_mode = force_generic_plan")
            if first:
                tables.execute("select sold_by(3)")
            tables.assert_same(query, workers=(workers,))
    tables.execute("reset plan_cache_mode; set sluice.mode = force; begin; declare totals no scroll cursor for "
                   "select sum(price) from sales group by shop")
    tables.execute("select count(total_of('totals')) from shops join (select distinct shop from sales) s on shop = id")
    assert tables.cursor.fetchone() == (36,)
    tables.execute("fetch 2 from totals")
    assert len(tables.cursor.fetchall()) == 1  # of 37 groups
    tables.execute("commit")


def test_an_error_that_a_statement_around_catches(tables):
    tables.execute("create function caught() returns text language plpgsql as 'begin perform sum(own.picky(id)) from own.sales; "
                   "return ''none''; exception when others then return sqlstate; end'")
    for _ in range(3):
        assert tables.outcome("select caught()", "force", 2)[2] == ["('P7777',)"]
        tables.assert_same("select count(*), sum(own_sum(amount, 1)) from sales", workers=WORKERS)


def test_parallel_mode_anywhere_in_the_statement(tables):
    """checked() has a wrong label: PostgreSQL's own plan, without workers, bears it."""
    tables.execute("set parallel_setup_cost = 1e9")
    for query in ("select shop, checked(count(*)::int) from sales join shops on shop = shops.id group by shop",
                  "select (select count(*) from sales join shops on shop = shops.id), sum(checked(amount)) from sales",
                  "select shop, count(*) from sales join shops on shop = shops.id group by shop having checked(count(*)::int) > 0"):
        assert tables.assert_same(query, workers=(0, 2))[0] == "rows"
    # The planner takes a domain's condition for one that the leader may check in parallel mode.
    tables.execute("create function valid(text) returns bool language plpgsql as 'begin perform $1::int; return true; "
                   "exception when others then return false; end'; create domain number_text as text check (own.valid(value))")
    assert tables.assert_same("select n::text::number_text from (select shop, count(*) n from sales join shops on shop = shops.id "
                              "group by shop) q", workers=(0, 2))[0] == "rows"
    tables.execute("set parallel_setup_cost = 0")


def test_how_a_value_is_stored_stays_postgresqls(tables):
    tables.execute("create function sz(text) returns int language sql stable as 'select pg_column_size($1)'")
    for query in ("select sum(sz(name)) from sales join shops on shop = shops.id",
                  "select sales.id, sz(name) from sales join shops on shop = shops.id"):
        tables.assert_same(query, workers=WORKERS, taken=False)


def test_casts_to_json_that_nobody_names(tables):
    tables.execute("create type mood as enum ('glad', 'sad'); create sequence asked; create function json_of(mood) returns json "
                   "language plpgsql volatile as 'begin return to_json(nextval(''own.asked'')); end'; "
                   "create function mood_of(int) returns mood language sql immutable set search_path = own as "
                   "'select case $1 % 2 when 0 then ''glad'' else ''sad'' end::mood'")
    queries = ("select count(to_json(mood_of(id))::text) from sales", "select count(to_json(case when id > 3 then 'sad' end::mood)) from sales",
               "select count(row_to_json(row(mood_of(id)))) from sales", "select count(to_json(array[mood_of(id)])) from sales")
    for query in queries:
        tables.assert_same(query, workers=(0,), taken="row(" not in query)
    tables.execute("create cast (mood as json) with function json_of(mood)")
    for query in queries:
        tables.assert_same(query, workers=WORKERS, taken=False)
    tables.execute("drop type mood cascade; drop sequence asked")


def test_an_init_plan_of_a_branch_that_is_not_taken(tables):
    # PostgreSQL evaluates them all before workers start.
    tables.execute("create table zeros (d int); insert into zeros values (0); set max_parallel_workers_per_gather = 0")
    for condition in ("case when id < 0 then own_sum(id, (select 10 / d from zeros)) > 0 else true end",
                      "coalesce(own_sum(id, 1), (select 10 / d from zeros)) > 0",
                      "own_sum(id, 1) > 0 and (id, shop) > (0, (select 10 / d from zeros))",
                      "is_odd(id) or not is_odd(id) or own_sum(id, (select 10 / d from zeros)) > 0"):
        assert tables.assert_same(f"select count(*) from sales where {condition}", workers=WORKERS, taken=None)[0] == "rows"
    tables.execute("reset max_parallel_workers_per_gather")


def test_groups_that_nobody_asks_for(tables):
    tables.execute("create function picky_end(int) returns int language plpgsql immutable as "
                   "'begin if $1 > 1 then raise exception ''too many''; end if; return $1; end'; "
                   "create function one_more(int, int) returns int language sql immutable as 'select $1 + 1'; "
                   "create aggregate at_most_one(int) (sfunc = one_more, stype = int, initcond = '0', finalfunc = picky_end)")
    query = "select id / 6000 as g, at_most_one(amount) from sales group by 1"
    assert tables.assert_same(query, workers=WORKERS)[0] == "error"
    tables.execute("create table twice as select 1 as k, 1 as n union all select 2, 1 union all select 2, 1; analyze twice")
    for query in ("select k as g, at_most_one(n) from twice group by k limit 0",
                  "select k as g, at_most_one(n) from twice group by k order by g limit 1",
                  "select * from (select k, at_most_one(n order by n), row_number() over (order by k) r from twice group by k) q where r < 2"):
        tables.assert_same(query, workers=WORKERS, taken=None)
    for mode in ("off", "force"):  # whoever declares a cursor may not ask for all groups
        tables.execute(f"set enable_hashagg = off; set sluice.mode = {mode}; begin; declare c cursor for "
                       "select k, at_most_one(n order by n) from twice group by k; fetch 1 from c")
        assert tables.cursor.fetchall() == [(1, 1)]
        tables.execute("commit; reset enable_hashagg")


@pytest.mark.parametrize("strict", ("", " strict"))
def test_extremes_of_users(tables, strict):
    """One that is not strict, or whose state is no value, is no min or max, whatever SORTOP says."""
    tables.execute("create function later(citext, citext) returns citext language plpgsql immutable parallel safe" + strict +
                   " as 'begin return greatest($1, $2); end'; "
                   "create aggregate later(citext) (sfunc = later, stype = citext, sortop = >); "
                   "create function longest(int, citext) returns int language plpgsql immutable parallel safe as "
                   "'begin return greatest($1, length($2)); end'; "
                   "create aggregate longest(citext) (sfunc = longest, stype = int, initcond = '0', sortop = >)")
    for call in ("later(label)", "longest(label)"):
        for query in (f"select {call} from sales", f"select shop, {call} from sales group by shop"):
            tables.assert_same(query, workers=WORKERS)
        tables.assert_same(f"select {call} from sales join shops on shop = shops.id", workers=WORKERS, taken=None)
    tables.execute("drop aggregate later(citext); drop function later; drop aggregate longest(citext); drop function longest")


def test_ranks_of_many_groups_take_one_sort_at_a_time(tables):
    """A sort of its own for each group would take 2 GB."""
    tables.execute("create table crowd as select i / 2 as g, i % 7 as x from generate_series(1, 120000) i; analyze crowd; set work_mem = '32MB'")
    query = "select sum(r) from (select g, rank(3) within group (order by x) as r from crowd group by g) q"
    tables.assert_same(query, workers=(0,))
    lines = tables.plan(query, 0, "analyze, costs off, timing off")
    assert not any("Abandoned" in line for line in lines), "\n".join(lines)
    status = pathlib.Path(f"/proc/{tables.connection.info.backend_pid}/status").read_text()
    peak_kb = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])
    assert peak_kb < 700_000  # the shared buffers included
    tables.execute("reset work_mem; drop table crowd")


def test_permissions_are_checked(tables):
    tables.execute("drop role if exists sluice_guest; create role sluice_guest; grant usage on schema own to sluice_guest; "
                   "grant select on sales to sluice_guest; "
                   "revoke execute on function own_upper(text) from public; revoke execute on function numeric_mul(numeric, numeric), int4eq(int, int) from public; revoke execute on function kept(int[], int) from public; "
                   "alter aggregate spread(int) owner to sluice_guest; revoke execute on function first(anyelement) from public; "
                   "set role sluice_guest")
    try:
        for query in ("select count(*) from sales where own_upper(label::text) = 'ITEM7'", "select spread(amount) from sales",
                      "select first(amount) from sales", "explain select count(*) from sales where own_upper(label::text) = 'ITEM7'",
                      "select count(*) from nobody a join sales b on a.id = b.id and own_upper(b.label::text) > 'A'",
                      "select sum(amount * price) from sales", "select count(*) from sales where amount not in (1, 2, 3, 4, 5, 6, 7, 8, 9)",
                      "select count(*) from sales where amount in (1, 2, 3, 4, 5, 6, 7, 8, 9)"):
            for workers in WORKERS:
                failed = tables.outcome(query, "force", workers)
                assert failed == tables.outcome(query, "off") and failed[:2] == ("error", "42501"), failed
        tables.execute("reset role")
        # What is not needed is not asked for, nor what PostgreSQL asks for only when it comes to it.
        tables.execute("revoke execute on function int4ne(int, int), settled(text) from public; grant execute on function int4eq(int, int) to public; "
                       "set role sluice_guest")
        tables.assert_same("select count(*) from sales where amount not in (1, 2, 3, 4, 5, 6, 7, 8, 9)", workers=WORKERS)
        tables.execute("set sluice.mode = force; explain select count(*) from (values (length(settled('a'))), (2)) v(x) "
                       "join sales on x = id; reset role; grant execute on function int4ne(int, int), settled(text) to public")
        query = "select spread(amount) from sales"  # its owner may not call the function
        assert tables.outcome(query, "force") == tables.outcome(query, "off") and tables.outcome(query, "off")[1] == "42501"
    finally:
        tables.execute("reset role; grant execute on function numeric_mul(numeric, numeric), int4eq(int, int) to public; grant execute on function own_upper(text) to public; grant execute on function kept(int[], int) to public; "
                       "grant execute on function first(anyelement) to public; reassign owned by sluice_guest to current_user; "
                       "drop owned by sluice_guest; drop role sluice_guest")


def test_a_cast_that_keeps_its_own_scale(tables):
    """PostgreSQL takes the digits of a cast's function as they are, whatever the type's modifier says."""
    tables.execute("create type own.coin as (cents int); "
                   f"create function own.worth(own.coin, int4) returns numeric {IN_PLPGSQL} as 'begin return $1.cents / 2.0::numeric(9,1); end'; "
                   "create cast (own.coin as numeric) with function own.worth(own.coin, int4); "
                   "create table own.purse as select i, row(i % 7)::own.coin as c from generate_series(1, 500) i; analyze own.purse")
    try:
        for query in ("select c::numeric(10,2), count(*) from purse group by 1", "select i % 3, min(c::numeric(10,2)), sum(c::numeric(10,2)) from purse group by 1"):
            tables.assert_same(query, workers=WORKERS, taken=None)
    finally:
        tables.execute("drop table own.purse; drop type own.coin cascade")


def test_permission_to_compare_the_keys_of_groups(tables):
    tables.execute("drop role if exists sluice_guest; create role sluice_guest; grant usage on schema own to sluice_guest; grant select on sales to sluice_guest; "
                   "revoke execute on function int4eq(int, int) from public; set role sluice_guest")
    try:
        for query in ("select amount, count(*) from sales group by amount", "select amount, count(distinct id) from sales group by amount",
                      "select distinct amount from sales", "select count(*) from (select amount, price from sales group by 1, 2 having sum(id) > 5) q",
                      "explain analyze select amount, count(*) from sales group by amount",
                      "explain select amount, count(distinct id) from sales group by amount"):
            wanted = tables.outcome(query, "off")
            assert wanted[:2] == ("error", "42501"), query
            for workers in WORKERS:
                assert tables.outcome(query, "force", workers) == wanted, query
        # Hashed groups are not asked for where they are just explained, nor are values that are compared alone.
        for mode in ("off", "force"):
            assert tables.outcome("explain select amount, count(*) from sales group by amount", mode)[0] == "rows"
        tables.assert_same("select count(distinct amount), sum(distinct id) from sales", workers=WORKERS)
        tables.assert_same("select price, count(distinct amount) from sales group by price", workers=WORKERS)
    finally:
        tables.execute("reset role; grant execute on function int4eq(int, int) to public; drop owned by sluice_guest; drop role sluice_guest")


def test_a_state_function_that_became_strict(tables):
    tables.execute("create function lengths(int, text) returns int language plpgsql immutable as "
                   "'begin return coalesce($1, 0) + length($2); end'; create aggregate lengths(text) (sfunc = lengths, stype = int)")
    query = "select lengths(label::text) from sales"
    assert tables.assert_same(query, workers=WORKERS)[0] == "rows"
    tables.execute("alter function lengths(int, text) strict")
    for workers in WORKERS:
        failed = tables.outcome(query, "force", workers)
        assert failed == tables.outcome(query, "off") and failed[:2] == ("error", "42P13"), failed


def test_a_function_can_be_canceled(tables):
    tables.execute("create function dozes(int) returns int language plpgsql stable parallel safe as "
                   "'begin perform pg_sleep(0.05); return $1; end'")
    query = "select sum(dozes(amount)) from sales join shops on shop = shops.id"
    assert tables.is_taken(query)
    tables.execute("set statement_timeout = '400ms'")
    with pytest.raises(psycopg2.errors.QueryCanceled):
        tables.execute(query)
    tables.execute("reset statement_timeout")
    tables.assert_same("select count(*) from sales where is_odd(amount)", workers=WORKERS)


def test_prepared_statements_see_a_new_body(tables):
    tables.execute("create function changes(int) returns int language plpgsql stable parallel safe as 'begin return $1; end'; "
                   "set plan_cache_mode = force_generic_plan; set sluice.mode = force; "
                   "prepare total(int) as select sum(changes(amount)) from sales where amount > $1")
    results = []
    for factor in (1, 3):
        tables.execute("create or replace function changes(int) returns int language plpgsql stable parallel safe as "
                       f"'begin return $1 * {factor}; end'")
        tables.execute("execute total(4)")
        results.append(tables.cursor.fetchone()[0])
    assert results[1] == 3 * results[0] > 0
    tables.execute("deallocate total; reset plan_cache_mode")
