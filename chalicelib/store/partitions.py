"""The day partitions of the jobs table, and of the tables whose rows belong to a job.

An id is a UUIDv7: its first 48 bits are milliseconds since the epoch, so a day of ids is a range.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from uuid import UUID

import msgspec
from psycopg import sql
from psycopg.errors import CheckViolation

from chalicelib.store.database import Database

logger = logging.getLogger(__name__)

DAYS_AHEAD = 7
TRIES = 3  # to get the lock; a day is tried for every hour of a week
PROMISED_AFTER = timedelta(days=1)  # from today: days whose jobs cannot come yet, by whatever clock

# Less than half of a page is filled by inserts, so that there every row finds room for its claimed version: a claim is then a
# HOT update, which costs less than half of one that goes to another page and into every index. It takes no more disk in the
# end, because the rows that are pushed out leave their old places empty (measured: 27 MB for 50,000 jobs, against 35).
FILLFACTORS: Mapping[str, int] = {
    "jobs": 45,
    "job_tags": 100,
    "job_logs": 100,
    "job_dependents": 100,
}  # by partitioned table; the others are only appended to


class Partition(msgspec.Struct, frozen=True):
    """One that belongs to its table. first, end: of its ids, inclusive and exclusive; both None: it takes what no other does."""

    oid: int
    parent: str
    name: str
    first: UUID | None
    end: UUID | None

    @property
    def is_default(self) -> bool:
        return self.end is None


class Made(Enum):
    """Whether a partition was made."""

    NOW = "now"
    BUSY = "busy"  # somebody would have had to wait
    NEVER = "never"  # its rows are elsewhere already


class PartitionStore:
    """Makes partitions before they are needed, and lists them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure(self, days_ahead: int = DAYS_AHEAD) -> list[str]:
        """Make what is missing from today on. Returns the names of those made. Safe to run by several at once.

        Those that would have kept others waiting are left for the next time.
        """
        self._forget_promises()
        today = datetime.now(UTC).date()
        days = [today + timedelta(days=n) for n in range(days_ahead + 1)]
        wanted = {_name(table, day): (table, day) for table in FILLFACTORS for day in days}
        missing = self._missing(list(wanted))
        busy = [name for name in missing if self._make(name, *wanted[name]) is Made.BUSY]
        for table in FILLFACTORS:
            coming = [name for name in busy if wanted[name][0] == table and wanted[name][1] > today + PROMISED_AFTER]
            if coming:
                self._make_with_promise(table, {name: wanted[name][1] for name in coming})
        return sorted({*missing} - {*self._missing(missing)})

    def attached(self) -> list[Partition]:
        """Of all tables, oldest first; those that take what no other does come last."""
        rows = self._database.fetch(
            """
            SELECT part.oid::bigint, parent.relname::text, part.relname::text, pg_get_expr(part.relpartbound, part.oid)
              FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid JOIN pg_class AS parent ON parent.oid = inhparent
             WHERE inhparent = ANY(%(tables)s::regclass[]) AND NOT inhdetachpending
            """,
            {"tables": [*FILLFACTORS]},
        )
        found = [Partition(oid, parent, name, *_bounds(bound)) for oid, parent, name, bound in rows]
        return sorted(found, key=lambda each: (each.is_default, each.end or UUID(int=0), each.parent))

    def counts(self) -> dict[str, int]:
        """How many are attached, by table."""
        return dict(Counter(each.parent for each in self.attached()))

    def _missing(self, names: list[str]) -> list[str]:
        rows = self._database.fetch(
            "SELECT name FROM unnest(%(names)s::text[]) AS name WHERE to_regclass(name) IS NULL ORDER BY name",
            {"names": names},
        )
        return [name for (name,) in rows]

    def _make(self, name: str, table: str, day: date) -> Made:
        """As a table of its own, which then becomes a partition: making it as one would lock the whole table for as long.

        Becoming one takes no lock that a submit, a claim or a settle waits for, except on the default partition: Postgres reads
        all of that to see that it has no such rows. It is empty unless maintenance was away for a week; 150,000 rows are read in
        ``LOCKED_FOR``.
        """
        try:
            first, attach = (_ONE_MAKER, _created(name, table)), _attached(name, table, day)
            if any(self._database.gives_way(attach, first=first) for _ in range(TRIES)):
                return Made.NOW
        except CheckViolation:
            # Rows of that day came before their partition. They are safe where they are, and so are those that follow: every
            # statement finds them there, and retention deletes them there. Moving them out would hold up the day's work.
            logger.error("the default partition holds rows of this day", extra={"partition": name})
            return Made.NEVER
        logger.warning("a partition has to wait: its table is in use", extra={"partition": name})
        return Made.BUSY

    def _make_with_promise(self, table: str, days: Mapping[str, date]) -> None:
        """Where the default partition is too full to be read under a lock, it is read without one: it promises in a constraint
        that it has no rows of those days, the constraint is checked while everybody works, and then goes again.

        Were it to stay when its days have come, it would refuse their jobs: so it is for days to come only, and whoever makes
        partitions next, within the hour, takes away what a crash has left.
        """
        try:
            if self._database.gives_way(_promise(table, min(days.values()), max(days.values()))):
                with self._database.transaction() as alone:
                    alone.execute(_CHECKED.format(_default(table)))
                for name, day in days.items():
                    self._make(name, table, day)
        except CheckViolation:
            logger.error("the default partition holds rows of days to come", extra={"partitions": [*days]})
        finally:
            self._forget_promises()

    def _forget_promises(self) -> None:
        rows = self._database.fetch(
            """
            SELECT conrelid::regclass::text FROM pg_constraint
             WHERE conname = 'no_rows_of_coming_days'
               AND conrelid IN (SELECT to_regclass(name) FROM unnest(%(tables)s::text[]) AS name)
            """,
            {"tables": [f"{table}_default" for table in FILLFACTORS]},
        )
        for (name,) in rows:
            if not any(self._database.gives_way(_TAKEN_AWAY.format(sql.Identifier(name))) for _ in range(TRIES)):
                logger.error("a default partition keeps its promise for now", extra={"partition": name})


