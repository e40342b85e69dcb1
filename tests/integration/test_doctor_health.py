"""A deployment in which all is well has no findings, even while it is busy."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg

from chalicelib.checks.limits import Limits
from chalicelib.jobs import JobStatus
from chalicelib.maintenance import Maintenance
from chalicelib.store.database import Database
from chalicelib.worker import Budget
from infra.local.services import Addresses
from tests.integration.conftest import FOREVER, World, a_maintenance, insert, put_in_status
from tests.integration.examination import ALL_CHECKS, Examine, age, examine, running, wrong

__all__ = ["examine"]


def test_all_is_well_where_jobs_wait_run_and_are_finished(
    world: World, examine: Examine, conn: psycopg.Connection[Any]
) -> None:
    world.submit()
    world.run_due()
    world.submit(delay_seconds=3600, priority=-100)
    running(world)
    put_in_status(conn, insert(world.store), JobStatus.BLOCKED)
    world.submit(queue="{odd}: name", priority=100)
    age(conn, "6 seconds")

    report = examine()

    assert wrong(report) == {}
    assert report.is_healthy
    assert {finding.check for finding in report.findings} == ALL_CHECKS


@contextmanager
def busy(world: World, maintenance: Maintenance) -> Iterator[None]:
    """Jobs of all kinds are submitted, run, retried and cancelled, as fast as it goes."""
    stopped = threading.Event()
    worker = world.worker()

    def submit() -> None:
        while not stopped.is_set():
            for n in range(20):
                world.submit("fail" if n % 5 == 0 else "echo", delay_seconds=n % 3 / 10, queue="ab"[n % 2])
            world.scheduler.cancel(world.submit(delay_seconds=60).id)

    threads = [
        threading.Thread(target=submit),
        threading.Thread(target=worker.run, args=(Budget(FOREVER), timedelta(seconds=10))),
        threading.Thread(target=maintenance.run, args=(stopped,)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        worker.stop()
        for thread in threads:
            thread.join()


def test_a_busy_deployment_has_no_findings(
    world: World, examine: Examine, addresses: Addresses, conn: psycopg.Connection[Any]
) -> None:
    house = Database(addresses.database_url)
    maintenance = a_maintenance(house, world.cache)

    with busy(world, maintenance):
        reports = [examine(pause=time.sleep, limits=Limits(young=timedelta(0))) for _ in range(8)]

    assert [wrong(report) for report in reports] == [{}] * 8
    assert conn.execute("SELECT count(*) > 100 FROM jobs WHERE status = 'COMPLETED'").fetchone() == (True,)
    house.close()
