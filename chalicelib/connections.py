"""Redis: which WebSocket connections there are, and what each asked for."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import msgspec
import redis

from chalicelib.callers import ANYONE, Caller, Role
from chalicelib.events import Subscription
from chalicelib.redis_link import CONNECTIONS, reaching_redis

logger = logging.getLogger(__name__)

LONGEST_LIFE = timedelta(hours=2, minutes=10)  # API Gateway cuts at 2 h; $disconnect may never come


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One client. No URL: each process fills in its own endpoint template. connected_at: seconds since the epoch."""

    id: str
    api_id: str
    stage: str
    connected_at: int
    caller_id: str = ""
    role: Role = Role.VIEWER
    subscription: Subscription = Subscription()


class Connections:
    """The registry, with a generation that moves at every change, so that readers re-read only then."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def add(self, connection_id: str, api_id: str, stage: str, caller: Caller = ANYONE) -> None:
        with reaching_redis():
            seconds, _ = self._redis.time()
        self._save(
            Connection(
                id=connection_id,
                api_id=api_id,
                stage=stage,
                connected_at=seconds,
                caller_id=caller.id,
                role=caller.role,
            )
        )

    def subscribe(self, connection: Connection, subscription: Subscription) -> None:
        self._save(msgspec.structs.replace(connection, subscription=subscription))

    def find(self, connection_id: str) -> Connection | None:
        with reaching_redis():
            record = self._redis.hget(CONNECTIONS, connection_id)
        return next(_decoded([record]), None) if record is not None else None

    def remove(self, connection_id: str) -> None:
        with reaching_redis(), self._redis.pipeline() as both:
            both.hdel(CONNECTIONS, connection_id)
            both.set(_GENERATION, secrets.token_bytes(8))
            both.execute()

    def generation(self) -> object:
        """Another one after every change. Random, so that a registry that was lost and begun anew cannot look unchanged."""
        with reaching_redis():
            return self._redis.get(_GENERATION)

    def all(self) -> dict[str, Connection]:
        """Everyone who may still be there, by id; those past any possible life are dropped."""
        with reaching_redis():
            seconds, _ = self._redis.time()
            records = self._redis.hvals(CONNECTIONS)
        connections = list(_decoded(records))
        oldest = seconds - LONGEST_LIFE.total_seconds()
        for expired in connections:
            if expired.connected_at < oldest:
                self.remove(expired.id)
        return {each.id: each for each in connections if each.connected_at >= oldest}

    def _save(self, connection: Connection) -> None:
        with reaching_redis(), self._redis.pipeline() as both:
            both.hset(CONNECTIONS, connection.id, msgspec.json.encode(connection))
            both.set(_GENERATION, secrets.token_bytes(8))
            both.execute()


def _decoded(records: Iterable[Any]) -> Iterator[Connection]:
    """A record that another release wrote in its own way is passed over: it must not silence the others."""
    for record in records:
        try:
            yield _decoder.decode(record)
        except msgspec.DecodeError as error:
            logger.warning("unreadable connection", extra={"reason": str(error)})


_decoder = msgspec.json.Decoder(Connection)

_GENERATION = "{ws}:generation"
