"""What a handler logs: kept for its job, beside the lines that go to stdout.

One ``logging.Handler`` on the root logger hears every line of the process. Whose it is, a context variable says, which is set
around the handler's own call and nowhere else: so what the engine logs is nobody's.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from datetime import datetime

import msgspec

from chalicelib.jobs import storable_text

MOST_LINES = 1_000  # an attempt
MOST_BYTES = 1_000_000  # an attempt, of messages in UTF-8
NAME_CHARACTERS = 200  # of a logger, of a level


class LogEntry(msgspec.Struct, frozen=True):
    """One line before it has its number. at: seconds since the epoch."""

    at: float
    level: str
    logger: str
    message: str


class LogLine(msgspec.Struct, frozen=True):
    """One line as it is read."""

    attempt: int
    line: int
    at: datetime
    level: str
    logger: str
    message: str


class JobLog:
    """The lines of one attempt that are not written yet, by number.

    Its methods may be called from several threads, as long as one at a time adds: each step is one call on a dict.
    """

    __slots__ = ("_bytes_left", "_count", "_is_closed", "_left_out", "_lines")

    def __init__(self) -> None:
        self._lines: dict[int, LogEntry] = {}
        self._count = 0
        self._bytes_left = MOST_BYTES
        self._left_out = 0
        self._is_closed = False

    def add(self, entry: LogEntry) -> None:
        """What is over the limits is counted."""
        size = len(entry.message.encode())
        if self._is_closed:
            return
        if self._count >= MOST_LINES or size > self._bytes_left:
            self._left_out += 1
            return
        self._bytes_left -= size
        self._append(entry)

    def close(self) -> None:
        """The attempt is over: say what was left out."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._left_out:
            self._append(LogEntry(time.time(), "WARNING", __name__, f"{self._left_out:,} more lines were left out"))

    def pending(self) -> list[tuple[int, LogEntry]]:
        """They stay until they are told to be written, so that a write that fails loses none."""
        return list(self._lines.items())

    def written(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._lines.pop(number, None)

    def _append(self, entry: LogEntry) -> None:
        self._lines[self._count + 1] = entry
        self._count += 1


Listener = Callable[[LogEntry], None]
listener: ContextVar[Listener | None] = ContextVar("listener", default=None)  # of the handler that runs in this context


class Capture(logging.Handler):
    """Gives each line to whom it belongs."""

    def emit(self, record: logging.LogRecord) -> None:
        hear = listener.get()
        if hear is None:
            return
        try:
            hear(_entry(record))
        except Exception:  # noqa: BLE001 (as logging's own handlers: a line that cannot be made must not fail who writes it)
            self.handleError(record)


def _entry(record: logging.LogRecord) -> LogEntry:
    return LogEntry(
        at=record.created,
        level=storable_text(record.levelname[:NAME_CHARACTERS]),
        logger=storable_text(record.name[:NAME_CHARACTERS]),
        message=storable_text(_message(record)),
    )


def _message(record: logging.LogRecord) -> str:
    """With the traceback, where there is one."""
    parts = [record.getMessage()]
    if record.exc_info:
        parts.append(_formatter.formatException(record.exc_info))
    if record.stack_info:
        parts.append(_formatter.formatStack(record.stack_info))
    return "\n".join(parts)


_formatter = logging.Formatter()
