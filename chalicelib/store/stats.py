"""The job_stats table: how attempts ended, and how long they waited and ran. ``store.tallies`` writes it."""

from __future__ import annotations

from datetime import timedelta
from typing import LiteralString

from chalicelib.figures import MinuteStats, Total
from chalicelib.histograms import percentile
from chalicelib.store.database import Database, Row
from chalicelib.store.tallies import ADDED, INTO

_SUMS: LiteralString = """sum(completed)::bigint, sum(failed)::bigint, sum(retried)::bigint, sum(cancelled)::bigint,
                   sum(wait_seconds), sum(run_seconds), sum_counts(wait_counts), sum_counts(run_counts)"""


class StatsStore:
    """Reads and prunes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def series(self, since: timedelta, queue: str | None = None, job_type: str | None = None) -> list[MinuteStats]:
        """Oldest first; the last minute is not over. Minutes in which nothing ended are left out."""
        rows = self._database.fetch(
            "SELECT minute, "
            + _SUMS
            + """
              FROM job_stats
             WHERE minute > now() - %(since)s
               AND (%(queue)s::text IS NULL OR queue = %(queue)s)
               AND (%(job_type)s::text IS NULL OR job_type = %(job_type)s)
             GROUP BY minute
             ORDER BY minute
            """,
            {"since": since, "queue": queue, "job_type": job_type},
        )
        return [_minute(row) for row in rows]

    def totals(self) -> list[Total]:
        """They never go down."""
        rows = self._database.fetch(
            "SELECT queue, job_type, " + _SUMS + " FROM job_stats GROUP BY queue, job_type ORDER BY queue, job_type"
        )
        return [Total(*row) for row in rows]

    def out_per_minute(self) -> dict[str, float]:
        """Jobs that ended in the last 60 s, by queue. Of the minute before this one, so much counts as is not over yet of this
        one, as if its jobs had ended evenly."""
        rows = self._database.fetch(
            """
            SELECT queue,
                   sum((completed + failed + cancelled)
                       * CASE WHEN minute = date_trunc('minute', now()) THEN 1.0::float8
                              ELSE 1 - date_part('second', now()) / 60 END)
              FROM job_stats
             WHERE minute >= date_trunc('minute', now()) - interval '1 minute'
             GROUP BY queue
            """
        )
        return dict(rows)

    def prune(self, older_than: timedelta = timedelta(days=7)) -> int:
        """Fold old minutes into one row a queue and job type. Returns how many rows went."""
        ((count,),) = self._database.fetch(
            """
            WITH old AS (
            DELETE FROM job_stats
             WHERE minute > 'epoch' AND minute < now() - %(older_than)s
            RETURNING *), folded AS ("""
            + INTO
            + """
            SELECT 'epoch', queue, job_type, 0, """
            + _SUMS
            + """
              FROM old
             GROUP BY queue, job_type
             ORDER BY queue, job_type
            """
            + ADDED
            + """)
            SELECT count(*) FROM old
            """,
            {"older_than": older_than},
        )
        return int(count)


def _minute(row: Row) -> MinuteStats:
    minute, completed, failed, retried, cancelled, _, _, waits, runs = row
    return MinuteStats(
        minute=minute,
        completed=completed,
        failed=failed,
        retried=retried,
        cancelled=cancelled,
        wait_p50=percentile(waits, 0.50),
        wait_p95=percentile(waits, 0.95),
        wait_p99=percentile(waits, 0.99),
        run_p50=percentile(runs, 0.50),
        run_p95=percentile(runs, 0.95),
        run_p99=percentile(runs, 0.99),
    )
