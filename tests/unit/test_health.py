"""The health check of a worker's container."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib import resources
from chalicelib.errors import QueueUnavailable
from chalicelib.workers import WorkerReport
from worker_fn import health


def a_report(host: str) -> WorkerReport:
    now = datetime.now(UTC)
    described: dict[str, Any] = {"id": "w", "form": "container", "host": host, "pid": 1, "version": "0"}
    return WorkerReport(**described, concurrency=1, started_at=now, seen_at=now, running=[], running_count=0)


@pytest.mark.parametrize(("hosts", "code"), [([], 1), (["another"], 1), (["another", socket.gethostname()], 0)])
def test_it_is_well_while_a_worker_of_this_host_shows_life(
    monkeypatch: pytest.MonkeyPatch, hosts: list[str], code: int
) -> None:
    monkeypatch.setattr(resources, "workers", lambda: SimpleNamespace(all=lambda _: [a_report(host) for host in hosts]))

    assert health.main() == code


def test_while_redis_is_away_no_worker_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: timedelta) -> None:
        raise QueueUnavailable("it is away")

    monkeypatch.setattr(resources, "workers", lambda: SimpleNamespace(all=away))

    assert health.main() == 0
