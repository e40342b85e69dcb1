"""A job as clients see it: the ancestor's field names, times with milliseconds, large values left out of lists."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from chalicelib.jobs import Job, JobStatus, status_label
from chalicelib.schedules import Misfire, Overlap, Schedule, ScheduledJob

INLINE_BYTES = 4096  # a payload or result over this is null in lists and frames, and named in ``omitted``


class JobView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The wire's job. Fields without a default are always present."""

    id: UUID
    job_type: str
    payload: msgspec.Raw | None
    status: str
    result: msgspec.Raw | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    worker_id: str | None
    queue: str
    priority: int
    run_at: str
    attempt: int
    max_attempts: int
    version: int
    error: str | None
    progress: msgspec.Raw | None
    tags: list[str]
    timeout_seconds: float
    cancel_requested_at: str | None
    errors: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    omitted: list[str] = []


def whole(job: Job) -> JobView:
    """Everything, for one job read by its id."""
    return _view(job, job.payload, job.result, [], job.errors or msgspec.UNSET)


def inline(job: Job) -> JobView:
    """The form for lists and frames: the store may have left out what is too large, or it is dropped here."""
    omitted = []
    if not _fits(job.payload):
        omitted.append("payload")
    if job.status is JobStatus.COMPLETED and not _fits(job.result):
        omitted.append("result")
    payload = None if "payload" in omitted else job.payload
    return _view(job, payload, None if "result" in omitted else job.result, omitted)


def _fits(value: msgspec.Raw | None) -> bool:
    return value is not None and memoryview(value).nbytes <= INLINE_BYTES


def _view(
    job: Job,
    payload: msgspec.Raw | None,
    result: msgspec.Raw | None,
    omitted: list[str],
    errors: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET,
) -> JobView:
    return JobView(
        id=job.id,
        job_type=job.job_type,
        payload=payload,
        status=status_label(job.status, job.attempt, waits=job.waits),
        result=result,
        created_at=rfc3339(job.created_at),
        started_at=_maybe(job.started_at),
        finished_at=_maybe(job.finished_at),
        worker_id=job.worker_id,
        queue=job.queue,
        priority=job.priority,
        run_at=rfc3339(job.run_at),
        attempt=job.attempt,
        max_attempts=job.max_attempts,
        version=job.version,
        error=job.error,
        progress=job.progress,
        tags=job.tags,
        timeout_seconds=job.timeout_seconds,
        cancel_requested_at=_maybe(job.cancel_requested_at),
        errors=errors,
        omitted=omitted,
    )


def rfc3339(moment: datetime) -> str:
    """UTC with milliseconds, as in 2026-11-23T09:30:00.250Z."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _maybe(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


class ScheduleView(msgspec.Struct, frozen=True, kw_only=True):
    """The wire's schedule."""

    name: str
    cron: str
    timezone: str
    job: ScheduledJob
    misfire: Misfire
    overlap: Overlap
    paused: bool
    next_run_at: str | None
    last_run_at: str | None
    last_job_id: UUID | None
    created_at: str
    updated_at: str
    version: int


def schedule(shown: Schedule) -> ScheduleView:
    return ScheduleView(
        name=shown.name,
        cron=shown.cron,
        timezone=shown.timezone,
        job=shown.job,
        misfire=shown.misfire,
        overlap=shown.overlap,
        paused=shown.paused,
        next_run_at=_maybe(shown.next_run_at),
        last_run_at=_maybe(shown.last_run_at),
        last_job_id=shown.last_job_id,
        created_at=rfc3339(shown.created_at),
        updated_at=rfc3339(shown.updated_at),
        version=shown.version,
    )
