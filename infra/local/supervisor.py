"""Keeps the stack's programs running, with supervisord. It restarts what dies and rotates their logs.

When supervisord itself was killed, its programs are strays: they are stopped before anything starts anew.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from pathlib import Path
from typing import Any

import psutil

from infra.local.processes import wait_until_gone
from infra.local.programs import PROGRAM_MARK, STACK_MARK, base_environment, render
from infra.local.stack import ROOT, Stack
from infra.local.strays import end_strays

LONGEST_SOCKET = 100  # macOS allows 104 bytes in a socket's path, Linux 108
START_SECONDS = 10
RUNNING = {"RUNNING", "STARTING", "BACKOFF"}


class SupervisorNotStarted(Exception):
    """supervisord gave up; its own words are the message."""


class Supervisor:
    """supervisord of one stack, and calls to it."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._socket = _socket_path(stack.directory)
        self._config = stack.directory / "supervisor.conf"
        self._proxy = xmlrpc.client.ServerProxy("http://localhost", transport=_SocketTransport(self._socket))

    def is_running(self) -> bool:
        try:
            return bool(self._call("getState"))
        except (OSError, http.client.HTTPException):
            return False

    def pid(self) -> int:
        return int(self._call("getPID"))

    def ensure(self) -> None:
        """Start it, or give it the current configuration; what that changes is stopped, to be started again."""
        self._write_config()
        if self.is_running():
            self._update()
        else:
            end_strays(self._stack)
            self._start()

    def states(self) -> dict[str, dict[str, Any]]:
        """By program: ``statename``, ``pid`` (0 when there is none), ``spawnerr``, ``start``."""
        return {info["name"]: info for info in self._call("getAllProcessInfo")}

    def is_up(self, name: str) -> bool:
        """One that supervisord does not know is not up: an `up` that was killed may leave it so, until the next one."""
        return self.states().get(name, {}).get("statename") in RUNNING

    def start(self, name: str) -> None:
        wait = False
        self._call("startProcess", name, wait)

    def stop(self, name: str) -> None:
        """Waits until it has ended."""
        if self.is_up(name):
            self._call("stopProcess", name)

    def shut_down(self) -> None:
        process = psutil.Process(self.pid())
        self._call("shutdown")
        wait_until_gone([process], START_SECONDS)

    def _write_config(self) -> None:
        (self._stack.directory / "logs").mkdir(parents=True, exist_ok=True)
        self._config.write_text(render(self._stack, self._socket))

    def _start(self) -> None:
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._config)]
        environment = base_environment() | {STACK_MARK: str(self._stack.directory), PROGRAM_MARK: "supervisor"}
        self._socket.unlink(missing_ok=True)
        made = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True)
        deadline = time.monotonic() + START_SECONDS
        while not self.is_running():
            if made.returncode or time.monotonic() > deadline:
                raise SupervisorNotStarted(made.stderr or made.stdout)
            time.sleep(0.05)

    def _update(self) -> None:
        added, changed, removed = self._call("reloadConfig")[0]
        for name in [*changed, *removed]:
            self._call("stopProcessGroup", name)
            self._call("removeProcessGroup", name)
        for name in [*added, *changed]:
            self._call("addProcessGroup", name)

    def _call(self, method: str, *arguments: Any) -> Any:
        return getattr(self._proxy.supervisor, method)(*arguments)


def _socket_path(directory: Path) -> Path:
    path = directory / "supervisor.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET:
        return path
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"job-scheduler-{name}.sock"


class _SocketTransport(xmlrpc.client.Transport):
    """XML-RPC over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:  # noqa: ARG002 - it is always this one
        return _SocketConnection(self._path)


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))
