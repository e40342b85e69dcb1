from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import redis

from chalicelib.jobs import LEASE, Job, JobStatus
from chalicelib.members import member, raw_id_of
from chalicelib.queues import Look, Queues
from chalicelib.redis_link import Batch
from chalicelib.store.attempts import AttemptStore
from chalicelib.store.jobs import JobStore
from chalicelib.workers import Workers
from tests.integration.conftest import claim, insert

NOW = datetime.now(UTC)


def sync(cache: redis.Redis, queues: Queues, *jobs: Job) -> None:
    batch = Batch(cache)
    queues.sync(jobs, batch)
    batch.send()


def sets(cache: redis.Redis, queue: str = "default") -> dict[str, int]:
    names = ("ready", "delayed", "leased")
    return {name: n for name in names if (n := cache.zcard(f"{{q:{queue}}}:{name}"))}


def take(queues: Queues, limit: int = 10, lease: timedelta = LEASE) -> list[Any]:
    return [UUID(bytes=raw_id_of(entry)) for entry in look(queues, limit, lease).members]


def look(queues: Queues, limit: int = 10, lease: timedelta = LEASE) -> Look:
    return queues.take({"default": limit}, lease).looks["default"]


def test_each_job_is_put_where_its_row_says(
    cache: redis.Redis, queues: Queues, store: JobStore, attempts: AttemptStore
) -> None:
    due, later, running, done = (insert(store), insert(store, delay=LEASE), insert(store), insert(store))
    claim(attempts, running.id)
    running = store.get(running.id)
    done = msgspec.structs.replace(done, status=JobStatus.COMPLETED)

    sync(cache, queues, due, later, running, done)

    assert sets(cache) == {"ready": 1, "delayed": 1, "leased": 1}
    assert cache.zscore("{q:default}:ready", member(due)) is not None
    assert cache.zscore("{q:default}:delayed", member(later)) == int(later.run_at.timestamp() * 1000)
    assert cache.zscore("{q:default}:leased", member(running)) is not None


def test_syncing_again_in_another_state_moves_the_job(
    cache: redis.Redis, queues: Queues, store: JobStore, attempts: AttemptStore
) -> None:
    job = insert(store)
    sync(cache, queues, job)
    sync(cache, queues, job)
    assert sets(cache) == {"ready": 1}

    claim(attempts, job.id)
    running = store.get(job.id)
    sync(cache, queues, running)
    assert sets(cache) == {"leased": 1}

    sync(cache, queues, msgspec.structs.replace(running, status=JobStatus.FAILED))
    assert sets(cache) == {}


def test_taken_jobs_are_hidden_until_their_lease_is_over(cache: redis.Redis, queues: Queues, store: JobStore) -> None:
    job = insert(store)
    sync(cache, queues, job)

    assert take(queues) == [job.id]
    assert take(queues) == []
    cache.zadd("{q:default}:leased", {member(job): 1})
    assert take(queues) == [job.id]


def test_a_higher_priority_goes_first_and_the_older_job_among_equals(
    cache: redis.Redis, queues: Queues, store: JobStore
) -> None:
    plain, second, urgent, idle = (insert(store, priority=priority) for priority in (0, 0, 100, -100))

    sync(cache, queues, idle, second, plain, urgent)

    assert take(queues) == [urgent.id, plain.id, second.id, idle.id]


def test_a_delayed_job_that_comes_due_keeps_its_priority(cache: redis.Redis, queues: Queues, store: JobStore) -> None:
    urgent = insert(store, priority=5, delay=timedelta(hours=1))
    idle = insert(store, priority=-5, delay=timedelta(hours=1))
    plain = insert(store)
    sync(cache, queues, plain, idle, urgent)
    cache.zadd("{q:default}:delayed", {member(urgent): 1, member(idle): 1})

    assert take(queues) == [urgent.id, plain.id, idle.id]


def test_a_delayed_job_is_not_taken_and_says_when_to_look(cache: redis.Redis, queues: Queues, store: JobStore) -> None:
    sync(cache, queues, insert(store, delay=timedelta(minutes=1)))

    seen = look(queues)

    assert seen.members == []
    assert seen.wait is not None
    assert timedelta(seconds=50) < seen.wait <= timedelta(minutes=1)


def test_of_each_queue_no_more_are_taken_than_asked_for(cache: redis.Redis, queues: Queues, store: JobStore) -> None:
    sync(cache, queues, *(insert(store, queue=name) for name in "aabb"))

    taken = queues.take({"a": 2, "b": 1}, LEASE)

    assert {name: len(each.members) for name, each in taken.looks.items()} == {"a": 2, "b": 1}


def test_a_batch_larger_than_one_script_call_arrives_whole(cache: redis.Redis, queues: Queues, store: JobStore) -> None:
    job = insert(store)
    jobs = [msgspec.structs.replace(job, id=type(job.id)(int=job.id.int + n)) for n in range(1_201)]

    sync(cache, queues, *jobs)

    assert sets(cache) == {"ready": 1_201}
    assert len(take(queues, 2_000)) == 1_201


def test_a_deleted_job_is_forgotten(cache: redis.Redis, queues: Queues, store: JobStore) -> None:
    job = insert(store, priority=-73)
    sync(cache, queues, job)

    batch = Batch(cache)
    queues.forget("default", [member(job)], batch)
    batch.send()

    assert sets(cache) == {}


def test_a_queue_that_stops_being_empty_rings_the_bell_once(
    cache: redis.Redis, queues: Queues, store: JobStore
) -> None:
    rings: list[str] = []
    bell = threading.Semaphore(0)

    def ring(queue: str) -> None:
        rings.append(queue)
        bell.release()

    hearing, stopped = threading.Event(), threading.Event()
    listener = threading.Thread(target=Workers(cache).listen, args=(ring, print, hearing.set, stopped.is_set))
    listener.start()
    assert hearing.wait(10)

    sync(cache, queues, insert(store), insert(store))
    sync(cache, queues, insert(store))
    assert bell.acquire(timeout=5)
    sync(cache, queues, insert(store, delay=timedelta(minutes=9)))
    assert bell.acquire(timeout=5)
    stopped.set()
    listener.join()

    assert rings == ["default", "default"]
