"""Jobs that wait for other jobs: who waits for whom, and who need not wait any longer.

Whether a BLOCKED job may go is read from the rows that it depends on, each time anew; nothing is counted. So it does not matter
who asks, how often or in which order, as long as somebody asks after the last of them has ended. Two do, each after its own
commit: whoever ends a job asks for those that wait for it, and whoever submits a job that waits asks for that one. Whichever
commits last sees what the other has written. What a crash leaves unasked, ``Maintenance`` asks.

A job knows whether others wait for it (``has_dependents``): their submit writes that into its row, and the statement that ends it
reads it there. One of the two has the row's lock first, so that nobody is missed, and a job that nobody waits for costs nothing.
A submit that marks several jobs may meet a batch that ends them in another order: then Postgres refuses one of both after a
second, and it is done again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import LiteralString, NamedTuple
from uuid import UUID

import msgspec

from chalicelib.jobs import Job, JobStatus, RawId
from chalicelib.store.database import Database
from chalicelib.store.rows import INLINE, JOB, KEPT, KEPT_ERRORS, STAMP, as_jobs, bounded, bounded_raw
from chalicelib.store.tallies import COUNTED

PAGE = 1_000
SHOWN = 100  # of the jobs that wait for one

# What becomes of jobs that wait: how many they wait for, and why they can never run. A row that is not there any more has ended
# so long ago that it was pruned: had it ended badly, the job would have failed then.
_FATE: LiteralString = """
    SELECT waiting.id, count(*) FILTER (WHERE other.id IS NOT NULL AND other.finished_at IS NULL) AS unfinished,
           min('job ' || other.id || ', on which it depends, '
               || CASE other.status WHEN 'FAILED' THEN 'failed' ELSE 'was cancelled' END)
               FILTER (WHERE other.status IN ('FAILED', 'CANCELLED') AND NOT waiting.runs_anyway) AS reason
      FROM jobs AS waiting
      LEFT JOIN LATERAL unnest(waiting.depends_on) AS named (id) ON true
      LEFT JOIN jobs AS other ON other.id = named.id
     WHERE waiting.id = ANY(%(ids)b) AND waiting.id BETWEEN %(first)s AND %(last)s AND waiting.status = 'BLOCKED'
     GROUP BY waiting.id
"""


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


class DependencyStore:
    """Lets jobs go, or ends them, once those are through that they wait for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def release(self, ids: Sequence[UUID]) -> list[Job]:
        """Those of them that wait no longer: QUEUED, or FAILED where one that they depend on ended badly."""
        if not ids:
            return []
        rows = self._database.fetch(
            """
            WITH changed AS (
            UPDATE jobs AS job
               SET status = CASE WHEN fate.reason IS NULL THEN 'QUEUED' ELSE 'FAILED' END, version = version + 1,
                   run_at = CASE WHEN fate.reason IS NULL THEN greatest(run_at, now()) ELSE run_at END,
                   finished_at = CASE WHEN fate.reason IS NOT NULL THEN now() END, error = fate.reason,
                   errors = CASE WHEN fate.reason IS NULL THEN errors
                                 ELSE """
            + KEPT
            + """ || jsonb_build_object('attempt', attempt, 'type', 'DependencyFailed', 'message', fate.reason,
                                        'traceback', '', 'at', """
            + STAMP
            + ") END FROM ("
            + _FATE
            + """) AS fate
             WHERE job.id = fate.id AND job.id = ANY(%(ids)b) AND job.id BETWEEN %(first)s AND %(last)s AND job.status = 'BLOCKED'
               AND (fate.reason IS NOT NULL OR fate.unfinished = 0)
            RETURNING """
            + JOB
            + INLINE
            + ")"
            + COUNTED
            + " SELECT * FROM changed",
            {**bounded(ids), "kept": KEPT_ERRORS},
        )
        return as_jobs(rows)

    def released(self, ids: Sequence[UUID]) -> Iterator[list[Job]]:
        """``release`` in pages, and what the ends of those move that fail."""
        return self._moved(ids[start : start + PAGE] for start in range(0, len(ids), PAGE))

    def released_by(self, ended: Sequence[RawId]) -> Iterator[list[Job]]:
        """The same for those that wait for jobs that have ended. Who does not ask for all of it leaves the rest to
        ``Maintenance``: where the first of a long chain fails, each page is one job."""
        return self._moved(self._waiting_for(ended))

    def _moved(self, pages: Iterable[Sequence[UUID]]) -> Iterator[list[Job]]:
        """Level by level: a chain may be longer than Python's stack is high."""
        ended: list[RawId] | None = None
        while ended is None or ended:
            ended = []
            for page in pages:
                moved = self.release(page)
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
