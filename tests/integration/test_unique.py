"""Jobs of which there is to be one."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest

from chalicelib.backoff import Fixed
from chalicelib.errors import StoreUnavailable, UniqueConflict
from chalicelib.jobs import Job, JobStatus, NewJob
from chalicelib.store.admissions import AdmissionStore
from chalicelib.store.database import Database
from chalicelib.store.holders import FIRST_LOOK
from chalicelib.store.jobs import JobStore, Once
from chalicelib.submissions import Submission
from chalicelib.uniqueness import OnConflict, Term, Unique, Uniqueness
from tests.integration.calls import Api, problem
from tests.integration.conftest import World, a_job, put_in_status, told
from tests.integration.test_submits import count

ALL = {"key": "k", "on_conflict": "replace"}
HOUR = {"for": 3600, "key": "k"}
Conn = psycopg.Connection[Any]


def submit(api: Api, unique: object, job_type: str = "echo", **fields: object) -> Any:
    return api.post("/jobs", {"job_type": job_type, "unique": unique, **fields})


def a_unique_job(key: bytes = b"k", term: Term = Term.UNFINISHED, how: str = "return", **fields: Any) -> NewJob:
    said = Uniqueness(key=key.ljust(32), term=term, seconds=3600, on_conflict=OnConflict(how))
    return a_job(unique=said, **fields)


@pytest.fixture
def unique(database: Database) -> AdmissionStore:
    return AdmissionStore(database)


def admitted(unique: AdmissionStore, *jobs: NewJob) -> tuple[list[UUID], list[Job]]:
    """Ids, and what is new."""
    admission = unique.insert(jobs)
    assert admission is not None
    return admission.ids, admission.new


def test_the_second_submit_gets_the_first_ones_job(api: Api, conn: Conn) -> None:
    first = submit(api, {"key": "k"}, payload=1)
    second = submit(api, {"key": "k"}, payload=2, queue="other")

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json_body == first.json_body
    assert second.headers["Location"] == first.headers["Location"]
    assert count(conn) == 1


def test_without_a_key_job_type_queue_and_payload_make_it(api: Api, conn: Conn) -> None:
    submit(api, {}, payload={"a": 1, "b": 2})

    statuses = [
        api.post("/jobs", b'{"unique":{},"payload":{"b":2, "a":1},"job_type":"echo"}').status_code,
        submit(api, {}, payload={"a": 1, "b": 3}).status_code,
        submit(api, {}, payload={"a": 1, "b": 2}, queue="other").status_code,
        api.post("/jobs", {"job_type": "echo", "payload": {"a": 1, "b": 2}}).status_code,
    ]

    assert statuses == [200, 201, 201, 201]
    assert count(conn, "unique_jobs") == 3


@pytest.mark.parametrize("status", JobStatus)
@pytest.mark.parametrize(
    ("term", "holding"),
    [
        ("queued", {"BLOCKED", "QUEUED"}),
        ("unfinished", {"BLOCKED", "QUEUED", "RUNNING"}),
        (3600, {"BLOCKED", "QUEUED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"}),
    ],
)
def test_a_key_is_held_for_a_term(
    api: Api, world: World, conn: Conn, term: object, holding: set[str], status: JobStatus
) -> None:
    first = UUID(submit(api, {"for": term, "key": "k"}).json_body["id"])
    put_in_status(conn, world.store.get(first), status)

    second = submit(api, {"for": term, "key": "k"})

    assert second.status_code == (200 if status in holding else 201)
    assert (second.json_body["id"] == str(first)) == (status in holding)
    assert submit(api, {"for": term, "key": "k"}).json_body["id"] == second.json_body["id"]


def test_a_job_that_waits_for_another_attempt_is_queued(world: World) -> None:
    asked = Submission(job_type="fail", backoff=Fixed(seconds=3600), unique=Unique(for_="queued"))
    first, _ = world.scheduler.submit_once(asked)
    world.run_due()

    second, is_new = world.scheduler.submit_once(asked)

    assert (second.id, second.failures, is_new) == (first.id, 1, False)


def test_a_time_ends_whatever_became_of_the_job(api: Api, conn: Conn) -> None:
    first = submit(api, HOUR).json_body["id"]
    left = conn.execute("SELECT expires_at - created_at FROM unique_jobs, jobs").fetchone()
    conn.execute("UPDATE unique_jobs SET expires_at = now() - interval '1 millisecond'")

    second = submit(api, HOUR).json_body["id"]

    assert left == (timedelta(hours=1),)
    assert second != first
    assert submit(api, HOUR).json_body["id"] == second


def test_the_holder_says_how_long_it_holds(api: Api, world: World, conn: Conn) -> None:
    """Not who comes later."""
    first = submit(api, {"for": "queued", "key": "k"}).json_body["id"]
    put_in_status(conn, world.store.get(UUID(first)), JobStatus.RUNNING)

    second = submit(api, {"for": 3600, "key": "k"}).json_body["id"]
    put_in_status(conn, world.store.get(UUID(second)), JobStatus.COMPLETED)

    assert second != first
    assert submit(api, {"for": "queued", "key": "k"}).json_body["id"] == second


def test_a_job_whose_row_is_gone_holds_nothing(api: Api, conn: Conn) -> None:
    submit(api, HOUR)
    conn.execute("DELETE FROM jobs")

    assert submit(api, HOUR).status_code == 201


@pytest.mark.parametrize(
    ("how", "payload", "is_moved"),
    [("return", 1, False), ("replace_payload", 2, False), ("replace_run_at", 1, True), ("replace", 2, True)],
)
def test_a_waiting_job_is_changed_as_asked(api: Api, world: World, how: str, payload: int, is_moved: bool) -> None:
    first = submit(api, {"key": "k"}, payload=1, delay_seconds=60).json_body

    answer = submit(api, {"key": "k", "on_conflict": how}, payload=2, delay_seconds=600)

    job = answer.json_body
    assert (answer.status_code, job["id"], job["payload"]) == (200, first["id"], payload)
    assert job["version"] == (1 if how == "return" else 2)
    moved = datetime.fromisoformat(job["run_at"]) - datetime.fromisoformat(first["run_at"])
    assert (timedelta(seconds=539) < moved < timedelta(seconds=550)) == is_moved
    assert is_moved or moved == timedelta(0)
    ((_, score),) = world.cache.zscan_iter("{q:default}:delayed")
    assert abs(score / 1000 - datetime.fromisoformat(job["run_at"]).timestamp()) < 0.002
    assert api.get(f"/jobs/{first['id']}").json_body == job


def test_a_time_may_be_named_and_brings_a_job_forward(api: Api, world: World) -> None:
    submit(api, {"key": "k"}, delay_seconds=3600)
    later = submit(api, ALL, run_at="2031-01-01T00:00:00Z").json_body
    now = submit(api, ALL).json_body

    assert (later["run_at"], later["status"]) == ("2031-01-01T00:00:00.000Z", "SCHEDULED")
    assert now["status"] == "QUEUED"
    assert world.run_due() == 1


def test_watchers_hear_of_a_change(api: Api, world: World) -> None:
    from chalicelib.connections import Connections

    Connections(world.cache).add("watcher", "api", "stage")
    submit(api, {"key": "k"}, payload=1, delay_seconds=60)
    submit(api, {"key": "k"}, payload=3, delay_seconds=60)
    submit(api, ALL, payload=2, delay_seconds=60)

    heard = [msgspec.json.decode(event.body) for event in told(world)]
    assert [(each["version"], each["payload"]) for each in heard] == [(1, 1), (2, 2)]


@pytest.mark.parametrize("how", ["replace_payload", "replace_run_at", "replace"])
@pytest.mark.parametrize("status", ["RUNNING", "COMPLETED", "FAILED", "CANCELLED"])
def test_what_does_not_wait_is_not_changed(api: Api, world: World, conn: Conn, how: str, status: str) -> None:
    first = submit(api, HOUR, payload=1).json_body["id"]
    put_in_status(conn, world.store.get(UUID(first)), JobStatus(status))
    before = world.store.get(UUID(first))

    answer = submit(api, {**HOUR, "on_conflict": how}, payload=2)

    document = problem(answer)
    assert (answer.status_code, document["code"]) == (409, "unique_conflict")
    assert [fault["path"] for fault in document["errors"]] == ["$.unique"]
    assert first in document["detail"]
    assert status in document["detail"]
    assert world.store.get(UUID(first)) == before
    assert (count(conn), count(conn, "audit")) == (1, 1)


def test_a_payload_goes_to_no_job_of_another_type(api: Api, conn: Conn) -> None:
    submit(api, {"key": "k"}, payload=1, delay_seconds=60)

    refused = submit(api, ALL, "sleep", payload={"seconds": 1})
    moved = submit(api, {"key": "k", "on_conflict": "replace_run_at"}, "sleep", payload={"seconds": 1})

    assert (refused.status_code, moved.status_code, moved.json_body["job_type"]) == (409, 200, "echo")
    assert count(conn) == 1


# Many at once


def at_once(world: World, jobs: Sequence[Sequence[NewJob]]) -> list[tuple[list[UUID], int]]:
    """Each submit on a connection of its own, as Lambda functions would. Returns ids, and how many are new."""
    stores = [AdmissionStore(world.new_store()._database) for _ in jobs]
    for store in stores:
        store._database.fetch("SELECT 1")

    def submit(number: int) -> tuple[list[UUID], int]:
        admission = stores[number].insert(jobs[number])
        assert admission is not None
        return admission.ids, len(admission.new)

    with ThreadPoolExecutor(len(jobs)) as threads:
        return [*threads.map(submit, range(len(jobs)))]


@pytest.mark.parametrize("held_before", [None, JobStatus.COMPLETED, JobStatus.CANCELLED])
def test_fifty_submits_at_once_make_one_job(
    world: World, unique: AdmissionStore, conn: Conn, held_before: JobStatus | None
) -> None:
    if held_before:
        put_in_status(conn, admitted(unique, a_unique_job())[1][0], held_before)

    answers = at_once(world, [[a_unique_job()] for _ in range(50)])

    assert len({job_id for ids, _ in answers for job_id in ids}) == 1
    assert sum(new for _, new in answers) == 1
    assert count(conn) == (2 if held_before else 1)


def test_of_fifty_changes_at_once_the_last_one_stands(world: World, unique: AdmissionStore, conn: Conn) -> None:
    (first,), _ = admitted(unique, a_unique_job(delay=timedelta(hours=1)))

    at_once(
        world, [[a_unique_job(how="replace", payload=msgspec.Raw(b"%d" % n), delay=timedelta(n))] for n in range(1, 51)]
    )

    job = world.store.get(first)
    assert job.version == 51
    assert job.payload is not None
    assert abs(job.run_at - datetime.now(UTC) - timedelta(int(bytes(job.payload)))) < timedelta(minutes=1)
    assert count(conn) == 1


def test_batches_that_name_the_same_keys_in_any_order_do_not_stand_in_each_others_way(world: World, conn: Conn) -> None:
    rng = random.Random(7)
    keys = [b"%d" % n for n in range(40)]

    batches = [[a_unique_job(key) for key in rng.sample(keys, 40)] for _ in range(16)]
    answers = at_once(world, batches)

    assert sum(new for _, new in answers) == 40
    assert count(conn) == 40


def test_a_submit_that_waited_sees_what_it_waited_for(world: World, unique: AdmissionStore, conn: Conn) -> None:
    """It began before the other one's job was there, and with a holder that had let go."""
    put_in_status(conn, admitted(unique, a_unique_job())[1][0], JobStatus.COMPLETED)
    other = world.new_store()._database

    with ThreadPoolExecutor(1) as thread:
        with other.transaction() as holding:
            holding.execute("SELECT FROM unique_jobs FOR UPDATE")
            waiting = thread.submit(admitted, unique, a_unique_job())
            while not conn.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
                assert not waiting.done()
            (theirs,) = JobStore(world.new_store()._database).insert([a_job()])
            holding.execute("UPDATE unique_jobs SET job_id = %s", [theirs.id])
        ids, new = waiting.result()

    assert (ids, new) == ([theirs.id], [])


