from __future__ import annotations

import time
import tomllib
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import redis

from chalicelib.hand import Hand
from chalicelib.presence import Presence
from chalicelib.settings import VERSION
from chalicelib.workers import Form, Workers
from infra.local.services import ROOT
from tests.integration.conftest import World
from tests.samples import an_attempt


@pytest.fixture
def workers(cache: redis.Redis) -> Workers:
    return Workers(cache)


def a_presence(workers: Workers, form: Form = "container", hand: Hand | None = None, name: str = "w") -> Presence:
    return Presence(workers=workers, hand=hand or Hand(4), worker_id=name, form=form, host="h", pid=7)


def age(cache: redis.Redis, by: timedelta, name: str = "w") -> None:
    cache.zincrby("{workers}:seen", -by.total_seconds() * 1000, name)


def alive(world: World) -> int:
    batch = world.link.batch()
    world.workers.count(batch)
    (count,) = batch.send()
    return int(count)


def test_a_worker_reports_who_it_is_and_what_it_runs(workers: Workers) -> None:
    hand = Hand(4)
    held = [an_attempt() for _ in range(103)]
    hand.add(held)
    for attempt in held[:102]:
        attempt.began_at = time.monotonic()

    a_presence(workers, "lambda", hand).show()

    (report,) = workers.all()
    assert (report.id, report.form, report.host, report.pid) == ("w", "lambda", "h", 7)
    assert (report.version, report.concurrency, report.running_count) == (VERSION, 4, 102)
    assert len(report.running) == 100
    assert {*report.running} < {attempt.job_id for attempt in held[:102]}
    assert report.started_at <= report.seen_at + timedelta(seconds=1)
    assert datetime.now(UTC) - report.seen_at < timedelta(minutes=1)


def test_nobody_relies_on_a_worker_that_leaves_queues_to_others(world: World) -> None:
    hand = Hand(4)
    Presence(workers=world.workers, hand=hand, worker_id="w", form="container", host="h", pid=7, only=["mail"]).show()

    assert alive(world) == 0
    assert [report.queues for report in world.workers.all()] == [["mail"]]


def test_only_a_container_is_one_that_submits_rely_on(world: World) -> None:
    forms: list[Form] = ["lambda", "container"]
    for form in forms:
        a_presence(world.workers, form, name=form).show()

    assert alive(world) == 1
    assert [report.form for report in world.workers.all()] == ["lambda", "container"]


def test_a_worker_that_leaves_is_not_there_any_more(world: World) -> None:
    presence = a_presence(world.workers)
    presence.show()

    presence.leave()

    assert world.workers.all() == []
    assert alive(world) == 0
    assert world.cache.hlen("{workers}:reports") == 0


def test_a_killed_worker_is_seen_for_five_minutes(cache: redis.Redis, workers: Workers) -> None:
    a_presence(workers).show()
    age(cache, timedelta(minutes=4, seconds=58))
    (report,) = workers.all()
    assert datetime.now(UTC) - report.seen_at > timedelta(minutes=4)

    age(cache, timedelta(seconds=4))
    assert workers.all() == []

    a_presence(workers, name="another").show()
    assert [report.id for report in workers.all()] == ["another"]
    assert cache.hkeys("{workers}:reports") == [b"another"]


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert project["project"]["version"] == VERSION


def test_a_report_is_what_the_api_promises(workers: Workers) -> None:
    a_presence(workers).show()

    assert list(msgspec.to_builtins(workers.all()[0])) == [
        "id",
        "form",
        "host",
        "pid",
        "version",
        "concurrency",
        "started_at",
        "seen_at",
        "running",
        "running_count",
        "queues",
    ]
