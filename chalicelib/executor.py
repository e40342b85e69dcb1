"""Run one attempt of a job to its outcome."""

from __future__ import annotations

import logging
import random
import threading
import time
import traceback
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from chalicelib.errors import GiveUp, InvalidPayload, LeaseLost, TooLarge, UnknownJobType
from chalicelib.handlers.registry import JobType, Registry
from chalicelib.jobs import AttemptError, Completed, Failed, Job, Outcome, Progress, Released, Retry
from chalicelib.settings import Settings

logger = logging.getLogger(__name__)

RESULT_BYTES = 256 * 1024
MESSAGE_CHARACTERS = 2_000
TRACEBACK_CHARACTERS = 14_000  # with the message, an error stays below 16 KB of mostly ASCII


class Attempt:
    """One attempt in a worker's hands: the handler's context, and what the keeper of leases needs."""

    def __init__(self, job: Job, settings: Settings) -> None:
        self.job = job
        self.settings = settings
        self.held_since = time.monotonic()  # or since the lease was last renewed
        self._lost = threading.Event()
        self._news: Progress | None = None

    @property
    def job_id(self) -> UUID:
        return self.job.id

    @property
    def attempt(self) -> int:
        return self.job.attempt

    @property
    def deadline(self) -> datetime:
        return (self.job.started_at or datetime.now(UTC)) + self.job.timeout

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        return logging.LoggerAdapter(_handler_logger, {"job_id": str(self.job.id), "attempt": self.job.attempt})

    def progress(self, fraction: float, message: str = "") -> None:
        self._news = Progress(min(1.0, max(0.0, float(fraction))), _storable(message[:500]))

    def check_cancelled(self) -> None:
        if self.is_lost:
            raise LeaseLost(self.job.id, self.job.attempt)

    @property
    def is_lost(self) -> bool:
        return self._lost.is_set()

    def lose(self) -> None:
        """The lease is gone: the handler hears of it at its next check, and its outcome will be refused."""
        self._lost.set()

    def take_news(self) -> Progress | None:
        """Progress since the last call."""
        news, self._news = self._news, None
        return news


_handler_logger = logging.getLogger("chalicelib.handlers")


class Executor:
    """Finds the handler, runs it, and says how it ended."""

    def __init__(self, registry: Registry, rng: random.Random) -> None:
        self._registry = registry
        self._rng = rng

    def run(self, attempt: Attempt) -> Outcome:
        """Never raises: a handler's failure is data."""
        try:
            job_type = self._registry.get(attempt.job.job_type)
            return self._call(job_type, job_type.decode(attempt.job.payload or b"null"), attempt)
        except (UnknownJobType, InvalidPayload) as error:
            return Failed(_described(error))

    def _call(self, job_type: JobType, payload: Any, attempt: Attempt) -> Outcome:
        try:
            return Completed(_encoded(job_type.run(payload, attempt)))
        except (GiveUp, TooLarge) as error:
            return Failed(_described(error))
        except LeaseLost:
            return Released()  # the handler stopped because it was told to
        except BaseException as error:
            logger.warning(
                "attempt failed", extra={"job_id": str(attempt.job_id), "attempt": attempt.attempt}, exc_info=True
            )
            return self._after_failure(job_type, attempt.job, _described(error))

    def _after_failure(self, job_type: JobType, job: Job, error: AttemptError) -> Outcome:
        if not job.has_attempts_left:
            return Failed(error)
        return Retry(error, job_type.backoff.delay(job.failures + 1, self._rng))


def _encoded(result: object) -> bytes:
    encoded = msgspec.json.encode(result)
    if len(encoded) > RESULT_BYTES:
        raise TooLarge("result", len(encoded), RESULT_BYTES)
    return encoded


def _described(error: BaseException) -> AttemptError:
    return AttemptError(
        type=type(error).__name__,
        message=_storable(_message(error)[:MESSAGE_CHARACTERS]) or type(error).__name__,
        traceback=_storable("".join(traceback.format_exception(error))[-TRACEBACK_CHARACTERS:]),
    )


def _message(error: BaseException) -> str:
    """As a traceback's last line has it, which also copes with an error that cannot be turned into text."""
    return "".join(traceback.format_exception_only(error)).strip().partition(": ")[2]


def _storable(text: str) -> str:
    """Without lone surrogates, which are not text, and without NUL, which Postgres refuses."""
    return text.encode(errors="replace").decode().replace("\x00", "\ufffd")
