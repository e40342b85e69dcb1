from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from chalicelib.chores import Chores
from chalicelib.connections import Connections
from chalicelib.jobs import JobStatus
from chalicelib.maintenance import Maintenance
from chalicelib.store.database import Database
from chalicelib.store.jobs import JobStore
from chalicelib.store.partitions import PartitionStore, first_id_at
from chalicelib.store.unfinished import START
from infra.local.services import Addresses
from tests.integration.conftest import FOREVER, World, a_job, a_maintenance, explain, insert, told


@pytest.fixture
def maintenance(world: World, database: Database) -> Maintenance:
    return a_maintenance(database, world.cache)


def test_all_unfinished_jobs_survive_the_loss_of_redis(world: World, maintenance: Maintenance) -> None:
    waiting, running = world.submit(queue="a"), world.submit(queue="b")
    later = world.submit(delay_seconds=3600)
    world.fetcher().fetch({"b": 1}, FOREVER)
    world.cache.flushall()

    maintenance.run_once()

    assert world.queues.names() == ["a", "b", "default"]
    assert world.cache.zcard("{q:a}:ready") == 1
    assert world.cache.zcard("{q:b}:leased") == 1
    assert world.cache.zcard("{q:default}:delayed") == 1
    assert world.run_due() == 1
    assert world.store.get(waiting.id).status is JobStatus.COMPLETED
    assert world.store.get(running.id).status is JobStatus.RUNNING
    assert world.store.get(later.id).status is JobStatus.QUEUED


def test_a_job_recorded_but_never_enqueued_is_swept_up(
    world: World, maintenance: Maintenance, conn: psycopg.Connection[Any]
) -> None:
    Chores(world.cache).set_epoch()
    stranded = insert(world.store)
    maintenance.run_once()
    assert world.run_due() == 0  # too young: its submit may still be on its way

    conn.execute("UPDATE jobs SET created_at = created_at - interval '6 seconds'")
    maintenance.sweep()

    assert world.run_due() == 1
    assert world.store.get(stranded.id).status is JobStatus.COMPLETED


def test_watchers_hear_of_a_job_that_is_swept_up(
    world: World, maintenance: Maintenance, conn: psycopg.Connection[Any]
) -> None:
    Connections(world.cache).add("watcher", "api", "stage")
    Chores(world.cache).set_epoch()
    stranded = insert(world.store)
    conn.execute("UPDATE jobs SET created_at = created_at - interval '6 seconds'")

    maintenance.sweep()

    assert [event.job_id for event in told(world)] == [stranded.id]


def test_a_sweep_looks_at_each_job_once(world: World, maintenance: Maintenance, conn: psycopg.Connection[Any]) -> None:
    for _ in range(3):
        world.submit(delay_seconds=3600)
    conn.execute(
        """
        UPDATE jobs
           SET created_at = created_at - interval '2 minutes',
               id = ('01a00000' || substr(id::text, 9))::uuid
        """
    )

    assert [maintenance.sweep(), maintenance.sweep()] == [3, 0]


def test_a_row_that_appears_after_a_younger_one_was_swept_is_found(
    world: World, maintenance: Maintenance, conn: psycopg.Connection[Any]
) -> None:
    slow, quick = a_job(), a_job()
    world.store.insert([quick])
    conn.execute("UPDATE jobs SET created_at = created_at - interval '6 seconds'")
    maintenance.sweep()

    world.store.insert([slow])
    conn.execute("UPDATE jobs SET created_at = created_at - interval '6 seconds'")
    maintenance.sweep()

    assert world.run_due() == 2


def test_one_of_several_maintainers_has_the_turn(world: World) -> None:
    chores = Chores(world.cache)

    assert [chores.begin(timedelta(seconds=5)) for _ in range(3)] == [True, False, False]


def test_partitions_are_made_ahead_and_hold_their_days_jobs(database: Database, conn: psycopg.Connection[Any]) -> None:
    partitions = PartitionStore(database)
    conn.execute(f"DROP TABLE jobs_{datetime.now(UTC) + timedelta(days=6):%Y%m%d}".encode())

    assert partitions.ensure() == [f"jobs_{datetime.now(UTC) + timedelta(days=6):%Y%m%d}"]
    assert partitions.ensure() == []


