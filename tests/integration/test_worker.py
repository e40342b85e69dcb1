from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from chalicelib.attempt import Attempt
from chalicelib.connections import Connections
from chalicelib.errors import AttemptStopped, GiveUp, QueueUnavailable, StoreUnavailable
from chalicelib.hand import Hand
from chalicelib.handlers.registry import JobContext, job
from chalicelib.jobs import LEASE, ClaimedJob, Completed, Job, JobStatus, Settlement
from chalicelib.members import member
from chalicelib.redis_link import EPOCH
from chalicelib.store.attempts import AttemptStore, Done
from chalicelib.worker import Budget, Worker
from tests.integration.conftest import FOREVER, World, told

GRACE = timedelta(seconds=10)


def test_a_submitted_job_is_run_and_its_result_kept(world: World) -> None:
    submitted = world.submit(payload={"a": [1, "ü"]})

    assert world.run_due() == 1

    done = world.store.get(submitted.id)
    assert done.status is JobStatus.COMPLETED
    assert msgspec.json.decode(done.result or b"") == {"a": [1, "ü"]}
    assert done.version == 3


def test_many_jobs_are_each_run_once(world: World) -> None:
    jobs = [world.submit(payload=n) for n in range(300)]

    assert world.run_due() == 300
    assert {row.attempt for row in world.store.find([job.id for job in jobs])} == {1}


def looking_at_nothing(worker: Worker, monkeypatch: pytest.MonkeyPatch, most: int) -> tuple[list[Any], list[float]]:
    """The looks, and the pauses between them, of which the last one stops the worker."""
    looks: list[Any] = []
    pauses: list[float] = []
    fetch = worker._fetcher.fetch

    def counted(*arguments: Any) -> Any:
        looks.append(fetch(*arguments))
        if len(looks) > 10 * most:
            worker.stop()
        return looks[-1]

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        if len(pauses) == most:
            worker.stop()
        return False

    monkeypatch.setattr(worker._fetcher, "fetch", counted)
    monkeypatch.setattr(worker._stopping, "wait", pause)
    return looks, pauses


def long_ago(budget: Budget) -> Budget:
    budget._began_at -= 3600
    return budget


