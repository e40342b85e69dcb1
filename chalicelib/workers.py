"""Redis: which container workers are alive, and the bell that wakes them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from datetime import timedelta
from uuid import UUID

import redis

from chalicelib.jobs import Job
from chalicelib.redis_link import CANCEL_CHANNEL, WAKE_CHANNEL, Batch, reaching_redis, text

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

    def nudge(self, jobs: Iterable[Job], batch: Batch) -> None:
        """Tell whoever runs these jobs that somebody asked for their end. The rows say so too, should nobody hear it."""
        for job in jobs:
            batch.commands.publish(CANCEL_CHANNEL, _NUDGE.pack(job.id.bytes, job.attempt))

    def listen(
        self, on_wake: Callable[[str], None], on_cancel: Callable[[UUID, int], None], should_stop: Callable[[], bool]
    ) -> None:
        """Until told to stop, call ``on_wake`` with a queue that has news, ``on_cancel`` with an attempt that must end.

        Raises QueueUnavailable.
        """
        with reaching_redis(), self._redis.pubsub(ignore_subscribe_messages=True) as bell:
            bell.subscribe(WAKE_CHANNEL, CANCEL_CHANNEL)
            while not should_stop():
                message = bell.get_message(timeout=0.25)
                if message is None:
                    continue
                if message["channel"] == CANCEL_CHANNEL.encode():
                    job_id, attempt = _NUDGE.unpack(message["data"])
                    on_cancel(UUID(bytes=job_id), attempt)
                else:
                    on_wake(text(message["data"]))


_ALIVE = "workers"
_NUDGE = struct.Struct("!16sI")  # a job's id, and the attempt that was running: after a revival it is another

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
