"""``python -m chalicelib.cli``: what an operator does by hand."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from chalicelib import resources
from chalicelib.errors import SchedulerError


def migrate() -> str:
    """Bring the schema up to date, and make the next days' partitions."""
    applied = resources.migrations().apply()
    made = resources.partitions().ensure()
    return f"applied {_listed(applied)}; made partitions {_listed(made)}"


COMMANDS: dict[str, Callable[[], str]] = {"migrate": migrate}


def main(arguments: list[str]) -> int:
    """The exit status: 0, or 1 after a failure that is said on standard error."""
    parser = argparse.ArgumentParser(prog="python -m chalicelib.cli")
    parser.add_argument("command", choices=COMMANDS, help="; ".join(f"{n}: {f.__doc__}" for n, f in COMMANDS.items()))
    command = COMMANDS[parser.parse_args(arguments).command]
    try:
        sys.stdout.write(command() + "\n")
    except SchedulerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
