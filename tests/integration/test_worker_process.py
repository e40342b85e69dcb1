"""The worker as its own process, as a container runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from infra.local.services import ROOT, Addresses
from tests.integration.conftest import World

Worker = subprocess.Popen[bytes]


@contextmanager
def a_worker(addresses: Addresses, log: Path, *options: str) -> Iterator[Worker]:
    environment = os.environ | {"DATABASE_URL": addresses.database_url, "REDIS_URL": addresses.redis_url}
    with log.open("ab") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "worker_fn", *options], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    try:
        yield worker
    finally:
        if worker.poll() is None:
            worker.terminate()
        worker.wait(30)


@pytest.fixture
def registry() -> Any:
    """The product's own: what the worker process knows too."""
    from chalicelib.handlers import registry

    return registry


def wait_for(is_so: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 15
    while not is_so():
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def count(conn: psycopg.Connection[Any], condition: str) -> int:
    row = conn.execute(f"SELECT count(*) FROM jobs WHERE {condition}".encode()).fetchone()
    return int(row[0]) if row else 0


def test_several_processes_share_the_work_and_one_that_dies_is_replaced(
    addresses: Addresses, world: World, conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    with a_worker(addresses, tmp_path / "log", "--processes", "2", "--concurrency", "2") as worker:
        wait_for(lambda: living(world) == 2)
        for _ in range(12):
            world.submit("sleep", {"seconds": 0.2})
        wait_for(lambda: count(conn, "status = 'COMPLETED'") == 12)
        first, second = psutil.Process(worker.pid).children()
        first.kill()
        wait_for(lambda: len({*psutil.Process(worker.pid).children()} - {first, second}) == 1)
        world.submit("echo", 1)
        wait_for(lambda: count(conn, "status = 'COMPLETED'") == 13)
        worker.terminate()
        assert worker.wait(20) == 0

    assert count(conn, "true") == 13
    row = conn.execute("SELECT count(DISTINCT worker_id) FROM jobs WHERE job_type = 'sleep'").fetchone()
    assert row == (2,)


def living(world: World) -> int:
    batch = world.link.batch()
    world.workers.count(batch)
    (alive,) = batch.send()
    return int(alive)


def test_a_stopped_worker_finishes_what_runs_and_ends_well(
    addresses: Addresses, world: World, conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    with a_worker(addresses, tmp_path / "log") as worker:
        job = world.submit("sleep", {"seconds": 2})
        wait_for(lambda: [report.running for report in world.workers.all()] == [[job.id]])
        (report,) = world.workers.all()
        worker.terminate()
        assert worker.wait(20) == 0

    assert (report.pid, report.form, report.concurrency) == (worker.pid, "container", 16)
    assert world.workers.all() == []
    assert count(conn, "status = 'COMPLETED' AND attempt = 1") == 1


@pytest.mark.parametrize("options", [(), ("--processes", "2")])
def test_a_second_signal_ends_it_at_once_and_what_ran_goes_back(
    addresses: Addresses, world: World, conn: psycopg.Connection[Any], tmp_path: Path, options: tuple[str, ...]
) -> None:
    with a_worker(addresses, tmp_path / "log", *options) as worker:
        world.submit("sleep", {"seconds": 60})
        wait_for(lambda: count(conn, "status = 'RUNNING'") == 1)
        worker.terminate()
        time.sleep(0.3)  # it is in its grace now, and would stay there for 25 s
        assert count(conn, "status = 'RUNNING'") == 1
        worker.send_signal(signal.SIGINT)
        assert worker.wait(5) == 0

    assert count(conn, "status = 'QUEUED' AND failures = 0 AND crashes = 0") == 1


@pytest.mark.parametrize("options", [("--concurrency", "0"), ("--processes", "-1"), ("--concurrency", "many")])
def test_options_out_of_range_are_refused(addresses: Addresses, tmp_path: Path, options: tuple[str, ...]) -> None:
    with a_worker(addresses, tmp_path / "log", *options) as worker:
        assert worker.wait(20) == 2

    assert "argument" in (tmp_path / "log").read_text()