def test_a_delay_begins_when_the_wait_for_others_is_over(world: World, unique: AdmissionStore, conn: Conn) -> None:
    """Or a job would start sooner after the last of many submits than this one asked."""
    (first,), _ = admitted(unique, a_unique_job())

    with ThreadPoolExecutor(1) as thread:
        with world.new_store()._database.transaction() as holding:
            holding.execute("SELECT FROM unique_jobs FOR UPDATE")
            waiting = thread.submit(admitted, unique, a_unique_job(how="replace", delay=timedelta(hours=1)))
            while not conn.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
                assert not waiting.done()
            row = conn.execute("SELECT clock_timestamp() + interval '1 hour'").fetchone()
        waiting.result()

    assert row is not None
    assert world.store.get(first).run_at > row[0]


def test_a_job_that_starts_just_now_is_not_changed(world: World, unique: AdmissionStore, conn: Conn) -> None:
    (first,), _ = admitted(unique, a_unique_job(payload=msgspec.Raw(b"1")))
    other = world.new_store()._database

    with ThreadPoolExecutor(1) as thread:
        with other.transaction() as claiming:
            claiming.execute(
                "UPDATE jobs SET status = 'RUNNING', attempt = 1, lease_expires_at = now() + interval '30 seconds'"
            )
            waiting = thread.submit(admitted, unique, a_unique_job(how="replace", payload=msgspec.Raw(b"2")))
            while not conn.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
                assert not waiting.done()
        with pytest.raises(UniqueConflict, match="RUNNING"):
            waiting.result()

    assert world.store.get(first).payload == msgspec.Raw(b"1")


