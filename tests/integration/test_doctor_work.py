"""Work that does not go on is found: leases, cancels, waiting jobs, sweeps and dependencies."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from chalicelib.chores import Chores
from chalicelib.workers import Workers
from tests.integration.conftest import World
from tests.integration.examination import Examine, age, examine, running, wrong

__all__ = ["examine"]


def age_due(conn: psycopg.Connection[Any], interval: str) -> None:
    conn.execute("UPDATE jobs SET run_at = run_at - %s::interval", [interval])


@pytest.mark.parametrize(("seconds", "found"), [(14, {}), (16, {"leases_over": "error"})])
def test_a_lease_that_is_over_for_long_is_found(
    world: World, examine: Examine, conn: psycopg.Connection[Any], seconds: int, found: dict[str, str]
) -> None:
    running(world)
    conn.execute("UPDATE jobs SET lease_expires_at = now() - make_interval(secs => %s)", [seconds])

    assert wrong(examine()) == found


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
