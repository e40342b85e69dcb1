"""The schedules table, and which job was submitted for which time.

Firing is one statement: it moves the schedule on, notes the runs and inserts their jobs. So a crash loses nothing and doubles
nothing, and of two that fire at once the second finds that ``next_run_at`` is not what it saw. Should a clock be set back, each
time still has one run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString

import msgspec
from uuid_utils.compat import uuid7

from chalicelib.callers import Deed
from chalicelib.errors import ScheduleExists, ScheduleNotFound
from chalicelib.jobs import Job
from chalicelib.schedules import DueSchedule, Misfire, NewSchedule, Overlap, Schedule
from chalicelib.store.arrays import uuids
from chalicelib.store.audit import audit_row, audited
from chalicelib.store.database import Database, Row
from chalicelib.store.rows import JOB, as_jobs
from chalicelib.store.schedule_rows import COLUMNS, as_schedules

TAG = "schedule:"  # and the schedule's name: on each of its jobs

# What follows the choice of a schedule, in the same statement.
_RUN: LiteralString = (
    """, last AS (
        SELECT run.run_at, run.job_id
          FROM chosen JOIN schedule_runs AS run ON run.schedule = chosen.name
         ORDER BY run.run_at DESC LIMIT 1
    ), run AS (
        INSERT INTO schedule_runs (schedule, run_at, job_id)
        SELECT chosen.name, coalesce(new.run_at, clock_timestamp()), new.job_id
          FROM chosen, unnest(%(run_ats)s::timestamptz[], %(job_ids)b) AS new (run_at, job_id)
         WHERE %(overlaps)s OR chosen.overlap = 'allow' OR NOT EXISTS (
               SELECT FROM jobs JOIN last ON id = job_id WHERE finished_at IS NULL)
        ON CONFLICT DO NOTHING
        RETURNING job_id
    ), inserted AS (
        INSERT INTO jobs AS job
               (id, job_type, queue, status, priority, max_attempts, timeout_seconds, run_at, tags, payload, backoff)
        SELECT run.job_id, job_type, queue, 'QUEUED', priority, max_attempts, timeout_seconds, now(),
               array_append(tags, %(tag)s || name), payload, backoff
          FROM chosen, run
        RETURNING job.*
    ), tagged AS (
        INSERT INTO job_tags (tag, job_id)
        SELECT DISTINCT tag, run.job_id FROM chosen, run, unnest(array_append(tags, %(tag)s || name)) AS tag
    ), pruned AS (
        DELETE FROM schedule_runs AS old USING last, chosen
         WHERE old.schedule = chosen.name AND old.run_at < least(now() - interval '7 days', last.run_at)
    )
    SELECT """
    + JOB
    + """, job.payload, job.result, job.errors
      FROM chosen LEFT JOIN inserted AS job ON true
     ORDER BY job.id
    """
)


class ScheduleStore:
    """Reads, changes and fires schedules."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self) -> datetime:
        """By the clock that decides when a schedule is due."""
        now: datetime = self._database.fetch("SELECT now()")[0][0]
        return now

    def all(self) -> list[Schedule]:
        """By name."""
        return as_schedules(self._database.fetch("SELECT " + COLUMNS + " FROM schedules AS schedule ORDER BY name"))

    def get(self, name: str) -> Schedule:
        """Raises ScheduleNotFound."""
        query: LiteralString = "SELECT " + COLUMNS + " FROM schedules AS schedule WHERE name = %(name)s"
        return _one(name, self._database.fetch(query, {"name": name}))

    def insert(self, schedule: NewSchedule, deed: Deed | None = None) -> Schedule:
        """Raises ScheduleExists."""
        rows = self._database.fetch(
            audited(_INSERT + " ON CONFLICT DO NOTHING RETURNING name"), {**_parameters(schedule), **audit_row(deed)}
        )
        if not rows:
            raise ScheduleExists(schedule.name)
        return self.get(schedule.name)

    def put(self, schedule: NewSchedule, deed: Deed | None = None) -> Schedule:
        """Replace what has this name, or begin it. Where the times stay the same, one that is due meanwhile stays due."""
        self._database.fetch(
            audited(
                _INSERT
                + """
            ON CONFLICT (name) DO UPDATE
               SET cron = excluded.cron, timezone = excluded.timezone, job_type = excluded.job_type,
                   payload = excluded.payload, queue = excluded.queue, priority = excluded.priority,
                   max_attempts = excluded.max_attempts, timeout_seconds = excluded.timeout_seconds, tags = excluded.tags,
                   backoff = excluded.backoff, misfire = excluded.misfire, overlap = excluded.overlap,
                   paused = excluded.paused, updated_at = now(), version = old.version + 1,
                   next_run_at = CASE WHEN (old.cron, old.timezone, old.paused)
                                         = (excluded.cron, excluded.timezone, excluded.paused)
                                      THEN old.next_run_at ELSE excluded.next_run_at END
            RETURNING name
            """
            ),
            {**_parameters(schedule), **audit_row(deed)},
        )
        return self.get(schedule.name)

    def pause(self, name: str, deed: Deed | None = None) -> None:
        self._database.fetch(
            audited(
                """
                UPDATE schedules
                   SET paused = true, next_run_at = NULL, updated_at = now(), version = version + 1
                 WHERE name = %(name)s AND NOT paused
                RETURNING name
                """
            ),
            {"name": name, **audit_row(deed)},
        )

    def resume(self, seen: Schedule, next_run_at: datetime, deed: Deed | None = None) -> None:
        """Unless somebody changed it since it was seen."""
        self._database.fetch(
            audited(
                """
                UPDATE schedules
                   SET paused = false, next_run_at = %(next_run_at)s, updated_at = now(), version = version + 1
                 WHERE name = %(name)s AND paused AND version = %(version)s
                RETURNING name
                """
            ),
            {"name": seen.name, "version": seen.version, "next_run_at": next_run_at, **audit_row(deed)},
        )

    def delete(self, name: str, deed: Deed | None = None) -> None:
        """Its jobs stay. Raises ScheduleNotFound."""
        statement = audited("DELETE FROM schedules WHERE name = %(name)s RETURNING name")
        if not self._database.fetch(statement, {"name": name, **audit_row(deed)}):
            raise ScheduleNotFound(name)

    def due(self, within: timedelta, limit: int) -> list[DueSchedule]:
        """What is due, or will be soon, first things first."""
        rows = self._database.fetch(
            """
            SELECT name, cron, timezone, misfire, overlap, next_run_at, now()
              FROM schedules
             WHERE next_run_at <= now() + %(within)s
             ORDER BY next_run_at
             LIMIT %(limit)s
            """,
            {"within": within, "limit": limit},
        )
        return [
            DueSchedule(name, cron, timezone, Misfire(misfire), Overlap(overlap), next_run_at, now)
            for name, cron, timezone, misfire, overlap, next_run_at, now in rows
        ]

    def fire(self, due: DueSchedule, runs: Sequence[datetime], next_run_at: datetime | None) -> list[Job] | None:
        """Submit a job for each run, and move the schedule on. None: another one did. next_run_at None: it ends, as paused.

        Where jobs may not overlap and the last one is not finished, no job is submitted.
        """
        return _submitted(
            self._database.fetch(
                """
                WITH chosen AS (
                    UPDATE schedules SET next_run_at = %(next_run_at)s, paused = %(next_run_at)s::timestamptz IS NULL
                     WHERE name = %(name)s AND next_run_at = %(seen)s
                    RETURNING *
                )"""
                + _RUN,
                {
                    "name": due.name,
                    "seen": due.next_run_at,
                    "next_run_at": next_run_at,
                    "overlaps": False,
                    **_run_parameters(runs),
                },
                is_planned_once=True,
            )
        )

    def run_now(self, name: str) -> list[Job]:
        """Submit one more job, whether others run or not. Raises ScheduleNotFound."""
        jobs = _submitted(
            self._database.fetch(
                "WITH chosen AS (SELECT * FROM schedules WHERE name = %(name)s FOR KEY SHARE)" + _RUN,
                {"name": name, "overlaps": True, **_run_parameters([None])},
            )
        )
        if jobs is None:
            raise ScheduleNotFound(name)
        return jobs


