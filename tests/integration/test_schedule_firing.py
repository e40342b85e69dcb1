"""Due schedules fire once each, however many there are and whoever else fires or changes them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg
import pytest

from chalicelib.firing import PAGE, ROUNDS, Ticker
from chalicelib.schedules import SLICE, Firing, Misfire, Overlap
from chalicelib.store.database import Database
from chalicelib.store.firings import Fired, FiringStore
from chalicelib.timetable import Timetable
from infra.local.services import Addresses
from tests.integration.conftest import World
from tests.integration.schedules import ECHO, HOUR, a_definition, jobs, make_due


def test_a_job_knows_its_schedule_and_for_which_time_it_runs(
    world: World, ticker: Ticker, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    timetable.put("a", a_definition(job=msgspec.structs.replace(ECHO, concurrency_key="ann")))
    make_due(conn)
    due = timetable.get("a").next_run_at

    ticker.fire_due()

    (job,) = jobs(world)
    assert (job.schedule, job.scheduled_for, job.concurrency_key) == ("a", due, "ann")
    assert "schedule:a" in job.tags


# Many at once


def test_thousands_are_fired_by_a_statement_a_thousand(
    world: World,
    ticker: Ticker,
    firings: FiringStore,
    timetable: Timetable,
    conn: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timetable.put("s0", a_definition())
    copy(conn, PAGE + 100)
    make_due(conn)
    sizes: list[int] = []
    fire = firings.fire

    def counting(each: list[Firing]) -> Fired:
        sizes.append(len(each))
        return fire(each)

    monkeypatch.setattr(firings, "fire", counting)

    ticker.fire_due()

    assert sizes == [PAGE, 101]
    assert conn.execute("SELECT count(*), count(DISTINCT schedule) FROM jobs").fetchone() == (PAGE + 101, PAGE + 101)


def copy(conn: psycopg.Connection[Any], count: int, name: str = "c") -> None:
    """More schedules like s0."""
    conn.execute(
        """
        INSERT INTO schedules (name, cron, timezone, job_type, payload, queue, priority, max_attempts, timeout_seconds, tags,
                               misfire, overlap, catch_up, paused, next_run_at)
        SELECT %s || n, cron, timezone, job_type, payload, queue, priority, max_attempts, timeout_seconds, tags,
               misfire, overlap, catch_up, paused, next_run_at
          FROM schedules, generate_series(1, %s) AS n WHERE name = 's0'
        """,
        [name, count],
    )


def test_of_many_that_are_due_at_the_same_time_each_is_found_by_its_name(
    firings: FiringStore,
    database: Database,
    timetable: Timetable,
    conn: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Found by that time, each would be compared with all the others."""
    timetable.put("s0", a_definition())
    copy(conn, 2_000)
    make_due(conn)
    conn.execute("ANALYZE schedules")
    due = [each.firing() for each in firings.due(HOUR, 1_000)]
    plans: list[str] = []

    def explaining(query: Any, params: Any, **options: Any) -> list[Any]:
        with database.transaction() as connection:
            rows = connection.execute(b"EXPLAIN ANALYZE " + query.encode(), params).fetchall()
            plans.append("\n".join(line for (line,) in rows))
            raise psycopg.Rollback
        return [(0, None)]

    monkeypatch.setattr(database, "fetch", explaining)

    firings.fire(due)

    assert "schedules_pkey" in plans[0]
    assert "schedules_due" not in plans[0]
    assert "Rows Removed by Join Filter" not in plans[0]