def test_a_job_held_while_queued_that_starts_just_now_gets_a_successor(
    world: World, unique: AdmissionStore, conn: Conn
) -> None:
    admitted(unique, a_unique_job(term=Term.QUEUED))
    other = world.new_store()._database

    with ThreadPoolExecutor(1) as thread:
        with other.transaction() as claiming:
            claiming.execute(
                "UPDATE jobs SET status = 'RUNNING', attempt = 1, lease_expires_at = now() + interval '30 seconds'"
            )
            waiting = thread.submit(admitted, unique, a_unique_job(term=Term.QUEUED, how="replace"))
            while not conn.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
                assert not waiting.done()
        _, new = waiting.result()

    assert len(new) == 1
    assert count(conn) == 2


# Batches


def test_in_a_batch_ids_come_in_the_order_given_and_the_first_of_a_key_speaks(api: Api, conn: Conn) -> None:
    known = submit(api, {"key": "known"}, payload=0).json_body["id"]

    answer = api.post(
        "/jobs/batch",
        {
            "jobs": [
                {"job_type": "echo", "payload": 1, "unique": {"key": "a"}},
                {"job_type": "echo", "payload": 2, "unique": {"key": "known"}},
                {"job_type": "echo", "payload": 3},
                {"job_type": "echo", "payload": 4, "unique": {"key": "a", "on_conflict": "replace"}},
                {"job_type": "echo", "payload": 5, "unique": {"key": "b"}, "tags": ["t"]},
                {"job_type": "echo", "payload": 6, "unique": {"key": "known"}},
            ]
        },
    )

    a, first, plain, same, b, second = answer.json_body["ids"]
    assert answer.status_code == 201
    assert (first, second, same) == (known, known, a)
    assert [api.get(f"/jobs/{job_id}").json_body["payload"] for job_id in (a, known, plain, b)] == [1, 0, 3, 5]
    assert count(conn) == 4


