"""Postgres and Valkey under control: killed, stopped and started again on the same ports, so that clients find them.

Postgres is as durable as it is by default: what it has committed must outlast its death.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from infra.local import accounts
from infra.local.ports import LOOPBACK, is_free
from infra.local.postgres import Postgres
from infra.local.processes import send
from infra.local.services import ROOT
from infra.local.valkey import Valkey

# Below what Linux gives to outgoing connections: while a server is away, nobody must get its port by chance.
PORTS = range(17_000, 19_000, 3)
STOP_SECONDS = 30


class Server:
    """One server, running or not. It ends with this process, whatever ends that."""

    def __init__(self, server: Postgres | Valkey, uid: int | None = None) -> None:
        self.address = server
        self._uid = uid
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Returns before it answers: clients have to cope with that too."""
        with self.address.directory.with_suffix(".log").open("ab") as log:
            self._process = subprocess.Popen(
                self.address.command(),
                user=self._uid,
                group=self._uid,
                cwd="/",
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "infra.local.guard", str(self._process.pid), ""],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def stop(self, how: signal.Signals) -> None:
        """Returns when it is gone."""
        if self._process is None or self._guard is None:
            return
        self.thaw()
        self._process.send_signal(how)
        self._process.wait(STOP_SECONDS)
        self._guard.terminate()
        self._guard.communicate()
        self._process = self._guard = None

    def freeze(self) -> None:
        """It keeps its connections, and answers nobody."""
        for process in self._family():
            send(process, signal.SIGSTOP)

    def thaw(self) -> None:
        for process in self._family():
            send(process, signal.SIGCONT)

    def _family(self) -> list[psutil.Process]:
        if self._process is None:
            return []
        parent = psutil.Process(self._process.pid)
        return [parent, *parent.children(recursive=True)]


@dataclass(frozen=True)
class Servers:
    """Both."""

    postgres: Server
    valkey: Server
    database_url: str
    redis_url: str


@contextlib.contextmanager
def running(*, keeps: bool) -> Iterator[tuple[Servers, Path]]:
    """And a directory that the caller may use. keeps: whether Valkey has its data again after a restart."""
    home = Path(tempfile.mkdtemp(prefix="job-scheduler-chaos-"))
    home.chmod(0o711)  # Postgres's user passes through
    reserved, port = _reserved()
    database = Postgres(directory=home / "postgres", port=port + 1)
    cache = Valkey(directory=home / "valkey", port=port + 2, durable=keeps)
    servers = Servers(Server(database, accounts.server_uid()), Server(cache), database.url, cache.url)
    try:
        database.prepare()
        cache.prepare()
        servers.postgres.start()
        servers.valkey.start()
        database.wait_until_ready()
        database.create_database()
        cache.wait_until_ready()
        yield servers, home
    finally:
        servers.postgres.stop(signal.SIGQUIT)
        servers.valkey.stop(signal.SIGKILL)
        shutil.rmtree(home / "postgres", ignore_errors=True)
        shutil.rmtree(home / "valkey", ignore_errors=True)
        reserved.close()


def _reserved() -> tuple[socket.socket, int]:
    """A port that stays bound during the run, in token of the two that follow it: another run must not take them while our
    servers are away."""
    for port in PORTS:
        token = socket.socket()
        try:
            token.bind((LOOPBACK, port))
        except OSError:
            token.close()
            continue
        if is_free(port + 1) and is_free(port + 2):
            return token, port
        token.close()
    raise RuntimeError("no free ports")
