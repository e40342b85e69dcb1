"""arq's worker: ``arq tasks.WorkerSettings``."""

from __future__ import annotations

import os
from typing import Any

import stamps
from arq.connections import RedisSettings


async def noop(context: dict[str, Any], number: int, note: str) -> int:
    return stamps.noop(number)


async def sleep(context: dict[str, Any], number: int, note: str) -> int:
    return await stamps.sleep_async(number)


class WorkerSettings:
    functions = (noop, sleep)
    redis_settings = RedisSettings.from_dsn(os.environ["REDIS_URL"])
    max_jobs = 100
    poll_delay = 0.01
