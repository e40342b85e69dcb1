"""Redis: which WebSocket connections there are, and what each asked for."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import redis

from chalicelib.events import Subscription
from chalicelib.redis_link import reaching_redis

LONGEST_LIFE = timedelta(hours=2, minutes=10)  # API Gateway cuts at 2 h; $disconnect may never come


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One client. No URL: each process fills in its own endpoint template. connected_at: seconds since the epoch."""

    id: str
    api_id: str
    stage: str
    connected_at: int
    subscription: Subscription = Subscription()


class Connections:
    """The registry, with a generation that moves at every change, so that readers re-read only then."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def add(self, connection_id: str, api_id: str, stage: str) -> None:
        with reaching_redis():
            seconds, _ = self._redis.time()
        self._save(Connection(id=connection_id, api_id=api_id, stage=stage, connected_at=seconds))

    def subscribe(self, connection: Connection, subscription: Subscription) -> None:
        self._save(msgspec.structs.replace(connection, subscription=subscription))

    def find(self, connection_id: str) -> Connection | None:
        with reaching_redis():
            record = self._redis.hget(_CONNECTIONS, connection_id)
        return None if record is None else _decoder.decode(record)

    def remove(self, connection_id: str) -> None:
        with reaching_redis(), self._redis.pipeline() as both:
            both.hdel(_CONNECTIONS, connection_id)
            both.incr(_GENERATION)
            both.execute()

    def generation(self) -> int:
        with reaching_redis():
            return int(self._redis.get(_GENERATION) or 0)

    def all(self) -> dict[str, Connection]:
        """Everyone who may still be there, by id; those past any possible life are dropped."""
        with reaching_redis():
            seconds, _ = self._redis.time()
            records = self._redis.hvals(_CONNECTIONS)
        connections = [_decoder.decode(record) for record in records]
        oldest = seconds - LONGEST_LIFE.total_seconds()
        for expired in connections:
            if expired.connected_at < oldest:
                self.remove(expired.id)
        return {each.id: each for each in connections if each.connected_at >= oldest}

    def _save(self, connection: Connection) -> None:
        with reaching_redis(), self._redis.pipeline() as both:
            both.hset(_CONNECTIONS, connection.id, msgspec.json.encode(connection))
            both.incr(_GENERATION)
            both.execute()


_decoder = msgspec.json.Decoder(Connection)

_CONNECTIONS = "{ws}:connections"
_GENERATION = "{ws}:generation"
