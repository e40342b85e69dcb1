"""Partitions and migrations: those that are missing, too many or behind are found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from chalicelib.checks.limits import Limits
from chalicelib.jobs import JobStatus
from chalicelib.store.database import Database
from chalicelib.store.partitions import PartitionStore, first_id_at
from infra.local.services import Addresses
from tests.integration.conftest import World, a_job, insert, put_in_status
from tests.integration.examination import Examine, a_doctor, day, examine, wrong

__all__ = ["examine"]

DAY = timedelta(days=1)


# Partitions


def test_partitions_of_every_table_are_looked_for(
    world: World, examine: Examine, conn: psycopg.Connection[Any]
) -> None:
    name = f"job_logs_{datetime.now(UTC) + timedelta(days=3):%Y%m%d}"
    conn.execute(f"DROP TABLE {name}".encode())

    report = examine()

    PartitionStore(world.store._database).ensure()
    assert name in str([finding for finding in report.findings if finding.check == "partitions_missing"])
    assert "partitions_missing" in wrong(report)


@pytest.mark.parametrize(("offset", "severity"), [(0, "error"), (1, "error"), (2, "warning"), (6, "warning")])
def test_a_missing_partition_is_found_and_made(
    examine: Examine, conn: psycopg.Connection[Any], offset: int, severity: str
) -> None:
    conn.execute(f"DROP TABLE {day(offset)}".encode())

    report = examine()

    mended = examine(repair=True)
    assert wrong(report) == {"partitions_missing": severity}
    assert report.named("partitions_missing").samples == [day(offset)]
    assert mended.repairs == [f"partitions_missing: made partitions {day(offset)}"]
    assert mended.is_healthy


def test_a_partition_that_was_detached_is_missing(examine: Examine, conn: psycopg.Connection[Any]) -> None:
    conn.execute(f"ALTER TABLE jobs DETACH PARTITION {day(3)}".encode())
    report = examine()
    conn.execute(f"DROP TABLE {day(3)}".encode())
    examine(repair=True)

    assert report.named("partitions_missing").samples == [day(3)]


def test_jobs_without_partition_are_found(
    world: World, examine: Examine, conn: psycopg.Connection[Any], database: Database
) -> None:
    job = insert(world.store, id=first_id_at(datetime.now(UTC) + 30 * DAY), run_at=datetime.now(UTC) + 30 * DAY)

    report = examine()

    assert wrong(report) == {"jobs_in_default_partition": "warning"}
    assert report.named("jobs_in_default_partition").samples == [str(job.id)]


def test_tags_and_logs_without_partition_are_found_too(
    world: World, examine: Examine, conn: psycopg.Connection[Any]
) -> None:
    job = insert(world.store, id=first_id_at(datetime.now(UTC) + 30 * DAY), delay=30 * DAY, tags=["a"])
    conn.execute("INSERT INTO job_logs VALUES (%s, 1, 1, now(), 'INFO', 'x', 'hello')", [job.id])
    conn.execute("INSERT INTO job_dependents VALUES (%s, %s)", [job.id, job.id])
    places = [str(job.id), *(f"{job.id} in {table}" for table in ("job_tags", "job_logs", "job_dependents"))]

    assert examine().named("jobs_in_default_partition").samples == places

    conn.execute("DELETE FROM jobs")
    conn.execute("DELETE FROM job_tags")
    report = examine()
    assert wrong(report) == {"jobs_in_default_partition": "warning"}
    assert report.named("jobs_in_default_partition").samples == places[2:]


@pytest.mark.parametrize(("over", "is_wrong"), [("1 day 1 minute", True), ("23 hours", False), ("-1 day", False)])
def test_jobs_that_pruning_has_not_come_to_are_found(
    world: World, examine: Examine, conn: psycopg.Connection[Any], over: str, is_wrong: bool
) -> None:
    job = insert(world.store, id=first_id_at(datetime.now(UTC) - 60 * DAY))
    put_in_status(conn, job, JobStatus.COMPLETED)
    conn.execute("UPDATE jobs SET finished_at = now() - interval '30 days' - %s::interval", [over])

    report = examine()

    expected = {"jobs_in_default_partition": "warning"} | ({"retention_behind": "warning"} if is_wrong else {})
    assert wrong(report) == expected
    assert report.named("retention_behind").samples == ([f"jobs_default, with {job.id}"] if is_wrong else [])


def test_jobs_that_are_kept_for_ever_are_not_behind(
    world: World, examine: Examine, conn: psycopg.Connection[Any]
) -> None:
    put_in_status(conn, insert(world.store, id=first_id_at(datetime.now(UTC) - 60 * DAY)), JobStatus.COMPLETED)
    conn.execute("UPDATE jobs SET finished_at = now() - interval '9 years'")
    conn.execute("UPDATE retention SET days = NULL")

    assert wrong(examine()) == {"jobs_in_default_partition": "warning"}


@pytest.mark.parametrize(("age", "is_wrong"), [("2 hours", True), ("1 minute", False)])
def test_a_partition_that_was_taken_out_and_not_dropped_is_found(
    examine: Examine, conn: psycopg.Connection[Any], age: str, is_wrong: bool
) -> None:
    conn.execute("CREATE TABLE jobs_20010101 ()")
    unknown = examine()
    conn.execute(
        """
        INSERT INTO detached_partitions (partition, parent, name, detached_at)
        VALUES ('jobs_20010101'::regclass, 'jobs', 'jobs_20010101', now() - %s::interval)
        """,
        [age],
    )
    report = examine()
    conn.execute("DROP TABLE jobs_20010101")

    assert wrong(unknown) == {"detached_partitions": "warning"}
    assert unknown.named("detached_partitions").samples == ["jobs_20010101, which pruning does not know"]
    assert wrong(report) == ({"detached_partitions": "warning"} if is_wrong else {})


def test_a_full_partition_is_found(world: World, examine: Examine, conn: psycopg.Connection[Any]) -> None:
    world.store.insert([a_job() for _ in range(20)])
    conn.execute("ANALYZE jobs")

    assert wrong(examine(limits=Limits(rows_in_partition=20))) == {}
    report = examine(limits=Limits(rows_in_partition=19))

    conn.execute("DELETE FROM jobs")
    conn.execute("ANALYZE jobs")
    assert wrong(report) == {"partitions_full": "warning"}
    assert report.named("partitions_full").samples == [f"{day(0)} with about 20 rows"]


# Migrations


@pytest.fixture
def migrations(conn: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """What is applied, put back afterwards."""
    conn.execute("CREATE TABLE kept AS TABLE _yoyo_migration")
    yield conn
    conn.execute("TRUNCATE _yoyo_migration")
    conn.execute("INSERT INTO _yoyo_migration TABLE kept")
    conn.execute("DROP TABLE kept")


def test_a_migration_that_is_not_applied_is_found(examine: Examine, migrations: psycopg.Connection[Any]) -> None:
    migrations.execute("DELETE FROM _yoyo_migration WHERE migration_id LIKE '0002%'")

    report = examine()

    assert wrong(report) == {"schema_version": "error"}
    assert report.named("schema_version").samples == ["0002.cancel_and_backoff"]


def test_a_migration_of_another_release_is_found(examine: Examine, migrations: psycopg.Connection[Any]) -> None:
    migrations.execute("INSERT INTO _yoyo_migration (migration_hash, migration_id) VALUES ('x', '9999.later')")

    report = examine()

    assert wrong(report) == {"schema_ahead": "warning"}
    assert report.named("schema_ahead").samples == ["9999.later"]


def test_a_database_without_any_schema_is_no_traceback(
    addresses: Addresses, conn: psycopg.Connection[Any], world: World, examine: Examine
) -> None:
    conn.execute("CREATE DATABASE empty")
    database = Database(addresses.database_url.rpartition("/")[0] + "/empty")
    doctor = a_doctor(database, world.cache)

    report = doctor.run(repair=True)

    database.close()
    conn.execute("DROP DATABASE empty WITH (FORCE)")
    assert wrong(report).pop("schema_version") == "error"
    assert {name for name, severity in wrong(report).items() if severity == "warning"} == {
        *("schema_ahead", "partitions_missing", "jobs_in_default_partition", "partitions_full", "reminders", "work"),
        *("retention_behind", "detached_partitions", "dependencies"),
        "schedules",
    }
    assert 'relation "jobs" does not exist' in report.named("reminders").found
