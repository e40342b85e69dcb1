"""What an engine would run, run without one: each container's own command and environment, with addresses for host names.

Postgres and Valkey come from wheels here, nginx from this computer. Only an engine builds images: that is not covered here.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from infra.local import dashboard
from infra.local.ports import LOOPBACK, free_port
from infra.local.services import Addresses, databases
from tests.deployment.compose import ROOT, configuration

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(NGINX is None, reason="not run: there is no nginx here to be the front door"),
]


class Containers:
    """They share this computer, so each has its address instead of its name."""

    def __init__(self, home: Path, servers: Addresses) -> None:
        self.home = home
        self.front = free_port()
        self._places = {
            "postgres:a-password@postgres:5432": urlsplit(servers.database_url).netloc,
            "valkey:6379": urlsplit(servers.redis_url).netloc,
            "emulator:4566": f"{LOOPBACK}:{free_port()}",
        }
        self._services: dict[str, Any] = configuration(POSTGRES_PASSWORD="a-password")["services"]
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, image: list[str]) -> subprocess.Popen[bytes]:
        """image: what the image would run. Its command is the service's, where that has one."""
        command = [*image, *(self._services[name].get("command") or [])]
        with (self.home / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=self.environment(name), stdout=log, stderr=log)
        self._running.append(process)
        return process

    def environment(self, name: str) -> dict[str, str]:
        given = {key: self._here(str(value)) for key, value in self._services[name].get("environment", {}).items()}
        given |= {"GATEWAY_PORT": self._places["emulator:4566"].partition(":")[2]} if name == "emulator" else {}
        return {"PATH": os.environ["PATH"], "HOME": str(self.home)} | given

    def check(self, name: str) -> int:
        """The exit code of its health check."""
        _, *command = self._services[name]["healthcheck"]["test"]
        here = [self._here(each.replace("127.0.0.1:4566", "emulator:4566")) for each in command]
        program = sys.executable if here[0] == "python" else here[0]
        ran = subprocess.run(
            [program, *here[1:]], cwd=ROOT, env=self.environment(name), capture_output=True, timeout=30, check=False
        )
        return ran.returncode

    def log(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text(errors="replace")

    def stop(self) -> None:
        for process in reversed(self._running):
            process.terminate()
            process.wait(30)

    def _here(self, value: str) -> str:
        for name, place in self._places.items():
            value = value.replace(name, place)
        return value.replace("/state", str(self.home / "state"), 1).replace("/front-door/", f"{self.home}/front-door/")


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """All of them, started in the order that docker-compose.yml says."""
    home = tmp_path_factory.mktemp("containers")
    for part in ("state", "front-door", "nginx"):
        (home / part).mkdir()
    dashboard.build(home / "logs")
    with databases() as servers:
        running = Containers(home, servers)
        try:
            start_emulator(running)
            deploy(running)
            start_front_door(running)
            yield running
        finally:
            running.stop()


def start_emulator(running: Containers) -> None:
    """The image's own command, on another port and address than all containers have."""
    running.start(
        "emulator",
        [
            sys.executable,
            "-m",
            "infra.local.emulator",
            "--host",
            LOOPBACK,
            "--functions-log",
            f"{running.home}/functions.log",
        ],
    )
    wait_until(lambda: running.check("emulator") == 0, 30)


def deploy(running: Containers) -> subprocess.Popen[bytes]:
    """Once, to its end."""
    deployer = running.start("deployer", [sys.executable, "-m", "infra.compose.deployer"])
    assert deployer.wait(180) == 0, running.log("deployer")
    return deployer


def start_front_door(running: Containers) -> None:
    """The image reads conf.d/*.conf in a http block of its own; so does this."""
    written = (running.home / "front-door" / "default.conf").read_text()
    home = running.home / "nginx"
    (home / "default.conf").write_text(written.replace("listen 8080;", f"listen {LOOPBACK}:{running.front};"))
    places = "".join(
        f"{each}_temp_path {home}/{each};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (home / "nginx.conf").write_text(
        f"daemon off; pid {home}/pid; error_log {home}/error.log; events {{}}"
        f"http {{ access_log off; {places} include {home}/default.conf; }}"
    )
    assert NGINX is not None
    running.start("front-door", [NGINX, "-p", str(home), "-c", f"{home}/nginx.conf"])
    wait_until(lambda: is_open(running.front), 30)


def wait_until(is_so: Callable[[], bool], seconds: float) -> None:
    ends_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends_at
        time.sleep(0.2)


def is_open(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((LOOPBACK, port)) == 0


def answered(running: Containers, method: str, path: str, **options: Any) -> Any:
    return urllib3.request(method, f"http://{LOOPBACK}:{running.front}{path}", redirect=False, timeout=60, **options)


@contextmanager
def watching(running: Containers, tries: int = 5) -> Iterator[ClientConnection]:
    """As clients do: where a first function starts too slowly, the emulator hangs up, and they come again."""
    for _ in range(tries):
        with connect(f"ws://{LOOPBACK}:{running.front}/ws", open_timeout=60) as client:
            if is_answered(client):
                yield client
                return
    pytest.fail("nobody is let in")


def is_answered(client: ClientConnection) -> bool:
    try:
        client.send('{"action":"ping"}')
        return bool(json.loads(client.recv(timeout=30)) == {"type": "Pong"})
    except ConnectionClosed:
        return False


def test_a_job_goes_through_all_of_them(containers: Containers) -> None:
    worker = containers.start("worker", [sys.executable, "-m", "worker_fn"])
    wait_until(lambda: containers.check("worker") == 0, 30)
    with watching(containers) as client:
        job = answered(containers, "POST", "/api/jobs", json={"job_type": "echo", "payload": "wörld"}).json()

        statuses: list[str] = []
        while "COMPLETED" not in statuses:
            statuses.append(json.loads(client.recv(timeout=30))["data"]["status"])
    assert answered(containers, "GET", f"/api/jobs/{job['id']}").json()["result"] == "wörld"

    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0, containers.log("worker")
    wait_until(lambda: containers.check("worker") == 1, 30)


def test_the_front_door_shows_the_dashboard_and_nothing_else_of_the_emulator(containers: Containers) -> None:
    page = answered(containers, "GET", "/?list-type=2")

    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["cache-control"] == "no-cache"
    assert b"<title>Job Scheduler" in page.data
    assert answered(containers, "GET", "/_ministack/ready").status == 404
    assert answered(containers, "GET", "/nowhere").status == 404
    assert answered(containers, "PUT", "/index.html", body=b"mine").status == 405
    assert answered(containers, "GET", "/").data == page.data


def test_paths_and_queries_reach_the_api_as_they_were(containers: Containers) -> None:
    assert answered(containers, "GET", "/api/jobs?tag=a%26b&limit=1").json() == []
    assert answered(containers, "GET", "/api/queues/a%20b").json()["code"] == "invalid_input"  # it knows the blank
    assert answered(containers, "GET", "/api/nowhere").status in (403, 404)


def test_a_second_deploy_finds_everything_in_its_place(containers: Containers) -> None:
    deploy(containers)

    done = {line.split()[0] + " " + " ".join(line.split()[1:-2]) for line in containers.log("deployer").splitlines()}
    assert {"· settings", "· deploy api", "· deploy worker", "· dashboard upload"} <= done
