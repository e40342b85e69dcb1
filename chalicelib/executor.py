"""Run one attempt of a job to its outcome."""

from __future__ import annotations

import asyncio
import logging
import random
import traceback
from collections.abc import Callable
from typing import Any

import msgspec

from chalicelib.attempt import Attempt, StopReason
from chalicelib.backoff import Backoff
from chalicelib.errors import AttemptStopped, GiveUp, InvalidPayload, RetryLater, TimedOut, TooLarge, UnknownJobType
from chalicelib.handlers.registry import JobType, Registry
from chalicelib.joblog import listener
from chalicelib.jobs import (
    AttemptError,
    Cancelled,
    ClaimedJob,
    Completed,
    Failed,
    Outcome,
    Postponed,
    Released,
    Retry,
    storable_text,
)

logger = logging.getLogger(__name__)

RESULT_BYTES = 256 * 1024
MESSAGE_CHARACTERS = 2_000
TRACEBACK_CHARACTERS = 14_000  # with the message, an error stays below 16 KB of mostly ASCII


RunApart = Callable[[Attempt, JobType], Outcome]  # in a process of its own; raises when that ends without an outcome


class Executor:
    """Finds the handler, runs it, and says how it ended. Never raises: a handler's failure is data."""

    def __init__(self, registry: Registry, rng: random.Random, run_apart: RunApart | None = None) -> None:
        self._registry = registry
        self._rng = rng
        self._run_apart = run_apart

    def run(self, attempt: Attempt) -> Outcome:
        """On this thread, or in a child process that this thread waits for."""
        try:
            attempt.check_cancelled()
            job_type = self._registry.get(attempt.job.job_type)
            if job_type.isolation == "process" and self._run_apart is not None:
                outcome = self._run_apart(attempt, job_type)
            else:
                outcome = Completed(_encoded(_called(job_type, attempt)))
        except BaseException as error:
            return self.ended(attempt, error)
        return outcome if attempt.reason is None else self.stopped(attempt)

    async def run_async(self, attempt: Attempt) -> Outcome:
        """On this thread's event loop."""
        try:
            attempt.check_cancelled()
            job_type = self._registry.get(attempt.job.job_type)
            outcome: Outcome = Completed(_encoded(await _awaited(job_type, attempt)))
        except BaseException as error:
            return self.ended(attempt, error)
        return outcome if attempt.reason is None else self.stopped(attempt)

    def ended(self, attempt: Attempt, error: BaseException) -> Outcome:
        """What an exception makes of an attempt: nothing, once it was stopped from outside."""
        if attempt.reason is not None:
            return self.stopped(attempt, error)
        match error:
            case RetryLater():
                return Postponed(error.after)
            case UnknownJobType() | InvalidPayload() | GiveUp() | TooLarge():
                return Failed(_described(error))
            case AttemptStopped():
                return Released()  # raised by the handler itself, which nobody told to
            case _:
                logger.warning("attempt failed", extra=_about(attempt), exc_info=error)
                return self._after_failure(attempt.job, _described(error))

    def stopped(self, attempt: Attempt, error: BaseException | None = None) -> Outcome:
        """How an attempt counts that was ended from outside, whatever its handler says. error: where it was met."""
        match attempt.reason:
            case StopReason.TIMED_OUT:
                timed_out = TimedOut(attempt.job.timeout)
                logger.warning("attempt timed out", extra=_about(attempt))
                return self._after_failure(attempt.job, _described(timed_out, error))
            case StopReason.CANCELLED:
                return Cancelled()
            case _:
                return Released()

    def _after_failure(self, job: ClaimedJob, error: AttemptError) -> Outcome:
        if not job.has_attempts_left:
            return Failed(error)
        return Retry(error, self._backoff(job).delay(job.failures + 1, self._rng))

    def _backoff(self, job: ClaimedJob) -> Backoff:
        if job.backoff is not None:
            return _backoffs.decode(job.backoff)
        return self._registry.get(job.job_type).backoff


def _called(job_type: JobType, attempt: Attempt) -> object:
    payload = job_type.decode(attempt.job.payload)
    listener.set(attempt.note)
    try:
        result = job_type.run(payload, attempt)
        return asyncio.run(result) if job_type.is_async else result
    finally:
        # Not a reset to what was before: where AttemptStopped struck just here, that would be an attempt of the past.
        listener.set(None)


async def _awaited(job_type: JobType, attempt: Attempt) -> object:
    token = listener.set(attempt.note)
    try:
        return await job_type.run(job_type.decode(attempt.job.payload), attempt)
    finally:
        listener.reset(token)


def _encoded(result: object) -> bytes:
    encoded = msgspec.json.encode(result)
    if len(encoded) > RESULT_BYTES:
        raise TooLarge("result", len(encoded), RESULT_BYTES)
    return encoded


def _described(error: BaseException, met: BaseException | None = None) -> AttemptError:
    """met: whose traceback to show, where it is not the error's own."""
    return AttemptError(
        type=type(error).__name__,
        message=storable_text(_message(error)[:MESSAGE_CHARACTERS]) or type(error).__name__,
        traceback=storable_text("".join(traceback.format_exception(met or error))[-TRACEBACK_CHARACTERS:]),
    )


def _message(error: BaseException) -> str:
    """As a traceback's last line has it, which also copes with an error that cannot be turned into text."""
    return "".join(traceback.format_exception_only(error)).strip().partition(": ")[2]


_backoffs: msgspec.json.Decoder[Backoff] = msgspec.json.Decoder(Backoff)


def _about(attempt: Attempt) -> dict[str, Any]:
    return {"job_id": str(attempt.job_id), "attempt": attempt.attempt}
