"""Celery with its results in BENCH_RESULTS."""

from __future__ import annotations

import os

import stamps
from celery import Celery

RESULTS = os.environ["BENCH_RESULTS"]

app = Celery("tasks", broker=os.environ["REDIS_URL"])
app.conf.result_backend = {
    "redis": os.environ["REDIS_URL"],
    "postgres": os.environ["DATABASE_URL"].replace("postgresql://", "db+postgresql+psycopg2://"),
}[RESULTS]
app.conf.worker_prefetch_multiplier = 64
app.conf.broker_connection_retry_on_startup = True


@app.task(name="noop")
def noop(number: int, note: str) -> int:
    return stamps.noop(number)


@app.task(name="sleep")
def sleep(number: int, note: str) -> int:
    return stamps.sleep(number)
