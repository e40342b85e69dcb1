"""Jobs that are put into another queue, whatever else happens to them at that moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from uuid_utils.compat import uuid7

from chalicelib.connections import Connections
from chalicelib.errors import StoreUnavailable
from chalicelib.fetcher import Fetched, Fetcher
from chalicelib.flow import Flow
from chalicelib.jobs import LEASE, ClaimedJob, Job, JobStatus, RawId
from chalicelib.members import member
from chalicelib.queue_settings import QueueChange
from chalicelib.store.attempts import AttemptStore
from chalicelib.store.database import Database
from chalicelib.stream import EVENTS
from tests.integration.calls import Api, problem
from tests.integration.conftest import FOREVER, World, a_flow, a_maintenance, put_in_status

SETS = [(queue, name) for queue in ("old", "new") for name in ("ready", "delayed", "leased")]


@pytest.fixture
def flow(world: World, database: Database) -> Flow:
    return a_flow(database, world.cache)


def places(world: World, job: Job) -> list[tuple[str, str]]:
    """The sets that hold a job."""
    return [
        (queue, name)
        for queue, name in SETS
        if any(entry[1:] == job.id.bytes for entry in world.cache.zrange(f"{{q:{queue}}}:{name}", 0, -1))
    ]


class Interrupted(AttemptStore):
    """Something happens between the take and the claim."""

    def __init__(self, attempts: AttemptStore, happens: Callable[[], object]) -> None:
        super().__init__(attempts._database)
        self._happens = happens
        self.is_cut = False

    def claim(self, ids: Sequence[RawId], worker_id: str, lease: timedelta, fits: timedelta) -> list[ClaimedJob]:
        self._happens()
        return super().claim(ids, worker_id, lease, fits)

    def disown(self, ids: Sequence[UUID], worker_id: str) -> list[Job]:
        if self.is_cut:
            raise StoreUnavailable("cut")
        return super().disown(ids, worker_id)


def interrupted(world: World, happens: Callable[[], object]) -> Fetcher:
    fetcher = world.fetcher()
    fetcher._attempts = Interrupted(world.attempts, happens)
    return fetcher


def look(fetcher: Fetcher, *queues: str) -> Fetched:
    fetched = fetcher.fetch(dict.fromkeys(queues, 10), FOREVER)
    fetcher.follow_up(fetched, FOREVER)
    return fetched


@pytest.mark.parametrize("queues", [("old", "new"), ("new", "old")])
def test_a_job_that_is_still_in_both_queues_runs_once_and_in_its_own(world: World, queues: tuple[str, str]) -> None:
    job, other = world.submit(queue="new"), world.submit(queue="old")
    world.cache.zadd("{q:old}:ready", {member(job): 1})

    found = look(world.fetcher(), *queues)

    assert sorted(each.id for each in found.jobs) == sorted([job.id, other.id])
    assert (world.store.get(job.id).status, world.store.get(job.id).attempt) == (JobStatus.RUNNING, 1)
    assert places(world, job) == [("new", "leased")]


@pytest.mark.parametrize(("options", "place"), [({}, "ready"), ({"delay_seconds": 60}, "delayed")])
def test_a_moved_job_is_in_its_new_queue_and_in_no_other(world: World, options: dict[str, Any], place: str) -> None:
    job = world.submit(queue="old", priority=7, **options)

    (moved,) = world.scheduler.move_all([job.id], "new")

    assert places(world, job) == [("new", place)]
    row = world.store.get(job.id)
    assert (row.queue, row.priority, row.run_at, row.version) == ("new", 7, job.run_at, 2)
    assert (moved.queue, moved.version) == ("new", 2)


@pytest.mark.parametrize("status", JobStatus)
def test_what_waits_is_moved_and_nothing_else(world: World, conn: psycopg.Connection[Any], status: JobStatus) -> None:
    job = world.submit(queue="old")
    put_in_status(conn, job, status)

    moved = world.scheduler.move_all([job.id], "new")

    waits = status in {JobStatus.QUEUED, JobStatus.BLOCKED}
    assert [each.status for each in moved] == ([status] if waits else [])
    assert world.store.get(job.id).queue == ("new" if waits else "old")


def test_a_job_that_is_there_already_or_has_left_its_queue_is_left_alone(world: World) -> None:
    there, elsewhere = world.submit(queue="new"), world.submit(queue="third")

    assert world.scheduler.move_all([there.id], "new") == []
    assert world.scheduler.move_all([elsewhere.id], "new", out_of="old") == []
    assert world.scheduler.move_all([elsewhere.id], "new", only=JobStatus.BLOCKED) == []
    assert [world.store.get(job.id).version for job in (there, elsewhere)] == [1, 1]


def test_watchers_are_told_of_a_move(world: World) -> None:
    job = world.submit(queue="old")
    Connections(world.cache).add("watcher", "api", "stage")

    world.scheduler.move_all([job.id], "new")

    (entry,) = world.cache.xrange(EVENTS) or []
    assert '"queue":"new"' in str(entry)


def test_a_job_moved_between_take_and_claim_does_not_run_past_its_new_queues_pause(world: World, flow: Flow) -> None:
    flow.change("new", QueueChange(paused=True))
    job = world.submit(queue="old")

    fetched = look(interrupted(world, lambda: world.scheduler.move_all([job.id], "new")), "old")

    assert fetched.jobs == []
    row = world.store.get(job.id)
    assert (row.status, row.queue, row.crashes, row.failures) == (JobStatus.QUEUED, "new", 0, 0)
    assert places(world, job) == [("new", "ready")]
    assert world.run_due() == 0
    flow.change("new", QueueChange(paused=False))
    assert world.run_due() == 1
    assert world.store.get(job.id).status is JobStatus.COMPLETED


def test_jobs_taken_beside_a_moved_one_run(world: World) -> None:
    moved, stays, other = world.submit(queue="old"), world.submit(queue="old"), world.submit(queue="third")

    fetched = look(interrupted(world, lambda: world.scheduler.move_all([moved.id], "third")), "old", "third")

    assert {job.id for job in fetched.jobs} == {stays.id, other.id}
    assert world.store.get(moved.id).status is JobStatus.QUEUED


def test_a_job_that_changed_places_with_another_is_not_taken_for_it(world: World) -> None:
    """Both queues were looked at, and each job's new one is among them."""
    here, there = world.submit(queue="old"), world.submit(queue="new")

    def swap() -> None:
        world.scheduler.move_all([here.id], "new")
        world.scheduler.move_all([there.id], "old")

    fetched = look(interrupted(world, swap), "old", "new")

    assert fetched.jobs == []
    assert [places(world, job) for job in (here, there)] == [[("new", "ready")], [("old", "ready")]]


