"""Dramatiq on Redis, with stored results."""

from __future__ import annotations

import os

import dramatiq
import stamps
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends.redis import RedisBackend

HOUR_MS = 3_600_000  # results stay through the slowest round

broker = RedisBroker(url=os.environ["REDIS_URL"])
broker.add_middleware(
    Results(backend=RedisBackend(url=os.environ["REDIS_URL"]), store_results=True, result_ttl=HOUR_MS)
)
dramatiq.set_broker(broker)


@dramatiq.actor
def noop(number: int, note: str) -> int:
    return stamps.noop(number)


@dramatiq.actor
def sleep(number: int, note: str) -> int:
    return stamps.sleep(number)
