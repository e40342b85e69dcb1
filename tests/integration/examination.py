"""A doctor: how tests make one, what they break for it, and how they read its report."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import redis
from uuid_utils.compat import uuid7

from chalicelib.chores import Chores
from chalicelib.connections import Connections
from chalicelib.doctor import Doctor
from chalicelib.findings import Report, Severity
from chalicelib.handlers import registry
from chalicelib.inspection import RedisInspection
from chalicelib.jobs import ClaimedJob
from chalicelib.members import member
from chalicelib.queues import Queues
from chalicelib.redis_link import RedisLink
from chalicelib.store.database import Database
from chalicelib.store.inspection import StoreInspection
from chalicelib.store.jobs import JobStore
from chalicelib.store.migrations import MigrationStore
from chalicelib.store.partitions import PartitionStore
from chalicelib.workers import Workers
from tests.integration.conftest import FOREVER, World, a_maintenance

Examine = Callable[..., Report]
OK = Severity.OK
READY, DELAYED, LEASED = (f"{{q:default}}:{name}" for name in ("ready", "delayed", "leased"))
ALL_CHECKS = {
    *("postgres", "redis", "schema_version", "schema_ahead", "partitions_missing"),
    *("jobs_in_default_partition", "partitions_full", "epoch", "rows_without_reminders"),
    *("reminders_in_wrong_set", "reminders_at_wrong_time", "reminders_without_rows"),
    *("reminders_of_finished_jobs", "reminders_with_wrong_rank", "queues_without_names", "leases_over"),
    *("cancels_ignored", "sweep", "paused", "workers", "eviction_policy", "redis_memory"),
    *("postgres_connections", "idle_in_transaction", "connections_expired", "connections_unreadable"),
    *("event_reader", "clock_skew", "machine_clock", "retention_behind", "detached_partitions"),
    *("schedules_late", "schedules_unreadable", "dependencies", "shut"),
}


def a_doctor(database: Database, cache: redis.Redis, **parts: Any) -> Doctor:
    return Doctor(
        **{
            "inspection": StoreInspection(database),
            "redis": RedisInspection(cache),
            "store": JobStore(database),
            "migrations": MigrationStore(database),
            "partitions": PartitionStore(database),
            "maintenance": a_maintenance(database, cache),
            "redis_link": RedisLink(cache),
            "queues": Queues(cache),
            "connections": Connections(cache),
            "workers": Workers(cache),
            "registry": registry,
            "chores": Chores(cache),
            "pause": lambda seconds: None,
            **parts,
        }
    )


@pytest.fixture
def examine(world: World, database: Database) -> Examine:
    """Of a deployment that has been set up, and that nobody has broken yet."""
    Chores(world.cache).set_epoch()

    def run(*, repair: bool = False, **parts: Any) -> Report:
        return a_doctor(database, world.cache, **parts).run(repair=repair)

    return run


def wrong(report: Report) -> dict[str, str]:
    return {finding.check: finding.severity.value for finding in report.findings if finding.severity is not OK}


def running(world: World) -> ClaimedJob:
    world.submit()
    (job,) = world.fetcher().fetch({"default": 1}, FOREVER).jobs
    return job


def age(conn: psycopg.Connection[Any], interval: str) -> None:
    conn.execute("UPDATE jobs SET created_at = created_at - %s::interval", [interval])


def of_no_row(world: World) -> None:
    world.cache.zadd(READY, {member(world.submit(delay_seconds=60))[:1] + uuid7().bytes: 1})


def in_ms(seconds: float) -> int:
    return int((time.time() + seconds) * 1000)


def day(offset: int) -> str:
    return f"jobs_{datetime.now(UTC) + timedelta(days=offset):%Y%m%d}"
