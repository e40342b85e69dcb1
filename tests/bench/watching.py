"""A crowd of watchers beside a running stack, and what they should know at the end."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.e2e.conftest import RunningStack

Versions = dict[str, dict[str, int]]  # by queue and job


@contextmanager
def watching(stack: RunningStack, **options: float) -> Iterator[subprocess.Popen[str]]:
    """The process, once all watch. options: as ``live_clients`` takes them."""
    arguments = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "tests.bench.live_clients", stack.ws_url, stack.api_url, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as crowd:
        try:
            assert line_of(crowd) == "ready"
            yield crowd
        finally:
            crowd.terminate()


def tell(crowd: subprocess.Popen[str], line: str) -> None:
    assert crowd.stdin is not None
    crowd.stdin.write(line + "\n")
    crowd.stdin.flush()


def line_of(crowd: subprocess.Popen[str]) -> str:
    assert crowd.stdout is not None
    return crowd.stdout.readline().strip()


def settled(stack: RunningStack) -> Versions:
    """The versions that there are, once nothing is left to run."""
    with psycopg.connect(stack.addresses["database_url"], autocommit=True) as conn:
        while conn.execute("SELECT 1 FROM jobs WHERE status IN ('QUEUED', 'RUNNING') LIMIT 1").fetchone():
            time.sleep(0.2)
        there: Versions = {}
        for job_id, queue, version in conn.execute("SELECT id, queue, version FROM jobs"):
            there.setdefault(queue, {})[str(job_id)] = version
        return there
