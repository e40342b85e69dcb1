"""Huey on Redis, with stored results."""

from __future__ import annotations

import os

import stamps
from huey import RedisHuey

huey = RedisHuey("bench", url=os.environ["REDIS_URL"])


@huey.task()
def noop(number: int, note: str) -> int:
    return stamps.noop(number)


@huey.task()
def sleep(number: int, note: str) -> int:
    return stamps.sleep(number)
