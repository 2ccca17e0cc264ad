"""What is run: each model with its macros, and what must come out.

`expect` is `holds`, or the way in which it must fail: `deadlock` (an invalid end state), `assertion`,
`cycle`. A mutation is a configuration that must fail: the model without one rule of the protocol.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Configuration:
    model: str
    name: str
    macros: tuple = ()
    expect: str = "holds"
    claim: str | None = None  # an LTL claim to check, under weak fairness
    loops: bool = False       # looks for runs without an end instead
    large: bool = False       # only with --all
    depth: int = 1_000_000
    weight: int = 1           # about the seconds it takes


def mutations(model, base, kinds, **options):
    """One configuration a mutation: `base` with the mutation's macro, and what catches it."""
    return [Configuration(model, f"mutation {macro}" , (*base, macro), kind, **options)
            for macro, kind in kinds.items()]


WAKE_UP = [
    Configuration("wake_up.pml", "two seats answering"),
    Configuration("wake_up.pml", "two seats answering, self", ("SELF",)),
    Configuration("wake_up.pml", "one ringer", ("SENDERS=1", "NEWS=3")),
    Configuration("wake_up.pml", "two ringers", ("SEATS=3", "SENDERS=2", "NEWS=1"), weight=20),
    Configuration("wake_up.pml", "failure before the first round", ("FAILURE",)),
    Configuration("wake_up.pml", "a rung seat runs", ("WOKEN",), claim="woken", weight=5),
    *mutations("wake_up.pml", (), {
        "PLAIN_PARKED": "deadlock",
        "RESET_AFTER_CHECK": "deadlock",
        "RING_BEFORE_NEWS": "deadlock",
        "PLAIN_BELL": "deadlock",
        "STATE_BEFORE_BELL": "deadlock",
        "TAKE_AFTER_LOOK": "deadlock",
        "SLEEP_UNCHECKED": "deadlock",
    }),
    *mutations("wake_up.pml", ("SELF",), {"NO_SELF_RING": "deadlock"}),
    *mutations("wake_up.pml", ("FAILURE",), {"NO_FIRST_ROUND": "deadlock"}),
]

TWO_EPOCHS = ("CAPACITY=4", "EPOCHS=2", "RECORDS=5")
STALL = [
    Configuration("stall.pml", "records and pads", weight=6),
    Configuration("stall.pml", "no run is endless", TWO_EPOCHS, loops=True, weight=6),
    Configuration("stall.pml", "two leases", ("LEASES=2",), weight=9),
    Configuration("stall.pml", "records left from an older epoch", TWO_EPOCHS),
    *mutations("stall.pml", (), {
        "NO_SECOND_LOOK": "deadlock",
        "PLAIN_WAKE_AT": "deadlock",
        "PLAIN_READ": "deadlock",
        "PUBLISH_BEFORE_RECORD": "assertion",
        "RELEASE_AT_LEASE": "assertion",
        "HALF_RECORD": "deadlock",
        "END_AFTER_RING": "assertion",
        "NO_ROOM_CHECK": "assertion",
    }),
    *mutations("stall.pml", TWO_EPOCHS, {
        "WISH_BEFORE_READ": "deadlock",
        "NO_RING_FOR_DROPPED": "deadlock",
        "ANY_EPOCH": "assertion",
    }),
    Configuration("stall.pml", "more records and pads", ("RECORDS=7",), large=True, weight=30),
    Configuration("stall.pml", "more records from an older epoch",
                  ("CAPACITY=4", "EPOCHS=2", "RECORDS=7"), large=True, weight=30),
]

MEMBERSHIP = [
    Configuration("membership.pml", "one worker, a leader that may give up", ("WORKERS=1",)),
    Configuration("membership.pml", "no run is endless", ("WORKERS=1",), loops=True),
    Configuration("membership.pml", "two workers", ("CALM",), weight=50),
    Configuration("membership.pml", "a worker that is not expected", ("CALM", "UNEXPECTED"), weight=50),
    Configuration("membership.pml", "two workers, a leader that may give up", ("STEADY",), large=True,
                  weight=60),
    *mutations("membership.pml", ("CALM",), {
        "REFUSE_AFTER_SEAL": "assertion",
        "PLAIN_JOIN": "assertion",
        "PLAIN_BURY": "assertion",
        "NO_RING_AFTER_SEAL": "deadlock",
        "NO_LOOK": "deadlock",
        "LOOK_BEFORE_RESET": "deadlock",
        "NO_SECOND_LOOK": "assertion",
        "SEAT_BEFORE_CALLBACK": "deadlock",
        "NO_MARK_DEAD": "deadlock",
        "NO_RING_FOR_DEATH": "deadlock",
        "NO_RING_AFTER_CLOSE": "deadlock",
    }),
    *mutations("membership.pml", ("CALM", "UNEXPECTED"), {
        "JOIN_AFTER_SEAL": "assertion",
        "PLAIN_SEAL": "assertion",
    }),
]

