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
    Configuration("membership.pml", "two workers", ("CALM",), weight=10),
    Configuration("membership.pml", "workers after the seal", ("CALM", "EARLY_SEAL"), weight=10),
    Configuration("membership.pml", "two workers, a leader that may give up", large=True, weight=30),
    *mutations("membership.pml", (), {
        "NO_WAKE_AFTER_JOIN": "deadlock",
        "CHECK_BEFORE_RESET": "deadlock",
        "PLAIN_JOIN": "deadlock",
        "PLAIN_BURY": "assertion",
        "SEAL_AT_ONCE": "assertion",
        "NO_RING_AFTER_SEAL": "deadlock",
        "WAIT_FOR_JOINS_ONLY": "deadlock",
        "NO_MARK_DEAD": "deadlock",
        "NO_RING_AFTER_CLOSE": "deadlock",
    }),
    *mutations("membership.pml", ("CALM", "EARLY_SEAL"), {"JOIN_AFTER_SEAL": "assertion"}),
]

CONFIGURATIONS = [*WAKE_UP, *STALL, *MEMBERSHIP]
