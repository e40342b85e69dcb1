"""How long leases and faults last: in earnest, with the product's own times, and in short, for ``make test``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from chalicelib import fetcher, leases, maintenance
from chalicelib.jobs import LEASE


@dataclass(frozen=True, kw_only=True)
class Pace:
    """All in seconds."""

    name: str
    lease: float
    renew_after: float
    frozen: float  # a worker, well past its lease
    valkey_away: float
    postgres_away: float
    valkey_frozen: float  # longer than its clients wait for an answer, which is 2 s
    postgres_frozen: float
    tick: float  # how long a tick may go on
    passes: int  # of a step, at most, before a process kills itself there
    gap: tuple[float, float]  # between faults
    drain: float  # until every job must be final, once nothing is broken any more


EARNEST = Pace(
    name="earnest",
    lease=LEASE.total_seconds(),
    renew_after=leases.RENEW_AFTER.total_seconds(),
    frozen=40.0,
    valkey_away=30.0,
    postgres_away=20.0,
    valkey_frozen=6.0,
    postgres_frozen=13.0,  # longer than a statement's 10 s
    tick=20.0,
    passes=40,
    gap=(1.0, 11.0),
    drain=240.0,
)
SHORT = Pace(
    name="short",
    lease=3.0,
    renew_after=1.0,
    frozen=4.5,
    valkey_away=4.0,
    postgres_away=3.0,
    valkey_frozen=3.0,
    postgres_frozen=2.0,
    tick=3.0,
    passes=6,
    gap=(0.3, 1.7),
    drain=60.0,
)
PACES = {pace.name: pace for pace in (EARNEST, SHORT)}


def hurry(pace: Pace) -> None:
    """Shorten the product's times in this process; ``EARNEST`` leaves them alone."""
    if pace is EARNEST:
        return
    times = {
        (fetcher, "LEASE"): pace.lease,
        (leases, "LEASE"): pace.lease,
        (leases, "RENEW_AFTER"): pace.renew_after,
        (maintenance, "EVERY"): 1.0,
        (maintenance, "SWEEP_EVERY"): 2.0,
        (maintenance, "SETTLED_DOWN"): 2.0,
        (maintenance, "OVERLAP"): 6.0,
    }
    for (module, name), seconds in times.items():
        if not isinstance(getattr(module, name), timedelta):
            raise TypeError(name)
        setattr(module, name, timedelta(seconds=seconds))
