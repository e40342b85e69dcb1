"""Schedules: keep them, and submit their jobs when they are due."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Annotated

import msgspec

from chalicelib.callers import Deed
from chalicelib.cron import Cron
from chalicelib.errors import InvalidInput
from chalicelib.jobs import Job
from chalicelib.patterns import NAME, in_words
from chalicelib.scheduler import Scheduler
from chalicelib.schedules import DueSchedule, Misfire, NewSchedule, Overlap, Schedule, ScheduledJob
from chalicelib.store.schedules import ScheduleStore
from chalicelib.submissions import Submission

logger = logging.getLogger(__name__)

PAGE = 200  # schedules fired in a turn
MOST_TAGS = 49  # each job gets one more, which names its schedule
NEVER_IDLE = timedelta(milliseconds=50)  # the shortest wait for the next turn

# Shorter than other names, so that the tag on its jobs is not longer than a tag may be.
ScheduleName = Annotated[str, msgspec.Meta(min_length=1, max_length=80, pattern=NAME)]


CronText = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=200,
        description="Five fields (minute, hour, day of month, month, day of week) or a name such as @daily.",
        extra_json_schema={
            "pattern": r"^\s*(@[a-z]+|[^\s@]+(\s+[^\s@]+){4})\s*$",
            "examples": ["30 3 * * 1-5", "@hourly"],
        },
    ),
]
ZoneText = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=100,
        description="A name of the IANA time zone database.",
        extra_json_schema={"examples": ["Europe/Berlin"]},
    ),
]


class Definition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client wants of a schedule. job: as for a submit, but its time is not its own."""

    cron: CronText
    job: Submission
    timezone: ZoneText = "UTC"
    misfire: Misfire = Misfire.RUN_ONCE
    overlap: Overlap = Overlap.ALLOW
    paused: bool = False


