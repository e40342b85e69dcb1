"""Procrastinate's app: ``procrastinate --app=tasks.app worker``."""

from __future__ import annotations

import os

import stamps
from procrastinate import App, PsycopgConnector

app = App(connector=PsycopgConnector(conninfo=os.environ["DATABASE_URL"]))


@app.task(name="noop")
async def noop(number: int, note: str) -> int:
    return stamps.noop(number)


@app.task(name="sleep")
async def sleep(number: int, note: str) -> int:
    return await stamps.sleep_async(number)
