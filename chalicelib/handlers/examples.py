"""The ancestor's two examples, and the two smallest job types."""

from __future__ import annotations

import math
import random
import time
from datetime import timedelta
from typing import Annotated, Any

import msgspec

from chalicelib.handlers.registry import JobContext, job

Steps = Annotated[int, msgspec.Meta(ge=1, le=100)]
RunSeconds = Annotated[float, msgspec.Meta(ge=1, le=10)]
SleepSeconds = Annotated[float, msgspec.Meta(ge=0, le=600)]


class Processing(msgspec.Struct, frozen=True):
    """How the pretended work is cut. seconds: how long it takes; left out: between 1 and 10."""

    user_id: int | str | None = None
    steps: Steps = 5
    seconds: RunSeconds | None = None


class Processed(msgspec.Struct, frozen=True):
    user_id: int | str | None
    steps: int
    seconds: float


class SimulatedFailure(Exception):
    """What ``fail_job`` fails with."""


@job("process_data", timeout=timedelta(seconds=30))
def process_data(payload: Processing, context: JobContext) -> Processed:
    """Pretend to process a user's data, in steps that can be watched."""
    seconds = _work(payload, context)
    return Processed(payload.user_id, payload.steps, round(seconds, 3))


@job("fail_job", timeout=timedelta(seconds=30))
def fail_job(payload: Processing, context: JobContext) -> None:
    """Pretend to work, then fail: shows retries with backoff and, in the end, FAILED."""
    _work(payload, context)
    raise SimulatedFailure("this job type always fails")


def _work(payload: Processing, context: JobContext) -> float:
    seconds = payload.seconds or random.uniform(1, 10)
    for step in range(payload.steps):
        context.progress(step / payload.steps, f"step {step + 1} of {payload.steps}")
        _sleep(seconds / payload.steps, context)
    context.progress(1.0, "done")
    return seconds


class Sleep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seconds: SleepSeconds


@job("sleep", timeout=timedelta(minutes=11))
def sleep(payload: Sleep, context: JobContext) -> None:
    """Do nothing for a while."""
    _sleep(payload.seconds, context)


class Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    below: Annotated[int, msgspec.Meta(ge=0, le=100_000_000)]


@job("count_primes", timeout=timedelta(minutes=5), isolation="process")
def count_primes(payload: Range, context: JobContext) -> int:
    """Count the primes below a number: keeps a core busy in a process of its own, which can be stopped at any time."""
    is_prime = bytearray([1]) * payload.below
    is_prime[:2] = bytes(min(2, payload.below))
    last = math.isqrt(payload.below)
    for n in range(2, last + 1):
        if is_prime[n]:
            is_prime[n * n :: n] = bytes(len(range(n * n, payload.below, n)))
            context.progress(n / last, f"multiples of {n:,}")
    return sum(is_prime)


@job("echo", timeout=timedelta(seconds=10))
def echo(payload: Any, context: JobContext) -> Any:
    """Give the payload back."""
    return payload


def _sleep(seconds: float, context: JobContext) -> None:
    """In short pieces, so that a lost lease is noticed."""
    ends_at = time.monotonic() + seconds
    while (left := ends_at - time.monotonic()) > 0:
        time.sleep(min(left, 0.25))
        context.check_cancelled()
