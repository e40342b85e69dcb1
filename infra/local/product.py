"""What the product's own command line does for a stack: one way for every home that it has."""

from __future__ import annotations

import sys

from infra.local.programs import base_environment
from infra.local.shell import run
from infra.local.stack import ROOT, Stack


def migrate(stack: Stack, advice: str) -> None:
    """Raises StepFailed with the advice, as the other does."""
    _run(stack, "migrate", ["migrate"], advice)


def apply_schedules(stack: Stack, advice: str) -> None:
    """Those that are declared in code and file."""
    _run(stack, "schedules", ["schedules", "apply"], advice)


def _run(stack: Stack, name: str, words: list[str], advice: str) -> None:
    environment = base_environment() | stack.settings() | stack.aws_environment()
    command = [sys.executable, "-m", "chalicelib.cli", *words]
    run(command, directory=ROOT, environment=environment, log=stack.log(name), advice=advice)
