"""The HTTP API, through Chalice's own request handling."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID, uuid4

import msgspec
import pytest
from chalice.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib import pages, resources, wire
from chalicelib.backoff import Fixed
from chalicelib.errors import StoreUnavailable
from chalicelib.handlers import registry
from chalicelib.handlers.registry import JobContext, Registry, job
from tests.integration.calls import Api, problem
from tests.integration.conftest import World

ANCESTOR_FIELDS = {
    "id",
    "job_type",
    "payload",
    "status",
    "result",
    "created_at",
    "started_at",
    "finished_at",
    "worker_id",
}


def test_an_ancestors_submit_works_unchanged(api: Api) -> None:
    response = api.post("/jobs", {"job_type": "process_data", "payload": {"user_id": 101}})

    assert response.status_code == 201
    job = response.json_body
    assert job.keys() >= ANCESTOR_FIELDS
    assert (job["status"], job["payload"], job["result"]) == ("QUEUED", {"user_id": 101}, None)
    assert UUID(job["id"]).version == 7
    assert response.headers["Location"] == f"/api/jobs/{job['id']}"
    assert "X-Request-Id" in response.headers


def test_a_submitted_job_can_be_read_and_listed(api: Api) -> None:
    submitted = api.post("/jobs", {"job_type": "echo", "payload": [1]}).json_body

    shown = api.get(f"/jobs/{submitted['id']}")
    listed = api.get("/jobs")

    assert shown.json_body == submitted
    assert [job["id"] for job in listed.json_body] == [submitted["id"]]
    assert "errors" not in listed.json_body[0]


def test_every_option_of_a_submit_is_kept(api: Api) -> None:
    options = {
        "queue": "mail",
        "priority": -5,
        "max_attempts": 7,
        "timeout_seconds": 9.5,
        "tags": ["a", "ü"],
        "run_at": "2036-01-02T03:04:05.678+01:00",
    }

    job = api.post("/jobs", {"job_type": "echo", **options}).json_body

    assert {name: job[name] for name in options} == {**options, "run_at": "2036-01-02T02:04:05.678Z"}
    assert job["status"] == "SCHEDULED"


@pytest.mark.parametrize(
    ("body", "status", "code", "path"),
    [
        (b"", 400, "malformed_json", None),
        (b"{", 400, "malformed_json", None),
        (b"\xff", 400, "malformed_json", None),
        (b'{"job_type":' + b"[" * 100_000, 400, "malformed_json", None),
        (b"[]", 422, "invalid_input", "$"),
        ({}, 422, "invalid_input", "$"),
        ({"job_type": 1}, 422, "invalid_input", "$.job_type"),
        ({"job_type": "nope"}, 422, "unknown_job_type", "$.job_type"),
        ({"job_type": "sleep", "payload": {"seconds": "1"}}, 422, "invalid_payload", "$.payload.seconds"),
        ({"job_type": "sleep", "payload": {}}, 422, "invalid_payload", "$.payload"),
        ({"job_type": "sleep", "payload": {"seconds": 1, "x": 1}}, 422, "invalid_payload", "$.payload"),
        ({"job_type": "echo", "unknown": 1}, 422, "invalid_input", "$"),
        ({"job_type": "echo", "priority": 101}, 422, "invalid_input", "$.priority"),
        ({"job_type": "echo", "queue": "a\n"}, 422, "invalid_input", "$.queue"),
        ({"job_type": "echo", "queue": "a b"}, 422, "invalid_input", "$.queue"),
        ({"job_type": "echo", "run_at": "tomorrow"}, 422, "invalid_input", "$.run_at"),
        ({"job_type": "echo", "run_at": "2026-01-01T00:00:00"}, 422, "invalid_input", "$.run_at"),
        ({"job_type": "echo", "run_at": "0001-01-01T00:00:00+23:59"}, 422, "invalid_input", "$.run_at"),
        ({"job_type": "echo", "run_at": "9999-12-31T23:59:59-23:59"}, 422, "invalid_input", "$.run_at"),
        ({"job_type": "echo", "max_attempts": 0}, 422, "invalid_input", "$.max_attempts"),
        ({"job_type": "echo", "timeout_seconds": 0}, 422, "invalid_input", "$.timeout_seconds"),
        ({"job_type": "echo", "delay_seconds": -1}, 422, "invalid_input", "$.delay_seconds"),
        ({"job_type": "echo", "tags": ["a"] * 51}, 422, "invalid_input", "$.tags"),
        ({"job_type": "echo", "tags": ["é" * 100] * 21}, 422, "invalid_input", "$.tags"),
        ({"job_type": "echo", "tags": ["a\u0000"]}, 422, "invalid_input", "$.tags[0]"),
        ({"job_type": "echo", "payload": "a\u0000b"}, 422, "invalid_input", "$.payload"),
        (b'{"job_type":"echo","payload":"\\ud800"}', 400, "malformed_json", None),
        (b'{"job_type":"process_data","payload":{"x":"\\ud800"}}', 400, "malformed_json", None),
        (b'{"job_type":"echo","payload":NaN}', 400, "malformed_json", None),
        (b'{"job_type":"echo","payload":' + b"[" * 1000 + b"]" * 1000 + b"}", 400, "malformed_json", None),
        (b'{"job_type":"process_data","payload":{"x":1e999999}}', 422, "invalid_input", "$.payload"),
        ({"job_type": "echo", "payload": "x" * (256 * 1024)}, 413, "too_large", None),
        (b" " * (5 * 1024 * 1024 + 1), 413, "too_large", None),
    ],
)
def test_a_bad_submit_is_told_what_is_wrong_and_writes_nothing(
    api: Api, body: object, status: int, code: str, path: str | None
) -> None:
    response = api.post("/jobs", body)

    document = problem(response)
    assert (response.status_code, document["code"]) == (status, code)
    assert [fault["path"] for fault in document.get("errors", [])] == ([path] if path else [])
    assert api.get("/jobs").json_body == []


def test_an_unknown_job_type_names_the_known_ones(api: Api) -> None:
    assert "process_data" in problem(api.post("/jobs", {"job_type": "nope"}))["detail"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/jobs/not-an-id", 422, "invalid_input"),
        ("/jobs/01a216ea-cf95-7645-825d-3ba395f8f758", 404, "job_not_found"),
        ("/jobs?status=DONE", 422, "invalid_input"),
        ("/jobs?statu=FAILED", 422, "invalid_input"),
        ("/jobs?limit=0", 422, "invalid_input"),
        ("/jobs?limit=1001", 422, "invalid_input"),
        ("/jobs?limit=00000000199999", 422, "invalid_input"),
        ("/jobs?limit=000000001" + "0" * 5000, 422, "invalid_input"),
        ("/jobs?limit=ten", 422, "invalid_input"),
        ("/jobs?limit=%C2%B2", 422, "invalid_input"),
        ("/jobs?cursor=x", 422, "invalid_input"),
        ("/jobs?queue=%00", 422, "invalid_input"),
    ],
)
def test_a_bad_read_is_told_what_is_wrong(api: Api, path: str, status: int, code: str) -> None:
    response = api.get(path)

    assert (response.status_code, problem(response)["code"]) == (status, code)


def test_pages_are_linked_until_the_last_one(api: Api) -> None:
    ids = [api.post("/jobs", {"job_type": "echo", "queue": "q"}).json_body["id"] for _ in range(5)]
    seen, path = [], "/jobs?limit=2&queue=q"
    while path:
        response = api.get(path)
        seen += [job["id"] for job in response.json_body]
        path = response.headers.get("Link", "").partition("<" + wire.BASE)[2].partition(">")[0]

    assert seen == ids[::-1]


def test_a_page_of_large_jobs_ends_early_and_is_linked(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE_BYTES", 10_000)
    ids = [api.post("/jobs", {"job_type": "echo", "payload": "x" * 4_000}).json_body["id"] for _ in range(5)]

    first = api.get("/jobs?limit=5")
    second = api.get(first.headers["Link"].partition("<" + wire.BASE)[2].partition(">")[0])

    assert [job["id"] for job in first.json_body] == ids[:2:-1]
    assert [job["id"] for job in second.json_body] == ids[2:0:-1]


def test_an_escaped_backslash_is_not_taken_for_nul(api: Api) -> None:
    job = api.post("/jobs", {"job_type": "echo", "payload": "\\u0000"}).json_body

    assert job["payload"] == "\\u0000"


def test_chalices_own_refusals_are_problem_documents_too(client: Client, api: Api) -> None:
    assert problem(api.post("/jobs", b"x", **{"Content-Type": "text/plain"}))["code"] == "unsupported_media_type"
    assert problem(client.http.delete("/jobs"))["code"] == "method_not_allowed"


def test_chalices_own_refusals_leave_a_line_too(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    api.post("/jobs", b"x", **{"Content-Type": "text/plain"})

    assert [(vars(record)["status"], vars(record)["path"]) for record in caplog.records] == [(415, "/jobs")]


def test_an_unexpected_fault_is_a_problem_without_details(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resources, "lists", lambda: 1 / 0)

    response = api.get("/jobs")

    assert response.status_code == 500
    assert "ZeroDivision" not in str(problem(response))


def test_a_submit_while_postgres_is_away_is_told_to_come_back(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("secret address")

    monkeypatch.setattr(resources.scheduler()._store, "insert", away)

    response = api.post("/jobs", {"job_type": "echo"})

    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert "secret" not in str(problem(response))


def test_a_submit_while_redis_is_away_is_accepted(api: Api, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.redis_link import RedisLink, connect

    away = RedisLink(connect("redis://127.0.0.1:1/0"))
    monkeypatch.setattr(resources.scheduler()._announcer, "_redis_link", away)

    response = api.post("/jobs", {"job_type": "echo"})

    assert response.status_code == 201
    assert world.store.get(UUID(response.json_body["id"])).attempt == 0


def test_health_readiness_and_index(api: Api) -> None:
    assert api.get("/").json_body == {"status": "ok"}
    assert api.get("/health").json_body == {"status": "ok"}
    assert api.get("/ready").json_body == {
        "status": "ready",
        "checks": {"postgres": "ok", "redis": "ok"},
        "auth": "off",
    }


def test_readiness_says_what_is_missing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources.migrations(), "missing", lambda: ["9999.later"])

    response = api.get("/ready")

    assert response.status_code == 503
    assert response.json_body["checks"]["postgres"] == "lacks migrations: 9999.later"


def test_job_types_bring_their_schemas(api: Api) -> None:
    types = {each["name"]: each for each in api.get("/job-types").json_body}

    assert {"process_data", "fail_job", "sleep", "echo"} <= types.keys()
    assert types["sleep"]["schema"]["$defs"]["Sleep"]["properties"]["seconds"]["type"] == "number"
    assert types["process_data"]["description"]


def test_a_job_type_tells_all_that_a_submit_may_leave_out(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    class Mail(msgspec.Struct):
        to: Annotated[str, msgspec.Meta(pattern=r"^[^@]+@example\.com\Z")]

    handlers = Registry()

    @job(
        "mail",
        timeout=timedelta(seconds=90),
        max_attempts=7,
        backoff=Fixed(seconds=5),
        isolation="process",
        into=handlers,
    )
    def mail(payload: Any, context: JobContext) -> None:
        """Send a mail.

        Once.
        """

    mailing = msgspec.structs.replace(handlers.get("mail"), payload_type=Mail)
    monkeypatch.setitem(registry._types, "mail", mailing)

    types = {each["name"]: each for each in api.get("/job-types").json_body}
    submitted = api.post("/jobs", {"job_type": "mail", "payload": {"to": "a@example.com"}}).json_body

    schema = types["mail"].pop("schema")
    assert schema["$defs"]["Mail"]["properties"]["to"]["pattern"] == r"^[^@]+@example\.com$"
    assert types["mail"] == {
        "name": "mail",
        "description": "Send a mail.\n\nOnce.",
        "queue": "default",
        "priority": 0,
        "max_attempts": 7,
        "timeout_seconds": 90.0,
        "backoff": {"type": "fixed", "seconds": 5.0},
        "isolation": "process",
    }
    shared = submitted.keys() & types["mail"].keys()
    assert {name: types["mail"][name] for name in shared} == {name: submitted[name] for name in shared}
    assert len(shared) == 4


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=12,
)
field_names = st.sampled_from(
    ["job_type", "payload", "queue", "priority", "run_at", "delay_seconds", "max_attempts", "timeout_seconds", "tags"]
)
job_types = st.sampled_from(["echo", "sleep", "process_data", "fail_job"])
submits = st.dictionaries(field_names, json_values, max_size=6) | st.builds(
    lambda kind, rest: {**rest, "job_type": kind}, job_types, st.dictionaries(field_names, json_values, max_size=4)
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=submits)
def test_no_submit_is_answered_with_a_fault_of_ours(api: Api, body: dict[str, Any]) -> None:
    response = api.post("/jobs", body)

    assert response.status_code in {201, 400, 413, 422}
    if response.status_code == 201:
        assert api.get(f"/jobs/{response.json_body['id']}").json_body == response.json_body


def test_a_job_is_cancelled_and_revived(api: Api) -> None:
    job = api.post("/jobs", {"job_type": "echo", "delay_seconds": 3600}).json_body

    cancelled = api.post(f"/jobs/{job['id']}/cancel", b"")
    again = api.post(f"/jobs/{job['id']}/cancel", b"")
    revived = api.post(f"/jobs/{job['id']}/revive", b"")

    assert (cancelled.status_code, cancelled.json_body["status"]) == (200, "CANCELLED")
    assert cancelled.json_body["cancel_requested_at"] is not None
    assert (again.status_code, again.json_body["code"]) == (409, "illegal_move")
    assert (revived.status_code, revived.json_body["status"]) == (200, "QUEUED")


@pytest.mark.parametrize("act", ["cancel", "revive"])
def test_what_does_not_exist_cannot_be_acted_on(api: Api, act: str) -> None:
    assert api.post(f"/jobs/{uuid4()}/{act}", b"").status_code == 404


@pytest.mark.parametrize(
    ("backoff", "status"),
    [
        ({"type": "fixed", "seconds": 5}, 201),
        ({"type": "linear", "step": 5, "cap": 60}, 201),
        ({"type": "exponential", "base": 0.5}, 201),
        ({"type": "fixed", "seconds": -1}, 422),
        ({"type": "fixed"}, 422),
        ({"type": "random"}, 422),
        ({"type": "fixed", "seconds": 5, "cap": 1}, 422),
        ({"type": "linear", "step": 1e9}, 422),
    ],
)
def test_a_submit_may_bring_its_own_backoff(api: Api, backoff: dict[str, Any], status: int) -> None:
    response = api.post("/jobs", {"job_type": "echo", "backoff": backoff})

    assert response.status_code == status
    if status == 422:
        assert response.json_body["errors"][0]["path"].startswith("$.backoff")


@pytest.mark.parametrize(
    ("limits", "path"),
    [
        ({"rate_limit": 0}, "$.rate_limit"),
        ({"rate_limit": {"jobs": 0.5, "per_seconds": 60}}, "$.rate_limit.jobs"),
        ({"rate_limit_per_key": {"jobs": 1, "per_seconds": 32 * 86_400}}, "$.rate_limit_per_key.per_seconds"),
        ({"max_running": -1}, "$.max_running"),
        ({"weight": 0}, "$.weight"),
        ({"wait": 1}, "$"),
    ],
)
def test_a_bad_limit_is_told_what_is_wrong_and_sets_nothing(api: Api, limits: dict[str, Any], path: str) -> None:
    answer = api.call("PUT", "/queues/mail", json.dumps({"max_running": 3} | limits).encode())

    assert (answer.status_code, [fault["path"] for fault in answer.json_body["errors"]]) == (422, [path])
    assert api.get("/queues").json_body == []


@pytest.mark.parametrize(("said", "jobs", "per_seconds"), [(2.5, 2.5, 1), (0.25, 1, 4), (1e-6, 1, 1e6)])
def test_a_rate_is_shown_as_it_may_be_set(api: Api, said: float, jobs: float, per_seconds: float) -> None:
    shown = api.call("PUT", "/queues/mail", json.dumps({"rate_limit": said}).encode()).json_body["rate_limit"]

    assert (shown["jobs"], shown["per_seconds"]) == pytest.approx((jobs, per_seconds))
    assert api.call("PUT", "/queues/mail", json.dumps({"rate_limit": shown}).encode()).status_code == 200
