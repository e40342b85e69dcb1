"""What pruning costs those who submit meanwhile: ``python -m tests.bench.retention_cost [ROWS]``.

Ten million finished jobs of forty days, a partition each, a tenth with a tag and a tenth with a line of log, all expired. Every
other day holds a few unfinished jobs, and has to be emptied row by row; the others are dropped. One process submits single jobs,
another submits, claims and completes batches, without a pause: first alone, then while pruning has its turns as maintenance
gives them, then while it prunes without a pause until nothing is left. Meanwhile a fourth connection looks every few
milliseconds who waits for which table's lock, and for how long by Postgres's own clock.
"""

from __future__ import annotations

import logging
import multiprocessing
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from typing import Any

import msgspec
import psycopg
from uuid_utils.compat import uuid7

from chalicelib.jobs import LEASE, NewJob, Terms
from chalicelib.pruning import JobPruning
from chalicelib.retention import RetentionChange
from chalicelib.store.attempts import AttemptStore
from chalicelib.store.database import Database
from chalicelib.store.detached import DetachedStore
from chalicelib.store.jobs import JobStore
from chalicelib.store.migrations import MigrationStore
from chalicelib.store.partitions import PartitionStore, first_id
from chalicelib.store.retention import RetentionStore
from chalicelib.store.walks import WalkStore
from infra.local.services import databases
from tests.bench.list_cost import DAYS, fill

ROWS = 10_000_000
ALONE_SECONDS = 60
PACED_SECONDS = 60
BATCH = 200
MAINTENANCE_EVERY = 5.0  # seconds
LOOK_SECONDS = 0.003
FOREVER = timedelta(days=1)
ENDED = "to_timestamp(made_ms / 1000.0) + interval '1 minute'"


class Phase(msgspec.Struct, frozen=True):
    """From when to when, by the monotonic clock."""

    name: str
    began: float
    ended: float

    def of(self, samples: list[tuple[float, float]]) -> list[float]:
        """Milliseconds."""
        return sorted(1000 * took for at, took in samples if self.began <= at < self.ended) or [0.0]


