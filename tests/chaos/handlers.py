"""What the jobs do: each attempt writes a line when it begins and another when it ends, with what it returns.

Children of workers import this module too, so it finds the ledger through the environment.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from pathlib import Path

import msgspec

from chalicelib.backoff import Fixed
from chalicelib.errors import RetryLater
from chalicelib.handlers.registry import JobContext, job
from tests.chaos.ledger import Ledger

LEDGER = "CHAOS_LEDGER"  # the directory's name, in the environment
SOON = Fixed(seconds=0.2)

_ledger = Ledger(Path(os.environ[LEDGER]))


class Work(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """seconds: how long an attempt takes. failures: how many attempts fail, or ask for another one."""

    seconds: float = 0.0
    failures: int = 0


class Broken(Exception):
    """What a handler fails with on purpose."""


@job("quick")
def quick(payload: Work, context: JobContext) -> str:
    _begin(context)
    return _end(context)


@job("sleepy")
def sleepy(payload: Work, context: JobContext) -> str:
    """Can be stopped, and says how far it is."""
    _begin(context)
    ends_at = time.monotonic() + payload.seconds
    while (left := ends_at - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
        context.progress(1 - left / payload.seconds)
        context.check_cancelled()
    return _end(context)


@job("deaf")
def deaf(payload: Work, context: JobContext) -> str:
    """Hears nothing until it is through."""
    _begin(context)
    time.sleep(payload.seconds)
    return _end(context)


@job("coroutine")
async def coroutine(payload: Work, context: JobContext) -> str:
    _begin(context)
    await asyncio.sleep(payload.seconds)
    return _end(context)


@job("apart", isolation="process")
def apart(payload: Work, context: JobContext) -> str:
    _begin(context)
    time.sleep(payload.seconds)
    return _end(context)


@job("flaky", backoff=SOON, max_attempts=10)
def flaky(payload: Work, context: JobContext) -> str:
    _begin(context)
    if context.attempt <= payload.failures:
        raise Broken
    return _end(context)


@job("later")
def later(payload: Work, context: JobContext) -> str:
    _begin(context)
    if context.attempt <= payload.failures:
        raise RetryLater(0.2)
    return _end(context)


@job("doomed", backoff=SOON, max_attempts=2)
def doomed(payload: Work, context: JobContext) -> str:
    _begin(context)
    raise Broken


def _begin(context: JobContext) -> None:
    _ledger.write("began", context.job_id, context.attempt, os.getpid())


def _end(context: JobContext) -> str:
    result = f"{context.attempt}-{secrets.token_hex(4)}"
    _ledger.write("ended", context.job_id, context.attempt, os.getpid(), result)
    return result
