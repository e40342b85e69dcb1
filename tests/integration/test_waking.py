from __future__ import annotations

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib.jobs import JobStatus
from tests.integration.conftest import World


def test_a_submit_that_finds_no_living_worker_wakes_one(world: World) -> None:
    world.submit()

    assert world.invoked == ["worker-function"]


def test_submits_in_quick_succession_wake_one_worker(world: World) -> None:
    for _ in range(5):
        world.submit()

    assert len(world.invoked) == 1


def test_what_is_submitted_after_the_woken_worker_looked_wakes_another(world: World) -> None:
    world.submit()
    world.waker.woken()
    world.submit()

    assert len(world.invoked) == 2


def test_a_living_worker_needs_no_waking_until_it_says_goodbye(world: World) -> None:
    world.workers.show_life("w")
    world.submit()
    assert world.invoked == []

    world.workers.say_goodbye("w")
    world.submit()
    assert len(world.invoked) == 1


def test_a_sign_of_life_does_not_last(world: World) -> None:
    world.workers.show_life("w")
    world.cache.zadd("workers", {"w": 1})  # as if it had been given long ago

    world.submit()

    assert len(world.invoked) == 1


def test_a_submit_is_accepted_though_the_worker_cannot_be_woken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(**call: str) -> None:
        raise EndpointConnectionError(endpoint_url="http://lambda")

    monkeypatch.setattr(world, "invoke", unreachable)
    submitted = world.submit()
    monkeypatch.undo()

    assert world.store.get(submitted.id).status is JobStatus.QUEUED
    world.submit()
    assert len(world.invoked) == 1