_CHECKED = sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT no_rows_of_coming_days")
_TAKEN_AWAY = sql.SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS no_rows_of_coming_days")


def _promise(table: str, first_day: date, last_day: date) -> sql.Composed:
    key = "id" if table == "jobs" else "job_id"
    return sql.SQL(
        "ALTER TABLE {} ADD CONSTRAINT no_rows_of_coming_days CHECK ({key} < {} OR {key} >= {}) NOT VALID"
    ).format(
        _default(table), str(first_id(first_day)), str(first_id(last_day + timedelta(days=1))), key=sql.Identifier(key)
    )


def _default(table: str) -> sql.Identifier:
    return sql.Identifier(f"{table}_default")


_ONE_MAKER = sql.SQL("SELECT pg_advisory_xact_lock(hashtext('job-scheduler partitions'))")


def _created(name: str, table: str) -> sql.Composed:
    """With the indexes and constraints that it must have to become a partition."""
    return sql.SQL("CREATE TABLE IF NOT EXISTS {} (LIKE {} INCLUDING ALL) WITH (fillfactor = {})").format(
        sql.Identifier(name), sql.Identifier(table), FILLFACTORS[table]
    )


def _attached(name: str, table: str, day: date) -> sql.Composed:
    """Unless another maker was faster."""
    attach = sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
        sql.Identifier(table), sql.Identifier(name), str(first_id(day)), str(first_id(day + timedelta(days=1)))
    )
    return sql.SQL(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = {}::regclass) THEN {}; END IF; END $$"
    ).format(name, attach)


def first_id(day: date) -> UUID:
    """The lowest id of a day (UTC)."""
    return first_id_at(datetime.combine(day, time(), UTC))


def first_id_at(moment: datetime) -> UUID:
    """The lowest id that could be made at a moment."""
    return UUID(int=min(max(0, int(moment.timestamp() * 1000)), 2**48 - 1) << 80)


def made_at(job_id: UUID) -> datetime:
    return datetime.fromtimestamp((job_id.int >> 80) / 1000, UTC)


def _name(table: str, day: date) -> str:
    return f"{table}_{day:%Y%m%d}"


def _bounds(bound: str) -> tuple[UUID | None, UUID | None]:
    """Of what Postgres says, as in FOR VALUES FROM ('…') TO ('…'); a range without an end is not ours, and never old."""
    if bound == "DEFAULT":
        return None, None
    ids = [UUID(text) for text in re.findall(r"'([0-9a-f-]{36})'", bound)]
    return (ids[0], ids[1]) if len(ids) == 2 else (UUID(int=0), UUID(int=2**128 - 1))
