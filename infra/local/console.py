"""The only place that writes to the terminal."""

from __future__ import annotations

import sys


def say(line: str = "") -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def begin(step: str) -> None:
    """Name a step while it runs; ``finish`` overwrites the line. Says nothing when nobody watches."""
    if sys.stdout.isatty():
        sys.stdout.write(f"  {step} …")
        sys.stdout.flush()


def finish(mark: str, step: str, seconds: float, note: str) -> None:
    start = "\r\033[K" if sys.stdout.isatty() else ""
    say(f"{start}{mark} {step:<20} {seconds:6.1f} s{'  ' if note else ''}{note}")
