"""What operators set of a queue for submits that do not say otherwise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from chalicelib.flow import Flow
from chalicelib.jobs import NewJob, Terms
from chalicelib.members import member
from chalicelib.queue_settings import QueueChange
from chalicelib.store.database import Database
from chalicelib.store.jobs import JobStore
from tests.integration.calls import Api
from tests.integration.conftest import World, a_flow, a_job

SUBMITTED = {"priority": 7, "max_attempts": 8, "timeout_seconds": 9.5}
OF_QUEUE: dict[str, Any] = {"default_priority": -4, "default_max_attempts": 5, "default_timeout_seconds": 6.5}
OF_TYPE = Terms(1, 2, 3.5)


@pytest.fixture
def flow(world: World, database: Database) -> Flow:
    return a_flow(database, world.cache)


def terms_of(values: Any) -> tuple[int, int, float]:
    return values.priority, values.max_attempts, values.timeout_seconds


def expected(submitted: Mapping[str, Any], of_queue: Mapping[str, Any]) -> tuple[int, int, float]:
    """Submission, else queue, else job type."""
    of_type = msgspec.structs.asdict(OF_TYPE)
    return terms_of(
        Terms(*(submitted.get(name, of_queue.get(f"default_{name}", other)) for name, other in of_type.items()))
    )


@pytest.mark.parametrize("said", [(), ("priority",), ("max_attempts",), ("timeout_seconds",), tuple(SUBMITTED)])
@pytest.mark.parametrize(
    "of_queue", [None, {}, OF_QUEUE, *({name: value} for name, value in OF_QUEUE.items()), {"default_priority": 0}]
)
def test_the_first_that_says_something_is_obeyed_alone_and_among_many(
    store: JobStore, flow: Flow, said: tuple[str, ...], of_queue: dict[str, Any] | None
) -> None:
    if of_queue is not None:
        flow.change("mail", QueueChange(paused=True, **of_queue))
    submitted = {name: SUBMITTED[name] for name in said}

    def asked(**fields: Any) -> NewJob:
        return a_job(queue="mail", otherwise=OF_TYPE, **fields)

    (alone,) = store.insert([asked(**submitted)])
    said_all, among, elsewhere = store.insert(
        [asked(**SUBMITTED), asked(**submitted), a_job(queue="other", otherwise=OF_TYPE)]
    )

    wanted = expected(submitted, of_queue or {})
    assert terms_of(alone) == terms_of(store.get(alone.id)) == wanted
    assert terms_of(among) == terms_of(store.get(among.id)) == wanted
    assert terms_of(said_all) == expected(SUBMITTED, {})
    assert terms_of(elsewhere) == terms_of(OF_TYPE)
    assert terms_of(store.terms(asked(**submitted))) == wanted


def test_a_submit_over_http_is_answered_with_what_holds(api: Api, flow: Flow) -> None:
    flow.change("mail", QueueChange(**OF_QUEUE))

    job = api.post("/jobs", {"job_type": "echo", "queue": "mail"}).json_body
    zero = api.post("/jobs", {"job_type": "echo", "queue": "mail", "priority": 0}).json_body
    (batched,) = api.post("/jobs/batch", {"jobs": [{"job_type": "echo", "queue": "mail"}]}).json_body["ids"]

    assert (job["priority"], job["max_attempts"], job["timeout_seconds"]) == (-4, 5, 6.5)
    assert zero["priority"] == 0
    shown = api.get(f"/jobs/{batched}").json_body
    assert (shown["priority"], shown["max_attempts"], shown["timeout_seconds"]) == (-4, 5, 6.5)


def test_a_queues_priority_ranks_its_jobs(world: World, flow: Flow) -> None:
    first = world.submit(priority=50)
    flow.change("default", QueueChange(default_priority=100))
    urgent = world.submit()

    taken = world.queues.take({"default": 10}, timedelta(seconds=30)).looks["default"]

    assert taken.members == [member(urgent), member(first)]


def test_a_change_of_defaults_is_obeyed_at_once_and_leaves_what_was_submitted(world: World, flow: Flow) -> None:
    before = world.submit(queue="mail")
    flow.change("mail", QueueChange(default_max_attempts=9))
    after = world.submit(queue="mail")
    flow.change("mail", QueueChange(default_max_attempts=None))

    assert (world.store.get(before.id).max_attempts, after.max_attempts, world.submit(queue="mail").max_attempts) == (
        3,
        9,
        3,
    )


def test_a_copy_keeps_what_its_job_had(world: World, flow: Flow) -> None:
    job = world.submit(queue="mail")
    flow.change("mail", QueueChange(**OF_QUEUE))

    assert terms_of(world.scheduler.copy(job.id)) == terms_of(job)


def test_a_submit_once_is_asked_on_the_queues_terms_too(api: Api, flow: Flow) -> None:
    flow.change("mail", QueueChange(default_priority=5))

    answers = [api.post("/jobs", {"job_type": "echo", "queue": "mail"}, **{"Idempotency-Key": "k"}) for _ in range(2)]

    assert [(each.status_code, each.json_body["priority"]) for each in answers] == [(201, 5), (200, 5)]


def test_a_schedules_job_gets_its_queues_defaults_when_the_schedule_is_saved(api: Api, flow: Flow) -> None:
    flow.change("mail", QueueChange(**OF_QUEUE))
    template = {"job_type": "echo", "queue": "mail", "max_attempts": 2}
    made = api.post("/schedules", {"name": "nightly", "cron": "@daily", "job": template})
    assert made.status_code == 201
    flow.change("mail", QueueChange(default_priority=99))

    job = api.post("/schedules/nightly/run").json_body

    assert (job["priority"], job["max_attempts"], job["timeout_seconds"]) == (-4, 2, 6.5)
    again = api.call("PUT", "/schedules/nightly", json.dumps({"cron": "@daily", "job": template}).encode())
    assert again.json_body["job"]["priority"] == 99
