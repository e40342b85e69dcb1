"""Several workers side by side: one process each, because one interpreter keeps one core busy.

They are forked before anything was opened, and share nothing. One that dies is replaced; the rest go on.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

REPLACE_SECONDS = 1.0  # before a worker that died is replaced: one that cannot start must not spin


class Processes:
    """Parent of ``count`` processes that run ``serve``, which returns an exit status."""

    def __init__(self, count: int, serve: Callable[[], int]) -> None:
        self._count = count
        self._serve = serve
        self._pids: set[int] = set()
        self._is_stopping = False

    def run(self) -> int:
        """Until a signal ends them all. Returns 0, or the status of one that did not end well after it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._pass_on)
        for _ in range(self._count):
            self._fork()
        status = 0
        while self._pids:
            status = max(status, self._wait())
        return status

    def _fork(self) -> None:
        pid = os.fork()
        if pid == 0:
            self._pids = set()
            random.seed()
            os._exit(self._serve())
        self._pids.add(pid)
        if self._is_stopping:
            os.kill(pid, signal.SIGTERM)

    def _wait(self) -> int:
        pid, status = os.wait()
        self._pids.discard(pid)
        code = os.waitstatus_to_exitcode(status)
        if self._is_stopping:
            return abs(code)
        logger.error("worker process ended: another one takes its place", extra={"pid": pid, "status": code})
        time.sleep(REPLACE_SECONDS)
        if not self._is_stopping:
            self._fork()
        return 0

    def _pass_on(self, number: int, _: object) -> None:
        self._is_stopping = True
        for pid in self._pids:
            os.kill(pid, number)
