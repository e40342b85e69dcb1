"""What ``POST /jobs`` costs on top of the one thing it cannot do without: a durable INSERT.

Both run in this process against the same Postgres with fsync on, in turns, so that the machine's moods meet both alike.
The whole handler is measured, from API Gateway's event to its answer: key, rate, parsing, checks, INSERT with its audit, enqueue
and announcement in Redis, rendering. Not measured: API Gateway, and Lambda's own way in and out.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import msgspec
import psycopg
from uuid_utils.compat import uuid7

from chalicelib import resources
from chalicelib.callers import Role
from infra.local.services import Addresses, databases

ROUNDS = 15
CALLS = 100  # of each kind a round
PAYLOAD = {"user_id": 101, "note": "x" * 200}


class Figures(msgspec.Struct, frozen=True):
    """Medians over all rounds, in milliseconds."""

    bare_insert_ms: float
    redis_round_trip_ms: float
    handler_ms: float

    @property
    def ratio(self) -> float:
        return self.handler_ms / self.bare_insert_ms


def measure() -> Figures:
    with databases(durable=True) as addresses:
        os.environ |= {
            "DATABASE_URL": addresses.database_url,
            "REDIS_URL": addresses.redis_url,
            "PREPARE_STATEMENTS": "true",
        }
        resources.migrations().apply()
        resources.partitions().ensure()
        return _compare(addresses)


def _compare(addresses: Addresses) -> Figures:
    calls = [_bare_insert(addresses), _redis_round_trip(), _handler()]
    rounds = [[_timed(call) for call in calls] for _ in range(ROUNDS)][1:]  # the first one warms up
    return Figures(*(statistics.median(column) for column in zip(*rounds, strict=True)))


def _timed(call: Callable[[], object]) -> float:
    """The median of some calls, in milliseconds. A worker shows life meanwhile, so that no call has to wake a Lambda."""
    resources.workers().show_life("bench")
    taken = []
    for _ in range(CALLS):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def _bare_insert(addresses: Addresses) -> Callable[[], object]:
    connection = psycopg.connect(addresses.database_url, autocommit=True)
    payload = json.dumps(PAYLOAD)
    statement = """
        INSERT INTO jobs (id, job_type, queue, status, priority, max_attempts, timeout_seconds, run_at, payload)
        VALUES (%s, 'process_data', 'default', 'QUEUED', 0, 3, 30, now(), %s)
        """
    return lambda: connection.execute(statement, [uuid7(), payload])


def _redis_round_trip() -> Callable[[], object]:
    return resources.readiness()._redis_link.ping


def _handler() -> Callable[[], object]:
    import app

    _, key = resources.keyring().create(name="bench", role=Role.OPERATOR, created_by="bench", rate_limit=1_000_000)
    event = _event(json.dumps({"job_type": "process_data", "payload": PAYLOAD}), key)

    def post() -> None:
        answer = app.app(event, None)
        assert answer["statusCode"] == 201, answer

    return post


def _event(body: str, key: str) -> dict[str, Any]:
    """As API Gateway's REST API hands it to Lambda."""
    return {
        "resource": "/jobs",
        "path": "/jobs",
        "httpMethod": "POST",
        "headers": {"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
        "multiValueHeaders": {"Content-Type": ["application/json"], "Authorization": [f"Bearer {key}"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {"resourcePath": "/jobs", "httpMethod": "POST", "path": "/api/jobs", "requestId": "bench"},
        "body": body,
        "isBase64Encoded": False,
    }
