from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from chalicelib.flow import Flow
from chalicelib.handlers.registry import JobContext, job
from chalicelib.jobs import LEASE, ClaimedJob, Job, JobStatus
from chalicelib.members import member
from chalicelib.queue_settings import QueueChange, QueueSettings, Rate
from chalicelib.queues import Look, Queues
from chalicelib.redis_link import Batch, RedisLink, connect
from chalicelib.store.database import Database
from chalicelib.store.jobs import JobStore
from chalicelib.store.queues import QueueStore
from chalicelib.throttle import Throttle, throttle_of
from chalicelib.worker import Budget
from infra.local.ports import free_port
from tests.integration.conftest import FOREVER, World, a_flow, a_maintenance, explain

COPY, MARK, PACE = throttle_of("default")
READY, DELAYED, LEASED = (f"{{q:default}}:{name}" for name in ("ready", "delayed", "leased"))


PATIENCE_SECONDS = 60  # with workers on a busy machine


@pytest.fixture
def flow(world: World, database: Database) -> Flow:
    return a_flow(database, world.cache)


def take(world: World, limit: int = 100) -> Look:
    return world.queues.take({"default": limit}, LEASE).looks["default"]


def count(look: Look) -> int:
    return len(look.members)


def age_pace(world: World, seconds: float) -> None:
    """As if the last starts had been so much earlier."""
    names: Any = world.cache.zrange(PACE, 0, -1)
    for name in names:
        world.cache.zincrby(PACE, -seconds * 1000, name)


# Paused


def test_nothing_is_taken_of_a_paused_queue_until_it_is_resumed(world: World, flow: Flow) -> None:
    world.submit()
    flow.change("default", QueueChange(paused=True))
    assert take(world).members == []

    flow.change("default", QueueChange(paused=False))

    assert count(take(world)) == 1


def test_a_paused_queue_gives_no_reason_to_look_again(world: World, flow: Flow) -> None:
    """Not even one with more due jobs than a look moves up."""
    later = [world.submit(delay_seconds=60) for _ in range(3)]
    flow.change("default", QueueChange(paused=True))
    world.cache.zadd(DELAYED, {member(job): 1 for job in later})

    assert take(world, limit=1).wait is None


def test_a_paused_queue_costs_no_attempts(world: World, flow: Flow) -> None:
    waiting = world.submit()
    flow.change("default", QueueChange(paused=True))

    assert world.run_due() == 0

    row = world.store.get(waiting.id)
    assert (row.status, row.attempt, row.version) == (JobStatus.QUEUED, 0, 1)


def test_a_pause_holds_up_no_other_queue(world: World, flow: Flow) -> None:
    world.submit(queue="other")
    flow.change("default", QueueChange(paused=True))

    assert world.run_due() == 1


# Slots


def test_no_more_jobs_have_leases_than_the_queue_has_slots(world: World, flow: Flow) -> None:
    for _ in range(5):
        world.submit()
    flow.change("default", QueueChange(max_running=2))

    assert [count(take(world)) for _ in range(3)] == [2, 0, 0]


def test_a_queue_without_a_free_slot_is_looked_at_when_a_lease_is_over(world: World, flow: Flow) -> None:
    """Not when another job comes due: that changes nothing."""
    flow.change("default", QueueChange(max_running=1))
    for _ in range(2):
        world.submit()
    take(world)
    late = [world.submit(delay_seconds=60) for _ in range(2)]
    world.cache.zadd(DELAYED, {member(job): 1 for job in late})

    wait = take(world, limit=1).wait

    assert wait is not None
    assert LEASE - timedelta(seconds=5) < wait <= LEASE


def test_a_lease_that_is_over_holds_no_slot(
    world: World, flow: Flow, expire_lease: Callable[[ClaimedJob | Job], None]
) -> None:
    flow.change("default", QueueChange(max_running=1))
    first = world.submit()
    world.fetcher("killed").fetch({"default": 1}, FOREVER)
    world.submit()
    assert count(take(world)) == 0

    expire_lease(first)

    assert count(take(world)) == 1


