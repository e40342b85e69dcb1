"""How long a failed job waits before its next attempt."""

from __future__ import annotations

import random
from datetime import timedelta

import msgspec


class Exponential(msgspec.Struct, frozen=True, kw_only=True, tag="exponential"):
    """Full-jitter exponential backoff. base, cap: seconds.

    Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015. Full jitter spreads a burst of
    failures over the whole window, so retries do not arrive together and knock the same dependency over again.
    """

    base: float = 2.0
    cap: float = 3600.0

    def delay(self, failures: int, rng: random.Random) -> timedelta:
        """Uniform in [0, min(cap, base * 2**(failures - 1))] seconds. failures: how many attempts have failed, from 1."""
        doublings = min(failures - 1, 64)  # beyond this the cap rules, and a float would overflow
        return timedelta(seconds=rng.uniform(0, min(self.cap, self.base * 2**doublings)))


Backoff = Exponential
