"""Rows of the jobs table as values: what the statements that return jobs have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import LiteralString
from uuid import UUID

import msgspec

from chalicelib.jobs import Job, JobStatus, RawId
from chalicelib.store.arrays import uuids
from chalicelib.store.database import Row

# The order of Job's fields but the last three, which a statement adds. It calls its row ``job``.
JOB: LiteralString = """
    job.id, job.job_type, job.queue, job.status, job.priority, job.attempt, job.max_attempts, job.failures, job.crashes,
    job.version, job.timeout_seconds, job.run_at, job.run_at > now(), job.created_at, job.started_at, job.finished_at,
    job.lease_expires_at, job.worker_id, job.tags, job.progress, job.error, job.cancel_requested_at,
    job.concurrency_key, job.schedule, job.scheduled_for, job.depends_on, job.runs_anyway, job.has_dependents
"""

# Those three as they are.
WHOLE: LiteralString = ", job.payload, job.result, job.errors"

# Those three for lists: what is over 4 KB is left out (``views.INLINE_BYTES``).
INLINE: LiteralString = """,
    CASE WHEN octet_length(job.payload::text) <= 4096 THEN job.payload END,
    CASE WHEN octet_length(job.result::text) <= 4096 THEN job.result END, NULL
"""

# The errors of a job that takes one more, and the time of that one as it goes over the wire.
KEPT_ERRORS = 25
KEPT: LiteralString = "CASE WHEN jsonb_array_length(errors) < %(kept)s THEN errors ELSE errors - 0 END"
WIRE: LiteralString = """ AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""
STAMP: LiteralString = "to_char(now()" + WIRE

# Ends what has not started, and asks what runs to end. ``MAY_CANCEL``: those asked before are not asked again.
CANCEL: LiteralString = """
    SET status = CASE status WHEN 'RUNNING' THEN 'RUNNING' ELSE 'CANCELLED' END, version = version + 1,
        cancel_requested_at = now(), finished_at = CASE status WHEN 'RUNNING' THEN NULL ELSE now() END
"""
MAY_CANCEL: LiteralString = "(status IN ('BLOCKED', 'QUEUED') OR status = 'RUNNING' AND cancel_requested_at IS NULL)"


def as_jobs(rows: Iterable[Row]) -> list[Job]:
    return [Job(*_typed(row)) for row in rows]


def _typed(row: Row) -> Row:
    return (*row[:3], JobStatus(row[3]), *row[4:-3], _raw(row[-3]), _raw(row[-2]), row[-1])


def _raw(value: bytes | None) -> msgspec.Raw | None:
    """A value of type json comes as its bytes."""
    return None if value is None else msgspec.Raw(value)


def bounded(ids: Sequence[UUID]) -> dict[str, object]:
    """The ids, and the range they lie in."""
    return bounded_raw([job_id.bytes for job_id in ids])


def bounded_raw(ids: Sequence[RawId]) -> dict[str, object]:
    return {"ids": uuids(ids), "first": UUID(bytes=min(ids)), "last": UUID(bytes=max(ids))}
