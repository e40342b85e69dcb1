"""Workers that share a backlog: tiny jobs flow, long ones stay for whoever is free."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from chalicelib.handlers.registry import JobContext, Registry, job
from tests.integration.conftest import World
from tests.integration.test_stopping import working


@pytest.fixture
def registry(registry: Registry) -> Registry:
    @job("nap", into=registry)
    def nap(seconds: float, context: JobContext) -> None:
        time.sleep(seconds)

    return registry


def by_worker(conn: psycopg.Connection[Any], job_type: str) -> dict[str, int]:
    rows = conn.execute(
        "SELECT worker_id, count(*) FROM jobs WHERE job_type = %s AND finished_at IS NOT NULL GROUP BY 1", [job_type]
    )
    return {"a": 0, "b": 0} | dict(rows.fetchall())


def wait_until_done(conn: psycopg.Connection[Any], job_type: str, count: int) -> None:
    ends_at = time.monotonic() + 30
    while sum(by_worker(conn, job_type).values()) < count:
        assert time.monotonic() < ends_at
        time.sleep(0.02)


def test_two_workers_share_long_jobs_to_the_end(world: World, conn: psycopg.Connection[Any]) -> None:
    for _ in range(40):
        world.submit("nap", 0.1)

    with working(world.worker(4, "a")), working(world.worker(4, "b")):
        wait_until_done(conn, "nap", 40)

    assert min(by_worker(conn, "nap").values()) >= 16


def test_long_jobs_behind_tiny_ones_are_put_back_for_an_idle_worker(
    world: World, conn: psycopg.Connection[Any]
) -> None:
    """The first worker learns that jobs are tiny, fetches far ahead, and then meets long ones."""
    for n in range(300):
        world.submit("echo", n)
    with ExitStack() as workers:
        workers.enter_context(working(world.worker(2, "a")))
        wait_until_done(conn, "echo", 300)
        for _ in range(20):
            world.submit("nap", 0.7)
        threading.Event().wait(0.2)  # the first worker holds them all by now
        workers.enter_context(working(world.worker(2, "b")))
        wait_until_done(conn, "nap", 20)

    assert min(by_worker(conn, "nap").values()) >= 6
    row = conn.execute("SELECT max(failures), max(crashes) FROM jobs").fetchone()
    assert row == (0, 0)
