"""A worker, as ``pgq run`` makes one: its first argument is the batch size, a second one the most jobs at once.

The command itself is of no use: version 1.6.0 fails on its own default for --log-level with the newest typer.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

import asyncpg
import stamps
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.models import Job


async def main(batch_size: int, at_once: int | None = None) -> None:
    pgq = PgQueuer.from_asyncpg_connection(await asyncpg.connect(os.environ["DATABASE_URL"]))

    @pgq.entrypoint("noop")
    async def noop(job: Job) -> None:
        stamps.noop(json.loads(job.payload)["number"])

    @pgq.entrypoint("sleep")
    async def sleep(job: Job) -> None:
        await stamps.sleep_async(json.loads(job.payload)["number"])

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, pgq.shutdown.set)
    await pgq.run(batch_size=batch_size, max_concurrent_tasks=at_once)


uvloop.run(main(*map(int, sys.argv[1:])))
