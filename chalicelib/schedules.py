"""A schedule, and for which times it runs when somebody looks.

Missed times and overlaps meet in one rule: where jobs may not overlap, only the newest of several times gets one. The others
would be skipped, or cancelled, in the same moment.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from chalicelib.backoff import Backoff
from chalicelib.patterns import NAME
from chalicelib.timing import Timing

ON_TIME = timedelta(
    minutes=2
)  # a time is missed after that: where there are only functions, somebody looks once a minute
CATCH_UP = 10  # missed times that run_all makes up for, unless a schedule says otherwise
MOST_CATCH_UP = 100
SLICE = 10  # runs of one schedule in a firing: then it is the others' turn

State = Literal["active", "paused", "ended"]

# Shorter than other names, so that the tag on its jobs is not longer than a tag may be.
ScheduleName = Annotated[str, msgspec.Meta(min_length=1, max_length=80, pattern=NAME)]


class Misfire(StrEnum):
    """What becomes of times that passed while nobody looked."""

    SKIP = "skip"  # nothing
    RUN_ONCE = "run_once"  # one run makes up for all of them
    RUN_ALL = "run_all"  # a run each, of the latest ``catch_up``


class Overlap(StrEnum):
    """What a time does while a job of one of the last ten runs is not finished."""

    ALLOW = "allow"  # its job runs beside
    SKIP = "skip"  # it gets none
    QUEUE_ONE = "queue_one"  # its job waits, unless one waits already
    CANCEL_PREVIOUS = "cancel_previous"  # those are cancelled, and it gets one


class Source(StrEnum):
    """Where a schedule is kept."""

    API = "api"
    CODE = "code"  # beside its handler
    FILE = "file"


class RunKind(StrEnum):
    """Why there was a run."""

    TIME = "time"
    HAND = "hand"
    BACKFILL = "backfill"


class ScheduledJob(msgspec.Struct, frozen=True, kw_only=True):
    """What is submitted each time. A submission in which nothing is left to defaults."""

    job_type: str
    payload: msgspec.Raw
    queue: str
    priority: int
    max_attempts: int
    timeout_seconds: float
    tags: list[str]
    backoff: Backoff | None
    concurrency_key: str | None


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What of a schedule its declaration says: all that can be compared with another release's."""

    timing: Timing
    job: ScheduledJob
    misfire: Misfire
    overlap: Overlap
    catch_up: int
    source: Source


class NewSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule before Postgres has seen it, checked. next_run_at: unless it is paused; None: no time is to come."""

    name: str
    rules: Rules
    paused: bool
    created_at: datetime
    next_run_at: datetime | None


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """last_run_at: the latest time that has a run. version: one more with every change; firing is none."""

    name: str
    rules: Rules
    paused: bool
    paused_note: str | None
    paused_by: str | None
    next_run_at: datetime | None
    forgotten_to: datetime | None  # runs up to here were pruned
    created_at: datetime
    updated_at: datetime
    version: int
    last_run_at: datetime | None
    last_job_id: UUID | None
    last_outcomes: list[str | None]  # of the latest runs' jobs, newest first: where they stand; None: the row is gone

    @property
    def state(self) -> State:
        if self.paused:
            return "paused"
        return "ended" if self.next_run_at is None else "active"


class Run(msgspec.Struct, frozen=True):
    """A job that a schedule submitted for one of its times. status None: the job's row is gone."""

    scheduled_for: datetime
    kind: RunKind
    job_id: UUID
    status: str | None
    finished_at: datetime | None
    error: str | None


class Firing(msgspec.Struct, frozen=True):
    """What a due schedule does now. following: its next time, which is a missed one where others have their turn first."""

    name: str
    version: int
    seen: datetime
    runs: list[datetime]
    following: datetime | None


class DueSchedule(msgspec.Struct, frozen=True):
    """What it takes to fire. now: Postgres's clock when it was read."""

    name: str
    version: int
    timing: Timing
    created_at: datetime
    misfire: Misfire
    overlap: Overlap
    catch_up: int
    next_run_at: datetime
    now: datetime

    @property
    def due_in(self) -> timedelta:
        """Not positive: it is due."""
        return self.next_run_at - self.now

    def firing(self) -> Firing:
        """Raises InvalidInput for what only another release can read."""
        runs = self.runs()
        if len(runs) > SLICE:
            return Firing(self.name, self.version, self.next_run_at, runs[:SLICE], runs[SLICE])
        return Firing(self.name, self.version, self.next_run_at, runs, self.following())

    def runs(self) -> list[datetime]:
        """The times for which it runs now, oldest first."""
        times = self.timing.times(self.created_at).latest(self.next_run_at, self.now, self._most)
        times = times or [self.next_run_at]  # the rules of a time zone have changed since it was computed
        if self.misfire is Misfire.SKIP and self.now - times[-1] > ON_TIME:
            return []
        return times

    def following(self) -> datetime | None:
        """None: there is no time after this."""
        return self.timing.times(self.created_at).first_after(self.now)

    @property
    def _most(self) -> int:
        return self.catch_up if self.misfire is Misfire.RUN_ALL and self.overlap is Overlap.ALLOW else 1
