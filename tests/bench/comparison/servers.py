"""One Postgres and one Valkey for all peers, and a clean place on both for each.

Postgres commits durably, as it does by default. Valkey keeps nothing on disk: so all the Redis peers were measured, and so
they are fastest.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import psycopg
import redis

from infra.local.services import databases

DATABASE = "bench"


@dataclass(frozen=True)
class Servers:
    """Where they listen, and which processes they are."""

    admin_url: str
    redis_url: str
    postgres_pid: int
    redis_pid: int

    @property
    def database_url(self) -> str:
        return self.admin_url.rpartition("/")[0] + f"/{DATABASE}"

    def clean(self) -> None:
        """An empty database, an empty Redis, and nothing left to be written for whoever was measured before."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {DATABASE}")
            connection.execute("CHECKPOINT")
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()

    def analyze(self) -> None:
        """What autovacuum would have done in a while: without it, plans are made for empty tables."""
        with self.connect() as connection:
            connection.execute("VACUUM (ANALYZE)")

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.database_url, autocommit=True)

    def versions(self) -> dict[str, str]:
        with psycopg.connect(self.admin_url) as connection, redis.Redis.from_url(self.redis_url) as client:
            info = client.info("server")
            postgres = connection.info.parameter_status("server_version") or "?"
            return {"postgres": postgres, "valkey": str(info.get("valkey_version", info["redis_version"]))}


@contextlib.contextmanager
def running() -> Iterator[Servers]:
    with databases(durable=True) as addresses:
        yield Servers(
            addresses.database_url,
            addresses.redis_url,
            _postmaster(addresses.database_url),
            _redis_without_disk(addresses.redis_url),
        )


def _postmaster(url: str) -> int:
    with psycopg.connect(url) as connection:
        parent = psutil.Process(connection.info.backend_pid).parent()
    assert parent is not None
    return parent.pid


def _redis_without_disk(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        client.config_set("appendonly", "no")
        client.config_set("save", "")
        return int(client.info("server")["process_id"])
