from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from chalicelib.errors import InvalidInput, ScheduleExists, ScheduleNotFound
from chalicelib.firing import LOOK_EVERY, Ticker
from chalicelib.handlers.registry import JobContext, job
from chalicelib.redis_link import connect
from chalicelib.schedule_forms import Definition, NamedDefinition, Preview
from chalicelib.schedule_views import schedule_view
from chalicelib.schedules import Firing, Misfire, Overlap
from chalicelib.store.database import Database
from chalicelib.store.firings import Fired, FiringStore
from chalicelib.store.schedules import ScheduleStore
from chalicelib.submissions import Submission
from chalicelib.timetable import Timetable
from infra.local.ports import free_port
from infra.local.services import Addresses
from tests.integration.conftest import World, a_maintenance, a_scheduler, a_timetable, listed
from tests.integration.schedules import ECHO, jobs


class Count(msgspec.Struct):
    to: int


MINUTE = timedelta(minutes=1)


@pytest.fixture
def schedules(database: Database) -> ScheduleStore:
    return ScheduleStore(database)


def a_definition(**fields: Any) -> Definition:
    return Definition(**{"cron": "0 * * * *", "job": ECHO, **fields})


def at_definition(at: datetime, **fields: Any) -> Definition:
    return Definition(**{"at": at, "job": ECHO, **fields})


def make_due(conn: psycopg.Connection[Any], late: timedelta = timedelta(0)) -> None:
    """As if each schedule had been saved before the last time that its expression names. late: how long before that."""
    conn.execute("UPDATE schedules SET next_run_at = date_trunc('hour', now()) - %s WHERE NOT paused", [late])


# Keeping schedules


def test_what_is_put_is_what_is_kept(timetable: Timetable) -> None:
    saved = timetable.put(
        "nightly:report",
        a_definition(
            cron=" 30 2 * * MON-FRI ",
            timezone="Europe/Berlin",
            misfire=Misfire.RUN_ALL,
            overlap=Overlap.SKIP,
            job=Submission(
                job_type="echo",
                payload=msgspec.Raw(b'{"a": 1.0}'),
                queue="q",
                priority=5,
                tags=["a,b", '"'],
                max_attempts=7,
            ),
        ),
    )

    assert saved == timetable.get("nightly:report") == listed(timetable)[0]
    assert (saved.rules.timing.cron, saved.rules.timing.timezone, saved.rules.misfire, saved.rules.overlap) == (
        "30 2 * * MON-FRI",
        "Europe/Berlin",
        "run_all",
        "skip",
    )
    assert (saved.rules.job.queue, saved.rules.job.priority, saved.rules.job.tags, saved.rules.job.max_attempts) == (
        "q",
        5,
        ["a,b", '"'],
        7,
    )
    assert (bytes(saved.rules.job.payload), saved.rules.job.timeout_seconds) == (b'{"a": 1.0}', 30.0)
    assert (saved.last_run_at, saved.last_job_id, saved.version) == (None, None, 1)
    assert saved.next_run_at is not None
    assert saved.next_run_at > saved.created_at


def test_a_schedule_as_it_is_shown_can_be_put_back(timetable: Timetable) -> None:
    saved = timetable.put("a", a_definition())
    shown = msgspec.json.decode(msgspec.json.encode(schedule_view(saved)))
    mine = {key: shown[key] for key in ("cron", "timezone", "job", "misfire", "overlap", "paused")}

    again = timetable.put("a", msgspec.json.decode(msgspec.json.encode(mine), type=Definition))

    assert shown["next_run_at"].endswith(":00:00.000Z")
    assert (again.rules.job, again.version, again.next_run_at) == (saved.rules.job, 2, saved.next_run_at)


def test_a_schedule_is_created_once(timetable: Timetable) -> None:
    new = NamedDefinition(name="a", cron="@daily", job=ECHO)
    timetable.create(new)

    with pytest.raises(ScheduleExists):
        timetable.create(new)

    assert [each.version for each in listed(timetable)] == [1]


