"""Schedules as callers change, pause, count and audit them, and two who change one at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from chalicelib.schedule_forms import NamedDefinition, Preview
from chalicelib.schedules import NewSchedule
from chalicelib.store.database import Database
from chalicelib.store.schedules import ScheduleStore
from chalicelib.timetable import Timetable
from infra.local.services import Addresses
from tests.integration.calls import Api, problem
from tests.integration.conftest import World, a_scheduler, a_timetable
from tests.integration.schedules import DAY, ECHO, a_definition

# What is shown


def test_what_is_shown_can_be_put_back(api: Api) -> None:
    body = {"interval_seconds": 90, "starts_at": "2099-01-01T00:00:00.000Z", "catch_up": 7, "misfire": "run_all"}
    made = api.post("/schedules", {"name": "a", "job": {"job_type": "echo"}, **body}).json_body
    kept = (
        "cron",
        "interval_seconds",
        "at",
        "timezone",
        "starts_at",
        "ends_at",
        "job",
        "misfire",
        "overlap",
        "catch_up",
    )

    put = api.call("PUT", "/schedules/a", msgspec.json.encode({name: made[name] for name in kept})).json_body

    assert {name: made[name] for name in body} == body
    assert (made["next_run_at"], made["state"], made["source"]) == (body["starts_at"], "active", "api")
    assert {name: put[name] for name in (*kept, "next_run_at")} == {name: made[name] for name in (*kept, "next_run_at")}


def test_a_pause_says_why_and_by_whom(api: Api, timetable: Timetable) -> None:
    timetable.put("a", a_definition())

    paused = api.post("/schedules/a/pause", {"note": "the source is down"}).json_body
    again = api.post("/schedules/a/pause").json_body
    resumed = api.post("/schedules/a/resume").json_body

    assert (paused["state"], paused["paused_note"], paused["paused_by"]) == ("paused", "the source is down", "local")
    assert (again["paused_note"], again["version"]) == ("the source is down", paused["version"])
    assert (resumed["state"], resumed["paused_note"], resumed["paused_by"]) == ("active", None, None)
    assert problem(api.post("/schedules/a/pause", {"note": "x" * 501}))["status"] == 422
    assert problem(api.post("/schedules/a/pause", {"why": "x"}))["status"] == 422


def test_when_a_schedule_is_created_and_changed_the_audit_says_when_it_runs(api: Api) -> None:
    api.post("/schedules", {"name": "a", "interval_seconds": 60, "job": {"job_type": "echo"}})

    (entry,) = api.get("/audit").json_body

    assert entry["detail"] == {"name": "a", "interval_seconds": 60}


def test_schedules_are_in_the_metrics(api: Api, timetable: Timetable, conn: psycopg.Connection[Any]) -> None:
    timetable.put("a", a_definition())
    timetable.put("b", a_definition(paused=True))
    conn.execute("UPDATE schedules SET next_run_at = now() - interval '100 seconds' WHERE name = 'a'")

    told = api.get("/metrics").body.decode()

    assert 'jobscheduler_schedules{state="active"} 1.0' in told
    assert 'jobscheduler_schedules{state="paused"} 1.0' in told
    assert "jobscheduler_schedule_lateness_seconds 100." in told


def test_states_are_counted_and_a_time_that_is_over_has_no_preview(
    timetable: Timetable, schedules_of: ScheduleStore
) -> None:
    timetable.create(NamedDefinition(name="a", at=datetime.now(UTC) + DAY, job=ECHO))

    assert schedules_of.figures().counts == {"active": 1, "paused": 0, "ended": 0}
    assert timetable.preview(Preview(at=datetime.now(UTC) - DAY)) == []


# Several who change one


def test_a_schedule_that_is_changed_by_two_at_once_is_as_one_of_them_said(
    addresses: Addresses, world: World, timetable: Timetable
) -> None:
    databases = [Database(addresses.database_url) for _ in range(2)]
    start = threading.Barrier(2)

    def put(database: Database, seconds: int) -> int | None:
        start.wait(10)
        timetable = a_timetable(database, a_scheduler(database, world.cache, world.registry))
        return timetable.put("a", a_definition(interval_seconds=seconds)).rules.timing.interval_seconds

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(put, databases, [3600, 7200]))
    for database in databases:
        database.close()

    kept = timetable.get("a")
    assert kept.version in (1, 2)
    assert kept.next_run_at is not None
    seconds = kept.rules.timing.interval_seconds
    assert seconds is not None
    assert kept.next_run_at - kept.created_at.replace(microsecond=0) == timedelta(seconds=seconds)


def test_what_somebody_else_has_changed_is_neither_replaced_nor_deleted(
    timetable: Timetable, schedules_of: ScheduleStore
) -> None:
    """They are asked again: the next time was computed from what was seen."""
    seen = timetable.put("a", a_definition(interval_seconds=3600))
    changed = timetable.put("a", a_definition(interval_seconds=7200))
    mine = NewSchedule(
        name="a", rules=seen.rules, paused=False, created_at=seen.created_at, next_run_at=seen.next_run_at
    )

    assert not schedules_of.replace(seen, mine)
    assert not schedules_of.delete(seen)
    assert timetable.get("a") == changed
    assert schedules_of.replace(changed, mine)


@pytest.fixture
def schedules_of(database: Database) -> ScheduleStore:
    return ScheduleStore(database)
