"""Redis: the copy of the queues' settings that ``take`` obeys, and the bucket of tokens behind a rate limit.

Postgres has the truth, and maintenance puts the copy right every few seconds. A queue that was ever set has a second key beside
its copy: where the copy alone is lost, nothing is taken until it is back. After the loss of all of Redis the copies come back
before the jobs do; until then, and that is seconds, the queue takes what is submitted anew as if nothing were set.
"""

from __future__ import annotations

from collections.abc import Sequence

import redis

from chalicelib.queue_settings import QueueSettings
from chalicelib.redis_link import WAKE_CHANNEL, Batch


class Throttle:
    """Copies of settings, each fenced by its version."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def put(self, settings: QueueSettings, batch: Batch) -> None:
        """Unless there is a newer copy. Sleeping workers look again: they may take now what they might not before."""
        batch.commands.eval(
            _PUT, 2, *throttle_of(settings.name), WAKE_CHANNEL, settings.name, settings.version, *_fields(settings)
        )

    def wrong(self, settings: Sequence[QueueSettings]) -> list[QueueSettings]:
        """Those whose copy says something else, or is lost."""
        batch = Batch(self._redis)
        for each in settings:
            copy, mark = throttle_of(each.name)
            batch.commands.hmget(copy, "paused", "max_running", "rate")
            batch.commands.exists(mark)
        answers = iter(batch.send())
        return [each for each in settings if (next(answers), next(answers)) != (_copied(each), 1)]


def throttle_of(queue: str) -> tuple[str, str]:
    """The copy, and what tells that there ought to be one."""
    return f"throttle:{{q:{queue}}}", f"throttled:{{q:{queue}}}"


def _fields(settings: QueueSettings) -> list[str]:
    """As HSET wants them; what is left out is no limit."""
    fields = ["paused", "1" if settings.paused else "0"]
    if settings.max_running is not None:
        fields += ["max_running", str(settings.max_running)]
    if settings.rate_limit is not None:
        fields += ["rate", repr(settings.rate_limit.jobs / settings.rate_limit.per_seconds)]
    return fields


def _copied(settings: QueueSettings) -> list[bytes | None]:
    fields = _fields(settings)
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    return [values[name].encode() if name in values else None for name in ("paused", "max_running", "rate")]


# KEYS     the copy, and its mark
# ARGV     channel to wake workers on, the queue's name, version of the settings, then their fields and values
# returns  nothing
_PUT = """
if tonumber(redis.call('HGET', KEYS[1], 'version') or 0) > tonumber(ARGV[3]) then return end
redis.call('HDEL', KEYS[1], 'max_running', 'rate')
redis.call('HSET', KEYS[1], 'version', ARGV[3], unpack(ARGV, 4))
redis.call('SET', KEYS[2], 1)
redis.call('PUBLISH', ARGV[1], ARGV[2])
"""

# The part of ``take`` that obeys. It is given the time in ms and how many jobs are wanted.
# KEYS[1]  ready
# KEYS[3]  leased: a slot is a live lease, never a counter
# KEYS[4]  HASH  paused, max_running, rate (a second), tokens (there were) and at (that time, in ms)
# KEYS[5]  exists where KEYS[4] ought to
# returns  how many may be taken; and, unless only slots are lacking, ms until there may be more (-1: until somebody says so).
#          Not under 20 ms: a fast queue is looked at for a handful of tokens, not for each. Not over a day.
ALLOWANCE = """
local function allowance(now, most)
  local paused, slots, rate, tokens, at =
    unpack(redis.call('HMGET', KEYS[4], 'paused', 'max_running', 'rate', 'tokens', 'at'))
  if not paused then return redis.call('EXISTS', KEYS[5]) == 0 and most or 0, 1000 end
  if paused == '1' then return 0, -1 end
  if slots then most = math.min(most, slots - redis.call('ZCARD', KEYS[3])) end
  if not rate then return most end
  local full = math.max(1, rate)
  tokens = math.min(full, (tokens or full) + math.max(0, now - (at or now)) / 1000 * rate)
  local lacks_slots = most <= 0
  most = math.max(0, math.min(most, math.floor(tokens), redis.call('ZCARD', KEYS[1])))
  redis.call('HSET', KEYS[4], 'tokens', tokens - most, 'at', now)
  return most, not lacks_slots and math.min(864e5, math.max(20, math.ceil((1 - tokens) / rate * 1000)))
end
"""
