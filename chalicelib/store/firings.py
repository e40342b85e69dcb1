"""Schedules that are due, and the jobs that they submit.

Firing is one statement for many schedules: it moves them on, notes the runs, inserts their jobs and cancels what they replace.
So a crash loses nothing and doubles nothing, and of two that fire at once the second finds the schedule locked, or moved on.
Should a clock be set back, each time still has one run: ``schedule_runs`` says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString

import msgspec
from uuid_utils.compat import uuid7

from chalicelib.errors import ScheduleNotFound
from chalicelib.jobs import Job
from chalicelib.schedules import DueSchedule, Firing, Misfire, Overlap, RunKind
from chalicelib.store.arrays import Uuids, ints, texts, uuids
from chalicelib.store.database import Database, Row
from chalicelib.store.rows import CANCEL, JOB, MAY_CANCEL, WHOLE, as_jobs
from chalicelib.store.schedule_rows import TIMING, as_timing
from chalicelib.store.tallies import COUNTED

_LOOKED_BACK: LiteralString = "10"  # runs whose jobs a new one may overlap with; no parameter: the plan depends on it
TAG = "schedule:"  # and the schedule's name: on each of its jobs

Place = tuple[datetime, str]  # a time, and the name of a schedule that is due then


class Fired(msgspec.Struct, frozen=True):
    """count: schedules that were moved on. jobs: those submitted, and those cancelled for them."""

    count: int
    jobs: list[Job]


# Follows ``moved``, the schedules, and ``chosen``: their runs (name, run_at, job_id).
_SUBMITTED: LiteralString = """, run AS (
        INSERT INTO schedule_runs (schedule, run_at, job_id, kind)
        SELECT name, run_at, job_id, %(kind)s FROM chosen
        ON CONFLICT DO NOTHING
        RETURNING schedule AS name, run_at, job_id
    ), inserted AS (
        INSERT INTO jobs AS job
               (id, job_type, queue, status, priority, max_attempts, timeout_seconds, run_at, tags, payload, backoff,
                concurrency_key, schedule, scheduled_for)
        SELECT run.job_id, moved.job_type, moved.queue, 'QUEUED', moved.priority, moved.max_attempts, moved.timeout_seconds,
               now(), array_append(moved.tags, %(tag)s || name), moved.payload, moved.backoff, moved.concurrency_key, name,
               run.run_at
          FROM moved JOIN run USING (name)
        RETURNING job.*
    ), tagged AS (
        INSERT INTO job_tags (tag, job_id)
        SELECT DISTINCT tag, run.job_id
          FROM moved JOIN run USING (name), unnest(array_append(moved.tags, %(tag)s || name)) AS tag
    )
