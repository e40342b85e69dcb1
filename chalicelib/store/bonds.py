"""New jobs and those that they depend on: what is written of that (``store.dependencies`` reads it)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from chalicelib.errors import UnknownDependency
from chalicelib.jobs import Job, NewJob
from chalicelib.store.arrays import texts, uuids
from chalicelib.store.database import Database
from chalicelib.store.rows import JOB, as_jobs, bounded


class Bonds:
    """On the transaction that inserts the jobs of a submit. asked: all of it, also what others stand for."""

    def __init__(self, together: Database, asked: Sequence[NewJob]) -> None:
        self._database = together
        self._places = {job.id: at for at, job in enumerate(asked)}

    def mark(self, jobs: Sequence[NewJob]) -> None:
        """Say in the rows of those that are there already that others wait for them. Raises UnknownDependency."""
        wanted = {each for job in jobs for each in job.depends_on} - {job.id for job in jobs}
        missing = wanted - self._marked(wanted)
        if missing:
            strangers = {self._places[job.id]: each for job in jobs for each in job.depends_on if each in missing}
            raise UnknownDependency(strangers)

    def _marked(self, ids: Collection[UUID]) -> set[UUID]:
        """Those that exist. In the order of ids, so that no two submits wait for each other."""
        if not ids:
            return set()
        rows = self._database.fetch(
            """
            SELECT id
              FROM jobs
             WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)s AND %(last)s
             ORDER BY id
               FOR NO KEY UPDATE
            """,
            bounded([*ids]),
        )
        self._mark([*ids])
        return {job_id for (job_id,) in rows}

    def _mark(self, ids: Sequence[UUID]) -> None:
        self._database.count(
            """
            UPDATE jobs SET has_dependents = true
             WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)s AND %(last)s AND NOT has_dependents
            """,
            bounded(ids),
        )

    def tie(self, jobs: Sequence[NewJob], inserted: Sequence[Job]) -> list[Job]:
        """Make those BLOCKED that depend on others. Returns the inserted jobs as they are now, in their order."""
        tied = [job for job in jobs if job.depends_on]
        if not tied:
            return [*inserted]
        own = {job.id for job in jobs}.intersection(each for job in tied for each in job.depends_on)
        if own:
            self._mark([*own])
        self._note(tied)
        blocked = self._block(tied)
        return [blocked.get(job.id, job) for job in inserted]

    def _note(self, tied: Sequence[NewJob]) -> None:
        pairs = [(each, job.id) for job in tied for each in job.depends_on]
        self._database.count(
            """
            INSERT INTO job_dependents (job_id, dependent_id)
            SELECT job_id, dependent_id FROM unnest(%(ids)b, %(dependents)b) AS new (job_id, dependent_id)
            """,
            {"ids": uuids([one.bytes for one, _ in pairs]), "dependents": uuids([other.bytes for _, other in pairs])},
        )

    def _block(self, tied: Sequence[NewJob]) -> Mapping[UUID, Job]:
        rows = self._database.fetch(
            """
            UPDATE jobs AS job
               SET status = 'BLOCKED', depends_on = new.depends_on::uuid[], runs_anyway = new.runs_anyway
              FROM unnest(%(each)b, %(depends_on)b, %(runs_anyway)s::boolean[]) AS new (id, depends_on, runs_anyway)
             WHERE job.id = new.id AND job.id BETWEEN %(first)s AND %(last)s
            RETURNING """
            + JOB
            + ", job.payload, NULL, job.errors",
            {
                **bounded([job.id for job in tied]),
                "each": uuids([job.id.bytes for job in tied]),
                "depends_on": texts(["{" + ",".join(map(str, job.depends_on)) + "}" for job in tied]),
                "runs_anyway": [job.runs_anyway for job in tied],
            },
        )
        return {job.id: job for job in as_jobs(rows)}
