"""Random joins, filters and aggregates over random tables: off and force must agree, row by row.

A failing seed prints its query; `pytest test/oracle/test_random.py -k seed-17` runs it again.
"""

import random

import pytest

COLUMNS = {  # name: (type, SQL for row i, literals to compare with)
    "k": ("int", "(i * 7919) % 211", ["0", "3", "100", "210"]),
    "s": ("int2", "(i % 19)::int2", ["0", "5", "18"]),
    "b": ("int8", "(i % 97)::int8 * 1000000007", ["0", "50000000350", "97000000000"]),
    "d": ("numeric(12,2)", "((i * 37) % 10007) / 100.0", ["0", "17.5", "99.99", "12.345"]),
    "e": ("numeric(9,4)", "((i * 31) % 5003) / 1000.0 - 2", ["0", "1.5", "-1.9999"]),
    "t": ("text", "'w' || (i * 13) % 41", ["'w1'", "'w17'", "'zzz'", "''"]),
    "c": ("char(6)", "'c' || (i * 11) % 23", ["'c1'", "'c22'", "'c7   '"]),
    "y": ("date", "date '2000-01-01' + (i * 17) % 900", ["date '2000-06-01'", "date '2001-12-31'"]),
    "o": ("bool", "i % 3 = 0", []),
    "u": ("uuid", "md5(((i * 5) % 131)::text)::uuid", ["'80000000-0000-0000-0000-000000000000'", "md5('7')::uuid"]),
    "z": ("timestamptz", "timestamptz '2001-03-25 00:00+01' + (i * 3) % 190 * interval '20 minutes'",
          ["timestamptz '2001-03-26 12:00+00'", "timestamptz '2001-03-25 00:20+01'"]),
    "m": ("shade", "('{dark,light,pale,grey,white}'::text[])[1 + i % 5]::shade", []),
}
TABLES = {"ta": 3000, "tb": 700, "tc": 60, "td": 1}
JOINABLE = ["k", "s", "b", "d", "t", "c", "y", "u", "z"]


@pytest.fixture(scope="module")
def tables(session):
    chooser = random.Random(1)
    session.execute("drop type if exists shade cascade")
    session.execute("create type shade as enum ('white', 'light', 'grey', 'dark', 'pale')")
    for table, rows in TABLES.items():
        columns = ", ".join(f"{name} {kind}" for name, (kind, _, _) in COLUMNS.items())
        values = ", ".join(
            f"case when (i * {chooser.randrange(1, 50)}) % {chooser.randrange(5, 12)} = 1 then null "
            f"else {value} end" for _, value, _ in COLUMNS.values())
        session.execute(f"drop table if exists {table}; create table {table} ({columns}); "
                        f"insert into {table} select {values} from generate_series(1, {rows}) i; "
                        f"analyze {table}")
    session.execute("set work_mem = '64MB'; set statement_timeout = '60s'")
    yield session
    session.execute("reset work_mem; reset statement_timeout")


def comparison(chooser, alias):
    name = chooser.choice(list(COLUMNS))
    column, literals = f"{alias}.{name}", COLUMNS[name][2]
    if not literals or chooser.random() < 0.1:
        return chooser.choice([f"{column} is null", f"{column} is not null"])
    form = chooser.randrange(6)
    if form == 0:
        return f"{column} between {literals[0]} and {literals[1]}"
    if form == 1:
        return f"{column} {chooser.choice(['in', 'not in'])} ({', '.join(literals)})"
    if form == 2 and name in ("t", "c"):
        return f"{column} {chooser.choice(['like', 'not like'])} '{chooser.choice(['w1%', '%2', '%1%', 'c_', '%'])}'"
    if form == 3 and name in ("d", "e", "k"):
        other = chooser.choice(['k', 's'])
        return f"{column} * 2 - {alias}.{other} > {literals[1]}"
    operator = chooser.choice(["=", "<>", "<", "<=", ">", ">="])
    return f"{column} {operator} {chooser.choice(literals)}"


def condition(chooser, aliases, depth=2):
    if depth == 0 or chooser.random() < 0.5:
        return comparison(chooser, chooser.choice(aliases))
    if chooser.random() < 0.2:
        return f"not ({condition(chooser, aliases, depth - 1)})"
    joiner = chooser.choice([" and ", " or "])
    return "(" + joiner.join(condition(chooser, aliases, depth - 1) for _ in range(2)) + ")"