"""


class FiringStore:
    """Fires schedules."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, within: timedelta, limit: int, after: Place | None = None) -> list[DueSchedule]:
        """What is due, or will be soon, first things first. after: where the page before ended."""
        at, name = after or (None, "")
        rows = self._database.fetch(
            "SELECT name, version, created_at, misfire, overlap, catch_up, next_run_at, clock_timestamp(), "
            + TIMING
            + """
              FROM schedules AS schedule
             WHERE next_run_at <= now() + %(within)s
               AND (next_run_at, name) > (coalesce(%(at)s::timestamptz, '-infinity'), %(name)s)
             ORDER BY next_run_at, name
             LIMIT %(limit)s
            """,
            {"within": within, "limit": limit, "at": at, "name": name},
        )
        return [_due(*row) for row in rows]

    def fire(self, firings: Sequence[Firing]) -> Fired:
        """Submit their jobs, as far as their rules for overlaps let them, and move the schedules on.

        What changed since it was seen, or is in somebody's hands just now, is left out. Each is found by its name: thousands may
        be due at the same time, which for the index of what is due are all the same.
        """
        rows = self._database.fetch(
            """
            WITH due AS (
                SELECT schedule.name, new.following
                  FROM unnest(%(names)b, %(versions)b, %(seen)s::timestamptz[], %(followings)s::timestamptz[])
                    AS new (name, version, seen, following),
                       LATERAL (SELECT name FROM schedules
                                 WHERE name = new.name AND version = new.version
                                   AND next_run_at IS NOT DISTINCT FROM new.seen
                                   FOR NO KEY UPDATE SKIP LOCKED) AS schedule
            ), moved AS (
                UPDATE schedules AS schedule SET next_run_at = due.following FROM due WHERE schedule.name = due.name
                RETURNING schedule.*
            ), unfinished AS (
                SELECT moved.name, moved.overlap, job.id, job.attempt
                  FROM moved,
                       LATERAL (SELECT job_id FROM schedule_runs WHERE schedule = moved.name
                                 ORDER BY run_at DESC LIMIT """
            + _LOOKED_BACK
            + """) AS run,
                       LATERAL (SELECT id, attempt FROM jobs WHERE id = job_id AND finished_at IS NULL OFFSET 0) AS job
                 WHERE moved.overlap <> 'allow'
            ), chosen AS (
                SELECT new.name, new.run_at, new.job_id
                  FROM unnest(%(run_names)b, %(run_ats)s::timestamptz[], %(job_ids)b) AS new (name, run_at, job_id)
                  JOIN moved USING (name)
                 WHERE NOT EXISTS (SELECT FROM unfinished AS before
                                    WHERE before.name = new.name
                                      AND (before.overlap = 'skip' OR before.overlap = 'queue_one' AND before.attempt = 0))
            )"""
            + _SUBMITTED
            + """, replaced AS (
                SELECT id FROM unfinished JOIN run USING (name) WHERE overlap = 'cancel_previous' ORDER BY id
            ), changed AS (
                UPDATE jobs AS job"""
            + CANCEL
            + """
                 WHERE id = ANY(ARRAY(SELECT id FROM replaced))
                   AND id BETWEEN (SELECT id FROM replaced LIMIT 1) AND (SELECT id FROM replaced ORDER BY id DESC LIMIT 1)
                   AND """
            + MAY_CANCEL
            + """
                RETURNING job.*
            )"""
            + COUNTED
            + "SELECT (SELECT count(*) FROM moved), "
            + JOB
            + WHOLE
            + """
              FROM (VALUES (1)) AS one
              LEFT JOIN (SELECT * FROM inserted UNION ALL SELECT * FROM changed) AS job ON true
             ORDER BY job.id
            """,
            _fire_parameters(firings),
            is_planned_once=True,
        )
        return Fired(rows[0][0], _jobs([row[1:] for row in rows]))

    def submit(self, name: str, times: Sequence[datetime | None], kind: RunKind) -> list[Job]:
        """Submit a job for each of these times that has none, whatever else runs. None: now. Raises ScheduleNotFound."""
        rows = self._database.fetch(
            """
            WITH moved AS (
                SELECT * FROM schedules WHERE name = %(name)s FOR KEY SHARE
            ), chosen AS (
                SELECT moved.name, coalesce(new.run_at, clock_timestamp()) AS run_at, new.job_id
                  FROM moved, unnest(%(run_ats)s::timestamptz[], %(job_ids)b) AS new (run_at, job_id)
            )"""
            + _SUBMITTED
            + "SELECT moved.name, "
            + JOB
            + WHOLE
            + " FROM moved LEFT JOIN inserted AS job ON true ORDER BY job.id",
            {"name": name, "run_ats": [*times], "job_ids": _new_ids(len(times)), "tag": TAG, "kind": kind},
        )
        if not rows:
            raise ScheduleNotFound(name)
        return _jobs([row[1:] for row in rows])


def _due(*row: Any) -> DueSchedule:
    name, version, created_at, misfire, overlap, catch_up, next_run_at, now, *timing = row
    return DueSchedule(
        name,
        version,
        as_timing(*timing),
        created_at,
        Misfire(misfire),
        Overlap(overlap),
        catch_up,
        next_run_at,
        now,
    )


def _fire_parameters(firings: Sequence[Firing]) -> Mapping[str, Any]:
    runs = [(each.name, run_at) for each in firings for run_at in each.runs]
    return {
        "names": texts([each.name for each in firings]),
        "versions": ints([each.version for each in firings]),
        "seen": [each.seen for each in firings],
        "followings": [each.following for each in firings],
        "run_names": texts([name for name, _ in runs]),
        "run_ats": [run_at for _, run_at in runs],
        "job_ids": _new_ids(len(runs)),
        "tag": TAG,
        "kind": RunKind.TIME,
    }


def _new_ids(count: int) -> Uuids:
    return uuids([uuid7().bytes for _ in range(count)])


def _jobs(rows: Sequence[Row]) -> list[Job]:
    """Without those that are none."""
    return as_jobs(row for row in rows if row[0] is not None)
