"""New jobs as the parameters that ``JobStore.insert`` hands to Postgres, and as what it returns of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from chalicelib.jobs import Job, JobStatus, NewJob
from chalicelib.store.arrays import floats, ints, jsons, maybe_floats, maybe_ints, texts, uuids


def many(jobs: Sequence[NewJob]) -> dict[str, object]:
    """By parameter, an array each."""
    tags = [(tag, job.id.bytes) for job in jobs for tag in dict.fromkeys(job.tags)]
    return {
        "ids": uuids([job.id.bytes for job in jobs]),
        "types": texts([job.job_type for job in jobs]),
        "queues": texts([job.queue for job in jobs]),
        "priorities": maybe_ints([job.priority for job in jobs]),
        "max_attempts": maybe_ints([job.max_attempts for job in jobs]),
        "timeouts": maybe_floats([job.timeout_seconds for job in jobs]),
        "other_priorities": ints([job.otherwise.priority for job in jobs]),
        "other_max_attempts": ints([job.otherwise.max_attempts for job in jobs]),
        "other_timeouts": floats([job.otherwise.timeout_seconds for job in jobs]),
        "run_ats": [job.run_at for job in jobs],
        "delays": floats([job.delay.total_seconds() for job in jobs]),
        "tags": texts([_array_literal(job.tags) for job in jobs]),
        "payloads": jsons([bytes(job.payload) for job in jobs]),
        "backoffs": jsons([_backoff(job) for job in jobs]),
        "concurrency_keys": texts([job.concurrency_key for job in jobs]),
        "each_tag": texts([tag for tag, _ in tags]),
        "tagged_ids": uuids([job_id for _, job_id in tags]),
    }


def one(job: NewJob) -> dict[str, object]:
    """By parameter, for a job without tags."""
    return {
        "id": job.id,
        "job_type": job.job_type,
        **terms(job),
        "run_at": job.run_at,
        "delay": job.delay.total_seconds(),
        "payload": bytes(job.payload).decode(),
        "backoff": (_backoff(job) or b"null").decode(),
        "concurrency_key": job.concurrency_key,
    }


def terms(job: NewJob) -> dict[str, object]:
    """By parameter: what is asked, of which queue, and what holds otherwise."""
    return {
        "queue": job.queue,
        "priority": job.priority,
        "max_attempts": job.max_attempts,
        "timeout_seconds": job.timeout_seconds,
        "other_priority": job.otherwise.priority,
        "other_max_attempts": job.otherwise.max_attempts,
        "other_timeout": job.otherwise.timeout_seconds,
    }


def inserted(
    new: NewJob,
    created_at: datetime,
    run_at: datetime,
    waits: bool,  # noqa: FBT001 (a row's column)
    *terms: Any,
) -> Job:
    """terms: as they stand in the row."""
    priority, max_attempts, timeout_seconds = terms
    return Job(
        id=new.id,
        job_type=new.job_type,
        queue=new.queue,
        status=JobStatus.QUEUED,
        priority=priority,
        attempt=0,
        max_attempts=max_attempts,
        failures=0,
        crashes=0,
        version=1,
        timeout_seconds=timeout_seconds,
        run_at=run_at,
        waits=waits,
        created_at=created_at,
        started_at=None,
        finished_at=None,
        lease_expires_at=None,
        worker_id=None,
        tags=new.tags,
        progress=None,
        error=None,
        cancel_requested_at=None,
        concurrency_key=new.concurrency_key,
        schedule=None,
        scheduled_for=None,
        depends_on=None,
        runs_anyway=False,
        has_dependents=False,
        payload=new.payload,
        result=None,
        errors=_NO_ERRORS,
    )


def _backoff(job: NewJob) -> bytes | None:
    return None if job.backoff is None else msgspec.json.encode(job.backoff)


_NO_ERRORS = msgspec.Raw(b"[]")


def _array_literal(tags: Sequence[str]) -> str:
    """As Postgres writes an array of texts."""
    return "{" + ",".join('"' + tag.replace("\\", r"\\").replace('"', r"\"") + '"' for tag in tags) + "}"