def test_a_worker_rests_between_looks_however_long_redis_is_being_rebuilt(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.submit()
    world.cache.delete(EPOCH)
    worker = world.worker()
    looks, pauses = looking_at_nothing(worker, monkeypatch, most=3)

    worker.run(long_ago(Budget()), GRACE)

    assert len(looks) == 3
    assert all(look.is_lost for look in looks)
    assert all(pause > 0 for pause in pauses)


def test_a_function_that_has_waited_for_a_rebuild_leaves_its_end_to_the_next_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.submit()
    world.cache.delete(EPOCH)
    worker = world.worker()
    looks, _ = looking_at_nothing(worker, monkeypatch, most=3)

    worker.run(long_ago(Budget(until_empty=True)), GRACE)

    assert len(looks) == 1


def test_a_worker_leaves_queues_alone_that_are_not_its_own(world: World) -> None:
    mine, other = world.submit(queue="mail"), world.submit(queue="reports")
    worker = world.worker(only=["mail"])
    worker._wake("reports")

    assert worker.run(Budget(timedelta(minutes=10), until_empty=True), grace=timedelta(seconds=5)) == 1

    assert world.store.get(mine.id).status is JobStatus.COMPLETED
    assert world.store.get(other.id).status is JobStatus.QUEUED


def test_a_failing_job_is_tried_again_until_its_attempts_are_used_up(
    world: World, conn: psycopg.Connection[Any]
) -> None:
    submitted = world.submit("fail", max_attempts=2)
    world.run_due()

    failed = world.store.get(submitted.id)
    assert (failed.status, failed.attempt, failed.failures, failed.error) == (JobStatus.FAILED, 2, 2, "boom")
    errors = msgspec.json.decode(failed.errors or b"[]")
    assert [error["attempt"] for error in errors] == [1, 2]
    assert "in fail" in errors[0]["traceback"]


def test_giving_up_fails_the_job_at_once(world: World) -> None:
    @job("give_up", into=world.registry)
    def give_up(payload: Any, context: JobContext) -> None:
        raise GiveUp("no use")

    submitted = world.submit("give_up")
    world.run_due()

    failed = world.store.get(submitted.id)
    assert (failed.status, failed.attempt, failed.error) == (JobStatus.FAILED, 1, "no use")


def test_a_job_left_by_a_killed_worker_is_run_again(
    world: World, expire_lease: Callable[[ClaimedJob | Job], None]
) -> None:
    submitted = world.submit()
    (abandoned,) = world.fetcher("killed").fetch({"default": 1}, FOREVER).jobs
    assert world.run_due() == 0

    expire_lease(abandoned)
    assert world.run_due() == 1

    done = world.store.get(submitted.id)
    assert (done.status, done.attempt, done.crashes) == (JobStatus.COMPLETED, 2, 1)


def test_a_job_taken_but_never_claimed_is_run(world: World, expire_lease: Callable[[ClaimedJob | Job], None]) -> None:
    submitted = world.submit()
    world.queues.take({"default": 1}, LEASE)

    expire_lease(submitted)

    assert world.run_due() == 1
    assert world.store.get(submitted.id).attempt == 1


def test_what_a_killed_worker_recorded_and_told_nobody_is_told_by_the_next(world: World) -> None:
    Connections(world.cache).add("watcher", "api", "stage")
    world.submit()
    (running,) = world.fetcher("killed").fetch({"default": 1}, FOREVER).jobs
    world.attempts.settle([Settlement(running, Completed(b"1"))])
    world.cache.zadd("{q:default}:leased", {member(world.store.get(running.id)): 1})

    assert world.run_due() == 0

    assert msgspec.json.decode(told(world)[-1].body)["status"] == "COMPLETED"
    assert world.cache.zcard("{q:default}:leased") == 0


def test_a_poison_job_is_failed_and_watchers_hear_of_it(
    world: World, expire_lease: Callable[[ClaimedJob | Job], None]
) -> None:
    Connections(world.cache).add("watcher", "api", "stage")
    submitted = world.submit()
    for _ in range(3):
        (abandoned,) = world.fetcher("killed").fetch({"default": 1}, FOREVER).jobs
        expire_lease(abandoned)

    assert world.run_due() == 0

    assert world.store.get(submitted.id).status is JobStatus.FAILED
    events = told(world)
    assert [msgspec.json.decode(event.body)["status"] for event in events][-1] == "FAILED"
    assert world.cache.zcard("{q:default}:leased") == 0


def test_a_reminder_of_a_deleted_job_is_forgotten(world: World, conn: psycopg.Connection[Any]) -> None:
    world.submit()
    conn.execute("DELETE FROM jobs")

    assert world.run_due() == 0
    assert world.cache.keys("{q:default}*") == []


def test_a_stale_reminder_of_a_finished_job_is_corrected(world: World) -> None:
    submitted = world.submit()
    world.run_due()
    batch = world.link.batch()
    world.queues.sync([submitted], batch)
    batch.send()

    assert world.run_due() == 0
    assert world.cache.keys("{q:default}*") == []


def test_a_job_longer_than_the_budget_waits_for_another_worker(world: World) -> None:
    long = world.submit(timeout_seconds=3600)
    short = world.submit(timeout_seconds=10)

    assert world.run_due() == 1

    assert world.store.get(long.id).status is JobStatus.QUEUED
    assert world.store.get(short.id).status is JobStatus.COMPLETED
    assert world.cache.zcard("{q:default}:ready") == 1


@pytest.mark.parametrize("away", [QueueUnavailable, StoreUnavailable])
def test_a_worker_ends_well_when_redis_or_postgres_is_away_at_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch, away: type[Exception]
) -> None:
    world.submit(timeout_seconds=3600)
    worker = world.worker()

    def fail() -> int:
        raise away("away")

    monkeypatch.setattr(worker._fetcher, "put_back", fail)

    assert worker.run(Budget(timedelta(minutes=10), until_empty=True), GRACE) == 0


