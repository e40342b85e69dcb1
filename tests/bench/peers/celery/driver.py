from __future__ import annotations

import tasks
from protocol import Driver, payload, serve
from sqlalchemy import create_engine, text

KINDS = {"noop": tasks.noop, "sleep": tasks.sleep}


class CeleryDriver(Driver):
    async def prepare(self) -> None:
        tasks.app.backend  # noqa: B018 (a client is made at first use)
        if tasks.RESULTS == "postgres":
            tasks.app.backend.ResultSession().close()  # makes the tables

    async def submit(self, kind: str, number: int) -> None:
        KINDS[kind].delay(**payload(number))

    async def finished(self) -> int:
        return {"redis": _in_redis, "postgres": _in_postgres}[tasks.RESULTS]()


def _in_redis() -> int:
    client = tasks.app.backend.client
    return sum(1 for _ in client.scan_iter("celery-task-meta-*", count=10_000))


def _in_postgres() -> int:
    with _engine.connect() as connection:
        return connection.scalar(text("SELECT count(*) FROM celery_taskmeta WHERE status = 'SUCCESS'"))


_engine = create_engine(tasks.app.conf.result_backend.removeprefix("db+")) if tasks.RESULTS == "postgres" else None

serve(CeleryDriver())
