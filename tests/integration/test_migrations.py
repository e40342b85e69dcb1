from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from chalicelib.errors import StoreUnavailable
from chalicelib.store.database import Database
from chalicelib.store.migrations import DIRECTORY, MigrationStore
from chalicelib.store.partitions import PartitionStore, first_id
from infra.local.services import Addresses

ALL = sorted(path.stem for path in DIRECTORY.glob("*.sql"))


@pytest.fixture
def empty_url(addresses: Addresses) -> Iterator[str]:
    with psycopg.connect(addresses.database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE empty")
        yield addresses.database_url.rpartition("/")[0] + "/empty"
        connection.execute("DROP DATABASE empty WITH (FORCE)")


def migrate(url: str, applied: list[list[str]]) -> None:
    database = Database(url)
    applied.append(MigrationStore(database).apply())
    database.close()


def test_two_migrators_at_once_apply_each_migration_once(empty_url: str) -> None:
    applied: list[list[str]] = []

    migrators = [threading.Thread(target=migrate, args=(empty_url, applied)) for _ in range(4)]
    for migrator in migrators:
        migrator.start()
    for migrator in migrators:
        migrator.join()

    assert sorted(applied) == [[], [], [], ALL]


def test_a_migrator_waits_for_another_one(empty_url: str) -> None:
    applied: list[list[str]] = []
    with psycopg.connect(empty_url) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('job-scheduler migrations'))")
        migrator = threading.Thread(target=migrate, args=(empty_url, applied))
        migrator.start()
        while not other.execute("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchall():
            assert migrator.is_alive()
        other.rollback()
    migrator.join()

    assert applied == [ALL]


def test_what_is_missing_is_named_until_it_is_applied(empty_url: str) -> None:
    database = Database(empty_url)
    migrations = MigrationStore(database)

    assert migrations.missing() == ALL
    migrations.apply()
    assert migrations.missing() == []
    database.close()


def test_a_database_that_cannot_be_reached_is_said_so(empty_url: str) -> None:
    database = Database(make_conninfo(empty_url, port=1))

    with pytest.raises(StoreUnavailable):
        MigrationStore(database).apply()


def test_days_that_there_are_get_what_a_new_table_needs_to_go_with_them(empty_url: str) -> None:
    """As an upgrade finds them: partitions that an earlier release made, which knew of no dependents."""
    database = Database(empty_url)
    MigrationStore(database).apply()
    with psycopg.connect(empty_url, autocommit=True) as conn:
        first, end = first_id(date(2026, 1, 1)), first_id(date(2026, 1, 2))
        conn.execute(f"CREATE TABLE jobs_20260101 PARTITION OF jobs FOR VALUES FROM ('{first}') TO ('{end}')".encode())
        conn.execute("DROP TABLE job_dependents")
        conn.execute("ALTER TABLE jobs DROP COLUMN depends_on, DROP COLUMN runs_anyway, DROP COLUMN has_dependents")
        conn.execute("DELETE FROM _yoyo_migration WHERE migration_id = '0013.dependencies'")

    MigrationStore(database).apply()

    days = {each.name: (each.first, each.end) for each in PartitionStore(database).attached()}
    database.close()
    assert days["job_dependents_20260101"] == (first, end)
