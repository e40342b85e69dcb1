"""Intervals, single times and ends, and previews of the times to come."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from chalicelib.errors import InvalidInput
from chalicelib.firing import Ticker
from chalicelib.schedules import Misfire
from chalicelib.timetable import Timetable
from tests.integration.calls import Api, problem
from tests.integration.conftest import World, listed
from tests.integration.schedules import HOUR, MIDNIGHT, a_definition, jobs, make_due

# Intervals, single times and ends


def test_an_interval_keeps_its_times_when_something_else_is_changed(timetable: Timetable) -> None:
    first = timetable.put("a", a_definition(interval_seconds=3600))
    second = timetable.put("a", a_definition(interval_seconds=3600, misfire=Misfire.SKIP))

    assert first.next_run_at == first.created_at.replace(microsecond=0) + HOUR == second.next_run_at
    third = timetable.put("a", a_definition(interval_seconds=1800))
    assert third.next_run_at == first.created_at.replace(microsecond=0) + HOUR / 2


def test_one_time_fires_and_the_schedule_stays_as_ended(
    world: World, ticker: Ticker, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    at = datetime.now(UTC) + HOUR
    timetable.put("a", a_definition(at=at))
    conn.execute("UPDATE schedules SET at = now(), next_run_at = now()")
    ticker.fire_due()
    ticker.fire_due()

    ended = timetable.get("a")
    assert (ended.state, ended.next_run_at, len(jobs(world))) == ("ended", None, 1)
    assert ended.rules.timing.at is not None
    again = timetable.put("a", a_definition(at=ended.rules.timing.at, misfire=Misfire.SKIP))
    assert (again.state, len(jobs(world))) == ("ended", 1)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"at": MIDNIGHT.replace(year=2020)}, "$.at"),
        ({"interval_seconds": 60, "ends_at": MIDNIGHT.replace(year=2020)}, "$.interval_seconds"),
        ({"at": MIDNIGHT.replace(year=2100), "ends_at": MIDNIGHT.replace(year=2099)}, "$.at"),
        ({"cron": "* * * * *", "interval_seconds": 60}, "$.interval_seconds"),
    ],
)
@pytest.mark.parametrize("paused", [False, True])
def test_a_schedule_that_would_never_run_is_not_kept(
    timetable: Timetable, fields: dict[str, Any], path: str, paused: bool
) -> None:
    with pytest.raises(InvalidInput) as refused:
        timetable.put("a", a_definition(**fields, paused=paused))

    assert refused.value.path == path
    assert listed(timetable) == []


def test_after_its_end_a_schedule_has_ended(
    world: World, ticker: Ticker, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    timetable.put("a", a_definition(ends_at=datetime.now(UTC) + HOUR))
    make_due(conn)
    conn.execute("UPDATE schedules SET ends_at = now() + interval '1 millisecond'")

    ticker.fire_due()

    assert (len(jobs(world)), timetable.get("a").state) == (1, "ended")


def test_one_that_is_resumed_after_its_last_time_has_ended(timetable: Timetable, conn: psycopg.Connection[Any]) -> None:
    timetable.put("a", a_definition(at=datetime.now(UTC) + HOUR))
    timetable.pause("a")
    conn.execute("UPDATE schedules SET at = now()")

    assert timetable.resume("a").state == "ended"


# Previews


@pytest.mark.parametrize(
    "when",
    [
        {"cron": "0 0 1 1 *", "timezone": "Asia/Tokyo"},
        {"interval_seconds": 86_400, "starts_at": "2098-12-31T15:00:00Z"},
        {"at": "2098-12-31T15:00:00Z"},
    ],
)
def test_a_preview_is_of_all_kinds(api: Api, when: dict[str, object]) -> None:
    asked = {**when, "after": "2098-12-31T14:00:00Z", "count": 2, "ends_at": "2098-12-31T23:00:00Z"}

    assert api.post("/schedules/preview", asked).json_body == {"times": ["2098-12-31T15:00:00.000Z"]}


def test_a_preview_is_of_a_kept_schedule_also_while_it_is_paused(api: Api, timetable: Timetable) -> None:
    coming = timetable.put("a", a_definition(interval_seconds=3600)).next_run_at
    timetable.pause("a")

    times = api.get("/schedules/a/preview?count=3").json_body["times"]

    assert len(times) == 3
    assert datetime.fromisoformat(times[0]) == coming
    assert problem(api.get("/schedules/nobody/preview"))["status"] == 404
    assert problem(api.get("/schedules/nobody/runs"))["status"] == 404