def test_a_batch_of_which_everything_is_there_is_not_created(api: Api, conn: Conn) -> None:
    body = {"jobs": [{"job_type": "echo", "payload": n, "unique": {}} for n in range(3)]}

    first, second = api.post("/jobs/batch", body), api.post("/jobs/batch", body)

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json_body == first.json_body
    assert count(conn) == 3


def test_one_conflict_keeps_the_whole_batch_out_and_each_is_told(api: Api, world: World, conn: Conn) -> None:
    running = submit(api, {"key": "running"}).json_body["id"]
    waiting = submit(api, {"key": "waiting"}, payload=1, delay_seconds=60).json_body
    put_in_status(conn, world.store.get(UUID(running)), JobStatus.RUNNING)
    keys = ["new", "waiting", "running", "running", "other", "waiting"]

    answer = api.post(
        "/jobs/batch",
        {"jobs": [{"job_type": "echo", "unique": {"key": key, "on_conflict": "replace"}} for key in keys]},
        **{"Idempotency-Key": "i"},
    )

    document = problem(answer)
    assert (answer.status_code, document["code"]) == (409, "unique_conflict")
    assert [fault["path"] for fault in document["errors"]] == ["$.jobs[2].unique"]
    assert api.get(f"/jobs/{waiting['id']}").json_body == waiting
    assert (count(conn), count(conn, "unique_jobs"), count(conn, "audit")) == (2, 2, 2)
    assert count(conn, "idempotency_keys") == 0


