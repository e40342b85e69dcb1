"""Jobs that wait for other jobs: who waits for whom, and who need not wait any longer.

Whether a BLOCKED job may go is read from the rows that it depends on, each time anew; nothing is counted. So it does not matter
who asks, how often or in which order, as long as somebody asks after the last of them has ended. Two do, each after its own
commit: whoever ends a job asks for those that wait for it, and whoever submits a job that waits asks for that one. Whichever
commits last sees what the other has written. What a crash leaves unasked, ``Maintenance`` asks.

A job knows whether others wait for it (``has_dependents``): their submit writes that into its row, and the statement that ends it
reads it there. One of the two has the row's lock first, so that nobody is missed, and for all others there is nothing to find.
Whoever locks several rows does it in the order of their ids: a submit those that it marks, a batch those that it ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import LiteralString, NamedTuple
from uuid import UUID

import msgspec

from chalicelib.errors import JobNotFound
from chalicelib.jobs import Job, JobStatus, RawId
from chalicelib.store.arrays import texts, uuids
from chalicelib.store.database import Database
from chalicelib.store.rows import INLINE, JOB, KEPT, KEPT_ERRORS, STAMP, as_jobs, bounded, bounded_raw
from chalicelib.store.tallies import COUNTED

PAGE = 1_000
MOST_PAGES = 20  # that are let go after one change: outcomes, or who called, must not wait for a whole chain
SHOWN = 100  # of the jobs that wait for one


class Relative(msgspec.Struct, frozen=True):
    """A job that another one waits for, or that waits for it. standing: None where it was pruned."""

    id: UUID
    standing: Standing | None


class Standing(NamedTuple):
    """waits: its time is still to come."""

    job_type: str
    status: JobStatus
    attempt: int
    waits: bool


class Waiting(NamedTuple):
    """A BLOCKED job that is locked."""

    id: UUID
    depends_on: list[UUID]
    runs_anyway: bool


class DependencyStore:
    """Lets jobs go, or ends them, once those are through that they wait for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def release(self, ids: Sequence[UUID], *, fails: bool = True) -> list[Job]:
        """Those of them that wait no longer: QUEUED, or FAILED where one that they depend on ended badly.

        fails: False leaves the latter as they are, for the next who looks. First the rows are locked; what they depend on is read
        by a statement of its own, which sees all that was committed while we waited for the locks.
        """
        if not ids:
            return []
        with self._database.together() as together:
            waiting = _locked(together, ids)
            others = _others(together, {each for job in waiting for each in job.depends_on})
            reasons = {job.id: _reason(job, others) for job in waiting if not _has_to_wait(job, others)}
            return _moved(together, {job_id: reason for job_id, reason in reasons.items() if fails or reason is None})

    def released(self, ids: Sequence[UUID], most: int = MOST_PAGES, *, fails: bool = True) -> Iterator[list[Job]]:
        """``release`` in pages, and what the ends of those move that fail. most: pages with news; ``Maintenance`` finds the rest:
        where the first of a long chain fails, each page is one job."""
        pages = (ids[start : start + PAGE] for start in range(0, len(ids), PAGE))
        return islice(self._moved_by(pages, fails=fails), most)

    def released_by(self, ended: Sequence[RawId], most: int = MOST_PAGES) -> Iterator[list[Job]]:
        """The same for those that wait for jobs that have ended."""
        return islice(self._moved_by(self._waiting_for(ended)), most)

    def _moved_by(self, pages: Iterable[Sequence[UUID]], *, fails: bool = True) -> Iterator[list[Job]]:
        """Level by level: a chain may be longer than Python's stack is high."""
        ended: list[RawId] | None = None
        while ended is None or ended:
            ended = []
            for page in pages:
                moved = self.release(page, fails=fails)
                ended += with_dependents(moved)
                if moved:
                    yield moved
            pages = self._waiting_for(ended)

    def _waiting_for(self, ids: Sequence[RawId]) -> Iterator[list[UUID]]:
        """In pages, each page's in the order of ids."""
        after = UUID(int=0)
        while ids and (page := self._dependents(ids, after, PAGE)):
            yield page
            after = page[-1]

    def _dependents(self, ids: Sequence[RawId], after: UUID, limit: int) -> list[UUID]:
        rows = self._database.fetch(
            """
            SELECT DISTINCT dependent_id
              FROM job_dependents
             WHERE job_id = ANY(%(ids)b) AND job_id BETWEEN %(first)s AND %(last)s AND dependent_id > %(after)s
             ORDER BY dependent_id
             LIMIT %(limit)s
            """,
            {**bounded_raw(ids), "after": after, "limit": limit},
        )
        return [dependent_id for (dependent_id,) in rows]

    def named_by(self, job_id: UUID) -> list[UUID]:
        """What it depends on. Raises JobNotFound."""
        query: LiteralString = "SELECT coalesce(depends_on, '{}') FROM jobs WHERE id = %(id)s"
        for (named,) in self._database.fetch(query, {"id": job_id}):
            return list(named)
        raise JobNotFound(job_id)

    def dependents(self, job_id: UUID) -> list[Relative]:
        """The first that wait for a job, or did."""
        return self.relatives(self._dependents([job_id.bytes], UUID(int=0), SHOWN + 1))

    def relatives(self, ids: Sequence[UUID]) -> list[Relative]:
        """In the order given."""
        if not ids:
            return []
        rows = self._database.fetch(
            """
            SELECT id, job_type, status, attempt, run_at > now()
              FROM jobs
             WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)s AND %(last)s
            """,
            bounded(ids),
        )
        known = {row[0]: Standing(row[1], JobStatus(row[2]), *row[3:]) for row in rows}
        return [Relative(job_id, known.get(job_id)) for job_id in ids]


