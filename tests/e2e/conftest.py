"""The whole system on ports of its own: databases, emulator, both Chalice apps, dashboard and a worker process."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import urllib3
from websockets.sync.client import ClientConnection, connect

from infra.local.ports import free_port
from tests.e2e.browsing import browser, look, visit

__all__ = ["browser", "look", "visit"]

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "e2e"


class RunningStack:
    """A stack, as its users reach it, and a hand on its worker."""

    def __init__(self, environment: dict[str, str], addresses: dict[str, str], key: str = "") -> None:
        """key: an admin's, where callers need one."""
        self.environment = environment
        self.key = key
        self.url = addresses["url"]
        self.api_url = addresses["api_url"]
        self.ws_url = addresses["ws_url"]
        self.addresses = addresses
        self.directory = Path(environment["STACK_DIR"])
        self._http = urllib3.PoolManager(headers={"Authorization": f"Bearer {key}"} if key else None)

    def request(self, method: str, path: str, **options: Any) -> Any:
        return self._http.request(method, self.api_url + path, **options)

    def post(self, path: str, body: object) -> Any:
        return self._http.request("POST", self.api_url + path, json=body)

    def put(self, path: str, body: object) -> Any:
        return self._http.request("PUT", self.api_url + path, json=body)

    def delete(self, path: str) -> Any:
        return self._http.request("DELETE", self.api_url + path)

    def get(self, path: str) -> Any:
        return self._http.request("GET", self.api_url + path)

    def submit(self, job_type: str, payload: object = None, **options: object) -> dict[str, Any]:
        answer = self.post("/jobs", {"job_type": job_type, "payload": payload, **options})
        assert answer.status == 201, answer.data
        job: dict[str, Any] = answer.json()
        return job

    def job(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = self.get(f"/jobs/{job_id}").json()
        return job

    def wait_for(self, job_id: str, seconds: float, *, status: str = "COMPLETED") -> dict[str, Any]:
        """The job, once it has the status."""
        wait_until(lambda: self.job(job_id)["status"] == status, seconds)
        return self.job(job_id)

    @contextlib.contextmanager
    def watch(self) -> Iterator[ClientConnection]:
        """A WebSocket client that gets everything, and is registered by the time the block begins."""
        with connect(self.ws_url) as client:
            client.send('{"action":"ping"}')
            assert json.loads(client.recv(timeout=10)) == {"type": "Pong"}
            yield client

    def stop_worker(self) -> None:
        call(self.environment, "stop-worker")

    def start_worker(self) -> None:
        call(self.environment, "up")

    def pid(self, program: str) -> int:
        """Of the one that runs now: who is killed is started again. 0: between the two."""
        supervisor = json.loads((self.directory / "stack.json").read_text())["pids"]["supervisor"]
        children = psutil.Process(supervisor).children()
        return next((each.pid for each in children if COMMANDS[program] in " ".join(cmdline(each))), 0)

    def kill(self, program: str) -> None:
        wait_until(lambda: self.pid(program), 30)
        os.kill(self.pid(program), signal.SIGKILL)


COMMANDS = {
    "worker": "worker_fn",
    "valkey": "valkey-server",
    "postgres": "postgres",
    "emulator": "infra.local.emulator",
}


def cmdline(process: psutil.Process) -> list[str]:
    """Nothing for one that has just ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def wait_until(condition: Callable[[], object], seconds: float) -> None:
    ends_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends_at, f"not within {seconds} s"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def whole_stack() -> Iterator[RunningStack]:
    with running("stack") as stack:
        yield stack


@pytest.fixture(scope="session")
def guarded_stack() -> Iterator[RunningStack]:
    """One whose callers need keys, as everywhere but on a laptop."""
    with running("guarded", API_AUTH="on") as stack:
        yield stack


@contextlib.contextmanager
def running(name: str, **settings: str) -> Iterator[RunningStack]:
    BUILD.mkdir(parents=True, exist_ok=True)
    directory = BUILD / (name + os.environ.get("PYTEST_XDIST_WORKER", ""))  # two processes never share one
    ports = {port: str(free_port()) for port in ("PORT", "AWS_PORT", "PG_PORT", "REDIS_PORT")}
    environment = {**os.environ, **ports, **settings, "STACK_DIR": str(directory)}
    call(environment, "reset") if directory.exists() else None
    try:
        said = call(environment, "up")
        yield RunningStack(environment, json.loads((directory / "stack.json").read_text()), key_in(said))
    finally:
        shutil.copytree(directory / "logs", BUILD / "logs" / name, dirs_exist_ok=True)
        call(environment, "reset")


def key_in(said: str) -> str:
    """The first key, where ``make up`` told one."""
    found = re.search(r"js_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", said)
    return found[0] if found else ""


@pytest.fixture
def stack(whole_stack: RunningStack) -> RunningStack:
    """With its worker running."""
    return whole_stack


@pytest.fixture
def workerless(whole_stack: RunningStack) -> Iterator[RunningStack]:
    """Only the Lambda functions run jobs."""
    whole_stack.stop_worker()
    yield whole_stack
    whole_stack.start_worker()


def call(environment: dict[str, str], command: str) -> str:
    """What ``make up`` and its like run, once the virtual environment is there."""
    ran = subprocess.run(
        [sys.executable, "-m", "infra.local", command],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    return ran.stdout