def test_a_batch_may_have_ten_thousand_unique_jobs(api: Api, world: World, conn: Conn) -> None:
    body = {"jobs": [{"job_type": "echo", "payload": n, "unique": {"on_conflict": "replace"}} for n in range(10_000)]}

    first, second = api.post("/jobs/batch", body), api.post("/jobs/batch", body)

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json_body == first.json_body
    assert (count(conn), count(conn, "unique_jobs")) == (10_000, 10_000)
    assert conn.execute("SELECT count(*) FROM jobs WHERE version = 2").fetchone() == (10_000,)
    assert world.cache.zcard("{q:default}:ready") == 10_000


# With the rest


def test_an_idempotency_key_comes_first(api: Api, world: World, conn: Conn) -> None:
    key = {"Idempotency-Key": "i"}
    body = {"job_type": "echo", "payload": 1, "unique": {"key": "k", "on_conflict": "replace"}}
    first = api.post("/jobs", body, **key)
    put_in_status(conn, world.store.get(UUID(first.json_body["id"])), JobStatus.RUNNING)

    again = api.post("/jobs", body, **key)
    changed = api.post("/jobs", {**body, "payload": 2}, **key)
    other = api.post("/jobs", body, **{"Idempotency-Key": "j"})

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json_body["id"] == first.json_body["id"]
    assert problem(changed)["code"] == "idempotency_conflict"
    assert problem(other)["code"] == "unique_conflict"
    assert count(conn, "idempotency_keys") == 1


def test_an_idempotency_key_stands_for_the_job_that_was_there(api: Api, world: World, conn: Conn) -> None:
    first = submit(api, {"key": "k"}).json_body["id"]
    body = {"jobs": [{"job_type": "echo", "unique": {"key": key}} for key in ("k", "new")]}
    answers = [api.post("/jobs/batch", body, **{"Idempotency-Key": "i"})]
    conn.execute("UPDATE jobs SET status = 'COMPLETED', finished_at = now()")
    answers += [api.post("/jobs/batch", body, **{"Idempotency-Key": "i"})]

    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json_body == answers[1].json_body
    assert answers[0].json_body["ids"][0] == first
    assert count(conn) == 2


def test_fifty_repeats_of_one_submit_make_one_job(world: World, conn: Conn) -> None:
    stores = [AdmissionStore(world.new_store()._database) for _ in range(50)]
    once = Once("race", b"f" * 32)

    with ThreadPoolExecutor(50) as threads:
        admissions = [*threads.map(lambda store: store.insert([a_unique_job()], None, once), stores)]

    (admission,) = [each for each in admissions if each is not None]
    known = world.store.find_submitted("race")
    assert known is not None
    assert known.job_ids == admission.ids
    assert count(conn) == 1


