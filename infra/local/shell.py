"""Runs other people's programs, with their words kept in a log."""

from __future__ import annotations

import subprocess
from pathlib import Path

from infra.local.steps import StepFailed


def run(command: list[str], *, directory: Path, environment: dict[str, str], log: Path, advice: str) -> None:
    """Raises StepFailed with the log when the program does not exit with 0."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        done = subprocess.run(command, cwd=directory, env=environment, stdout=output, stderr=subprocess.STDOUT)
    if done.returncode:
        problem = f"{Path(command[0]).name} {' '.join(command[1:4])} failed with status {done.returncode}."
        raise StepFailed(problem, advice, log)
