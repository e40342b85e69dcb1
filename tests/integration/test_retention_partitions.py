"""Where the rows of an old day are, and how its partitions go: detached first, then dropped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from chalicelib.jobs import JobStatus
from chalicelib.pruning import JobPruning
from chalicelib.store.database import Database
from chalicelib.store.detached import DetachedStore
from chalicelib.store.partitions import PartitionStore, first_id
from tests.integration.old_days import (
    FAILED,
    ONE,
    THREE,
    TWO,
    Connection,
    Past,
    days_exist,
    everywhere,
    exist,
    ids,
    make,
    name_of,
    no_old_partitions,
    past,
    pruned,
    pruning,
)

__all__ = ["no_old_partitions", "past", "pruning"]


# Where the rows are


def test_default_partitions_lose_what_has_expired(conn: Connection, past: Past, pruning: JobPruning) -> None:
    kept = [past.job(ONE, FAILED), past.job(TWO, JobStatus.QUEUED)]
    for day in (ONE, TWO, THREE):
        past.job(day)

    pruning.run()

    assert everywhere(conn) == [{*kept}] * 4
    assert exist(conn, "jobs_default", "job_tags_default", "job_logs_default", "job_dependents_default") == [True] * 4


def test_jobs_whose_tags_and_logs_have_no_partition_of_their_own_take_them_along(
    conn: Connection, past: Past, pruning: JobPruning
) -> None:
    make(conn, ONE, "jobs")
    make(conn, TWO, "jobs", "job_tags")
    other = past.job(THREE, FAILED, ended_ago=timedelta(days=1))
    for day in (ONE, TWO):
        past.job(day)

    pruning.run()

    assert everywhere(conn) == [{other}] * 4
    assert days_exist(conn, ONE) == days_exist(conn, TWO) == [False] * 4


def test_partitions_of_tags_and_logs_stay_while_there_are_jobs_of_their_day(
    conn: Connection, past: Past, pruning: JobPruning
) -> None:
    make(conn, ONE, "job_tags")
    make(conn, TWO, "job_tags", "job_logs")
    kept = past.job(ONE, FAILED)
    past.job(TWO)

    pruning.run()

    assert everywhere(conn) == [{kept}] * 4
    assert days_exist(conn, ONE) == [False, True, False, False]
    assert days_exist(conn, TWO) == [False] * 4


def test_young_partitions_of_tags_and_logs_stay_without_jobs(
    conn: Connection, pruning: JobPruning, database: Database
) -> None:
    soon = datetime.now(UTC).date() + timedelta(days=6)
    conn.execute(f"DROP TABLE {name_of(soon)}".encode())

    pruning.run()

    assert days_exist(conn, soon) == [False, True, True, True]
    assert PartitionStore(database).ensure() == [name_of(soon)]


# Between detach and drop


def test_a_crash_between_detach_and_drop_leaves_nothing_behind(
    conn: Connection, past: Past, pruning: JobPruning, database: Database
) -> None:
    make(conn, ONE)
    past.job(ONE)
    detach_one(database)
    assert exist(conn, name_of(ONE)) == [True]
    assert ids(conn) == set()

    pruning.run()

    assert days_exist(conn, ONE) == [False] * 4
    assert pruned(conn)["COMPLETED"] == 1


def detach_one(database: Database) -> None:
    (found,) = [each for each in PartitionStore(database).attached() if each.name == name_of(ONE)]
    assert DetachedStore(database).detach(found)


def test_a_detached_partition_that_somebody_attached_again_is_not_dropped(
    conn: Connection, past: Past, pruning: JobPruning, database: Database
) -> None:
    make(conn, ONE)
    kept = past.job(ONE, FAILED)
    detach_one(database)
    conn.execute(
        f"ALTER TABLE jobs ATTACH PARTITION {name_of(ONE)} FOR VALUES"
        f" FROM ('{first_id(ONE)}') TO ('{first_id(ONE + timedelta(days=1))}')".encode()
    )

    pruning.run()

    assert ids(conn) == {kept}
    assert conn.execute("SELECT FROM detached_partitions").fetchall() == []


def test_a_table_that_is_only_called_like_a_partition_is_not_dropped(
    conn: Connection, past: Past, pruning: JobPruning, database: Database
) -> None:
    make(conn, ONE)
    conn.execute(f"ALTER TABLE jobs DETACH PARTITION {name_of(ONE)}".encode())
    make(conn, TWO)
    conn.execute(
        f"""
        INSERT INTO detached_partitions (partition, parent, name)
        VALUES ('{name_of(TWO)}'::regclass, 'jobs', '{name_of(ONE)}')
        """.encode()
    )
    conn.execute(f"ALTER TABLE jobs DETACH PARTITION {name_of(TWO)}".encode())

    pruning.run()

    assert exist(conn, name_of(ONE), name_of(TWO)) == [True, True]
    assert conn.execute("SELECT FROM detached_partitions").fetchall() == []


def test_a_job_that_was_revived_and_ended_again_is_put_back_before_the_drop(
    conn: Connection, past: Past, pruning: JobPruning, database: Database
) -> None:
    make(conn, ONE)
    past.job(ONE)
    kept = past.job(ONE, ended_ago=timedelta(hours=1))
    detach_one(database)

    pruning.run()

    jobs, *others = everywhere(conn)
    assert jobs == {kept}
    assert all(kept in each for each in others)
    assert days_exist(conn, ONE) == [False, True, True, True]
    assert pruned(conn)["COMPLETED"] == 1


def test_a_migration_between_the_taking_out_and_the_drop_is_no_obstacle(
    conn: Connection, past: Past, pruning: JobPruning, database: Database
) -> None:
    make(conn, ONE)
    past.job(ONE)
    kept = past.job(ONE, ended_ago=timedelta(hours=1))
    detach_one(database)
    conn.execute("ALTER TABLE jobs ADD COLUMN added_since text NOT NULL DEFAULT 'x'")
    try:
        pruning.run()
    finally:
        conn.execute("ALTER TABLE jobs DROP COLUMN added_since")

    assert ids(conn) == {kept}
    assert days_exist(conn, ONE)[0] is False


def test_a_partition_with_an_unfinished_job_is_not_detached_whatever_was_seen_before(
    conn: Connection, past: Past, pruning: JobPruning, database: Database
) -> None:
    make(conn, ONE)
    revived = past.job(ONE, JobStatus.QUEUED)
    (found,) = [each for each in PartitionStore(database).attached() if each.name == name_of(ONE)]

    assert not DetachedStore(database).detach(found)

    assert ids(conn) == {revived}
