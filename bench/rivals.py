"""The engines of a benchmark behind one interface: prepare a workload, run a query, return its rows."""

import os
import time

import tpch

OFF = {"sluice.mode": "off"}


def timed(rival, query):
    """The rows, and the client's milliseconds until the last one."""
    began = time.perf_counter()
    rows = rival.rows(query)
    return rows, (time.perf_counter() - began) * 1000


class Postgres:
    """PostgreSQL in the benchmark's cluster, which has the library; `settings` tell serial, parallel and Sluice
    apart."""

    def __init__(self, name, directory, workload, **settings):
        self.name = name
        self.connection = tpch.connect(directory, workload.database, **settings)
        self.cursor = self.connection.cursor()

    def rows(self, query):
        self.cursor.execute(query)
        return self.cursor.fetchall()

    def plan(self, query):
        self.cursor.execute("explain (costs off) " + query)
        return [line for (line,) in self.cursor.fetchall()]

    def backend_pid(self):
        return self.connection.info.backend_pid

    def close(self):
        self.connection.close()


class DuckDb:
    """DuckDB on its own storage, loaded from the workload's Parquet files."""

    def __init__(self, workload, threads):
        import duckdb  # pylint: disable=import-outside-toplevel
        self.name = "DuckDB"
        path = workload.parquet / "duckdb.db"
        if not path.exists():  # only a whole one has that name
            half = path.with_suffix(".new")
            half.unlink(missing_ok=True)
            with duckdb.connect(str(half)) as loading:
                for table in workload.tables:
                    loading.execute(f"create table {table} as select * from "
                                    f"read_parquet('{workload.parquet / (table + '.parquet')}')")
                loading.execute("checkpoint")
            half.rename(path)
        self.connection = duckdb.connect(str(path))
        self.connection.execute(f"set threads = {threads}")

    def rows(self, query):
        return self.connection.execute(query).fetchall()

    def close(self):
        self.connection.close()


class DataFusion:
    """DataFusion on the workload's Parquet files."""

    def __init__(self, workload, threads):
        import datafusion  # pylint: disable=import-outside-toplevel
        self.name = "DataFusion"
        config = datafusion.SessionConfig().with_target_partitions(threads)
        self.context = datafusion.SessionContext(config)
        for table in workload.tables:
            self.context.register_parquet(table, str(workload.parquet / (table + ".parquet")))

    def rows(self, query):
        batches = self.context.sql(query).collect()
        columns = [[] for _ in batches[0].schema] if batches else []
        for batch in batches:
            for column, values in zip(columns, batch.columns):
                column.extend(values.to_pylist())
        return list(zip(*columns))

    def close(self):
        self.context = None


def all_rivals(directory, workload, workers):
    """In the order of the issue: serial, parallel, Sluice, DuckDB, DataFusion. DuckDB and DataFusion
    get as many threads as Sluice has seats at work: no more than there are cores."""
    threads = min(workers + 1, os.cpu_count() or 1)
    parallel = {"max_parallel_workers_per_gather": workers}
    return [
        Postgres("serial", directory, workload, max_parallel_workers_per_gather=0, **OFF),
        Postgres("parallel", directory, workload, **parallel, **OFF),
        Postgres("Sluice", directory, workload, **parallel),
        DuckDb(workload, threads),
        DataFusion(workload, threads),
    ]
