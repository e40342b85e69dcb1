"""Runs: what is told of them, which are forgotten, and that no time runs twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from chalicelib.errors import InvalidInput
from chalicelib.firing import Ticker
from chalicelib.schedule_forms import RunsQuery
from chalicelib.store.database import Database
from chalicelib.store.schedule_runs import RunStore
from chalicelib.timetable import Timetable
from tests.integration.calls import Api
from tests.integration.conftest import World
from tests.integration.schedules import ECHO, HOUR, MIDNIGHT, a_definition, fill, jobs, make_due


@pytest.fixture
def runs(database: Database) -> RunStore:
    return RunStore(database)


# What is told


def test_runs_are_told_with_what_became_of_their_jobs(
    world: World, api: Api, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    timetable.put(
        "a", a_definition(cron="0 * * * *", job=msgspec.structs.replace(ECHO, job_type="fail", max_attempts=1))
    )
    fill(timetable, 3)
    world.run_due()
    gone = timetable.run_now("a")
    conn.execute("DELETE FROM jobs WHERE id = %s", [gone.id])

    told = api.get("/schedules/a/runs").json_body

    assert [(run["kind"], run["status"]) for run in told] == [("hand", None), *[("backfill", "FAILED")] * 3]
    assert told[1]["scheduled_for"] == "2026-01-01T02:00:00.000Z"
    assert told[1]["error"]
    assert told[1]["finished_at"]
    shown = api.get("/schedules/a").json_body
    assert shown["last_outcomes"] == [None, "FAILED", "FAILED", "FAILED"]
    assert (shown["last_job_id"], shown["last_run_at"]) == (str(gone.id), told[0]["scheduled_for"])


def test_runs_come_in_pages(api: Api, timetable: Timetable) -> None:
    timetable.put("a", a_definition(cron="0 * * * *"))
    fill(timetable, 5)
    seen, path = [], "/schedules/a/runs?limit=2"
    while path:
        answer = api.get(path)
        seen += [run["scheduled_for"][11:13] for run in answer.json_body]
        path = answer.headers.get("Link", "").partition(">")[0].removeprefix("</api")

    assert seen == ["04", "03", "02", "01", "00"]


# What is forgotten


def test_runs_are_forgotten_but_the_newest_and_their_times_are_never_run_again(
    world: World, timetable: Timetable, runs: RunStore, conn: psycopg.Connection[Any]
) -> None:
    timetable.put("a", a_definition(cron="0 * * * *"))
    fill(timetable, 5)

    assert runs.prune(keep=3) == 2

    kept, _ = timetable.runs("a", RunsQuery())
    assert [run.scheduled_for for run in kept] == [MIDNIGHT + n * HOUR for n in (4, 3, 2)]
    with pytest.raises(InvalidInput, match="not known any more"):
        fill(timetable, 5)
    assert fill(timetable, 5, from_=MIDNIGHT + HOUR + timedelta(seconds=1)).count == 0
    assert runs.prune(keep=3) == 0


def test_old_runs_are_forgotten_but_not_the_last_one(
    timetable: Timetable, runs: RunStore, conn: psycopg.Connection[Any]
) -> None:
    """Old is what was made long ago, not what was made for long ago."""
    timetable.put("a", a_definition(cron="0 * * * *"))
    fill(timetable, 4)
    assert runs.prune() == 0
    conn.execute("UPDATE schedule_runs SET job_id = '01900000-0000-7000-8000-000000000000'")

    assert runs.prune() == 3

    assert timetable.get("a").last_run_at == MIDNIGHT + 3 * HOUR


def test_runs_of_many_schedules_and_of_some_that_are_gone_are_pruned_page_by_page(
    timetable: Timetable, runs: RunStore, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.store.schedule_runs.PAGE", 2)
    for name in "abcde":
        timetable.put(name, a_definition())
        timetable.run_now(name)
        timetable.run_now(name)
    timetable.delete("c")

    assert runs.prune(keep=1) == 5
    assert runs.prune(keep=1) == 0


# Schedules that are made again


def test_forgotten_times_stay_forgotten_when_the_schedule_is_made_again(
    timetable: Timetable, runs: RunStore, conn: psycopg.Connection[Any]
) -> None:
    timetable.put("a", a_definition(cron="0 * * * *"))
    fill(timetable, 5)
    conn.execute(
        "UPDATE schedule_runs SET job_id = '01900000-0000-7000-8000-000000000000' WHERE run_at > %s", [MIDNIGHT]
    )
    timetable.delete("a")
    assert runs.prune() == 3  # and of those that are kept one is for an earlier time
    timetable.put("a", a_definition(cron="0 * * * *"))

    with pytest.raises(InvalidInput, match="not known any more"):
        fill(timetable, 5)


def test_so_do_those_that_were_too_many(
    timetable: Timetable, runs: RunStore, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.store.schedules.MOST_KEPT", 3)
    timetable.put("a", a_definition(cron="0 * * * *"))
    today = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 10 * HOUR
    fill(timetable, 5, from_=today, to=today + 5 * HOUR)
    assert runs.prune(keep=3) == 2
    timetable.delete("a")
    timetable.put("a", a_definition(cron="0 * * * *"))

    assert timetable.get("a").forgotten_to == today + 2 * HOUR


def test_one_of_which_nothing_was_forgotten_can_be_filled_after_it_was_made_again(timetable: Timetable) -> None:
    timetable.put("a", a_definition(cron="0 * * * *"))
    today = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 10 * HOUR
    fill(timetable, 5, from_=today, to=today + 5 * HOUR)
    timetable.delete("a")
    timetable.put("a", a_definition(cron="0 * * * *"))

    assert fill(timetable, 5, from_=today - HOUR, to=today + 5 * HOUR).count == 1
    timetable.put("b", a_definition())
    assert timetable.get("b").forgotten_to is None


def test_one_that_is_made_again_does_not_run_again_for_the_same_time(
    world: World, ticker: Ticker, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    timetable.put("a", a_definition())
    make_due(conn)
    due = timetable.get("a").next_run_at
    ticker.fire_due()
    timetable.delete("a")
    timetable.put("a", a_definition())
    conn.execute("UPDATE schedules SET next_run_at = %s", [due])

    ticker.fire_due()

    assert len(jobs(world)) == 1
