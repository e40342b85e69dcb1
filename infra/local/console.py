"""The only place that prints."""

from __future__ import annotations

import sys


def say(line: str = "") -> None:
    print(line, flush=True)


def complain(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
