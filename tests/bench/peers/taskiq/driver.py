from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import tasks
from protocol import Driver, payload, serve
from redis.asyncio import Redis

KINDS = {"noop": tasks.noop, "sleep": tasks.sleep}
AT_ONCE = 50


class TaskiqDriver(Driver):
    async def prepare(self) -> None:
        await tasks.broker.startup()
        self.redis = Redis.from_url(os.environ["REDIS_URL"])

    async def submit(self, kind: str, number: int) -> None:
        await KINDS[kind].kiq(**payload(number))

    async def submit_bulk(self, kind: str, numbers: Sequence[int]) -> None:
        """No bulk API: side by side, to be done sooner."""
        for start in range(0, len(numbers), AT_ONCE):
            await asyncio.gather(*(self.submit(kind, number) for number in numbers[start : start + AT_ONCE]))

    async def finished(self) -> int:
        return sum([1 async for _ in self.redis.scan_iter("result:*", count=10_000)])


serve(TaskiqDriver())