def test_a_reminder_left_behind_in_the_old_queue_is_forgotten_by_who_takes_it(world: World, flow: Flow) -> None:
    """As after a crash between entering the new queue and leaving the old one."""
    flow.change("new", QueueChange(max_running=0))
    job = world.submit(queue="old")
    world.scheduler.move_all([job.id], "new")
    batch = world.link.batch()
    world.queues.sync([job], batch)
    batch.send()
    assert places(world, job) == [("old", "ready"), ("new", "ready")]

    assert look(world.fetcher(), "old", "new").jobs == []

    assert places(world, job) == [("new", "ready")]
    assert world.store.get(job.id).status is JobStatus.QUEUED


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.CANCELLED, JobStatus.BLOCKED])
def test_a_reminder_left_behind_of_a_job_that_may_not_run_is_forgotten_too(
    world: World, conn: psycopg.Connection[Any], status: JobStatus
) -> None:
    job = world.submit(queue="old")
    world.store.move([job.id], "new")
    put_in_status(conn, job, status)

    look(world.fetcher(), "old")

    assert places(world, job) == []


def test_a_reminder_left_behind_of_a_job_that_is_too_long_for_us_is_forgotten_too(world: World) -> None:
    job = world.submit(queue="old", timeout_seconds=600)
    fetcher = world.fetcher()
    world.store.move([job.id], "new")

    fetched = fetcher.fetch({"old": 10}, timedelta(seconds=60))
    assert len(fetcher.follow_up(fetched, timedelta(seconds=60))) == 1

    assert places(world, job) == []
    fetcher.put_back()
    assert places(world, job) == [("new", "ready")]


def test_a_job_too_long_for_us_that_another_has_claimed_meanwhile_keeps_its_slot(
    world: World, database: Database, flow: Flow
) -> None:
    """Ours were the leases that Redis lost; a tick may hold such jobs for a quarter of an hour."""
    flow.change("old", QueueChange(max_running=1))
    job = world.submit(queue="old", timeout_seconds=600)
    fetcher, short = world.fetcher(), timedelta(seconds=60)
    assert len(fetcher.follow_up(fetcher.fetch({"old": 10}, short), short)) == 1
    world.cache.flushdb()
    a_maintenance(database, world.cache).rebuild()
    assert len(look(world.fetcher("another"), "old").jobs) == 1

    fetcher.put_back()
    world.submit(queue="old")

    assert places(world, job) == [("old", "leased")]
    assert look(world.fetcher("a third"), "old").jobs == []


def test_a_moved_job_that_runs_meanwhile_is_left_to_who_runs_it(world: World) -> None:
    """It was taken from the old queue by one worker, and from the new one by another, who claims it first."""
    job = world.submit(queue="old")

    def moved_and_claimed() -> None:
        world.scheduler.move_all([job.id], "new")
        assert len(look(world.fetcher("another"), "new").jobs) == 1

    assert look(interrupted(world, moved_and_claimed), "old").jobs == []

    row = world.store.get(job.id)
    assert (row.status, row.worker_id, row.attempt) == (JobStatus.RUNNING, "another", 1)
    assert places(world, job) == [("new", "leased")]


