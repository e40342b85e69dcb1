"""Real workers on a queue with limits, while some of them are killed: the handlers themselves count how many run at once."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from chalicelib.handlers.registry import JobContext, job
from chalicelib.jobs import ClaimedJob, JobStatus
from chalicelib.members import member
from chalicelib.queue_settings import QueueChange
from chalicelib.store.database import Database
from tests.integration.conftest import FOREVER, World, a_flow
from tests.integration.test_flow import PATIENCE_SECONDS, wait_for_finished, working

KEYS = "k", "l", "m", None
JOBS = 120
SLOTS, SLOTS_PER_KEY = 5, 2


class Crowd:
    """Who runs now, and how many did at most."""

    def __init__(self, world: World) -> None:
        self.most = 0
        self.most_of: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()
        rng = random.Random(7)

        @job("mingle", into=world.registry)
        def mingle(payload: str, context: JobContext) -> None:
            with self._inside(payload):
                time.sleep(rng.uniform(0, 0.02))

    @contextmanager
    def _inside(self, key: str) -> Iterator[None]:
        with self._lock:
            self._running[key] += 1
            self.most = max(self.most, self._running.total())
            self.most_of |= self._running
        yield
        with self._lock:
            self._running[key] -= 1


class Thief:
    """A worker that takes and claims, and is killed before it runs anything."""

    def __init__(self, world: World, worker_id: str) -> None:
        self.jobs: list[ClaimedJob] = []
        self._world = world
        self._fetcher = world.fetcher(worker_id)

    def steal(self, count: int) -> None:
        """There may be no free slot at first."""
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while not self.jobs:
            assert time.monotonic() < ends_at
            self.jobs += self._fetcher.fetch({"default": count}, FOREVER).jobs

    def let_leases_end(self, conn: psycopg.Connection[Any]) -> None:
        """As if it had gone 31 s ago."""
        conn.execute(
            "UPDATE jobs SET lease_expires_at = now() - interval '1 second' WHERE id = ANY(%s)",
            [[each.id for each in self.jobs]],
        )
        self._world.cache.zadd("{q:default}:leased", {member(each): 1 for each in self.jobs}, xx=True)


def test_workers_keep_to_all_limits_and_end_every_job_though_some_of_them_are_killed(
    world: World, conn: psycopg.Connection[Any], database: Database
) -> None:
    """Takes as long as so many jobs of 10 ms take in five slots, and a look or two after a second."""
    crowd = Crowd(world)
    limits = QueueChange(max_running=SLOTS, max_running_per_key=SLOTS_PER_KEY)
    a_flow(database, world.cache).change("default", limits)
    ids = [world.submit("mingle", key or "", concurrency_key=key).id for key in KEYS for _ in range(JOBS // len(KEYS))]
    early, late = Thief(world, "killed early"), Thief(world, "killed late")
    early.steal(3)

    with working(world, workers=3, slots=3):
        early.let_leases_end(conn)
        late.steal(1)
        late.let_leases_end(conn)
        wait_for_finished(world, conn, JOBS)

    rows = world.store.find(ids)
    stolen = Counter(each.id for each in [*early.jobs, *late.jobs])  # the second may have had one of the first one's
    assert stolen.total() == 4
    assert {row.status for row in rows} == {JobStatus.COMPLETED}
    assert all(row.crashes == stolen[row.id] and row.failures == 0 for row in rows)
    assert all(row.attempt >= 1 + stolen[row.id] for row in rows)  # one more where a worker put it back for others
    assert crowd.most == SLOTS
    assert max(crowd.most_of[key] for key in KEYS if key) == SLOTS_PER_KEY