_INSERT: LiteralString = """
    INSERT INTO schedules AS old
           (name, cron, timezone, job_type, payload, queue, priority, max_attempts, timeout_seconds, tags, backoff,
            misfire, overlap, paused, next_run_at)
    VALUES (%(name)s, %(cron)s, %(timezone)s, %(job_type)s, %(payload)s::json, %(queue)s, %(priority)s, %(max_attempts)s,
            %(timeout_seconds)s, %(tags)s::text[], %(backoff)s::json, %(misfire)s, %(overlap)s, %(paused)s, %(next_run_at)s)
"""


def _parameters(schedule: NewSchedule) -> Mapping[str, Any]:
    job = schedule.job
    return {
        **msgspec.structs.asdict(schedule),
        **msgspec.structs.asdict(job),
        "payload": bytes(job.payload).decode(),
        "backoff": None if job.backoff is None else msgspec.json.encode(job.backoff).decode(),
    }


def _run_parameters(run_ats: Sequence[datetime | None]) -> Mapping[str, Any]:
    """run_ats None: now."""
    return {"run_ats": [*run_ats], "job_ids": uuids([uuid7().bytes for _ in run_ats]), "tag": TAG}


def _submitted(rows: list[Row]) -> list[Job] | None:
    """None: no schedule was chosen."""
    return as_jobs(row for row in rows if row[0] is not None) if rows else None


def _one(name: str, rows: Iterable[Row]) -> Schedule:
    for schedule in as_schedules(rows):
        return schedule
    raise ScheduleNotFound(name)
