from __future__ import annotations

import asyncio
from collections.abc import Sequence

import tasks
from arq import create_pool
from protocol import Driver, payload, serve

AT_ONCE = 50


class ArqDriver(Driver):
    async def prepare(self) -> None:
        self.redis = await create_pool(tasks.WorkerSettings.redis_settings)

    async def submit(self, kind: str, number: int) -> None:
        await self.redis.enqueue_job(kind, **payload(number))

    async def submit_bulk(self, kind: str, numbers: Sequence[int]) -> None:
        """No bulk API: side by side, to be done sooner."""
        for start in range(0, len(numbers), AT_ONCE):
            await asyncio.gather(*(self.submit(kind, number) for number in numbers[start : start + AT_ONCE]))

    async def finished(self) -> int:
        return sum([1 async for _ in self.redis.scan_iter("arq:result:*", count=10_000)])


serve(ArqDriver())
