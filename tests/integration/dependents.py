"""Jobs that wait for others: how tests make them, end them, and look at them."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import psycopg

from chalicelib.attempt import Attempt
from chalicelib.hand import Hand
from chalicelib.jobs import AttemptError, Completed, Failed, Job, JobStatus
from chalicelib.members import raw_id_of
from chalicelib.queues import sets_of
from tests.integration.conftest import World, claim

Conn = psycopg.Connection[Any]
BOOM = AttemptError(type="ValueError", message="boom")
BLOCKED, QUEUED, RUNNING, COMPLETED, FAILED, CANCELLED = JobStatus


def waiting(world: World, *others: Job, **options: Any) -> Job:
    return world.submit(depends_on=[other.id for other in others], **options)


def statuses(world: World, *jobs: Job) -> list[JobStatus]:
    return [world.store.get(each.id).status for each in jobs]


def end(world: World, ended: Job, status: JobStatus = COMPLETED) -> None:
    """As a worker does it, with a settler of its own."""
    if status is CANCELLED:
        world.scheduler.cancel(ended.id)
        return
    (claimed,) = claim(world.attempts, ended.id)
    hand = Hand(1)
    settler = world.settler(hand)
    attempt = Attempt(claimed, world.settings, held_since=0.0)
    attempt.outcome = Completed(b"1") if status is COMPLETED else Failed(BOOM)
    hand.add([attempt])
    settler.put(attempt)
    settler.finish()
    settler.run()


def wait_until_somebody_waits(conn: Conn) -> None:
    """For a lock."""
    while not conn.execute("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchall():
        time.sleep(0.005)


def in_redis(world: World) -> set[UUID]:
    ready, *_ = sets_of("default")
    members: Any = world.cache.zrange(ready, 0, -1)
    return {UUID(bytes=raw_id_of(entry)) for entry in members}