def test_a_job_whose_lease_redis_lost_sight_of_goes_on_in_its_own_slot(world: World, flow: Flow) -> None:
    """Its worker lives, and could not reach Redis: the claim is refused, and nobody else may have started meanwhile."""
    flow.change("default", QueueChange(max_running=1))
    running = world.submit()
    assert len(world.fetcher("living").fetch({"default": 1}, FOREVER).jobs) == 1
    world.submit()
    world.cache.zadd(LEASED, {member(running): 1})

    fetcher = world.fetcher("other")
    found = fetcher.fetch({"default": 9}, FOREVER)
    fetcher.follow_up(found, FOREVER)

    assert (found.jobs, found.looks["default"].members) == ([], [member(running)])
    assert fetcher.fetch({"default": 9}, FOREVER).looks["default"].members == []


def test_leases_that_are_over_wait_while_their_queue_is_paused(world: World, flow: Flow) -> None:
    flow.change("default", QueueChange(max_running=1))
    running = world.submit()
    take(world)
    flow.change("default", QueueChange(paused=True))
    world.cache.zadd(LEASED, {member(running): 1})

    seen = take(world)

    assert (seen.members, seen.wait) == ([], None)
    flow.change("default", QueueChange(paused=False))
    assert take(world).members == [member(running)]


def test_leases_that_are_over_keep_to_the_pace(world: World, flow: Flow) -> None:
    flow.change("default", QueueChange(max_running=9, rate_limit=Rate(jobs=1, per_seconds=60)))
    running = world.submit()
    take(world)
    world.cache.zadd(LEASED, {member(running): 1})

    seen = take(world)

    assert seen.members == []
    assert seen.wait is not None
    assert timedelta(seconds=50) < seen.wait <= timedelta(seconds=60)
    age_pace(world, 60)
    assert take(world).members == [member(running)]


def test_fewer_slots_than_leases_are_waited_for(world: World, flow: Flow) -> None:
    jobs = [world.submit() for _ in range(4)]
    take(world, limit=3)
    flow.change("default", QueueChange(max_running=2))
    assert count(take(world)) == 0

    batch = Batch(world.cache)
    world.queues.drop(jobs[:2], batch)
    batch.send()

    assert count(take(world)) == 1


def test_a_queue_without_any_slot_stands_still(world: World, flow: Flow) -> None:
    world.submit()
    flow.change("default", QueueChange(max_running=0))

    taken = take(world)

    assert (taken.members, taken.wait) == ([], None)


# Rates


def test_after_a_pause_a_burst_may_start_and_then_as_many_as_the_rate_says(world: World, flow: Flow) -> None:
    for _ in range(30):
        world.submit()
    flow.change("default", QueueChange(rate_limit=10))
    assert [count(take(world)), count(take(world))] == [10, 0]

    age_pace(world, 0.5)

    assert [count(take(world)), count(take(world))] == [5, 0]


def test_however_long_the_pause_no_more_start_at_once_than_the_burst(world: World, flow: Flow) -> None:
    for _ in range(30):
        world.submit()
    flow.change("default", QueueChange(rate_limit=10))
    take(world)

    age_pace(world, 3600)

    assert count(take(world)) == 10


def test_a_slow_queue_says_when_the_next_job_may_start(world: World, flow: Flow) -> None:
    for _ in range(2):
        world.submit()
    flow.change("default", QueueChange(rate_limit=0.25))
    assert count(take(world)) == 1

    wait = take(world).wait

    assert wait is not None
    assert timedelta(seconds=3.5) < wait <= timedelta(seconds=4)
    age_pace(world, 4)
    assert count(take(world)) == 1


def test_a_fast_queue_is_not_looked_at_for_each_start(world: World, flow: Flow) -> None:
    for _ in range(3):
        world.submit()
    flow.change("default", QueueChange(rate_limit=200))
    take(world, limit=1)
    age_pace(world, -3600)  # none may start meanwhile

    assert take(world).wait == timedelta(milliseconds=20)


def test_a_look_that_finds_nothing_costs_no_start(world: World, flow: Flow) -> None:
    flow.change("default", QueueChange(rate_limit=1))
    for _ in range(3):
        take(world)

    world.submit()

    assert count(take(world)) == 1


def test_a_clock_that_was_set_back_costs_nothing(world: World, flow: Flow) -> None:
    for _ in range(2):
        world.submit()
    flow.change("default", QueueChange(rate_limit=1))
    take(world, limit=1)
    age_pace(world, -3600)

    seen = take(world)

    assert (seen.members, seen.wait) == ([], timedelta(seconds=1))
    age_pace(world, 1)

    assert count(take(world)) == 1