class NamedDefinition(Definition, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, where the name is not said elsewhere."""

    name: ScheduleName


PreviewedFrom = Annotated[datetime, msgspec.Meta(tz=True, extra_json_schema={"pattern": "^2[01][0-9]{2}-"})]


class Preview(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question: when would that run? after None: from now on."""

    cron: CronText
    timezone: ZoneText = "UTC"
    count: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10
    after: PreviewedFrom | None = None


class Timetable:
    """Schedules, from the outside; and ``fire_due``, which maintenance calls."""

    def __init__(self, *, store: ScheduleStore, scheduler: Scheduler) -> None:
        self._store = store
        self._scheduler = scheduler

    def all(self) -> list[Schedule]:
        """By name."""
        return self._store.all()

    def get(self, name: str) -> Schedule:
        """Raises ScheduleNotFound."""
        return self._store.get(name)

    def create(self, definition: NamedDefinition, deed: Deed | None = None) -> Schedule:
        """Raises ScheduleExists, InvalidInput or TooLarge."""
        return self._store.insert(self._checked(definition.name, definition), deed)

    def put(self, name: str, definition: Definition, deed: Deed | None = None) -> Schedule:
        """Make it so, whatever had this name. Raises InvalidInput or TooLarge."""
        return self._store.put(self._checked(name, definition), deed)

    def delete(self, name: str, deed: Deed | None = None) -> None:
        """Jobs that it submitted stay. Raises ScheduleNotFound."""
        self._store.delete(name, deed)

    def pause(self, name: str, deed: Deed | None = None) -> Schedule:
        """Until it is resumed, no time is its time. Raises ScheduleNotFound."""
        self._store.pause(name, deed)
        return self._store.get(name)

    def resume(self, name: str, deed: Deed | None = None) -> Schedule:
        """Times that passed meanwhile were not missed. Raises ScheduleNotFound, or InvalidInput where no time is to come."""
        schedule = self._store.get(name)
        if schedule.paused:
            self._store.resume(schedule, self._next_run_at(schedule.cron, schedule.timezone), deed)
        return self._store.get(name)

    def run_now(self, name: str) -> Job:
        """Once more, paused or not, and whatever still runs. Raises ScheduleNotFound."""
        jobs = self._store.run_now(name)
        self._scheduler.enqueue(jobs)
        return jobs[0]

    def preview(self, asked: Preview) -> list[datetime]:
        """The next times, in UTC; fewer where there are no more. Raises InvalidInput."""
        after = asked.after or self._store.now()
        if not 2000 <= after.year <= 2199:
            raise InvalidInput("expected a year from 2000 to 2199", "$.after")
        return [*islice(Cron(asked.cron, asked.timezone).after(after), asked.count)]

    def fire_due(self, horizon: timedelta) -> timedelta:
        """Submit what is due. Returns how long until something will be, at most ``horizon``. Any number may do so at once.

        Raises StoreUnavailable. If we die between the firing and Redis, ``Maintenance.sweep`` enqueues the jobs.
        """
        soon = self._store.due(horizon, PAGE)
        for due in soon:
            if due.due_in <= timedelta(0):
                self._fire(due)
        waits = [due.due_in for due in soon if due.due_in > timedelta(0)]
        return max(NEVER_IDLE, min([*waits, NEVER_IDLE if len(soon) == PAGE else horizon]))

    def _fire(self, due: DueSchedule) -> None:
        try:
            runs, following = due.runs(), due.following()
        except InvalidInput as error:  # another release could read it: it stays due until one can
            logger.error("cannot read a schedule", extra={"schedule": due.name, "reason": str(error)})
            return
        jobs = self._store.fire(due, runs, following)
        if jobs is None:
            return
        logger.info("schedule fired", extra={"schedule": due.name, "job_ids": [str(job.id) for job in jobs]})
        if jobs:
            self._scheduler.remind(jobs)

    def _checked(self, name: str, definition: Definition) -> NewSchedule:
        next_run_at = self._next_run_at(definition.cron, definition.timezone)
        return NewSchedule(
            name=_checked_name(name),
            cron=definition.cron.strip(),
            timezone=definition.timezone,
            job=self._checked_job(definition.job),
            misfire=definition.misfire,
            overlap=definition.overlap,
            paused=definition.paused,
            next_run_at=None if definition.paused else next_run_at,
        )

    def _checked_job(self, submission: Submission) -> ScheduledJob:
        """What it leaves open is settled now, by its queue or its job type: a later change of these does not reach it."""
        with _faults_under("$.job"):
            _check_times(submission)
            job, terms = self._scheduler.prepared(submission)
        return ScheduledJob(
            job_type=job.job_type,
            payload=job.payload,
            queue=job.queue,
            priority=terms.priority,
            max_attempts=terms.max_attempts,
            timeout_seconds=terms.timeout_seconds,
            tags=job.tags,
            backoff=job.backoff,
        )

    def _next_run_at(self, cron: str, timezone: str) -> datetime:
        """Raises InvalidInput, also where there is none."""
        following = next(Cron(cron, timezone).after(self._store.now()), None)
        if following is None:
            raise InvalidInput("there is no such time", "$.cron")
        return following


def _check_times(submission: Submission) -> None:
    if submission.run_at is not None or submission.delay_seconds:
        raise InvalidInput("the schedule says when", "$.run_at" if submission.run_at else "$.delay_seconds")
    if len(submission.tags) > MOST_TAGS:
        raise InvalidInput(f"more than {MOST_TAGS} tags", "$.tags")


def _checked_name(name: str) -> str:
    try:
        return msgspec.convert(name, ScheduleName)
    except msgspec.ValidationError as fault:
        raise InvalidInput(in_words(str(fault)), "name") from None


@contextmanager
def _faults_under(path: str) -> Iterator[None]:
    """Say where in the document a fault is, when it was found in a part of it."""
    try:
        yield
    except InvalidInput as fault:
        fault.path = path + fault.path.removeprefix("$")
        raise
