"""What may depend on what, in submits and on the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest
from uuid_utils.compat import uuid7

from chalicelib.errors import InvalidBatch, InvalidInput, UnknownDependency
from chalicelib.jobs import JobStatus
from chalicelib.store.dependencies import SHOWN
from chalicelib.submissions import MOST_DEPENDENCIES, Submission
from chalicelib.uniqueness import Unique
from tests.integration.calls import Api
from tests.integration.conftest import World
from tests.integration.dependents import end, waiting

Conn = psycopg.Connection[Any]
BLOCKED, QUEUED, RUNNING, COMPLETED, FAILED, CANCELLED = JobStatus


def test_jobs_of_a_batch_depend_on_earlier_ones_by_their_places(world: World) -> None:
    old = world.submit()
    (first, second, third), _ = world.scheduler.submit_batch(
        [
            msgspec.Raw(msgspec.json.encode(each))
            for each in (
                {"job_type": "echo"},
                {"job_type": "echo", "depends_on": [0]},
                {"job_type": "echo", "depends_on": [0, 1, str(old.id), 1]},
            )
        ]
    )

    rows = {row.id: row for row in world.store.find([first, second, third])}
    assert [rows[each].status for each in (first, second, third)] == [QUEUED, BLOCKED, BLOCKED]
    assert [rows[each].has_dependents for each in (first, second, third)] == [True, True, False]
    assert rows[third].depends_on == [first, second, old.id]
    world.run_due()
    assert {row.status for row in world.store.find([first, second, third])} == {COMPLETED}


@pytest.mark.parametrize("place", [0, 1, 7])
def test_no_job_of_a_batch_depends_on_itself_or_a_later_one(world: World, conn: Conn, place: int) -> None:
    with pytest.raises(InvalidBatch) as refused:
        world.scheduler.submit_batch([msgspec.Raw(msgspec.json.encode({"job_type": "echo", "depends_on": [place]}))])

    assert refused.value.faults[0][0] == "$.jobs[0].depends_on[0]"
    assert conn.execute("SELECT count(*) FROM jobs").fetchone() == (0,)


def test_a_single_job_has_no_places(world: World) -> None:
    with pytest.raises(InvalidInput) as refused:
        world.scheduler.submit([Submission(job_type="echo", depends_on=[0])])

    assert refused.value.path == "$.depends_on[0]"


def test_a_job_that_does_not_exist_cannot_be_waited_for(world: World, conn: Conn) -> None:
    first, nobody = world.submit(), uuid7()

    with pytest.raises(UnknownDependency) as refused:
        world.scheduler.submit_once(Submission(job_type="echo", depends_on=[first.id, nobody]))

    assert refused.value.faults == [("$.depends_on", f"there is no job {nobody}")]
    assert conn.execute("SELECT count(*), bool_or(has_dependents) FROM jobs").fetchone() == (1, False)
    assert conn.execute("SELECT count(*) FROM job_dependents").fetchone() == (0,)


def test_of_a_batch_each_stranger_is_told_with_its_place(world: World, conn: Conn) -> None:
    nobody = uuid7()
    asked = [{"job_type": "echo"}, {"job_type": "echo", "depends_on": [str(nobody)]}]

    with pytest.raises(UnknownDependency) as refused:
        world.scheduler.submit_batch([msgspec.Raw(msgspec.json.encode(each)) for each in asked])

    assert refused.value.faults == [("$.jobs[1].depends_on", f"there is no job {nobody}")]
    assert conn.execute("SELECT count(*) FROM jobs").fetchone() == (0,)


def test_a_job_that_another_stands_for_is_waited_for_there(world: World) -> None:
    holder = world.submit(unique=Unique(key="k"))
    asked = [{"job_type": "echo", "unique": {"key": "k"}}, {"job_type": "echo", "depends_on": [0]}]

    (stand_in, second), _ = world.scheduler.submit_batch([msgspec.Raw(msgspec.json.encode(each)) for each in asked])

    assert stand_in == holder.id
    assert world.store.get(second).depends_on == [holder.id]
    end(world, holder)
    assert world.store.get(second).status is QUEUED


def test_a_repeated_submit_gets_the_first_ones_job(api: Api, world: World) -> None:
    first = world.submit()
    body = {"job_type": "echo", "depends_on": [str(first.id)]}

    answers = [api.post("/jobs", body, **{"Idempotency-Key": "once"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json_body["id"] == answers[1].json_body["id"]
    assert answers[0].json_body["status"] == "BLOCKED"


def test_the_api_shows_who_waits_for_whom(api: Api, world: World, conn: Conn) -> None:
    gone, first = world.submit(), world.submit("echo", run_at=datetime.now(UTC) + timedelta(hours=1))
    second = waiting(world, gone, first)
    third = waiting(world, second)
    conn.execute("DELETE FROM jobs WHERE id = %s", [gone.id])

    shown = api.get(f"/jobs/{second.id}/dependencies").json_body

    assert shown == {
        "depends_on": [
            {"id": str(gone.id), "job_type": None, "status": None},
            {"id": str(first.id), "job_type": "echo", "status": "SCHEDULED"},
        ],
        "dependents": [{"id": str(third.id), "job_type": "echo", "status": "BLOCKED"}],
        "more": False,
    }
    job_view = api.get(f"/jobs/{second.id}").json_body
    assert job_view["depends_on"] == [str(gone.id), str(first.id)]
    assert "depends_on" not in api.get(f"/jobs/{first.id}").json_body


def test_the_api_says_where_it_shows_not_all(api: Api, world: World) -> None:
    first = world.submit()
    asked = [Submission(job_type="echo", depends_on=[first.id]) for _ in range(SHOWN + 1)]
    world.scheduler.submit(asked)

    shown = api.get(f"/jobs/{first.id}/dependencies").json_body

    assert (len(shown["dependents"]), shown["more"]) == (SHOWN, True)


def test_the_api_of_a_job_that_is_not_there(api: Api) -> None:
    assert api.get(f"/jobs/{uuid7()}/dependencies").json_body["code"] == "job_not_found"


def test_the_api_refuses_what_cannot_be_waited_for(api: Api, world: World) -> None:
    nobody = uuid7()
    for depends_on, code, path in (
        ([str(nobody)], "unknown_dependency", "$.depends_on"),
        ([0], "invalid_input", "$.depends_on[0]"),
        ([-1], "invalid_input", "$.depends_on[0]"),
        (["x"], "invalid_input", "$.depends_on[0]"),
        ([str(uuid7()) for _ in range(MOST_DEPENDENCIES + 1)], "invalid_input", "$.depends_on"),
    ):
        answer = api.post("/jobs", {"job_type": "echo", "depends_on": depends_on})
        assert (answer.status_code, answer.json_body["code"]) == (422, code)
        assert answer.json_body["errors"][0]["path"] == path


def test_a_job_that_may_change_another_depends_on_none(api: Api, world: World) -> None:
    unique = {"key": "k", "on_conflict": "replace"}

    answer = api.post("/jobs", {"job_type": "echo", "depends_on": [str(world.submit().id)], "unique": unique})

    assert (answer.status_code, answer.json_body["errors"][0]["path"]) == (422, "$.depends_on")


def test_a_schedules_jobs_depend_on_no_others(api: Api, world: World) -> None:
    job = {"job_type": "echo", "depends_on": [str(world.submit().id)]}

    answer = api.post("/schedules", {"name": "s", "interval_seconds": 60, "job": job})

    assert (answer.status_code, answer.json_body["errors"][0]["path"]) == (422, "$.job.depends_on")

    job = {"job_type": "echo", "if_dependency_fails": "run"}
    answer = api.post("/schedules", {"name": "s", "interval_seconds": 60, "job": job})
    assert (answer.status_code, answer.json_body["errors"][0]["path"]) == (422, "$.job.if_dependency_fails")
