"""What ``doctor`` asks of Postgres. It reads, and it never reads the finished rows: they may be ten million.

Ages are by Postgres's clock: each row comes with the time at which it was read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, LiteralString
from uuid import UUID

import msgspec
import psycopg

from chalicelib.errors import StoreUnavailable
from chalicelib.jobs import JobStatus
from chalicelib.store.database import Database, Row
from chalicelib.store.migrations import DIRECTORY
from chalicelib.store.partitions import FILLFACTORS
from chalicelib.store.retention import RetentionStore
from chalicelib.store.rows import bounded
from chalicelib.store.schedule_rows import TIMING, as_timing
from chalicelib.store.unfinished import IN_ORDER, IN_QUEUE, START, page_after
from chalicelib.store.walks import WalkStore
from chalicelib.timing import Timing

PAGE = 1_000

_SEEN: LiteralString = """job.id, job.queue, job.priority, job.status, job.version, job.run_at, job.created_at,
    job.lease_expires_at, job.cancel_requested_at, job.worker_id, job.concurrency_key, now()"""


class SeenJob(msgspec.Struct, frozen=True):
    """Where a job stood at ``read_at``."""

    id: UUID
    queue: str
    priority: int
    status: JobStatus
    version: int
    run_at: datetime
    created_at: datetime
    lease_expires_at: datetime | None
    cancel_requested_at: datetime | None
    worker_id: str | None
    concurrency_key: str | None
    read_at: datetime

    @property
    def raw_id(self) -> bytes:
        return self.id.bytes

    @property
    def is_queued(self) -> bool:
        return self.status is JobStatus.QUEUED

    @property
    def is_running(self) -> bool:
        return self.status is JobStatus.RUNNING

    @property
    def needs_reminder(self) -> bool:
        return self.is_queued or self.is_running

    @property
    def age(self) -> timedelta:
        return self.read_at - self.created_at

    @property
    def due_since(self) -> timedelta:
        """Negative: not due yet."""
        return self.read_at - self.run_at

    @property
    def lease_over_since(self) -> timedelta | None:
        """Negative: somebody has the job. None: nobody ought to."""
        return None if self.lease_expires_at is None else self.read_at - self.lease_expires_at

    @property
    def is_held(self) -> bool:
        return self.lease_over_since is not None and self.lease_over_since < timedelta(0)


class SeenSchedule(msgspec.Struct, frozen=True):
    """late_seconds: negative where it is not due yet. None: it is paused, or has ended."""

    name: str
    late_seconds: float | None
    created_at: datetime
    job_type: str
    payload: bytes
    timing: Timing


class Restraint(StrEnum):
    """Why due jobs of a queue may wait."""

    PAUSED = "paused"
    SHUT = "shut"  # a limit of 0: none will ever run
    SHUT_TO_KEYS = "shut to keys"  # the same for jobs that have a key
    LIMITED = "limited"


class Sessions(msgspec.Struct, frozen=True):
    """Connections to Postgres. allowed: for ordinary users."""

    used: int
    allowed: int


class StoreInspection:
    """Questions whose answers are small, whatever the tables hold. All raise StoreUnavailable, also where we may not look."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def clock(self) -> float:
        """Postgres's time, seconds since the epoch."""
        ((now,),) = self._ask("SELECT extract(epoch FROM clock_timestamp())::float8")
        return float(now)

    def unfinished(self) -> Iterator[list[SeenJob]]:
        """Every unfinished job, in pages."""
        after = START
        while page := self.unfinished_after(*after):
            yield page
            after = page[-1].queue, page[-1].id

    def unfinished_after(self, queue: str, job_id: UUID) -> list[SeenJob]:
        """The next page, by queue and id: the order of the index that leaves out what is finished."""
        statement: LiteralString = "SELECT " + _SEEN + IN_QUEUE + IN_ORDER
        return _seen(page_after(self._ask, statement, (queue, job_id), PAGE, {}))

    def seen(self, ids: Sequence[UUID]) -> dict[UUID, SeenJob]:
        """Those that exist."""
        if not ids:
            return {}
        rows = self._ask(
            "SELECT "
            + _SEEN
            + """
              FROM jobs AS job
             WHERE id = ANY(%(ids)b) AND id BETWEEN %(first)s AND %(last)s
            """,
            bounded(ids),
        )
        return {job.id: job for job in _seen(rows)}

    def held_back(self) -> dict[str, Restraint]:
        """Queues whose due jobs may wait although somebody works."""
        rows = self._ask(
            """
            SELECT name, CASE WHEN paused THEN 'paused'
                              WHEN max_running = 0 THEN 'shut'
                              WHEN max_running_per_key = 0 THEN 'shut to keys'
                              ELSE 'limited' END
              FROM queues
             WHERE paused OR coalesce(max_running, rate_limit, max_running_per_key, key_rate_limit) IS NOT NULL
            """
        )
        return {name: Restraint(restraint) for name, restraint in rows}

    def schedules(self) -> list[SeenSchedule]:
        """Every one, by name."""
        rows = self._ask(
            "SELECT schedule.name, extract(epoch FROM now() - next_run_at)::float8, created_at, job_type, payload, "
            + TIMING
            + " FROM schedules AS schedule ORDER BY name"
        )
        return [_schedule(*row) for row in rows]

    def unknown_migrations(self) -> list[str]:
        """Applied by another release."""
        rows = self._ask("SELECT migration_id FROM _yoyo_migration ORDER BY migration_id")
        known = {path.stem for path in DIRECTORY.glob("*.sql")}
        return [name for (name,) in rows if name not in known]

    def missing_partitions(self, days: int) -> list[str]:
        """Of every table that has them: today's (0), the next ``days`` days', and the one for all other days; soonest first."""
        rows = self._ask(
            """
            SELECT name
              FROM (SELECT parent, n,
                           parent || to_char(now() AT TIME ZONE 'UTC' + make_interval(days => n), '_YYYYMMDD') AS name
                      FROM unnest(%(tables)s::text[]) AS parent, generate_series(0, %(days)s) AS n
                     UNION ALL
                    SELECT parent, -1, parent || '_default' FROM unnest(%(tables)s::text[]) AS parent) AS wanted
             WHERE NOT EXISTS (SELECT FROM pg_inherits
                                WHERE inhparent = parent::regclass AND inhrelid = to_regclass(name))
             ORDER BY n, name
            """,
            {"days": days, "tables": [*FILLFACTORS]},
        )
        return [name for (name,) in rows]

    def without_partition(self, limit: int) -> list[str]:
        """Rows of days that have no partition, of all tables, jobs first."""
        rows = self._ask(
            """
            (SELECT id::text FROM jobs_default LIMIT %(limit)s)
             UNION ALL
            (SELECT format('%%s in job_tags', job_id) FROM job_tags_default LIMIT %(limit)s)
             UNION ALL
            (SELECT format('%%s in job_logs', job_id) FROM job_logs_default LIMIT %(limit)s)
             UNION ALL
            (SELECT format('%%s in job_dependents', job_id) FROM job_dependents_default LIMIT %(limit)s)
             LIMIT %(limit)s
            """,
            {"limit": limit},
        )
        return [row for (row,) in rows]

    def left_blocked(self, longer_than: timedelta) -> list[UUID]:
        """Jobs that wait for others, of which the last ended so long ago, or one with which they fail."""
        rows = self._ask(
            """
            SELECT waiting.id
              FROM jobs AS waiting
             WHERE waiting.finished_at IS NULL AND waiting.status = 'BLOCKED'
               AND waiting.created_at < now() - %(longer_than)s
               AND (   NOT EXISTS (SELECT
                                     FROM unnest(waiting.depends_on) AS named (id) JOIN jobs AS other ON other.id = named.id
                                    WHERE other.finished_at IS NULL OR other.finished_at > now() - %(longer_than)s)
                    OR NOT waiting.runs_anyway
                       AND EXISTS (SELECT
                                     FROM unnest(waiting.depends_on) AS named (id) JOIN jobs AS other ON other.id = named.id
                                    WHERE other.ended_badly IS NOT NULL AND other.finished_at < now() - %(longer_than)s))
            """,
            {"longer_than": longer_than},
        )
        return [job_id for (job_id,) in rows]

    def overlong(self, longer_than: timedelta) -> list[str]:
        """Partitions with a job that should have gone so long ago. Only into what is due to be pruned is looked, and of that only
        at the oldest jobs."""
        walks = WalkStore(self._database)
        with _curiosity():
            retention = RetentionStore(self._database).get()
            found = [(due, walks.overlong(due, retention, longer_than)) for due in walks.due(retention)]
        return [f"{due.partition.name}, with {job_id}" for due, job_id in found if job_id is not None]

    def left_detached(self, longer_than: timedelta) -> list[str]:
        """Tables that are called like partitions and belong to none: those that pruning ought to have dropped so long ago, and
        those that somebody else took out."""
        rows = self._ask(
            """
            SELECT format('%%s, out since %%s', name, to_char(detached_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'))
              FROM detached_partitions
             WHERE detached_at < now() - %(longer_than)s
             UNION ALL
            SELECT format('%%s, which pruning does not know', relname)
              FROM pg_class
             WHERE relkind = 'r' AND NOT relispartition AND pg_table_is_visible(oid)
               AND relname ~ ('^(' || %(tables)s || ')_[0-9]{8}$')
               AND NOT EXISTS (SELECT FROM detached_partitions WHERE partition = pg_class.oid)
             ORDER BY 1
            """,
            {"longer_than": longer_than, "tables": "|".join(FILLFACTORS)},
        )
        return [table for (table,) in rows]

    def partitions_over(self, rows: float) -> list[tuple[str, int]]:
        """Partitions with more rows than that, as Postgres estimates them, fullest first."""
        found = self._ask(
            """
            SELECT relname::text, reltuples::bigint
              FROM pg_class JOIN pg_inherits ON inhrelid = oid
             WHERE inhparent = 'jobs'::regclass AND reltuples > %(rows)s
             ORDER BY reltuples DESC
            """,
            {"rows": rows},
        )
        return [(name, count) for name, count in found]

    def sessions(self) -> Sessions:
        ((used, allowed),) = self._ask(
            """
            SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
                   current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
            """
        )
        return Sessions(used, allowed)

    def idle_in_transaction(self, longer_than: timedelta) -> list[str]:
        """Sessions that keep their locks and do nothing: process, program, how long, how many locks."""
        rows = self._ask(
            """
            SELECT format('pid %%s %%s idle %%s s with %%s locks', pid, application_name,
                          extract(epoch FROM now() - state_change)::int,
                          (SELECT count(*) FROM pg_locks AS held WHERE held.pid = session.pid AND granted))
              FROM pg_stat_activity AS session
             WHERE state LIKE 'idle in transaction%%' AND state_change < now() - %(longer_than)s
             ORDER BY state_change
            """,
            {"longer_than": longer_than},
        )
        return [session for (session,) in rows]

    def _ask(self, query: LiteralString, params: Mapping[str, Any] | None = None) -> list[Row]:
        with _curiosity():
            return self._database.fetch(query, params)


@contextlib.contextmanager
def _curiosity() -> Iterator[None]:
    """A table that is not there, or that we may not read: for who only wants to know, the same as no answer."""
    try:
        yield
    except psycopg.ProgrammingError as error:
        raise StoreUnavailable(str(error).partition("\n")[0]) from error


def _schedule(*row: Any) -> SeenSchedule:
    name, late_seconds, created_at, job_type, payload, *timing = row
    return SeenSchedule(name, late_seconds, created_at, job_type, payload, as_timing(*timing))


def _seen(rows: list[Row]) -> list[SeenJob]:
    return [SeenJob(*_typed(row)) for row in rows]


def _typed(row: Row) -> Row:
    return (*row[:3], JobStatus(row[3]), *row[4:])
