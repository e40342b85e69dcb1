"""A schedule, and for which times it runs when somebody looks."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from chalicelib.backoff import Backoff
from chalicelib.cron import Cron

ON_TIME = timedelta(
    minutes=2
)  # a time is missed after that: where there are only functions, somebody looks once a minute
MOST_RUNS = 100  # at once, however many times were missed


class Misfire(StrEnum):
    """What becomes of times that passed while nobody looked."""

    SKIP = "skip"  # nothing
    RUN_ONCE = "run_once"  # one run makes up for all of them
    RUN_ALL = "run_all"  # a run each, of the last hundred


class Overlap(StrEnum):
    """Whether a run may begin while the last one's job is not finished."""

    ALLOW = "allow"
    SKIP = "skip"  # then this time gets none


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


class NewSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule before Postgres has seen it, checked. next_run_at None: it is paused."""

    name: str
    cron: str
    timezone: str
    job: ScheduledJob
    misfire: Misfire
    overlap: Overlap
    paused: bool
    next_run_at: datetime | None


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """last_run_at: the time for which it ran last, whenever that was. version: one more with every change."""

    name: str
    cron: str
    timezone: str
    job: ScheduledJob
    misfire: Misfire
    overlap: Overlap
    paused: bool
    next_run_at: datetime | None  # None: it is paused
    last_run_at: datetime | None
    last_job_id: UUID | None
    created_at: datetime
    updated_at: datetime
    version: int


class DueSchedule(msgspec.Struct, frozen=True):
    """What it takes to fire. now: Postgres's clock when it was read."""

    name: str
    cron: str
    timezone: str
    misfire: Misfire
    overlap: Overlap
    next_run_at: datetime
    now: datetime

    @property
    def due_in(self) -> timedelta:
        """Not positive: it is due."""
        return self.next_run_at - self.now

    def runs(self) -> list[datetime]:
        """The times for which it runs now, oldest first. Where no two of its jobs may overlap, one is all that can."""
        times = Cron(self.cron, self.timezone).latest(self.next_run_at, self.now, MOST_RUNS)
        times = times or [self.next_run_at]  # the rules of a time zone have changed since it was computed
        if self.misfire is Misfire.RUN_ALL and self.overlap is Overlap.ALLOW:
            return times
        if self.misfire is Misfire.SKIP and self.now - times[-1] > ON_TIME:
            return []
        return times[-1:]

    def following(self) -> datetime | None:
        """None: there is no time after this."""
        return next(Cron(self.cron, self.timezone).after(self.now), None)
