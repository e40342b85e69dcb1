from __future__ import annotations

import tasks
from protocol import Driver, payload, serve

KINDS = {"noop": tasks.noop, "sleep": tasks.sleep}


class HueyDriver(Driver):
    async def prepare(self) -> None:
        tasks.huey.storage.conn.ping()

    async def submit(self, kind: str, number: int) -> None:
        KINDS[kind](**payload(number))

    async def finished(self) -> int:
        return tasks.huey.result_count()


serve(HueyDriver())
