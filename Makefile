# Sluice on top of CMake and Ninja. `make help` lists the targets.
# Variables: PG_CONFIG=..., BUILD=build, SF=0.1 RUNS=3 WORKERS=2 (demo), SF=1 ROWS=10000000 RUNS=5 (bench)

PG_CONFIG ?= $(or $(lastword $(sort $(wildcard /usr/lib/postgresql/*/bin/pg_config))),pg_config)
BUILD ?= build
WORKERS ?= 2
demo: SF ?= 0.1
demo: RUNS ?= 3
bench: SF ?= 1
bench: RUNS ?= 5
ROWS ?= 10000000
PYTHON := .cache/venv/bin/python
MODULE := $(BUILD)/sluice.so
export PG_CONFIG

.PHONY: all help configure install uninstall installcheck demo demo-stop demo-clean bench bench-micro bench-clean microbenchmarks \
        check check-all format clean deps-build deps-demo deps-bench deps-check

# Two installations, or two builds in one folder, do not go together.
.NOTPARALLEL:

all: configure
	@cmake --build $(BUILD) --target sluice

help:
	@echo "make              build the extension"
	@echo "make install      install it into the server of PG_CONFIG"
	@echo "make installcheck run the SQL tests against a running server (PGHOST, PGPORT, ...)"
	@echo "make demo         TPC-H with Sluice off and on, in an embedded cluster (SF=0.1)"
	@echo "make demo-stop    stop the demo's server; make demo-clean removes its data"
	@echo "make bench        TPC-H and db-benchmark against PostgreSQL, DuckDB, DataFusion (SF=1)"
	@echo "make bench-micro  the microbenchmarks alone, each beside its physical yardstick"
	@echo "make check        all quick tests; make check-all adds the long ones"
	@echo "make format       clang-format over the sources"

configure: deps-build
	@cmake -S . -B $(BUILD) -G Ninja -DPG_CONFIG=$(PG_CONFIG) -DSLUICE_TESTS=OFF >$(BUILD).log 2>&1 \
	  || { tail -n 20 $(BUILD).log; exit 1; }
	@rm -f $(BUILD).log

deps-build deps-demo deps-bench deps-check: deps-%:
	@tools/install-deps.sh $*

install: all
	cmake --install $(BUILD) --component sluice

uninstall:
	rm -f "$$($(PG_CONFIG) --pkglibdir)/sluice.so" "$$($(PG_CONFIG) --sharedir)"/extension/sluice*

installcheck:
	@test/sql/run.sh

demo: deps-demo all
	@$(PYTHON) demo/demo.py --directory demo/run --module $(MODULE) --sf $(SF) --runs $(RUNS) \
	  --workers $(WORKERS)

demo-stop:
	@tools/cluster.sh stop demo/run

demo-clean:
	@tools/cluster.sh drop demo/run

bench: deps-bench all microbenchmarks
	@$(PYTHON) bench/bench.py --directory bench/run --module $(MODULE) --build $(BUILD) --sf $(SF) \
	  --rows $(ROWS) --runs $(RUNS) --workers $(WORKERS)

bench-micro: deps-bench microbenchmarks
	@$(PYTHON) bench/micro.py --build $(BUILD)

microbenchmarks: deps-bench configure
	@cmake --build $(BUILD) --target microbenchmarks

bench-clean:
	@tools/cluster.sh drop bench/run
	@tools/cluster.sh drop bench/run-plain
	rm -rf bench/parquet_*

check: deps-check
	@$(PYTHON) test/run.py

check-all: deps-check
	@SLUICE_SUITE_SECONDS=$${SLUICE_SUITE_SECONDS:-14400} $(PYTHON) test/run.py --all

format:
	@git ls-files '*.h' '*.cc' | xargs clang-format -i

clean:
	rm -rf $(BUILD) build-*
