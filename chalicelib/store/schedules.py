"""The schedules table: what clients and declarations make of it. Firing is in ``store.firings``.

A change is made to what was seen, or not at all: whoever changes a schedule has computed its next time from what it read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import LiteralString

import msgspec

from chalicelib.callers import Deed
from chalicelib.errors import ScheduleExists, ScheduleNotFound
from chalicelib.figures import ScheduleFigures
from chalicelib.schedules import NewSchedule, Schedule, Source, State
from chalicelib.store.audit import audit_row, audited
from chalicelib.store.database import Database
from chalicelib.store.schedule_rows import COLUMNS, as_schedules, parameters
from chalicelib.store.schedule_runs import KEPT_FOR, MOST_KEPT

SURELY_KEPT_FOR = KEPT_FOR - timedelta(days=1)  # by whatever clock


class ScheduleFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which schedules. None: no condition. after: a name, exclusive."""

    state: State | None = None
    job_type: str | None = None
    queue: str | None = None
    after: str | None = None
    limit: int = 100


class ScheduleStore:
    """Reads and changes schedules."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self) -> datetime:
        """By the clock that decides when a schedule is due."""
        now: datetime = self._database.fetch("SELECT clock_timestamp()")[0][0]
        return now

    @contextmanager
    def alone(self) -> Iterator[ScheduleStore]:
        """All or none of what is done with this store, and nobody else has one at the same time."""
        with self._database.together() as together:
            together.fetch("SELECT pg_advisory_xact_lock(hashtext('job-scheduler schedules'))")
            yield ScheduleStore(together)

    def page(self, chosen: ScheduleFilter) -> list[Schedule]:
        """By name."""
        return as_schedules(
            self._database.fetch(
                "SELECT "
                + COLUMNS
                + """
                  FROM schedules AS schedule
                 WHERE (%(after)s::text IS NULL OR name > %(after)s)
                   AND (%(job_type)s::text IS NULL OR job_type = %(job_type)s)
                   AND (%(queue)s::text IS NULL OR queue = %(queue)s)
                   AND (%(state)s::text IS NULL
                        OR %(state)s = CASE WHEN paused THEN 'paused' WHEN next_run_at IS NULL THEN 'ended' ELSE 'active' END)
                 ORDER BY name
                 LIMIT %(limit)s
                """,
                msgspec.structs.asdict(chosen),
            )
        )

    def find(self, name: str) -> Schedule | None:
        query: LiteralString = "SELECT " + COLUMNS + " FROM schedules AS schedule WHERE name = %(name)s"
        return next(iter(as_schedules(self._database.fetch(query, {"name": name}))), None)

    def get(self, name: str) -> Schedule:
        """Raises ScheduleNotFound."""
        schedule = self.find(name)
        if schedule is None:
            raise ScheduleNotFound(name)
        return schedule

    def insert(self, new: NewSchedule, deed: Deed | None = None) -> None:
        """Raises ScheduleExists.

        Runs of an earlier one of this name may have been forgotten: as many as there is room for, only those that were made long
        ago, and only of times before the last one's. A run is made no sooner than its time.
        """
        rows = self._database.fetch(
            audited(
                """
                INSERT INTO schedules
                       (name, cron, interval_seconds, at, timezone, starts_at, ends_at, job_type, payload, queue, priority,
                        max_attempts, timeout_seconds, tags, backoff, concurrency_key, misfire, overlap, catch_up, source,
                        paused, paused_by, created_at, next_run_at, forgotten_to)
                VALUES (%(name)s, %(cron)s, %(interval_seconds)s, %(at)s, %(timezone)s, %(starts_at)s, %(ends_at)s,
                        %(job_type)s, %(payload)s::json, %(queue)s, %(priority)s, %(max_attempts)s, %(timeout_seconds)s,
                        %(tags)s::text[], %(backoff)s::json, %(concurrency_key)s, %(misfire)s, %(overlap)s, %(catch_up)s,
                        %(source)s, %(paused)s, CASE WHEN %(paused)s THEN %(by)s END, %(created_at)s, %(next_run_at)s,
                        (SELECT greatest(least(max(run_at), now() - %(surely_kept_for)s),
                                         CASE WHEN count(*) >= %(most_kept)s THEN min(run_at) END)
                           FROM schedule_runs WHERE schedule = %(name)s HAVING count(*) > 0))
                ON CONFLICT DO NOTHING
                RETURNING name
                """
            ),
            {
                **parameters(new),
                "by": _name(deed),
                "surely_kept_for": SURELY_KEPT_FOR,
                "most_kept": MOST_KEPT,
                **audit_row(deed),
            },
        )
        if not rows:
            raise ScheduleExists(new.name)

    def replace(self, seen: Schedule, new: NewSchedule, deed: Deed | None = None) -> bool:
        """False: somebody changed or deleted it since it was seen. Where its times stay the same, one that is due stays due,
        and what has ended stays so."""
        rows = self._database.fetch(
            audited(
                """
                UPDATE schedules
                   SET cron = %(cron)s, interval_seconds = %(interval_seconds)s, at = %(at)s, timezone = %(timezone)s,
                       starts_at = %(starts_at)s, ends_at = %(ends_at)s, job_type = %(job_type)s, payload = %(payload)s::json,
                       queue = %(queue)s, priority = %(priority)s, max_attempts = %(max_attempts)s,
                       timeout_seconds = %(timeout_seconds)s, tags = %(tags)s::text[], backoff = %(backoff)s::json,
                       concurrency_key = %(concurrency_key)s, misfire = %(misfire)s, overlap = %(overlap)s,
                       catch_up = %(catch_up)s, source = %(source)s, paused = %(paused)s,
                       paused_note = CASE WHEN %(paused)s AND paused THEN paused_note END,
                       paused_by = CASE WHEN %(paused)s AND paused THEN paused_by WHEN %(paused)s THEN %(by)s END,
                       next_run_at = CASE WHEN %(keeps_time)s THEN next_run_at ELSE %(next_run_at)s END,
                       updated_at = now(), version = version + 1
                 WHERE name = %(name)s AND version = %(version)s
                RETURNING name
                """
            ),
            {
                **parameters(new),
                "by": _name(deed),
                "keeps_time": keeps_time(seen, new),
                "version": seen.version,
                **audit_row(deed),
            },
        )
        return bool(rows)

    def pause(self, name: str, note: str | None, deed: Deed | None = None) -> None:
        """Once more only for another note."""
        self._database.fetch(
            audited(
                """
                UPDATE schedules
                   SET paused = true, paused_note = %(note)s, paused_by = %(by)s, next_run_at = NULL, updated_at = now(),
                       version = version + 1
                 WHERE name = %(name)s AND (NOT paused OR paused_note IS DISTINCT FROM %(note)s AND %(note)s::text IS NOT NULL)
                RETURNING name
                """
            ),
            {"name": name, "note": note, "by": _name(deed), **audit_row(deed)},
        )

    def resume(self, seen: Schedule, next_run_at: datetime | None, deed: Deed | None = None) -> bool:
        """False: somebody changed it since it was seen."""
        rows = self._database.fetch(
            audited(
                """
                UPDATE schedules
                   SET paused = false, paused_note = NULL, paused_by = NULL, next_run_at = %(next_run_at)s, updated_at = now(),
                       version = version + 1
                 WHERE name = %(name)s AND paused AND version = %(version)s
                RETURNING name
                """
            ),
            {"name": seen.name, "version": seen.version, "next_run_at": next_run_at, **audit_row(deed)},
        )
        return bool(rows)

    def delete(self, seen: Schedule, deed: Deed | None = None) -> bool:
        """Its runs and jobs stay. False: somebody changed or deleted it since it was seen."""
        statement = audited("DELETE FROM schedules WHERE name = %(name)s AND version = %(version)s RETURNING name")
        return bool(self._database.fetch(statement, {"name": seen.name, "version": seen.version, **audit_row(deed)}))

    def withdraw(self, keep: Iterable[str]) -> list[str]:
        """Delete what was declared and is not to be kept, whatever became of it meanwhile. Returns the names."""
        rows = self._database.fetch(
            "DELETE FROM schedules WHERE source <> %(api)s AND name <> ALL(%(keep)s) RETURNING name",
            {"api": Source.API, "keep": [*keep]},
        )
        return sorted(name for (name,) in rows)

    def figures(self) -> ScheduleFigures:
        """How many there are by state, and how late the latest is."""
        rows = self._database.fetch(
            """
            SELECT count(*) FILTER (WHERE next_run_at IS NOT NULL), count(*) FILTER (WHERE paused),
                   count(*) FILTER (WHERE next_run_at IS NULL AND NOT paused),
                   greatest(extract(epoch FROM now() - min(next_run_at)), 0)::float8
              FROM schedules
            """
        )
        active, paused, ended, late = rows[0]
        return ScheduleFigures({"active": active, "paused": paused, "ended": ended}, late or 0.0)


def keeps_time(seen: Schedule, new: NewSchedule) -> bool:
    """Whether the next time is the one that it has."""
    return (seen.rules.timing, seen.paused) == (new.rules.timing, new.paused)


def _name(deed: Deed | None) -> str | None:
    return None if deed is None else deed.caller.name
