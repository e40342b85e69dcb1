"""A time limit for everything that is done on a socket.

A socket's own time-out starts anew with every byte; a peer that sends one byte a second could hold a worker for ever. So a timer
shuts the socket down, which wakes whoever waits on it.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType

IDLE_SECONDS = 30.0  # without a byte: the peer is gone


class TooSlow(Exception):
    """The time allowed for an exchange is over."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no complete answer within {seconds:g} s")


class Deadline:
    """Use with ``with``; guards one socket at a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends_at = time.monotonic() + seconds
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._socket = None

    def guard(self, connection: socket.socket) -> None:
        self._socket = connection
        self.check()

    def check(self) -> None:
        """Raises TooSlow."""
        if time.monotonic() >= self._ends_at:
            raise TooSlow(self._seconds)

    def idle_seconds(self) -> float:
        """For the socket's own time-out. Raises TooSlow."""
        self.check()
        return min(IDLE_SECONDS, max(0.001, self._ends_at - time.monotonic()))

    def _cut(self) -> None:
        connection = self._socket
        if connection is not None:
            with suppress(OSError):  # closed already
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # not SSLSocket's: it races with a read
