"""Timeouts and cancellation, for handlers on threads, on the event loop and in child processes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psutil
import pytest

from chalicelib.errors import AttemptStopped, IllegalMove, RetryLater
from chalicelib.handlers.registry import JobContext, Registry, job
from chalicelib.jobs import Job, JobStatus
from chalicelib.leases import RENEW_AFTER
from chalicelib.worker import Budget, Worker
from chalicelib.workers import Workers
from tests import isolated_handlers
from tests.integration.conftest import World

GRACE = timedelta(seconds=10)
SOON_SECONDS = 10.0


@pytest.fixture
def registry(registry: Registry) -> Registry:
    """Handlers that go on until they are stopped, of each kind."""

    @job("busy", into=registry)
    def busy(payload: Any, context: JobContext) -> None:
        while True:
            time.sleep(0.001)

    @job("polite", into=registry)
    def polite(payload: Any, context: JobContext) -> None:
        while True:
            time.sleep(0.01)
            context.check_cancelled()

    @job("coroutine", into=registry)
    async def coroutine(payload: Any, context: JobContext) -> None:
        await asyncio.sleep(600)

    @job("swallowing", into=registry)
    def swallowing(payload: Any, context: JobContext) -> str:
        """Ignores what it is told, and ends when it likes."""
        with contextlib.suppress(AttemptStopped):
            while True:
                time.sleep(0.001)
        ignoring.set()
        go_on.wait(30)
        return "did it all the same"

    isolated_handlers.add_to(registry)
    ignoring.clear()
    go_on.clear()
    return registry


ignoring, go_on = threading.Event(), threading.Event()


@contextlib.contextmanager
def working(worker: Worker, grace: timedelta = GRACE) -> Iterator[None]:
    """A worker that runs beside the test."""
    running = threading.Thread(target=worker.run, args=(Budget(), grace))
    running.start()
    try:
        yield
    finally:
        worker.stop()
        running.join()


def eventually(world: World, job_id: UUID, is_so: Callable[[Job], bool]) -> Job:
    ends_at = time.monotonic() + SOON_SECONDS
    while not is_so(row := world.store.get(job_id)):
        assert time.monotonic() < ends_at, f"still {row.status} {row.error}"
        time.sleep(0.01)
    return row


def running(row: Job) -> bool:
    return row.status is JobStatus.RUNNING


def final(row: Job) -> bool:
    return row.finished_at is not None


@pytest.mark.parametrize("job_type", ["busy", "polite", "coroutine", "apart_tidy"])
def test_a_handler_that_runs_too_long_is_stopped_and_has_failed(world: World, tmp_path: Path, job_type: str) -> None:
    submitted = world.submit(job_type, str(tmp_path / "left"), timeout_seconds=1.0, max_attempts=1)

    world.run_due()

    failed = world.store.get(submitted.id)
    assert (failed.status, failed.error) == (JobStatus.FAILED, "ran longer than its timeout of 1 s")
    (kept,) = msgspec.json.decode(failed.errors or b"[]")
    assert kept["type"] == "TimedOut"


def test_the_error_of_a_timeout_shows_where_the_handler_was(world: World) -> None:
    submitted = world.submit("busy", timeout_seconds=0.2, max_attempts=1)

    world.run_due()

    (kept,) = msgspec.json.decode(world.store.get(submitted.id).errors or b"[]")
    assert "in busy" in kept["traceback"]


@pytest.mark.parametrize("job_type", ["busy", "polite", "coroutine", "apart_tidy"])
def test_a_running_handler_hears_of_its_cancellation_within_a_second(
    world: World, tmp_path: Path, job_type: str
) -> None:
    submitted = world.submit(job_type, str(tmp_path / "left"))
    with working(world.worker()):
        eventually(world, submitted.id, running)
        if job_type == "apart_tidy":
            wait_for((tmp_path / "left").exists)
        asked = world.scheduler.cancel(submitted.id)
        asked_at = time.monotonic()
        ended = eventually(world, submitted.id, final)
        took = time.monotonic() - asked_at

    assert asked.status is JobStatus.RUNNING
    assert asked.cancel_requested_at is not None
    assert (ended.status, ended.failures, ended.result) == (JobStatus.CANCELLED, 0, None)
    assert took < 1.0


def test_a_stopped_child_may_tidy_up(world: World, tmp_path: Path) -> None:
    world.submit("apart_tidy", str(tmp_path / "left"), timeout_seconds=2.0, max_attempts=1)

    world.run_due()

    assert (tmp_path / "left").read_text() == "tidied up"


def test_a_child_that_hears_nothing_is_killed(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.children.TERM_SECONDS", 0.2)
    submitted = world.submit("apart_stubborn", str(tmp_path / "pid"))
    with working(world.worker()):
        wait_for((tmp_path / "pid").exists)
        world.scheduler.cancel(submitted.id)
        ended = eventually(world, submitted.id, final)

    assert ended.status is JobStatus.CANCELLED
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def wait_for(is_so: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + SOON_SECONDS
    while not is_so():
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def test_a_handler_that_ignores_a_cancellation_is_cancelled_only_when_it_has_ended(world: World) -> None:
    submitted = world.submit("swallowing")
    with working(world.worker()):
        eventually(world, submitted.id, running)
        world.scheduler.cancel(submitted.id)
        assert ignoring.wait(SOON_SECONDS)
        meanwhile = world.store.get(submitted.id)
        go_on.set()
        ended = eventually(world, submitted.id, final)

    assert meanwhile.status is JobStatus.RUNNING
    assert (ended.status, ended.result) == (JobStatus.CANCELLED, None)


def test_a_cancellation_that_nobody_heard_is_found_at_the_next_renewal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.leases.RENEW_AFTER", timedelta(seconds=0.1))
    submitted = world.submit("busy")
    with working(world.worker()):
        eventually(world, submitted.id, running)
        world.store.cancel([submitted.id])
        ended = eventually(world, submitted.id, final)

    assert ended.status is JobStatus.CANCELLED


def test_a_cancellation_from_before_the_worker_could_hear_is_found_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it starts, and after an outage of Redis."""
    listen, cancelled = Workers.listen, threading.Event()

    def listen_late(workers: Workers, *calls: Any) -> None:
        assert cancelled.wait(SOON_SECONDS)
        listen(workers, *calls)

    monkeypatch.setattr(Workers, "listen", listen_late)
    submitted = world.submit("busy")
    with working(world.worker()):
        eventually(world, submitted.id, running)
        world.scheduler.cancel(submitted.id)
        cancelled.set()
        asked_at = time.monotonic()
        ended = eventually(world, submitted.id, final)

    assert ended.status is JobStatus.CANCELLED
    assert time.monotonic() - asked_at < RENEW_AFTER.total_seconds() / 2


