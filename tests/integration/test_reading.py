"""One job, read again and again: ETags, long polls, and only some of its fields."""

from __future__ import annotations

import threading
import time

import jsonschema_rs
import msgspec
import pytest
from uuid_utils.compat import uuid7

from chalicelib import examples, resources
from chalicelib.jobs import LEASE
from chalicelib.patience import patiently
from chalicelib.views import JobView
from tests.integration.calls import Api, problem
from tests.integration.conftest import FOREVER, World


def test_a_job_that_did_not_change_is_not_sent_again(api: Api, world: World) -> None:
    job = world.submit()
    etag = api.get(f"/jobs/{job.id}").headers["ETag"]

    same = api.get(f"/jobs/{job.id}", **{"If-None-Match": etag})
    world.run_due()
    changed = api.get(f"/jobs/{job.id}", **{"If-None-Match": f'"other", W/{etag}'})

    assert (same.status_code, same.body, same.headers["ETag"]) == (304, b"", etag)
    assert (changed.status_code, changed.json_body["status"]) == (200, "COMPLETED")
    assert changed.headers["ETag"] != etag


def test_an_etag_is_of_what_is_shown(api: Api, world: World) -> None:
    """A job that comes due moves without a new version."""
    job = world.submit(delay_seconds=0.05)
    scheduled = api.get(f"/jobs/{job.id}")

    later = api.get(f"/jobs/{job.id}?wait=5", **{"If-None-Match": scheduled.headers["ETag"]})

    assert (scheduled.json_body["status"], later.json_body["status"]) == ("SCHEDULED", "QUEUED")
    assert api.get(f"/jobs/{job.id}?fields=id").headers["ETag"] != later.headers["ETag"]


def test_a_long_poll_answers_when_the_job_is_final(api: Api, world: World) -> None:
    job = world.submit()
    worker = threading.Timer(0.2, world.run_due)
    worker.start()

    began = time.monotonic()
    answer = api.get(f"/jobs/{job.id}?wait=20")
    took = time.monotonic() - began
    worker.join()

    assert answer.json_body["status"] == "COMPLETED"
    assert 0.1 < took < 15


def test_a_long_poll_ends_after_the_time_it_was_given(api: Api, world: World) -> None:
    job = world.submit()

    assert api.get(f"/jobs/{job.id}?wait=0.1").json_body["status"] == "QUEUED"


def test_a_long_poll_with_an_etag_answers_at_the_next_change(api: Api, world: World) -> None:
    job = world.submit()
    etag = api.get(f"/jobs/{job.id}").headers["ETag"]
    claim = threading.Timer(0.1, lambda: world.attempts.claim([job.raw_id], "w", LEASE, FOREVER))
    claim.start()

    answer = api.get(f"/jobs/{job.id}?wait=20", **{"If-None-Match": etag})
    claim.join()

    assert answer.json_body["status"] == "RUNNING"


def test_only_the_fields_that_were_asked_for_are_sent(api: Api, world: World) -> None:
    job = world.submit(payload={"large": "x" * 5_000})

    shown = api.get(f"/jobs/{job.id}?fields=status,id").json_body
    (listed,) = api.get("/jobs?fields=id,payload,omitted").json_body
    (whole,) = api.get("/jobs?include=payload,result").json_body
    (bare,) = api.get("/jobs?exclude=payload,result").json_body

    assert shown == {"id": str(job.id), "status": "QUEUED"}
    assert listed == {"id": str(job.id), "payload": None, "omitted": ["payload"]}
    assert whole["payload"] == {"large": "x" * 5_000}
    assert (bare["payload"], bare.get("omitted")) == (None, None)


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/jobs/{}?wait=21", "wait"),
        ("/jobs/{}?wait=-1", "wait"),
        ("/jobs/{}?wait=nan", "wait"),
        ("/jobs/{}?wait=inf", "wait"),
        ("/jobs/{}?fields=secret", "fields"),
        ("/jobs/{}?fields=", "fields"),
        ("/jobs?include=errors", "include"),
        ("/jobs?tag=%00", "tag"),
        ("/jobs?tag=a&tag=b", "tag"),
        ("/jobs?id=", "id"),
        ("/jobs?id=-", "id"),
        ("/jobs?id=0--1", "id"),
        ("/jobs?id=g", "id"),
        ("/jobs?id=" + "0" * 33, "id"),
        ("/jobs?id=%200", "id"),
        ("/jobs?id=%D9%A1", "id"),
        ("/jobs?created_after=yesterday", "created_after"),
        ("/jobs?created_after=2026-01-01T00:00:00", "created_after"),
        ("/jobs?queue=a%0d%0aSet-Cookie:x", "queue"),
        ("/job-types?x=1", "query"),
        ("/audit?action=a%20b", "action"),
        ("/audit?actor=", "actor"),
        ("/audit?actor=%00", "actor"),
        ("/audit?since=1", "since"),
        ("/audit?until=2026-01-01", "until"),
        ("/audit?caller=x", "query"),
        ("/stats?step_minutes=0", "step_minutes"),
        ("/stats?step_minutes=1441", "step_minutes"),
        ("/stats?step_minutes=1.5", "step_minutes"),
        ("/stats?minutes=10081", "minutes"),
    ],
)
def test_a_bad_parameter_is_named(api: Api, world: World, path: str, fault: str) -> None:
    answer = api.get(path.format(world.submit().id))

    assert (answer.status_code, problem(answer)["errors"][0]["path"]) == (422, fault)