def test_several_makers_at_once_make_each_partition_once(addresses: Addresses, conn: psycopg.Connection[Any]) -> None:
    databases = [Database(addresses.database_url) for _ in range(4)]
    with ThreadPoolExecutor() as threads:
        made = list(threads.map(lambda database: PartitionStore(database).ensure(20), databases))
    for database in databases:
        database.close()
    for name in {name for names in made for name in names}:
        conn.execute(f"DROP TABLE {name}".encode())

    assert max(name for names in made for name in names) == f"jobs_{datetime.now(UTC) + timedelta(days=20):%Y%m%d}"


def test_a_job_in_the_default_partition_keeps_nobody_from_the_other_days(
    database: Database, store: JobStore, conn: psycopg.Connection[Any]
) -> None:
    days = [f"jobs_{datetime.now(UTC) + timedelta(days=n):%Y%m%d}" for n in (6, 7)]
    for day in days:
        conn.execute(f"DROP TABLE {day}".encode())
    insert(store, id=first_id_at(datetime.now(UTC) + timedelta(days=6)))

    PartitionStore(database).ensure()

    conn.execute("DELETE FROM jobs")
    assert conn.execute("SELECT to_regclass(%s), to_regclass(%s)", days).fetchone() == (None, days[1])
    assert PartitionStore(database).ensure() == days[:1]


def test_a_job_lands_in_the_partition_of_its_day(world: World, conn: psycopg.Connection[Any]) -> None:
    job = world.submit()

    (name,) = conn.execute("SELECT tableoid::regclass::text FROM jobs WHERE id = %s", [job.id]).fetchone() or ("",)

    assert name == f"jobs_{job.created_at.astimezone(UTC):%Y%m%d}"


@pytest.mark.parametrize("lost", ["{q:default}:ready", "{q:default}:delayed", "queues"])
def test_what_redis_evicts_is_found_again(
    world: World, maintenance: Maintenance, conn: psycopg.Connection[Any], lost: str
) -> None:
    jobs = [world.submit(), world.submit(delay_seconds=3600)]
    maintenance.run_once()
    world.cache.delete(lost)
    conn.execute("UPDATE jobs SET created_at = created_at - interval '6 seconds'")

    maintenance.patrol()

    assert world.queues.missing(jobs) == []
    assert world.queues.names() == ["default"]
    assert world.run_due() == 1


def test_the_patrol_walks_on_and_begins_again(
    world: World, maintenance: Maintenance, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.maintenance.PAGE", 2)
    monkeypatch.setattr("chalicelib.maintenance.PATROL_PAGES", 2)
    for job in world.store.insert([a_job() for _ in range(7)]):
        conn.execute("UPDATE jobs SET created_at = created_at - interval '6 seconds' WHERE id = %s", [job.id])

    assert [maintenance.patrol() for _ in range(3)] == [4, 3, 0]
    world.cache.delete("{q:default}:ready")
    assert [maintenance.patrol() for _ in range(3)] == [4, 3, 0]


def test_a_sweep_leaves_alone_what_redis_knows(
    world: World, maintenance: Maintenance, conn: psycopg.Connection[Any]
) -> None:
    world.submit()
    world.queues.take({"default": 1}, FOREVER)
    conn.execute("UPDATE jobs SET created_at = created_at - interval '6 seconds'")

    assert maintenance.sweep() == 0

    assert world.cache.zcard("{q:default}:leased") == 1


def test_a_sweep_that_finds_nothing_moves_on(world: World, maintenance: Maintenance) -> None:
    """Or the next one would read everything that was finished meanwhile."""
    maintenance.sweep()

    lag = first_id_at(datetime.now(UTC) - timedelta(minutes=2))
    assert Chores(world.cache).swept_to() > lag


def test_a_page_of_the_unfinished_costs_a_page_however_many_there_are(
    database: Database, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    conn.execute(
        """
        INSERT INTO jobs (id, job_type, queue, status, priority, max_attempts, timeout_seconds, run_at, payload, created_at)
        SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - n), 12, '0') || '-7000-8000-000000000000')::uuid,
               'echo', 'q' || n % 2, 'QUEUED', 0, 3, 60, now(), '{}', now() - interval '1 hour'
          FROM generate_series(1, 20000) AS n
        """
    )
    conn.execute("ANALYZE jobs")
    plans = explain(database, monkeypatch)
    after, seen = START, 0
    while page := JobStore(database).unfinished(after, timedelta(0), 1_000):
        after, seen = (page[-1].queue, page[-1].id), seen + len(page)

    assert seen == 20_000
    read = [max(int(rows.partition(".")[0]) for rows in re.findall(r"rows=([0-9.]+)", plan)) for plan in plans]
    assert sum(read) <= 2 * seen
