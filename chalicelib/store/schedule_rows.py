"""Rows of the schedules table as values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, LiteralString

import msgspec

from chalicelib.backoff import Backoff
from chalicelib.schedules import Misfire, Overlap, Schedule, ScheduledJob
from chalicelib.store.database import Row

# What ``as_schedules`` reads. A statement calls its row ``schedule``.
COLUMNS: LiteralString = """schedule.name, schedule.cron, schedule.timezone, schedule.misfire, schedule.overlap, schedule.paused,
    schedule.next_run_at, schedule.created_at, schedule.updated_at, schedule.version, schedule.job_type, schedule.payload,
    schedule.queue, schedule.priority, schedule.max_attempts, schedule.timeout_seconds, schedule.tags, schedule.backoff,
    (SELECT max(run.run_at) FROM schedule_runs AS run WHERE run.schedule = schedule.name),
    (SELECT run.job_id FROM schedule_runs AS run WHERE run.schedule = schedule.name ORDER BY run.run_at DESC LIMIT 1)"""


def as_schedules(rows: Iterable[Row]) -> list[Schedule]:
    return [_schedule(*row) for row in rows]


def _schedule(*row: Any) -> Schedule:
    (
        name,
        cron,
        timezone,
        misfire,
        overlap,
        paused,
        next_run_at,
        created_at,
        updated_at,
        version,
        *job,
        last_at,
        last_job,
    ) = row
    return Schedule(
        name=name,
        cron=cron,
        timezone=timezone,
        job=_job(*job),
        misfire=Misfire(misfire),
        overlap=Overlap(overlap),
        paused=paused,
        next_run_at=next_run_at,
        last_run_at=last_at,
        last_job_id=last_job,
        created_at=created_at,
        updated_at=updated_at,
        version=version,
    )


def _job(job_type: str, payload: bytes, *rest: Any) -> ScheduledJob:
    queue, priority, max_attempts, timeout_seconds, tags, backoff = rest
    return ScheduledJob(
        job_type=job_type,
        payload=msgspec.Raw(payload),
        queue=queue,
        priority=priority,
        max_attempts=max_attempts,
        timeout_seconds=timeout_seconds,
        tags=tags,
        backoff=None if backoff is None else msgspec.json.decode(backoff, type=Backoff),
    )