def test_a_revived_job_does_not_die_of_its_former_cancellation(world: World) -> None:
    submitted = world.submit("polite", timeout_seconds=0.5)
    with working(world.worker()):
        eventually(world, submitted.id, running)
        world.scheduler.cancel(submitted.id)
        eventually(world, submitted.id, final)
        world.scheduler.revive(submitted.id)
        ended = eventually(world, submitted.id, lambda row: row.failures > 0 or final(row))

    assert (ended.failures, ended.error) == (1, "ran longer than its timeout of 0.5 s")


def test_a_waiting_job_is_cancelled_at_once_and_leaves_no_reminder(world: World) -> None:
    waiting, later = world.submit(), world.submit(delay_seconds=3600)

    assert [world.scheduler.cancel(each.id).status for each in (waiting, later)] == [JobStatus.CANCELLED] * 2

    assert world.cache.keys("{q:*") == []
    assert world.run_due() == 0


def test_a_finished_job_cannot_be_cancelled_and_a_waiting_one_not_revived(world: World) -> None:
    done = world.submit()
    world.run_due()
    waiting = world.submit()

    with pytest.raises(IllegalMove, match=r"cannot cancel .* COMPLETED"):
        world.scheduler.cancel(done.id)
    with pytest.raises(IllegalMove, match=r"cannot revive .* QUEUED"):
        world.scheduler.revive(waiting.id)


