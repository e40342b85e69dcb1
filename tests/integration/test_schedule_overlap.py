"""What a time does while the run before it is not finished."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from chalicelib.connections import Connections
from chalicelib.firing import Ticker
from chalicelib.jobs import JobStatus
from chalicelib.schedules import Misfire, Overlap
from chalicelib.timetable import Timetable
from tests.integration.conftest import World, put_in_status, told
from tests.integration.schedules import a_definition, jobs, make_due


def statuses(world: World) -> list[str]:
    return [job.status.value for job in jobs(world)]


def fire_with(
    world: World,
    ticker: Ticker,
    timetable: Timetable,
    conn: psycopg.Connection[Any],
    overlap: Overlap,
    before: JobStatus,
) -> list[str]:
    """The statuses after a time came while the job before stood so."""
    timetable.put("a", a_definition(overlap=overlap))
    make_due(conn)
    ticker.fire_due()
    put_in_status(conn, jobs(world)[0], before) if before is not JobStatus.QUEUED else None
    make_due(conn)
    ticker.fire_due()
    return statuses(world)


@pytest.mark.parametrize(
    ("overlap", "before", "after"),
    [
        (Overlap.ALLOW, JobStatus.QUEUED, ["QUEUED", "QUEUED"]),
        (Overlap.ALLOW, JobStatus.RUNNING, ["RUNNING", "QUEUED"]),
        (Overlap.SKIP, JobStatus.QUEUED, ["QUEUED"]),
        (Overlap.SKIP, JobStatus.RUNNING, ["RUNNING"]),
        (Overlap.SKIP, JobStatus.FAILED, ["FAILED", "QUEUED"]),
        (Overlap.QUEUE_ONE, JobStatus.QUEUED, ["QUEUED"]),
        (Overlap.QUEUE_ONE, JobStatus.RUNNING, ["RUNNING", "QUEUED"]),
        (Overlap.QUEUE_ONE, JobStatus.COMPLETED, ["COMPLETED", "QUEUED"]),
        (Overlap.CANCEL_PREVIOUS, JobStatus.QUEUED, ["CANCELLED", "QUEUED"]),
        (Overlap.CANCEL_PREVIOUS, JobStatus.RUNNING, ["RUNNING", "QUEUED"]),
        (Overlap.CANCEL_PREVIOUS, JobStatus.COMPLETED, ["COMPLETED", "QUEUED"]),
    ],
)
def test_what_a_time_does_while_the_run_before_is_not_finished(
    world: World,
    ticker: Ticker,
    timetable: Timetable,
    conn: psycopg.Connection[Any],
    overlap: Overlap,
    before: JobStatus,
    after: list[str],
) -> None:
    assert fire_with(world, ticker, timetable, conn, overlap, before) == after
    assert timetable.get("a").state == "active"


def test_behind_a_running_one_no_more_than_one_waits(
    world: World, ticker: Ticker, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    fire_with(world, ticker, timetable, conn, Overlap.QUEUE_ONE, JobStatus.RUNNING)
    for _ in range(3):
        make_due(conn)
        ticker.fire_due()

    assert statuses(world) == ["RUNNING", "QUEUED"]


def test_a_running_job_that_is_replaced_is_asked_to_end_and_its_worker_hears_of_it(
    world: World, ticker: Ticker, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    heard: list[tuple[Any, int]] = []
    hearing, stop = threading.Event(), threading.Event()

    def on_cancel(job_id: Any, attempt: int) -> None:
        heard.append((job_id, attempt))
        stop.set()

    listener = threading.Thread(
        target=world.workers.listen, args=(lambda queue: None, on_cancel, hearing.set, stop.is_set)
    )
    listener.start()
    assert hearing.wait(10)

    fire_with(world, ticker, timetable, conn, Overlap.CANCEL_PREVIOUS, JobStatus.RUNNING)

    listener.join(10)
    stop.set()
    first, _ = jobs(world)
    assert heard == [(first.id, 1)]
    assert first.cancel_requested_at is not None


def test_a_waiting_job_that_is_replaced_ends_everywhere(
    world: World, ticker: Ticker, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    """In Redis, in the statistics, and for watchers."""
    Connections(world.cache).add("watcher", "api", "stage")

    fire_with(world, ticker, timetable, conn, Overlap.CANCEL_PREVIOUS, JobStatus.QUEUED)

    first, second = jobs(world)
    heard = [(event.job_id, msgspec.json.decode(event.body)["status"]) for event in told(world)]
    assert heard == [(first.id, "QUEUED"), (first.id, "CANCELLED"), (second.id, "QUEUED")]
    assert conn.execute("SELECT sum(cancelled) FROM job_stats").fetchone() == (1,)
    assert len(world.cache.zrange("{q:default}:ready", 0, -1)) == 1
    assert world.run_due() == 1
    assert statuses(world) == ["CANCELLED", "COMPLETED"]


def test_what_waits_for_a_job_that_is_replaced_hears_of_it(
    world: World, ticker: Ticker, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    timetable.put("a", a_definition(overlap=Overlap.CANCEL_PREVIOUS))
    make_due(conn)
    ticker.fire_due()
    (first,) = jobs(world)
    waiting = world.submit(depends_on=[first.id])
    make_due(conn)

    ticker.fire_due()

    assert world.store.get(waiting.id).status is JobStatus.FAILED


def test_only_a_job_that_is_really_submitted_replaces_another(
    world: World, ticker: Ticker, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    """A clock that was set back brings the same time again: it has its run, and that goes on."""
    timetable.put("a", a_definition(overlap=Overlap.CANCEL_PREVIOUS))
    make_due(conn)
    due = timetable.get("a").next_run_at
    ticker.fire_due()
    conn.execute("UPDATE schedules SET next_run_at = %s", [due])

    ticker.fire_due()

    assert statuses(world) == ["QUEUED"]


@pytest.mark.parametrize("overlap", [Overlap.SKIP, Overlap.QUEUE_ONE, Overlap.CANCEL_PREVIOUS])
def test_of_many_missed_times_that_may_not_overlap_the_newest_runs(
    world: World, ticker: Ticker, timetable: Timetable, conn: psycopg.Connection[Any], overlap: Overlap
) -> None:
    timetable.put("a", a_definition(overlap=overlap, misfire=Misfire.RUN_ALL))
    make_due(conn, "10 minutes")

    ticker.fire_due()

    (job,) = jobs(world)
    assert job.scheduled_for is not None
    assert job.created_at - job.scheduled_for < timedelta(minutes=1)
