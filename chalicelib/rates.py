"""Redis: how often each API key called."""

from __future__ import annotations

from datetime import timedelta

import redis

from chalicelib.redis_link import reaching_redis

BURST = timedelta(seconds=10)  # what may come at once: as much as the rate allows in this time


class Rates:
    """A leaky bucket a key, in one number: when the bucket will be empty.

    Source: the generic cell rate algorithm, ITU-T I.371, in its virtual scheduling form.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def wait(self, key_id: str, a_minute: int) -> timedelta:
        """Counts a call. Returns how long it has to wait: zero when it may go on. Raises QueueUnavailable."""
        with reaching_redis():
            wait_ms = self._redis.eval(_WAIT, 1, _bucket(key_id), 60_000 / a_minute, int(BURST.total_seconds() * 1000))
        return timedelta(milliseconds=int(str(wait_ms)))


def _bucket(key_id: str) -> str:
    return f"rate:{key_id}"


# KEYS[1]  when the bucket will be empty, ms since the epoch
# ARGV[1]  step   ms that one call adds
# ARGV[2]  burst  ms that the bucket holds
# returns  ms to wait; 0: the call was counted
_WAIT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local empty = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0)) + ARGV[1]
local over = empty - now - math.max(ARGV[2], ARGV[1])
if over > 0 then return math.ceil(over) end
redis.call('SET', KEYS[1], string.format('%.3f', empty), 'PX', math.ceil(empty - now))
return 0
"""