def test_a_rate_and_slots_hold_together(world: World, flow: Flow) -> None:
    for _ in range(9):
        world.submit()
    flow.change("default", QueueChange(rate_limit=5, max_running=3))

    assert [count(take(world)), count(take(world))] == [3, 0]

    flow.change("default", QueueChange(max_running=None))

    assert count(take(world)) >= 2


def test_what_only_lacks_slots_does_not_wait_for_its_pace(world: World, flow: Flow) -> None:
    for _ in range(2):
        world.submit()
    flow.change("default", QueueChange(rate_limit=1, max_running=1))
    take(world)

    wait = take(world).wait

    assert wait is not None
    assert wait > timedelta(seconds=20)


# Settings


def test_what_a_change_leaves_out_stays_as_it_was(flow: Flow) -> None:
    flow.change("a", QueueChange(max_running=3))
    flow.change("a", QueueChange(rate_limit=2.5))
    flow.change("a", QueueChange(paused=True))
    flow.change("a", QueueChange(max_running=None))

    changed = flow.find("a")

    assert (changed.paused, changed.max_running, changed.rate_limit, changed.version) == (True, None, Rate(jobs=2.5), 4)


def test_a_limit_that_is_taken_away_holds_nothing_back(world: World, flow: Flow) -> None:
    for _ in range(3):
        world.submit()
    flow.change("default", QueueChange(max_running=1, rate_limit=1))

    flow.change("default", QueueChange(max_running=None, rate_limit=None))

    assert count(take(world)) == 3


def test_a_queue_that_nobody_set_has_no_limits(flow: Flow) -> None:
    assert flow.find("nobody") == QueueSettings(name="nobody")


def test_all_queues_are_listed_whoever_knows_of_them(world: World, flow: Flow) -> None:
    world.submit(queue="b-unfinished")
    world.cache.delete("queues")
    world.submit(queue="c-in-redis")
    world.run_due()
    flow.change("a-set", QueueChange(paused=True))

    assert [each.name for each in flow.settings()] == ["a-set", "b-unfinished", "c-in-redis"]
    assert [each.paused for each in flow.settings()] == [True, False, False]


def test_to_list_the_busy_queues_one_entry_of_each_is_read(
    database: Database, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    conn.execute(
        """
        INSERT INTO jobs (id, job_type, queue, status, priority, max_attempts, timeout_seconds, run_at, payload)
        SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - n), 12, '0') || '-7000-8000-000000000000')::uuid,
               'echo', 'q' || n % 3, 'QUEUED', 0, 3, 60, now(), '{}'
          FROM generate_series(1, 10000) AS n
        """
    )
    conn.execute("ANALYZE jobs")
    plans = explain(database, monkeypatch)

    assert QueueStore(database).busy() == ["q0", "q1", "q2"]
    assert "Seq Scan on jobs" not in plans[0]
    assert "Sort Key: jobs_" not in plans[0]
    assert not [line for line in plans[0].splitlines() if "Scan" in line and "jobs_" in line and "rows=0" not in line
                and "rows=1." not in line and "never executed" not in line]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        '{"max_running":-1}',
        '{"max_running":100001}',
        '{"rate_limit":0}',
        '{"rate_limit":1e-17}',
        '{"rate_limit":{"jobs":1e-300,"per_seconds":2678400}}',
        '{"rate_limit_per_key":{"jobs":1e-3,"per_seconds":2678400}}',
        '{"rate_limit":{"jobs":1,"per_seconds":60,"burst":0}}',
        '{"rate_limit":1e7}',
        '{"paused":null}',
        '{"x":1}',
    ],
)
def test_a_change_out_of_range_is_refused(body: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=QueueChange)


