"""Outer, semi and anti joins: rows without a match, NULL keys, residual conditions, empty sides."""

import pytest

from conftest import WORKER_COUNTS


@pytest.fixture(scope="module")
def tables(session):
    session.execute("""
        drop table if exists people, visits, nobody;
        create table people (id int, city text, age int);
        insert into people select i, 'city ' || i % 70, i % 90 from generate_series(1, 3000) i;
        insert into people select null, 'nowhere', i from generate_series(1, 40) i;
        create table visits (person int, day date, cost numeric(9,2), note text);
        insert into visits select (i * 7) % 4000, date '2024-01-01' + i % 300, i * 0.25,
            case when i % 3 = 0 then null else 'note ' || i end from generate_series(1, 9000) i;
        insert into visits select null, date '2024-01-01', i, 'unknown' from generate_series(1, 30) i;
        create table nobody (id int, city text, age int);
        analyze people; analyze visits; analyze nobody;
        set enable_mergejoin = off; set enable_nestloop = off;
    """)
    yield session
    session.execute("reset enable_mergejoin; reset enable_nestloop")


def joined(tables, query, expected_join=None, workers=WORKER_COUNTS):
    """All rows, in any order; and, where it says so, through that operator."""
    if expected_join is not None:
        plan = "\n".join(tables.plan(query, 2))
        assert expected_join in plan, plan
    return tables.assert_same(query, workers=workers)


@pytest.mark.parametrize("kind", ("left", "right", "full"))
@pytest.mark.parametrize("sides", (("people p", "visits v"), ("visits v", "people p")),
                         ids=("people_first", "visits_first"))
def test_outer_join(tables, kind, sides):
    left, right = sides
    joined(tables, f"select p.id, p.city, v.person, v.day, v.cost, v.note from {left} {kind} join {right} "
                   "on p.id = v.person")


@pytest.mark.parametrize("kind", ("left", "right", "full"))
def test_outer_join_with_conditions_of_the_match_and_of_the_result(tables, kind):
    condition = "p.id = v.person" + (" and p.age * 10 < v.cost" if kind != "full" else "")
    joined(tables, f"select p.id, p.age, v.cost from people p {kind} join visits v on {condition} "
                   "where coalesce(p.age, 1) <> 7")


@pytest.mark.parametrize("kind", ("left", "right", "full"))
@pytest.mark.parametrize("sides", (("people", "nobody"), ("nobody", "people")))
def test_outer_join_with_an_empty_side(tables, kind, sides):
    joined(tables, f"select a.id, a.city, b.id, b.city from {sides[0]} a {kind} join {sides[1]} b "
                   "on a.id = b.id")


def test_counts_of_an_outer_join(tables):
    """TPC-H Q13's shape: groups of counts of groups."""
    joined(tables, """
        select c, count(*) from (
          select p.id, count(v.person) as c from people p left join visits v
            on p.id = v.person and v.note not like '%9%' group by p.id) as counts
        group by c""")


@pytest.mark.parametrize("negation", ("", "not "), ids=("semi", "anti"))
def test_exists(tables, negation):
    joined(tables, f"select p.id, p.city from people p where {negation}exists "
                   "(select 1 from visits v where v.person = p.id)")


@pytest.mark.parametrize("negation", ("", "not "), ids=("semi", "anti"))
def test_exists_with_a_residual_condition(tables, negation):
    joined(tables, f"select count(*), sum(p.age) from people p where {negation}exists "
                   "(select 1 from visits v where v.person = p.id and v.cost > p.age)")


@pytest.mark.parametrize("negation", ("", "not "), ids=("semi", "anti"))
@pytest.mark.parametrize("keys, condition", (("m.k = f.k and ", "m.x <> f.x"), ("m.k = f.k and ", "m.x < f.x"),
                                             ("m.k = f.k and ", "m.y > f.y"), ("m.k = f.k and ", "m.x = f.x and m.x > 3000")))
def test_rows_with_a_match_need_no_second_one(tables, negation, keys, condition):
    """The few are built, and each pair of their long chains would be tried: what has a match leaves them."""
    tables.execute("drop table if exists few, many; create table few (k int, x int, y int); create table many (like few);"
                   "insert into few select i % 3, i, i + 90000 from generate_series(1, 2700) i; insert into few values (null, 1, 1), (7, 7, 7);"
                   "insert into many select i % 4, i, i * 50 % 91000 from generate_series(1, 12000) i; insert into many values (null, 1, 1), (7, 7, 7);"
                   "analyze few; analyze many")
    joined(tables, f"select f.k, f.x from few f where {negation}exists (select 1 from many m where {keys}{condition})",
           "Hash Right Anti Join" if negation else "Hash Right Semi Join", workers=(0, 2))


