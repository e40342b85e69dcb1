"""The jobs table: what clients and maintenance read and write. The moves of a running attempt are in ``store.attempts``.

Every move is one guarded statement, for any number of jobs. Batches bound their ids, so that Postgres touches only the
partitions that hold them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import LiteralString
from uuid import UUID

import msgspec

from chalicelib.callers import Deed
from chalicelib.errors import JobNotFound
from chalicelib.jobs import Job, JobStatus, NewJob, Terms
from chalicelib.store.audit import audit_row, audited
from chalicelib.store.database import Database, Row
from chalicelib.store.new_jobs import inserted, many, one, terms
from chalicelib.store.rows import CANCEL, INLINE, JOB, MAY_CANCEL, WHOLE, as_jobs, bounded
from chalicelib.store.tallies import COUNTED
from chalicelib.store.unfinished import IN_ORDER, IN_QUEUE, Place, page_after

REVIVED_ATTEMPTS = 3  # what a job gets that is put back by hand: as many as a job type allows unless it says otherwise


KEYS_ARE_KEPT_FOR = timedelta(hours=24)  # idempotency keys

# What Postgres adds to a new job: its times, and what its queue says.
_GIVEN: LiteralString = """
    job.id, job.created_at, job.run_at, job.run_at > now(), job.priority, job.max_attempts, job.timeout_seconds
"""


# Where a job stands that is put back, and what it goes on to depend on.
_STANDING: LiteralString = """
    (SELECT CASE count(*) WHEN 0 THEN 'QUEUED' ELSE 'BLOCKED' END, array_agg(named.id ORDER BY named.place)
       FROM unnest(job.depends_on) WITH ORDINALITY AS named (id, place) LEFT JOIN jobs AS other ON other.id = named.id
      WHERE other.ended_badly IS NULL OR other.id = ANY(%(ids)b) OR NOT %(lets_go)s)
