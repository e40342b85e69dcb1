"""Both Chalice apps as a stage has them: which role each function wears, how large it is, and how many of it may run at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.aws.templates import Parameter
from infra.local.stack import ROOT

SPARE = 100  # functions that AWS insists on leaving to all others of an account


@dataclass(frozen=True)
class Function:
    """name: in the app. role: the output of the roles stack. most: the option that says how many may run at once."""

    name: str
    role: str
    most: str


@dataclass(frozen=True)
class App:
    """An app, where its sources are, and what Chalice calls it."""

    name: str
    chalice_name: str
    directory: Path
    memory: str
    functions: tuple[Function, ...]
    schedules: tuple[str, ...] = ()

    def function_name(self, stage: str, function: str) -> str:
        """Chalice has its own way with the function of all routes."""
        return f"{self.chalice_name}-{stage}" + ("" if function == ROUTES else f"-{function}")


ROUTES = "api_handler"
SOCKETS = ("websocket_connect", "websocket_message", "websocket_disconnect")
API = App(
    "api",
    "job-scheduler",
    ROOT,
    "ApiMemory",
    (
        Function(ROUTES, "ApiRoleArn", "ApiConcurrency"),
        *(Function(name, "SocketRoleArn", "SocketConcurrency") for name in SOCKETS),
    ),
)
WORKER = App(
    "worker",
    "job-scheduler-worker",
    ROOT / "worker_fn",
    "WorkerMemory",
    (
        Function("tick", "WorkerRoleArn", "TickConcurrency"),
        Function("run", "WorkerRoleArn", "RunConcurrency"),
        Function("migrate", "MigrateRoleArn", "MigrateConcurrency"),
    ),
    schedules=("tick",),
)

# A function of the API keeps one connection to Postgres, one of the worker six: 40 + 6 × (15 + 4) + 1 of the about 190 that two
# GiB of memory allow. A tick lasts up to 15 minutes while there is work, and another one starts each minute.
OPTIONS = (
    Parameter("ApiMemory", "Memory of the API's functions in MB. The processor grows with it.", "512", ()),
    Parameter("WorkerMemory", "Memory of the worker's functions in MB.", "1024", ()),
    Parameter("ApiConcurrency", "How many calls of the API may run at once; more are answered with 429.", "40", ()),
    Parameter("SocketConcurrency", "How many WebSockets may be opened, heard and closed at once, each.", "10", ()),
    Parameter("TickConcurrency", "How many of the minute's ticks may run at once.", "15", ()),
    Parameter("RunConcurrency", "How many runs of the worker on demand may run at once.", "4", ()),
    Parameter("MigrateConcurrency", "One migrates at a time.", "1", ("1",)),
)


def sizes(chosen: Mapping[str, str]) -> dict[str, int]:
    """What was chosen, or the defaults."""
    return {option.name: int(chosen.get(option.name) or option.default or 0) for option in OPTIONS}


def reserved(sizes: Mapping[str, int]) -> int:
    """How many functions a stage keeps for itself."""
    return sum(sizes[function.most] for app in (API, WORKER) for function in app.functions)


def has_room(free: int, sizes: Mapping[str, int]) -> bool:
    """Whether ours can be kept apart. free: what nobody else has reserved of what the account may run at once."""
    return free >= reserved(sizes) + SPARE