# The leader reads, one worker computes: small. Without LEADER_READS both seats compute, as in a plan
# whose root blocks.
READS = ("LEADER_READS", "CHILD_FIRST")
LIFECYCLE = [
    Configuration("lifecycle.pml", "rescan, parent first", ("LEADER_READS", "EPOCHS=3"), weight=6),
    Configuration("lifecycle.pml", "rescan, child first", (*READS, "EPOCHS=3"), weight=6),
    Configuration("lifecycle.pml", "each word a step", (*READS, "FINE"), weight=6),
    Configuration("lifecycle.pml", "two errors", (*READS, "ERRORS=2"), weight=6),
    Configuration("lifecycle.pml", "a crash", (*READS, "CRASH"), weight=8),
    Configuration("lifecycle.pml", "no run is endless", (*READS, "CRASH", "EPOCHS=1"), loops=True,
                  weight=7),
    Configuration("lifecycle.pml", "both seats compute", ("EPOCHS=1",), weight=9),
    *mutations("lifecycle.pml", READS, {
        "ONE_PASS": "assertion",
        "ANSWER_WHILE_OPEN": "assertion",
        "ANY_RECORD": "assertion",
        "NO_RING_FOR_CLOSE": "deadlock",
        "NO_RING_FOR_ANSWER": "deadlock",
        "END_AFTER_RING": "assertion",
        "START_TWICE": "assertion",
        "PARK_UNLOOKED": "deadlock",
    }),
    *mutations("lifecycle.pml", (), {
        "NO_CANCEL_OF_INPUTS": "deadlock",
        "FORGET_ONE_CLOSE": "deadlock",
        "IGNORE_WORD_EPOCH": "deadlock",
    }),
    *mutations("lifecycle.pml", (*READS, "FINE"), {"START_BEFORE_RING": "assertion"}),
    *mutations("lifecycle.pml", (*READS, "CRASH"), {
        "NO_MARK_DEAD": "deadlock",
        "NO_RING_FOR_DEATH": "deadlock",
    }),
    *mutations("lifecycle.pml", (*READS, "ERRORS=1"), {"EOS_ON_FAILURE": "assertion"}),
    Configuration("lifecycle.pml", "both seats compute, rescan", ("EPOCHS=2",), large=True,
                  weight=90),
    Configuration("lifecycle.pml", "both seats compute, two errors", ("EPOCHS=1", "ERRORS=2"),
                  large=True, weight=40),
    Configuration("lifecycle.pml", "both seats compute, a crash", ("EPOCHS=1", "CRASH"), large=True,
                  weight=60),
    Configuration("lifecycle.pml", "both seats compute, each word a step", ("EPOCHS=1", "FINE"),
                  large=True, weight=40),
]

# `reported is claimed` fails with two causes at once: each is a cause, but the leader reports the one
# whose message arrives first, which need not be the one that claimed the slot.
FIRST_ERROR = [
    Configuration("first_error.pml", "one cause, and it is reported", ("STRICT",)),
    Configuration("first_error.pml", "two causes", ("CAUSES=2",)),
    Configuration("first_error.pml", "two causes, reported is claimed", ("CAUSES=2", "STRICT"),
                  "assertion"),
    *mutations("first_error.pml", (), {
        "PEER_CLAIMS": "assertion",
        "PEER_TELLS": "assertion",
        "NO_WAIT_FOR_STOP": "assertion",
    }),
    Configuration("first_error.pml", "three causes", ("CAUSES=3",), large=True),
]

JOIN = ("SHAPE=JOIN",)
SHAPES = [
    Configuration("plan_shapes.pml", "join", JOIN),
    Configuration("plan_shapes.pml", "join, empty build and LIMIT", (*JOIN, "LIMIT", "ROWS=1")),
    Configuration("plan_shapes.pml", "join, eager streams", (*JOIN, "EAGER", "ROWS=1"), weight=5),
    Configuration("plan_shapes.pml", "join, probe peeked at", (*JOIN, "PEEK"), "deadlock"),
    Configuration("plan_shapes.pml", "join, empty build without close",
                  (*JOIN, "NO_CLOSE_OF_PROBE"), "deadlock"),
    Configuration("plan_shapes.pml", "join, broadcast build", ("SHAPE=JOIN_BROADCAST",), weight=4),
    Configuration("plan_shapes.pml", "ordered merge N:M", ("SHAPE=MERGE_N_M",), "deadlock"),
    Configuration("plan_shapes.pml", "gather-merge above a shuffle", ("SHAPE=MERGE_SHUFFLE",),
                  "deadlock"),
    Configuration("plan_shapes.pml", "gather-merge above a sort", ("SHAPE=MERGE_SORT",)),
    Configuration("plan_shapes.pml", "broadcast, one consumer stalled", ("SHAPE=STALLED",)),
    Configuration("plan_shapes.pml", "broadcast, one consumer behind a barrier",
                  ("SHAPE=BARRIER",), "deadlock"),
    Configuration("plan_shapes.pml", "leader produces and consumes", ("SHAPE=LEADER",)),
    Configuration("plan_shapes.pml", "shared subplan", ("SHAPE=SHARED",), "deadlock"),
    Configuration("plan_shapes.pml", "shared subplan through a spool", ("SHAPE=SPOOL",)),
    *mutations("plan_shapes.pml", JOIN, {
        "FORGET_ONE_CLOSE": "deadlock",
        "NO_ROOM_CHECK": "assertion",
        "END_AFTER_RING": "assertion",
    }),
    *mutations("plan_shapes.pml", (*JOIN, "LIMIT"), {"NO_CANCEL_OF_INPUTS": "deadlock"}),
    *mutations("plan_shapes.pml", ("SHAPE=LEADER",), {"BLOCKING": "deadlock"}),
    Configuration("plan_shapes.pml", "join, more rows", (*JOIN, "ROWS=3", "LIMIT"), large=True,
                  weight=30),
    Configuration("plan_shapes.pml", "join, larger rings", (*JOIN, "ROWS=3", "CAPACITY=2"),
                  large=True, weight=30),
    Configuration("plan_shapes.pml", "join, eager streams, more rows", (*JOIN, "EAGER", "ROWS=2"),
                  large=True, weight=40),
    Configuration("plan_shapes.pml", "broadcast build, more rows",
                  ("SHAPE=JOIN_BROADCAST", "ROWS=3", "LIMIT"), large=True, weight=30),
]

CONFIGURATIONS = [*WAKE_UP, *STALL, *MEMBERSHIP, *LIFECYCLE, *FIRST_ERROR, *SHAPES]
