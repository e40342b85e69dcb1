"""Postgres's and Redis's clocks decide everything, so they must agree; this machine's makes the ids."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from chalicelib.checks.limits import Limits
from chalicelib.findings import Diagnosis, Finding, Severity, fine

ROUNDS = 5


class Offset(msgspec.Struct, frozen=True):
    """How far a clock is ahead of ours, in seconds, and by how much that may be off."""

    seconds: float
    uncertainty: float


class Clocks:
    """postgres, redis, here: seconds since the epoch."""

    def __init__(
        self,
        *,
        postgres: Callable[[], float],
        redis: Callable[[], float],
        limits: Limits,
        here: Callable[[], float] = time.time,
    ) -> None:
        self._postgres = postgres
        self._redis = redis
        self._here = here
        self._limits = limits

    def servers(self) -> list[Diagnosis]:
        postgres, redis = offset(self._postgres, self._here), offset(self._redis, self._here)
        between = Offset(redis.seconds - postgres.seconds, redis.uncertainty + postgres.uncertainty)
        return [self._judged("clock_skew", between, "Redis is {} Postgres", "the servers' clocks")]

    def machine(self) -> list[Diagnosis]:
        ahead = offset(self._postgres, self._here)
        return [self._judged("machine_clock", ahead, "Postgres is {} this machine", "this machine's clock")]

    def _judged(self, check: str, between: Offset, found: str, what: str) -> Diagnosis:
        said = found.format(_words(between.seconds))
        surely = abs(between.seconds) - between.uncertainty
        if surely <= self._limits.skew_seconds:
            return fine(check, said)
        severity = Severity.ERROR if surely > self._limits.skew_seconds_error else Severity.WARNING
        advice = f"set {what} by NTP: leases, delays and ids go wrong by as much"
        return Diagnosis(Finding(check=check, severity=severity, found=said, advice=advice))


def offset(ask: Callable[[], float], here: Callable[[], float]) -> Offset:
    """The quickest of some round trips tells most: the answer was made within it, at its middle but for half its length.

    Source: D. Mills, "Internet Time Synchronization: the Network Time Protocol", RFC 1129, 1989.
    """
    return min((_once(ask, here) for _ in range(ROUNDS)), key=lambda each: each.uncertainty)


def _once(ask: Callable[[], float], here: Callable[[], float]) -> Offset:
    sent = here()
    answer = ask()
    received = here()
    return Offset(answer - (sent + received) / 2, (received - sent) / 2)


def _words(seconds: float) -> str:
    return f"{abs(seconds):.3f} s {'ahead of' if seconds >= 0 else 'behind'}"
