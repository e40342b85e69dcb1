from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
import redis
from psycopg.conninfo import make_conninfo
from uuid_utils.compat import uuid7

from chalicelib import cli, resources
from chalicelib import connections as registries
from chalicelib.checks.clocks import Clocks
from chalicelib.checks.limits import Limits
from chalicelib.chores import Chores
from chalicelib.connections import LONGEST_LIFE, SHARDS, Connections, shard_of
from chalicelib.doctor import Doctor
from chalicelib.findings import Finding, Report, Severity, as_text
from chalicelib.handlers import registry
from chalicelib.inspection import RedisInspection, Reminder
from chalicelib.jobs import LEASE, ClaimedJob, Job, JobStatus
from chalicelib.leadership import Leadership, Told
from chalicelib.maintenance import Maintenance
from chalicelib.members import member
from chalicelib.queues import Queues
from chalicelib.redis_link import Batch, RedisLink, connect
from chalicelib.store import inspection
from chalicelib.store.database import Database
from chalicelib.store.inspection import StoreInspection
from chalicelib.store.jobs import JobStore
from chalicelib.store.migrations import MigrationStore
from chalicelib.store.partitions import PartitionStore, first_id_at
from chalicelib.worker import Budget
from chalicelib.workers import Workers
from infra.local.services import Addresses
from tests.integration.conftest import FOREVER, World, a_job, a_maintenance, explain, insert, put_in_status

Examine = Callable[..., Report]
OK = Severity.OK
DAY = timedelta(days=1)
READY, DELAYED, LEASED = (f"{{q:default}}:{name}" for name in ("ready", "delayed", "leased"))


def a_doctor(database: Database, cache: redis.Redis, url: str = "", **parts: Any) -> Doctor:
    return Doctor(
        **{
            "inspection": StoreInspection(database),
            "redis": RedisInspection(cache),
            "store": JobStore(database),
            "migrations": MigrationStore(database),
            "partitions": PartitionStore(database),
            "maintenance": a_maintenance(database, cache),
            "redis_link": RedisLink(cache),
            "queues": Queues(cache),
            "connections": Connections(cache),
            "workers": Workers(cache),
            "registry": registry,
            "chores": Chores(cache),
            "pause": lambda seconds: None,
            **parts,
        }
    )


@pytest.fixture
def examine(world: World, database: Database) -> Examine:
    """Of a deployment that has been set up, and that nobody has broken yet."""
    Chores(world.cache).set_epoch()

    def run(*, repair: bool = False, **parts: Any) -> Report:
        return a_doctor(database, world.cache, **parts).run(repair=repair)

    return run


def wrong(report: Report) -> dict[str, str]:
    return {finding.check: finding.severity.value for finding in report.findings if finding.severity is not OK}


def running(world: World) -> ClaimedJob:
    world.submit()
    (job,) = world.fetcher().fetch({"default": 1}, FOREVER).jobs
    return job


def age(conn: psycopg.Connection[Any], interval: str) -> None:
    conn.execute("UPDATE jobs SET created_at = created_at - %s::interval", [interval])


def age_due(conn: psycopg.Connection[Any], interval: str) -> None:
    conn.execute("UPDATE jobs SET run_at = run_at - %s::interval", [interval])


# All is well


def test_all_is_well_where_jobs_wait_run_and_are_finished(
    world: World, examine: Examine, conn: psycopg.Connection[Any]
) -> None:
    world.submit()
    world.run_due()
    world.submit(delay_seconds=3600, priority=-100)
    running(world)
    put_in_status(conn, insert(world.store), JobStatus.BLOCKED)
    world.submit(queue="{odd}: name", priority=100)
    age(conn, "6 seconds")

    report = examine()

    assert wrong(report) == {}
    assert report.is_healthy
    assert {finding.check for finding in report.findings} == ALL_CHECKS


def test_partitions_of_every_table_are_looked_for(
    world: World, examine: Examine, conn: psycopg.Connection[Any]
) -> None:
    name = f"job_logs_{datetime.now(UTC) + timedelta(days=3):%Y%m%d}"
    conn.execute(f"DROP TABLE {name}".encode())

    report = examine()

    PartitionStore(world.store._database).ensure()
    assert name in str([finding for finding in report.findings if finding.check == "partitions_missing"])
    assert "partitions_missing" in wrong(report)


ALL_CHECKS = {
    *("postgres", "redis", "schema_version", "schema_ahead", "partitions_missing", "jobs_in_default_partition"),
    *("partitions_full", "epoch", "rows_without_reminders", "reminders_in_wrong_set", "reminders_at_wrong_time"),
    *("reminders_without_rows", "reminders_of_finished_jobs", "reminders_with_wrong_rank", "queues_without_names"),
    *("leases_over", "cancels_ignored", "sweep", "paused", "workers", "eviction_policy", "redis_memory"),
    *("postgres_connections", "idle_in_transaction", "connections_expired", "connections_unreadable"),
    *("event_reader", "clock_skew", "machine_clock", "retention_behind", "detached_partitions"),
    *("event_reader", "clock_skew", "machine_clock", "schedules_late", "schedules_unreadable", "dependencies"),
    *("leases_over", "cancels_ignored", "sweep", "paused", "shut", "workers", "eviction_policy"),
    *("redis_memory", "postgres_connections", "idle_in_transaction", "connections_expired", "connections_unreadable"),
    *("event_reader", "clock_skew", "machine_clock"),
}


