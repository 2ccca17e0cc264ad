#!/usr/bin/env bash
# A throwaway PostgreSQL cluster on a private socket, for the demo, the tests and the benchmarks.
# Usage: tools/cluster.sh start DIR [name=value ...]   make it where it is missing, then start it
#        tools/cluster.sh stop DIR                     stop it; the data stays
#        tools/cluster.sh drop DIR                     stop it and remove everything
#        tools/cluster.sh install DIR FILE.so          put a library where the cluster loads it from
#        tools/cluster.sh env DIR                      print PGHOST, PGPORT, PGUSER for eval
# SLUICE_SERVER_ENV: variables of the server's own environment, as `NAME=value NAME=value`.
# A server cannot run as root: as root everything below runs as SLUICE_USER (default postgres).
set -euo pipefail

die() { printf 'cluster: %s\n' "$*" >&2; exit 1; }

PG_CONFIG=${PG_CONFIG:-$(ls -d /usr/lib/postgresql/*/bin/pg_config 2>/dev/null | sort -V | tail -n 1)}
[ -n "$PG_CONFIG" ] || PG_CONFIG=$(command -v pg_config) || die "no pg_config: run tools/install-deps.sh demo"
bin=$("$PG_CONFIG" --bindir)
[ -x "$bin/initdb" ] || die "no initdb in $bin: run tools/install-deps.sh demo"

[ $# -ge 2 ] || die "usage: cluster.sh start|stop|drop|install|env DIR"
command=$1
dir=$2
shift 2

if [ "$(id -u)" = 0 ]; then
  user=${SLUICE_USER:-postgres}
  id "$user" >/dev/null 2>&1 || die "running as root and there is no system user '$user': set SLUICE_USER"
  as_server() { runuser -u "$user" -- "$@"; }
else
  user=$(id -un)
  as_server() { "$@"; }
fi

# The server's user must reach the folder, and a socket's path must be short: otherwise the real
# folder goes to /var/tmp and DIR becomes a link to it.
place() {
  [ -e "$dir" ] && return
  mkdir -p "$(dirname "$dir")"
  local parent
  parent=$(cd "$(dirname "$dir")" && pwd -P)
  if [ ${#parent} -lt 70 ] && as_server test -x "$parent"; then
    mkdir "$dir"
  else
    local real
    real=$(mktemp -d /var/tmp/sluice.XXXXXX) || die "cannot make a folder in /var/tmp"
    ln -sfn "$real" "$dir"
  fi
  chmod 755 "$dir/."
  [ "$(id -u)" = 0 ] && chown "$user" "$dir/."
  mkdir -p "$dir/lib"
  chmod 755 "$dir/lib"
}

enter() { cd "$dir" 2>/dev/null || die "no cluster in $dir"; dir=$(pwd -P); }

space_check() {
  local free_kb
  free_kb=$(df -Pk . | awk 'NR==2 {print $4}')
  [ "$free_kb" -gt 200000 ] || die "only $((free_kb / 1024)) MB free on the disk of $dir: make room first"
}

# Only a whole one is called data.
init() {
  space_check
  rm -rf "$dir/data" "$dir/data.new"
  as_server "$bin/initdb" -D "$dir/data.new" -U postgres -A trust --encoding=UTF8 \
    --locale="${SLUICE_LOCALE:-C}" --no-sync >"$dir/initdb.log" 2>&1 ||
    { tail -n 5 "$dir/initdb.log" >&2; die "initdb failed: see $dir/initdb.log"; }
  mv "$dir/data.new" "$dir/data"
}

configure() {
  {
    echo "listen_addresses = ''"
    echo "unix_socket_directories = '$dir'"
    echo "port = 5432"
    echo "dynamic_library_path = '$dir/lib:\$libdir'"
    echo "fsync = off"
    echo "full_page_writes = off"
    echo "synchronous_commit = off"
    echo "max_wal_size = 4GB"
    echo "max_connections = 40"
    echo "max_worker_processes = 24"
    echo "max_parallel_workers = 16"
    local setting
    for setting in "$@"; do
      echo "${setting%%=*} = '${setting#*=}'"
    done
  } >"$dir/sluice.conf"
  chmod 644 "$dir/sluice.conf"
  # Relative to the file that it stands in: a folder that is moved or copied reads its own.
  grep -qx "include '../sluice.conf'" "$dir/data/postgresql.conf" ||
    as_server sh -c "cd '$dir/data' && sed -i '/^include .*sluice.conf/d' postgresql.conf &&
      echo \"include '../sluice.conf'\" >>postgresql.conf"
}

running() { as_server "$bin/pg_ctl" -D "$dir/data" status >/dev/null 2>&1; }

case $command in
  start)
    place
    enter
    [ -f data/PG_VERSION ] || init
    configure "$@"
    if running; then
      as_server "$bin/pg_ctl" -D "$dir/data" -m fast -w stop >/dev/null
    fi
    # shellcheck disable=SC2086  # several variables
    as_server env ${SLUICE_SERVER_ENV:-} "$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -t 120 \
      start >/dev/null 2>&1 ||
      { tail -n 5 "$dir/server.log" >&2; die "the server did not start: see $dir/server.log"; }
    ;;
  stop)
    [ -d "$dir/data" ] || exit 0
    enter
    if running; then as_server "$bin/pg_ctl" -D "$dir/data" -m fast -w stop >/dev/null; fi
    ;;
  drop)
    [ -e "$dir" ] || exit 0
    link=$dir
    enter
    if [ -d data ] && running; then as_server "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null; fi
    cd /
    rm -rf "$dir"
    [ -L "$link" ] && rm -f "$link"
    exit 0
    ;;
  install)
    [ $# -eq 1 ] || die "usage: cluster.sh install DIR FILE.so"
    [ -f "$1" ] || die "no such library: $1"
    library=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
    place
    enter
    # A new file, not new bytes in the old one: a running server may have the old one mapped.
    install -m 755 "$library" "$dir/lib/.new.$$"
    mv -f "$dir/lib/.new.$$" "$dir/lib/$(basename "$library")"
    ;;
  env)
    enter
    printf 'export PGHOST=%q PGPORT=5432 PGUSER=postgres PATH=%q:"$PATH"\n' "$dir" "$bin"
    ;;
  *) die "unknown command '$command'" ;;
esac