def test_postgres_holds_the_ranges_too(database: Database, conn: psycopg.Connection[Any]) -> None:
    for statement in (
        "INSERT INTO queues (name, max_running) VALUES ('q', -1)",
        "INSERT INTO queues (name, rate_limit) VALUES ('q', 'NaN')",
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            conn.execute(statement.encode())


def test_a_look_brings_the_queues_weight(world: World, flow: Flow) -> None:
    assert take(world).weight == 1

    flow.change("default", QueueChange(weight=2.5))

    assert take(world).weight == 2.5


# What Redis loses


def test_what_is_set_survives_the_loss_of_redis(world: World, flow: Flow, database: Database) -> None:
    flow.change("default", QueueChange(paused=True))
    world.submit()
    world.cache.flushall()

    a_maintenance(database, world.cache).run_once()

    assert world.cache.zcard(READY) == 1
    assert take(world).members == []


def test_what_was_taken_while_redis_was_lost_is_there_at_the_first_look_after(
    world: World, flow: Flow, database: Database
) -> None:
    """Whenever that look came: before the rebuild, or after it had passed by."""
    flow.change("default", QueueChange(max_running=3))
    jobs = [world.submit() for _ in range(3)]
    fetcher = world.fetcher()

    class Looking(JobStore):
        def unfinished(self, *arguments: Any) -> list[Job]:
            page = super().unfinished(*arguments)
            if not page:
                assert fetcher.fetch({"default": 9}, FOREVER).is_lost
            return page

    world.cache.flushall()
    world.submit(queue="other")
    a_maintenance(database, world.cache, store=Looking(database)).rebuild()

    found = fetcher.fetch({"default": 9}, FOREVER)

    assert {job.id for job in found.jobs} == {job.id for job in jobs}


def test_after_a_loss_nothing_is_taken_until_all_leases_are_known_again(
    world: World, flow: Flow, database: Database
) -> None:
    flow.change("default", QueueChange(max_running=1))
    world.submit()
    world.fetcher("living").fetch({"default": 1}, FOREVER)
    world.cache.flushall()
    world.submit()
    lost = world.fetcher().fetch({"default": 1}, FOREVER)
    assert (lost.is_lost, lost.jobs) == (True, [])

    a_maintenance(database, world.cache).run_once()

    found = world.fetcher().fetch({"default": 1}, FOREVER)
    assert (found.is_lost, found.jobs) == (False, [])
    flow.change("default", QueueChange(max_running=2))
    assert len(world.fetcher().fetch({"default": 2}, FOREVER).jobs) == 1


def test_a_rebuild_brings_back_what_is_set_before_the_first_job(
    world: World, flow: Flow, database: Database, conn: psycopg.Connection[Any]
) -> None:
    flow.change("default", QueueChange(paused=True))
    copies: list[Any] = []

    class Watching(JobStore):
        def unfinished(self, *arguments: Any) -> list[Job]:
            copies.append(world.cache.hget(COPY, "paused"))
            return super().unfinished(*arguments)

    world.cache.flushall()
    a_maintenance(database, world.cache, store=Watching(database)).rebuild()

    assert copies == [b"1"]


@pytest.mark.parametrize("lost", [COPY, MARK])
def test_a_key_that_is_lost_alone_lets_nothing_through_and_is_put_back(
    world: World, flow: Flow, database: Database, lost: str
) -> None:
    maintenance = a_maintenance(database, world.cache)
    maintenance.run_once()
    flow.change("default", QueueChange(paused=True))
    world.submit()

    world.cache.delete(lost)

    assert take(world).members == []
    world.cache.delete("{chores}:turn")  # as if five seconds had gone by
    maintenance.run_once()
    assert world.cache.exists(COPY, MARK) == 2
    assert take(world).members == []


def test_where_what_is_set_is_lost_workers_look_again_soon(world: World, flow: Flow) -> None:
    flow.change("default", QueueChange(max_running=9))
    world.submit()
    world.cache.delete(COPY)

    assert take(world).wait == timedelta(seconds=1)


def test_a_copy_that_was_changed_by_hand_is_put_right(world: World, flow: Flow) -> None:
    flow.change("default", QueueChange(rate_limit=3))
    world.cache.hset(COPY, "interval", "1")

    assert [flow.restore(), flow.restore()] == [1, 0]

    assert world.cache.hget(COPY, "interval") == str(1000 / 3).encode()


def test_older_settings_never_replace_newer_ones(world: World, flow: Flow) -> None:
    older = flow.change("default", QueueChange(paused=True))
    flow.change("default", QueueChange(paused=False))

    batch = Batch(world.cache)
    Throttle(world.cache).put(older, batch)
    batch.send()

    assert world.cache.hget(COPY, "paused") == b"0"


def test_a_change_is_kept_though_redis_is_away_and_told_later(world: World, database: Database) -> None:
    gone = connect(f"redis://127.0.0.1:{free_port()}")
    world.submit()

    lonely = Flow(store=QueueStore(database), queues=Queues(gone), throttle=Throttle(gone), redis_link=RedisLink(gone))
    assert lonely.change("default", QueueChange(paused=True)).paused
    assert [each.name for each in lonely.settings()] == ["default"]

    a_flow(database, world.cache).restore()
    assert take(world).members == []


# With workers


@contextmanager
def working(world: World, workers: int = 1, slots: int = 4) -> Iterator[None]:
    """So many workers, until the block ends."""
    hired = [world.worker(slots, f"w{n}") for n in range(workers)]
    threads = [threading.Thread(target=worker.run, args=(Budget(), timedelta(seconds=10))) for worker in hired]
    for thread in threads:
        thread.start()
    with ExitStack() as leaving:
        for worker, thread in zip(hired, threads, strict=True):
            leaving.callback(thread.join)
            leaving.callback(worker.stop)
        yield


class Gauge:
    """A job type whose handler waits, and how many of them run."""

    def __init__(self, world: World) -> None:
        self.open = threading.Event()
        self.started_at: list[float] = []
        self.most = 0
        self._running = 0
        self._changed = threading.Condition()

        @job("gauge", into=world.registry)
        def gauge(payload: Any, context: JobContext) -> None:
            with self._changed:
                self._running += 1
                self.most = max(self.most, self._running)
                self.started_at.append(time.monotonic())
                self._changed.notify_all()
            self.open.wait(10)
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def wait_for_started(self, number: int, timeout: float = 10) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: len(self.started_at) >= number, timeout)