def test_the_audit_names_what_was_returned_and_what_was_replaced(api: Api) -> None:
    first = submit(api, {"key": "a"}, delay_seconds=60).json_body["id"]
    second = submit(api, {"key": "b"}, delay_seconds=60).json_body["id"]
    submit(api, {"key": "a"})
    submit(api, {"key": "a", "on_conflict": "replace"}, payload="s3cret", delay_seconds=60)
    body = [("a", "return"), ("b", "replace_payload"), ("c", "return")]
    made = api.post(
        "/jobs/batch",
        {"jobs": [{"job_type": "echo", "unique": {"key": key, "on_conflict": how}} for key, how in body]},
    ).json_body["ids"][2]

    entries = [entry["detail"] for entry in api.get("/audit").json_body][2::-1]

    told = {"job_type": "echo", "queue": "default"}
    assert entries == [
        {**told, "returned": [first]},
        {**told, "replaced": [first]},
        {"jobs": 3, "ids": [made], "replaced": [second], "returned": [first]},
    ]


def test_a_copy_holds_no_key(api: Api, conn: Conn) -> None:
    first = submit(api, {"key": "k"}).json_body["id"]

    copied = api.post(f"/jobs/{first}/copy")

    assert copied.status_code == 201
    assert submit(api, {"key": "k"}).json_body["id"] == first
    assert count(conn, "unique_jobs") == 1


def test_a_revived_job_holds_its_key_again(api: Api, unique: AdmissionStore, conn: Conn) -> None:
    first = submit(api, {"key": "k"}).json_body["id"]
    api.post(f"/jobs/{first}/cancel")
    conn.execute("UPDATE unique_jobs SET check_at = now()")
    unique.prune()

    api.post(f"/jobs/{first}/revive")

    assert submit(api, {"key": "k"}).json_body["id"] == first


def test_a_revived_job_whose_key_another_took_does_without(api: Api) -> None:
    first = submit(api, {"key": "k"}).json_body["id"]
    api.post(f"/jobs/{first}/cancel")
    second = submit(api, {"key": "k"}).json_body["id"]

    revived = api.post(f"/jobs/{first}/revive")

    assert (revived.status_code, second != first) == (200, True)
    assert submit(api, {"key": "k"}).json_body["id"] == second


def test_a_schedule_refuses_unique_jobs(api: Api) -> None:
    job = {"job_type": "echo", "unique": {}}

    answer = api.post("/schedules", {"name": "s", "cron": "@daily", "job": job})

    document = problem(answer)
    assert (answer.status_code, [fault["path"] for fault in document["errors"]]) == (422, ["$.job.unique"])
    assert "overlap" in document["detail"]


