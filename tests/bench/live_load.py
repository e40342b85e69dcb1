"""``make bench-live``: a thousand watchers of a whole stack, while 5,000 changes a second are offered.

Jobs are submitted over HTTP, run by the stack's worker, and pushed through the emulator's gateway to clients in a process of
their own. At the end every client must know the newest version of every job that it watches, as Postgres has them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from typing import Any

import msgspec
import psutil
import redis
import urllib3

from tests.bench.watching import line_of, settled, tell, watching
from tests.e2e.conftest import RunningStack, running

CHANGES_A_JOB = 3  # it is queued, runs and ends
BATCH = 100
WARM_SECONDS = 10.0
SUBMITTERS = 2


class Plan(msgspec.Struct, frozen=True):
    """changes: offered a second."""

    connections: int
    queues: int
    changes: int
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.live_load", description=__doc__)
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--queues", type=int, default=200)
    parser.add_argument("--changes", type=int, default=5_000)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    plan = Plan(options.connections, options.queues, options.changes, options.seconds)
    with running("bench-live") as stack, watching(stack, count=plan.connections, queues=plan.queues) as crowd:
        return show(plan, measure(stack, plan, crowd))


def measure(stack: RunningStack, plan: Plan, crowd: subprocess.Popen[str]) -> dict[str, Any]:
    worker = psutil.Process(stack.pid("worker"))
    cache = redis.Redis.from_url(stack.addresses["redis_url"])
    began, cpu = time.monotonic(), cpu_of(worker)
    memory: list[tuple[float, float, float]] = []
    stop = threading.Event()
    submitting = [threading.Thread(target=submit, args=(stack.api_url, plan, part, stop)) for part in range(SUBMITTERS)]
    for thread in submitting:
        thread.start()
    while time.monotonic() < began + plan.seconds:
        time.sleep(1)
        memory.append(
            (time.monotonic() - began, worker.memory_info().rss / 1e6, cache.info("memory")["used_memory"] / 1e6)
        )
    stop.set()
    for thread in submitting:
        thread.join()
    used = (cpu_of(worker) - cpu) / (time.monotonic() - began)
    there = settled(stack)
    tell(crowd, json.dumps(there))
    jobs = sum(map(len, there.values()))
    warm = [each for each in memory if each[0] > WARM_SECONDS]
    answer: dict[str, Any] = json.loads(line_of(crowd))
    return {
        "submitted_a_second": round(jobs * CHANGES_A_JOB / plan.seconds),
        "worker_cpu": round(used, 2),
        "worker_mb": [round(warm[0][1]), round(warm[-1][1])],
        "redis_mb": [round(warm[0][2]), round(max(each[2] for each in warm)), round(warm[-1][2])],
    } | answer


def submit(api_url: str, plan: Plan, part: int, stop: threading.Event) -> None:
    """Its share of the jobs, at an even rate."""
    http, began, sent = urllib3.PoolManager(), time.monotonic(), 0
    rate = plan.changes / CHANGES_A_JOB / SUBMITTERS
    while not stop.wait(max(0.0, sent / rate - (time.monotonic() - began))):
        jobs = [{"job_type": "echo", "payload": n, "queue": f"q{(sent + n) % plan.queues}"} for n in range(BATCH)]
        answer = http.request("POST", f"{api_url}/jobs/batch", json={"jobs": jobs})
        assert answer.status < 300, (part, answer.data)
        sent += BATCH


def show(plan: Plan, found: dict[str, Any]) -> int:
    sys.stdout.write(
        f"{plan.connections:,} connections over {plan.queues} queues, {plan.changes:,} changes/s offered\n"
    )
    for name, value in found.items():
        sys.stdout.write(f"  {name:18} {value}\n")
    is_right = found["agree"] == plan.connections
    sys.stdout.write(
        "every client knows the newest of all that it watches\n" if is_right else "SOME CLIENTS ARE WRONG\n"
    )
    return 0 if is_right else 1


def cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    sys.exit(main())
