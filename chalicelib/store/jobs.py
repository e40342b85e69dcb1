"""The jobs table: every move a job makes is one guarded statement here, for any number of jobs.

Batches bound their ids, so that Postgres touches only the partitions that hold them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, LiteralString
from uuid import UUID

import msgspec

from chalicelib.errors import JobNotFound
from chalicelib.jobs import (
    Job,
    JobStatus,
    NewJob,
    Progress,
    Settlement,
)
from chalicelib.store.database import Database, Row
from chalicelib.store.settlements import columns, json_text

MAX_CRASHES = 3  # a job whose worker died this often is taken to be what kills them
KEPT_ERRORS = 25

# The order of Job's fields. Each statement that returns jobs calls its row ``job``.
_JOB: LiteralString = """
    job.id, job.job_type, job.queue, job.status, job.priority, job.attempt, job.max_attempts, job.failures, job.crashes,
    job.version, job.timeout_seconds, job.run_at, job.run_at > now(), job.created_at, job.started_at, job.finished_at,
    job.lease_expires_at, job.worker_id, job.tags, job.progress, job.error
"""


class JobFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows. None: no condition. before: an id, exclusive."""

    status: JobStatus | None = None
    waits: bool | None = None
    retries: bool | None = None
    queue: str | None = None
    job_type: str | None = None
    before: UUID | None = None
    limit: int = 100


