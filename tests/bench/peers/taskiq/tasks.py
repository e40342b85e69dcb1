"""taskiq on Redis lists, with results in Redis."""

from __future__ import annotations

import os

import stamps
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend

results = RedisAsyncResultBackend(os.environ["REDIS_URL"], prefix_str="result", result_ex_time=3600)
broker = ListQueueBroker(os.environ["REDIS_URL"]).with_result_backend(results)


@broker.task
async def noop(number: int, note: str) -> int:
    return stamps.noop(number)


@broker.task
async def sleep(number: int, note: str) -> int:
    return await stamps.sleep_async(number)
