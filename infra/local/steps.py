"""One line a step: what was done, and how long it took."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.local import console

TAIL_LINES = 20


class StepFailed(Exception):
    """A step could not be done. What to do about it is part of the message."""

    def __init__(self, problem: str, advice: str, log: Path | None = None) -> None:
        super().__init__(problem)
        self.advice = advice
        self.log = log


@dataclass
class Step:
    """A step at work; ``note`` is shown behind its time, ``skipped`` says nothing had to be done."""

    note: str = ""
    skipped: bool = False


@contextlib.contextmanager
def step(name: str) -> Iterator[Step]:
    current = Step()
    began = time.monotonic()
    console.begin(name)
    try:
        yield current
    except BaseException:
        console.finish("✗", name, time.monotonic() - began, current.note)
        raise
    console.finish("·" if current.skipped else "✓", name, time.monotonic() - began, current.note)


def explain(failure: StepFailed) -> None:
    """The problem, the end of its log, and the way out."""
    console.complain(f"\n{failure}")
    if failure.log is not None and failure.log.exists():
        console.complain(f"\nThe last lines of {failure.log}:")
        for line in tail(failure.log):
            console.complain(f"  {line}")
        console.complain("")
    console.complain(failure.advice)


def exit_code(work: Callable[[], object]) -> int:
    """Of a program that does this: 1 where a step failed, which is explained."""
    try:
        work()
    except StepFailed as failure:
        explain(failure)
        return 1
    return 0


def tail(log: Path) -> list[str]:
    with log.open(errors="replace") as lines:
        return [line.rstrip("\n") for line in deque(lines, maxlen=TAIL_LINES)]