"""


class Once(msgspec.Struct, frozen=True):
    """A submit that is to happen once. fingerprint: of its body."""

    key: str
    fingerprint: bytes


class Submitted(msgspec.Struct, frozen=True):
    """What was submitted with an idempotency key."""

    fingerprint: bytes
    job_ids: list[UUID]


class JobStore:
    """Reads and moves jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, jobs: Sequence[NewJob], deed: Deed | None = None, once: Once | None = None) -> list[Job]:
        """Record new jobs, all or none, in the order given. Their times are Postgres's, and their queues may say
        what they leave open.

        once: nothing is written, and nothing returned, where this key stands for earlier jobs (``find_submitted``).
        """
        if len(jobs) == 1 and not jobs[0].tags and once is None:
            rows = self._insert_one(jobs[0], deed)
        else:
            rows = self._insert_many(jobs, deed, once)
        given = {row[0]: row[1:] for row in rows}
        return [inserted(job, *given[job.id]) for job in jobs] if given else []

    def _insert_many(self, jobs: Sequence[NewJob], deed: Deed | None, once: Once | None) -> list[Row]:
        return self._database.fetch(
            audited(
                """
                INSERT INTO jobs AS job
                       (id, job_type, queue, status, priority, max_attempts, timeout_seconds, run_at, tags, payload, backoff,
                        concurrency_key)
                SELECT new.id, new.job_type, new.queue, 'QUEUED',
                       coalesce(new.priority, queue.default_priority, new.other_priority),
                       coalesce(new.max_attempts, queue.default_max_attempts, new.other_max_attempts),
                       coalesce(new.timeout_seconds, queue.default_timeout_seconds, new.other_timeout),
                       coalesce(new.run_at, now() + make_interval(secs => new.delay)), new.tags::text[], new.payload, new.backoff,
                       new.concurrency_key
                  FROM unnest(%(ids)b, %(types)b, %(queues)b, %(priorities)b, %(max_attempts)b, %(timeouts)b,
                              %(other_priorities)b, %(other_max_attempts)b, %(other_timeouts)b, %(run_ats)b::timestamptz[],
                              %(delays)b, %(tags)b, %(payloads)b, %(backoffs)b, %(concurrency_keys)b)
                    AS new (id, job_type, queue, priority, max_attempts, timeout_seconds, other_priority, other_max_attempts,
                            other_timeout, run_at, delay, tags, payload, backoff, concurrency_key)
                  LEFT JOIN queues AS queue ON queue.name = new.queue
                 WHERE %(key)s::text IS NULL OR EXISTS (SELECT FROM taken)
                RETURNING """
                + _GIVEN,
                before="""
                taken AS (
                    INSERT INTO idempotency_keys AS known (key, fingerprint, job_ids, expires_at)
                    SELECT %(key)s, %(fingerprint)b, %(ids)b, now() + %(kept_for)s WHERE %(key)s::text IS NOT NULL
                    ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint, job_ids = excluded.job_ids,
                                                    expires_at = excluded.expires_at
                                          WHERE known.expires_at <= now()
                    RETURNING key),
                tagged AS (
                    INSERT INTO job_tags (tag, job_id)
                    SELECT tag, job_id FROM unnest(%(each_tag)b, %(tagged_ids)b) AS new (tag, job_id)
                     WHERE %(key)s::text IS NULL OR EXISTS (SELECT FROM taken)),
                """,
            ),
            {
                **many(jobs),
                "key": once.key if once else None,
                "fingerprint": once.fingerprint if once else None,
                "kept_for": KEYS_ARE_KEPT_FOR,
                **audit_row(deed),
            },
        )

    def _insert_one(self, job: NewJob, deed: Deed | None) -> list[Row]:
        """The same for the submit of one job, where planning and running the array form costs 0.2 ms of 0.5.

        Three looks at what the queue says are planned faster than a join with it.
        """
        return self._database.fetch(
            audited(
                """
                INSERT INTO jobs AS job
                       (id, job_type, queue, status, priority, max_attempts, timeout_seconds, run_at, payload, backoff,
                        concurrency_key)
                VALUES (%(id)b, %(job_type)b, %(queue)b, 'QUEUED',
                        coalesce(%(priority)b::smallint, (SELECT default_priority FROM said), %(other_priority)b),
                        coalesce(%(max_attempts)b::int, (SELECT default_max_attempts FROM said), %(other_max_attempts)b),
                        coalesce(%(timeout_seconds)b::float8, (SELECT default_timeout_seconds FROM said), %(other_timeout)b),
                        coalesce(%(run_at)b::timestamptz, now() + make_interval(secs => %(delay)b)),
                        %(payload)s::json, nullif(%(backoff)s, 'null')::json, %(concurrency_key)s)
                RETURNING """
                + _GIVEN,
                before="""
                said AS (
                    SELECT default_priority, default_max_attempts, default_timeout_seconds
                      FROM queues WHERE name = %(queue)b),
                """,
            ),
            {**one(job), **audit_row(deed)},
            is_planned_once=True,
        )

    def terms(self, job: NewJob) -> Terms:
        """On which it would be inserted now."""
        ((priority, max_attempts, timeout_seconds),) = self._database.fetch(
            """
            SELECT coalesce(%(priority)s, default_priority, %(other_priority)s),
                   coalesce(%(max_attempts)s, default_max_attempts, %(other_max_attempts)s),
                   coalesce(%(timeout_seconds)s, default_timeout_seconds, %(other_timeout)s)
              FROM (VALUES (%(queue)s)) AS new (queue) LEFT JOIN queues ON name = new.queue
            """,
            terms(job),
        )
        return Terms(priority, max_attempts, timeout_seconds)

    def find_submitted(self, key: str) -> Submitted | None:
        """What an idempotency key stands for."""
        rows = self._database.fetch(
            "SELECT fingerprint, job_ids FROM idempotency_keys WHERE key = %(key)s", {"key": key}
        )
        return Submitted(*rows[0]) if rows else None

    def forget_submitted(self) -> int:
        """Drop the idempotency keys that have expired. Returns how many."""
        return self._database.count("DELETE FROM idempotency_keys WHERE expires_at <= now()", {})

    def copy(self, job_id: UUID, new_id: UUID, deed: Deed | None = None) -> Job:
        """A new job with all that was asked of an old one, due now. Raises JobNotFound."""
        rows = self._database.fetch(
            audited(
                """
                INSERT INTO jobs AS job
                       (id, job_type, queue, status, priority, max_attempts, timeout_seconds, run_at, tags, payload, backoff,
                        concurrency_key, schedule, scheduled_for)
                SELECT %(new_id)s, old.job_type, old.queue, 'QUEUED', old.priority, old.max_attempts, old.timeout_seconds,
                       now(), old.tags, old.payload, old.backoff, old.concurrency_key, old.schedule, old.scheduled_for
                  FROM jobs AS old
                 WHERE old.id = %(id)s
                RETURNING """
                + JOB
                + WHOLE,
                before="""
                tagged AS (
                    INSERT INTO job_tags (tag, job_id)
                    SELECT tag, %(new_id)s FROM job_tags WHERE job_id = %(id)s),
                """,
            ),
            {"id": job_id, "new_id": new_id, **audit_row(deed)},
        )
        if not rows:
            raise JobNotFound(job_id)
        return as_jobs(rows)[0]

    def cancel(
        self,
        ids: Sequence[UUID],
        deed: Deed | None = None,
        only: JobStatus | None = None,
        *,
        waiting_in: str | None = None,
    ) -> list[Job]:
        """End what has not started, and ask what runs to end: its worker hears of it. Those asked before are not asked again.

        only: jobs that have this status still. waiting_in: that wait in this queue still; none that runs.
        """
        return as_jobs(
            self._database.fetch(
                audited(
                    """
                UPDATE jobs AS job"""
                    + CANCEL
                    + """
                 WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)s AND %(last)s
                   AND """
                    + MAY_CANCEL
                    + """
                   AND (%(waiting_in)s::text IS NULL OR queue = %(waiting_in)s AND status <> 'RUNNING')
                   AND (%(only)s::text IS NULL OR status = %(only)s)
                RETURNING """
                    + JOB
                    + WHOLE,
                    after=COUNTED,
                ),
                {**bounded(ids), "only": only, "waiting_in": waiting_in, **audit_row(deed)},
            )
        )

    def move(
        self, ids: Sequence[UUID], to: str, out_of: str | None = None, only: JobStatus | None = None
    ) -> list[tuple[str, Job]]:
        """Put what waits into another queue. Returns the queue that each left, and the job. out_of, only: jobs that are in
        this queue, and have this status still.

        The old row is locked before it is changed, so that the queue it is said to leave is the one that it leaves.
        """
        rows = self._database.fetch(
            """
            UPDATE jobs AS job
               SET queue = %(to)s, version = version + 1
              FROM (SELECT id, queue AS left_queue FROM jobs
                     WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)s AND %(last)s AND status IN ('BLOCKED', 'QUEUED')
                       AND queue <> %(to)s AND (%(out_of)s::text IS NULL OR queue = %(out_of)s)
                       AND (%(only)s::text IS NULL OR status = %(only)s)
                     ORDER BY id FOR UPDATE) AS old
             WHERE job.id = old.id AND job.id BETWEEN %(first)s AND %(last)s
            RETURNING left_queue, """
            + JOB
            + INLINE,
            {**bounded(ids), "to": to, "out_of": out_of, "only": only},
        )
        return [(row[0], job) for row, job in zip(rows, as_jobs(row[1:] for row in rows), strict=True)]

    def revive(
        self,
        ids: Sequence[UUID],
        deed: Deed | None = None,
        only: JobStatus | None = None,
        attempts: int = REVIVED_ATTEMPTS,
        *,
        lets_go: bool = True,
    ) -> list[Job]:
        """Put back what failed or was cancelled. attempts: how many failures it is allowed from here on; only: as above.

        Those that depend on others are BLOCKED then: ``DependencyStore.release`` says whether they have to wait. What had ended
        badly before does not hold them any more; what is put back with them does. lets_go: False, that holds them, too.
        """
        return as_jobs(
            self._database.fetch(
                audited(
                    """
                UPDATE jobs AS job
                   SET (status, depends_on) = """
                    + _STANDING
                    + """, version = version + 1, run_at = now(), finished_at = NULL, crashes = 0,
                       cancel_requested_at = NULL, progress = NULL,
                       max_attempts = greatest(max_attempts, failures + %(attempts)s)
                 WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)s AND %(last)s AND status IN ('FAILED', 'CANCELLED')
                   AND (%(only)s::text IS NULL OR status = %(only)s)
                RETURNING """
                    + JOB
                    + (WHOLE if len(ids) == 1 else INLINE)
                ),
                {**bounded(ids), "attempts": attempts, "only": only, "lets_go": lets_go, **audit_row(deed)},
            )
        )

    def find(self, ids: Sequence[UUID]) -> list[Job]:
        """Those that exist, in no particular order."""
        return self._read(ids, WHOLE)

    def standing(self, ids: Sequence[UUID]) -> list[Job]:
        """As ``find``, without payloads, results and errors: where jobs stand, for Redis."""
        return self._read(ids, ", NULL, NULL, NULL")

    def shown(self, ids: Sequence[UUID]) -> list[Job]:
        """As ``find``, in the form for lists and watchers: payloads and results over 4 KB come as None, errors too."""
        return self._read(ids, INLINE)

    def _read(self, ids: Sequence[UUID], large_columns: LiteralString) -> list[Job]:
        return as_jobs(
            self._database.fetch(
                "SELECT "
                + JOB
                + large_columns
                + " FROM jobs AS job WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)s AND %(last)s",
                bounded(ids),
            )
        )

    def get(self, job_id: UUID) -> Job:
        """Raises JobNotFound."""
        for job in self.find([job_id]):
            return job
        raise JobNotFound(job_id)

    def unfinished(self, after: Place, older_than: timedelta, limit: int) -> list[Job]:
        """By queue and id, which is the order of the index that leaves out what is finished.

        after: exclusive. older_than: since they were created.
        """
        statement: LiteralString = (
            "SELECT " + JOB + ", NULL, NULL, NULL" + IN_QUEUE + "AND created_at < now() - %(older_than)s" + IN_ORDER
        )
        return as_jobs(page_after(self._database.fetch, statement, after, limit, {"older_than": older_than}))

    def unfinished_since(self, after: UUID, older_than: timedelta, limit: int) -> list[Job]:
        """The same, by id alone: for the few youngest."""
        return as_jobs(
            self._database.fetch(
                "SELECT "
                + JOB
                + """, NULL, NULL, NULL
                  FROM jobs AS job
                 WHERE id > %(after)s AND finished_at IS NULL
                   AND created_at < now() - %(older_than)s
                 ORDER BY id
                 LIMIT %(limit)s
                """,
                {"after": after, "older_than": older_than, "limit": limit},
            )
        )