def test_what_does_not_exist_is_not_found(timetable: Timetable) -> None:
    for call in (timetable.get, timetable.delete, timetable.pause, timetable.resume, timetable.run_now):
        with pytest.raises(ScheduleNotFound):
            call("nobody")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"cron": "61 * * * *"}, "$.cron"),
        ({"cron": "0 0 */31 * MON#3"}, "$.cron"),
        ({"timezone": "Mars/Phobos"}, "$.timezone"),
        ({"job": Submission(job_type="nobody")}, "$.job.job_type"),
        ({"job": Submission(job_type="count", payload=msgspec.Raw(b'{"to":"x"}'))}, "$.job.payload.to"),
        ({"job": Submission(job_type="echo", payload=msgspec.Raw(b'"\\u0000"'))}, "$.job.payload"),
        ({"job": Submission(job_type="echo", delay_seconds=1)}, "$.job.delay_seconds"),
        ({"job": Submission(job_type="echo", run_at=datetime.now(UTC))}, "$.job.run_at"),
        ({"job": Submission(job_type="echo", tags=[f"t{n}" for n in range(50)])}, "$.job.tags"),
    ],
)
def test_a_fault_is_refused_at_its_path(world: World, timetable: Timetable, fields: dict[str, Any], path: str) -> None:
    @job("count", into=world.registry)
    def count(payload: Count, context: JobContext) -> None: ...

    with pytest.raises(InvalidInput) as refused:
        timetable.put("a", a_definition(**fields))

    assert refused.value.path == path
    assert listed(timetable) == []


