"""Jobs that wait for other jobs, on Postgres and Redis: when they go, and what it costs."""

from __future__ import annotations

import re
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from chalicelib.connections import Connections
from chalicelib.jobs import JobStatus
from chalicelib.store import dependencies
from chalicelib.store.dependencies import MOST_PAGES, DependencyStore
from chalicelib.submissions import Submission
from tests.integration.calls import Api
from tests.integration.conftest import World, a_maintenance, claim, explain, put_in_status, told
from tests.integration.dependents import end, in_redis, statuses, waiting

Conn = psycopg.Connection[Any]
BLOCKED, QUEUED, RUNNING, COMPLETED, FAILED, CANCELLED = JobStatus


def test_a_job_runs_after_those_it_depends_on(world: World) -> None:
    first, second = world.submit(), world.submit()
    third = waiting(world, first, second)
    assert (third.status, third.depends_on, third.version) == (BLOCKED, [first.id, second.id], 1)

    world.run_due()

    ended = [world.store.get(each.id) for each in (first, second, third)]
    assert [each.status for each in ended] == [COMPLETED] * 3
    assert ended[2].started_at is not None
    assert all(each.finished_at is not None and each.finished_at <= ended[2].started_at for each in ended[:2])


def test_it_waits_for_the_last_one(world: World) -> None:
    first, second = world.submit(), world.submit()
    third = waiting(world, first, second)

    end(world, first)
    assert statuses(world, third) == [BLOCKED]
    assert third.id not in in_redis(world)

    end(world, second)
    assert statuses(world, third) == [QUEUED]
    assert third.id in in_redis(world)


def test_its_wait_for_a_worker_begins_when_it_is_let_go(world: World, conn: Conn) -> None:
    first = world.submit()
    second = waiting(world, first)
    conn.execute("UPDATE jobs SET run_at = run_at - interval '1 hour' WHERE id = %s", [second.id])
    end(world, first)

    (claimed,) = claim(world.attempts, second.id)

    assert claimed.waited < 60


def test_a_time_to_come_is_kept(world: World) -> None:
    first = world.submit()
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    second = waiting(world, first, run_at=at)
    end(world, first)

    let_go = world.store.get(second.id)

    assert (let_go.status, let_go.run_at, let_go.waits) == (QUEUED, at, True)


@pytest.mark.parametrize("status", [COMPLETED, FAILED, CANCELLED])
def test_what_has_ended_before_the_submit_counts_as_if_it_ended_after(world: World, status: JobStatus) -> None:
    first = world.submit()
    before = waiting(world, first)
    end(world, first, status)
    after, _ = world.scheduler.submit_once(Submission(job_type="echo", depends_on=[first.id]))

    assert statuses(world, before, after) == [QUEUED if status is COMPLETED else FAILED] * 2
    assert after.status == world.store.get(after.id).status


@pytest.mark.parametrize(("status", "how"), [(FAILED, "failed"), (CANCELLED, "was cancelled")])
def test_it_fails_with_the_first_that_ends_badly_and_says_why(
    world: World, conn: Conn, status: JobStatus, how: str
) -> None:
    first, second = world.submit(), world.submit()
    third = waiting(world, first, second)
    end(world, first, status)

    failed = world.store.get(third.id)

    assert failed.status is FAILED
    assert failed.error == f"job {first.id}, on which it depends, {how}"
    (error,) = msgspec.json.decode(failed.errors or b"[]")
    assert (error["type"], error["message"], error["attempt"]) == ("DependencyFailed", failed.error, 0)
    assert (failed.attempt, failed.failures, failed.version) == (0, 0, 2)
    counted = conn.execute("SELECT sum(failed) FROM job_stats").fetchone()
    assert counted == (1 + (status is FAILED),)


@pytest.mark.parametrize("status", [COMPLETED, FAILED, CANCELLED])
def test_it_runs_however_the_others_end_where_that_was_asked(world: World, status: JobStatus) -> None:
    first, second = world.submit(), world.submit()
    third = waiting(world, first, second, if_dependency_fails="run")

    end(world, first, status)
    assert statuses(world, third) == [BLOCKED]

    end(world, second, status)
    assert statuses(world, third) == [QUEUED]


def test_a_failure_goes_down_the_whole_chain_but_not_past_who_runs_anyway(world: World) -> None:
    first = world.submit()
    second = waiting(world, first)
    third = waiting(world, second)
    tidy = waiting(world, third, if_dependency_fails="run")
    last = waiting(world, tidy)

    end(world, first, FAILED)

    assert statuses(world, second, third, tidy, last) == [FAILED, FAILED, QUEUED, BLOCKED]


def test_a_job_whose_workers_died_lets_others_go(world: World, conn: Conn) -> None:
    first = world.submit()
    second = waiting(world, first, if_dependency_fails="run")
    put_in_status(conn, first, RUNNING)
    conn.execute("UPDATE jobs SET crashes = 2, attempt = 3 WHERE id = %s", [first.id])
    fetcher = world.fetcher()

    fetcher.follow_up(fetcher.fetch({"default": 1}, timedelta(days=1)), timedelta(days=1))

    assert statuses(world, first, second) == [FAILED, QUEUED]
    assert second.id in in_redis(world)


def test_a_waiting_job_can_be_cancelled_and_is_not_let_go_any_more(world: World) -> None:
    first = world.submit()
    second = waiting(world, first)
    third = waiting(world, second)
    world.scheduler.cancel(second.id)

    end(world, first)

    assert statuses(world, second, third) == [CANCELLED, FAILED]


def test_what_waited_and_was_pruned_away_is_no_obstacle(world: World, conn: Conn) -> None:
    first, second = world.submit(), world.submit()
    third = waiting(world, first, second)
    end(world, first)
    conn.execute("DELETE FROM jobs WHERE id = %s", [first.id])

    end(world, second)

    assert statuses(world, third) == [QUEUED]


