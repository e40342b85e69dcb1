"""The job_stats table: how attempts ended, and how long they waited and ran. ``store.tallies`` writes it.

Minutes are added up by the hour once the hour is over. What reads days reads hours, and minutes only where there are no hours
yet: so it costs what queues and job types there are, and not how many workers write.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import LiteralString

from chalicelib.figures import MinuteStats, Total
from chalicelib.histograms import percentile
from chalicelib.store.database import Database, Row
from chalicelib.store.tallies import ADDED, INTO

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MINUTES_KEPT = timedelta(days=7)
HOURS_KEPT = timedelta(days=9)  # the longest series, its first bucket whole, and a little more
OVER_AFTER = timedelta(minutes=5)  # an hour: no statement that began in it is still at work
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_COUNTS: LiteralString = "completed, failed, retried, cancelled, wait_seconds, run_seconds, wait_counts, run_counts"
_SUMS: LiteralString = """sum(completed)::bigint, sum(failed)::bigint, sum(retried)::bigint, sum(cancelled)::bigint,
                   sum(wait_seconds), sum(run_seconds), sum_counts(wait_counts), sum_counts(run_counts)"""


class StatsStore:
    """Reads, adds up and prunes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def series(
        self, since: timedelta, step: timedelta = MINUTE, queue: str | None = None, job_type: str | None = None
    ) -> list[MinuteStats]:
        """In buckets that begin at the multiples of ``step`` in UTC, oldest first: from the one in which ``since`` ago lies to
        the present one, which is not over. Those in which nothing ended are left out."""
        rows = self._database.fetch(
            "SELECT date_bin(%(step)s, minute, 'epoch') AS bucket, "
            + _SUMS
            + """
              FROM (SELECT minute, queue, job_type, """
            + _COUNTS
            + """
                      FROM job_stats WHERE minute >= %(hours_to)s
                     UNION ALL
                    SELECT hour, queue, job_type, """
            + _COUNTS
            + """
                      FROM job_stats_hours WHERE hour < %(hours_to)s) AS ended
             WHERE minute >= date_bin(%(step)s, now() - %(since)s, 'epoch')
               AND (%(queue)s::text IS NULL OR queue = %(queue)s)
               AND (%(job_type)s::text IS NULL OR job_type = %(job_type)s)
             GROUP BY bucket
             ORDER BY bucket
            """,
            {
                "since": since,
                "step": step,
                "queue": queue,
                "job_type": job_type,
                "hours_to": EPOCH if step % HOUR else self._hours_to(),
            },
        )
        return [_bucket(row) for row in rows]

    def totals(self) -> list[Total]:
        """They never go down.

        What is old is read as minutes: those may be folded at any time, and must not be counted as an hour as well.
        """
        rows = self._database.fetch(
            "SELECT queue, job_type, "
            + _SUMS
            + """
              FROM (SELECT queue, job_type, """
            + _COUNTS
            + """
                      FROM job_stats
                     WHERE minute < date_bin('1 hour', now(), 'epoch') - %(trusted)s OR minute >= %(hours_to)s
                     UNION ALL
                    SELECT queue, job_type, """
            + _COUNTS
            + """
                      FROM job_stats_hours
                     WHERE hour >= date_bin('1 hour', now(), 'epoch') - %(trusted)s AND hour < %(hours_to)s) AS ended
             GROUP BY queue, job_type
             ORDER BY queue, job_type
            """,
            {"trusted": MINUTES_KEPT - 2 * HOUR, "hours_to": self._hours_to()},
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

    def add_up(self) -> int:
        """Write down what ended in each hour that is over, and put its rows of each minute together. Returns how many hours.

        The last one that is there is done again, for what came late.
        """
        rows = self._database.fetch(
            """
            SELECT DISTINCT date_bin('1 hour', minute, 'epoch') AS hour
              FROM job_stats
             WHERE minute > 'epoch' AND minute >= %(last)s AND minute < date_bin('1 hour', now() - %(over_after)s, 'epoch')
             ORDER BY hour
            """,
            {"last": self._hours_to() - HOUR, "over_after": OVER_AFTER},
        )
        for (hour,) in rows:
            self._put_together(hour)
            self._add_up(hour)
        return len(rows)

    def prune(self, older_than: timedelta = MINUTES_KEPT) -> int:
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
        self._database.count("DELETE FROM job_stats_hours WHERE hour < now() - %(kept)s", {"kept": HOURS_KEPT})
        return int(count)

    def _hours_to(self) -> datetime:
        """Where the hours end: from there on there are only minutes."""
        ((last,),) = self._database.fetch("SELECT max(hour) FROM job_stats_hours")
        return EPOCH + HOUR if last is None else last + HOUR

    def _put_together(self, hour: datetime) -> None:
        """Several workers write a row each for one minute; nobody does so any more."""
        self._database.count(
            """
            WITH old AS (
            DELETE FROM job_stats
             WHERE minute >= %(hour)s AND minute < %(hour)s + interval '1 hour' AND shard > 0
            RETURNING *)
            """
            + INTO
            + """
            SELECT minute, queue, job_type, 0, """
            + _SUMS
            + """
              FROM old
             GROUP BY minute, queue, job_type
             ORDER BY minute, queue, job_type
            """
            + ADDED,
            {"hour": hour},
        )

    def _add_up(self, hour: datetime) -> None:
        self._database.count(
            "INSERT INTO job_stats_hours AS hours (hour, queue, job_type, "
            + _COUNTS
            + """)
            SELECT %(hour)s, queue, job_type, """
            + _SUMS
            + """
              FROM job_stats
             WHERE minute >= %(hour)s AND minute < %(hour)s + interval '1 hour'
             GROUP BY queue, job_type
             ORDER BY queue, job_type
                ON CONFLICT (hour, queue, job_type) DO UPDATE
               SET completed = excluded.completed, failed = excluded.failed, retried = excluded.retried,
                   cancelled = excluded.cancelled, wait_seconds = excluded.wait_seconds, run_seconds = excluded.run_seconds,
                   wait_counts = excluded.wait_counts, run_counts = excluded.run_counts
            """,
            {"hour": hour},
        )


def _bucket(row: Row) -> MinuteStats:
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
