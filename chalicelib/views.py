"""A job as clients see it: the ancestor's field names, times with milliseconds, large values left out of lists."""

from __future__ import annotations

from collections.abc import Container
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from chalicelib.jobs import LABELS, IfDependencyFails, Job, JobStatus, status_label

INLINE_BYTES = 4096  # a payload or result over this is null in lists and frames, and named in ``omitted``


Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Status = Annotated[str, Meta(extra_json_schema={"enum": [*LABELS]})]
AnyJson = Annotated[msgspec.Raw, Meta(description="Any JSON value.")]
Progress = Annotated[
    msgspec.Raw,
    Meta(
        extra_json_schema={
            "type": "object",
            "properties": {"fraction": {"type": "number", "minimum": 0, "maximum": 1}, "message": {"type": "string"}},
            "required": ["fraction", "message"],
        }
    ),
]
Errors = Annotated[
    msgspec.Raw,
    Meta(
        description="Of each failed attempt, the last 25; one whose worker vanished has the type WorkerCrashed. Those of long ago"
        " do not tell when they started and on which worker. Viewers get no tracebacks.",
        extra_json_schema={
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "attempt": {"type": "integer"},
                    "at": {"type": "string", "format": "date-time", "description": "When it had failed."},
                    "started_at": {"type": "string", "format": "date-time"},
                    "worker_id": {"type": "string"},
                    "type": {"type": "string"},
                    "message": {"type": "string"},
                    "traceback": {"type": "string"},
                },
                "required": ["attempt", "at", "type", "message", "traceback"],
            },
        },
    ),
]


class JobView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A job. depends_on: what it waits for, or waited for.

    ``errors`` comes with single jobs; ``omitted`` names what a list leaves out because it is over 4 KB.
    """

    id: UUID
    job_type: str
    payload: AnyJson | None
    status: Status
    result: AnyJson | None
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    worker_id: str | None
    queue: str
    priority: int
    run_at: Time
    attempt: int
    max_attempts: int
    version: int
    error: str | None
    progress: Progress | None
    tags: list[str]
    timeout_seconds: float
    cancel_requested_at: Time | None
    concurrency_key: str | None
    schedule: str | None
    scheduled_for: Time | None
    depends_on: list[UUID] = []
    if_dependency_fails: IfDependencyFails = "fail"
    errors: Errors | msgspec.UnsetType = msgspec.UNSET
    omitted: list[str] = []


# A job of which only some fields were asked for.
PartialJob = msgspec.defstruct(
    "PartialJob",
    [(field.name, field.type | msgspec.UnsetType, msgspec.UNSET) for field in msgspec.structs.fields(JobView)],
    frozen=True,
    kw_only=True,
)


class LogLineView(msgspec.Struct, frozen=True):
    """One line of an attempt, which counts from 1."""

    attempt: int
    line: int
    at: Time
    level: str
    logger: str
    message: str


def whole(job: Job, *, tracebacks: bool = True) -> JobView:
    """Everything, for one job read by its id."""
    errors = job.errors or msgspec.UNSET
    if errors is not msgspec.UNSET and not tracebacks:
        errors = _without_tracebacks(errors)
    return _view(job, job.payload, job.result, [], errors)


def part(view: JobView, fields: str | None) -> JobView | msgspec.Struct:
    """fields: names with commas between; None: all."""
    if fields is None:
        return view
    return PartialJob(**{name: getattr(view, name) for name in fields.split(",")})


def inline(job: Job, included: Container[str] = (), excluded: Container[str] = ()) -> JobView:
    """The form for lists and frames: the store may have left out what is too large, or it is dropped here.

    included: of payload and result, what is shown whatever its size; excluded: what nobody wants, which is not called omitted.
    """
    omitted = []
    if "payload" not in included and not _fits(job.payload):
        omitted.append("payload")
    if "result" not in included and job.status is JobStatus.COMPLETED and not _fits(job.result):
        omitted.append("result")
    payload = None if "payload" in omitted else job.payload
    result = None if "result" in omitted else job.result
    return _view(job, payload, result, [name for name in omitted if name not in excluded])


def _without_tracebacks(errors: msgspec.Raw) -> msgspec.Raw:
    told = msgspec.json.decode(errors, type=list[dict[str, Any]])
    return msgspec.Raw(msgspec.json.encode([{**error, "traceback": ""} for error in told]))


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
        started_at=maybe(job.started_at),
        finished_at=maybe(job.finished_at),
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
        cancel_requested_at=maybe(job.cancel_requested_at),
        concurrency_key=job.concurrency_key,
        schedule=job.schedule,
        scheduled_for=maybe(job.scheduled_for),
        depends_on=job.depends_on or [],
        if_dependency_fails="run" if job.runs_anyway else "fail",
        errors=errors,
        omitted=omitted,
    )


def rfc3339(moment: datetime) -> str:
    """UTC with milliseconds, as in 2026-11-23T09:30:00.250Z."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def maybe(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
