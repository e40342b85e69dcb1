"""The unique_jobs table: which job holds which key, or held it last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import LiteralString
from uuid import UUID

import msgspec

from chalicelib.jobs import JobStatus, NewJob
from chalicelib.store.arrays import byteas, floats, texts, uuids
from chalicelib.store.database import Database, Row
from chalicelib.store.rows import bounded
from chalicelib.uniqueness import OnConflict, Term

WAITING = frozenset({JobStatus.BLOCKED, JobStatus.QUEUED})
UNFINISHED = WAITING | {JobStatus.RUNNING}

PAGE = 1_000  # keys that pruning looks at in one transaction
FIRST_LOOK = timedelta(hours=1)  # after a submit
NEXT_LOOK = timedelta(days=1)  # for those that may hold a key for long

Firsts = Mapping[bytes, NewJob]  # the first of each key

# When a new holder's time is over, and when pruning looks.
_TERM: LiteralString = """
               CASE new.term WHEN 'time' THEN now() + make_interval(secs => new.seconds) END,
               CASE new.term WHEN 'time' THEN now() + make_interval(secs => new.seconds) ELSE now() + %(look_after)s END
"""


class Held(msgspec.Struct, frozen=True):
    """A key that an earlier job holds, or held. is_over: of a term that is a time."""

    key: bytes
    job_id: UUID
    term: str
    is_over: bool | None


class Holder(msgspec.Struct, frozen=True):
    """Who holds a key, or held it last. is_over: a term that is a time has ended."""

    job_id: UUID
    job_type: str
    status: JobStatus
    term: Term
    is_over: bool

    @property
    def holds(self) -> bool:
        if self.term is Term.TIME:
            return not self.is_over
        return self.status in (WAITING if self.term is Term.QUEUED else UNFINISHED)

    def why_it_stays(self, job_type: str, on_conflict: OnConflict) -> str | None:
        """What keeps a submit of this job type from changing it. None: nothing does."""
        if on_conflict is OnConflict.RETURN:
            return None
        if self.status not in WAITING:
            return f"it is {self.status}"
        if on_conflict.changes_payload and self.job_type != job_type:
            return f"it is a {self.job_type}"
        return None


class Holders:
    """On a transaction, which keeps the locks."""

    def __init__(self, together: Database) -> None:
        self._database = together

    def lock(self, firsts: Firsts) -> list[Held]:
        """Make the keys these jobs', until the end of the transaction. Returns those that others had before."""
        if not firsts:
            return []
        rows = self._database.fetch(
            """
            INSERT INTO unique_jobs AS held (key, job_id, term, expires_at, check_at)
            SELECT new.key, new.job_id, new.term, """
            + _TERM
            + """
              FROM unnest(%(keys)b, %(ids)b, %(terms)b, %(seconds)b) AS new (key, job_id, term, seconds)
             ORDER BY new.key
            ON CONFLICT (key) DO UPDATE SET key = excluded.key
            RETURNING held.key, held.job_id, held.term, held.expires_at <= now()
            """,
            _columns(firsts.values()),
        )
        return [row for row in (Held(*row) for row in rows) if row.job_id != firsts[row.key].id]

    def known(self, held: Sequence[Held], firsts: Firsts) -> dict[bytes, Holder]:
        """By key, the jobs that still have a row. Those that are to be changed are locked, so that no worker starts them."""
        rows = self._standing([row.job_id for row in held if changes_another(firsts[row.key])], " FOR NO KEY UPDATE")
        rows |= self._standing([row.job_id for row in held if not changes_another(firsts[row.key])])
        return {row.key: _holder(row, *rows[row.job_id]) for row in held if row.job_id in rows}

    def _standing(self, ids: Sequence[UUID], lock: LiteralString = "") -> dict[UUID, Row]:
        """Job types and statuses."""
        if not ids:
            return {}
        rows = self._database.fetch(
            """
            SELECT id, job_type, status
              FROM jobs
             WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)s AND %(last)s
             ORDER BY id"""
            + lock,
            bounded(ids),
        )
        return {row[0]: row[1:] for row in rows}

    def move(self, jobs: Sequence[NewJob]) -> None:
        """Give these jobs the keys of which others have let go."""
        if not jobs:
            return
        self._database.count(
            """
            UPDATE unique_jobs AS held
               SET job_id = new.job_id, term = new.term, (expires_at, check_at) = (SELECT """
            + _TERM
            + """)
              FROM unnest(%(keys)b, %(ids)b, %(terms)b, %(seconds)b) AS new (key, job_id, term, seconds)
             WHERE held.key = new.key
            """,
            _columns(jobs),
        )

    def prune(self, page: int) -> tuple[int, int]:
        """How many keys were looked at, and how many of them were forgotten: those that nobody can hold again.

        They are locked first, and their jobs read by another statement: see ``store.admissions``.
        """
        rows = self._database.fetch(
            """
            SELECT key, job_id
              FROM unique_jobs
             WHERE check_at <= now()
             ORDER BY check_at
             LIMIT %(page)s
               FOR UPDATE SKIP LOCKED
            """,
            {"page": page},
        )
        forgotten = self._forget(rows) if rows else 0
        return len(rows), forgotten

    def _forget(self, rows: Sequence[Row]) -> int:
        keys = byteas([key for key, _ in rows])
        forgotten = self._database.count(
            """
            DELETE FROM unique_jobs AS held
             WHERE held.key = ANY(%(keys)b)
               AND (   held.expires_at <= now()
                    OR NOT EXISTS (SELECT
                                     FROM jobs AS job
                                    WHERE job.id = held.job_id AND job.id BETWEEN %(first)s AND %(last)s
                                      AND (job.status <> 'COMPLETED' OR held.term = 'time')))
            """,
            {**bounded([job_id for _, job_id in rows]), "keys": keys},
        )
        self._database.count(
            "UPDATE unique_jobs SET check_at = now() + %(look_after)s WHERE key = ANY(%(keys)b)",
            {"keys": keys, "look_after": NEXT_LOOK},
        )
        return forgotten


def changes_another(job: NewJob) -> bool:
    """Whether it is to change the job that holds its key."""
    return job.unique is not None and job.unique.on_conflict is not OnConflict.RETURN


def _holder(row: Held, job_type: str, status: str) -> Holder:
    return Holder(row.job_id, job_type, JobStatus(status), Term(row.term), bool(row.is_over))


def _columns(jobs: Iterable[NewJob]) -> dict[str, object]:
    """By parameter."""
    said = [(job, job.unique) for job in jobs if job.unique is not None]
    return {
        "keys": byteas([unique.key for _, unique in said]),
        "ids": uuids([job.id.bytes for job, _ in said]),
        "terms": texts([unique.term for _, unique in said]),
        "seconds": floats([unique.seconds for _, unique in said]),
        "look_after": FIRST_LOOK,
    }