def wait_for_finished(world: World, conn: psycopg.Connection[Any], number: int) -> None:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while conn.execute("SELECT count(*) FROM jobs WHERE finished_at IS NOT NULL").fetchone() != (number,):
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def test_what_runs_in_a_queue_that_is_paused_ends_and_the_rest_starts_once_it_is_resumed(
    world: World, flow: Flow, conn: psycopg.Connection[Any]
) -> None:
    """Takes a tenth of a second to see that nothing starts."""
    gauge = Gauge(world)
    with working(world):
        running = world.submit("gauge")
        assert gauge.wait_for_started(1)
        flow.change("default", QueueChange(paused=True))
        world.submit("gauge")
        gauge.open.set()
        wait_for_finished(world, conn, 1)
        assert not gauge.wait_for_started(2, timeout=0.1)

        resumed_at = time.monotonic()
        flow.change("default", QueueChange(paused=False))
        assert gauge.wait_for_started(2)
        assert gauge.started_at[1] - resumed_at < 0.5  # without the bell it would be up to a second

    assert world.store.get(running.id).status is JobStatus.COMPLETED


def test_two_workers_together_keep_to_the_slots_also_when_leases_run_out(
    world: World, flow: Flow, conn: psycopg.Connection[Any]
) -> None:
    flow.change("default", QueueChange(max_running=2))
    gauge = Gauge(world)
    killed = [world.submit() for _ in range(2)]
    world.fetcher("killed").fetch({"default": 2}, FOREVER)
    for _ in range(40):
        world.submit("gauge")

    with working(world, workers=2):
        assert not gauge.wait_for_started(1, timeout=0.1)
        conn.execute("UPDATE jobs SET lease_expires_at = now() - interval '1 second' WHERE status = 'RUNNING'")
        world.cache.zadd(LEASED, {member(job): 1 for job in killed})
        assert gauge.wait_for_started(2)
        gauge.open.set()
        wait_for_finished(world, conn, 42)

    assert gauge.most == 2


def test_two_workers_together_keep_to_the_rate(world: World, flow: Flow, conn: psycopg.Connection[Any]) -> None:
    """Redis's clock decides, so this takes the half second that five starts take."""
    gauge = Gauge(world)
    gauge.open.set()
    for _ in range(15):
        world.submit("gauge")
    flow.change("default", QueueChange(rate_limit=10))

    with working(world, workers=2):
        wait_for_finished(world, conn, 15)

    starts = sorted(gauge.started_at)
    assert starts[-1] - starts[0] >= 0.45