@contextmanager
def busy(world: World, maintenance: Maintenance) -> Iterator[None]:
    """Jobs of all kinds are submitted, run, retried and cancelled, as fast as it goes."""
    stopped = threading.Event()
    worker = world.worker()

    def submit() -> None:
        while not stopped.is_set():
            for n in range(20):
                world.submit("fail" if n % 5 == 0 else "echo", delay_seconds=n % 3 / 10, queue="ab"[n % 2])
            world.scheduler.cancel(world.submit(delay_seconds=60).id)

    threads = [
        threading.Thread(target=submit),
        threading.Thread(target=worker.run, args=(Budget(FOREVER), timedelta(seconds=10))),
        threading.Thread(target=maintenance.run, args=(stopped,)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        worker.stop()
        for thread in threads:
            thread.join()


def test_a_busy_deployment_has_no_findings(
    world: World, examine: Examine, addresses: Addresses, conn: psycopg.Connection[Any]
) -> None:
    house = Database(addresses.database_url)
    maintenance = a_maintenance(house, world.cache)

    with busy(world, maintenance):
        reports = [examine(pause=time.sleep, limits=Limits(young=timedelta(0))) for _ in range(8)]

    assert [wrong(report) for report in reports] == [{}] * 8
    assert conn.execute("SELECT count(*) > 100 FROM jobs WHERE status = 'COMPLETED'").fetchone() == (True,)
    house.close()


# Rows without reminders, and reminders in the wrong place


def test_a_job_that_redis_does_not_know_is_found_and_enqueued(
    world: World, examine: Examine, conn: psycopg.Connection[Any]
) -> None:
    stranded = insert(world.store)
    age(conn, "6 seconds")

    report = examine()

    assert wrong(report) == {"rows_without_reminders": "error"}
    assert (report.named("rows_without_reminders").count, report.named("rows_without_reminders").samples) == (
        1,
        [str(stranded.id)],
    )
    mended = examine(repair=True)
    assert mended.repairs == ["rows_without_reminders: put 1 jobs where their rows say"]
    assert mended.is_healthy
    assert world.run_due() == 1


def test_a_running_job_without_a_lease_in_redis_is_found_and_mended(
    world: World, examine: Examine, conn: psycopg.Connection[Any]
) -> None:
    running(world)
    world.cache.delete(LEASED)
    age(conn, "6 seconds")

    assert wrong(examine()) == {"rows_without_reminders": "error"}
    assert examine(repair=True).is_healthy
    assert world.cache.zcard(LEASED) == 1


def test_a_job_submitted_a_moment_ago_may_still_be_on_its_way(world: World, examine: Examine) -> None:
    insert(world.store)

    assert wrong(examine()) == {}


def test_a_job_that_reaches_redis_while_doctor_looks_is_no_finding(
    world: World, examine: Examine, conn: psycopg.Connection[Any]
) -> None:
    stranded = insert(world.store)
    age(conn, "6 seconds")

    def sync(_: float) -> None:
        batch = world.link.batch()
        world.queues.sync([stranded], batch)
        batch.send()

    assert wrong(examine(pause=sync)) == {}


def test_a_job_that_moves_while_doctor_looks_is_no_finding(
    world: World, examine: Examine, conn: psycopg.Connection[Any]
) -> None:
    insert(world.store)
    age(conn, "6 seconds")

    report = examine(pause=lambda _: conn.execute("UPDATE jobs SET version = version + 1"))

    assert wrong(report) == {}


def test_where_everything_is_missing_doctor_stops_counting_and_rebuilds(
    world: World, examine: Examine, conn: psycopg.Connection[Any]
) -> None:
    world.store.insert([a_job() for _ in range(30)])
    age(conn, "6 seconds")
    limits = Limits(suspects=20)

    assert "30 or more" in examine(limits=limits).named("rows_without_reminders").found
    mended = examine(repair=True, limits=limits)
    assert mended.repairs == ["rows_without_reminders: rebuilt the queues: 30 jobs"]
    assert mended.is_healthy


def test_where_doctor_stopped_counting_it_says_so_whatever_is_cleared(
    world: World, examine: Examine, conn: psycopg.Connection[Any]
) -> None:
    synced, _ = (world.store.insert([a_job() for _ in range(15)]) for _ in range(2))
    age(conn, "6 seconds")

    def sync(_: float) -> None:
        batch = world.link.batch()
        world.queues.sync(synced, batch)
        batch.send()

    report = examine(limits=Limits(suspects=20), pause=sync)
    assert report.named("rows_without_reminders").found.startswith("15 or more ")


def in_several_sets(world: World) -> None:
    job = world.submit()
    world.cache.zadd(DELAYED, {member(job): 1})


def waiting_in_ready(world: World) -> None:
    job = world.submit(delay_seconds=3600)
    world.cache.zrem(DELAYED, member(job))
    world.cache.zadd(READY, {member(job): 1})


def running_in_ready(world: World) -> None:
    job = running(world)
    world.cache.zrem(LEASED, member(job))
    world.cache.zadd(READY, {member(job): 1})


def running_in_delayed(world: World) -> None:
    job = running(world)
    world.cache.zrem(LEASED, member(job))
    world.cache.zadd(DELAYED, {member(job): in_ms(0)})


def late_in_delayed(world: World) -> None:
    world.cache.zadd(DELAYED, {member(world.submit(delay_seconds=60)): in_ms(62)})


def early_in_delayed(world: World) -> None:
    world.cache.zadd(DELAYED, {member(world.submit(delay_seconds=60)): in_ms(58)})


def leased_far_ahead(world: World) -> None:
    world.cache.zadd(LEASED, {member(running(world)): in_ms(2 * LEASE.total_seconds() + 2)})


def leased_far_back(world: World) -> None:
    world.cache.zadd(LEASED, {member(running(world)): in_ms(-2)})


def taken_for_too_long(world: World) -> None:
    job = world.submit()
    world.cache.zrem(READY, member(job))
    world.cache.zadd(LEASED, {member(job): in_ms(2 * LEASE.total_seconds() + 2)})


def in_ms(seconds: float) -> int:
    return int((time.time() + seconds) * 1000)


@pytest.mark.parametrize(
    ("disturb", "finding"),
    [
        (in_several_sets, {"reminders_in_wrong_set": "warning"}),
        (waiting_in_ready, {"reminders_in_wrong_set": "warning"}),
        (running_in_ready, {"reminders_in_wrong_set": "warning"}),
        (running_in_delayed, {"reminders_in_wrong_set": "warning"}),
        (late_in_delayed, {"reminders_at_wrong_time": "error"}),
        (early_in_delayed, {"reminders_at_wrong_time": "error"}),
        (leased_far_ahead, {"reminders_at_wrong_time": "error"}),
        (leased_far_back, {"reminders_at_wrong_time": "error"}),
        (taken_for_too_long, {"reminders_at_wrong_time": "error"}),
    ],
)
def test_a_misplaced_reminder_is_found_and_mended(
    world: World, examine: Examine, disturb: Callable[[World], None], finding: dict[str, str]
) -> None:
    disturb(world)

    assert wrong(examine()) == finding
    assert examine(repair=True).is_healthy


def due_in_delayed(world: World, conn: psycopg.Connection[Any]) -> None:
    job = world.submit(delay_seconds=60)
    conn.execute("UPDATE jobs SET run_at = now() - interval '1 second'")
    world.cache.zadd(DELAYED, {member(job): in_ms(-1)})


def taken_and_not_claimed(world: World, conn: psycopg.Connection[Any]) -> None:
    world.submit()
    world.queues.take({"default": 1}, LEASE)


def lease_over_and_in_ready(world: World, conn: psycopg.Connection[Any]) -> None:
    job = running(world)
    conn.execute("UPDATE jobs SET lease_expires_at = now() - interval '1 second'")
    world.cache.zrem(LEASED, member(job))
    world.cache.zadd(READY, {member(job): 1})


def lease_over_and_taken(world: World, conn: psycopg.Connection[Any]) -> None:
    running(world)
    conn.execute("UPDATE jobs SET lease_expires_at = now() - interval '14 seconds'")


def lease_over_in_both(world: World, conn: psycopg.Connection[Any]) -> None:
    job = running(world)
    conn.execute("UPDATE jobs SET lease_expires_at = now() - interval '14 seconds'")
    world.cache.zadd(LEASED, {member(job): in_ms(-14)})


def a_renewal_did_not_reach_redis(world: World, conn: psycopg.Connection[Any]) -> None:
    world.cache.zadd(LEASED, {member(running(world)): in_ms(10)})


@pytest.mark.parametrize(
    "leave",
    [
        due_in_delayed,
        taken_and_not_claimed,
        lease_over_and_in_ready,
        lease_over_and_taken,
        lease_over_in_both,
        a_renewal_did_not_reach_redis,
    ],
)
def test_a_reminder_that_comes_up_in_time_is_no_finding(
    world: World,
    examine: Examine,
    conn: psycopg.Connection[Any],
    leave: Callable[[World, psycopg.Connection[Any]], None],
) -> None:
    leave(world, conn)

    assert wrong(examine()) == {}


# Reminders without rows


def of_no_row(world: World) -> None:
    world.cache.zadd(READY, {member(world.submit(delay_seconds=60))[:1] + uuid7().bytes: 1})


def unreadable(world: World) -> None:
    world.submit()
    world.cache.zadd(LEASED, {b"\xff\x00": 1})


def of_another_queue(world: World) -> None:
    world.submit(queue="a")
    world.cache.zadd("{q:a}:ready", {member(world.submit(queue="b")): 1})


def of_a_finished_job(world: World) -> None:
    job = world.submit()
    world.run_due()
    world.cache.zadd(DELAYED, {member(job): in_ms(3600)})


def of_another_rank(world: World) -> None:
    world.cache.zadd(LEASED, {bytes([99]) + world.submit().id.bytes: in_ms(10)})


@pytest.mark.parametrize(
    ("stray", "finding"),
    [
        (of_no_row, "reminders_without_rows"),
        (unreadable, "reminders_without_rows"),
        (of_another_queue, "reminders_without_rows"),
        (of_a_finished_job, "reminders_of_finished_jobs"),
        (of_another_rank, "reminders_with_wrong_rank"),
    ],
)
def test_a_stray_is_found_and_removed_and_no_other_reminder(
    world: World, examine: Examine, stray: Callable[[World], None], finding: str
) -> None:
    stray(world)

    report = examine()

    assert wrong(report) == {finding: "warning"}
    assert (report.named(finding).count, len(report.named(finding).samples)) == (1, 1)
    mended = examine(repair=True)
    assert mended.repairs == [f"{finding}: removed 1 reminders"]
    assert mended.is_healthy


def test_more_strays_than_a_scan_brings_at_once_are_counted_once_each(world: World, examine: Examine) -> None:
    world.submit()
    ids = [uuid7() for _ in range(2_500)]
    world.cache.zadd(DELAYED, {b"\x64" + job_id.bytes: in_ms(9) for job_id in ids})

    finding = examine().named("reminders_without_rows")
    assert (finding.count, len(finding.samples)) == (2_500, 5)
    assert examine(repair=True).is_healthy
    assert world.run_due() == 1


def test_a_reminder_that_goes_while_doctor_looks_is_no_finding(world: World, examine: Examine) -> None:
    of_a_finished_job(world)

    assert wrong(examine(pause=lambda _: world.cache.delete(DELAYED))) == {}


def test_an_entry_that_a_scan_brings_twice_is_counted_once(world: World, examine: Examine) -> None:
    class Stuttering(RedisInspection):
        def reminders(self, queue: str) -> Iterator[list[Reminder]]:
            for page in super().reminders(queue):
                yield page + page

    of_no_row(world)

    assert examine(redis=Stuttering(world.cache)).named("reminders_without_rows").count == 1


def test_a_job_whose_only_reminder_has_the_wrong_rank_is_never_without_one(world: World, examine: Examine) -> None:
    class Checking(RedisInspection):
        def remove(self, reminder: Reminder, batch: Batch) -> None:
            assert world.cache.zscore(READY, member(job)) is not None
            super().remove(reminder, batch)

    job = world.submit()
    world.cache.zrem(READY, member(job))
    world.cache.zadd(READY, {b"\x00" + job.id.bytes: 1})

    assert examine(repair=True, redis=Checking(world.cache)).is_healthy
    assert world.run_due() == 1


def a_failed_job_with_a_stray(world: World) -> Job:
    job = world.submit("fail", max_attempts=1)
    world.run_due()
    world.cache.zadd(READY, {member(job): 1})
    return job


def test_a_job_that_is_revived_while_its_stray_is_removed_stays_enqueued(world: World, examine: Examine) -> None:
    class ABitLate(RedisInspection):
        def remove(self, reminder: Reminder, batch: Batch) -> None:
            world.scheduler.revive(job.id)
            super().remove(reminder, batch)

    job = a_failed_job_with_a_stray(world)

    examine(repair=True, redis=ABitLate(world.cache))

    assert world.store.get(job.id).status is JobStatus.QUEUED
    assert world.cache.zcard(READY) == 1


def test_a_job_that_is_revived_after_its_stray_was_removed_stays_enqueued(
    world: World, examine: Examine, database: Database
) -> None:
    class ABitLate(JobStore):
        def standing(self, ids: Sequence[UUID]) -> list[Job]:
            rows = super().standing(ids)
            if not world.cache.zcard(READY):
                world.scheduler.revive(job.id)
            return rows

    job = a_failed_job_with_a_stray(world)

    examine(repair=True, store=ABitLate(database))

    assert world.store.get(job.id).status is JobStatus.QUEUED
    assert world.cache.zcard(READY) == 1


def test_a_queue_that_workers_do_not_know_is_found_and_named(world: World, examine: Examine) -> None:
    world.submit(queue="{odd}: name")
    world.cache.srem("queues", "{odd}: name")

    report = examine()

    assert wrong(report) == {"queues_without_names": "error"}
    assert report.named("queues_without_names").samples == ["{odd}: name"]
    assert examine(repair=True).is_healthy
    assert world.queues.names() == ["{odd}: name"]


def test_a_queue_that_has_a_name_and_no_jobs_is_no_finding(world: World, examine: Examine) -> None:
    world.submit(queue="a")
    world.run_due()

    assert world.queues.names() == ["a"]
    assert wrong(examine()) == {}


# Work that does not go on


@pytest.mark.parametrize(("seconds", "found"), [(14, {}), (16, {"leases_over": "error"})])
def test_a_lease_that_is_over_for_long_is_found(
    world: World, examine: Examine, conn: psycopg.Connection[Any], seconds: int, found: dict[str, str]
) -> None:
    running(world)
    conn.execute("UPDATE jobs SET lease_expires_at = now() - make_interval(secs => %s)", [seconds])

    assert wrong(examine()) == found


def test_repair_never_touches_a_row(world: World, examine: Examine, conn: psycopg.Connection[Any]) -> None:
    running(world)
    conn.execute("UPDATE jobs SET lease_expires_at = now() - interval '16 seconds'")
    insert(world.store)
    age(conn, "6 seconds")
    before = conn.execute("SELECT * FROM jobs ORDER BY id").fetchall()

    examine(repair=True)

    assert conn.execute("SELECT * FROM jobs ORDER BY id").fetchall() == before


@pytest.mark.parametrize(("seconds", "found"), [(59, {}), (61, {"cancels_ignored": "warning"})])
def test_a_cancel_that_nobody_heeds_is_found_with_its_worker(
    world: World, examine: Examine, conn: psycopg.Connection[Any], seconds: int, found: dict[str, str]
) -> None:
    job = running(world)
    conn.execute("UPDATE jobs SET cancel_requested_at = now() - make_interval(secs => %s)", [seconds])

    report = examine()

    assert wrong(report) == found
    assert all(f"{job.id} at w" in sample for sample in report.named("cancels_ignored").samples)


@pytest.mark.parametrize(("seconds", "found"), [(89, {}), (91, {"workers": "error"})])
def test_jobs_that_wait_while_nobody_works_are_found(
    world: World, examine: Examine, conn: psycopg.Connection[Any], seconds: int, found: dict[str, str]
) -> None:
    waiting = world.submit()
    age_due(conn, f"{seconds} seconds")

    report = examine()

    assert wrong(report) == found
    assert report.named("workers").samples == ([str(waiting.id)] if found else [])


def test_jobs_may_wait_a_while_where_somebody_works(
    world: World, examine: Examine, conn: psycopg.Connection[Any]
) -> None:
    world.submit()
    age_due(conn, "91 seconds")

    Workers(world.cache).show_life("w")
    assert wrong(examine()) == {}

    age_due(conn, "10 minutes")
    assert wrong(examine()) == {"workers": "warning"}


def test_jobs_of_a_paused_queue_may_wait_for_ever(
    world: World, examine: Examine, conn: psycopg.Connection[Any]
) -> None:
    waiting = world.submit()
    age_due(conn, "1 day")
    conn.execute("INSERT INTO queues (name, paused) VALUES ('default', true)")

    report = examine()

    assert wrong(report) == {}
    assert report.named("paused").found == "1 due jobs wait in paused queues"
    assert report.named("paused").samples == [f"{waiting.id} of default"]


@pytest.mark.parametrize(
    ("setting", "key", "found"),
    [
        ("max_running", None, 1),
        ("max_running", "k", 1),
        ("max_running_per_key", "k", 1),
        ("max_running_per_key", None, 0),
    ],
)
def test_jobs_that_a_limit_of_zero_holds_back_are_found(
    world: World, examine: Examine, conn: psycopg.Connection[Any], setting: str, key: str | None, found: int
) -> None:
    waiting = world.submit(concurrency_key=key)
    world.submit(delay_seconds=60, concurrency_key=key)
    Workers(world.cache).show_life("w")
    conn.execute(f"INSERT INTO queues (name, {setting}) VALUES ('default', 0)".encode())

    report = examine()

    assert wrong(report) == ({"shut": "warning"} if found else {})
    assert report.named("shut").samples == ([f"{waiting.id} of default"] if found else [])


def test_jobs_of_a_limited_queue_may_wait_where_somebody_works(
    world: World, examine: Examine, conn: psycopg.Connection[Any]
) -> None:
    world.submit()
    age_due(conn, "1 day")
    conn.execute("INSERT INTO queues (name, rate_limit) VALUES ('default', 1)")
    assert wrong(examine()) == {"workers": "error"}

    Workers(world.cache).show_life("w")

    assert wrong(examine()) == {}


def test_a_function_that_runs_a_job_counts_as_somebody(
    world: World, examine: Examine, conn: psycopg.Connection[Any]
) -> None:
    running(world)
    world.submit()
    age_due(conn, "91 seconds")

    assert wrong(examine()) == {}


def test_jobs_that_no_sweep_has_looked_at_are_found(
    world: World, examine: Examine, conn: psycopg.Connection[Any]
) -> None:
    job = world.submit(delay_seconds=3600)
    Chores(world.cache).save_swept_to(job.id)
    unswept = world.submit(delay_seconds=3600)
    assert wrong(examine()) == {}

    age(conn, "6 minutes")

    report = examine()
    assert wrong(report) == {"sweep": "warning"}
    assert report.named("sweep").samples == [str(unswept.id)]


def test_jobs_that_nobody_lets_go_are_found(world: World, examine: Examine, conn: psycopg.Connection[Any]) -> None:
    first, second = world.submit(), world.submit(delay_seconds=3600)
    left = world.submit(delay_seconds=3600, depends_on=[first.id])
    world.submit(delay_seconds=3600, depends_on=[first.id, second.id])
    world.run_due()
    conn.execute(
        "UPDATE jobs SET status = 'BLOCKED', created_at = created_at - '6 minutes'::interval WHERE id = %s", [left.id]
    )
    assert "dependencies" not in wrong(examine())

    conn.execute("UPDATE jobs SET finished_at = finished_at - '6 minutes'::interval WHERE id = %s", [first.id])

    report = examine()
    assert wrong(report)["dependencies"] == "error"
    assert report.named("dependencies").samples == [str(left.id)]


def test_jobs_that_nobody_fails_are_found_too(world: World, examine: Examine, conn: psycopg.Connection[Any]) -> None:
    first, second = world.submit(), world.submit(delay_seconds=3600)
    left = world.submit(depends_on=[first.id, second.id])
    world.submit(depends_on=[first.id, second.id], if_dependency_fails="run")
    world.store.cancel([first.id])
    conn.execute("UPDATE jobs SET finished_at = finished_at - '6 minutes'::interval WHERE id = %s", [first.id])
    conn.execute("UPDATE jobs SET created_at = created_at - '6 minutes'::interval")

    assert examine().named("dependencies").samples == [str(left.id)]


def test_a_redis_that_was_emptied_is_found_and_rebuilt(
    world: World, examine: Examine, conn: psycopg.Connection[Any]
) -> None:
    world.submit()
    world.cache.flushdb()
    assert wrong(examine()) == {"epoch": "error"}
    age(conn, "6 seconds")
    assert wrong(examine()) == {"epoch": "error", "rows_without_reminders": "error"}

    mended = examine(repair=True)

    assert mended.repairs[0] == "epoch: rebuilt the queues: 1 jobs"
    assert mended.is_healthy
    assert world.run_due() == 1


# Schema


def day(offset: int) -> str:
    return f"jobs_{datetime.now(UTC) + timedelta(days=offset):%Y%m%d}"


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


# The servers


def test_a_redis_that_may_forget_is_found(world: World, examine: Examine) -> None:
    world.cache.config_set("maxmemory-policy", "allkeys-lru")

    report = examine()

    world.cache.config_set("maxmemory-policy", "noeviction")
    assert wrong(report) == {"eviction_policy": "error"}
    assert "allkeys-lru" in report.named("eviction_policy").found


@pytest.mark.parametrize(("share", "found"), [(0.5, {}), (0.85, "warning"), (0.97, "error")])
def test_a_redis_that_is_nearly_full_is_found(world: World, examine: Examine, share: float, found: object) -> None:
    used: Any = world.cache.info("memory")
    world.cache.config_set("maxmemory", int(used["used_memory"] / share))

    report = examine(limits=Limits(memory_share=0.75, memory_share_error=0.92))

    world.cache.config_set("maxmemory", 0)
    assert wrong(report) == ({"redis_memory": found} if found else {})


def test_what_redis_does_not_tell_is_unknown(world: World, examine: Examine, addresses: Addresses) -> None:
    world.cache.acl_setuser("blind", enabled=True, nopass=True, keys="*", channels="*", commands=["+@all", "-info"])
    blind = redis.Redis.from_url(addresses.redis_url, username="blind", password="any")

    report = examine(redis=RedisInspection(blind))

    blind.close()
    world.cache.acl_deluser("blind")
    assert wrong(report) == {"eviction_policy": "warning", "redis_memory": "warning"}
    assert report.named("eviction_policy").found.startswith("unknown: ")


def test_connections_that_run_out_are_found(examine: Examine) -> None:
    limits = Limits(sessions_share=0.0, sessions_share_error=0.99)

    assert wrong(examine(limits=limits)) == {"postgres_connections": "warning"}
    limits = Limits(sessions_share=0.0, sessions_share_error=0.0)
    assert wrong(examine(limits=limits)) == {"postgres_connections": "error"}


def test_a_session_that_keeps_its_locks_and_does_nothing_is_found(
    examine: Examine, addresses: Addresses, conn: psycopg.Connection[Any]
) -> None:
    limits = Limits(idle_in_transaction=timedelta(0))
    assert wrong(examine(limits=limits)) == {}

    with psycopg.connect(addresses.database_url, application_name="forgetful") as session:
        session.execute("SELECT FROM jobs LIMIT 1")
        report = examine(limits=limits)
        patient = examine()

    assert wrong(report) == {"idle_in_transaction": "warning"}
    (sample,) = report.named("idle_in_transaction").samples
    assert re.fullmatch(r"pid \d+ forgetful idle \d s with \d+ locks", sample)
    assert wrong(patient) == {}


def test_a_postgres_that_is_away_is_a_finding_and_the_rest_is_checked(
    world: World, addresses: Addresses, examine: Examine
) -> None:
    world.cache.config_set("maxmemory-policy", "allkeys-lru")
    away = Database(make_conninfo(addresses.database_url, port=1))

    report = a_doctor(away, world.cache).run(repair=True)

    world.cache.config_set("maxmemory-policy", "noeviction")
    assert wrong(report) == {"postgres": "error", "eviction_policy": "error"}
    assert "schema_version" in report.named("postgres").samples
    assert "\n" not in report.named("postgres").found


def test_a_redis_that_is_away_is_a_finding_and_the_rest_is_checked(
    world: World, examine: Examine, conn: psycopg.Connection[Any], database: Database
) -> None:
    running(world)
    conn.execute("UPDATE jobs SET lease_expires_at = now() - interval '16 seconds'")
    away = connect("redis://localhost:1")

    report = a_doctor(database, away).run(repair=True)

    assert wrong(report) == {"redis": "error", "leases_over": "error"}
    assert "epoch" in report.named("redis").samples


def test_a_server_that_goes_away_in_the_middle_is_a_finding(world: World, examine: Examine) -> None:
    class Leaving(StoreInspection):
        def sessions(self) -> inspection.Sessions:
            self._database.fetch("SELECT pg_terminate_backend(pg_backend_pid())")
            raise AssertionError

    with leaving(world) as database:
        report = examine(inspection=Leaving(database))

    assert wrong(report) == {"postgres_connections": "warning"}


@contextmanager
def leaving(world: World) -> Iterator[Database]:
    database = world._new_database()
    yield database
    database.close()


# Watchers


def test_a_connection_that_cannot_be_any_more_is_found_and_forgotten(world: World, examine: Examine) -> None:
    connections = Connections(world.cache)
    connections.add("young", "api", "stage")
    connections.add("old", "api", "stage")
    old = msgspec.structs.replace(
        connections.all()["old"], connected_at=int(time.time() - LONGEST_LIFE.total_seconds()) - 2
    )
    world.cache.hset(registries.registry(shard_of("old")), "old", msgspec.json.encode(old))

    report = examine()

    assert wrong(report) == {"connections_expired": "warning"}
    assert report.named("connections_expired").samples == ["old"]
    mended = examine(repair=True)
    assert mended.repairs == ["connections_expired: forgot connections: 1 are left"]
    assert mended.is_healthy


def test_a_connection_that_cannot_be_read_is_found(world: World, examine: Examine) -> None:
    world.cache.hset(registries.registry(3), "odd", b"?")

    report = examine()

    assert wrong(report) == {"connections_unreadable": "warning"}
    assert report.named("connections_unreadable").samples == ["odd"]


def lead(world: World) -> None:
    Leadership(world.cache, SHARDS).lead("late", LEASE, is_lasting=True)


def test_events_that_nobody_reads_are_found(world: World, examine: Examine) -> None:
    Connections(world.cache).add("watcher", "api", "stage")
    assert wrong(examine()) == {}
    world.submit()

    assert wrong(examine()) == {"event_reader": "error"}
    assert wrong(examine(pause=lambda _: lead(world))) == {}


def test_events_that_were_read_or_that_nobody_waits_for_are_no_finding(world: World, examine: Examine) -> None:
    connections = Connections(world.cache)
    connections.add("watcher", "api", "stage")
    world.submit()
    (entry,) = world.stream.read("0", timedelta(0))
    Leadership(world.cache, SHARDS).save(dict.fromkeys(range(SHARDS), Told(entry.id)))
    assert wrong(examine()) == {}

    world.submit()
    assert wrong(examine()) == {"event_reader": "error"}
    connections.remove("watcher")
    assert wrong(examine()) == {}


# Clocks


@pytest.mark.parametrize(
    ("seconds", "found"),
    [
        (0.9, {}),
        (-0.9, {}),
        (1.1, "warning"),
        (-1.1, "warning"),
        (5.2, "error"),
        (-5.2, "error"),
    ],
)
def test_clocks_that_disagree_are_found(
    world: World, examine: Examine, database: Database, seconds: float, found: object
) -> None:
    class Skewed(RedisInspection):
        def clock(self) -> float:
            return super().clock() + seconds

    assert wrong(examine(redis=Skewed(world.cache))) == ({"clock_skew": found} if found else {})


def test_this_machines_clock_is_compared_too(world: World, examine: Examine, database: Database) -> None:
    clocks = Clocks(
        postgres=StoreInspection(database).clock,
        redis=RedisInspection(world.cache).clock,
        limits=Limits(),
        here=lambda: time.time() - 2,
    )

    ((machine,), (servers,)) = clocks.machine(), clocks.servers()

    assert (machine.finding.severity, servers.finding.severity) == (Severity.WARNING, OK)
    assert re.fullmatch(r"Postgres is [12]\.\d\d\d s ahead of this machine", machine.finding.found)


def test_a_slow_answer_is_not_taken_for_a_wrong_clock() -> None:
    now = [100.0]

    def slow() -> float:
        now[0] += 4  # on its way there
        answer = now[0]
        now[0] += 1  # and back
        return answer

    clocks = Clocks(postgres=slow, redis=lambda: now[0], limits=Limits(), here=lambda: now[0])

    assert [each.finding.severity for each in clocks.servers()] == [OK]


# The rows are asked for by the page, and the finished ones never


def test_a_walk_over_the_unfinished_rows_leaves_out_all_others(
    world: World, database: Database, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {world.submit(queue=f"q{n % 3}").id for n in range(2_100)}
    conn.execute(
        """
        INSERT INTO jobs (id, job_type, queue, status, priority, max_attempts, attempt, timeout_seconds, run_at, payload,
                          finished_at)
        SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - n), 12, '0') || '-7000-8000-000000000000')::uuid,
               'echo', 'q1', 'COMPLETED', 0, 3, 1, 60, now(), '{}', now()
          FROM generate_series(1, 30000) AS n
        """
    )
    conn.execute("ANALYZE jobs")
    plans = explain(database, monkeypatch)
    pages = list(StoreInspection(database).unfinished())

    assert {job.id for page in pages for job in page} == wanted
    assert [len(page) for page in pages] == [1_000, 1_000, 100]
    assert len(plans) == 11  # of each queue its pages, and which come next
    for plan in plans:
        assert f"{day(0)}_queue_id_idx" in plan or f"{day(0)}_id_idx" in plan  # both leave out what is finished
        assert f"Seq Scan on {day(0)}" not in plan
        # Of so few, Postgres may read those of other queues too; of the 30,000 finished ones none.
        assert all(int(rows) < 2_100 for rows in re.findall(r"Rows Removed by Filter: (\d+)", plan))


# The command


@pytest.fixture
def doctor(examine: Examine, database: Database, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "doctor", lambda: a_doctor(database, world.cache))


def test_the_command_says_that_all_is_well(doctor: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "healthy"
    assert len(lines) == len(ALL_CHECKS) + 1
    assert {line.split()[0] for line in lines[:-1]} == {"ok"}
    assert "\x1b" not in "".join(lines)


def test_the_command_says_what_is_wrong_and_what_to_do(
    doctor: None, world: World, conn: psycopg.Connection[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    stranded = insert(world.store)
    age(conn, "6 seconds")
    of_no_row(world)

    assert cli.main(["doctor"]) == 1

    out = capsys.readouterr().out
    assert f"error     {'rows_without_reminders':<26}  1 unfinished jobs" in out
    assert str(stranded.id) in out
    assert "(--repair does it)" in out
    assert out.endswith("\n1 error, 1 warning\n")


def test_the_command_tells_warnings_from_errors(doctor: None, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    of_no_row(world)

    assert cli.main(["doctor"]) == 2
    assert cli.main(["doctor", "--repair"]) == 0
    assert "repaired  reminders_without_rows: removed 1 reminders" in capsys.readouterr().out


def test_the_command_speaks_json(
    doctor: None, world: World, conn: psycopg.Connection[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    stranded = insert(world.store)
    age(conn, "6 seconds")

    assert cli.main(["doctor", "--json"]) == 1

    told = msgspec.json.decode(capsys.readouterr().out)
    assert told["healthy"] is False
    (finding,) = [each for each in told["findings"] if each["severity"] != "ok"]
    assert finding.keys() == {"check", "severity", "found", "count", "samples", "advice", "repairable"}
    assert (finding["check"], finding["count"]) == ("rows_without_reminders", 1)
    assert (finding["samples"], finding["repairable"]) == ([str(stranded.id)], True)

    assert cli.main(["doctor", "--json", "--repair"]) == 0
    told = msgspec.json.decode(capsys.readouterr().out)
    assert (told["healthy"], len(told["repairs"])) == (True, 1)


def test_the_command_examines_what_the_environment_names(
    world: World, examine: Examine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["doctor"]) == 0

    resources._database("doctor").close()


def test_migrate_works_as_ever(addresses: Addresses, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["migrate"]) == 0

    assert capsys.readouterr().out == "applied none; made partitions none\n"
    resources._database("api").close()


def test_every_command_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["doctor", "--help"]):
        with pytest.raises(SystemExit, match="0"):
            cli.main(arguments)

    out = capsys.readouterr().out
    assert "Bring the schema up to date" in out
    assert "Exit status: 0 all is well" in out


def test_long_lists_are_cut_for_people() -> None:
    finding = Finding(check="c", severity=Severity.WARNING, found="6 things", count=6, samples=["a", "b"], advice="do")

    assert as_text(Report([finding])) == "warning   c  6 things\n             a, b, …\n             → do\n1 warning\n"


# Schedules


def a_schedule(conn: psycopg.Connection[Any], name: str, due: str, **fields: Any) -> None:
    row = {"cron": "0 * * * *", "timezone": "UTC", "job_type": "echo", "payload": "{}", **fields}
    conn.execute(
        """
        INSERT INTO schedules (name, cron, timezone, job_type, payload, queue, priority, max_attempts, timeout_seconds, tags,
                               misfire, overlap, paused, next_run_at)
        VALUES (%(name)s, %(cron)s, %(timezone)s, %(job_type)s, %(payload)s, 'default', 0, 3, 60, '{}', 'skip', 'skip',
                %(due)s::text IS NULL, now() + %(due)s::interval)
        """,
        {"name": name, "due": due, **row},
    )


def test_schedules_that_nobody_fires_are_found(examine: Examine, conn: psycopg.Connection[Any]) -> None:
    a_schedule(conn, "late", "-95 seconds")
    a_schedule(conn, "on-time", "-80 seconds")
    a_schedule(conn, "to-come", "1 hour")

    finding = examine().named("schedules_late")

    assert (finding.severity, finding.count, finding.samples) == (Severity.ERROR, 1, ["late for 95 s"])
    assert "worker" in finding.advice


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"cron": "61 * * * *"}, "broken: Bad minute"),
        ({"timezone": "Mars/Phobos"}, "broken: unknown time zone 'Mars/Phobos'"),
        ({"job_type": "gone"}, "broken: unknown job_type 'gone'"),
        ({"job_type": "sleep", "payload": '{"seconds":"x"}'}, "broken: sleep: Expected `float`"),
    ],
)
def test_schedules_that_cannot_be_read_are_found(
    examine: Examine, conn: psycopg.Connection[Any], fields: dict[str, str], reason: str
) -> None:
    a_schedule(conn, "broken", "1 hour", **fields)
    a_schedule(conn, "sound", "1 hour")

    finding = examine().named("schedules_unreadable")

    assert (finding.severity, finding.count) == (Severity.WARNING, 1)
    assert finding.samples[0].startswith(reason)
