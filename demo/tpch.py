"""TPC-H in a throwaway cluster: generate, load, and the queries.

Used by the demo, the tests and the benchmarks. Data comes from tpchgen-cli (.cache/venv), straight into
COPY: nothing is written to disk but the tables themselves.
"""

import os
import pathlib
import re
import subprocess
import sys
import time

import psycopg2

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLES = ["region", "nation", "supplier", "part", "partsupp", "customer", "orders", "lineitem"]
BYTES_PER_SF = 2_600_000_000  # tables, keys and indexes at scale factor 1, roughly


def say(text):
    print(text, flush=True)


def fail(text):
    sys.exit(f"error: {text}")


def cluster(command, directory, *arguments):
    """Runs tools/cluster.sh; its own message says what to do when it fails."""
    done = subprocess.run([ROOT / "tools/cluster.sh", command, directory, *arguments], check=False,
                          stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(done.returncode)
    return done.stdout


def socket_directory(directory):
    return os.path.realpath(directory)


def connect(directory, database, **settings):
    """A connection in autocommit mode. `settings` become `-c name=value` options."""
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    connection = psycopg2.connect(host=socket_directory(directory), port=5432, user="postgres",
                                  dbname=database, options=options)
    connection.autocommit = True
    return connection


def database_name(sf):
    return "tpch_" + re.sub(r"[^0-9a-z]", "_", str(sf).lower())


def queries():
    """{'q01': text, ...} in order."""
    return {path.stem: path.read_text() for path in sorted((ROOT / "demo/queries").glob("q*.sql"))}


def is_loaded(directory, sf):
    with connect(directory, "postgres").cursor() as cursor:
        cursor.execute("select shobj_description(oid, 'pg_database') from pg_database "
                       "where datname = %s", (database_name(sf),))
        row = cursor.fetchone()
    return row is not None and row[0] == "loaded"


def load(directory, sf):
    """Makes the database of this scale factor; does nothing when it is complete already."""
    if is_loaded(directory, sf):
        say(f"TPC-H data at SF {sf} is there already")
        return
    need = int(BYTES_PER_SF * float(sf)) + 200_000_000
    free = os.statvfs(socket_directory(directory))
    if free.f_bavail * free.f_frsize < need:
        fail(f"SF {sf} needs about {need // 1_000_000} MB free in {socket_directory(directory)}: "
             "make room or take a smaller SF")
    name = database_name(sf)
    with connect(directory, "postgres").cursor() as cursor:
        cursor.execute(f"drop database if exists {name} with (force)")
        cursor.execute(f"create database {name}")
    generator = ROOT / ".cache/venv/bin/tpchgen-cli"
    if not generator.exists():
        fail("tpchgen-cli is missing: run tools/install-deps.sh demo")
    try:
        # The benchmarks' server ends long statements.
        with connect(directory, name, statement_timeout=0).cursor() as cursor:
            cursor.execute((ROOT / "demo/schema.sql").read_text())
            for table in TABLES:
                load_table(cursor, generator, sf, table)
            say("  primary and foreign keys, indexes, ANALYZE ...")
            began = time.monotonic()
            for statement in (ROOT / "demo/keys.sql").read_text().split(";"):
                if statement.strip():
                    cursor.execute(statement)
            say(f"  done in {time.monotonic() - began:.1f} s")
            cursor.execute(f"comment on database {name} is 'loaded'")
    except psycopg2.Error as error:
        if error.pgcode == "53100":
            fail(f"the disk is full: make room or take a smaller SF ({str(error).strip()})")
        raise


def warm_up(cursor, tables):
    """Reads the tables through Sluice, twice: the first time brings them into memory, and after a while the server
    begins to gather the buffers in use in huge pages (docs/decisions/0018), which takes up to 3 s a GB."""
    say("== warming up: tables into memory, buffers into huge pages")
    cursor.execute("show sluice.mode")
    mode = cursor.fetchone()[0]
    cursor.execute("set sluice.mode = force")
    cursor.execute("select sum(pg_table_size(name::regclass)) / 1e9 from unnest(%s) name", (list(tables),))
    gigabytes = float(cursor.fetchone()[0])
    for pause in (6, 3 + 4 * gigabytes):
        for table in tables:
            cursor.execute(f"select count(*) from {table}")
        time.sleep(pause)
    cursor.execute(f"set sluice.mode = {mode}")


def load_table(cursor, generator, sf, table):
    began = time.monotonic()
    with subprocess.Popen([generator, "csv", "-s", str(sf), "--tables", table, "--stdout"],
                          stdout=subprocess.PIPE) as process:
        cursor.copy_expert(f"copy {table} from stdin with (format csv, header)", process.stdout)
    if process.returncode != 0:
        fail(f"tpchgen-cli failed for {table} with exit status {process.returncode}")
    say(f"  {table:<9} {cursor.rowcount:>10} rows  {time.monotonic() - began:6.1f} s")