class JobStore:
    """Reads and moves jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, jobs: Sequence[NewJob]) -> list[Job]:
        """Record new jobs, all or none. Their times are Postgres's."""
        return self._jobs(
            """
            INSERT INTO jobs AS job
                   (id, job_type, queue, status, priority, max_attempts, timeout_seconds, run_at, tags, payload)
            SELECT new.id, new.job_type, new.queue, 'QUEUED', new.priority, new.max_attempts, new.timeout_seconds,
                   coalesce(new.run_at, now() + new.delay), ARRAY(SELECT jsonb_array_elements_text(new.tags)), new.payload
              FROM unnest(%(ids)b::uuid[], %(types)b::text[], %(queues)b::text[], %(priorities)b::int[],
                          %(max_attempts)b::int[], %(timeouts)b::float8[], %(run_ats)b::timestamptz[],
                          %(delays)b::interval[], %(tags)b::text[]::jsonb[], %(payloads)b::text[]::json[])
                AS new (id, job_type, queue, priority, max_attempts, timeout_seconds, run_at, delay, tags, payload)
            RETURNING """
            + _JOB
            + ", job.payload, job.result, job.errors",
            {
                "ids": [job.id for job in jobs],
                "types": [job.job_type for job in jobs],
                "queues": [job.queue for job in jobs],
                "priorities": [job.priority for job in jobs],
                "max_attempts": [job.max_attempts for job in jobs],
                "timeouts": [job.timeout_seconds for job in jobs],
                "run_ats": [job.run_at for job in jobs],
                "delays": [job.delay for job in jobs],
                "tags": [json_text(msgspec.json.encode(job.tags)) for job in jobs],
                "payloads": [json_text(job.payload) for job in jobs],
            },
        )

    def claim(self, ids: Sequence[UUID], worker_id: str, lease: timedelta, fits: timedelta) -> list[Job]:
        """Start what is due, and what was left by a worker whose lease is over. A job missing from the answer stays as it is.

        fits: jobs that may run longer are left alone. A job whose workers keep dying is left to ``bury``.
        """
        return self._jobs(
            """
            UPDATE jobs AS job
               SET status = 'RUNNING', version = version + 1, attempt = attempt + 1,
                   crashes = crashes + CASE status WHEN 'RUNNING' THEN 1 ELSE 0 END,
                   worker_id = %(worker_id)s, started_at = now(), lease_expires_at = now() + %(lease)s, progress = NULL
             WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)s AND %(last)s
               AND (   status = 'QUEUED' AND run_at <= now()
                    OR status = 'RUNNING' AND lease_expires_at <= now() AND crashes + 1 < %(max_crashes)s)
               AND timeout_seconds <= %(fits)s
            RETURNING """
            + _JOB
            + ", job.payload, NULL, NULL",
            {
                **_bounded(ids),
                "worker_id": worker_id,
                "lease": lease,
                "fits": fits.total_seconds(),
                "max_crashes": MAX_CRASHES,
            },
        )

    def bury(self, ids: Sequence[UUID]) -> list[Job]:
        """Fail those whose last allowed worker vanished too."""
        return self._jobs(
            """
            UPDATE jobs AS job
               SET status = 'FAILED', version = version + 1, crashes = crashes + 1, finished_at = now(),
                   lease_expires_at = NULL, error = %(message)s,
                   errors = errors || jsonb_build_object('attempt', attempt, 'type', 'WorkerCrashed', 'traceback', '',
                                 'message', %(message)s::text,
                                 'at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
             WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)s AND %(last)s
               AND status = 'RUNNING' AND lease_expires_at <= now() AND crashes + 1 >= %(max_crashes)s
            RETURNING """
            + _JOB
            + ", job.payload, job.result, NULL",
            {
                **_bounded(ids),
                "max_crashes": MAX_CRASHES,
                "message": f"its worker vanished {MAX_CRASHES} times while running it",
            },
        )

    def settle(self, settlements: Sequence[Settlement]) -> list[Job]:
        """Record outcomes. A job missing from the answer was no longer ours: its lease is lost."""
        return self._jobs(
            """
            UPDATE jobs AS job
               SET status = done.status, version = version + 1, result = done.result, lease_expires_at = NULL,
                   finished_at = CASE done.status WHEN 'QUEUED' THEN NULL ELSE now() END,
                   run_at = CASE done.status WHEN 'QUEUED' THEN now() + done.delay ELSE run_at END,
                   failures = failures + CASE WHEN done.error IS NULL THEN 0 ELSE 1 END,
                   error = CASE done.status WHEN 'COMPLETED' THEN NULL ELSE coalesce(done.error ->> 'message', job.error) END,
                   progress = CASE done.status WHEN 'COMPLETED' THEN NULL ELSE job.progress END,
                   errors = CASE WHEN done.error IS NULL THEN errors
                                 ELSE CASE WHEN jsonb_array_length(errors) < %(kept)s THEN errors ELSE errors - 0 END
                                      || (done.error || jsonb_build_object('attempt', job.attempt,
                                          'at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
                            END
              FROM unnest(%(ids)b::uuid[], %(attempts)b::int[], %(statuses)b::text[], %(delays)b::interval[],
                          %(results)b::text[]::json[], %(errors)b::text[]::jsonb[])
                AS done (id, attempt, status, delay, result, error)
             WHERE job.id = done.id AND job.id BETWEEN %(first)s AND %(last)s
               AND job.status = 'RUNNING' AND job.attempt = done.attempt
            RETURNING """
            + _JOB
            + ", job.payload, job.result, NULL",
            {**_bounded([each.job.id for each in settlements]), **columns(settlements), "kept": KEPT_ERRORS},
        )

    def renew(self, jobs: Sequence[Job], lease: timedelta) -> list[Job]:
        """Keep running attempts ours. A job missing from the answer is not: stop it."""
        return self._jobs(
            """
            UPDATE jobs AS job
               SET lease_expires_at = now() + %(lease)s
              FROM unnest(%(ids)b::uuid[], %(attempts)b::int[]) AS held (id, attempt)
             WHERE job.id = held.id AND job.id BETWEEN %(first)s AND %(last)s
               AND job.status = 'RUNNING' AND job.attempt = held.attempt
            RETURNING """
            + _JOB
            + ", NULL, NULL, NULL",
            {**_bounded([job.id for job in jobs]), "attempts": [job.attempt for job in jobs], "lease": lease},
        )

    def report(self, reports: Sequence[tuple[Job, Progress]]) -> list[Job]:
        """Record how far running attempts are. A new version, so that watchers take it as news."""
        return self._jobs(
            """
            UPDATE jobs AS job
               SET progress = said.progress, version = version + 1
              FROM unnest(%(ids)b::uuid[], %(attempts)b::int[], %(progress)b::text[]::jsonb[])
                AS said (id, attempt, progress)
             WHERE job.id = said.id AND job.id BETWEEN %(first)s AND %(last)s
               AND job.status = 'RUNNING' AND job.attempt = said.attempt
            RETURNING """
            + _JOB
            + ", job.payload, job.result, NULL",
            {
                **_bounded([job.id for job, _ in reports]),
                "attempts": [job.attempt for job, _ in reports],
                "progress": [json_text(msgspec.json.encode(progress)) for _, progress in reports],
            },
        )

    def find(self, ids: Sequence[UUID]) -> list[Job]:
        """Those that exist, in no particular order."""
        return self._jobs(
            "SELECT "
            + _JOB
            + """, job.payload, job.result, job.errors
              FROM jobs AS job
             WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)s AND %(last)s
            """,
            _bounded(ids),
        )

    def get(self, job_id: UUID) -> Job:
        """Raises JobNotFound."""
        for job in self.find([job_id]):
            return job
        raise JobNotFound(job_id)

    def page(self, chosen: JobFilter) -> list[Job]:
        """Newest first. Payloads and results over 4 KB come as None: lists do not show them."""
        return self._jobs(
            "SELECT "
            + _JOB
            + """, CASE WHEN octet_length(payload::text) <= 4096 THEN payload END,
                   CASE WHEN octet_length(result::text) <= 4096 THEN result END, NULL
              FROM jobs AS job
             WHERE (%(before)s::uuid IS NULL OR id < %(before)s)
               AND (%(queue)s::text IS NULL OR queue = %(queue)s)
               AND (%(job_type)s::text IS NULL OR job_type = %(job_type)s)
               AND (%(status)s::text IS NULL OR status = %(status)s)
               AND (%(unfinished)s::bool IS NOT TRUE OR finished_at IS NULL)
               AND (%(ended_badly)s::text IS NULL OR ended_badly = %(ended_badly)s)
               AND (%(waits)s::bool IS NULL OR (run_at > now()) = %(waits)s)
               AND (%(retries)s::bool IS NULL OR (attempt > 0) = %(retries)s)
             ORDER BY id DESC
             LIMIT %(limit)s
            """,
            {**msgspec.structs.asdict(chosen), **_index_hints(chosen.status)},
        )

    def unfinished(self, after: UUID, older_than: timedelta, limit: int) -> list[Job]:
        """Jobs that Redis should know, oldest first. after: exclusive. older_than: since they were created."""
        return self._jobs(
            "SELECT "
            + _JOB
            + """, NULL, NULL, NULL
              FROM jobs AS job
             WHERE id > %(after)s AND finished_at IS NULL AND status IN ('QUEUED', 'RUNNING')
               AND created_at < now() - %(older_than)s
             ORDER BY id
             LIMIT %(limit)s
            """,
            {"after": after, "older_than": older_than, "limit": limit},
        )

    def _jobs(self, query: LiteralString, params: Mapping[str, Any]) -> list[Job]:
        return [Job(*row) for row in map(_typed, self._database.fetch(query, params))]


def _typed(row: Row) -> Row:
    return (*row[:3], JobStatus(row[3]), *row[4:])


def _bounded(ids: Sequence[UUID]) -> dict[str, object]:
    return {"ids": list(ids), "first": min(ids), "last": max(ids)}


def _index_hints(status: JobStatus | None) -> dict[str, object]:
    """Conditions that follow from the status, spelled as the partial indexes spell them."""
    return {
        "unfinished": status in {JobStatus.BLOCKED, JobStatus.QUEUED, JobStatus.RUNNING},
        "ended_badly": status if status in {JobStatus.FAILED, JobStatus.CANCELLED} else None,
    }
