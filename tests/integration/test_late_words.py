"""What is told of a job by whoever read its row before another took it: the taker keeps his lease, and the slot that it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from chalicelib.jobs import LEASE, Job
from chalicelib.members import member
from chalicelib.queue_settings import QueueChange
from chalicelib.queues import Look
from chalicelib.store.database import Database
from chalicelib.turns import turns_of
from tests.integration.conftest import World, a_flow


@dataclass
class Queue:
    """With one slot, which ``job`` has, as its taker knows; its row says that it waits still, as another job does."""

    world: World
    job: Job
    look: Look

    def take(self) -> Look:
        return self.world.queues.take({"default": 5}, LEASE).looks["default"]

    def sync(self, job: Job) -> None:
        batch = self.world.link.batch()
        self.world.queues.sync([job], batch)
        batch.send()

    def give_back(self, lease_end: int) -> None:
        batch = self.world.link.batch()
        self.world.queues.give_back([(self.job, lease_end)], batch)
        batch.send()

    def release(self) -> None:
        batch = self.world.link.batch()
        self.world.queues.release([self.job], batch)
        batch.send()


@pytest.fixture(params=[None, "ann"], ids=["plain", "keyed"])
def queue(request: pytest.FixtureRequest, world: World, database: Database) -> Queue:
    a_flow(database, world.cache).change("default", QueueChange(max_running=1, max_running_per_key=1))
    job = world.submit(concurrency_key=request.param)
    queue = Queue(world, job, world.queues.take({"default": 5}, LEASE).looks["default"])
    assert queue.look.members == [member(job)]
    world.submit(concurrency_key=request.param)
    return queue


def test_who_read_that_it_waits_takes_no_slot_away(queue: Queue) -> None:
    queue.sync(queue.job)

    assert queue.take().members == []


def test_who_read_that_it_waits_until_later_takes_no_slot_away(queue: Queue) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    queue.sync(msgspec.structs.replace(queue.job, run_at=tomorrow, waits=True))

    assert queue.take().members == []


def test_the_taker_gives_his_own_lease_back(queue: Queue) -> None:
    queue.give_back(queue.look.lease_end)

    assert queue.take().members == [member(queue.job)]


def test_a_taker_whose_lease_was_lost_gives_back_nobody_elses(queue: Queue) -> None:
    queue.give_back(queue.look.lease_end - 1)

    assert queue.take().members == []


def test_who_ended_the_attempt_ends_its_lease(queue: Queue) -> None:
    queue.release()

    assert queue.take().members == [member(queue.job)]


def test_what_is_cancelled_gives_its_slot_up(queue: Queue) -> None:
    queue.world.scheduler.cancel(queue.job.id)

    assert len(queue.take().members) == 1


@pytest.mark.parametrize("queue", ["ann"], indirect=True)
def test_a_lease_that_lost_its_keys_slot_gets_it_again(queue: Queue) -> None:
    _, slots, _, _ = turns_of("default")
    queue.world.cache.delete(slots)

    queue.sync(queue.job)

    assert queue.world.cache.zscore(slots, member(queue.job)) == 0


def test_a_submit_that_stood_still_before_it_told_redis_takes_no_slot_away(queue: Queue) -> None:
    """The sweep told Redis in its place, and a worker has claimed the job."""
    fetcher = queue.world.fetcher()
    queue.release()
    assert len(fetcher.fetch({"default": 5}, timedelta(days=1)).jobs) == 1

    queue.world.scheduler.enqueue([queue.job])

    assert queue.take().members == []
