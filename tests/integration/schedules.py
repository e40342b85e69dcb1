"""Schedules: how tests define them, make them due and fill them, and the jobs that came of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg

from chalicelib.jobs import Job
from chalicelib.schedule_forms import Backfill, Definition
from chalicelib.store.lists import JobFilter
from chalicelib.submissions import Submission
from chalicelib.timetable import Timetable
from tests.integration.conftest import World

ECHO = Submission(job_type="echo", payload=msgspec.Raw(b'{"n":1}'))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


def a_definition(**fields: Any) -> Definition:
    timing = {} if {"interval_seconds", "at"} & fields.keys() else {"cron": "* * * * *"}
    return Definition(**{"job": ECHO, **timing, **fields})


def make_due(conn: psycopg.Connection[Any], ago: str = "0 minutes") -> None:
    """Due at a whole minute; what ran before ran earlier than that."""
    conn.execute("UPDATE schedule_runs SET run_at = run_at - interval '1 day'")
    conn.execute(
        "UPDATE schedules SET next_run_at = date_trunc('minute', now()) - %s::interval WHERE NOT paused", [ago]
    )


def jobs(world: World) -> list[Job]:
    """Oldest first."""
    return world.lists.page(JobFilter()).jobs[::-1]


def fill(timetable: Timetable, hours: int, **fields: Any) -> Any:
    asked = {"from_": MIDNIGHT, "to": MIDNIGHT + hours * HOUR, **fields}
    return timetable.backfill("a", Backfill(**asked))