def with_dependents(jobs: Iterable[Job]) -> list[RawId]:
    """Of jobs that were moved, those whose end is news to others."""
    return [job.raw_id for job in jobs if job.finished_at is not None and job.has_dependents]


def _locked(together: Database, ids: Sequence[UUID]) -> list[Waiting]:
    rows = together.fetch(
        """
        SELECT id, coalesce(depends_on, '{}'), runs_anyway
          FROM jobs
         WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)s AND %(last)s AND status = 'BLOCKED'
         ORDER BY id
           FOR NO KEY UPDATE
        """,
        bounded(ids),
    )
    return [Waiting(*row) for row in rows]


def _others(together: Database, ids: Collection[UUID]) -> dict[UUID, str | None]:
    """How those ended that ended badly; None: not yet. One that is not there was pruned, long after its end: a bad one would have
    failed those that wait for it."""
    if not ids:
        return {}
    rows = together.fetch(
        """
        SELECT id, ended_badly
          FROM jobs
         WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)s AND %(last)s AND (finished_at IS NULL OR ended_badly IS NOT NULL)
        """,
        bounded([*ids]),
    )
    return dict(rows)


def _reason(job: Waiting, others: Mapping[UUID, str | None]) -> str | None:
    """Why it can never run."""
    for each in job.depends_on if not job.runs_anyway else []:
        if how := others.get(each):
            return f"job {each}, on which it depends, {_HOW[how]}"
    return None


_HOW = {"FAILED": "failed", "CANCELLED": "was cancelled"}


def _has_to_wait(job: Waiting, others: Mapping[UUID, str | None]) -> bool:
    return _reason(job, others) is None and any(each in others and others[each] is None for each in job.depends_on)


def _moved(together: Database, reasons: Mapping[UUID, str | None]) -> list[Job]:
    """By job why it fails; None: it does not, and goes."""
    if not reasons:
        return []
    rows = together.fetch(
        """
        WITH changed AS (
        UPDATE jobs AS job
           SET status = CASE WHEN new.reason IS NULL THEN 'QUEUED' ELSE 'FAILED' END, version = version + 1,
               run_at = CASE WHEN new.reason IS NULL THEN greatest(run_at, now()) ELSE run_at END,
               finished_at = CASE WHEN new.reason IS NOT NULL THEN now() END, error = new.reason,
               errors = CASE WHEN new.reason IS NULL THEN errors
                             ELSE """
        + KEPT
        + """ || jsonb_build_object('attempt', attempt, 'type', 'DependencyFailed', 'message', new.reason,
                                    'traceback', '', 'at', """
        + STAMP
        + """) END
          FROM unnest(%(each)b, %(reasons)b) AS new (id, reason)
         WHERE job.id = new.id AND job.id BETWEEN %(first)s AND %(last)s
        RETURNING """
        + JOB
        + INLINE
        + ")"
        + COUNTED
        + " SELECT * FROM changed",
        {
            **bounded([*reasons]),
            "each": uuids([job_id.bytes for job_id in reasons]),
            "reasons": texts([*reasons.values()]),
            "kept": KEPT_ERRORS,
        },
    )
    return as_jobs(rows)
