"""Postgres and Valkey for as long as a ``with`` block lasts, on free ports. Tests use this.

``python -m infra.local.services`` prints both addresses and runs until it is interrupted.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.local import accounts, console, postgres, valkey
from infra.local.ports import free_port
from infra.local.postgres import Postgres
from infra.local.valkey import Valkey

ROOT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 10

Process = subprocess.Popen[bytes]


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where the two servers listen."""

    database_url: str
    redis_url: str


@contextlib.contextmanager
def databases(directory: Path | None = None, *, durable: bool = False) -> Iterator[Addresses]:
    """Run both servers. Without a directory their data is thrown away at the end.

    They end with this process, even when it is killed.
    """
    with contextlib.ExitStack() as stack:
        home = directory or stack.enter_context(_throwaway())
        cache = Valkey(directory=home / "valkey", port=free_port(), durable=durable)
        database = Postgres(directory=home / "postgres", port=free_port(), durable=durable)
        servers = [stack.enter_context(_valkey(cache)), stack.enter_context(_postgres(database))]
        stack.enter_context(_guard(servers, None if directory else home))
        database.wait_until_ready()
        database.create_database()
        cache.wait_until_ready()
        yield Addresses(database_url=database.url, redis_url=cache.url)


@contextlib.contextmanager
def _throwaway() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="job-scheduler-"))
    home.chmod(0o711)  # the server's user passes through
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def _postgres(server: Postgres) -> Iterator[Process]:
    server.prepare()
    log = server.directory.with_suffix(".log")
    with _running(server.command(), log, postgres.STOP_SIGNAL, accounts.server_uid()) as process:
        yield process


@contextlib.contextmanager
def _valkey(server: Valkey) -> Iterator[Process]:
    server.prepare()
    with _running(server.command(), server.directory.with_suffix(".log"), valkey.STOP_SIGNAL) as process:
        yield process


@contextlib.contextmanager
def _running(command: list[str], log: Path, stop: signal.Signals, uid: int | None = None) -> Iterator[Process]:
    """A session of its own keeps Ctrl-C away: the server leaves after those who use it."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, user=uid, group=uid, cwd="/", stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        process.send_signal(stop)
        process.wait(STOP_SECONDS)


@contextlib.contextmanager
def _guard(servers: list[Process], throwaway: Path | None) -> Iterator[None]:
    pids = ",".join(str(server.pid) for server in servers)
    command = [sys.executable, "-m", "infra.local.guard", pids, str(throwaway or "")]
    guard = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield
    finally:
        guard.terminate()
        guard.communicate()


def main() -> None:
    with databases() as addresses, contextlib.suppress(KeyboardInterrupt):
        console.say(f"export DATABASE_URL={addresses.database_url} REDIS_URL={addresses.redis_url}")
        signal.pause()


if __name__ == "__main__":
    main()
