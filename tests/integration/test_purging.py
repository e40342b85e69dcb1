"""Emptying a queue."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from uuid_utils.compat import uuid7

from chalicelib.bulk import BATCH, TURN, Bulk
from chalicelib.bulk_forms import Purge
from chalicelib.callers import LOCAL, Deed
from chalicelib.jobs import JobStatus
from chalicelib.store.audit import AuditStore
from chalicelib.store.database import Database
from chalicelib.submissions import Submission
from tests.integration.calls import Api, problem
from tests.integration.conftest import FOREVER, World, put_in_status


def test_all_that_waits_is_cancelled_and_may_be_revived(api: Api, world: World, conn: psycopg.Connection[Any]) -> None:
    jobs = {status: world.submit(queue="mail") for status in JobStatus}
    for status, job in jobs.items():
        put_in_status(conn, job, status)
    later, other = world.submit(queue="mail", delay_seconds=60), world.submit(queue="other")

    counted = api.post("/queues/mail/purge", {"confirm": "mail", "dry_run": True})
    assert counted.json_body == {"count": 3, "cursor": None, "dry_run": True}
    assert world.store.get(later.id).version == 1
    purged = api.post("/queues/mail/purge", {"confirm": "mail"})

    assert purged.json_body == {"count": 3, "cursor": None, "dry_run": False}
    ended = {JobStatus.QUEUED: "CANCELLED", JobStatus.BLOCKED: "CANCELLED"}
    assert {status: world.store.get(job.id).status for status, job in jobs.items()} == {
        status: ended.get(status, status) for status in JobStatus
    }
    assert world.store.get(jobs[JobStatus.RUNNING].id).cancel_requested_at is None
    assert [world.store.get(job.id).status for job in (later, other)] == ["CANCELLED", "QUEUED"]
    (entry,) = api.get("/audit").json_body
    assert (entry["action"], entry["target"]) == ("purge_queue", "/queues/mail/purge")
    assert api.post("/jobs/revive", {"queue": "mail", "status": "CANCELLED"}).json_body["count"] == 4


@pytest.mark.parametrize(
    "body", [{}, {"confirm": ""}, {"confirm": "Mail"}, {"confirm": "other"}, {"confirm": "other", "dry_run": True}]
)
def test_without_its_name_said_again_a_queue_is_not_purged(api: Api, world: World, body: object) -> None:
    job = world.submit(queue="mail")

    answer = api.post("/queues/mail/purge", body)

    assert (answer.status_code, problem(answer)["code"]) == (422, "invalid_input")
    assert world.store.get(job.id).status is JobStatus.QUEUED
    assert api.get("/audit").json_body == []


def test_the_refusal_says_what_to_do(api: Api) -> None:
    (fault,) = problem(api.post("/queues/mail/purge", {"confirm": "x"}))["errors"]

    assert fault == {
        "path": "$.confirm",
        "detail": "nothing was cancelled: to purge queue 'mail', say its name here",
    }


def test_a_call_ends_with_its_turn_and_the_next_one_goes_on(
    world: World, database: Database, conn: psycopg.Connection[Any]
) -> None:
    count = 2 * BATCH + 10
    world.scheduler.submit([Submission(job_type="echo", queue="mail", delay_seconds=60) for _ in range(count)])
    now = iter([0.0, *([TURN.total_seconds() + 1] * 10)])
    bulk = Bulk(lists=world.lists, audit=AuditStore(database), scheduler=world.scheduler, clock=lambda: next(now))

    first = bulk.purge("mail", Purge(confirm="mail"), a_deed())
    assert first.count == BATCH
    assert first.cursor is not None
    rest = Bulk(lists=world.lists, audit=AuditStore(database), scheduler=world.scheduler)
    second = rest.purge("mail", Purge(confirm="mail", cursor=first.cursor), a_deed())

    assert (second.count, second.cursor) == (count - BATCH, None)
    assert conn.execute("SELECT DISTINCT status FROM jobs").fetchall() == [("CANCELLED",)]


def test_what_left_the_queue_since_it_was_found_is_spared(world: World) -> None:
    job = world.submit(queue="mail")
    world.scheduler.move_all([job.id], "other")

    assert world.scheduler.cancel_all([job.id], waiting_in="mail") == []
    assert world.store.get(job.id).status is JobStatus.QUEUED


def test_what_has_begun_since_it_was_found_is_spared(world: World) -> None:
    job = world.submit(queue="mail")
    world.fetcher().fetch({"mail": 10}, FOREVER)

    assert world.scheduler.cancel_all([job.id], waiting_in="mail") == []
    assert world.store.get(job.id).cancel_requested_at is None


def a_deed() -> Deed:
    return Deed(id=uuid7(), caller=LOCAL, action="purge_queue", target="/queues/mail/purge", request_id="r")
