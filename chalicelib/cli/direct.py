"""What works straight on the database and Redis, by ``DATABASE_URL`` and ``REDIS_URL``: for when no API is up.

Parsed by the standard library, so that it also runs where only the product's own requirements are installed; resources
are imported late, because whoever talks HTTP needs neither their settings nor the second they take.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

import msgspec

from chalicelib.callers import Role
from chalicelib.errors import SchedulerError
from chalicelib.findings import Report, Severity, as_text

Command = Callable[[argparse.Namespace], int]
DOCTORS_STATUS = {Severity.OK: 0, Severity.ERROR: 1, Severity.WARNING: 2}
NAMES = (("migrate",), ("doctor",), ("keys", "bootstrap"), ("schedules", "apply"))


def is_direct(arguments: Sequence[str]) -> bool:
    return any(tuple(arguments[: len(name)]) == name for name in NAMES)


def migrate(_: argparse.Namespace) -> int:
    """Bring the schema up to date, and make the next days' partitions."""
    from chalicelib import resources

    applied = resources.migrations().apply()
    made = resources.partitions().ensure()
    sys.stdout.write(f"applied {_listed(applied)}; made partitions {_listed(made)}\n")
    return 0


def apply(_: argparse.Namespace) -> int:
    """Bring the schedules that are declared in code and in chalicelib/schedules.toml up to date: all of them, or none.

    What is declared no more is deleted; its runs and jobs stay. What was made over the API is left alone.
    """
    from chalicelib import resources

    applied = resources.declarations().apply()
    told = [
        f"{kind} {_listed(names)}" for kind, names in [*applied.changes.items(), ("deleted", applied.deleted)] if names
    ]
    sys.stdout.write(f"schedules: {'; '.join(told) or 'none declared'}\n")
    return 0


def doctor(asked: argparse.Namespace) -> int:
    """Examine this deployment, and say what to do.

    Exit status: 0 all is well; 1 there are errors; 2 there are warnings only, which includes what could not be looked at.
    """
    from chalicelib import resources

    report = resources.doctor().run(repair=asked.repair)
    sys.stdout.write(_as_json(report) if asked.json else as_text(report))
    return DOCTORS_STATUS[report.worst]


def bootstrap(asked: argparse.Namespace) -> int:
    """Create an admin's API key straight in the database: the first one, which no key can ask the API for.

    The key alone goes to standard output. It is kept nowhere else.
    """
    key = _first_key(asked.name)
    sys.stdout.write(f"{key}\n")
    sys.stderr.write("This key is shown once, and is an admin's: keep it where secrets are kept.\n")
    return 0


def main(arguments: Sequence[str]) -> int:
    """The exit status: the command's, or 1 after a failure that is said on standard error."""
    asked = _parser().parse_args(arguments)
    command: Command = asked.command
    try:
        return command(asked)
    except SchedulerError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chalicelib.cli")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add(commands, migrate)
    examine = _add(commands, doctor)
    examine.add_argument("--json", action="store_true", help="one object: healthy, findings, repairs")
    examine.add_argument("--repair", action="store_true", help="first mend what is safe to mend while everything runs")
    keys = commands.add_parser("keys").add_subparsers(required=True, metavar="command")
    _add(keys, bootstrap).add_argument("name", help="whose key it is")
    schedules = commands.add_parser("schedules").add_subparsers(required=True, metavar="command")
    _add(schedules, apply)
    return parser


def _add(commands: argparse._SubParsersAction[argparse.ArgumentParser], command: Command) -> argparse.ArgumentParser:
    """A command is called as its function is, and explained by its docstring."""
    told = command.__doc__ or ""
    parser = commands.add_parser(command.__name__, help=told.partition("\n")[0], description=told)
    parser.set_defaults(command=command)
    return parser


def _first_key(name: str) -> str:
    from chalicelib import resources

    _, key = resources.keyring().create(name=name, role=Role.ADMIN, created_by="bootstrap")
    return key


def _as_json(report: Report) -> str:
    content = {"healthy": report.is_healthy, "findings": report.findings, "repairs": report.repairs}
    return msgspec.json.format(msgspec.json.encode(content)).decode() + "\n"


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"
