from __future__ import annotations

import os
from collections.abc import Sequence

import tasks
from protocol import Driver, payload, serve
from redis import Redis
from rq import Queue

FOR_GOOD = 3600  # seconds: longer than any round; the default of 500 could lapse within a slow one


class RqDriver(Driver):
    async def prepare(self) -> None:
        self.redis = Redis.from_url(os.environ["REDIS_URL"])
        self.queue = Queue(connection=self.redis)

    async def submit(self, kind: str, number: int) -> None:
        self.queue.enqueue(tasks.noop, kwargs=payload(number), result_ttl=FOR_GOOD)

    async def submit_bulk(self, kind: str, numbers: Sequence[int]) -> None:
        self.queue.enqueue_many(
            [Queue.prepare_data(tasks.noop, kwargs=payload(number), result_ttl=FOR_GOOD) for number in numbers]
        )

    async def finished(self) -> int:
        return self.queue.finished_job_registry.get_job_count(cleanup=False)


serve(RqDriver())
