#!/usr/bin/env bash
# pg_regress over sql/*.sql. `make check` gives the cluster by SLUICE_CLUSTER and SLUICE_MODULE;
# `make installcheck` uses the server that PGHOST, PGPORT and PGUSER name, with Sluice installed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
PG_CONFIG=${PG_CONFIG:-pg_config}
regress=$(dirname "$("$PG_CONFIG" --pgxs)")/../test/regress/pg_regress
[ -x "$regress" ] || { echo "no pg_regress at $regress: is postgresql-server-dev installed?" >&2; exit 1; }
if [ -n "${SLUICE_CLUSTER:-}" ]; then
  "$root/tools/cluster.sh" install "$SLUICE_CLUSTER" "$SLUICE_MODULE"
  "$root/tools/cluster.sh" start "$SLUICE_CLUSTER" max_parallel_workers_per_gather=2
  trap '"$root/tools/cluster.sh" stop "$SLUICE_CLUSTER"' EXIT
  eval "$("$root/tools/cluster.sh" env "$SLUICE_CLUSTER")"
fi
output=$root/build-check/sql
mkdir -p "$output"
tests=()
for file in "$here"/sql/*.sql; do tests+=("$(basename "$file" .sql)"); done
"$regress" --inputdir="$here" --outputdir="$output" --bindir="$("$PG_CONFIG" --bindir)" \
  --dbname=sluice_regress "${tests[@]}" || { cat "$output/regression.diffs" 2>/dev/null; exit 1; }