def test_a_revived_job_runs_again(world: World) -> None:
    submitted = world.submit("fail", max_attempts=1)
    world.run_due()

    revived = world.scheduler.revive(submitted.id)
    assert revived.status is JobStatus.QUEUED

    assert world.run_due() > 0


def test_a_handler_whose_thread_does_not_stop_is_abandoned_and_its_slot_replaced(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.timekeeper.STUBBORN_SECONDS", 0.2)
    stubborn = world.submit("swallowing", timeout_seconds=0.2, max_attempts=1)
    with working(world.worker(slots=1)):
        failed = eventually(world, stubborn.id, final)
        other = world.submit()
        eventually(world, other.id, final)
        go_on.set()

    assert (failed.status, failed.error) == (JobStatus.FAILED, "ran longer than its timeout of 0.2 s")
    assert world.store.get(stubborn.id).result is None


def test_a_handler_that_ignores_its_cancellation_is_not_abandoned(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.timekeeper.STUBBORN_SECONDS", 0.0)
    submitted = world.submit("swallowing", timeout_seconds=0.5)
    with working(world.worker()):
        eventually(world, submitted.id, running)
        world.scheduler.cancel(submitted.id)
        assert ignoring.wait(SOON_SECONDS)
        time.sleep(0.8)  # past its timeout, and some looks of the timekeeper
        meanwhile = world.store.get(submitted.id)
        go_on.set()
        ended = eventually(world, submitted.id, final)

    assert meanwhile.status is JobStatus.RUNNING
    assert ended.status is JobStatus.CANCELLED


def test_isolated_handlers_run_in_a_child_that_is_used_again(world: World) -> None:
    jobs = [world.submit("apart", n) for n in range(3)]
    coroutine = world.submit("apart_async")

    worker = world.worker(slots=1)
    worker.run(Budget(timedelta(minutes=10), until_empty=True), GRACE)

    results = [msgspec.json.decode(world.store.get(each.id).result or b"null") for each in jobs]
    assert [result["payload"] for result in results] == [0, 1, 2]
    pids = {result["pid"] for result in results} | {
        msgspec.json.decode(world.store.get(coroutine.id).result or b"null")
    }
    assert len(pids) == 1
    assert psutil.Process().pid not in pids


def test_a_child_that_dies_is_a_failure_of_its_attempt(world: World) -> None:
    submitted = world.submit("apart_dead", max_attempts=1)
    after = world.submit("apart")

    world.run_due()

    failed = world.store.get(submitted.id)
    assert (failed.status, failed.error) == (JobStatus.FAILED, "the handler's process ended by signal 9")
    assert world.store.get(after.id).status is JobStatus.COMPLETED


def test_an_isolated_handlers_failure_tells_where_it_was(world: World) -> None:
    submitted = world.submit("apart_failing", max_attempts=1)

    world.run_due()

    (kept,) = msgspec.json.decode(world.store.get(submitted.id).errors or b"[]")
    assert (kept["type"], kept["message"]) == ("ValueError", "boom in a child")
    assert "in apart_failing" in kept["traceback"]


@pytest.mark.parametrize("job_type", ["later", "apart_later"])
def test_a_handler_may_ask_for_another_time_and_pays_nothing(world: World, job_type: str) -> None:
    @job("later", into=world.registry)
    def later(payload: Any, context: JobContext) -> None:
        raise RetryLater(timedelta(hours=1))

    submitted = world.submit(job_type, max_attempts=1)

    assert world.run_due() == 1

    waiting = world.store.get(submitted.id)
    assert (waiting.status, waiting.waits, waiting.failures) == (JobStatus.QUEUED, True, 0)
    assert 3590 < (waiting.run_at - submitted.created_at).total_seconds() < 3610
