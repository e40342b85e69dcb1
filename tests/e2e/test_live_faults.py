"""Watchers of a whole stack while what they rely on breaks: in the end each knows what Postgres knows."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import redis
import urllib3

from tests.bench.watching import line_of, settled, tell, watching
from tests.e2e.conftest import RunningStack, running, wait_until

CLIENTS = 40
QUEUES = 4
BATCH = 8
QUIET = 45  # seconds: what a killed worker recorded and told nobody comes up when its lease is over


def kill_the_worker(stack: RunningStack) -> None:
    stack.kill("worker")


def restart_redis(stack: RunningStack) -> None:
    stack.kill("valkey")


def lose_redis(stack: RunningStack) -> None:
    redis.Redis.from_url(stack.addresses["redis_url"]).flushall()


def lose_redis_and_kill_the_worker(stack: RunningStack) -> None:
    """Nobody is left who knows of the connections."""
    lose_redis(stack)
    kill_the_worker(stack)


@pytest.mark.timeout(600)
def test_whatever_breaks_every_watcher_agrees_with_postgres_in_the_end() -> None:
    faults: list[Callable[[RunningStack], None]] = [
        kill_the_worker,
        restart_redis,
        lose_redis,
        lose_redis_and_kill_the_worker,
    ]
    with (
        running("live-faults") as stack,
        watching(stack, count=CLIENTS, queues=QUEUES, ping=3, cuts=2, quiet=QUIET) as crowd,
    ):
        done = threading.Event()
        submitting = threading.Thread(target=submit_until, args=(stack, done))
        submitting.start()
        for fault in faults:
            time.sleep(6)
            fault(stack)
        time.sleep(6)
        done.set()
        submitting.join()
        answer = compared(stack, crowd)

    assert answer["agree"] == CLIENTS, json.dumps(answer)
    assert answer["told"] > 0
    assert answer["most_resyncs"] <= len(faults), json.dumps(answer)


def submit_until(stack: RunningStack, done: threading.Event) -> None:
    """As a client would: what is answered with a failure, or not at all, is submitted again."""
    for number in itertools.takewhile(lambda _: not done.wait(0.1), itertools.count(0, BATCH)):
        jobs = [{"job_type": "echo", "payload": n, "queue": f"q{n % QUEUES}"} for n in range(number, number + BATCH)]
        wait_until(partial(is_accepted, stack, jobs, {"Idempotency-Key": f"batch-{number}"}), 60)


def is_accepted(stack: RunningStack, jobs: list[dict[str, Any]], headers: dict[str, str]) -> bool:
    try:
        answer = stack.request("POST", "/jobs/batch", json={"jobs": jobs}, headers=headers, retries=False)
    except urllib3.exceptions.HTTPError:
        return False
    return bool(answer.status < 300)


def compared(stack: RunningStack, crowd: Any) -> dict[str, Any]:
    tell(crowd, json.dumps(settled(stack)))
    answer: dict[str, Any] = json.loads(line_of(crowd))
    return answer