def test_every_time_may_be_asked_for(api: Api, world: World) -> None:
    world.submit()

    for moment in (
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00%2B23:59",
        "2026-01-01T00:00:00-12:00",
    ):
        assert api.get(f"/jobs?created_after={moment}").status_code == 200
        assert api.get(f"/jobs?created_before={moment}").status_code == 200


def test_a_link_keeps_the_filter_and_cannot_be_broken_out_of(api: Api, world: World) -> None:
    for _ in range(3):
        world.submit(tags=['a>; rel="next", <http://evil'])

    answer = api.get("/jobs?limit=2&tag=a%3E%3B%20rel%3D%22next%22%2C%20%3Chttp%3A%2F%2Fevil")

    link = answer.headers["Link"]
    assert link.count("<") == link.count(">") == 1
    assert len(api.get(link.partition("</api")[2].partition(">")[0]).json_body) == 1


def test_asking_patiently_gives_the_last_answer_when_time_is_over() -> None:
    from datetime import timedelta

    answers = iter(range(1_000))

    assert patiently(lambda: next(answers), lambda answer: answer == 3, timedelta(seconds=20)) == 3
    assert patiently(lambda: next(answers), lambda _: False, timedelta(0)) == 4


def test_the_description_names_every_route_with_its_errors_and_security(api: Api) -> None:
    import app

    described = msgspec.json.decode(api.get("/openapi.json").body)

    operations = {
        (method.upper(), path): operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }
    served = {(method, path) for path, methods in app.app.routes.items() for method in methods}
    assert operations.keys() == served
    for route in app.routes.table:
        operation = operations[route.method, route.path]
        assert operation["summary"]
        assert bool(operation["security"]) == (route.role is not None)
        assert {"422", "500", "503"} <= operation["responses"].keys() or route.name == "ready"
        assert ("401" in operation["responses"]) == (route.role is not None)
    assert resources.settings().auth_is_on is False


def test_only_a_batch_is_described_to_name_places(api: Api) -> None:
    described = msgspec.json.decode(api.get("/openapi.json").body)
    by_place, by_id = ({"job_type": "echo", "payload": 1, "depends_on": [each]} for each in (0, str(uuid7())))

    def is_valid(component: str, body: object) -> bool:
        schema = {"$ref": f"#/components/schemas/{component}", "components": described["components"]}
        return jsonschema_rs.is_valid(schema, body)

    assert is_valid("Batch", {"jobs": [by_id, by_place]})
    assert is_valid("Submission", by_id)
    assert not is_valid("Submission", by_place)


def test_examples_are_what_would_be_taken_and_answered() -> None:
    import app

    shapes = {route.name: route.gives for route in app.routes.table}
    for job in (examples.JOB, examples.ANSWERS["show_job"]):
        assert {*msgspec.to_builtins(job)} == {*JobView.__struct_fields__} - {
            "omitted",
            "depends_on",
            "if_dependency_fails",
        }
    for name in examples.ANSWERS.keys() - {"show_job"}:
        encoded = msgspec.json.encode(examples.ANSWERS[name])
        read = msgspec.json.decode(encoded, type=shapes[name])
        assert msgspec.json.decode(msgspec.json.encode(read)) == msgspec.json.decode(encoded)
    for shape, bodies in examples.BODIES.items():
        for body in bodies.values():
            msgspec.json.decode(msgspec.json.encode(body), type=shape)
