"""Cancel and revive by filter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from msgspec import UNSET
from uuid_utils.compat import uuid7

from chalicelib.bulk import BATCH, TURN, Bulk
from chalicelib.bulk_forms import Cancellation, Revival
from chalicelib.callers import LOCAL, Deed
from chalicelib.jobs import JobStatus
from chalicelib.store.audit import AuditStore
from chalicelib.store.database import Database
from chalicelib.submissions import Submission
from tests.integration.calls import Api, problem
from tests.integration.conftest import World, put_in_status


@pytest.fixture
def ended(world: World, conn: psycopg.Connection[Any]) -> Callable[..., UUID]:
    """Makes a job of any status."""

    def make(status: JobStatus, **options: Any) -> UUID:
        job = world.submit(**options)
        put_in_status(conn, job, status)
        return job.id

    return make


def statuses(world: World, *ids: UUID) -> list[str]:
    return [world.store.get(job_id).status for job_id in ids]


def test_a_dry_run_counts_and_changes_nothing(api: Api, world: World, ended: Callable[..., UUID]) -> None:
    failed = [ended(JobStatus.FAILED, queue="mail") for _ in range(3)]
    ended(JobStatus.FAILED, queue="other")
    ended(JobStatus.CANCELLED, queue="mail")

    answer = api.post("/jobs/revive", {"queue": "mail", "dry_run": True})

    assert answer.json_body == {"count": 3, "cursor": None, "dry_run": True}
    assert statuses(world, *failed) == ["FAILED"] * 3
    assert api.get("/audit").json_body == []


def test_what_failed_is_put_back_and_runs(api: Api, world: World, ended: Callable[..., UUID]) -> None:
    failed = [ended(JobStatus.FAILED, queue="mail") for _ in range(3)]
    others = [ended(JobStatus.CANCELLED, queue="mail"), ended(JobStatus.COMPLETED, queue="mail")]

    answer = api.post("/jobs/revive", {"queue": "mail"})

    assert answer.json_body == {"count": 3, "cursor": None, "dry_run": False}
    assert world.run_due() == 3
    assert statuses(world, *failed) == ["COMPLETED"] * 3
    assert statuses(world, *others) == ["CANCELLED", "COMPLETED"]


def test_cancelled_jobs_are_put_back_when_they_are_named(api: Api, world: World, ended: Callable[..., UUID]) -> None:
    cancelled = ended(JobStatus.CANCELLED, tags=["t"])

    assert api.post("/jobs/revive", {"status": "CANCELLED", "tag": "t"}).json_body["count"] == 1
    assert statuses(world, cancelled) == ["QUEUED"]


def test_jobs_are_chosen_by_the_first_digits_of_their_ids(api: Api, world: World, ended: Callable[..., UUID]) -> None:
    other, wanted = ended(JobStatus.QUEUED), ended(JobStatus.QUEUED)

    answer = api.post("/jobs/cancel", {"id": str(wanted).upper(), "queue": "default"})

    assert answer.json_body["count"] == 1
    assert statuses(world, wanted, other) == ["CANCELLED", "QUEUED"]
    assert problem(api.post("/jobs/cancel", {"id": "x"}))["errors"][0]["path"] == "$.id"
    assert api.post("/jobs/cancel", {"id": "0", "ids": [str(other)]}).status_code == 422


def test_whatever_is_unfinished_is_cancelled(api: Api, world: World, ended: Callable[..., UUID]) -> None:
    waiting, later, running = (
        ended(JobStatus.QUEUED, queue="mail"),
        world.submit(queue="mail", delay_seconds=60).id,
        ended(JobStatus.RUNNING, queue="mail"),
    )
    done = ended(JobStatus.COMPLETED, queue="mail")

    answer = api.post("/jobs/cancel", {"queue": "mail"})

    assert answer.json_body["count"] == 3
    assert statuses(world, waiting, later, running, done) == ["CANCELLED", "CANCELLED", "RUNNING", "COMPLETED"]
    assert world.store.get(running).cancel_requested_at is not None
    assert world.run_due() == 0


def test_a_dry_run_of_a_cancellation_counts_what_is_unfinished(api: Api, ended: Callable[..., UUID]) -> None:
    for status in JobStatus:
        ended(status, queue="mail", tags=["t"])

    for chosen in ({"queue": "mail"}, {"tag": "t"}, {"job_type": "echo"}):
        assert api.post("/jobs/cancel", {**chosen, "dry_run": True}).json_body["count"] == 3


def test_some_are_moved_by_their_ids_and_the_rest_is_left(api: Api, world: World, ended: Callable[..., UUID]) -> None:
    failed, done, waiting = ended(JobStatus.FAILED), ended(JobStatus.COMPLETED), world.submit(delay_seconds=60).id
    ids = [str(job_id) for job_id in (failed, done, waiting, uuid7())]

    assert api.post("/jobs/revive", {"ids": ids, "dry_run": True}).json_body["count"] == 1
    assert api.post("/jobs/cancel", {"ids": ids}).json_body["count"] == 1
    assert api.post("/jobs/revive", {"ids": [str(failed)]}).json_body["count"] == 1
    assert statuses(world, failed, done, waiting) == ["QUEUED", "COMPLETED", "CANCELLED"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"dry_run": True},
        {"cursor": str(uuid7())},
        {"ids": []},
        {"ids": [str(uuid7())] * 1_001},
        {"ids": ["x"]},
        {"ids": [str(uuid7())], "queue": "q"},
        {"status": "COMPLETED"},
        {"statu": "FAILED"},
        {"queue": None},
    ],
)
@pytest.mark.parametrize("path", ["/jobs/cancel", "/jobs/revive"])
def test_an_unclear_order_moves_nothing(
    api: Api, world: World, ended: Callable[..., UUID], path: str, body: object
) -> None:
    jobs = [ended(JobStatus.FAILED), ended(JobStatus.QUEUED)]

    answer = api.post(path, body)

    assert (answer.status_code, problem(answer)["code"]) == (422, "invalid_input")
    assert statuses(world, *jobs) == ["FAILED", "QUEUED"]


def a_deed() -> Deed:
    return Deed(id=uuid7(), caller=LOCAL, action="cancel_many", target="/jobs/cancel", request_id="r")


def _delayed() -> Submission:
    return Submission(job_type="echo", delay_seconds=3_600)


def test_a_call_ends_with_its_turn_and_the_next_one_goes_on(
    world: World, database: Database, conn: psycopg.Connection[Any]
) -> None:
    count = 2 * BATCH + 10
    ids = [job.id for job in world.scheduler.submit([_delayed() for _ in range(count)])]
    now = iter([0.0, *([TURN.total_seconds() + 1] * 10)])
    bulk = Bulk(lists=world.lists, audit=AuditStore(database), scheduler=world.scheduler, clock=lambda: next(now))

    first = bulk.cancel(Cancellation(queue="default"), a_deed())
    assert (first.count, first.cursor) == (BATCH, sorted(ids)[-BATCH])
    rest = Bulk(lists=world.lists, audit=AuditStore(database), scheduler=world.scheduler)
    second = rest.cancel(Cancellation(queue="default", cursor=first.cursor or UNSET), a_deed())

    assert (second.count, second.cursor) == (count - BATCH, None)
    assert conn.execute("SELECT DISTINCT status FROM jobs").fetchall() == [("CANCELLED",)]


def test_a_job_that_moved_meanwhile_is_left_alone(world: World) -> None:
    """Asked to cancel what waits, we do not end what has begun since it was found."""
    job = world.submit()
    (found,) = world.lists.ids(Cancellation(status="QUEUED").chosen()).ids
    world.fetcher().fetch({"default": 10}, timedelta(hours=1))

    assert world.scheduler.cancel_all([found], None, JobStatus.QUEUED) == []
    assert world.store.get(job.id).cancel_requested_at is None


def test_a_revival_without_a_status_is_of_failures(world: World) -> None:
    assert Revival(queue="q").chosen().status is JobStatus.FAILED
