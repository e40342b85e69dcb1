"""One stack: its directory, its ports and its addresses.

A port comes from the environment, else from the last time, else from the default. So ``make up PORT=8100`` is said once; and so
is ``make up API_AUTH=on``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.ports import LOOPBACK, first_free
from infra.local.postgres import Postgres
from infra.local.steps import StepFailed
from infra.local.valkey import Valkey

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
SECRET = "job-scheduler/local"  # noqa: S105 - its name, not its value
AUTH_FILE = "auth"
ACCESS_KEY = "test"  # the emulator's administrator, with the same word as its secret key
WORKER_FUNCTION = "job-scheduler-worker-local-run"


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where this stack listens."""

    front: int
    aws: int
    postgres: int
    valkey: int


# setting -> field, first choice, and whether another may be taken when that is busy
_CHOICES = {
    "PORT": ("front", 8000, False),
    "AWS_PORT": ("aws", 4566, False),
    "PG_PORT": ("postgres", 5433, True),
    "REDIS_PORT": ("valkey", 6380, True),
}


@dataclass(frozen=True, kw_only=True)
class Stack:
    """What every part of the stack knows about the others."""

    directory: Path
    ports: Ports
    auth: str = "off"  # "on": callers need API keys, as everywhere else

    @property
    def url(self) -> str:
        return f"http://localhost:{self.ports.front}"

    @property
    def aws_endpoint_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.aws}"

    @property
    def postgres(self) -> Postgres:
        return Postgres(directory=self.directory / "postgres", port=self.ports.postgres)

    @property
    def valkey(self) -> Valkey:
        return Valkey(directory=self.directory / "valkey", port=self.ports.valkey)

    @property
    def database_url(self) -> str:
        return self.postgres.url

    @property
    def redis_url(self) -> str:
        return self.valkey.url

    def log(self, name: str) -> Path:
        return self.directory / "logs" / f"{name}.log"

    def settings(self) -> dict[str, str]:
        """What the deployed functions read from the secret, and the worker from its environment."""
        return {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "WEBSOCKET_ENDPOINT": f"{self.aws_endpoint_url}/_aws/execute-api/{{api_id}}/{{stage}}",
            "WORKER_FUNCTION": WORKER_FUNCTION,
            "ALLOW_PRIVATE_ADDRESSES": "true",
            "PREPARE_STATEMENTS": "true",
            "API_AUTH": self.auth,
            "STAGE": "local",
            "API_LONG_POLLS": "10",
        }

    def aws_environment(self) -> dict[str, str]:
        """Leads every AWS client to the emulator, whatever a person's own profiles say."""
        return {
            "AWS_ENDPOINT_URL": self.aws_endpoint_url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def addresses(self) -> dict[str, str]:
        """For people and tools, in stack.json."""
        return {
            "url": self.url,
            "api_url": f"{self.url}/api",
            "ws_url": f"ws://localhost:{self.ports.front}/ws",
            "aws_endpoint_url": self.aws_endpoint_url,
            "database_url": self.database_url,
            "redis_url": self.redis_url,
        }


def find_stack(environ: Mapping[str, str]) -> Stack:
    """The stack the environment names, with the ports it has or would get."""
    directory = (ROOT / (environ.get("STACK_DIR") or ".local")).resolve()
    known = remembered(directory)
    ports = {
        field: _choose(setting, environ.get(setting, ""), known.get(field), default, may_move=may_move)
        for setting, (field, default, may_move) in _CHOICES.items()
    }
    return Stack(directory=directory, ports=Ports(**ports), auth=_auth(environ.get("API_AUTH"), directory))


def remember(stack: Stack) -> None:
    stack.directory.mkdir(parents=True, exist_ok=True)
    _file(stack.directory).write_text(json.dumps(vars(stack.ports)))
    (stack.directory / AUTH_FILE).write_text(stack.auth)


def _auth(asked: str | None, directory: Path) -> str:
    file = directory / AUTH_FILE
    auth = asked or (file.read_text() if file.exists() else "off")
    if auth not in ("on", "off"):
        raise StepFailed(f"API_AUTH must be on or off, not {auth}.", "Try: make up API_AUTH=on")
    return auth


def setting_of(field: str) -> str:
    """The name under which a person chooses this port."""
    return next(setting for setting, choice in _CHOICES.items() if choice[0] == field)


def _choose(setting: str, asked: str, known: int | None, default: int, *, may_move: bool) -> int:
    if asked:
        return _port(setting, asked)
    if known is not None:
        return known
    return first_free(default) if may_move else default


def _port(setting: str, asked: str) -> int:
    if not (asked.isascii() and asked.isdigit() and 1 <= int(asked[:6]) <= 65535):
        raise StepFailed(f"{setting} must be a number from 1 to 65535, not {asked}.", f"Try: make up {setting}=8100")
    return int(asked)


def remembered(directory: Path) -> dict[str, int]:
    """The ports that a stack had the last time, by field."""
    if not _file(directory).exists():
        return {}
    ports: dict[str, int] = json.loads(_file(directory).read_text())
    return ports


def _file(directory: Path) -> Path:
    return directory / "ports.json"
