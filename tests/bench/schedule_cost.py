"""What it costs to fire many schedules that are due in the same second: ``python -m tests.bench.schedule_cost [COUNT]``."""

from __future__ import annotations

import sys
import time

import psycopg

from chalicelib.firing import Ticker
from chalicelib.handlers.registry import Registry
from chalicelib.redis_link import connect
from chalicelib.store.database import Database
from chalicelib.store.firings import FiringStore
from chalicelib.store.migrations import MigrationStore
from chalicelib.store.partitions import PartitionStore
from chalicelib.store.schedules import ScheduleFilter, ScheduleStore
from infra.local.services import databases
from tests.integration.conftest import a_scheduler

TURNS = 5

SCHEDULES = """
INSERT INTO schedules (name, cron, timezone, job_type, payload, queue, priority, max_attempts, timeout_seconds, tags, misfire,
                       overlap, paused)
SELECT 's' || n, (ARRAY['* * * * *', '*/5 * * * *', '0 * * * *', '30 2 * * mon-fri'])[n %% 4 + 1],
       (ARRAY['UTC', 'Europe/Paris', 'America/New_York'])[n %% 3 + 1], 'echo', '{"n":1}', 'default', 0, 3, 60, '{a}', 'run_once',
       (ARRAY['allow', 'skip', 'queue_one', 'cancel_previous'])[n %% 4 + 1], false
  FROM generate_series(1, %(count)s) AS n
"""


def main(count: int) -> None:
    with databases() as running, psycopg.connect(running.database_url, autocommit=True) as conn:
        database = Database(running.database_url, prepares=True)
        MigrationStore(database).apply()
        PartitionStore(database).ensure()
        conn.execute(SCHEDULES.encode(), {"count": count})
        conn.execute("ANALYZE")
        ticker = Ticker(
            firings=FiringStore(database), scheduler=a_scheduler(database, connect(running.redis_url), Registry())
        )
        for turn in range(TURNS):
            conn.execute(
                "UPDATE schedule_runs SET run_at = run_at - make_interval(secs => %s)", [86_407 + 1_000 * turn]
            )
            conn.execute("UPDATE schedules SET next_run_at = date_trunc('minute', now())")
            before, cpu = time.perf_counter(), time.process_time()
            ticker.fire_due()
            took, cpu = time.perf_counter() - before, time.process_time() - cpu
            ((jobs,),) = conn.execute("SELECT count(*) FROM jobs").fetchall()
            told(
                f"turn {turn + 1}: {count:,} due, fired in {took:.2f} s, {cpu:.2f} s of it Python; {jobs:,} jobs so far"
            )
        looked = time.perf_counter()
        for _ in range(1_000):
            ticker.fire_due()
        told(f"a look that finds nothing: {time.perf_counter() - looked:.2f} ms")
        for chosen in (ScheduleFilter(), ScheduleFilter(limit=1_000), ScheduleFilter(after="s7", queue="default")):
            looked = time.perf_counter()
            found = len(ScheduleStore(database).page(chosen))
            told(f"a page of {found:,}, as GET /schedules reads it: {(time.perf_counter() - looked) * 1000:.1f} ms")
        database.close()


def told(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
