"""How much of everything one round of a peer is."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.bench.comparison.peer import Peer


@dataclass(frozen=True, kw_only=True)
class Counts:
    """For the figures that go into the README; QUICK only shows that everything works."""

    singles: int = 1000
    drain_at_most: int = 50_000
    sleep_at_most: int = 10_000
    idle_jobs: int = 250
    load_seconds: float = 3

    def bulk(self, peer: Peer) -> int:
        """With the singles they are what is drained."""
        return max(min(peer.drain_jobs, self.drain_at_most) - self.singles, 1)

    def sleeping(self, peer: Peer) -> int:
        return min(peer.sleep_jobs, self.sleep_at_most)

    def idle_offsets(self) -> list[float]:
        """Seconds. Irregular, so that nobody's polling keeps step with them."""
        gaps = [random.uniform(*IDLE_GAP) for _ in range(self.idle_jobs)]
        return [sum(gaps[:count]) for count in range(len(gaps))]

    def load_offsets(self, rate: float) -> list[float]:
        """Seconds. Regular."""
        return [number / rate for number in range(max(int(rate * self.load_seconds), 2))]


IDLE_GAP = (0.015, 0.025)  # seconds between two jobs: every peer is idle again by then
QUICK = Counts(singles=100, drain_at_most=2000, sleep_at_most=500, idle_jobs=40, load_seconds=0.5)
