"""Threads that must not die unnoticed: when one fails, the whole worker stops, and its process ends with the failure.

A worker without its settler, say, would hold its jobs for ever and look alive. A dead process is replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

MOST = 8


class Helpers:
    """Helper threads of one run."""

    def __init__(self, on_failure: Callable[[], None]) -> None:
        self._threads = ThreadPoolExecutor(MOST, thread_name_prefix="helper")
        self._started: list[Future[None]] = []
        self._on_failure = on_failure

    def start(self, run: Callable[..., None], *arguments: object) -> Future[None]:
        helper = self._threads.submit(run, *arguments)
        helper.add_done_callback(self._notice)
        self._started.append(helper)
        return helper

    def join(self) -> None:
        """Wait for all of them. Raises what the first one failed with."""
        self._threads.shutdown()
        for helper in self._started:
            helper.result()

    def _notice(self, helper: Future[None]) -> None:
        if helper.exception() is not None:
            self._on_failure()
