"""Random queries under random faults, settings and cancels: the right answer, or the right error.

Needs the build with SLUICE_FAULT_POINTS; skipped on any other. A failure names its seed;
`pytest test/oracle/test_storm.py -k seed-17` runs it again.
"""

import random
import threading

import pytest
from server_state import continue_stopped, run_watched
from test_faults import (MAY_THROW, NO_ABANDON, PLACED, RIGHT, THROWING, Faulted,
                         made)  # noqa: F401 (made is a fixture)
from test_random import random_query, tables  # noqa: F401 (tables is a fixture)

QUICK, LONG = 120, 2400
# None where the fault may end the session; the others leave it as it was.
OUTCOMES = {"error": {"SL001"}, "oom": {"53200"}, "palloc_oom": {"53200"}, "abandon": {"54000"},
            "fatal": {"SL001"}, "exit": {"55000", "lost"}, "term": {"57P01"}, "cancel": {"57014"},
            "stop": set(), "sleep": set(), "reset_latch": set(), "interrupt": set()}


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        count = LONG if metafunc.config.getoption("--all") else QUICK
        metafunc.parametrize("seed", range(count), ids=lambda seed: f"seed-{seed}")


class Storm(Faulted):
    """As Faulted, over the tables of test_random."""

    def expect(self, query):
        """PostgreSQL's outcome, as run() would name it."""
        outcome = self.session.outcome(query, "off")
        self.expected[query] = outcome
        return RIGHT if outcome[0] == "rows" else outcome[1]

    def set(self, settings):
        for name, value in settings.items():
            self.session.execute(f"set {name} = '{value}'")


@pytest.fixture(scope="module")
def storm(directory, database, made, tables):  # noqa: F811
    opened = Storm(directory, database)
    yield opened
    opened.session.connection.close()


def random_fault(chooser):
    """A fault and the action's name; a third of the storms have none but cancel at a random time."""
    if chooser.random() < 0.3:
        return "", "cancel"
    action = chooser.choice(list(OUTCOMES))
    points = MAY_THROW if action in THROWING else PLACED
    if action == "abandon":
        points = points - NO_ABANDON
    if action == "reset_latch":
        points = points - {"Parked"}  # where no code but the sleeper's own runs
    point = chooser.choice(sorted(points))
    nth = chooser.choice([1, 1, 2, 3, 10])
    if action in ("reset_latch", "interrupt"):
        nth = 0
    seat = chooser.choice(["", ":0", ":1", ":2"])
    return f"{point}:{action}:{nth}{seat}", action


def test_storm(storm, seed):
    chooser = random.Random(seed * 7919 + 1)
    if not storm.alive():
        storm.open()
    storm.log.mark()
    query = random_query(chooser.randrange(100000))
    settings = {"work_mem": chooser.choice(["64kB", "1MB", "64MB"]),
                "sluice.exchange_memory": chooser.choice(["64kB", "256kB", "16MB"]),
                "parallel_leader_participation": chooser.choice(["on", "off"])}
    workers = chooser.choice([0, 1, 2, 3, 4, 16])
    fault, action = random_fault(chooser)
    right = storm.expect(query)
    storm.set(settings)
    storm.fault(fault)
    if fault == "":
        delay_s = chooser.random() * 0.02
        canceller = threading.Timer(delay_s, storm.session.connection.cancel)
        canceller.start()
    meanwhile = (lambda: continue_stopped(storm.directory)) if action == "stop" else None
    outcome = run_watched(storm.directory, lambda: storm.outcome(query, workers), meanwhile)
    if fault == "":
        canceller.join()
        storm.session.outcome("select 1", "off")  # a late cancel strikes this one
    allowed = {right, *OUTCOMES[action]}
    assert outcome in allowed, (fault, settings, workers, query, outcome)
    if storm.alive():
        for name in settings:
            storm.session.execute(f"reset {name}")
        storm.session.execute("set work_mem = '64MB'")
    del storm.expected[query]
    storm.settle()