def test_many_missed_times_of_one_do_not_keep_the_others_waiting(
    world: World, ticker: Ticker, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    """In the order in which they were submitted: the other's is among the first."""
    timetable.put("s0", a_definition(misfire=Misfire.RUN_ALL, catch_up=100))
    timetable.put("other", a_definition())
    make_due(conn, "300 minutes")
    conn.execute("UPDATE schedules SET next_run_at = date_trunc('minute', now()) WHERE name = 'other'")

    ticker.fire_due()

    submitted = [job.schedule for job in jobs(world)]
    assert submitted.count("s0") in (99, 100)
    assert submitted.index("other") <= SLICE
    assert ROUNDS * SLICE >= 100


def test_one_that_cannot_be_read_does_not_hide_those_after_it(
    world: World, ticker: Ticker, timetable: Timetable, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are: a page of them is not the end."""
    monkeypatch.setattr("chalicelib.firing.PAGE", 3)
    timetable.put("s0", a_definition())
    copy(conn, 7, "broken")
    conn.execute("UPDATE schedules SET timezone = 'Mars/Phobos' WHERE name LIKE 'broken%'")
    make_due(conn)
    conn.execute("UPDATE schedules SET next_run_at = next_run_at - interval '1 hour' WHERE name LIKE 'broken%'")

    ticker.fire_due()

    assert [job.schedule for job in jobs(world)] == ["s0"]


# While others fire or change them


def test_one_that_is_being_changed_is_left_to_the_next_look(
    world: World,
    ticker: Ticker,
    firings: FiringStore,
    timetable: Timetable,
    addresses: Addresses,
    conn: psycopg.Connection[Any],
) -> None:
    """Nobody waits for somebody's transaction; the other ones fire."""
    timetable.put("s0", a_definition())
    copy(conn, 1)
    make_due(conn)
    with psycopg.connect(addresses.database_url) as busy:
        busy.execute("SELECT FROM schedules WHERE name = 's0' FOR UPDATE")
        ticker.fire_due()
        assert [job.schedule for job in jobs(world)] == ["c1"]

    ticker.fire_due()

    assert [job.schedule for job in jobs(world)] == ["c1", "s0"]


def test_one_that_was_changed_since_it_was_seen_does_not_fire_as_it_was(
    world: World, firings: FiringStore, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    timetable.put("a", a_definition())
    make_due(conn)
    (due,) = firings.due(HOUR, 9)
    timetable.put("a", a_definition(overlap=Overlap.SKIP))

    assert firings.fire([due.firing()]).count == 0
    assert jobs(world) == []


def test_two_that_fire_many_at_once_fire_each_once(
    world: World, timetable: Timetable, addresses: Addresses, conn: psycopg.Connection[Any]
) -> None:
    """They begin at both ends, so that they would lock each other out if they waited."""
    timetable.put("s0", a_definition(overlap=Overlap.CANCEL_PREVIOUS))
    copy(conn, 199)
    make_due(conn)
    databases = [Database(addresses.database_url) for _ in range(2)]
    due = [each.firing() for each in FiringStore(databases[0]).due(HOUR, 999)]
    start = threading.Barrier(2)

    def fire(database: Database, firings: list[Any]) -> int:
        start.wait(10)
        return FiringStore(database).fire(firings).count

    with ThreadPoolExecutor(2) as threads:
        counts = list(threads.map(fire, databases, [due, due[::-1]]))
    for database in databases:
        database.close()

    assert sum(counts) == 200
    assert conn.execute("SELECT count(*), count(DISTINCT schedule) FROM jobs").fetchone() == (200, 200)


def test_a_worker_that_is_killed_while_it_fires_leaves_everything_due(
    world: World, ticker: Ticker, timetable: Timetable, addresses: Addresses, conn: psycopg.Connection[Any]
) -> None:
    """Its connection is cut in the middle of the statement, which waits for a lock that we hold."""
    timetable.put("a", a_definition())
    make_due(conn)
    doomed = Database(addresses.database_url)
    doomed_ticker = Ticker(firings=FiringStore(doomed), scheduler=world.scheduler)
    with held(addresses, "LOCK TABLE job_tags IN ACCESS EXCLUSIVE MODE"):
        thread = threading.Thread(target=doomed_ticker.fire)
        thread.start()
        kill_who_waits_for(conn, "job_tags", thread)
        thread.join(20)
    doomed.close()
    assert jobs(world) == []

    ticker.fire_due()
    ticker.fire_due()

    assert len(jobs(world)) == 1


@contextmanager
def held(addresses: Addresses, lock: str) -> Iterator[None]:
    with psycopg.connect(addresses.database_url) as holder:
        holder.execute(lock.encode())
        yield


def kill_who_waits_for(conn: psycopg.Connection[Any], table: str, thread: threading.Thread) -> None:
    query = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = %s::regclass AND NOT granted"
    while not conn.execute(query, [table]).fetchall():
        assert thread.is_alive()
        thread.join(0.01)
