"""When something is worth a finding. Fixed here; tests bring their own."""

from __future__ import annotations

from datetime import timedelta

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Over these, there is a finding."""

    young: timedelta = timedelta(seconds=5)  # a submit may still be between its two steps (maintenance says the same)
    looks: tuple[float, ...] = (0.5, 1.0, 1.0)  # seconds before each further look: a slow worker's step takes less
    suspects: int = 10_000  # at once; where there are more, counting them tells nothing new
    lease_over: timedelta = timedelta(
        seconds=15
    )  # workers look once a second; it may wait for its turn in a short line
    cancel_ignored: timedelta = timedelta(minutes=1)  # a child process is killed in seconds
    nobody_works: timedelta = timedelta(seconds=90)  # the worker function comes once a minute
    long_wait: timedelta = timedelta(minutes=10)
    schedule_late: timedelta = timedelta(seconds=90)  # where there are only functions, somebody looks once a minute
    unswept: timedelta = timedelta(
        minutes=5
    )  # sweeps come every 30 s, and once a minute where there are only functions
    left_blocked: timedelta = timedelta(
        minutes=5
    )  # after the last end; a patrol of 300,000 unfinished jobs takes that long
    days_ahead: int = 6  # maintenance makes seven, within the first hour of a day
    rows_in_partition: float = (
        50e6  # a day of 580 jobs a second; beyond, its indexes outgrow a middling server's memory
    )
    memory_share: float = 0.8
    memory_share_error: float = 0.95
    sessions_share: float = 0.8
    sessions_share_error: float = 0.95
    idle_in_transaction: timedelta = timedelta(minutes=1)
    skew_seconds: float = 1.0
    skew_seconds_error: float = 5.0  # a sixth of a lease
    overlong: timedelta = timedelta(days=1)  # after its retention: a job goes when its whole day is old enough
    detached: timedelta = timedelta(hours=1)  # from out of its table to dropped: a turn of maintenance, or a few
