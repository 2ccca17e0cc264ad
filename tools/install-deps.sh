#!/usr/bin/env bash
# Installs what is missing on a Debian or Ubuntu machine, and nothing when nothing is.
# Usage: tools/install-deps.sh build|demo|bench|check      (each includes build)
set -euo pipefail
export LC_ALL=C  # what apt prints is read below

level=${1:-build}
say() { printf 'install-deps: %s\n' "$*"; }
die() { printf 'install-deps: %s\n' "$*" >&2; exit 1; }

command -v apt-get >/dev/null || die "this machine has no apt-get: install by hand what docs/testing.md lists"

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "packages are missing and there is no sudo: run '$0 $level' once as root"
  fi
}

# Debian 12 has PostgreSQL 15; elsewhere take the distribution's own version.
postgres_version() {
  local newest
  newest=$(ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null | cut -d/ -f5 | sort -n | tail -n 1)
  if [ -n "$newest" ]; then echo "$newest"; return; fi
  if apt-cache show postgresql-15 >/dev/null 2>&1; then echo 15; return; fi
  apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1
}

# The sanitizers' and libFuzzer's libraries, where they are a package of their own.
clang_runtime() {
  local major
  major=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
  if [ -n "$major" ] && apt-cache show "libclang-rt-$major-dev" >/dev/null 2>&1; then
    echo "libclang-rt-$major-dev"
  fi
}

missing() {
  local package
  for package in "$@"; do
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
  done
}

packages=(g++ make cmake ninja-build pkg-config libxxhash-dev python3)
case $level in
  build) ;;
  demo) packages+=(python3-venv) ;;
  bench) packages+=(python3-venv libbenchmark-dev) ;;
  check)
    packages+=(git python3-venv libgtest-dev libbenchmark-dev clang clang-format clang-tidy spin cppcheck valgrind
      relacy-dev)
    ;;
  *) die "unknown level '$level': build, demo, bench or check" ;;
esac

updated=no
update_lists() {
  [ $updated = yes ] && return
  say "updating the package lists"
  as_root apt-get update -qq || die "apt-get update failed: is the network up?"
  updated=yes
}

# apt's lists say the rest; a fresh container has none.
if ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null && [ -n "$(missing "${packages[@]}")" ]; then
  update_lists
fi
if [ "$level" = check ]; then
  runtime=$(clang_runtime || true)
  if [ -n "$runtime" ]; then packages+=("$runtime"); fi
fi
version=$(postgres_version || true)
if [ -z "$version" ]; then update_lists; version=$(postgres_version || true); fi
[ -n "$version" ] || die "no PostgreSQL server package found by apt"
packages+=("postgresql-$version" "postgresql-server-dev-$version")

mapfile -t wanted < <(missing "${packages[@]}")
if [ ${#wanted[@]} -gt 0 ]; then
  update_lists
  say "installing ${wanted[*]}"
  # A machine that has just been started may be updating itself.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends \
    "${wanted[@]}" >/tmp/sluice-apt.$$.log 2>&1 || {
      tail -n 15 /tmp/sluice-apt.$$.log >&2
      die "apt-get install failed; the whole log is /tmp/sluice-apt.$$.log"
    }
  rm -f /tmp/sluice-apt.$$.log
fi

if [ "$level" != build ]; then
  venv=$(cd "$(dirname "$0")/.." && pwd)/.cache/venv
  if ! [ -x "$venv/bin/tpchgen-cli" ] || ! "$venv/bin/python" -c 'import psycopg2, pytest' 2>/dev/null; then
    say "installing tpchgen-cli (TPC-H data generator), psycopg2 and pytest into .cache/venv"
    rm -rf "$venv"
    /usr/bin/python3 -m venv "$venv" || die "python3 -m venv failed"
    "$venv/bin/pip" install -q --disable-pip-version-check tpchgen-cli psycopg2-binary pytest ||
      die "pip install failed: is PyPI reachable?"
  fi
fi

if [ "$level" = bench ] && ! "$venv/bin/python" -c 'import duckdb, datafusion' 2>/dev/null; then
  say "installing duckdb and datafusion into .cache/venv"
  "$venv/bin/pip" install -q --disable-pip-version-check duckdb datafusion pyarrow ||
    die "pip install failed: is PyPI reachable?"
fi
