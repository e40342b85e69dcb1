"""How long a failed job waits before its next attempt."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Annotated

import msgspec

LONGEST_SECONDS = 7 * 24 * 3600

Seconds = Annotated[float, msgspec.Meta(ge=0, le=LONGEST_SECONDS)]


class Exponential(msgspec.Struct, frozen=True, kw_only=True, tag="exponential", forbid_unknown_fields=True):
    """Full-jitter exponential backoff. base, cap: seconds.

    Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015. Full jitter spreads a burst of
    failures over the whole window, so retries do not arrive together and knock the same dependency over again.
    """

    base: Seconds = 2.0
    cap: Seconds = 3600.0

    def delay(self, failures: int, rng: random.Random) -> timedelta:
        """Uniform in [0, min(cap, base * 2**(failures - 1))] seconds. failures: how many attempts have failed, from 1."""
        doublings = min(failures - 1, 64)  # beyond this the cap rules, and a float would overflow
        return timedelta(seconds=rng.uniform(0, min(self.cap, self.base * 2**doublings)))


class Linear(msgspec.Struct, frozen=True, kw_only=True, tag="linear", forbid_unknown_fields=True):
    """One step more after every failure. step, cap: seconds."""

    step: Seconds
    cap: Seconds = 3600.0

    def delay(self, failures: int, rng: random.Random) -> timedelta:
        """min(cap, step * failures) seconds. failures: from 1."""
        return timedelta(seconds=min(self.cap, self.step * failures))


class Fixed(msgspec.Struct, frozen=True, kw_only=True, tag="fixed", forbid_unknown_fields=True):
    """The same after every failure."""

    seconds: Seconds

    def delay(self, failures: int, rng: random.Random) -> timedelta:
        return timedelta(seconds=self.seconds)


Backoff = Exponential | Linear | Fixed
