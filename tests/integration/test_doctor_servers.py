"""Postgres and Redis: what they lack, which of them is away, and whether the clocks agree."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import redis
from psycopg.conninfo import make_conninfo

from chalicelib.checks.clocks import Clocks
from chalicelib.checks.limits import Limits
from chalicelib.findings import Severity
from chalicelib.inspection import RedisInspection
from chalicelib.redis_link import connect
from chalicelib.store import inspection
from chalicelib.store.database import Database
from chalicelib.store.inspection import StoreInspection
from infra.local.services import Addresses
from tests.integration.conftest import World
from tests.integration.examination import OK, Examine, a_doctor, examine, running, wrong

__all__ = ["examine"]


# The servers


def test_a_redis_that_may_forget_is_found(world: World, examine: Examine) -> None:
    world.cache.config_set("maxmemory-policy", "allkeys-lru")

    report = examine()

    world.cache.config_set("maxmemory-policy", "noeviction")
    assert wrong(report) == {"eviction_policy": "error"}
    assert "allkeys-lru" in report.named("eviction_policy").found


@pytest.mark.parametrize(("share", "found"), [(0.5, {}), (0.85, "warning"), (0.97, "error")])
def test_a_redis_that_is_nearly_full_is_found(world: World, examine: Examine, share: float, found: object) -> None:
    used: Any = world.cache.info("memory")
    world.cache.config_set("maxmemory", int(used["used_memory"] / share))

    report = examine(limits=Limits(memory_share=0.75, memory_share_error=0.92))

    world.cache.config_set("maxmemory", 0)
    assert wrong(report) == ({"redis_memory": found} if found else {})


def test_what_redis_does_not_tell_is_unknown(world: World, examine: Examine, addresses: Addresses) -> None:
    world.cache.acl_setuser("blind", enabled=True, nopass=True, keys="*", channels="*", commands=["+@all", "-info"])
    blind = redis.Redis.from_url(addresses.redis_url, username="blind", password="any")

    report = examine(redis=RedisInspection(blind))

    blind.close()
    world.cache.acl_deluser("blind")
    assert wrong(report) == {"eviction_policy": "warning", "redis_memory": "warning"}
    assert report.named("eviction_policy").found.startswith("unknown: ")


def test_connections_that_run_out_are_found(examine: Examine) -> None:
    limits = Limits(sessions_share=0.0, sessions_share_error=0.99)

    assert wrong(examine(limits=limits)) == {"postgres_connections": "warning"}
    limits = Limits(sessions_share=0.0, sessions_share_error=0.0)
    assert wrong(examine(limits=limits)) == {"postgres_connections": "error"}


def test_a_session_that_keeps_its_locks_and_does_nothing_is_found(
    examine: Examine, addresses: Addresses, conn: psycopg.Connection[Any]
) -> None:
    limits = Limits(idle_in_transaction=timedelta(0))
    assert wrong(examine(limits=limits)) == {}

    with psycopg.connect(addresses.database_url, application_name="forgetful") as session:
        session.execute("SELECT FROM jobs LIMIT 1")
        report = examine(limits=limits)
        patient = examine()

    assert wrong(report) == {"idle_in_transaction": "warning"}
    (sample,) = report.named("idle_in_transaction").samples
    assert re.fullmatch(r"pid \d+ forgetful idle \d s with \d+ locks", sample)
    assert wrong(patient) == {}


def test_a_postgres_that_is_away_is_a_finding_and_the_rest_is_checked(
    world: World, addresses: Addresses, examine: Examine
) -> None:
    world.cache.config_set("maxmemory-policy", "allkeys-lru")
    away = Database(make_conninfo(addresses.database_url, port=1))

    report = a_doctor(away, world.cache).run(repair=True)

    world.cache.config_set("maxmemory-policy", "noeviction")
    assert wrong(report) == {"postgres": "error", "eviction_policy": "error"}
    assert "schema_version" in report.named("postgres").samples
    assert "\n" not in report.named("postgres").found


def test_a_redis_that_is_away_is_a_finding_and_the_rest_is_checked(
    world: World, examine: Examine, conn: psycopg.Connection[Any], database: Database
) -> None:
    running(world)
    conn.execute("UPDATE jobs SET lease_expires_at = now() - interval '16 seconds'")
    away = connect("redis://localhost:1")

    report = a_doctor(database, away).run(repair=True)

    assert wrong(report) == {"redis": "error", "leases_over": "error"}
    assert "epoch" in report.named("redis").samples


def test_a_server_that_goes_away_in_the_middle_is_a_finding(world: World, examine: Examine) -> None:
    class Leaving(StoreInspection):
        def sessions(self) -> inspection.Sessions:
            self._database.fetch("SELECT pg_terminate_backend(pg_backend_pid())")
            raise AssertionError

    with leaving(world) as database:
        report = examine(inspection=Leaving(database))

    assert wrong(report) == {"postgres_connections": "warning"}


@contextmanager
def leaving(world: World) -> Iterator[Database]:
    database = world._new_database()
    yield database
    database.close()


# Clocks


@pytest.mark.parametrize(
    ("seconds", "found"),
    [
        (0.9, {}),
        (-0.9, {}),
        (1.1, "warning"),
        (-1.1, "warning"),
        (5.2, "error"),
        (-5.2, "error"),
    ],
)
def test_clocks_that_disagree_are_found(
    world: World, examine: Examine, database: Database, seconds: float, found: object
) -> None:
    class Skewed(RedisInspection):
        def clock(self) -> float:
            return super().clock() + seconds

    assert wrong(examine(redis=Skewed(world.cache))) == ({"clock_skew": found} if found else {})


def test_this_machines_clock_is_compared_too(world: World, examine: Examine, database: Database) -> None:
    clocks = Clocks(
        postgres=StoreInspection(database).clock,
        redis=RedisInspection(world.cache).clock,
        limits=Limits(),
        here=lambda: time.time() - 2,
    )

    ((machine,), (servers,)) = clocks.machine(), clocks.servers()

    assert (machine.finding.severity, servers.finding.severity) == (Severity.WARNING, OK)
    assert re.fullmatch(r"Postgres is [12]\.\d\d\d s ahead of this machine", machine.finding.found)


def test_a_slow_answer_is_not_taken_for_a_wrong_clock() -> None:
    now = [100.0]

    def slow() -> float:
        now[0] += 4  # on its way there
        answer = now[0]
        now[0] += 1  # and back
        return answer

    clocks = Clocks(postgres=slow, redis=lambda: now[0], limits=Limits(), here=lambda: now[0])

    assert [each.finding.severity for each in clocks.servers()] == [OK]