class Waits(threading.Thread):
    """Who waits for a table. longest: seconds, by who it is: pruning itself, or others."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._stopped = threading.Event()
        self.seen: list[tuple[float, float, bool, str]] = []

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._stopped.wait(LOOK_SECONDS):
                rows = connection.execute(
                    """
                    SELECT extract(epoch FROM clock_timestamp() - waitstart)::float8, application_name = 'pruning',
                           relation::regclass || ' ' || mode
                      FROM pg_locks JOIN pg_stat_activity USING (pid)
                     WHERE NOT granted AND locktype = 'relation' AND waitstart IS NOT NULL
                    """
                ).fetchall()
                self.seen += [(time.monotonic(), *row) for row in rows]


def main(rows: int) -> None:
    with databases(durable=True) as addresses:
        url = addresses.database_url
        _prepare(url, rows)
        phases, samples, waits, gone = _measure(url)
        with psycopg.connect(url) as connection:
            left = _number(
                connection,
                "SELECT count(*) FROM jobs WHERE finished_at IS NULL AND id < %s",
                first_id(datetime.now(UTC).date()),
            )
    for phase in phases:
        _report(phase, samples, waits)
    sys.stdout.write(f"{gone}; {left:,} unfinished old jobs stayed\n")


def _prepare(url: str, rows: int) -> None:
    database = Database(url, patience_seconds=3_600)
    MigrationStore(database).apply()
    with psycopg.connect(url, autocommit=True) as connection:
        began = time.monotonic()
        _make_days(connection)
        fill(connection, rows, ENDED)
        _finish_every_other_day(connection)
        connection.execute(
            "INSERT INTO job_logs SELECT job_id, 1, 1, now(), 'INFO', 'bench', 'one line' FROM job_tags WHERE tag = 'common'"
        )
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    PartitionStore(database).ensure()
    RetentionStore(database).change(RetentionChange(completed=1, failed=1, cancelled=1))
    database.close()
    _say(f"filled in {time.monotonic() - began:.0f} s")


def _make_days(connection: psycopg.Connection[Any]) -> None:
    """Of the logs: the filling makes the others."""
    for ago in range(DAYS + 1):
        day = datetime.now(UTC).date() - timedelta(days=ago)
        connection.execute(
            f"CREATE TABLE job_logs_{day:%Y%m%d} PARTITION OF job_logs"
            f" FOR VALUES FROM ('{first_id(day)}') TO ('{first_id(day + timedelta(days=1))}')".encode()
        )


def _finish_every_other_day(connection: psycopg.Connection[Any]) -> None:
    for ago in range(2, DAYS + 1, 2):
        day = datetime.now(UTC).date() - timedelta(days=ago)
        connection.execute(
            f"UPDATE jobs_{day:%Y%m%d} SET status = 'COMPLETED', finished_at = run_at - interval '2 days'"
            " WHERE finished_at IS NULL".encode()
        )


def _measure(url: str) -> tuple[list[Phase], list[tuple[float, float]], Waits, str]:
    waits, samples = Waits(url), [(0.0, 0.0)]
    waits.start()
    pruning = _pruning(url)
    with _clients(url, samples):
        phases = [_phase("nobody prunes", lambda: time.sleep(ALONE_SECONDS))]
        phases.append(_phase("pruning in turns", lambda: _paced(pruning)))
        before = _standing(url)
        phases.append(_phase("pruning without a pause", lambda: _flat_out(pruning, url)))
        after = _standing(url)
    waits.stop()
    seconds = phases[-1].ended - phases[-1].began
    pruned, dropped = after[0] - before[0], before[1] - after[1]
    return phases, samples, waits, f"without a pause {pruned:,} jobs and {dropped} partitions went in {seconds:.0f} s"


def _paced(pruning: JobPruning) -> None:
    until = time.monotonic() + PACED_SECONDS
    while time.monotonic() < until:
        next_turn = time.monotonic() + MAINTENANCE_EVERY
        pruning.run()
        time.sleep(max(0.0, next_turn - time.monotonic()))


def _flat_out(pruning: JobPruning, url: str) -> None:
    database = Database(url)
    while WalkStore(database).due(RetentionStore(database).get()) or DetachedStore(database).all():
        pruning.run()
    for _ in range(5):
        pruning.run()  # partitions of tags and logs
    database.close()


def _pruning(url: str) -> JobPruning:
    database = Database(url + "?application_name=pruning")
    walks = _Timed(database)
    return JobPruning(retention=RetentionStore(database), walks=walks, detached=DetachedStore(database))


class _Timed(WalkStore):
    """Says how fast rows went, and how long the longest step took."""

    def step(self, *args: Any) -> Any:
        began = time.monotonic()
        step = super().step(*args)
        if step.gone:
            STEPS.append((time.monotonic() - began, step.gone))
        return step


STEPS: list[tuple[float, int]] = []


def _phase(name: str, act: Callable[[], None]) -> Phase:
    _say(name)
    began = time.monotonic()
    act()
    return Phase(name, began, time.monotonic())


def _standing(url: str) -> tuple[int, int]:
    """Jobs that were pruned, and partitions that there are."""
    with psycopg.connect(url) as connection:
        pruned = _number(connection, "SELECT sum(pruned) FROM retention")
        return pruned, _number(connection, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'jobs'::regclass")


def _number(connection: psycopg.Connection[Any], query: str, *params: object) -> int:
    ((number,),) = connection.execute(query.encode(), params).fetchall()
    return int(number)


@contextmanager
def _clients(url: str, samples: list[tuple[float, float]]) -> Iterator[None]:
    spawn = multiprocessing.get_context("spawn")
    stopped, told = spawn.Event(), spawn.Queue()
    workers = [
        spawn.Process(target=_submit_singly, args=(url, stopped, told), daemon=True),
        spawn.Process(target=_work, args=(url, stopped), daemon=True),
    ]
    reader = threading.Thread(target=lambda: samples.extend(iter(told.get, None)), daemon=True)
    reader.start()
    for worker in workers:
        worker.start()
    time.sleep(3)
    yield
    stopped.set()
    for worker in workers:
        worker.join()
    told.put(None)
    reader.join()


def _submit_singly(url: str, stopped: Event, told: Queue[tuple[float, float]]) -> None:
    store = JobStore(Database(url, prepares=True))
    while not stopped.wait(0.002):
        began = time.monotonic()
        store.insert([_job()])
        told.put((began, time.monotonic() - began))


def _work(url: str, stopped: Event) -> None:
    database = Database(url, prepares=True)
    store, attempts = JobStore(database), AttemptStore(database)
    while not stopped.is_set():
        jobs = store.insert([_job("bench") for _ in range(BATCH)])
        claimed = attempts.claim([job.id.bytes for job in jobs], "bench", LEASE, FOREVER)
        attempts.complete(claimed, [b"1"] * len(claimed))


def _job(*tags: str) -> NewJob:
    return NewJob(id=uuid7(), job_type="echo", payload=msgspec.Raw(b"{}"), otherwise=Terms(0, 3, 30.0), tags=[*tags])


def _report(phase: Phase, samples: list[tuple[float, float]], waits: Waits) -> None:
    took = phase.of(samples)
    mine = [each for each in waits.seen if phase.began <= each[0] < phase.ended]
    others = [1000 * wait for _, wait, is_pruning, _ in mine if not is_pruning]
    asked = [1000 * wait for _, wait, is_pruning, _ in mine if is_pruning]
    sys.stdout.write(
        f"{phase.name:<24} {len(took):6} submits  p50 {statistics.median(took):6.2f} ms"
        f"  p99 {took[int(len(took) * 0.99)]:7.2f} ms  longest {took[-1]:7.2f} ms"
        f"  waited for a table: others {max(others, default=0.0):5.1f} ms at most, pruning {max(asked, default=0.0):5.1f} ms\n"
    )


def _steps() -> None:
    spent, gone = sum(took for took, _ in STEPS), sum(count for _, count in STEPS)
    took = sorted(1000 * took for took, _ in STEPS) or [0.0]
    sys.stdout.write(
        f"slices: {gone:,} jobs in {len(took):,}, {gone / max(spent, 1e-9):,.0f} jobs a second;"
        f" a slice takes {statistics.median(took):.0f} ms, the longest took {took[-1]:.0f} ms\n"
    )


def _say(line: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S}  {line}\n")


if __name__ == "__main__":
    logging.getLogger().setLevel(logging.ERROR)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
    _steps()
