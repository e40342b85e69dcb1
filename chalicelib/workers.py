"""Redis: which container workers are alive, and the bell that wakes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import redis

from chalicelib.redis_link import WAKE_CHANNEL, Batch, reaching_redis

SIGN_OF_LIFE = timedelta(seconds=3)  # a killed worker is taken to be alive this long; meanwhile submits wake no Lambda


class Workers:
    """Signs of life, by Redis's clock."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def show_life(self, worker_id: str) -> None:
        with reaching_redis():
            self._redis.eval(_SHOW_LIFE, 1, _ALIVE, worker_id, int(SIGN_OF_LIFE.total_seconds() * 1000))

    def say_goodbye(self, worker_id: str) -> None:
        with reaching_redis():
            self._redis.zrem(_ALIVE, worker_id)

    def count(self, batch: Batch) -> None:
        """Adds the number of living workers to the batch's answers."""
        batch.commands.eval(_COUNT, 1, _ALIVE)

    def listen(self, on_wake: Callable[[], None], should_stop: Callable[[], bool]) -> None:
        """Call ``on_wake`` whenever a queue has news, until told to stop. Raises QueueUnavailable."""
        with reaching_redis(), self._redis.pubsub(ignore_subscribe_messages=True) as bell:
            bell.subscribe(WAKE_CHANNEL)
            while not should_stop():
                if bell.get_message(timeout=0.25):
                    on_wake()


_ALIVE = "workers"

# KEYS[1]  ZSET  worker id -> when its sign of life ends, ms since the epoch
# ARGV     worker id, how long the sign lasts in ms
_SHOW_LIFE = """
local clock = redis.call('TIME')
redis.call('ZADD', KEYS[1], clock[1] * 1000 + math.floor(clock[2] / 1000) + ARGV[2], ARGV[1])
"""

# KEYS[1]  as above
# returns  how many signs of life have not ended
_COUNT = """
local clock = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', clock[1] * 1000 + math.floor(clock[2] / 1000))
return redis.call('ZCARD', KEYS[1])
"""