def aggregate(chooser, alias):
    some = f" filter (where {comparison(chooser, alias)})" if chooser.random() < 0.15 else ""
    return some.join((chooser.choice([
        "count(*)", f"count({alias}.t)", f"sum({alias}.d)", f"sum({alias}.k)", f"avg({alias}.e)",
        f"sum({alias}.d * (1 - {alias}.e))", f"min({alias}.y)", f"max({alias}.c)", f"avg({alias}.s)",
        f"sum({alias}.b)", f"max({alias}.t)", f"min({alias}.d)",
        f"sum(case when {comparison(chooser, alias)} then {alias}.d else 0 end)",
        f"max({alias}.z)", f"count(distinct {alias}.u)", f"count({alias}.m)", f"min(date_trunc('hour', {alias}.z))",
        f"stddev({alias}.k)", f"var_pop({alias}.d)", f"bool_or({alias}.o)", f"string_agg(distinct {alias}.t, ',')",
        f"array_agg(distinct {alias}.m)", f"count(distinct {alias}.c)", f"max({alias}.m)", f"bit_xor({alias}.k)",
        f"avg({alias}.d / ({alias}.s + 1))", f"array_agg({alias}.y order by {alias}.y desc)",
    ]), ""))


def as_plan_input(table, seed, place):
    """Now and then the table's rows come out of a node that only PostgreSQL has."""
    chooser = random.Random(seed * 16 + place)
    if chooser.random() < 0.75:
        return table
    return chooser.choice([
        f"(select * from {table} limit 1000000)",
        f"(select * from {table} union all select * from {table} where k = 3)",
        f"(with m as materialized (select * from {table}) select * from m)",
        f"(select *, row_number() over () from {table})",
        f"(select * from {table} where k not in (select -1 from generate_series(1, 3)))",
    ])


def random_query(seed):
    chooser = random.Random(seed)
    tables = [chooser.choice(list(TABLES)) for _ in range(chooser.choice([1, 2, 2, 3]))]
    aliases = [f"x{i}" for i in range(len(tables))]
    source = f"{as_plan_input(tables[0], seed, 0)} x0"
    for i in range(1, len(tables)):
        keys = chooser.sample(JOINABLE, chooser.choice([1, 1, 2]))
        if tables[i] in ("ta", "tb") and tables[i - 1] in ("ta", "tb") and keys in (["s"], ["c"]):
            keys = ["k"]
        other = chooser.choice(aliases[:i])
        on = " and ".join(f"{aliases[i]}.{key} = {other}.{key}" for key in keys)
        if chooser.random() < 0.2:
            on += f" and {aliases[i]}.d {chooser.choice(['<', '<>'])} {other}.d"
        source += f" join {as_plan_input(tables[i], seed, i)} {aliases[i]} on {on}"
    where = f" where {condition(chooser, aliases)}" if chooser.random() < 0.7 else ""
    if chooser.random() < 0.2:
        columns = ", ".join(f"{chooser.choice(aliases)}.{chooser.choice(list(COLUMNS))} as c{i}"
                            for i in range(3))
        return f"select {columns} from {source}{where}"
    groups = [f"{chooser.choice(aliases)}.{name}"
              for name in chooser.sample(list(COLUMNS), chooser.choice([0, 1, 1, 2]))]
    results = [aggregate(chooser, chooser.choice(aliases)) for _ in range(chooser.randrange(1, 5))]
    query = f"select {', '.join(groups + results)} from {source}{where}"
    if groups:
        query += f" group by {', '.join(groups)}"
        if chooser.random() < 0.2:
            query += f" having count(*) > {chooser.randrange(1, 20)}"
    return query


QUICK, LONG = 150, 2000


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        count = LONG if metafunc.config.getoption("--all") else QUICK
        metafunc.parametrize("seed", range(count), ids=lambda seed: f"seed-{seed}")


def test_random_query(tables, seed):
    query = random_query(seed)
    expected = tables.outcome(query, "off")
    for workers in (0, 1 + seed % 4):
        assert tables.outcome(query, "force", workers) == expected, f"{workers} workers: {query}"


def test_most_random_queries_are_taken(tables):
    taken = sum(tables.is_taken(random_query(seed)) for seed in range(QUICK))
    assert taken > QUICK * 0.6, taken