def test_what_could_not_be_given_back_is_given_back_at_the_next_look(world: World) -> None:
    job, other = world.submit(queue="old"), world.submit(queue="old")
    fetcher = interrupted(world, lambda: world.scheduler.move_all([job.id], "new"))
    assert isinstance(fetcher._attempts, Interrupted)
    fetcher._attempts.is_cut = True
    (running,) = look(fetcher, "old").jobs
    assert (running.id, world.store.get(job.id).status) == (other.id, JobStatus.RUNNING)

    fetcher._attempts.is_cut = False
    look(fetcher, "old")

    row = world.store.get(job.id)
    assert (row.status, row.crashes, world.store.get(other.id).status) == (JobStatus.QUEUED, 0, JobStatus.RUNNING)
    assert places(world, job) == [("new", "ready")]


def test_a_move_that_died_before_redis_heard_of_it_is_made_good_by_the_patrol(
    world: World, database: Database, conn: psycopg.Connection[Any], flow: Flow
) -> None:
    flow.change("old", QueueChange(paused=True))
    job = world.submit(queue="old")
    world.store.move([job.id], "new")
    conn.execute("UPDATE jobs SET created_at = created_at - interval '1 minute'")

    a_maintenance(database, world.cache).patrol()

    assert places(world, job) == [("old", "ready"), ("new", "ready")]
    assert world.run_due() == 1
    assert world.store.get(job.id).status is JobStatus.COMPLETED


# Over HTTP


def test_a_whole_queue_is_moved_and_what_runs_is_left(api: Api, world: World, conn: psycopg.Connection[Any]) -> None:
    waiting = [world.submit(queue="old"), world.submit(queue="old", delay_seconds=60)]
    running, other = world.submit(queue="old"), world.submit(queue="third")
    put_in_status(conn, running, JobStatus.RUNNING)

    counted = api.post("/jobs/move", {"queue": "old", "to": "new", "dry_run": True})
    assert counted.json_body == {"count": 2, "cursor": None, "dry_run": True}
    assert api.get("/audit").json_body == []
    moved = api.post("/jobs/move", {"queue": "old", "to": "new"})

    assert moved.json_body == {"count": 2, "cursor": None, "dry_run": False}
    assert [world.store.get(job.id).queue for job in (*waiting, running, other)] == ["new", "new", "old", "third"]
    (entry,) = api.get("/audit").json_body
    assert (entry["action"], entry["detail"]) == ("move_many", {"filter": {"queue": "old", "to": "new"}})


def test_jobs_are_moved_by_their_ids_and_only_those_that_can_be_are_counted(
    api: Api, world: World, conn: psycopg.Connection[Any]
) -> None:
    waiting, there, done = world.submit(queue="old"), world.submit(queue="new"), world.submit(queue="old")
    put_in_status(conn, done, JobStatus.COMPLETED)
    order = {"ids": [str(job.id) for job in (waiting, there, done)] + [str(uuid7())], "to": "new"}

    assert api.post("/jobs/move", {**order, "dry_run": True}).json_body["count"] == 1
    assert api.post("/jobs/move", order).json_body["count"] == 1
    assert api.post("/jobs/move", order).json_body["count"] == 0


@pytest.mark.parametrize(
    ("conditions", "count"),
    [({"tag": "t"}, 2), ({"job_type": "echo"}, 3), ({"status": "SCHEDULED"}, 1), ({"status": "QUEUED", "tag": "t"}, 1)],
)
def test_a_dry_run_counts_what_the_move_then_moves(
    api: Api, world: World, conn: psycopg.Connection[Any], conditions: dict[str, str], count: int
) -> None:
    world.submit(queue="old", tags=["t"])
    world.submit(queue="old", tags=["t"], delay_seconds=60)
    world.submit(queue="third")
    world.submit(queue="new", tags=["t"])
    put_in_status(conn, world.submit(queue="old", tags=["t"]), JobStatus.RUNNING)

    order = {**conditions, "to": "new"}

    assert api.post("/jobs/move", {**order, "dry_run": True}).json_body["count"] == count
    assert api.post("/jobs/move", order).json_body["count"] == count


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"to": "new"},
        {"queue": "old"},
        {"queue": "old", "to": ""},
        {"queue": "old", "to": "a b"},
        {"queue": "old", "to": "old"},
        {"queue": "old", "to": "new", "status": "RUNNING"},
        {"queue": "old", "to": "new", "ids": [str(uuid7())]},
        {"to": "new", "dry_run": True},
        {"to": "new", "cursor": str(uuid7())},
    ],
)
def test_an_unclear_order_moves_nothing(api: Api, world: World, order: object) -> None:
    job = world.submit(queue="old")

    answer = api.post("/jobs/move", order)

    assert (answer.status_code, problem(answer)["code"]) == (422, "invalid_input")
    assert world.store.get(job.id).version == 1
    assert api.get("/audit").json_body == []


def test_a_move_is_one_lease_away_from_nobody(world: World) -> None:
    """A job that was taken, and whose worker died before the claim, is in no set but its new queue's."""
    job = world.submit(queue="old")
    world.queues.take({"old": 10}, LEASE)
    assert places(world, job) == [("old", "leased")]

    world.scheduler.move_all([job.id], "new")

    assert places(world, job) == [("new", "ready")]