def test_watchers_are_told_of_it(world: World) -> None:
    Connections(world.cache).add("watcher", "api", "stage")
    first = world.submit()
    second = waiting(world, first)
    end(world, first)

    bodies = [msgspec.json.decode(event.body) for event in told(world) if event.job_id == second.id]
    assert [body["status"] for body in bodies] == ["BLOCKED", "QUEUED"]


def test_one_that_is_put_back_alone_runs(world: World) -> None:
    first = world.submit()
    second = waiting(world, first)
    end(world, first, FAILED)

    revived = world.scheduler.revive(second.id)

    assert (revived.status, revived.depends_on) == (QUEUED, None)


def test_those_that_are_put_back_together_wait_for_each_other_again(world: World) -> None:
    first = world.submit()
    second = waiting(world, first)
    third = waiting(world, second)
    end(world, first, FAILED)

    world.scheduler.revive_all([third.id, second.id, first.id])

    assert statuses(world, first, second, third) == [QUEUED, BLOCKED, BLOCKED]
    world.run_due()
    assert statuses(world, first, second, third) == [COMPLETED] * 3


def test_one_that_is_put_back_waits_for_what_is_unfinished(world: World) -> None:
    first = world.submit()
    second = waiting(world, first)
    world.scheduler.cancel(second.id)

    revived = world.scheduler.revive(second.id)

    assert (revived.status, revived.depends_on) == (BLOCKED, [first.id])
    end(world, first)
    assert statuses(world, second) == [QUEUED]


def test_a_chain_that_is_put_back_by_a_filter_waits_for_what_comes_in_a_later_page(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest come first."""
    monkeypatch.setattr("chalicelib.bulk.BATCH", 2)
    first = world.submit()
    others = [waiting(world, first) for _ in range(5)]
    end(world, first, FAILED)

    assert api.post("/jobs/revive", {"status": "FAILED"}).json_body["count"] == 6

    assert statuses(world, first, *others) == [QUEUED] + [BLOCKED] * 5
    world.run_due()
    assert set(statuses(world, first, *others)) == {COMPLETED}


def test_what_a_filter_puts_back_without_the_one_that_failed_fails_again(world: World, api: Api, conn: Conn) -> None:
    first = world.submit(queue="elsewhere")
    second = waiting(world, first)
    end(world, first, FAILED)

    api.post("/jobs/revive", {"queue": "default"})
    conn.execute("UPDATE jobs SET created_at = created_at - interval '1 minute'")
    a_maintenance(world._new_database(), world.cache).patrol()

    assert statuses(world, second) == [FAILED]


def test_a_copy_waits_for_nothing(world: World) -> None:
    second = waiting(world, world.submit())

    copy = world.scheduler.copy(second.id)

    assert (copy.status, copy.depends_on) == (QUEUED, None)


def test_a_job_that_nobody_waits_for_costs_no_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DependencyStore, "_dependents", lambda *_: pytest.fail("looked"))
    for status in (COMPLETED, FAILED, CANCELLED):
        end(world, world.submit(), status)


@pytest.mark.parametrize("how", [FAILED, CANCELLED])
def test_a_long_chain_fails_in_pages_and_leaves_the_rest_to_maintenance(
    world: World, conn: Conn, how: JobStatus
) -> None:
    chain = [world.submit()]
    for _ in range(MOST_PAGES + 5):
        chain.append(waiting(world, chain[-1]))

    end(world, chain[0], how)
    assert statuses(world, *chain) == [how] + [FAILED] * MOST_PAGES + [BLOCKED] * 5

    conn.execute("UPDATE jobs SET created_at = created_at - interval '1 minute'")
    a_maintenance(world._new_database(), world.cache).patrol()
    assert statuses(world, *chain) == [how] + [FAILED] * (MOST_PAGES + 5)


def test_more_dependents_than_a_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependencies, "PAGE", 4)
    first = world.submit()
    others = [waiting(world, first) for _ in range(10)]

    end(world, first)

    assert set(statuses(world, *others)) == {QUEUED}


@pytest.mark.parametrize("is_analyzed", [True, False])
def test_only_the_rows_in_question_are_read(
    world: World, conn: Conn, monkeypatch: pytest.MonkeyPatch, is_analyzed: bool
) -> None:
    """Each once and by its key, among any number of others, whatever the planner knows of them."""
    first = world.submit()
    early = world.scheduler.submit([Submission(job_type="echo", depends_on=[first.id]) for _ in range(500)])
    for _ in range(20):
        world.scheduler.submit([Submission(job_type="echo") for _ in range(1_000)])
    late = world.scheduler.submit([Submission(job_type="echo", depends_on=[first.id, early[0].id]) for _ in range(500)])
    world.attempts.complete(claim(world.attempts, first.id), [b"1"])
    if is_analyzed:
        conn.execute("ANALYZE jobs")
    database = world._new_database()
    monkeypatch.setattr(database, "together", lambda: nullcontext(database))
    plans = explain(database, monkeypatch)

    moved = DependencyStore(database).release([job.id for job in (*early, *late)])

    assert {job.id for job in moved} == {job.id for job in early}
    for plan in plans:
        steps = [line for line in plan.splitlines() if " on jobs_" in line and "never executed" not in line]
        assert steps
        assert all("Index Scan using jobs_" in step or "Update on" in step for step in steps), plan
        read = [
            float(rows) * float(loops) for rows, loops in re.findall(r"rows=([0-9.]+) loops=([0-9]+)", "".join(steps))
        ]
        assert sum(read) <= 3_000, plan
