"""From ``POST /jobs`` to the frame that says COMPLETED, through the front door of the stack that ``make up`` started."""

from __future__ import annotations

import json
import os
import statistics
import time
from pathlib import Path

import msgspec
import urllib3
from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parents[2]
WARM_UP = 10
JOBS = 100


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds."""

    p50: float
    p99: float


def measure() -> Latency | None:
    """One job after the other. None: no stack runs."""
    file = ROOT / (os.environ.get("STACK_DIR") or ".local") / "stack.json"
    if not file.exists():
        return None
    addresses = json.loads(file.read_text())
    http = urllib3.PoolManager()
    with connect(addresses["ws_url"]) as client:
        taken = [_one_job(http, addresses["api_url"], client) for _ in range(WARM_UP + JOBS)][WARM_UP:]
    return Latency(p50=statistics.median(taken), p99=statistics.quantiles(taken, n=100)[98])


def _one_job(http: urllib3.PoolManager, api_url: str, client: ClientConnection) -> float:
    began = time.perf_counter()
    job_id = http.request("POST", f"{api_url}/jobs", json={"job_type": "echo", "payload": 1}).json()["id"]
    _wait_for_end(client, job_id)
    return (time.perf_counter() - began) * 1000


def _wait_for_end(client: ClientConnection, job_id: str) -> None:
    while True:
        told = json.loads(client.recv(timeout=30))["data"]
        if told["id"] == job_id and told["status"] == "COMPLETED":
            return
