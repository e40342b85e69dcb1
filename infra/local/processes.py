"""Ends processes politely, and knows when they are gone. A zombie is: who reaps it, and when, is not ours to say."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable

import psutil


def is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until_gone(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that are still there after so long."""
    deadline = time.monotonic() + seconds
    left = [process for process in processes if not is_gone(process)]
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [process for process in left if not is_gone(process)]
    return left


def send(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)