@pytest.mark.parametrize("name", ["", "a b", "é", "x" * 81, "a\x00"])
def test_a_name_that_is_none_is_refused(timetable: Timetable, name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        timetable.put(name, a_definition())

    assert refused.value.path == "name"


def test_a_change_of_the_job_leaves_a_due_time_due(timetable: Timetable, conn: psycopg.Connection[Any]) -> None:
    timetable.put("a", a_definition())
    make_due(conn)
    due = timetable.get("a").next_run_at

    assert timetable.put("a", a_definition(misfire=Misfire.SKIP)).next_run_at == due
    assert timetable.put("a", a_definition(cron="5 * * * *")).next_run_at != due


def test_a_deleted_schedule_fires_no_more_and_its_jobs_stay(
    world: World, timetable: Timetable, conn: psycopg.Connection[Any], ticker: Ticker
) -> None:
    timetable.put("a", a_definition())
    timetable.run_now("a")
    make_due(conn)

    timetable.delete("a")
    ticker.fire_due()

    assert len(jobs(world)) == 1


# Firing


def test_a_due_schedule_submits_its_job_for_any_worker(
    world: World, timetable: Timetable, conn: psycopg.Connection[Any], ticker: Ticker
) -> None:
    timetable.put("a", a_definition(job=msgspec.structs.replace(ECHO, queue="q", priority=9, tags=["mine"])))
    make_due(conn)
    due = timetable.get("a").next_run_at

    ticker.fire_due()

    (job,) = jobs(world)
    after = timetable.get("a")
    assert (job.job_type, job.queue, job.priority, job.tags) == ("echo", "q", 9, ["mine", "schedule:a"])
    assert (job.timeout_seconds, job.max_attempts, job.version) == (30.0, 3, 1)
    assert (after.last_run_at, after.last_job_id, after.version) == (due, job.id, 1)
    assert after.next_run_at is not None
    assert after.next_run_at > datetime.now(UTC)
    assert conn.execute("SELECT tag FROM job_tags WHERE job_id = %s ORDER BY tag", [job.id]).fetchall() == [
        ("mine",),
        ("schedule:a",),
    ]
    assert world.run_due() == 1
    assert msgspec.json.decode(world.store.get(job.id).result or b"") == {"n": 1}


def test_what_is_not_due_is_left_alone_and_says_when_to_look(
    world: World, timetable: Timetable, conn: psycopg.Connection[Any], ticker: Ticker
) -> None:
    timetable.put("a", a_definition(cron="0 0 1 1 *"))
    assert ticker.fire_due() == LOOK_EVERY

    conn.execute("UPDATE schedules SET next_run_at = now() + interval '0.3 seconds'")

    assert timedelta(0) < ticker.fire_due() <= timedelta(seconds=0.3)
    assert jobs(world) == []


@pytest.mark.parametrize(("misfire", "runs"), [(Misfire.SKIP, 0), (Misfire.RUN_ONCE, 1), (Misfire.RUN_ALL, 4)])
def test_times_that_were_missed_run_as_the_schedule_says(
    world: World, timetable: Timetable, conn: psycopg.Connection[Any], misfire: Misfire, runs: int, ticker: Ticker
) -> None:
    """A schedule of every day at this hour, three days late and three minutes."""
    hour, minute = (datetime.now(UTC) - timedelta(minutes=3)).strftime("%H %M").split()
    timetable.put("a", a_definition(cron=f"{minute} {hour} * * *", misfire=misfire))
    conn.execute("UPDATE schedules SET next_run_at = date_trunc('minute', now() - interval '3 days 3 minutes')")

    ticker.fire_due()
    ticker.fire_due()

    assert len(jobs(world)) == runs


def test_a_schedule_whose_jobs_may_not_overlap_waits_for_the_last_one(
    world: World, timetable: Timetable, conn: psycopg.Connection[Any], ticker: Ticker
) -> None:
    timetable.put("a", a_definition(overlap=Overlap.SKIP))
    for _ in range(2):
        make_due(conn)
        conn.execute("UPDATE schedule_runs SET run_at = run_at - interval '1 hour'")
        ticker.fire_due()
    assert len(jobs(world)) == 1
    assert ticker.fire_due() == LOOK_EVERY  # it was moved on

    world.run_due()
    make_due(conn)
    ticker.fire_due()

    assert len(jobs(world)) == 2


def test_a_schedule_whose_jobs_may_overlap_does_not_wait(
    world: World, timetable: Timetable, conn: psycopg.Connection[Any], ticker: Ticker
) -> None:
    timetable.put("a", a_definition())
    for _ in range(2):
        make_due(conn)
        conn.execute("UPDATE schedule_runs SET run_at = run_at - interval '1 hour'")
        ticker.fire_due()

    assert len(jobs(world)) == 2


def test_a_paused_schedule_does_not_fire_and_misses_nothing(
    world: World, timetable: Timetable, conn: psycopg.Connection[Any], ticker: Ticker
) -> None:
    timetable.put("a", a_definition(misfire=Misfire.RUN_ALL))
    make_due(conn)
    paused = timetable.pause("a")
    ticker.fire_due()
    assert (paused.paused, paused.next_run_at, timetable.pause("a").version) == (True, None, 2)

    resumed = timetable.resume("a")
    ticker.fire_due()

    assert (resumed.paused, timetable.resume("a").version) == (False, 3)
    assert resumed.next_run_at is not None
    assert jobs(world) == []


def test_a_schedule_that_changed_meanwhile_is_not_resumed_for_its_old_time(
    timetable: Timetable, schedules: ScheduleStore
) -> None:
    seen = timetable.put("a", a_definition(paused=True))
    timetable.put("a", a_definition(paused=True, cron="@yearly"))

    assert not schedules.resume(seen, datetime.now(UTC))

    assert timetable.get("a").paused


def test_a_schedule_can_be_put_down_as_paused(timetable: Timetable) -> None:
    assert timetable.put("a", a_definition(paused=True)).next_run_at is None
    assert timetable.put("a", a_definition(paused=False)).next_run_at is not None


def test_run_now_submits_one_more_job_paused_or_not_and_changes_no_time(world: World, timetable: Timetable) -> None:
    before = timetable.put("a", a_definition(overlap=Overlap.SKIP))
    first = timetable.run_now("a")
    timetable.pause("a")
    second = timetable.run_now("a")

    after = timetable.resume("a")

    assert [job.id for job in jobs(world)] == [first.id, second.id]
    assert (after.last_job_id, after.next_run_at) == (second.id, before.next_run_at)
    assert world.invoked == ["worker-function"]
    assert world.run_due() == 2


def test_a_preview_is_of_the_next_times(timetable: Timetable) -> None:
    noon = datetime(2026, 10, 24, 12, tzinfo=UTC)
    asked = Preview(cron="30 2 * * *", timezone="Europe/Berlin", count=2, after=noon)

    assert [at.isoformat() for at in timetable.preview(asked)] == [
        "2026-10-25T00:30:00+00:00",
        "2026-10-26T01:30:00+00:00",
    ]
    assert timetable.preview(Preview(cron="* * * * *"))[0] > datetime.now(UTC)
    with pytest.raises(InvalidInput):
        timetable.preview(Preview(cron="* * * * *", after=datetime(9999, 1, 1, tzinfo=UTC)))


def test_what_is_due_is_found_without_reading_what_is_not(
    schedules: ScheduleStore,
    database: Database,
    conn: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    firings: FiringStore,
) -> None:
    conn.execute(
        """
        INSERT INTO schedules (name, cron, timezone, job_type, payload, queue, priority, max_attempts, timeout_seconds, tags,
                               misfire, overlap, paused, next_run_at)
        SELECT 's' || n, '0 * * * *', 'UTC', 'echo', '{}', 'default', 0, 3, 60, '{}', 'skip', 'skip', n % 2 = 0,
               CASE n % 2 WHEN 1 THEN now() + make_interval(mins => n - 1) END
          FROM generate_series(1, 3000) AS n
        """
    )
    conn.execute("ANALYZE schedules")
    plans: list[str] = []
    fetch = database.fetch

    def explaining(query: Any, params: Any) -> Any:
        plans.append(
            "\n".join(line for (line,) in conn.execute(b"EXPLAIN ANALYZE " + query.encode(), params).fetchall())
        )
        return fetch(query, params)

    monkeypatch.setattr(database, "fetch", explaining)

    assert [due.name for due in firings.due(LOOK_EVERY, 9)] == ["s1"]
    assert "schedules_due" in plans[0]
    assert "Rows Removed" not in plans[0]


def test_a_schedule_that_nobody_here_can_read_keeps_the_others_from_nothing(
    world: World, timetable: Timetable, conn: psycopg.Connection[Any], ticker: Ticker
) -> None:
    timetable.put("a-broken", a_definition())
    timetable.put("b", a_definition())
    conn.execute("UPDATE schedules SET timezone = 'Mars/Phobos' WHERE name = 'a-broken'")
    make_due(conn)

    ticker.fire_due()

    assert [job.tags for job in jobs(world)] == [["schedule:b"]]


def test_a_schedule_without_another_time_ends(
    world: World, timetable: Timetable, conn: psycopg.Connection[Any], ticker: Ticker
) -> None:
    timetable.put("a", a_definition())
    conn.execute("UPDATE schedules SET cron = '0 0 */31 * MON#3'")
    make_due(conn)

    ticker.fire_due()

    assert len(jobs(world)) == 1
    assert timetable.get("a").state == "ended"


# Once, whatever happens


@pytest.fixture
def rivals(addresses: Addresses, world: World) -> Iterator[list[FiringStore]]:
    with ExitStack() as closing:
        databases = [Database(addresses.database_url) for _ in range(2)]
        for each in databases:
            closing.callback(each.close)
        yield [FiringStore(each) for each in databases]


def test_of_two_that_fire_the_same_time_one_does(
    timetable: Timetable, firings: FiringStore, rivals: list[FiringStore], world: World, conn: psycopg.Connection[Any]
) -> None:
    """Fifty times, so that they meet in every way."""
    timetable.put("a", a_definition(cron="* * * * *"))
    start = threading.Barrier(2)

    def tick(rival: FiringStore, firing: Firing) -> Fired:
        start.wait(10)
        return rival.fire([firing])

    with ThreadPoolExecutor(2) as threads:
        for n in range(50, 0, -1):
            conn.execute(
                "UPDATE schedules SET next_run_at = date_trunc('minute', now()) - make_interval(mins => %s)", [n]
            )
            (due,) = firings.due(LOOK_EVERY, 9)
            firing = msgspec.structs.replace(due, now=due.next_run_at).firing()
            answers = list(threads.map(tick, rivals, [firing, firing]))
            assert sorted(answer.count for answer in answers) == [0, 1]

    assert len(jobs(world)) == 50


def test_a_clock_that_was_set_back_does_not_fire_a_time_again(
    world: World, timetable: Timetable, conn: psycopg.Connection[Any], ticker: Ticker
) -> None:
    timetable.put("a", a_definition())
    for _ in range(2):
        make_due(conn)
        ticker.fire_due()

    assert len(jobs(world)) == 1
    assert timetable.get("a").last_job_id == jobs(world)[0].id


def test_a_crash_between_fire_and_enqueue_strands_no_job(
    world: World,
    timetable: Timetable,
    schedules: ScheduleStore,
    database: Database,
    conn: psycopg.Connection[Any],
    ticker: Ticker,
    firings: FiringStore,
) -> None:
    timetable.put("a", a_definition())
    make_due(conn)
    (due,) = firings.due(LOOK_EVERY, 9)
    firings.fire([due.firing()])  # and here we die
    ticker.fire_due()
    assert world.run_due() == 0

    conn.execute("UPDATE jobs SET created_at = created_at - interval '6 seconds'")
    a_maintenance(database, world.cache).sweep()

    assert world.run_due() == 1
    assert len(jobs(world)) == 1


def test_a_crash_in_the_middle_of_a_firing_leaves_the_schedule_due(
    world: World, timetable: Timetable, schedules: ScheduleStore, conn: psycopg.Connection[Any], ticker: Ticker
) -> None:
    """All of it is one statement: where its last part fails, the first has not happened."""
    timetable.put("a", a_definition())
    make_due(conn)
    conn.execute("ALTER TABLE job_tags ADD CONSTRAINT broken CHECK (tag <> 'schedule:a') NOT VALID")
    try:
        with pytest.raises(psycopg.errors.CheckViolation):
            ticker.fire_due()
    finally:
        conn.execute("ALTER TABLE job_tags DROP CONSTRAINT broken")

    assert jobs(world) == []
    ticker.fire_due()
    assert len(jobs(world)) == 1


def test_schedules_fire_while_redis_is_away(world: World, database: Database, conn: psycopg.Connection[Any]) -> None:
    gone = connect(f"redis://127.0.0.1:{free_port()}")
    scheduler = a_scheduler(database, gone, world.registry)
    a_timetable(database, scheduler).put("a", a_definition())
    make_due(conn)

    Ticker(firings=FiringStore(database), scheduler=scheduler).fire_due()

    assert len(jobs(world)) == 1


# At its time


LATENESS = "SELECT job.created_at - run.run_at FROM jobs AS job JOIN schedule_runs AS run ON job_id = id"


@contextmanager
def ticking(ticker: Ticker) -> Iterator[threading.Thread]:
    stopped = threading.Event()
    thread = threading.Thread(target=ticker.run, args=(stopped,))
    thread.start()
    try:
        yield thread
    finally:
        stopped.set()
        thread.join()


def first_lateness(conn: psycopg.Connection[Any], thread: threading.Thread) -> timedelta:
    while not (late := conn.execute(LATENESS).fetchone()):
        assert thread.is_alive()
        thread.join(0.01)
    lateness: timedelta = late[0]
    return lateness


@pytest.mark.parametrize("due_in", [0.3, 0.6])
def test_a_schedule_fires_at_its_time(
    ticker: Ticker, timetable: Timetable, conn: psycopg.Connection[Any], due_in: float
) -> None:
    timetable.put("a", a_definition())
    conn.execute("UPDATE schedules SET next_run_at = now() + make_interval(secs => %s)", [due_in])

    with ticking(ticker) as thread:
        late = first_lateness(conn, thread)

    assert timedelta(0) <= late < timedelta(seconds=0.4)


def test_a_schedule_that_is_made_meanwhile_fires_at_its_time(
    ticker: Ticker,
    firings: FiringStore,
    timetable: Timetable,
    conn: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The ticker has looked a moment ago, and found nothing to wait for."""
    looked = threading.Event()
    due = firings.due

    def looking(*args: Any) -> Any:
        found = due(*args)
        looked.set()
        return found

    monkeypatch.setattr(firings, "due", looking)
    with ticking(ticker) as thread:
        assert looked.wait(10)
        timetable.put("a", at_definition(datetime.now(UTC) + timedelta(seconds=0.1)))
        late = first_lateness(conn, thread)

    assert timedelta(0) <= late < timedelta(seconds=1)


def test_one_that_is_told_to_stop_at_once_has_fired_what_is_due(
    world: World, ticker: Ticker, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    """A function with nothing to run lives no longer than that."""
    timetable.put("a", a_definition())
    make_due(conn)
    stopped = threading.Event()
    stopped.set()

    ticker.run(stopped)

    assert len(jobs(world)) == 1


def test_an_outage_of_postgres_is_waited_out(world: World) -> None:
    away = Database(f"postgresql://127.0.0.1:{free_port()}/x")

    assert Ticker(firings=FiringStore(away), scheduler=world.scheduler).fire() == LOOK_EVERY
