"""Plan nodes that only PostgreSQL has, below joins and aggregates: it executes them, the run reads their rows."""

import pytest

from plan_input_cases import AROUND, INPUTS, assert_same_rows, inputs, joined_inputs


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("node", INPUTS)
def test_every_node_in_every_place(inputs, node, around):
    query = AROUND[around].format(INPUTS[node])
    expected = inputs.outcome(query, "off")
    assert expected[0] == "rows", expected
    for workers in (0, 2):
        assert inputs.outcome(query, "force", workers) == expected, query


# May raise, so that an inner join, of which PostgreSQL may not come to both sides, does not read them.
RAISING = {"recursive CTE", "function with a column list", "user's function", "table function", "init plan inside",
           "init plan in a branch", "grouping sets", "sample"}
# Are not, or not always, PostgreSQL's.
NOT_READ = {"lateral with an init plan", "no rows", "constants", "one row of values", "ordered aggregate"}


@pytest.mark.parametrize("node", sorted(set(INPUTS) - NOT_READ))
def test_a_join_with_each_node_is_taken(inputs, node):
    query = AROUND["grouped"].format(INPUTS[node])
    assert_same_rows(inputs, query)
    lines = inputs.plan(query)
    assert bool(joined_inputs(lines)) == (node not in RAISING), "\n".join(lines)


@pytest.mark.parametrize("node", sorted(set(INPUTS) - NOT_READ - {"grouping sets"}))
def test_the_preserved_side_of_a_join_takes_each_node(inputs, node):
    lines = inputs.plan(f"select s.label, count(x.c) from ({INPUTS[node]}) x left join s on s.k = x.k group by s.label")
    assert any("Plan Input 1" in line for line in lines), "\n".join(lines)


@pytest.mark.parametrize("form", ("verbose, costs off", "analyze, timing off", "analyze, verbose, format json",
                                  "verbose, format xml", "analyze, format yaml"))
@pytest.mark.parametrize("node", INPUTS)
def test_every_node_is_explained(inputs, node, form):
    assert inputs.plan(AROUND["grouped"].format(INPUTS[node]), 2, form)


def test_not_in_with_nulls_does_not_execute_a_node_twice(inputs):
    """Two copies of a nested loop would set the same parameters."""
    query = ("select count(*) from t where v not in "
             "(select x.c from s, lateral (select v c from t u where u.k = s.k offset 0) x)")
    assert_same_rows(inputs, query)
    lines = inputs.plan(query, 2)
    assert sum("Plan Input" in line and "->" in line for line in lines) == 1, "\n".join(lines)


def test_explain_names_what_stays_postgresqls(inputs):
    lines = inputs.plan("select count(*) from t join (select k from s where (select n.k from t n where n.k = s.k limit 1) > 3) x using (k)", 0, "verbose")
    assert any("partly used: expression: subquery" in line for line in lines), "\n".join(lines)
    lines = inputs.plan(AROUND["grouped"].format(INPUTS["values"]), 0, "verbose")
    assert not any("partly used" in line for line in lines), "\n".join(lines)


def test_plan_inputs_are_on_by_default(inputs):
    query = "select t.d, count(*) from t join (values (1), (2)) x(k) on x.k = t.k group by t.d"
    for setting, taken in (("off", False), ("default", True)):
        inputs.execute(f"set sluice.plan_inputs = {setting}; set sluice.mode = force; set sluice.workers = 0")
        plan = "\n".join(line for (line,) in inputs.execute("explain " + query).fetchall())
        assert ("Plan Input" in plan) == taken, plan


# ---- plans ----

def test_analyze_counts_their_rows(inputs):
    query = "select t.d, count(*) from t join (select g from generate_series(1, 77) g offset 0) x on x.g = t.k group by t.d"
    lines = inputs.plan(query, 2, "analyze, costs off, timing off, summary off")
    assert any("Plan Input 1: Function Scan (actual rows=77 batches=3)" in " ".join(line.split()) for line in lines), \
        "\n".join(lines)
    assert any("->  Function Scan on generate_series g (actual rows=77 loops=1)" in line for line in lines), "\n".join(lines)
    assert not any("Hash Join (" in line for line in lines), "\n".join(lines)  # PostgreSQL's own plan


@pytest.mark.parametrize("query", [
    "select count(*), sum(g) from generate_series(1, 100000) g",
    "select count(*) from (select id from t limit 3000) x",
    "select count(*), max(r) from (select rank() over (order by v) r from t) x",
    "with recursive r(k) as (select 1 union all select k + 1 from r where k < 2000) select count(*) from r",
])
def test_auto_does_not_read_rows_for_nothing(inputs, query):
    inputs.execute("set sluice.mode = auto; set sluice.workers = 0")
    inputs.execute("explain " + query)
    lines = [line for (line,) in inputs.cursor.fetchall()]
    assert not any("Sluice" in line for line in lines), "\n".join(lines)


def test_auto_takes_what_is_worth_it_beside_what_is_not(inputs):
    inputs.execute("set sluice.mode = auto; set sluice.workers = 0; set max_parallel_workers_per_gather = 0")
    inputs.execute("explain select a.d, count(*), sum(b.v) from t a join t b using (k) group by a.d union all "
                   "select null, count(*), sum(g) from generate_series(1, 100000) g")
    lines = [line for (line,) in inputs.cursor.fetchall()]
    inputs.execute("reset max_parallel_workers_per_gather")
    assert sum("Custom Scan (Sluice)" in line for line in lines) == 1, "\n".join(lines)
    assert not any("Plan Input" in line for line in lines), "\n".join(lines)


def test_auto_joins_values_with_a_large_table(inputs):
    inputs.execute("set sluice.mode = auto; set sluice.workers = 0")
    inputs.execute("explain select t.d, x.name, count(*), sum(t.n) from t join (values (1, 'one'), (2, 'two')) as "
                   "x(k, name) on x.k = t.k group by 1, 2")
    lines = [line for (line,) in inputs.cursor.fetchall()]
    assert any("Plan Input 1: Values Scan" in line for line in lines), "\n".join(lines)
