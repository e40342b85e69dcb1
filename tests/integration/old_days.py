"""Days of long ago: how tests make their partitions and jobs, and see what pruning has left of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from chalicelib.jobs import JobStatus
from chalicelib.pruning import JobPruning
from chalicelib.store.database import Database
from chalicelib.store.jobs import JobStore
from chalicelib.store.partitions import first_id
from tests.integration.conftest import a_job_pruning, insert

Connection = psycopg.Connection[Any]
COMPLETED, FAILED, CANCELLED = JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED
ONE, TWO, THREE = (datetime.now(UTC).date() - timedelta(days=n) for n in (40, 50, 120))
WHOLE = ("jobs", "job_tags", "job_logs", "job_dependents")


def name_of(day: date, table: str = "jobs") -> str:
    return f"{table}_{day:%Y%m%d}"


def make(conn: Connection, day: date, *tables: str) -> None:
    for table in tables or WHOLE:
        conn.execute(
            f"CREATE TABLE {name_of(day, table)} PARTITION OF {table} FOR VALUES"
            f" FROM ('{first_id(day)}') TO ('{first_id(day + timedelta(days=1))}')".encode()
        )


@pytest.fixture(autouse=True)
def no_old_partitions(conn: Connection) -> Iterator[None]:
    yield
    for day in (ONE, TWO, THREE):
        for table in WHOLE:
            conn.execute(f"DROP TABLE IF EXISTS {name_of(day, table)}".encode())


@pytest.fixture
def pruning(database: Database) -> JobPruning:
    return a_job_pruning(database)


class Past:
    """Makes jobs of old days. They ended soon after they were made, unless told otherwise; each has a tag and a line of log."""

    def __init__(self, conn: Connection, store: JobStore) -> None:
        self._conn = conn
        self._store = store
        self._count = 0

    def job(self, day: date, status: JobStatus = COMPLETED, *, ended_ago: timedelta | None = None) -> UUID:
        self._count += 1
        job_id = UUID(int=first_id(day).int + self._count)
        insert(self._store, id=job_id, tags=["old", f"n{self._count}"])
        is_final = status in {COMPLETED, FAILED, CANCELLED}
        self._conn.execute(
            """
            UPDATE jobs
               SET status = %(status)s, attempt = 1, lease_expires_at = CASE WHEN %(status)s = 'RUNNING' THEN now() END,
                   finished_at = CASE WHEN %(is_final)s THEN coalesce(now() - %(ago)s::interval, %(day)s::date) END
             WHERE id = %(id)s
            """,
            {"status": status, "is_final": is_final, "ago": ended_ago, "day": day, "id": job_id},
        )
        self._conn.execute("INSERT INTO job_logs VALUES (%s, 1, 1, now(), 'INFO', 'x', 'hello')", [job_id])
        self._conn.execute("INSERT INTO job_dependents VALUES (%s, %s)", [job_id, job_id])
        return job_id


@pytest.fixture
def past(conn: Connection, store: JobStore) -> Past:
    return Past(conn, store)


def ids(conn: Connection, table: str = "jobs", column: str = "id") -> set[UUID]:
    return {job_id for (job_id,) in conn.execute(f"SELECT {column} FROM {table}".encode()).fetchall()}


def everywhere(conn: Connection) -> list[set[UUID]]:
    """Ids that jobs, and the tables beside it, know."""
    return [ids(conn), *(ids(conn, table, "job_id") for table in WHOLE[1:])]


def exist(conn: Connection, *names: str) -> list[bool]:
    return [conn.execute("SELECT to_regclass(%s)", [name]).fetchall()[0][0] is not None for name in names]


def days_exist(conn: Connection, day: date) -> list[bool]:
    return exist(conn, *(name_of(day, table) for table in WHOLE))


def pruned(conn: Connection) -> dict[str, int]:
    return dict(conn.execute("SELECT status, pruned FROM retention").fetchall())
