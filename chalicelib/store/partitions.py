"""The day partitions of the jobs table, and of the tables whose rows belong to a job.

An id is a UUIDv7: its first 48 bits are milliseconds since the epoch, so a day of ids is a range.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from psycopg import sql
from psycopg.errors import CheckViolation

from chalicelib.store.database import Database

logger = logging.getLogger(__name__)

DAYS_AHEAD = 7

# Less than half of a page is filled by inserts, so that there every row finds room for its claimed version: a claim is then a
# HOT update, which costs less than half of one that goes to another page and into every index. It takes no more disk in the
# end, because the rows that are pushed out leave their old places empty (measured: 27 MB for 50,000 jobs, against 35).
FILLFACTORS: Mapping[str, int] = {
    "jobs": 45,
    "job_tags": 100,
    "job_logs": 100,
}  # by partitioned table; the others are only appended to


class PartitionStore:
    """Makes partitions before they are needed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure(self, days_ahead: int = DAYS_AHEAD) -> list[str]:
        """Make what is missing from today on. Returns the names of those made. Safe to run by several at once."""
        today = datetime.now(UTC).date()
        days = [today + timedelta(days=n) for n in range(days_ahead + 1)]
        wanted = {_name(table, day): (table, day) for table in FILLFACTORS for day in days}
        missing = self._missing(list(wanted))
        for name in missing:
            self._make(name, *wanted[name])
        return missing

    def _missing(self, names: list[str]) -> list[str]:
        rows = self._database.fetch(
            "SELECT name FROM unnest(%(names)s::text[]) AS name WHERE to_regclass(name) IS NULL ORDER BY name",
            {"names": names},
        )
        return [name for (name,) in rows]

    def _make(self, name: str, table: str, day: date) -> None:
        create = sql.SQL(
            "CREATE TABLE IF NOT EXISTS {} PARTITION OF {} FOR VALUES FROM ({}) TO ({}) WITH (fillfactor = {})"
        ).format(
            sql.Identifier(name),
            sql.Identifier(table),
            str(first_id(day)),
            str(first_id(day + timedelta(days=1))),
            FILLFACTORS[table],
        )
        try:
            with self._database.transaction() as alone:
                alone.execute("SELECT pg_advisory_xact_lock(hashtext('job-scheduler partitions'))")
                alone.execute(create)
        except CheckViolation:
            # Rows of that day came before their partition. They are safe where they are, and so are those that follow.
            logger.error("the default partition holds rows of this day", extra={"partition": name})


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
