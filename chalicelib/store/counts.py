"""The jobs table: how many jobs there are of what. The finished rows are never read: they may be ten million."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from chalicelib.figures import Depth
from chalicelib.jobs import JobStatus, status_label
from chalicelib.store.database import Database
from chalicelib.store.partitions import first_id_at, made_at

NEWEST = 20_000  # rows that are enough to know a rate
SPAN = timedelta(seconds=60)


class CountStore:
    """Counts jobs. Exact, so it costs what the unfinished rows cost to read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def depths(self) -> dict[str, Depth]:
        """By queue: those with unfinished jobs."""
        rows = self._database.fetch(
            """
            SELECT queue, status, attempt > 0, run_at > now(), count(*),
                   date_part('epoch', now() - min(run_at) FILTER (WHERE status = 'QUEUED' AND run_at <= now()))
              FROM jobs
             WHERE finished_at IS NULL
             GROUP BY 1, 2, 3, 4
            """
        )
        counts: dict[str, Counter[str]] = {}
        ages: dict[str, float] = {}
        for queue, status, was_tried, waits, count, age in rows:
            label = str(status_label(JobStatus(status), int(was_tried), waits=waits))
            counts.setdefault(queue, Counter())[label] += count
            if age is not None:
                ages[queue] = max(age, ages.get(queue, 0.0))
        return {queue: Depth(dict(each), ages.get(queue)) for queue, each in counts.items()}

    def ended_badly(self) -> dict[str, int]:
        """FAILED and CANCELLED."""
        rows = self._database.fetch(
            "SELECT ended_badly, count(*) FROM jobs WHERE ended_badly IS NOT NULL GROUP BY ended_badly"
        )
        return dict(rows)

    def in_per_minute(self) -> dict[str, float]:
        """New jobs, by queue, as the youngest ids tell: of the last 60 s, or of the time in which the last 20,000 came."""
        now = datetime.now(UTC)
        rows = self._database.fetch(
            """
            SELECT queue, count(*), min(id::text)
              FROM (SELECT queue, id FROM jobs WHERE id > %(since)s ORDER BY id DESC LIMIT %(limit)s) AS newest
             GROUP BY queue
            """,
            {"since": first_id_at(now - SPAN), "limit": NEWEST},
        )
        span = SPAN
        if sum(count for _, count, _ in rows) == NEWEST:
            span = now - made_at(UUID(min(first for _, _, first in rows)))
        minutes = max(span, timedelta(seconds=1)) / timedelta(minutes=1)
        return {queue: count / minutes for queue, count, _ in rows}