@pytest.mark.parametrize("negation", ("", "not "), ids=("semi", "anti"))
def test_exists_over_an_empty_table(tables, negation):
    joined(tables, f"select p.id from people p where {negation}exists "
                   "(select 1 from nobody n where n.id = p.id)")


def test_in_is_a_semi_join(tables):
    joined(tables, "select p.id, p.city from people p where p.id in (select person from visits)")


def test_join_with_distinct_keys_is_a_semi_join(tables):
    """PostgreSQL may make the keys of IN's subquery distinct and join with those."""
    query = ("select p.city, count(*) from people p where p.age < 5 and p.id in "
             "(select person from visits v where v.cost > 100) group by p.city")
    joined(tables, query, "Semi Join")


def test_join_with_some_distinct_columns_is_none(tables):
    joined(tables, "select p.id, p.city from people p join "
                   "(select distinct person, day from visits) v on p.id = v.person")
    joined(tables, "select p.id, p.city from people p join "
                   "(select distinct person from visits) v on p.id = v.person")


def test_left_join_that_keeps_only_rows_without_a_match(tables):
    joined(tables, "select p.id, p.age from people p left join visits v on p.id = v.person "
                   "where v.person is null")


def test_rows_of_an_outer_join_are_joined_again(tables):
    joined(tables, """
        select a.id, a.city, v.cost, b.age
        from people a left join visits v on a.id = v.person left join people b on v.person = b.id""")


def test_keys_that_may_be_null_are_grouped(tables):
    joined(tables, """
        select v.person, count(*), count(p.id), sum(v.cost)
        from people p right join visits v on p.id = v.person group by v.person""")


def test_limit_above_an_outer_join(tables):
    plan = tables.plan("select p.id from people p left join visits v on p.id = v.person limit 3", 2)
    assert plan
    for workers in WORKER_COUNTS:
        outcome = tables.outcome("select 1 from people p left join visits v on p.id = v.person limit 3",
                                 "force", workers)
        assert outcome[0] == "rows" and len(outcome[2]) == 3


def test_condition_of_a_semi_join_that_may_raise_stays_with_postgresql(tables):
    query = ("select count(*) from people p where exists "
             "(select 1 from visits v where v.person = p.id and p.age + v.person < 2147483647)")
    assert tables.outcome(query, "force", 2) == tables.outcome(query, "off")


@pytest.mark.parametrize("condition", (
    "p.age + 2147483558 > 0 and exists (select 1 from visits v where v.person = p.id and v.cost < v.cost)",
    "p.age + 2147483600 > 0 and exists (select 1 from visits v where v.person = p.id and v.cost < v.cost)",
    "p.id < 500 and exists (select 1 from visits v where v.person = p.age + 2147483600 and v.cost < v.cost)"))
def test_rows_with_nothing_to_test_them_against_are_not_read(tables, condition):
    """Fewer people than visits are expected, yet of these there are none, and PostgreSQL reads one of the people."""
    query = f"select count(*), sum(p.age) from people p where {condition}"
    assert tables.assert_same(query, workers=WORKER_COUNTS)[0] == "rows"


@pytest.mark.parametrize("kind", ("", "left ", "right ", "full "))
@pytest.mark.parametrize("keys", ("p.id = v.person and p.age + 2147483640 = v.cost", "p.id = v.person and 100 / (p.age - 1000) = v.cost",
                                  "p.id + 0 = v.person and 100 / (p.age - 1000) = v.cost", "p.city = v.note and p.age + 2147483640 = v.person"))
def test_keys_behind_one_that_is_null(tables, kind, keys):
    """Where the first is NULL, PostgreSQL computes no other, unless it keeps the row."""
    tables.execute("drop table if exists strangers; create table strangers (id int, city text, age int);"
                   "insert into strangers select i, 'city', -40 from generate_series(1, 500) i;"
                   "insert into strangers select null, null, 1000 from generate_series(1, 5); analyze strangers")
    result = tables.assert_same(f"select p.id, v.day from strangers p {kind}join visits v on {keys}", workers=(0, 2),
                                taken=None if "+ 0" in keys else True)
    assert kind not in ("", "right ") or result[0] == "rows"