def test_stopping_finishes_what_runs_and_releases_what_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    started, go_on = threading.Event(), threading.Event()

    @job("slow", into=world.registry)
    def slow(payload: Any, context: JobContext) -> None:
        started.set()
        go_on.wait(10)

    jobs = [world.submit("slow") for _ in range(2)]
    worker = world.worker(slots=1)
    monkeypatch.setattr(worker._hand, "room", lambda: 2)
    running = threading.Thread(target=worker.run, args=(Budget(), GRACE))
    running.start()
    assert started.wait(10)
    worker.stop()
    while worker._hand.longest_wait():
        pass
    go_on.set()
    running.join()

    statuses = sorted(row.status for row in world.store.find([job.id for job in jobs]))
    assert statuses == [JobStatus.COMPLETED, JobStatus.QUEUED]
    assert world.run_due() == 1


def test_a_worker_whose_settler_dies_ends_with_the_failure(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.submit()
    worker = world.worker()
    monkeypatch.setattr(worker._settler._attempts, "complete", lambda *_: 1 / 0)

    with ThreadPoolExecutor() as threads:
        ended = threads.submit(worker.run, Budget(), timedelta(0))
        try:
            assert isinstance(ended.exception(timeout=10), ZeroDivisionError)
        finally:
            worker.stop()


def test_what_does_not_end_within_the_grace_goes_back_and_pays_nothing(world: World) -> None:
    started, go_on = threading.Event(), threading.Event()
    heard: list[bool] = []

    @job("stubborn", into=world.registry)
    def stubborn(payload: Any, context: JobContext) -> str:
        started.set()
        go_on.wait(10)
        with contextlib.suppress(AttemptStopped):
            context.check_cancelled()
            heard.append(False)
        return "too late"

    submitted = world.submit("stubborn")
    worker = world.worker(slots=1)
    with ThreadPoolExecutor() as threads:
        running = threads.submit(worker.run, Budget(), timedelta(0))
        assert started.wait(10)
        worker.stop()
        running.result(timeout=10)
        released = world.store.get(submitted.id)
        go_on.set()

    assert (released.status, released.crashes, released.failures) == (JobStatus.QUEUED, 0, 0)
    assert heard == []
    assert world.store.get(submitted.id).result is None


@pytest.mark.parametrize("outage", [QueueUnavailable("away"), StoreUnavailable("away")])
def test_a_claimed_job_is_run_though_nobody_could_be_told(
    world: World, monkeypatch: pytest.MonkeyPatch, outage: Exception
) -> None:
    def away(*_: object) -> None:
        raise outage

    world.submit()
    fetcher = world.fetcher()
    monkeypatch.setattr(fetcher._announcer, "send", away)

    fetched = fetcher.fetch({"default": 1}, FOREVER)

    assert len(fetched.jobs) == 1
    assert fetcher.follow_up(fetched, FOREVER) == []


def test_jobs_that_do_not_fit_do_not_keep_others_from_running(world: World) -> None:
    for _ in range(20):
        world.submit(timeout_seconds=3600)
    short = [world.submit(timeout_seconds=10) for _ in range(3)]

    assert world.run_due() == 3

    assert {row.status for row in world.store.find([job.id for job in short])} == {JobStatus.COMPLETED}
    assert world.cache.zcard("{q:default}:ready") == 20


def test_reminders_of_deleted_jobs_do_not_keep_others_from_running(world: World, conn: psycopg.Connection[Any]) -> None:
    for _ in range(20):
        world.submit()
    conn.execute("DELETE FROM jobs")
    world.submit()

    assert world.run_due() == 1


def test_a_worker_told_to_stop_does_not_wait_for_postgres_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.settler.PATIENCE_SECONDS", 0)
    world.submit()
    (running,) = world.fetcher().fetch({"default": 1}, FOREVER).jobs
    attempts = _Away(world.new_attempts(), refusals=1_000)
    settler = world.settler(Hand(1), attempts=attempts, pause=lambda _: None)

    settler.put(an_attempt(world, running, b"1"))
    settler.finish()
    settler.run()

    assert attempts.refusals > 0


def test_outcomes_are_held_while_postgres_is_away(world: World) -> None:
    world.submit(payload="kept")
    (running,) = world.fetcher().fetch({"default": 1}, FOREVER).jobs
    settler = world.settler(Hand(1), attempts=_Away(world.new_attempts(), refusals=2), pause=lambda _: None)

    settler.put(an_attempt(world, running, b'"kept"'))
    settler.finish()
    settler.run()

    assert world.store.get(running.id).status is JobStatus.COMPLETED


def an_attempt(world: World, job: ClaimedJob, result: bytes | None = None) -> Attempt:
    attempt = Attempt(job, world.settings, time.monotonic())
    if result is not None:
        attempt.outcome = Completed(result)
    return attempt


class _Away(AttemptStore):
    """Postgres, but its first answers are refusals."""

    def __init__(self, attempts: AttemptStore, refusals: int) -> None:
        super().__init__(attempts._database)
        self.refusals = refusals

    def complete(self, jobs: Sequence[ClaimedJob], results: Sequence[bytes], ran: Sequence[float] = ()) -> Done:
        if self.refusals:
            self.refusals -= 1
            raise StoreUnavailable("away")
        return super().complete(jobs, results, ran)


def test_a_result_that_postgres_cannot_hold_fails_its_job_and_keeps_no_other(world: World) -> None:
    @job("deep", into=world.registry)
    def deep(payload: Any, context: JobContext) -> Any:
        return msgspec.Raw(b"[" * 30_000 + b"]" * 30_000)

    bad = world.submit("deep")
    good = [world.submit(payload=n) for n in range(5)]
    world.run_due()

    assert world.store.get(bad.id).status is JobStatus.FAILED
    assert {row.status for row in world.store.find([job.id for job in good])} == {JobStatus.COMPLETED}


def test_a_long_job_keeps_its_lease_and_reports_progress(world: World, conn: psycopg.Connection[Any]) -> None:
    world.submit()
    (running,) = world.fetcher().fetch({"default": 1}, FOREVER).jobs
    hand = Hand(1)
    attempt = an_attempt(world, running)
    attempt.held_since -= 11
    attempt.progress(0.25, "a quarter")
    hand.add([attempt])
    claimed = world.store.get(running.id)

    world.keeper(hand)._beat()

    renewed = world.store.get(running.id)
    assert renewed.lease_expires_at is not None
    assert claimed.lease_expires_at is not None
    assert renewed.lease_expires_at > claimed.lease_expires_at
    assert msgspec.json.decode(renewed.progress or b"")["message"] == "a quarter"
    told = world.cache.zscore("{q:default}:leased", member(running))
    assert told == int(renewed.lease_expires_at.timestamp() * 1000)


def test_a_handler_whose_lease_is_lost_hears_of_it(
    world: World, expire_lease: Callable[[ClaimedJob | Job], None]
) -> None:
    world.submit()
    (slow,) = world.fetcher("slow").fetch({"default": 1}, FOREVER).jobs
    expire_lease(slow)
    world.fetcher("fast").fetch({"default": 1}, FOREVER)
    hand = Hand(1)
    attempt = an_attempt(world, slow)
    attempt.held_since -= 11
    hand.add([attempt])

    world.keeper(hand)._beat()

    with pytest.raises(AttemptStopped, match="lease lost"):
        attempt.check_cancelled()


def test_an_unknown_job_type_fails_with_the_known_ones_named(world: World, conn: psycopg.Connection[Any]) -> None:
    submitted = world.submit()
    conn.execute("UPDATE jobs SET job_type = 'gone'")

    world.run_due()

    failed = world.store.get(submitted.id)
    assert failed.status is JobStatus.FAILED
    assert "echo" in (failed.error or "")
