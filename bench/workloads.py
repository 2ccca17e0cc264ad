"""What is measured: TPC-H, and the join and group-by questions of the db-benchmark.

Each workload has a database in the cluster, the same tables as Parquet files, and named queries.
Source: https://duckdblabs.github.io/db-benchmark/ for the questions and the shape of their tables.
"""

import shutil
import subprocess

import tpch
from tpch import ROOT, say


# count(quantity) and not count(*): PostgreSQL leaves out a sum that nobody reads.
NAMED_QUERIES = {
    "count of lineitem join orders": "select count(*) from lineitem join orders on l_orderkey = o_orderkey",
    "groups of lineitem by l_orderkey":
        "select count(quantity) from (select l_orderkey, sum(l_quantity) as quantity from lineitem group by 1) groups",
}


class TpcH:
    """All 22 queries; primary and foreign keys with indexes in PostgreSQL."""

    def __init__(self, directory, sf):
        self.name = f"TPC-H SF {sf}"
        self.key = "tpch"
        self.sf = sf
        self.tables = tpch.TABLES
        self.database = tpch.database_name(sf)
        self.parquet = directory.parent / f"parquet_{self.database}"

    def prepare(self, directory):
        tpch.load(directory, self.sf)
        if not (self.parquet / "done").exists():
            say("  Parquet files ...")
            shutil.rmtree(self.parquet, ignore_errors=True)
            subprocess.run([ROOT / ".cache/venv/bin/tpchgen-cli", "parquet", "-s", str(self.sf),
                            f"--output-dir={self.parquet}"], check=True)
            (self.parquet / "done").touch()

    def queries(self):
        return tpch.queries()

    def named(self):
        """Queries with a target of their own, outside the geometric means."""
        return NAMED_QUERIES


GROUP_QUESTIONS = {
    "id1": "select id1, sum(v1) as v1 from x group by id1",
    "id1+id2": "select id1, id2, sum(v1) as v1 from x group by id1, id2",
    "id3": "select id3, sum(v1) as v1, avg(v3) as v3 from x group by id3",
    "id4": "select id4, avg(v1) as v1, avg(v2) as v2, avg(v3) as v3 from x group by id4",
    "id6": "select id6, sum(v1) as v1, sum(v2) as v2, sum(v3) as v3 from x group by id6",
    "id3 range": "select id3, max(v1) - min(v2) as range_v1_v2 from x group by id3",
}

JOIN_QUESTIONS = {
    "small": "select count(*), sum(j.v1), sum(small.v2) from j join small using (id1)",
    "medium": "select count(*), sum(j.v1), sum(medium.v2) from j join medium using (id2)",
    "medium left": "select count(*), sum(j.v1), sum(medium.v2) from j left join medium using (id2)",
    "medium text": "select count(*), sum(j.v1), sum(medium.v2) from j join medium using (id5)",
    "big": "select count(*), sum(j.v1), sum(big.v2) from j join big using (id3)",
}


class DbBenchmark:
    """Tables of `rows` rows made in the server by a fixed seed, and their questions."""

    def __init__(self, directory, rows):
        self.name = f"db-benchmark {rows:,} rows"
        self.key = "db-benchmark"
        self.count = rows
        self.tables = ["x", "j", "small", "medium", "big"]
        self.database = f"dbbench_{rows}"
        self.parquet = directory.parent / f"parquet_{self.database}"

    def statements(self):
        """Groups: 100 and rows/100 values. Joins: a tenth of the keys has no partner."""
        n = self.count
        few, many = 100, max(n // 100, 1)
        small, medium, big = max(n // 1_000_000, 1), max(n // 1000, 1), n
        def pick(bound):
            return f"(1 + floor(random() * {bound}))::int"

        def lookup(name, key, bound):
            return (f"create table {name} as select i as {key}, 'id' || i as text_{key}, "
                    f"round((random() * 100)::numeric, 6)::numeric(9,6) as v2 "
                    f"from generate_series(1, {bound}) i")
        return [
            "select setseed(0.42)",
            f"""create table x as select 'id' || lpad({pick(few)}::text, 3, '0') as id1,
                'id' || lpad({pick(few)}::text, 3, '0') as id2,
                'id' || lpad({pick(many)}::text, 10, '0') as id3,
                {pick(few)} as id4, {pick(few)} as id5, {pick(many)} as id6,
                {pick(5)} as v1, {pick(15)} as v2,
                round((random() * 100)::numeric, 6)::numeric(9,6) as v3
                from generate_series(1, {n}) i""",
            f"""create table j as select {pick(small * 10 // 9 + 1)} as id1,
                {pick(medium * 10 // 9 + 1)} as id2, {pick(big * 10 // 9 + 1)} as id3,
                'id' || {pick(medium * 10 // 9 + 1)} as id5,
                round((random() * 100)::numeric, 6)::numeric(9,6) as v1
                from generate_series(1, {n}) i""",
            lookup("small", "id1", small),
            lookup("medium", "id2", medium).replace("text_id2", "id5"),
            lookup("big", "id3", big),
            "create index on small (id1)", "create index on medium (id2)", "create index on medium (id5)",
            "create index on big (id3)", "vacuum analyze",
        ]

    def prepare(self, directory):
        with tpch.connect(directory, "postgres").cursor() as cursor:
            cursor.execute("select shobj_description(oid, 'pg_database') from pg_database "
                           "where datname = %s", (self.database,))
            if cursor.fetchone() != ("loaded",):
                self.fill(directory, cursor)
        if not (self.parquet / "done").exists():
            self.export(directory)

    def fill(self, directory, cursor):
        say(f"  {self.name}: tables, indexes, ANALYZE ...")
        cursor.execute(f"drop database if exists {self.database} with (force)")
        cursor.execute(f"create database {self.database}")
        with tpch.connect(directory, self.database, statement_timeout=0).cursor() as filler:
            for statement in self.statements():
                filler.execute(statement)
        cursor.execute(f"comment on database {self.database} is 'loaded'")

    def export(self, directory):
        """PostgreSQL's rows as Parquet, so that all rivals have the same."""
        import duckdb  # pylint: disable=import-outside-toplevel
        say("  Parquet files ...")
        shutil.rmtree(self.parquet, ignore_errors=True)
        self.parquet.mkdir(parents=True)
        types = {"integer": "INTEGER", "text": "VARCHAR", "numeric": "DECIMAL(9,6)"}
        with tpch.connect(directory, self.database, statement_timeout=0).cursor() as cursor:
            for table in self.tables:
                cursor.execute("select column_name, data_type from information_schema.columns "
                               "where table_name = %s order by ordinal_position", (table,))
                columns = {name: types[kind] for name, kind in cursor.fetchall()}
                csv = self.parquet / f"{table}.csv"
                with open(csv, "wb") as target:
                    cursor.copy_expert(f"copy {table} to stdout with (format csv, header)", target)
                duckdb.sql(f"copy (select * from read_csv('{csv}', header = true, columns = {columns})) "
                           f"to '{self.parquet / (table + '.parquet')}' (format parquet)")
                csv.unlink()
        (self.parquet / "done").touch()

    def queries(self):
        return {**{f"group {name}": text for name, text in GROUP_QUESTIONS.items()},
                **{f"join {name}": text for name, text in JOIN_QUESTIONS.items()}}

    def named(self):
        return {}
