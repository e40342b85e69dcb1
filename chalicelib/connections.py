"""Redis: which WebSocket connections there are, and what each asked for.

The registry is in shards, so that several broadcasters share it and none reads what is another's.
"""

from __future__ import annotations

import logging
import secrets
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
import redis

from chalicelib.callers import ANYONE, Caller, Role
from chalicelib.events import Subscription
from chalicelib.leadership import CURSORS
from chalicelib.redis_link import LOGS_WATCHED, WATCHED, WHOLE_FROM, reaching_redis

logger = logging.getLogger(__name__)

SHARDS = 32
LONGEST_LIFE = timedelta(hours=2, minutes=10)  # API Gateway cuts at 2 h; $disconnect may never come
SAVED_WITHIN = timedelta(seconds=2)  # of looking at the clock: a broadcaster that had read further may not have seen it
LINGER = timedelta(minutes=1)  # events are kept so long for those who were cut off and come back


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One client. No URL: each process fills in its own endpoint template. connected_at: seconds since the epoch; asked_at: the
    event stream's position by when it has surely subscribed."""

    id: str
    api_id: str
    stage: str
    connected_at: int
    caller_id: str = ""
    role: Role = Role.VIEWER
    subscription: Subscription = Subscription()
    asked_at: str = "0-0"


class Marks(NamedTuple):
    """How to see that the registry has changed. whole_from: is another one once it was lost; shards: is another one after every
    change of that shard."""

    whole_from: bytes | None
    shards: list[bytes | None]


class Registered(NamedTuple):
    """Some shards at one moment. connections: by id; marks: of the shards then; whole_from: as in ``Marks``."""

    connections: dict[str, Connection]
    marks: list[bytes | None]
    whole_from: bytes | None


class Connections:
    """The registry."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def add(self, connection_id: str, api_id: str, stage: str, caller: Caller = ANYONE) -> None:
        with reaching_redis():
            seconds, _ = self._redis.time()
            new = Connection(
                id=connection_id,
                api_id=api_id,
                stage=stage,
                connected_at=seconds,
                caller_id=caller.id,
                role=caller.role,
            )
            self._save(_ADD, new)

    def subscribe(self, connection: Connection, subscription: Subscription) -> bool:
        """What is appended to the stream afterwards is told as it asks. False: it has left."""
        with reaching_redis():
            seconds, micros = self._redis.time()
            asked_at = f"{seconds * 1000 + micros // 1000 + _ms(SAVED_WITHIN)}-0"
            record = msgspec.structs.replace(connection, subscription=subscription, asked_at=asked_at)
            if not self._save(_REPLACE, record):
                return False
            if subscription.logs:
                self._watch_logs(subscription, seconds)
        return True

    def find(self, connection_id: str) -> Connection | None:
        with reaching_redis():
            record: Any = self._redis.hget(registry(shard_of(connection_id)), connection_id)
        return next(_decoded([record]), None) if record is not None else None

    def remove(self, connection_id: str) -> None:
        shard = shard_of(connection_id)
        keys = registry(shard), CHANGES, WATCHED, *map(registry, range(SHARDS))
        arguments = connection_id, shard, secrets.token_bytes(8), _ms(LINGER)
        with reaching_redis():
            self._redis.eval(_REMOVE, len(keys), *keys, *arguments)

    def marks(self, shards: Sequence[int]) -> Marks:
        """Random ones, so that a registry that was lost and begun anew cannot look unchanged."""
        with reaching_redis(), self._redis.pipeline(transaction=False) as both:
            both.get(WHOLE_FROM)
            if shards:
                both.hmget(CHANGES, [str(shard) for shard in shards])
            whole_from, *found = both.execute()
        return Marks(whole_from, found[0] if found else [])

    def of_shards(self, shards: Sequence[int]) -> Registered:
        """Everyone there who may still be connected; those past any possible life are dropped."""
        if not shards:
            return Registered({}, [], None)
        with reaching_redis(), self._redis.pipeline(transaction=True) as reads:
            reads.time()
            reads.get(WHOLE_FROM)
            reads.hmget(CHANGES, [str(shard) for shard in shards])
            for shard in shards:
                reads.hvals(registry(shard))
            (seconds, _), whole_from, marks, *records = reads.execute()
        connections = list(_decoded(record for each in records for record in each))
        oldest = seconds - LONGEST_LIFE.total_seconds()
        for expired in connections:
            if expired.connected_at < oldest:
                self.remove(expired.id)
        return Registered({each.id: each for each in connections if each.connected_at >= oldest}, marks, whole_from)

    def all(self) -> dict[str, Connection]:
        return self.of_shards(range(SHARDS)).connections

    def count(self) -> int:
        """Of those that are known, also if they are gone by now."""
        with reaching_redis(), self._redis.pipeline(transaction=False) as reads:
            for shard in range(SHARDS):
                reads.hlen(registry(shard))
            return sum(reads.execute())

    def _save(self, script: str, connection: Connection) -> bool:
        shard = shard_of(connection.id)
        keys = registry(shard), CHANGES, WATCHED, WHOLE_FROM, CURSORS
        arguments = connection.id, msgspec.json.encode(connection), shard, secrets.token_bytes(8), _ms(LONGEST_LIFE)
        return bool(self._redis.eval(script, len(keys), *keys, *arguments))

    def _watch_logs(self, subscription: Subscription, now: int) -> None:
        until = now + int(LONGEST_LIFE.total_seconds())
        with self._redis.pipeline(transaction=False) as both:
            both.zremrangebyscore(LOGS_WATCHED, "-inf", now)
            both.zadd(LOGS_WATCHED, {job_id.hex: until for job_id in subscription.logs})
            both.execute()


def shard_of(connection_id: str) -> int:
    return zlib.crc32(connection_id.encode(errors="replace")) % SHARDS


def _decoded(records: Iterable[Any]) -> Iterator[Connection]:
    """A record that another release wrote in its own way is passed over: it must not silence the others."""
    for record in records:
        try:
            yield _decoder.decode(record)
        except msgspec.DecodeError as error:
            logger.warning("unreadable connection", extra={"reason": str(error)})


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)


_decoder = msgspec.json.Decoder(Connection)


def registry(shard: int) -> str:
    """The key of a shard: HASH  connection id -> encoded record"""
    return f"{{ws}}:connections:{shard}"


CHANGES = "{ws}:changes"  # HASH  shard -> random bytes, others after every change

# KEYS     a shard, the changes, whether somebody is connected, the position from which on every event is kept, cursors
# ARGV     connection id, record, shard, random bytes, how long a connection may live in ms
_ADD = """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
if not redis.call('SET', KEYS[3], 1, 'PX', ARGV[5], 'GET') then
  local clock = redis.call('TIME')
  redis.call('DEL', KEYS[5])
  redis.call('SET', KEYS[4], string.format('%.0f-0', clock[1] * 1000 + math.floor(clock[2] / 1000) - 1))
end
return 1
"""

# As above. Returns 0 where the connection is not known.
_REPLACE = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
redis.call('SET', KEYS[3], 1, 'PX', ARGV[5])
return 1
"""

# KEYS     its shard, the changes, whether somebody is connected, every shard
# ARGV     connection id, shard, random bytes, how long to keep events when nobody is left in ms
_REMOVE = """
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
for place = 4, #KEYS do
  if redis.call('EXISTS', KEYS[place]) == 1 then return end
end
redis.call('PEXPIRE', KEYS[3], ARGV[4])
"""
