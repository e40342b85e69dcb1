"""Redis: how many long polls wait now. Each holds a function for seconds, and there are only so many."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import redis

from chalicelib.errors import QueueUnavailable
from chalicelib.redis_link import reaching_redis


class WaitingRoom:
    """Seats that free themselves, should somebody not come back for theirs."""

    def __init__(self, client: redis.Redis, seats: int) -> None:
        self._redis = client
        self._seats = seats

    @contextmanager
    def seat(self, within: timedelta) -> Iterator[timedelta]:
        """How long to wait: as long as was asked, or not at all where no seat is free, or nobody knows."""
        name = secrets.token_hex(8)
        if not within or not self._taken(name, within):
            yield timedelta(0)
            return
        try:
            yield within
        finally:
            with suppress(QueueUnavailable), reaching_redis():
                self._redis.zrem(_SEATS, name)

    def _taken(self, name: str, within: timedelta) -> bool:
        try:
            with reaching_redis():
                return bool(
                    self._redis.eval(_TAKE_SEAT, 1, _SEATS, name, int(within.total_seconds() * 1000), self._seats)
                )
        except QueueUnavailable:
            return False


_SEATS = "long_polls"

# KEYS[1]  ZSET  a name for each poll -> when it is over at the latest, ms since the epoch
# ARGV     name, how long in ms, seats
# returns  1 when there was a seat
_TAKE_SEAT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[2] + 1000, ARGV[1])
return 1
"""
