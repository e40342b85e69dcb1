"""One attempt in a worker's hands: the handler's context, and the way to stop it from outside."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from chalicelib.errors import AttemptStopped
from chalicelib.joblog import JobLog, LogEntry
from chalicelib.jobs import ClaimedJob, Outcome, Progress, Released, storable_text
from chalicelib.settings import Settings

MESSAGE_CHARACTERS = 500  # of a progress message


class StopReason(StrEnum):
    """Why an attempt is ended from outside."""

    LOST = "lease lost"  # another worker owns the job
    CANCELLED = "cancelled"
    TIMED_OUT = "timed out"
    RELEASED = "worker stops"


class Attempt:
    """Made for every job that is run, so it is kept small: no locks, no events."""

    __slots__ = (
        "_news",
        "began_at",
        "held_since",
        "interrupt",
        "job",
        "lines",
        "outcome",
        "ran",
        "reason",
        "settings",
        "stopped_at",
    )

    def __init__(self, job: ClaimedJob, settings: Settings, held_since: float) -> None:
        self.job = job
        self.settings = settings
        self.held_since = held_since  # when its lease was asked for; this and the times below: time.monotonic()
        self.began_at = 0.0  # when its handler began; 0: it waits
        self.ran: float | None = None  # seconds, once it has ended
        self.stopped_at = 0.0
        self.reason: StopReason | None = None  # once it is there, it decides the outcome
        self.interrupt: Callable[[Attempt], None] | None = None  # set while the handler runs: how to make it hear
        self.outcome: Outcome = Released()
        self.lines: JobLog | None = None  # once it has logged something
        self._news: Progress | None = None

    @property
    def job_id(self) -> UUID:
        return self.job.id

    @property
    def attempt(self) -> int:
        return self.job.attempt

    @property
    def scheduled_for(self) -> datetime | None:
        return self.job.scheduled_for

    @property
    def deadline(self) -> datetime:
        """When the handler is stopped."""
        ran = time.monotonic() - self.began_at if self.began_at else 0.0
        return datetime.now(UTC) + self.job.timeout - timedelta(seconds=ran)

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        return logging.LoggerAdapter(_handler_logger, {"job_id": str(self.job.id), "attempt": self.job.attempt})

    def progress(self, fraction: float, message: str = "") -> None:
        self._news = Progress(min(1.0, max(0.0, float(fraction))), storable_text(message[:MESSAGE_CHARACTERS]))

    def note(self, entry: LogEntry) -> None:
        """Its handler has logged."""
        if self.lines is None:
            self.lines = JobLog()
        self.lines.add(entry)

    def check_cancelled(self) -> None:
        if self.reason is not None:
            raise AttemptStopped(self.reason)

    @property
    def is_overdue(self) -> bool:
        return bool(self.began_at) and time.monotonic() - self.began_at > self.job.timeout_seconds

    def stop(self, reason: StopReason) -> None:
        """The handler hears of it; what it still returns or raises is ignored. The first reason stays."""
        if self.reason is not None:
            return
        self.stopped_at = time.monotonic()
        self.reason = reason
        interrupt = self.interrupt
        if interrupt is not None:
            interrupt(self)

    def say(self, news: Progress) -> None:
        """What a handler in another process reports."""
        self._news = news

    def take_news(self) -> Progress | None:
        """Progress since the last call."""
        news, self._news = self._news, None
        return news


_handler_logger = logging.getLogger("chalicelib.handlers")
