"""Submits that may come twice, and many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest
from uuid_utils.compat import uuid7

from chalicelib.errors import IdempotencyConflict, StoreUnavailable
from chalicelib.store.jobs import Once
from chalicelib.submissions import Submission
from infra.local.services import Addresses
from tests.integration.calls import Api, problem
from tests.integration.conftest import World, a_job

KEY = {"Idempotency-Key": "order-17"}


def count(conn: psycopg.Connection[Any], table: str = "jobs") -> int:
    row = conn.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_the_same_key_and_body_is_the_same_submit(api: Api, conn: psycopg.Connection[Any]) -> None:
    first = api.post("/jobs", b'{"job_type": "echo", "payload": {"a": 1, "b": 2}}', **KEY)
    again = api.post("/jobs", b'{"payload":{"b":2,"a":1},"job_type":"echo"}', **KEY)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json_body == first.json_body
    assert again.headers["Location"] == first.headers["Location"]
    assert count(conn) == 1
    assert count(conn, "audit") == 1


def test_the_same_key_with_another_body_is_a_conflict(api: Api, conn: psycopg.Connection[Any]) -> None:
    api.post("/jobs", {"job_type": "echo", "payload": 1}, **KEY)

    answer = api.post("/jobs", {"job_type": "echo", "payload": 2}, **KEY)

    assert (answer.status_code, problem(answer)["code"]) == (409, "idempotency_conflict")
    assert count(conn) == 1


def test_a_key_that_expired_may_be_used_again(api: Api, conn: psycopg.Connection[Any]) -> None:
    first = api.post("/jobs", {"job_type": "echo"}, **KEY)
    conn.execute("UPDATE idempotency_keys SET expires_at = now() - interval '1 second'")

    second = api.post("/jobs", {"job_type": "echo", "payload": 2}, **KEY)

    assert second.status_code == 201
    assert second.json_body["id"] != first.json_body["id"]
    assert api.post("/jobs", {"job_type": "echo", "payload": 2}, **KEY).json_body["id"] == second.json_body["id"]


def test_a_refused_submit_does_not_use_its_key_up(api: Api, conn: psycopg.Connection[Any]) -> None:
    refused = api.post("/jobs", {"job_type": "sleep", "payload": {"seconds": -1}}, **KEY)
    accepted = api.post("/jobs", {"job_type": "sleep", "payload": {"seconds": 0}}, **KEY)

    assert (refused.status_code, accepted.status_code) == (422, 201)


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ü"])
def test_a_key_that_is_none_is_refused(api: Api, conn: psycopg.Connection[Any], key: str) -> None:
    answer = api.post("/jobs", {"job_type": "echo"}, **{"Idempotency-Key": key})

    assert (answer.status_code, problem(answer)["errors"][0]["path"]) == (422, "Idempotency-Key")
    assert count(conn) == 0


def test_fifty_equal_submits_at_once_make_one_job(
    addresses: Addresses, world: World, conn: psycopg.Connection[Any]
) -> None:
    """Each on a connection of its own, as fifty Lambda functions would."""
    stores = [world.new_store() for _ in range(50)]
    once = Once("race", b"f" * 32)

    def submit(number: int) -> UUID:
        inserted = stores[number].insert([a_job()], None, once)
        if inserted:
            return inserted[0].id
        before = stores[number].find_submitted("race")
        assert before is not None
        return before.job_ids[0]

    with ThreadPoolExecutor(50) as threads:
        ids = set(threads.map(submit, range(50)))

    assert len(ids) == 1
    assert count(conn) == 1


def test_an_unexpected_fingerprint_never_gives_anothers_job_away(world: World) -> None:
    world.scheduler.submit_once(Submission(job_type="echo"), Once("k", b"one"))

    with pytest.raises(IdempotencyConflict):
        world.scheduler.submit_once(Submission(job_type="echo"), Once("k", b"two"))


def test_a_batch_is_recorded_in_one_statement_in_its_order(api: Api, world: World) -> None:
    jobs = [{"job_type": "echo", "payload": n, "tags": ["batch"], "priority": n % 3} for n in range(250)]

    answer = api.post("/jobs/batch", {"jobs": jobs})

    assert answer.status_code == 201
    ids = answer.json_body["ids"]
    assert [api.get(f"/jobs/{job_id}").json_body["payload"] for job_id in ids[:5]] == [0, 1, 2, 3, 4]
    assert len({api_job["created_at"] for api_job in api.get("/jobs?tag=batch&limit=1000").json_body}) == 1
    assert world.run_due() == 250


def test_a_bad_job_keeps_the_whole_batch_out_and_every_fault_is_told(api: Api, conn: psycopg.Connection[Any]) -> None:
    answer = api.post(
        "/jobs/batch",
        {
            "jobs": [
                {"job_type": "echo"},
                {"job_type": "nope"},
                {"job_type": "echo", "queue": "a b"},
                {"job_type": "sleep", "payload": {"seconds": "x"}},
                {"job_type": "echo", "payload": "x" * 300_000},
                7,
            ]
        },
    )

    document = problem(answer)
    assert (answer.status_code, document["code"]) == (422, "invalid_batch")
    assert [fault["path"] for fault in document["errors"]] == [
        "$.jobs[1].job_type",
        "$.jobs[2].queue",
        "$.jobs[3].payload.seconds",
        "$.jobs[4]",
        "$.jobs[5]",
    ]
    assert count(conn) == 0
    assert count(conn, "audit") == 0


@pytest.mark.parametrize(("jobs", "status"), [(0, 422), (1, 201), (10_000, 201), (10_001, 422)])
def test_a_batch_has_from_one_to_ten_thousand_jobs(
    api: Api, conn: psycopg.Connection[Any], jobs: int, status: int
) -> None:
    answer = api.post("/jobs/batch", {"jobs": [{"job_type": "echo"}] * jobs})

    assert answer.status_code == status
    assert count(conn) == (jobs if status == 201 else 0)


def test_a_batch_may_be_sent_again(api: Api, conn: psycopg.Connection[Any]) -> None:
    body = {"jobs": [{"job_type": "echo", "tags": ["t"]}, {"job_type": "echo"}]}

    first = api.post("/jobs/batch", body, **KEY)
    again = api.post("/jobs/batch", body, **KEY)
    other = api.post("/jobs", {"job_type": "echo"}, **KEY)

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert again.json_body == first.json_body
    assert (count(conn), count(conn, "job_tags")) == (2, 1)


def test_a_name_that_stands_twice_is_refused_wherever_it_stands(api: Api, conn: psycopg.Connection[Any]) -> None:
    for body in (
        b'{"job_type":"echo","job_type":"sleep"}',
        b'{"job_type":"echo","payload":{"a":1,"a":2}}',
        b'{"job_type":"echo","payload":[{"a":{"b":1,"\\u0062":2}}]}',
    ):
        answer = api.post("/jobs", body)
        assert (answer.status_code, "twice" in problem(answer)["detail"]) == (422, True)
    assert count(conn) == 0


def test_a_copy_is_a_new_job_with_what_the_old_one_was_asked(api: Api, world: World) -> None:
    options = {
        "payload": [1],
        "queue": "mail",
        "priority": 7,
        "max_attempts": 9,
        "timeout_seconds": 2.5,
        "tags": ["t"],
        "backoff": {"type": "fixed", "seconds": 5},
    }
    old = api.post("/jobs", {"job_type": "echo", "delay_seconds": 60, **options}).json_body

    answer = api.post(f"/jobs/{old['id']}/copy")

    copied = answer.json_body
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/api/jobs/{copied['id']}")
    assert copied["id"] != old["id"]
    assert copied["status"] == "QUEUED"
    kept = options.keys() - {"backoff"}
    assert {name: copied[name] for name in kept} == {name: options[name] for name in kept}
    assert world.run_due() == 1
    assert api.get(f"/jobs/{copied['id']}").json_body["status"] == "COMPLETED"
    assert api.post(f"/jobs/{uuid7()}/copy").status_code == 404


def test_nothing_is_submitted_while_postgres_is_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(world.store._database, "fetch", away)

    with pytest.raises(StoreUnavailable):
        world.scheduler.submit_once(Submission(job_type="echo"), Once("k", b"f"))
    assert world.queues.names() == []


def test_a_job_with_a_time_and_a_delay_is_refused(api: Api, conn: psycopg.Connection[Any]) -> None:
    twice = {"job_type": "echo", "run_at": "2030-01-01T00:00:00Z", "delay_seconds": 5}

    answer = api.post("/jobs", twice)
    batch = api.post("/jobs/batch", {"jobs": [{"job_type": "echo"}, twice]})

    fault = {"path": "$.delay_seconds", "detail": "run_at says when; give one of the two"}
    assert (answer.status_code, problem(answer)["errors"]) == (422, [fault])
    assert problem(batch)["errors"] == [{**fault, "path": "$.jobs[1].delay_seconds"}]
    assert count(conn) == 0
    assert api.post("/jobs", {**twice, "delay_seconds": 0}).status_code == 201


@pytest.mark.parametrize("path", ["/queues/a%20b", "/jobs?queue=a%20b"])
def test_a_name_that_is_none_is_refused_without_a_regular_expression(api: Api, path: str) -> None:
    (fault,) = problem(api.get(path))["errors"]

    assert fault["detail"] == "expected letters, digits and _ . : - , beginning with a letter or digit"
