"""What clients and declarations want of a schedule, checked, and as a new schedule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import msgspec
from msgspec import structs

from chalicelib.errors import InvalidInput
from chalicelib.patterns import in_words
from chalicelib.schedule_forms import Definition
from chalicelib.scheduler import Scheduler
from chalicelib.schedules import NewSchedule, Rules, Schedule, ScheduledJob, ScheduleName, Source
from chalicelib.submissions import Submission
from chalicelib.timing import timing_of

MOST_TAGS = 49  # each job gets one more, which names its schedule


def new_schedule(
    scheduler: Scheduler, name: str, definition: Definition, source: Source, seen: Schedule | None, now: datetime
) -> NewSchedule:
    """Its times are those from its creation on, which was when it was first seen. Raises InvalidInput or TooLarge."""
    created_at = seen.created_at if seen else now
    rules = _rules(scheduler, definition, source)
    return NewSchedule(
        name=name,
        rules=rules,
        paused=definition.paused,
        created_at=created_at,
        next_run_at=rules.timing.times(created_at).first_after(now),
    )


def with_time(new: NewSchedule) -> NewSchedule:
    """Raises InvalidInput where it would never run."""
    if new.next_run_at is None:
        raise InvalidInput("there is no such time to come", f"$.{new.rules.timing.kind}")
    return new


def check_name(name: str) -> None:
    try:
        msgspec.convert(name, ScheduleName)
    except msgspec.ValidationError as fault:
        raise InvalidInput(in_words(str(fault)), "name") from None


def _rules(scheduler: Scheduler, definition: Definition, source: Source) -> Rules:
    timing = timing_of(definition)
    return Rules(
        timing=structs.replace(timing, cron=timing.cron and timing.cron.strip()),
        job=_checked_job(scheduler, definition.job),
        misfire=definition.misfire,
        overlap=definition.overlap,
        catch_up=definition.catch_up,
        source=source,
    )


def _checked_job(scheduler: Scheduler, submission: Submission) -> ScheduledJob:
    """What it leaves open is settled now, by its queue or its job type: a later change of these does not reach it."""
    with _faults_under("$.job"):
        _check_times(submission)
        job, terms = scheduler.prepared(submission)
    return ScheduledJob(
        job_type=job.job_type,
        payload=job.payload,
        queue=job.queue,
        priority=terms.priority,
        max_attempts=terms.max_attempts,
        timeout_seconds=terms.timeout_seconds,
        tags=job.tags,
        backoff=job.backoff,
        concurrency_key=job.concurrency_key,
    )


def _check_times(submission: Submission) -> None:
    if submission.run_at is not None or submission.delay_seconds:
        raise InvalidInput("the schedule says when", "$.run_at" if submission.run_at else "$.delay_seconds")
    if submission.unique is not None:
        raise InvalidInput("a schedule's overlap says whether its jobs may meet", "$.unique")
    if submission.depends_on:
        raise InvalidInput("a schedule's jobs depend on no others", "$.depends_on")
    if submission.if_dependency_fails != "fail":
        raise InvalidInput("a schedule's jobs depend on no others", "$.if_dependency_fails")
    if len(submission.tags) > MOST_TAGS:
        raise InvalidInput(f"more than {MOST_TAGS} tags", "$.tags")


@contextmanager
def _faults_under(path: str) -> Iterator[None]:
    """Say where in the document a fault is, when it was found in a part of it."""
    try:
        yield
    except InvalidInput as fault:
        fault.path = path + fault.path.removeprefix("$")
        raise
