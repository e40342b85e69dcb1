"""Tallies as what the statements that end attempts add to ``job_stats``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

from chalicelib.store.arrays import floats, ints, texts
from chalicelib.tallies import Tally

SHARDS = 16  # rows a minute, queue and job type, so that workers do not wait for each other's

INTO: LiteralString = """
            INSERT INTO job_stats AS stats (minute, queue, job_type, shard, completed, failed, retried, cancelled,
                                            wait_seconds, run_seconds, wait_counts, run_counts)
"""

ADDED: LiteralString = """
                ON CONFLICT (minute, queue, job_type, shard) DO UPDATE
               SET completed = stats.completed + excluded.completed, failed = stats.failed + excluded.failed,
                   retried = stats.retried + excluded.retried, cancelled = stats.cancelled + excluded.cancelled,
                   wait_seconds = stats.wait_seconds + excluded.wait_seconds,
                   run_seconds = stats.run_seconds + excluded.run_seconds,
                   wait_counts = add_counts(stats.wait_counts, excluded.wait_counts),
                   run_counts = add_counts(stats.run_counts, excluded.run_counts)
"""

# Adds the tallies in the parameters. A condition may follow, then ``ADDED``.
TALLIES: LiteralString = (
    INTO
    + """
            SELECT date_trunc('minute', now()), new.queue, new.job_type, %(shard)s, new.completed, new.failed, new.retried,
                   new.cancelled, new.wait_seconds, new.run_seconds, new.wait_counts::bigint[], new.run_counts::bigint[]
              FROM unnest(%(queues)b, %(types)b, %(completed)b, %(failed)b, %(retried)b, %(cancelled)b, %(wait_seconds)b,
                          %(run_seconds)b, %(wait_counts)b, %(run_counts)b)
                AS new (queue, job_type, completed, failed, retried, cancelled, wait_seconds, run_seconds, wait_counts,
                        run_counts)
"""
)

# Follows ``WITH changed AS (UPDATE jobs … RETURNING job.id, job.queue, job.job_type, job.status, …)``: counts those that this
# statement ended without an attempt.
COUNTED: LiteralString = (
    """, counted AS ("""
    + INTO
    + """
            SELECT date_trunc('minute', now()), queue, job_type, floor(random() * 16)::smallint, 0,
                   count(*) FILTER (WHERE status = 'FAILED'), 0, count(*) FILTER (WHERE status = 'CANCELLED'), 0, 0, '{}', '{}'
              FROM changed
             WHERE status IN ('FAILED', 'CANCELLED')
             GROUP BY queue, job_type
             ORDER BY queue, job_type
"""
    + ADDED
    + ")"
)


def columns(tallies: Sequence[Tally], shard: int) -> dict[str, object]:
    """By parameter."""
    return {
        "shard": shard,
        "queues": texts([tally.queue for tally in tallies]),
        "types": texts([tally.job_type for tally in tallies]),
        "completed": ints([tally.completed for tally in tallies]),
        "failed": ints([tally.failed for tally in tallies]),
        "retried": ints([tally.retried for tally in tallies]),
        "cancelled": ints([tally.cancelled for tally in tallies]),
        "wait_seconds": floats([tally.wait_seconds for tally in tallies]),
        "run_seconds": floats([tally.run_seconds for tally in tallies]),
        "wait_counts": texts([_array_literal(tally.wait_counts) for tally in tallies]),
        "run_counts": texts([_array_literal(tally.run_counts) for tally in tallies]),
    }


def _array_literal(counts: Sequence[int]) -> str:
    """As Postgres writes an array of numbers."""
    return "{" + ",".join(map(str, counts)) + "}"