@pytest.mark.parametrize(
    ("unique", "path"),
    [
        ([], "$.unique"),
        ("queued", "$.unique"),
        (True, "$.unique"),
        ({"until": "queued"}, "$.unique"),
        ({"for_": "queued"}, "$.unique"),
        ({"for": "finished"}, "$.unique.for"),
        ({"for": "60"}, "$.unique.for"),
        ({"for": None}, "$.unique.for"),
        ({"for": True}, "$.unique.for"),
        ({"for": 0}, "$.unique.for"),
        ({"for": 0.99}, "$.unique.for"),
        ({"for": 366 * 24 * 3600 + 1}, "$.unique.for"),
        ({"key": ""}, "$.unique.key"),
        ({"key": "x" * 201}, "$.unique.key"),
        ({"key": "a\nb"}, "$.unique.key"),
        ({"key": "a\x00"}, "$.unique.key"),
        ({"key": 7}, "$.unique.key"),
        ({"on_conflict": "raise"}, "$.unique.on_conflict"),
        ({"on_conflict": None}, "$.unique.on_conflict"),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_nothing(api: Api, conn: Conn, unique: object, path: str) -> None:
    one = submit(api, unique)
    many = api.post("/jobs/batch", {"jobs": [{"job_type": "echo"}, {"job_type": "echo", "unique": unique}]})

    assert (one.status_code, many.status_code) == (422, 422)
    assert [fault["path"] for fault in problem(one)["errors"]] == [path]
    assert [fault["path"] for fault in problem(many)["errors"]] == [path.replace("$", "$.jobs[1]")]
    assert (count(conn), count(conn, "unique_jobs")) == (0, 0)


@pytest.mark.parametrize("unique", [None, {"key": "\u00e4" * 200}, {"for": 366 * 24 * 3600}, {"for": 1}])
def test_what_is_just_allowed_is_taken(api: Api, unique: object) -> None:
    assert submit(api, unique).status_code == 201


# Troubles


def test_a_submit_whose_commit_was_not_heard_of_makes_no_second_job(
    world: World, unique: AdmissionStore, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = psycopg.Transaction._commit_gen

    def commit_and_break(self: psycopg.Transaction) -> Any:
        yield from commit(self)
        raise psycopg.OperationalError("the connection broke")

    monkeypatch.setattr(psycopg.Transaction, "_commit_gen", commit_and_break)
    with pytest.raises(StoreUnavailable):
        unique.insert([a_unique_job()])
    monkeypatch.undo()

    ids, new = admitted(unique, a_unique_job())

    assert new == []
    assert count(conn) == 1
    assert world.store.get(ids[0]).version == 1


@pytest.mark.parametrize("statement", range(3))
def test_a_connection_that_breaks_between_two_statements_leaves_nothing_behind(
    unique: AdmissionStore, conn: Conn, monkeypatch: pytest.MonkeyPatch, statement: int
) -> None:
    admitted(unique, a_unique_job(b"waiting", payload=msgspec.Raw(b"1")))
    put_in_status(conn, admitted(unique, a_unique_job(b"let go"))[1][0], JobStatus.COMPLETED)
    statements = itertools.count()
    fetch = Database.fetch

    def fetch_and_break(self: Database, *arguments: Any, **options: Any) -> Any:
        if next(statements) == statement + 1:
            conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'")
        return fetch(self, *arguments, **options)

    monkeypatch.setattr(Database, "fetch", fetch_and_break)
    jobs = [a_unique_job(b"waiting", how="replace"), a_unique_job(b"new"), a_unique_job(b"let go"), a_job()]
    with pytest.raises(StoreUnavailable):
        unique.insert(jobs, None, Once("i", b"f"))
    monkeypatch.undo()

    assert [count(conn, table) for table in ("jobs", "unique_jobs", "idempotency_keys")] == [2, 2, 0]
    assert conn.execute("SELECT max(version) FROM jobs").fetchone() == (1,)
    ids, new = admitted(unique, *jobs)
    assert [job.id for job in new] == [job.id for job in jobs[1:]]
    assert len(ids) == 4


def test_what_postgres_cannot_hold_leaves_nothing_behind(api: Api, conn: Conn) -> None:
    deep = b"[" * 7_000 + b"]" * 7_000

    answer = api.post("/jobs", b'{"job_type":"echo","unique":{"key":"k"},"payload":' + deep + b"}")

    assert 400 <= answer.status_code < 500
    assert (count(conn), count(conn, "unique_jobs")) == (0, 0)


def test_a_change_is_safe_while_redis_is_away(world: World) -> None:
    asked = Submission(job_type="echo", delay_seconds=3600, unique=Unique(key="k", on_conflict=OnConflict.REPLACE))
    job, _ = world.scheduler.submit_once(asked)
    world.cache.flushall()
    world.cache.config_set("maxmemory", "1")
    try:
        changed, is_new = world.scheduler.submit_once(msgspec.structs.replace(asked, payload=msgspec.Raw(b"2")))
    finally:
        world.cache.config_set("maxmemory", "0")

    assert world.queues.names() == []
    assert (changed.id, is_new) == (job.id, False)
    assert world.store.get(job.id).payload == msgspec.Raw(b"2")


# Pruning


def test_keys_that_nobody_can_hold_again_are_forgotten(unique: AdmissionStore, conn: Conn) -> None:
    for term in (Term.QUEUED, Term.UNFINISHED):
        for status in JobStatus:
            key = f"{term}{status}".encode()
            put_in_status(conn, admitted(unique, a_unique_job(key, term))[1][0], status)
    done = admitted(unique, a_unique_job(b"time", Term.TIME))[1][0]
    put_in_status(conn, done, JobStatus.COMPLETED)
    admitted(unique, a_unique_job(b"gone"), a_unique_job(b"over", Term.TIME))
    conn.execute("DELETE FROM jobs USING unique_jobs WHERE job_id = id AND key = %s", [b"gone".ljust(32)])
    conn.execute("UPDATE unique_jobs SET expires_at = now() WHERE key = %s", [b"over".ljust(32)])
    assert unique.prune() == 0
    conn.execute("UPDATE unique_jobs SET check_at = now()")

    assert unique.prune(page=4) == 4

    kept = {row[0].rstrip().decode() for row in conn.execute("SELECT key FROM unique_jobs").fetchall()}
    left = {status for status in JobStatus if status is not JobStatus.COMPLETED}
    assert kept == {f"{term}{status}" for term in (Term.QUEUED, Term.UNFINISHED) for status in left} | {"time"}
    assert conn.execute("SELECT FROM unique_jobs WHERE check_at <= now()").fetchall() == []


def test_pruning_goes_around_what_a_submit_holds(world: World, unique: AdmissionStore, conn: Conn) -> None:
    put_in_status(conn, admitted(unique, a_unique_job(b"a"))[1][0], JobStatus.COMPLETED)
    put_in_status(conn, admitted(unique, a_unique_job(b"b"))[1][0], JobStatus.COMPLETED)
    conn.execute("UPDATE unique_jobs SET check_at = now()")

    with world.new_store()._database.transaction() as submitting:
        submitting.execute("SELECT FROM unique_jobs WHERE key = %s FOR UPDATE", [b"a".ljust(32)])
        assert unique.prune() == 1

    assert unique.prune() == 1


def test_a_new_holder_is_looked_at_anew(unique: AdmissionStore, conn: Conn) -> None:
    put_in_status(conn, admitted(unique, a_unique_job())[1][0], JobStatus.COMPLETED)
    conn.execute("UPDATE unique_jobs SET check_at = now()")

    ids, _ = admitted(unique, a_unique_job())

    assert unique.prune() == 0
    row = conn.execute("SELECT job_id, check_at - created_at FROM unique_jobs JOIN jobs ON id = job_id").fetchone()
    assert row == (ids[0], FIRST_LOOK)


# Costs


def test_a_job_like_any_other_is_one_statement(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    statements: list[str] = []
    fetch = Database.fetch

    def noted(self: Database, query: Any, *arguments: Any, **options: Any) -> Any:
        statements.append(query)
        return fetch(self, query, *arguments, **options)

    monkeypatch.setattr(Database, "fetch", noted)

    world.scheduler.submit_once(Submission(job_type="echo"))
    world.scheduler.submit_batch([msgspec.Raw(b'{"job_type":"echo"}')] * 3)

    assert len(statements) == 2
    assert "unique_jobs" not in "".join(statements)


def test_neither_a_submit_nor_pruning_reads_what_it_does_not_need(
    unique: AdmissionStore, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    admitted(unique, *[a_unique_job(b"%d" % n) for n in range(5_000)])
    conn.execute("UPDATE unique_jobs SET check_at = now() WHERE key < %s", [b"1005".ljust(32)])
    for table in (b"unique_jobs", b"jobs"):
        conn.execute(b"ANALYZE " + table)
    plans: list[str] = []

    def explained(act: Callable[[Database, Any, Any], Any]) -> Callable[..., Any]:
        def explain(self: Database, query: Any, params: Any, **options: Any) -> Any:
            with self._ours() as connection, connection.transaction():
                rows = connection.execute(b"EXPLAIN (ANALYZE, COSTS OFF) " + query.encode(), params).fetchall()
                plans.append("\n".join(line for (line,) in rows))
                raise psycopg.Rollback
            return act(self, query, params)

        return explain

    monkeypatch.setattr(Database, "fetch", explained(Database.fetch))
    monkeypatch.setattr(Database, "count", explained(Database.count))

    admitted(unique, a_unique_job(b"77", how="replace"), a_unique_job(b"78"))
    unique.prune()

    assert len(plans) >= 7
    assert not [plan for plan in plans if "Seq Scan" in plan]
    assert [plan for plan in plans if "unique_jobs_by_check" in plan]
