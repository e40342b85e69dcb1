"""Reminders that no unfinished job needs are removed, and no others; queues with jobs have names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from chalicelib.inspection import RedisInspection, Reminder
from chalicelib.jobs import Job, JobStatus
from chalicelib.members import member
from chalicelib.redis_link import Batch
from chalicelib.store.database import Database
from chalicelib.store.jobs import JobStore
from tests.integration.conftest import World
from tests.integration.examination import DELAYED, LEASED, READY, Examine, examine, in_ms, of_no_row, wrong

__all__ = ["examine"]


# Reminders without rows


def unreadable(world: World) -> None:
    world.submit()
    world.cache.zadd(LEASED, {b"\xff\x00": 1})


def of_another_queue(world: World) -> None:
    world.submit(queue="a")
    world.cache.zadd("{q:a}:ready", {member(world.submit(queue="b")): 1})


def of_a_finished_job(world: World) -> None:
    job = world.submit()
    world.run_due()
    world.cache.zadd(DELAYED, {member(job): in_ms(3600)})


def of_another_rank(world: World) -> None:
    world.cache.zadd(LEASED, {bytes([99]) + world.submit().id.bytes: in_ms(10)})


@pytest.mark.parametrize(
    ("stray", "finding"),
    [
        (of_no_row, "reminders_without_rows"),
        (unreadable, "reminders_without_rows"),
        (of_another_queue, "reminders_without_rows"),
        (of_a_finished_job, "reminders_of_finished_jobs"),
        (of_another_rank, "reminders_with_wrong_rank"),
    ],
)
def test_a_stray_is_found_and_removed_and_no_other_reminder(
    world: World, examine: Examine, stray: Callable[[World], None], finding: str
) -> None:
    stray(world)

    report = examine()

    assert wrong(report) == {finding: "warning"}
    assert (report.named(finding).count, len(report.named(finding).samples)) == (1, 1)
    mended = examine(repair=True)
    assert mended.repairs == [f"{finding}: removed 1 reminders"]
    assert mended.is_healthy


def test_more_strays_than_a_scan_brings_at_once_are_counted_once_each(world: World, examine: Examine) -> None:
    world.submit()
    ids = [uuid7() for _ in range(2_500)]
    world.cache.zadd(DELAYED, {b"\x64" + job_id.bytes: in_ms(9) for job_id in ids})

    finding = examine().named("reminders_without_rows")
    assert (finding.count, len(finding.samples)) == (2_500, 5)
    assert examine(repair=True).is_healthy
    assert world.run_due() == 1


def test_a_reminder_that_goes_while_doctor_looks_is_no_finding(world: World, examine: Examine) -> None:
    of_a_finished_job(world)

    assert wrong(examine(pause=lambda _: world.cache.delete(DELAYED))) == {}


def test_an_entry_that_a_scan_brings_twice_is_counted_once(world: World, examine: Examine) -> None:
    class Stuttering(RedisInspection):
        def reminders(self, queue: str) -> Iterator[list[Reminder]]:
            for page in super().reminders(queue):
                yield page + page

    of_no_row(world)

    assert examine(redis=Stuttering(world.cache)).named("reminders_without_rows").count == 1


def test_a_job_whose_only_reminder_has_the_wrong_rank_is_never_without_one(world: World, examine: Examine) -> None:
    class Checking(RedisInspection):
        def remove(self, reminder: Reminder, batch: Batch) -> None:
            assert world.cache.zscore(READY, member(job)) is not None
            super().remove(reminder, batch)

    job = world.submit()
    world.cache.zrem(READY, member(job))
    world.cache.zadd(READY, {b"\x00" + job.id.bytes: 1})

    assert examine(repair=True, redis=Checking(world.cache)).is_healthy
    assert world.run_due() == 1


def a_failed_job_with_a_stray(world: World) -> Job:
    job = world.submit("fail", max_attempts=1)
    world.run_due()
    world.cache.zadd(READY, {member(job): 1})
    return job


def test_a_job_that_is_revived_while_its_stray_is_removed_stays_enqueued(world: World, examine: Examine) -> None:
    class ABitLate(RedisInspection):
        def remove(self, reminder: Reminder, batch: Batch) -> None:
            world.scheduler.revive(job.id)
            super().remove(reminder, batch)

    job = a_failed_job_with_a_stray(world)

    examine(repair=True, redis=ABitLate(world.cache))

    assert world.store.get(job.id).status is JobStatus.QUEUED
    assert world.cache.zcard(READY) == 1


def test_a_job_that_is_revived_after_its_stray_was_removed_stays_enqueued(
    world: World, examine: Examine, database: Database
) -> None:
    class ABitLate(JobStore):
        def standing(self, ids: Sequence[UUID]) -> list[Job]:
            rows = super().standing(ids)
            if not world.cache.zcard(READY):
                world.scheduler.revive(job.id)
            return rows

    job = a_failed_job_with_a_stray(world)

    examine(repair=True, store=ABitLate(database))

    assert world.store.get(job.id).status is JobStatus.QUEUED
    assert world.cache.zcard(READY) == 1


# Queues without names


def test_a_queue_that_workers_do_not_know_is_found_and_named(world: World, examine: Examine) -> None:
    world.submit(queue="{odd}: name")
    world.cache.srem("queues", "{odd}: name")

    report = examine()

    assert wrong(report) == {"queues_without_names": "error"}
    assert report.named("queues_without_names").samples == ["{odd}: name"]
    assert examine(repair=True).is_healthy
    assert world.queues.names() == ["{odd}: name"]


def test_a_queue_that_has_a_name_and_no_jobs_is_no_finding(world: World, examine: Examine) -> None:
    world.submit(queue="a")
    world.run_due()

    assert world.queues.names() == ["a"]
    assert wrong(examine()) == {}
