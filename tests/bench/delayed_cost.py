"""What delayed jobs cost while nobody waits for them, and what happens when many come due at once.

    python -m tests.bench.delayed_cost [DELAYED]

One worker process on a real Postgres and Valkey. First it drains jobs alone, then beside DELAYED (a million) jobs that are due
tomorrow. Then 50,000 jobs come due in the same second: how long until all of them have started, and the longest time meanwhile
in which none did.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg

from chalicelib import resources
from chalicelib.submissions import Submission
from infra.local.services import ROOT, databases

DELAYED = 1_000_000
DRAINED = 30_000
DRAINS = 5  # of which the median counts
AT_ONCE = 50_000
CHUNK = 10_000
LEAD = timedelta(seconds=6)  # to submit what is due at once


def main(delayed: int) -> None:
    with databases(durable=True) as addresses:
        os.environ |= {
            "DATABASE_URL": addresses.database_url,
            "REDIS_URL": addresses.redis_url,
            "PREPARE_STATEMENTS": "true",
            "API_AUTH": "off",
            "STAGE": "local",
        }
        resources.migrations().apply()
        resources.maintenance().run_once()
        with psycopg.connect(addresses.database_url, autocommit=True) as connection, _worker():
            _drain(connection)
            _say("drained alone", _drains(connection))
            began = time.perf_counter()
            _submit(delayed, run_at=datetime.now(UTC) + timedelta(days=1))
            _say(f"submitted {delayed:,} for tomorrow", f"{delayed / (time.perf_counter() - began):,.0f} jobs/s")
            connection.execute("VACUUM (ANALYZE) jobs")
            connection.execute("CHECKPOINT")
            _say(f"drained beside {delayed:,}", _drains(connection))
            _come_due(connection)
            began = time.perf_counter()
            count = resources.maintenance().rebuild()
            _say(f"rebuilt redis from {count:,} rows", f"{time.perf_counter() - began:.1f} s")


@contextmanager
def _worker() -> Iterator[None]:
    worker = subprocess.Popen(
        [sys.executable, "-m", "worker_fn", "--concurrency", "16"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        worker.terminate()
        worker.wait(60)


def _submit(count: int, **options: Any) -> None:
    one = Submission(job_type="echo", payload=msgspec.Raw(b"1"), **options)
    for start in range(0, count, CHUNK):
        resources.scheduler().submit([one] * min(CHUNK, count - start))


def _drains(connection: psycopg.Connection[Any]) -> str:
    rates = [_drain(connection) for _ in range(DRAINS)]
    return f"{statistics.median(rates):,.0f} jobs/s"


def _drain(connection: psycopg.Connection[Any]) -> float:
    """Jobs a second, from the first one's submit to the last one's end."""
    before = _completed(connection)
    began = time.perf_counter()
    _submit(DRAINED)
    _wait_for(connection, before + DRAINED)
    return DRAINED / (time.perf_counter() - began)


def _come_due(connection: psycopg.Connection[Any]) -> None:
    before = _completed(connection)
    run_at = datetime.now(UTC) + LEAD
    _submit(AT_ONCE, run_at=run_at)
    _wait_for(connection, before + AT_ONCE)
    (spread, gap, late) = connection.execute(
        """
        SELECT extract(epoch FROM max(started_at) - min(started_at)), max(extract(epoch FROM started_at - before)),
               extract(epoch FROM min(started_at) - %(run_at)s)
          FROM (SELECT started_at, lag(started_at) OVER (ORDER BY started_at) AS before
                  FROM jobs WHERE run_at = %(run_at)s) AS started
        """,
        {"run_at": run_at},
    ).fetchone() or (0, 0, 0)
    what = f"the first after {late * 1000:.0f} ms, all within {spread:.2f} s, the longest pause {gap * 1000:.0f} ms"
    _say(f"{AT_ONCE:,} due at once", what)


def _completed(connection: psycopg.Connection[Any]) -> int:
    """From the statistics: counting rows would cost more than what is measured."""
    row = connection.execute("SELECT coalesce(sum(completed), 0) FROM job_stats").fetchone()
    return int(row[0]) if row else 0


def _wait_for(connection: psycopg.Connection[Any], count: int) -> None:
    while _completed(connection) < count:
        time.sleep(0.05)


def _say(what: str, figure: str) -> None:
    sys.stdout.write(f"{what:<40} {figure}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DELAYED)
