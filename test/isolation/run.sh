#!/usr/bin/env bash
# isolationtester over specs/*.spec, on the cluster named by SLUICE_CLUSTER.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
PG_CONFIG=${PG_CONFIG:-pg_config}
regress=$(dirname "$("$PG_CONFIG" --pgxs)")/../test/isolation/pg_isolation_regress
[ -x "$regress" ] || { echo "no pg_isolation_regress at $regress" >&2; exit 1; }
"$root/tools/cluster.sh" install "$SLUICE_CLUSTER" "$SLUICE_MODULE"
"$root/tools/cluster.sh" start "$SLUICE_CLUSTER" max_parallel_workers_per_gather=2 \
  session_preload_libraries=sluice sluice.mode=force sluice.min_cost=0
trap '"$root/tools/cluster.sh" stop "$SLUICE_CLUSTER"' EXIT
eval "$("$root/tools/cluster.sh" env "$SLUICE_CLUSTER")"
output=$root/build-check/isolation
mkdir -p "$output"
tests=()
for file in "$here"/specs/*.spec; do tests+=("$(basename "$file" .spec)"); done
"$regress" --inputdir="$here" --outputdir="$output" --bindir="$("$PG_CONFIG" --bindir)" \
  --dbname=sluice_isolation "${tests[@]}" || { cat "$output/regression.diffs" 2>/dev/null; exit 1; }
