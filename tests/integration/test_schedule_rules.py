"""What schedules do beyond the clock: overlaps, backfills, pauses, ends, and what is kept of their runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from chalicelib.connections import Connections
from chalicelib.errors import InvalidInput
from chalicelib.firing import PAGE, ROUNDS, Ticker
from chalicelib.jobs import Job, JobStatus
from chalicelib.schedule_forms import Backfill, Definition, NamedDefinition, Preview, RunsQuery
from chalicelib.schedules import SLICE, Firing, Misfire, NewSchedule, Overlap, RunKind
from chalicelib.store.database import Database
from chalicelib.store.firings import Fired, FiringStore
from chalicelib.store.lists import JobFilter
from chalicelib.store.schedule_runs import RunStore
from chalicelib.store.schedules import ScheduleStore
from chalicelib.submissions import Submission
from chalicelib.timetable import Timetable
from infra.local.services import Addresses
from tests.integration.calls import Api, problem
from tests.integration.conftest import World, a_scheduler, a_timetable, listed, put_in_status, told

ECHO = Submission(job_type="echo", payload=msgspec.Raw(b'{"n":1}'))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def runs(database: Database) -> RunStore:
    return RunStore(database)


def a_definition(**fields: Any) -> Definition:
    timing = {} if {"interval_seconds", "at"} & fields.keys() else {"cron": "* * * * *"}
    return Definition(**{"job": ECHO, **timing, **fields})


def make_due(conn: psycopg.Connection[Any], ago: str = "0 minutes") -> None:
    """Due at a whole minute; what ran before ran earlier than that."""
    conn.execute("UPDATE schedule_runs SET run_at = run_at - interval '1 day'")
    conn.execute(
        "UPDATE schedules SET next_run_at = date_trunc('minute', now()) - %s::interval WHERE NOT paused", [ago]
    )


def jobs(world: World) -> list[Job]:
    """Oldest first."""
    return world.lists.page(JobFilter()).jobs[::-1]


def statuses(world: World) -> list[str]:
    return [job.status.value for job in jobs(world)]


# What jobs know of their schedule


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


# Overlaps


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


# Intervals, single times and ends


def test_an_interval_keeps_its_times_when_something_else_is_changed(timetable: Timetable) -> None:
    first = timetable.put("a", a_definition(interval_seconds=3600))
    second = timetable.put("a", a_definition(interval_seconds=3600, misfire=Misfire.SKIP))

    assert first.next_run_at == first.created_at.replace(microsecond=0) + HOUR == second.next_run_at
    third = timetable.put("a", a_definition(interval_seconds=1800))
    assert third.next_run_at == first.created_at.replace(microsecond=0) + HOUR / 2


def test_one_time_fires_and_the_schedule_stays_as_ended(
    world: World, ticker: Ticker, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    at = datetime.now(UTC) + HOUR
    timetable.put("a", a_definition(at=at))
    conn.execute("UPDATE schedules SET at = now(), next_run_at = now()")
    ticker.fire_due()
    ticker.fire_due()

    ended = timetable.get("a")
    assert (ended.state, ended.next_run_at, len(jobs(world))) == ("ended", None, 1)
    assert ended.rules.timing.at is not None
    again = timetable.put("a", a_definition(at=ended.rules.timing.at, misfire=Misfire.SKIP))
    assert (again.state, len(jobs(world))) == ("ended", 1)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"at": MIDNIGHT.replace(year=2020)}, "$.at"),
        ({"interval_seconds": 60, "ends_at": MIDNIGHT.replace(year=2020)}, "$.interval_seconds"),
        ({"at": MIDNIGHT.replace(year=2100), "ends_at": MIDNIGHT.replace(year=2099)}, "$.at"),
        ({"cron": "* * * * *", "interval_seconds": 60}, "$.interval_seconds"),
    ],
)
@pytest.mark.parametrize("paused", [False, True])
def test_a_schedule_that_would_never_run_is_not_kept(
    timetable: Timetable, fields: dict[str, Any], path: str, paused: bool
) -> None:
    with pytest.raises(InvalidInput) as refused:
        timetable.put("a", a_definition(**fields, paused=paused))

    assert refused.value.path == path
    assert listed(timetable) == []


def test_after_its_end_a_schedule_has_ended(
    world: World, ticker: Ticker, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    timetable.put("a", a_definition(ends_at=datetime.now(UTC) + HOUR))
    make_due(conn)
    conn.execute("UPDATE schedules SET ends_at = now() + interval '1 millisecond'")

    ticker.fire_due()

    assert (len(jobs(world)), timetable.get("a").state) == (1, "ended")


def test_one_that_is_resumed_after_its_last_time_has_ended(timetable: Timetable, conn: psycopg.Connection[Any]) -> None:
    timetable.put("a", a_definition(at=datetime.now(UTC) + HOUR))
    timetable.pause("a")
    conn.execute("UPDATE schedules SET at = now()")

    assert timetable.resume("a").state == "ended"


# Pauses


def test_a_pause_says_why_and_by_whom(api: Api, timetable: Timetable) -> None:
    timetable.put("a", a_definition())

    paused = api.post("/schedules/a/pause", {"note": "the source is down"}).json_body
    again = api.post("/schedules/a/pause").json_body
    resumed = api.post("/schedules/a/resume").json_body

    assert (paused["state"], paused["paused_note"], paused["paused_by"]) == ("paused", "the source is down", "local")
    assert (again["paused_note"], again["version"]) == ("the source is down", paused["version"])
    assert (resumed["state"], resumed["paused_note"], resumed["paused_by"]) == ("active", None, None)
    assert problem(api.post("/schedules/a/pause", {"note": "x" * 501}))["status"] == 422
    assert problem(api.post("/schedules/a/pause", {"why": "x"}))["status"] == 422


# Backfills


def fill(timetable: Timetable, hours: int, **fields: Any) -> Any:
    asked = {"from_": MIDNIGHT, "to": MIDNIGHT + hours * HOUR, **fields}
    return timetable.backfill("a", Backfill(**asked))


def test_a_backfill_submits_a_job_for_each_time_that_has_none(world: World, timetable: Timetable) -> None:
    timetable.put("a", a_definition(cron="0 * * * *"))
    fill(timetable, 2)

    assert fill(timetable, 4, dry_run=True).count == 2
    done = fill(timetable, 4)

    assert (done.count, done.next) == (2, None)
    assert [job.scheduled_for for job in jobs(world)] == [MIDNIGHT + n * HOUR for n in range(4)]
    assert fill(timetable, 4).count == 0
    assert world.run_due() == 4


def test_a_backfill_goes_on_where_the_call_before_ended(world: World, timetable: Timetable) -> None:
    timetable.put("a", a_definition(cron="0 * * * *"))

    first = fill(timetable, 5, limit=3)
    second = fill(timetable, 5, limit=3, from_=first.next)

    assert (first.count, first.next) == (3, MIDNIGHT + 3 * HOUR)
    assert (second.count, second.next) == (2, None)
    assert fill(timetable, 0, to=MIDNIGHT + timedelta(minutes=1), limit=1).next is None


def test_a_backfill_leaves_times_to_come_to_come(world: World, timetable: Timetable) -> None:
    timetable.put("a", a_definition(cron="0 * * * *"))
    now = datetime.now(UTC)

    timetable.backfill("a", Backfill(from_=now - 2 * HOUR, to=now + 9 * HOUR))

    assert len(jobs(world)) == 2


def test_a_backfill_of_an_interval_is_of_its_own_times(world: World, timetable: Timetable) -> None:
    schedule = timetable.put("a", a_definition(interval_seconds=3600))

    fill(timetable, 3)

    offset = (schedule.created_at.replace(microsecond=0) - MIDNIGHT) % HOUR
    assert [job.scheduled_for for job in jobs(world)] == [MIDNIGHT + offset + n * HOUR for n in range(3)]


def test_two_backfills_at_once_double_nothing(
    world: World, addresses: Addresses, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    timetable.put("a", a_definition(cron="* * * * *"))
    databases = [Database(addresses.database_url) for _ in range(2)]
    start = threading.Barrier(2)

    def backfill(database: Database) -> int:
        start.wait(10)
        times = [MIDNIGHT + timedelta(minutes=n) for n in range(300)]
        return len(FiringStore(database).submit("a", times, RunKind.BACKFILL))

    with ThreadPoolExecutor(2) as threads:
        counts = list(threads.map(backfill, databases))
    for database in databases:
        database.close()

    assert sum(counts) == 300
    assert conn.execute("SELECT count(*) FROM jobs").fetchone() == (300,)


@pytest.mark.parametrize(
    ("fields", "path"),
    [({"to": MIDNIGHT}, "$.to"), ({"from_": MIDNIGHT.replace(year=1999)}, "$.from")],
)
def test_a_backfill_of_no_range_is_refused(timetable: Timetable, fields: dict[str, Any], path: str) -> None:
    timetable.put("a", a_definition())

    with pytest.raises(InvalidInput) as refused:
        fill(timetable, 1, **fields)

    assert refused.value.path == path


# Runs, and what is kept of them


def test_runs_are_told_with_what_became_of_their_jobs(
    world: World, api: Api, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    timetable.put(
        "a", a_definition(cron="0 * * * *", job=msgspec.structs.replace(ECHO, job_type="fail", max_attempts=1))
    )
    fill(timetable, 3)
    world.run_due()
    gone = timetable.run_now("a")
    conn.execute("DELETE FROM jobs WHERE id = %s", [gone.id])

    told = api.get("/schedules/a/runs").json_body

    assert [(run["kind"], run["status"]) for run in told] == [("hand", None), *[("backfill", "FAILED")] * 3]
    assert told[1]["scheduled_for"] == "2026-01-01T02:00:00.000Z"
    assert told[1]["error"]
    assert told[1]["finished_at"]
    shown = api.get("/schedules/a").json_body
    assert shown["last_outcomes"] == [None, "FAILED", "FAILED", "FAILED"]
    assert (shown["last_job_id"], shown["last_run_at"]) == (str(gone.id), told[0]["scheduled_for"])


def test_runs_come_in_pages(api: Api, timetable: Timetable) -> None:
    timetable.put("a", a_definition(cron="0 * * * *"))
    fill(timetable, 5)
    seen, path = [], "/schedules/a/runs?limit=2"
    while path:
        answer = api.get(path)
        seen += [run["scheduled_for"][11:13] for run in answer.json_body]
        path = answer.headers.get("Link", "").partition(">")[0].removeprefix("</api")

    assert seen == ["04", "03", "02", "01", "00"]


def test_runs_are_forgotten_but_the_newest_and_their_times_are_never_run_again(
    world: World, timetable: Timetable, runs: RunStore, conn: psycopg.Connection[Any]
) -> None:
    timetable.put("a", a_definition(cron="0 * * * *"))
    fill(timetable, 5)

    assert runs.prune(keep=3) == 2

    kept, _ = timetable.runs("a", RunsQuery())
    assert [run.scheduled_for for run in kept] == [MIDNIGHT + n * HOUR for n in (4, 3, 2)]
    with pytest.raises(InvalidInput, match="not known any more"):
        fill(timetable, 5)
    assert fill(timetable, 5, from_=MIDNIGHT + HOUR + timedelta(seconds=1)).count == 0
    assert runs.prune(keep=3) == 0


def test_old_runs_are_forgotten_but_not_the_last_one(
    timetable: Timetable, runs: RunStore, conn: psycopg.Connection[Any]
) -> None:
    """Old is what was made long ago, not what was made for long ago."""
    timetable.put("a", a_definition(cron="0 * * * *"))
    fill(timetable, 4)
    assert runs.prune() == 0
    conn.execute("UPDATE schedule_runs SET job_id = '01900000-0000-7000-8000-000000000000'")

    assert runs.prune() == 3

    assert timetable.get("a").last_run_at == MIDNIGHT + 3 * HOUR


def test_runs_of_many_schedules_and_of_some_that_are_gone_are_pruned_page_by_page(
    timetable: Timetable, runs: RunStore, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.store.schedule_runs.PAGE", 2)
    for name in "abcde":
        timetable.put(name, a_definition())
        timetable.run_now(name)
        timetable.run_now(name)
    timetable.delete("c")

    assert runs.prune(keep=1) == 5
    assert runs.prune(keep=1) == 0


def test_forgotten_times_stay_forgotten_when_the_schedule_is_made_again(
    timetable: Timetable, runs: RunStore, conn: psycopg.Connection[Any]
) -> None:
    timetable.put("a", a_definition(cron="0 * * * *"))
    fill(timetable, 5)
    conn.execute(
        "UPDATE schedule_runs SET job_id = '01900000-0000-7000-8000-000000000000' WHERE run_at > %s", [MIDNIGHT]
    )
    timetable.delete("a")
    assert runs.prune() == 3  # and of those that are kept one is for an earlier time
    timetable.put("a", a_definition(cron="0 * * * *"))

    with pytest.raises(InvalidInput, match="not known any more"):
        fill(timetable, 5)


def test_so_do_those_that_were_too_many(
    timetable: Timetable, runs: RunStore, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.store.schedules.MOST_KEPT", 3)
    timetable.put("a", a_definition(cron="0 * * * *"))
    today = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 10 * HOUR
    fill(timetable, 5, from_=today, to=today + 5 * HOUR)
    assert runs.prune(keep=3) == 2
    timetable.delete("a")
    timetable.put("a", a_definition(cron="0 * * * *"))

    assert timetable.get("a").forgotten_to == today + 2 * HOUR


def test_one_of_which_nothing_was_forgotten_can_be_filled_after_it_was_made_again(timetable: Timetable) -> None:
    timetable.put("a", a_definition(cron="0 * * * *"))
    today = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 10 * HOUR
    fill(timetable, 5, from_=today, to=today + 5 * HOUR)
    timetable.delete("a")
    timetable.put("a", a_definition(cron="0 * * * *"))

    assert fill(timetable, 5, from_=today - HOUR, to=today + 5 * HOUR).count == 1
    timetable.put("b", a_definition())
    assert timetable.get("b").forgotten_to is None


def test_one_that_is_made_again_does_not_run_again_for_the_same_time(
    world: World, ticker: Ticker, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    timetable.put("a", a_definition())
    make_due(conn)
    due = timetable.get("a").next_run_at
    ticker.fire_due()
    timetable.delete("a")
    timetable.put("a", a_definition())
    conn.execute("UPDATE schedules SET next_run_at = %s", [due])

    ticker.fire_due()

    assert len(jobs(world)) == 1


# The API


def test_what_is_shown_can_be_put_back(api: Api) -> None:
    body = {"interval_seconds": 90, "starts_at": "2099-01-01T00:00:00.000Z", "catch_up": 7, "misfire": "run_all"}
    made = api.post("/schedules", {"name": "a", "job": {"job_type": "echo"}, **body}).json_body
    kept = (
        "cron",
        "interval_seconds",
        "at",
        "timezone",
        "starts_at",
        "ends_at",
        "job",
        "misfire",
        "overlap",
        "catch_up",
    )

    put = api.call("PUT", "/schedules/a", msgspec.json.encode({name: made[name] for name in kept})).json_body

    assert {name: made[name] for name in body} == body
    assert (made["next_run_at"], made["state"], made["source"]) == (body["starts_at"], "active", "api")
    assert {name: put[name] for name in (*kept, "next_run_at")} == {name: made[name] for name in (*kept, "next_run_at")}


@pytest.mark.parametrize(
    "when",
    [
        {"cron": "0 0 1 1 *", "timezone": "Asia/Tokyo"},
        {"interval_seconds": 86_400, "starts_at": "2098-12-31T15:00:00Z"},
        {"at": "2098-12-31T15:00:00Z"},
    ],
)
def test_a_preview_is_of_all_kinds(api: Api, when: dict[str, object]) -> None:
    asked = {**when, "after": "2098-12-31T14:00:00Z", "count": 2, "ends_at": "2098-12-31T23:00:00Z"}

    assert api.post("/schedules/preview", asked).json_body == {"times": ["2098-12-31T15:00:00.000Z"]}


def test_a_preview_is_of_a_kept_schedule_also_while_it_is_paused(api: Api, timetable: Timetable) -> None:
    coming = timetable.put("a", a_definition(interval_seconds=3600)).next_run_at
    timetable.pause("a")

    times = api.get("/schedules/a/preview?count=3").json_body["times"]

    assert len(times) == 3
    assert datetime.fromisoformat(times[0]) == coming
    assert problem(api.get("/schedules/nobody/preview"))["status"] == 404
    assert problem(api.get("/schedules/nobody/runs"))["status"] == 404


def test_a_backfill_over_the_api_tells_where_to_go_on(api: Api, timetable: Timetable) -> None:
    timetable.put("a", a_definition(cron="0 * * * *"))
    asked = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T05:00:00Z", "limit": 2}

    counted = api.post("/schedules/a/backfill", {**asked, "dry_run": True}).json_body
    done = api.post("/schedules/a/backfill", asked).json_body

    assert counted == {"count": 2, "next": "2026-01-01T02:00:00.000Z", "dry_run": True}
    assert done == {**counted, "dry_run": False}
    entries = api.get("/audit").json_body
    assert [entry["action"] for entry in entries] == ["backfill_schedule"]
    assert problem(api.post("/schedules/nobody/backfill", asked))["status"] == 404
    assert problem(api.post("/schedules/a/backfill", {**asked, "limit": 1001}))["status"] == 422


def test_schedules_are_in_the_metrics(api: Api, timetable: Timetable, conn: psycopg.Connection[Any]) -> None:
    timetable.put("a", a_definition())
    timetable.put("b", a_definition(paused=True))
    conn.execute("UPDATE schedules SET next_run_at = now() - interval '100 seconds' WHERE name = 'a'")

    told = api.get("/metrics").body.decode()

    assert 'jobscheduler_schedules{state="active"} 1.0' in told
    assert 'jobscheduler_schedules{state="paused"} 1.0' in told
    assert "jobscheduler_schedule_lateness_seconds 100." in told


def test_when_a_schedule_is_created_and_changed_the_audit_says_when_it_runs(api: Api) -> None:
    api.post("/schedules", {"name": "a", "interval_seconds": 60, "job": {"job_type": "echo"}})

    (entry,) = api.get("/audit").json_body

    assert entry["detail"] == {"name": "a", "interval_seconds": 60}


def test_a_schedule_that_is_changed_by_two_at_once_is_as_one_of_them_said(
    addresses: Addresses, world: World, timetable: Timetable
) -> None:
    databases = [Database(addresses.database_url) for _ in range(2)]
    start = threading.Barrier(2)

    def put(database: Database, seconds: int) -> int | None:
        start.wait(10)
        timetable = a_timetable(database, a_scheduler(database, world.cache, world.registry))
        return timetable.put("a", a_definition(interval_seconds=seconds)).rules.timing.interval_seconds

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(put, databases, [3600, 7200]))
    for database in databases:
        database.close()

    kept = timetable.get("a")
    assert kept.version in (1, 2)
    assert kept.next_run_at is not None
    seconds = kept.rules.timing.interval_seconds
    assert seconds is not None
    assert kept.next_run_at - kept.created_at.replace(microsecond=0) == timedelta(seconds=seconds)


def test_what_somebody_else_has_changed_is_neither_replaced_nor_deleted(
    timetable: Timetable, schedules_of: ScheduleStore
) -> None:
    """They are asked again: the next time was computed from what was seen."""
    seen = timetable.put("a", a_definition(interval_seconds=3600))
    changed = timetable.put("a", a_definition(interval_seconds=7200))
    mine = NewSchedule(
        name="a", rules=seen.rules, paused=False, created_at=seen.created_at, next_run_at=seen.next_run_at
    )

    assert not schedules_of.replace(seen, mine)
    assert not schedules_of.delete(seen)
    assert timetable.get("a") == changed
    assert schedules_of.replace(changed, mine)


def test_states_are_counted_and_a_time_that_is_over_has_no_preview(
    timetable: Timetable, schedules_of: ScheduleStore
) -> None:
    timetable.create(NamedDefinition(name="a", at=datetime.now(UTC) + DAY, job=ECHO))

    assert schedules_of.figures().counts == {"active": 1, "paused": 0, "ended": 0}
    assert timetable.preview(Preview(at=datetime.now(UTC) - DAY)) == []


@pytest.fixture
def schedules_of(database: Database) -> ScheduleStore:
    return ScheduleStore(database)
