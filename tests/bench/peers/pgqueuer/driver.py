from __future__ import annotations

import json
import os
from collections.abc import Sequence

import asyncpg
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries
from protocol import Driver, payload, serve


class PgQueuerDriver(Driver):
    async def prepare(self) -> None:
        self.connection = await asyncpg.connect(os.environ["DATABASE_URL"])
        self.queries = Queries(AsyncpgDriver(self.connection))
        await self.queries.install()

    async def submit(self, kind: str, number: int) -> None:
        await self.queries.enqueue(kind, _encoded(number))

    async def submit_bulk(self, kind: str, numbers: Sequence[int]) -> None:
        count = len(numbers)
        await self.queries.enqueue([kind] * count, [_encoded(number) for number in numbers], [0] * count)

    async def finished(self) -> int:
        return await self.connection.fetchval("SELECT count(*) FROM pgqueuer_log WHERE status = 'successful'")


def _encoded(number: int) -> bytes:
    return json.dumps(payload(number)).encode()


serve(PgQueuerDriver())
