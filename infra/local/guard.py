"""Ends servers whose parent is gone: ``python -m infra.local.guard PIDS DIRECTORY``.

Its standard input is a pipe that only the parent holds open, so that even a parent killed with -9 is noticed at once.
"""

from __future__ import annotations

import shutil
import signal
import sys

import psutil

from infra.local.processes import send, wait_until_gone

GRACE_SECONDS = 10


def main(pids: str, directory: str) -> None:
    """directory: thrown away once all are gone; empty means none."""
    servers = [psutil.Process(int(pid)) for pid in pids.split(",")]
    sys.stdin.buffer.read()
    for server in servers:
        send(server, signal.SIGINT)
    for server in wait_until_gone(servers, GRACE_SECONDS):
        send(server, signal.SIGKILL)
    if directory:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
