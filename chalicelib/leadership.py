"""Redis: which broadcaster serves which shard of the connections, and how far each shard was told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import redis

from chalicelib.redis_link import reaching_redis, text


class Told(NamedTuple):
    """How far a shard was told. mark: the shard's in the registry when that was so; none: not known."""

    cursor: str
    mark: bytes | None = None


class Leadership:
    """Leases, one a shard. shards: how many there are."""

    def __init__(self, client: redis.Redis, shards: int) -> None:
        self._redis = client
        self._shards = shards

    def lead(self, name: str, lease: timedelta, *, is_lasting: bool) -> set[int]:
        """Keep the shards that are ours, up to a fair share, and take free ones. Returns those that are ours from now on.

        is_lasting: those that come for a minute serve only while no lasting one is there: shards should not go to and fro.
        """
        keys = LASTING, *map(leader_of, range(self._shards))
        arguments = name, int(lease.total_seconds() * 1000), int(is_lasting)
        with reaching_redis():
            ours: Any = self._redis.eval(_LEAD, len(keys), *keys, *arguments)
        return {int(place) - 2 for place in ours}

    def told(self, shards: Sequence[int]) -> list[Told | None]:
        """How far each was told, the last time that somebody said so."""
        if not shards:
            return []
        names = [str(shard) for shard in shards]
        with reaching_redis(), self._redis.pipeline(transaction=True) as both:
            both.hmget(CURSORS, names)
            both.hmget(MARKS, names)
            cursors, marks = both.execute()
        return [
            None if cursor is None else Told(text(cursor), mark) for cursor, mark in zip(cursors, marks, strict=True)
        ]

    def save(self, told: Mapping[int, Told]) -> None:
        """By shard."""
        if not told:
            return
        with reaching_redis(), self._redis.pipeline(transaction=True) as both:
            both.hset(CURSORS, mapping={str(shard): each.cursor for shard, each in told.items()})
            both.hset(MARKS, mapping={str(shard): each.mark or b"" for shard, each in told.items()})
            both.execute()

    def resign(self, name: str, shards: Collection[int]) -> None:
        """Whoever comes next starts where these were told to, if that was saved."""
        keys = LASTING, *map(leader_of, sorted(shards))
        with reaching_redis():
            self._redis.eval(_RESIGN, len(keys), *keys, name)


def leader_of(shard: int) -> str:
    """The key of a lease: STRING  who leads"""
    return f"{{ws}}:leader:{shard}"


CURSORS = "{ws}:cursors"  # HASH  shard -> position in the event stream
MARKS = "{ws}:cursor_marks"  # HASH  shard -> its mark in the registry when that was so
LASTING = "{ws}:broadcasters"  # ZSET  who leads for longer -> until when that is sure, ms since the epoch

# KEYS     who leads for longer, a lease for each shard
# ARGV     name, lease in ms, whether it leads for longer
# returns  which of the keys are ours
_LEAD = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if ARGV[3] == '1' then redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1]) end
local lasting = redis.call('ZCARD', KEYS[1])
local share = math.ceil((#KEYS - 1) / math.max(lasting, 1))
if ARGV[3] == '0' and lasting > 0 then share = 0 end
local ours = {}
for pass = 1, 2 do
  for place = 2, #KEYS do
    local leader = redis.call('GET', KEYS[place])
    if leader == (pass == 1 and ARGV[1]) then
      if #ours < share then
        redis.call('SET', KEYS[place], ARGV[1], 'PX', ARGV[2])
        ours[#ours + 1] = place
      elseif pass == 1 then
        redis.call('DEL', KEYS[place])
      end
    end
  end
end
return ours
"""

# KEYS     who leads for longer, leases
# ARGV[1]  name
_RESIGN = """
redis.call('ZREM', KEYS[1], ARGV[1])
for place = 2, #KEYS do
  if redis.call('GET', KEYS[place]) == ARGV[1] then redis.call('DEL', KEYS[place]) end
end
"""
