from __future__ import annotations

import tasks
from protocol import Driver, payload, serve

KINDS = {"noop": tasks.noop, "sleep": tasks.sleep}


class DramatiqDriver(Driver):
    async def prepare(self) -> None:
        tasks.broker.client.ping()

    async def submit(self, kind: str, number: int) -> None:
        KINDS[kind].send(**payload(number))

    async def finished(self) -> int:
        """Keys of results are hashes: nothing but results is a list outside of the namespace ``dramatiq``."""
        keys = tasks.broker.client.scan_iter(count=10_000, _type="list")
        return sum(1 for key in keys if not key.startswith(b"dramatiq:"))


serve(DramatiqDriver())
