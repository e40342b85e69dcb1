"""Every unfinished job has a reminder in Redis, where and when its row says; doctor finds and mends what differs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from chalicelib.checks.limits import Limits
from chalicelib.jobs import LEASE
from chalicelib.members import member
from chalicelib.store.database import Database
from chalicelib.store.inspection import StoreInspection
from tests.integration.conftest import World, a_job, explain, insert
from tests.integration.examination import DELAYED, LEASED, READY, Examine, age, day, examine, in_ms, running, wrong

__all__ = ["examine"]


# Rows without reminders


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


def test_repair_never_touches_a_row(world: World, examine: Examine, conn: psycopg.Connection[Any]) -> None:
    running(world)
    conn.execute("UPDATE jobs SET lease_expires_at = now() - interval '16 seconds'")
    insert(world.store)
    age(conn, "6 seconds")
    before = conn.execute("SELECT * FROM jobs ORDER BY id").fetchall()

    examine(repair=True)

    assert conn.execute("SELECT * FROM jobs ORDER BY id").fetchall() == before


# Reminders in the wrong place


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
