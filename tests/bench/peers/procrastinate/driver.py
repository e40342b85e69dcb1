from __future__ import annotations

from collections.abc import Sequence

import tasks
from protocol import Driver, payload, serve

KINDS = {"noop": tasks.noop, "sleep": tasks.sleep}


class ProcrastinateDriver(Driver):
    async def prepare(self) -> None:
        await tasks.app.open_async()
        await tasks.app.schema_manager.apply_schema_async()

    async def submit(self, kind: str, number: int) -> None:
        await KINDS[kind].defer_async(**payload(number))

    async def submit_bulk(self, kind: str, numbers: Sequence[int]) -> None:
        await KINDS[kind].batch_defer_async(*(payload(number) for number in numbers))

    async def finished(self) -> int:
        row = await tasks.app.connector.execute_query_one_async(
            "SELECT count(*) AS count FROM procrastinate_jobs WHERE status = 'succeeded'"
        )
        return row["count"]


serve(ProcrastinateDriver())
