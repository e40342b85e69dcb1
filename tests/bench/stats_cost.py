"""What a series of a week costs: ``python -m tests.bench.stats_cost [WRITERS] [KINDS]``.

Every minute of the week is filled, with a row for each kind of job and each worker process that wrote in it; a kind is one of
five queues and one of KINDS / 5 job types. Read as they are, and again once their hours are added up.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg

from chalicelib.histograms import counted
from chalicelib.store.database import Database
from chalicelib.store.migrations import MigrationStore
from chalicelib.store.stats import MINUTE, StatsStore
from infra.local.services import databases

WEEK = timedelta(days=7)
STEPS = (1, 7, 60, 1440)  # minutes
SHAPES = 40  # different histograms of each kind, of 60 attempts each
READS = 3

FILL = """
INSERT INTO job_stats (minute, queue, job_type, shard, completed, failed, retried, wait_seconds, run_seconds, wait_counts,
                       run_counts)
SELECT date_trunc('minute', now()) - n * interval '1 minute', queue, job_type, shard, 55, 2, 3, 1, 1, waits, runs
  FROM generate_series(0, 7 * 24 * 60 - 1) AS n, generate_series(0, %(writers)s - 1) AS shard, shapes
 WHERE shape = (n * 7 + shard) %% %(shapes)s
 ORDER BY 1
"""


def main(writers: int, kinds: int) -> None:
    with databases() as running, psycopg.connect(running.database_url, autocommit=True) as conn:
        database = Database(running.database_url, patience_seconds=600)
        MigrationStore(database).apply()
        fill(conn, writers, kinds)
        stats = StatsStore(database)
        report(conn, stats, "minutes only")
        told(f"{_seconds(stats.add_up):8.3f} s  to add up the whole week, as after a deploy")
        conn.execute("VACUUM ANALYZE")
        told(f"{_seconds(stats.add_up):8.3f} s  to add up one hour, as every hour")
        report(conn, stats, "with hours")
        database.close()


def report(conn: psycopg.Connection[Any], stats: StatsStore, how: str) -> None:
    (row,) = conn.execute(
        "SELECT count(*), pg_size_pretty(pg_total_relation_size('job_stats')) FROM job_stats"
    ).fetchall()
    told(f"{how}: {row[0]:,} rows, {row[1]}")
    for step in STEPS:
        buckets = len(stats.series(WEEK, step * MINUTE))
        taken = [_seconds(partial(stats.series, WEEK, step * MINUTE)) for _ in range(READS)]
        told(f"{statistics.median(taken):8.3f} s  step {step:4}: {buckets:,} buckets")
    told(f"{_seconds(stats.totals):8.3f} s  totals")


def fill(conn: psycopg.Connection[Any], writers: int, kinds: int) -> None:
    rng = random.Random(1)
    conn.execute("CREATE TEMP TABLE shapes (queue text, job_type text, shape int, waits bigint[], runs bigint[])")
    for kind in range(kinds):
        typical = 10 ** rng.uniform(-2, 1.5)
        for shape in range(SHAPES):
            waits = counted(rng.lognormvariate(-4, 1.5) for _ in range(60))
            runs = counted(typical * rng.lognormvariate(0, 1) for _ in range(60))
            named = f"queue {kind % 5}", f"type {kind // 5}"
            conn.execute("INSERT INTO shapes VALUES (%s, %s, %s, %s, %s)", (*named, shape, waits, runs))
    conn.execute(FILL.encode(), {"writers": writers, "shapes": SHAPES})
    conn.execute("VACUUM ANALYZE")


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def told(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*[int(word) for word in (*sys.argv[1:], *("1", "25")[len(sys.argv) - 1 :])])
