"""A backfill submits a job for each past time that has none."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from chalicelib.errors import InvalidInput
from chalicelib.schedule_forms import Backfill
from chalicelib.schedules import RunKind
from chalicelib.store.database import Database
from chalicelib.store.firings import FiringStore
from chalicelib.timetable import Timetable
from infra.local.services import Addresses
from tests.integration.calls import Api, problem
from tests.integration.conftest import World
from tests.integration.schedules import HOUR, MIDNIGHT, a_definition, fill, jobs


def test_a_backfill_submits_a_job_for_each_time_that_has_none(world: World, timetable: Timetable) -> None:
    timetable.put("a", a_definition(cron="0 * * * *"))
    fill(timetable, 2)

    assert fill(timetable, 4, dry_run=True).count == 2
    done = fill(timetable, 4)

    assert (done.count, done.next) == (2, None)
    assert [job.scheduled_for for job in jobs(world)] == [MIDNIGHT + n * HOUR for n in range(4)]
    assert fill(timetable, 4).count == 0
    assert world.run_due() == 4


def test_a_backfill_goes_on_where_the_call_before_ended(world: World, timetable: Timetable) -> None:
    timetable.put("a", a_definition(cron="0 * * * *"))

    first = fill(timetable, 5, limit=3)
    second = fill(timetable, 5, limit=3, from_=first.next)

    assert (first.count, first.next) == (3, MIDNIGHT + 3 * HOUR)
    assert (second.count, second.next) == (2, None)
    assert fill(timetable, 0, to=MIDNIGHT + timedelta(minutes=1), limit=1).next is None


def test_a_backfill_leaves_times_to_come_to_come(world: World, timetable: Timetable) -> None:
    timetable.put("a", a_definition(cron="0 * * * *"))
    now = datetime.now(UTC)

    timetable.backfill("a", Backfill(from_=now - 2 * HOUR, to=now + 9 * HOUR))

    assert len(jobs(world)) == 2


def test_a_backfill_of_an_interval_is_of_its_own_times(world: World, timetable: Timetable) -> None:
    schedule = timetable.put("a", a_definition(interval_seconds=3600))

    fill(timetable, 3)

    offset = (schedule.created_at.replace(microsecond=0) - MIDNIGHT) % HOUR
    assert [job.scheduled_for for job in jobs(world)] == [MIDNIGHT + offset + n * HOUR for n in range(3)]


def test_two_backfills_at_once_double_nothing(
    world: World, addresses: Addresses, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    timetable.put("a", a_definition(cron="* * * * *"))
    databases = [Database(addresses.database_url) for _ in range(2)]
    start = threading.Barrier(2)

    def backfill(database: Database) -> int:
        start.wait(10)
        times = [MIDNIGHT + timedelta(minutes=n) for n in range(300)]
        return len(FiringStore(database).submit("a", times, RunKind.BACKFILL))

    with ThreadPoolExecutor(2) as threads:
        counts = list(threads.map(backfill, databases))
    for database in databases:
        database.close()

    assert sum(counts) == 300
    assert conn.execute("SELECT count(*) FROM jobs").fetchone() == (300,)


@pytest.mark.parametrize(
    ("fields", "path"),
    [({"to": MIDNIGHT}, "$.to"), ({"from_": MIDNIGHT.replace(year=1999)}, "$.from")],
)
def test_a_backfill_of_no_range_is_refused(timetable: Timetable, fields: dict[str, Any], path: str) -> None:
    timetable.put("a", a_definition())

    with pytest.raises(InvalidInput) as refused:
        fill(timetable, 1, **fields)

    assert refused.value.path == path


def test_a_backfill_over_the_api_tells_where_to_go_on(api: Api, timetable: Timetable) -> None:
    timetable.put("a", a_definition(cron="0 * * * *"))
    asked = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T05:00:00Z", "limit": 2}

    counted = api.post("/schedules/a/backfill", {**asked, "dry_run": True}).json_body
    done = api.post("/schedules/a/backfill", asked).json_body

    assert counted == {"count": 2, "next": "2026-01-01T02:00:00.000Z", "dry_run": True}
    assert done == {**counted, "dry_run": False}
    entries = api.get("/audit").json_body
    assert [entry["action"] for entry in entries] == ["backfill_schedule"]
    assert problem(api.post("/schedules/nobody/backfill", asked))["status"] == 404
    assert problem(api.post("/schedules/a/backfill", {**asked, "limit": 1001}))["status"] == 422
