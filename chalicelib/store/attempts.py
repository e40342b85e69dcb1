"""The jobs table: the moves of attempts, as workers make them. ``attempt`` is the fencing token of every one. What ends
attempts adds to the statistics in the same statement.

What succeeds goes the short way: ``claim`` returns what it takes to run a job and no more, ``complete`` returns a number.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

import msgspec

from chalicelib.jobs import ClaimedJob, Completed, Job, Progress, RawId, Settlement
from chalicelib.store.arrays import ints, jsons
from chalicelib.store.database import Database
from chalicelib.store.rows import JOB, KEPT, KEPT_ERRORS, STAMP, WIRE, as_jobs, bounded, bounded_raw
from chalicelib.store.settlements import columns, storable
from chalicelib.store.tallies import ADDED, COUNTED, SHARDS, TALLIES
from chalicelib.store.tallies import columns as tallied_columns
from chalicelib.tallies import Tally, of_completed, of_settled

MAX_CRASHES = 3  # a job whose worker died this often is taken to be what kills them

# When the attempt that ends started, and where: as its row still says.
_RAN: LiteralString = "'started_at', to_char(started_at" + WIRE + ", 'worker_id', worker_id"

# What is written down of an attempt whose worker vanished.
_CRASHES: LiteralString = (
    """crashes = CASE status WHEN 'RUNNING' THEN crashes + 1 ELSE crashes END,
                   errors = CASE status WHEN 'RUNNING' THEN """
    + KEPT
    + """ || jsonb_build_object('attempt', attempt, 'type', 'WorkerCrashed', 'traceback', '',
                         'message', 'its worker ' || worker_id || ' vanished', 'at', """
    + STAMP
    + ", "
    + _RAN
    + ") ELSE errors END"
)

# That an attempt is ours. The status is spelled so that the planner cannot count on it: rows are claimed and settled faster
# than they are analysed, and where its statistics know of no RUNNING row, it joins them with a loop in a loop.
_OURS: LiteralString = """job.id = held.id AND job.id BETWEEN %(first)s AND %(last)s AND job.attempt = held.attempt
               AND job.status = CASE WHEN held.attempt > 0 THEN 'RUNNING' END"""


class Renewal(msgspec.Struct, frozen=True):
    """An attempt that is still ours, until ``lease_expires_at``."""

    job_id: UUID
    attempt: int
    lease_expires_at: datetime
    must_end: bool  # somebody asked for its end


class Done(msgspec.Struct, frozen=True):
    """What became of results. count: how many are recorded; awaited: of which jobs others wait for the end."""

    count: int
    awaited: list[RawId]


class AttemptStore:
    """Starts attempts, keeps them, and records how they ended."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shard = random.randrange(SHARDS)

    def claim(self, ids: Sequence[RawId], worker_id: str, lease: timedelta, fits: timedelta) -> list[ClaimedJob]:
        """Start what is due, and what was left by a worker whose lease is over. A job missing from the answer stays as it is.

        fits: jobs that may run longer are left alone. A job whose workers keep dying, or that somebody cancelled, is left
        to ``bury``.
        """
        rows = self._database.fetch(
            """
            UPDATE jobs AS job
               SET status = 'RUNNING', version = version + 1, attempt = attempt + 1, worker_id = %(worker_id)s,
                   started_at = now(), lease_expires_at = now() + %(lease)s, progress = NULL,
                   """
            + _CRASHES
            + """
             WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)s AND %(last)s
               AND (   status = 'QUEUED' AND run_at <= now()
                    OR status = 'RUNNING' AND lease_expires_at <= now() AND crashes + 1 < %(max_crashes)s)
               AND timeout_seconds <= %(fits)s AND cancel_requested_at IS NULL
            RETURNING uuid_send(job.id), job.attempt, job.job_type, job.queue, job.priority, job.failures, job.max_attempts,
                      job.crashes, job.timeout_seconds, job.backoff, job.payload, date_part('epoch', now() - job.run_at),
                      job.concurrency_key, job.scheduled_for
            """,
            {
                **bounded_raw(ids),
                "worker_id": worker_id,
                "lease": lease,
                "fits": fits.total_seconds(),
                "max_crashes": MAX_CRASHES,
                "kept": KEPT_ERRORS,
            },
        )
        return [ClaimedJob(*row) for row in rows]

    def disown(self, ids: Sequence[UUID], worker_id: str) -> list[Job]:
        """Give back what we may have claimed without hearing of it: the answer to our claim was lost."""
        return as_jobs(
            self._database.fetch(
                """
                UPDATE jobs AS job
                   SET status = 'QUEUED', version = version + 1, lease_expires_at = NULL
                 WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)s AND %(last)s
                   AND status = 'RUNNING' AND worker_id = %(worker_id)s
                RETURNING """
                + JOB
                + ", NULL, NULL, NULL",
                {**bounded(ids), "worker_id": worker_id},
            )
        )

    def bury(self, ids: Sequence[UUID]) -> list[UUID]:
        """End what no worker may claim any more: its last allowed worker vanished too, or it vanished with a cancelled job."""
        rows = self._database.fetch(
            """
            WITH changed AS (
            UPDATE jobs AS job
               SET status = CASE WHEN cancel_requested_at IS NULL THEN 'FAILED' ELSE 'CANCELLED' END,
                   version = version + 1, finished_at = now(), lease_expires_at = NULL,
                   error = CASE WHEN cancel_requested_at IS NULL THEN %(message)s ELSE error END,
                   """
            + _CRASHES
            + """
             WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)s AND %(last)s
               AND (   status = 'RUNNING' AND lease_expires_at <= now()
                       AND (crashes + 1 >= %(max_crashes)s OR cancel_requested_at IS NOT NULL)
                    OR status = 'QUEUED' AND cancel_requested_at IS NOT NULL)
            RETURNING job.id, job.queue, job.job_type, job.status)"""
            + COUNTED
            + " SELECT id FROM changed",
            {
                **bounded(ids),
                "max_crashes": MAX_CRASHES,
                "kept": KEPT_ERRORS,
                "message": f"its worker vanished {MAX_CRASHES} times while running it",
            },
        )
        return [job_id for (job_id,) in rows]

    def complete(self, jobs: Sequence[ClaimedJob], results: Sequence[bytes], ran: Sequence[float] = ()) -> Done:
        """Record results. Where some are missing, ask ``find`` what became of them.

        A job that somebody asked to end is not completed: it takes a ``Cancelled``. ran: seconds, for the statistics.
        """
        ((count, ids, awaited),) = self._database.fetch(
            """
            WITH done AS (
            UPDATE jobs AS job
               SET status = 'COMPLETED', version = version + 1, result = held.result, finished_at = now(),
                   lease_expires_at = NULL, error = NULL, progress = NULL
              FROM unnest(%(ids)b, %(attempts)b, %(results)b) AS held (id, attempt, result)
             WHERE """
            + _OURS
            + """ AND job.cancel_requested_at IS NULL
            RETURNING job.id, job.has_dependents), all_done AS MATERIALIZED (SELECT count(*) FROM done), counted AS ("""
            + TALLIES
            + " WHERE (SELECT count FROM all_done) = %(count)s"
            + ADDED
            + """)
            SELECT count, CASE WHEN count < %(count)s THEN ARRAY(SELECT uuid_send(id) FROM done) END,
                   ARRAY(SELECT uuid_send(id) FROM done WHERE has_dependents)
              FROM all_done
            """,
            {
                **_held(jobs),
                **self._tallied(of_completed(jobs, ran), len(jobs)),
                "results": jsons([storable(result) for result in results]),
            },
        )
        if ids:
            ours = set(ids)
            seconds: Sequence[float | None] = ran or [None] * len(jobs)
            ended = [Settlement(job, Completed(b""), each) for job, each in zip(jobs, seconds, strict=True)]
            self._count([each for each in ended if each.job.raw_id in ours])
        return Done(count, awaited)

    def settle(self, settlements: Sequence[Settlement]) -> list[Job]:
        """Record outcomes of any kind. A job missing from the answer was no longer ours, or takes nothing but a ``Cancelled``."""
        settled = as_jobs(
            self._database.fetch(
                """
                WITH changed AS (
                UPDATE jobs AS job
                   SET status = held.status, version = version + 1, result = held.result, lease_expires_at = NULL,
                       finished_at = CASE held.status WHEN 'QUEUED' THEN NULL ELSE now() END,
                       run_at = coalesce(now() + held.delay, run_at),
                       failures = failures + CASE WHEN held.error IS NULL THEN 0 ELSE 1 END,
                       error = CASE held.status WHEN 'COMPLETED' THEN NULL
                                                ELSE coalesce(held.error ->> 'message', job.error) END,
                       progress = CASE held.status WHEN 'COMPLETED' THEN NULL ELSE job.progress END,
                       errors = CASE WHEN held.error IS NULL THEN errors
                                     ELSE """
                + KEPT
                + """ || (held.error || jsonb_build_object('attempt', job.attempt, 'at', (SELECT """
                + STAMP  # in a query of its own, which is asked once for all rows
                + "), "
                + _RAN
                + """)) END
                  FROM unnest(%(ids)b, %(attempts)b, %(statuses)b, %(delays)b::interval[], %(results)b,
                              %(errors)b::text[]::jsonb[])
                    AS held (id, attempt, status, delay, result, error)
                 WHERE """
                + _OURS
                + """
                   AND (job.cancel_requested_at IS NULL OR held.status = 'CANCELLED')
                RETURNING """
                + JOB
                + ", NULL, NULL, NULL), counted AS ("
                + TALLIES
                + " WHERE (SELECT count(*) FROM changed) = %(count)s"
                + ADDED
                + ") SELECT * FROM changed",
                {
                    **_held([each.job for each in settlements]),
                    **columns(settlements),
                    **self._tallied(of_settled(settlements), len(settlements)),
                    "kept": KEPT_ERRORS,
                },
            )
        )
        if len(settled) < len(settlements):
            ours = {(job.id, job.attempt) for job in settled}
            self._count([each for each in settlements if (each.job.id, each.job.attempt) in ours])
        return settled

    def _count(self, settlements: Sequence[Settlement]) -> None:
        """Those of a batch that were ours, where others were not."""
        tallies = of_settled(settlements)
        if tallies:
            self._database.count(TALLIES + ADDED, self._tallied(tallies, len(settlements)))

    def _tallied(self, tallies: Sequence[Tally], count: int) -> dict[str, object]:
        return {**tallied_columns(tallies, self._shard), "count": count}

    def renew(self, jobs: Sequence[ClaimedJob], lease: timedelta) -> list[Renewal]:
        """Keep running attempts ours. A job missing from the answer is not: stop it."""
        rows = self._database.fetch(
            """
            UPDATE jobs AS job
               SET lease_expires_at = now() + %(lease)s
              FROM unnest(%(ids)b, %(attempts)b) AS held (id, attempt)
             WHERE """
            + _OURS
            + """
            RETURNING job.id, job.attempt, job.lease_expires_at, job.cancel_requested_at IS NOT NULL
            """,
            {**_held(jobs), "lease": lease},
        )
        return [Renewal(*row) for row in rows]

    def report(self, reports: Sequence[tuple[ClaimedJob, Progress]]) -> list[UUID]:
        """Record how far running attempts are. A new version, so that watchers take it as news."""
        rows = self._database.fetch(
            """
            UPDATE jobs AS job
               SET progress = held.progress, version = version + 1
              FROM unnest(%(ids)b, %(attempts)b, %(progress)b::text[]::jsonb[]) AS held (id, attempt, progress)
             WHERE """
            + _OURS
            + """
            RETURNING job.id
            """,
            {
                **_held([job for job, _ in reports]),
                "progress": [storable(msgspec.json.encode(progress)).decode() for _, progress in reports],
            },
        )
        return [job_id for (job_id,) in rows]


def _held(jobs: Sequence[ClaimedJob]) -> dict[str, object]:
    return {
        **bounded_raw([job.raw_id for job in jobs]),
        "attempts": ints([job.attempt for job in jobs]),
    }
