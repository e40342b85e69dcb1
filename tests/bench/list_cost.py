"""What every list costs with ten million jobs: ``python -m tests.bench.list_cost [ROWS]``.

Forty days of jobs, a partition each, with rare and common queues, types, tags and statuses, and a backlog of the newest
100,000. Every combination of filters that the API offers is read three times; its median is what counts.
"""

from __future__ import annotations

import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, get_args

import msgspec
import psycopg

from chalicelib.decoding import converted
from chalicelib.forms import ListQuery
from chalicelib.jobs import Label
from chalicelib.store.database import Database
from chalicelib.store.lists import JobLists
from chalicelib.store.migrations import MigrationStore
from chalicelib.store.partitions import PartitionStore, first_id
from infra.local.services import databases

ROWS = 10_000_000
DAYS = 40
BACKLOG = 100_000  # of the newest jobs, unfinished
READS = 3
MOST_PAGES = 5


class Cost(msgspec.Struct, frozen=True, order=True):
    """One list. pages: how often it was read on until a page was full or the list ended; found: jobs by then."""

    median_ms: float
    name: str
    found: int
    pages: int


def main(rows: int) -> None:
    with databases(durable=True) as addresses:
        database = Database(addresses.database_url, patience_seconds=3_600)
        MigrationStore(database).apply()
        PartitionStore(database).ensure(0)
        with psycopg.connect(addresses.database_url, autocommit=True) as connection:
            fill(connection, rows)
        lists = JobLists(Database(addresses.database_url))
        costs = sorted((_cost(lists, query) for query in _combinations()), reverse=True)
    for cost in costs:
        sys.stdout.write(f"{cost.median_ms:7.2f} ms  {cost.found:4} found in {cost.pages:3} pages  {cost.name}\n")
    sys.stdout.write(f"{len(costs)} lists of {rows:,} jobs; the slowest took {costs[0].median_ms:.1f} ms a page\n")


def _combinations() -> list[dict[str, str]]:
    kinds = (None, "common", "rare", "none")
    every = product((None, *get_args(Label)), kinds, kinds, kinds)
    return [
        {name: value for name, value in zip(("status", "queue", "job_type", "tag"), values, strict=True) if value}
        for values in every
    ]


def _cost(lists: JobLists, query: dict[str, str]) -> Cost:
    chosen = converted(query, ListQuery).chosen()
    taken = [_timed(lists, chosen) for _ in range(READS)]
    found, pages = _read_on(lists, chosen)
    return Cost(statistics.median(taken), " ".join(f"{k}={v}" for k, v in query.items()) or "all", found, pages)


def _timed(lists: JobLists, chosen: Any) -> float:
    began = time.perf_counter()
    lists.page(chosen)
    return (time.perf_counter() - began) * 1000


def _read_on(lists: JobLists, chosen: Any) -> tuple[int, int]:
    found, pages, cursor = 0, 0, chosen.before
    while found < chosen.limit and pages < MOST_PAGES:
        page = lists.page(msgspec.structs.replace(chosen, before=cursor))
        found, pages, cursor = found + len(page.jobs), pages + 1, page.stopped_at
        if cursor is None:
            break
    return found, pages


def fill(connection: psycopg.Connection[Any], rows: int, ended: str = "now()") -> None:
    """Evenly over the days; the fault and the rare ones are one in a thousand, and the rarest ones are old.

    ended: SQL for ``finished_at``; ``made_ms`` is when the job's id was made.
    """
    today = datetime.now(UTC).date()
    a_day = rows // DAYS
    for ago in range(DAYS, -1, -1):
        day = today - timedelta(days=ago)
        name = f"jobs_{day:%Y%m%d}"
        for table, fill in (("jobs", 45), ("job_tags", 100)):
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {table}_{day:%Y%m%d} PARTITION OF {table} FOR VALUES"
                f" FROM ('{first_id(day)}') TO ('{first_id(day + timedelta(days=1))}') WITH (fillfactor = {fill})".encode()
            )
        connection.execute(
            f"""
            INSERT INTO {name} (id, job_type, queue, status, priority, max_attempts, attempt, failures, timeout_seconds,
                                run_at, payload, tags, finished_at, result)
            SELECT (lpad(to_hex(made_ms), 12, '0') || '-7000-8000-'
                    || lpad(to_hex(n), 12, '0'))::uuid,
                   CASE n %% 1000 WHEN 3 THEN 'rare' ELSE 'common' END,
                   CASE n %% 1000 WHEN 7 THEN 'rare' ELSE 'common' END,
                   status, 0, 3, 1, 0, 60, now() + CASE WHEN n %% 3000 = 1 THEN interval '1 hour' ELSE interval '0' END,
                   '{{"user_id": 1}}',
                   CASE WHEN n %% 1000 = 9 THEN '{{rare}}' WHEN n %% 10 = 1 THEN '{{common}}' ELSE '{{}}' END::text[],
                   CASE WHEN status <> 'QUEUED' THEN {ended} END, CASE WHEN status = 'COMPLETED' THEN '{{"rows": 1}}'::json END
              FROM generate_series(1, %(count)s) AS n,
                   LATERAL (SELECT %(start)s::bigint + n::bigint * 80000000 / %(count)s AS made_ms) AS made,
                   LATERAL (SELECT CASE WHEN %(ago)s = 0 AND n > %(count)s - %(backlog)s OR n %% 50000 = 11 THEN 'QUEUED'
                                        WHEN n %% 1000 = 5 THEN 'FAILED' WHEN n %% 1000 = 6 THEN 'CANCELLED'
                                        ELSE 'COMPLETED' END AS status) AS end_of
            """.encode(),
            {
                "start": int.from_bytes(first_id(day).bytes[:6], "big"),
                "count": a_day,
                "ago": ago,
                "backlog": min(BACKLOG, a_day // 2),
            },
        )
        connection.execute(f"INSERT INTO job_tags SELECT unnest(tags), id FROM {name} WHERE tags <> '{{}}'".encode())
    connection.execute("VACUUM ANALYZE")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
