"""Which job a schedule submitted for which of its times: each time once.

Of each schedule the newest 10,000 are kept, a week of every minute, and none that was made more than 90 days ago; the last one
stays however old it is. What was forgotten is never run again: ``schedules.forgotten_to`` remembers how far that goes, and
who makes a schedule again finds it in what is kept of its runs (``ScheduleStore.insert``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from chalicelib.schedules import Run
from chalicelib.store.database import Database
from chalicelib.store.partitions import first_id_at
from chalicelib.store.schedule_rows import as_run

MOST_KEPT = 10_000
KEPT_FOR = timedelta(days=90)
PAGE = 100  # schedules


class RunStore:
    """Reads and prunes runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, schedule: str, before: datetime | None, limit: int) -> list[Run]:
        """Newest first. before: exclusive."""
        rows = self._database.fetch(
            """
            SELECT run.run_at, run.kind, run.job_id, job.status, job.attempt, job.waits, job.finished_at, job.error
              FROM (SELECT * FROM schedule_runs
                     WHERE schedule = %(schedule)s AND (%(before)s::timestamptz IS NULL OR run_at < %(before)s)
                     ORDER BY run_at DESC LIMIT %(limit)s) AS run
              LEFT JOIN LATERAL (SELECT status, attempt, jobs.run_at > now() AS waits, finished_at, error
                                   FROM jobs WHERE id = run.job_id OFFSET 0) AS job ON true
             ORDER BY run.run_at DESC
            """,
            {"schedule": schedule, "before": before, "limit": limit},
        )
        return [as_run(row) for row in rows]

    def without_run(self, schedule: str, times: Sequence[datetime]) -> int:
        """How many of these have none."""
        rows = self._database.fetch(
            """
            SELECT count(*) FROM unnest(%(times)s::timestamptz[]) AS time (at)
             WHERE NOT EXISTS (SELECT FROM schedule_runs WHERE schedule = %(schedule)s AND run_at = at)
            """,
            {"schedule": schedule, "times": [*times]},
        )
        return int(rows[0][0])

    def prune(self, keep: int = MOST_KEPT) -> int:
        """Returns how many went. Page by page: each statement is short, whatever there is."""
        count, last = 0, ""
        while True:
            gone, name = self._prune_page(last, keep)
            count += gone
            if name is None:
                return count
            last = name

    def _prune_page(self, after: str, keep: int) -> tuple[int, str | None]:
        """How many went, and where the next page begins. Schedules that are gone have runs too: the names are the runs'."""
        rows = self._database.fetch(
            """
            WITH RECURSIVE walked AS (
                (SELECT schedule FROM schedule_runs WHERE schedule > %(after)s ORDER BY schedule LIMIT 1)
                 UNION ALL
                SELECT (SELECT run.schedule FROM schedule_runs AS run WHERE run.schedule > walked.schedule
                         ORDER BY run.schedule LIMIT 1)
                  FROM walked WHERE walked.schedule IS NOT NULL
            ), page AS (
                SELECT schedule FROM walked WHERE schedule IS NOT NULL LIMIT %(page)s
            ), bounds AS (
                SELECT schedule, (SELECT run_at FROM schedule_runs AS run WHERE run.schedule = page.schedule
                                   ORDER BY run_at DESC LIMIT 1) AS last,
                       (SELECT run_at FROM schedule_runs AS run WHERE run.schedule = page.schedule
                         ORDER BY run_at DESC OFFSET %(keep)s LIMIT 1) AS first_over
                  FROM page
            ), gone AS (
                DELETE FROM schedule_runs AS run USING bounds
                 WHERE run.schedule = bounds.schedule AND run.run_at < bounds.last
                   AND (run.run_at <= bounds.first_over OR run.job_id < %(oldest)s)
                RETURNING run.schedule, run.run_at
            ), noted AS (
                UPDATE schedules SET forgotten_to = greatest(forgotten_to, forgotten.to_at)
                  FROM (SELECT schedule, max(run_at) AS to_at FROM gone GROUP BY schedule) AS forgotten
                 WHERE name = forgotten.schedule
            )
            SELECT (SELECT count(*) FROM gone), (SELECT max(schedule) FROM page)
            """,
            {"after": after, "page": PAGE, "keep": keep, "oldest": first_id_at(datetime.now(UTC) - KEPT_FOR)},
        )
        count, name = rows[0]
        return count, name
