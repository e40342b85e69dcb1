"""Schedules that nobody fires, or that cannot be read, are found."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from chalicelib.findings import Severity
from tests.integration.examination import Examine, examine

__all__ = ["examine"]


def a_schedule(conn: psycopg.Connection[Any], name: str, due: str, **fields: Any) -> None:
    row = {"cron": "0 * * * *", "timezone": "UTC", "job_type": "echo", "payload": "{}", **fields}
    conn.execute(
        """
        INSERT INTO schedules (name, cron, timezone, job_type, payload, queue, priority, max_attempts, timeout_seconds, tags,
                               misfire, overlap, paused, next_run_at)
        VALUES (%(name)s, %(cron)s, %(timezone)s, %(job_type)s, %(payload)s, 'default', 0, 3, 60, '{}', 'skip', 'skip',
                %(due)s::text IS NULL, now() + %(due)s::interval)
        """,
        {"name": name, "due": due, **row},
    )


def test_schedules_that_nobody_fires_are_found(examine: Examine, conn: psycopg.Connection[Any]) -> None:
    a_schedule(conn, "late", "-95 seconds")
    a_schedule(conn, "on-time", "-80 seconds")
    a_schedule(conn, "to-come", "1 hour")

    finding = examine().named("schedules_late")

    assert (finding.severity, finding.count, finding.samples) == (Severity.ERROR, 1, ["late for 95 s"])
    assert "worker" in finding.advice


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"cron": "61 * * * *"}, "broken: Bad minute"),
        ({"timezone": "Mars/Phobos"}, "broken: unknown time zone 'Mars/Phobos'"),
        ({"job_type": "gone"}, "broken: unknown job_type 'gone'"),
        ({"job_type": "sleep", "payload": '{"seconds":"x"}'}, "broken: sleep: Expected `float`"),
    ],
)
def test_schedules_that_cannot_be_read_are_found(
    examine: Examine, conn: psycopg.Connection[Any], fields: dict[str, str], reason: str
) -> None:
    a_schedule(conn, "broken", "1 hour", **fields)
    a_schedule(conn, "sound", "1 hour")

    finding = examine().named("schedules_unreadable")

    assert (finding.severity, finding.count) == (Severity.WARNING, 1)
    assert finding.samples[0].startswith(reason)
