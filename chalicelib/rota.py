"""Which queues a worker looks at now, and how much it takes of each.

A queue with jobs gets a share of the room, by its weight. One that had less than its share is left alone until the time at which
it said there may be more, or its bell rings, or a second has passed: the message may have been lost. So an empty queue costs a
look a second, however often the worker looks at others.

Where there is not enough room for each, those go first that were served least for their weight: stride scheduling, as in
C. Waldspurger, W. Weihl, "Stride Scheduling: Deterministic Proportional-Share Resource Management", MIT/LCS/TM-528, 1995.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence

from chalicelib.queues import Look

LOOK_AGAIN_SECONDS = 1.0


class _Known:
    """What is known of a queue."""

    def __init__(self) -> None:
        self.look_at = 0.0  # by our clock
        self.due_at = 0.0  # when there may be more, as the last look said
        self.has_more = False  # the last look brought all that was asked for
        self.served = 0.0  # jobs taken for its weight
        self.weight = 1.0


class Rota:
    """For one thread, but for ``ring``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._rung: set[str] = set()

    def know(self, names: Iterable[str]) -> None:
        """All queues that have jobs of any kind."""
        self._known = {name: self._known.get(name) or _Known() for name in names}

    def ring(self, name: str) -> None:
        """A queue has news. Safe from another thread."""
        self._rung.add(name)

    def shares(self, room: int) -> dict[str, int]:
        """Of the queues to look at now, how many jobs to take at most: as many as there is room for, in all."""
        self._hear()
        now = self._clock()
        due = {name: known for name, known in self._known.items() if known.look_at <= now}
        return divided(room, {name: (known.served, known.weight) for name, known in due.items()})

    def saw(self, name: str, asked: int, look: Look) -> None:
        """What the look brought."""
        known, now = self._known[name], self._clock()
        known.weight = look.weight
        known.served = max(known.served, self._least_served(known)) + len(look.members) / look.weight
        known.has_more = len(look.members) >= asked
        known.due_at = now + (math.inf if look.wait is None else look.wait.total_seconds())
        known.look_at = now if known.has_more else min(known.due_at, now + LOOK_AGAIN_SECONDS)

    def next_due(self) -> float:
        """Seconds until some queue may have jobs, as far as anybody knows; infinite: nobody knows of any."""
        self._hear()
        return max(0.0, min((known.due_at for known in self._known.values()), default=math.inf) - self._clock())

    def next_look(self) -> float:
        """Seconds until there is a queue to look at."""
        self._hear()
        now = self._clock()
        return max(0.0, min((known.look_at for known in self._known.values()), default=now + LOOK_AGAIN_SECONDS) - now)

    def _hear(self) -> None:
        while self._rung:
            known = self._known.setdefault(self._rung.pop(), _Known())
            known.look_at = known.due_at = 0.0

    def _least_served(self, known: _Known) -> float:
        """What a queue that comes back begins with: nobody saves up turns while there is nothing to do."""
        return (
            0.0 if known.has_more else min((each.served for each in self._known.values() if each.has_more), default=0.0)
        )


def divided(room: int, queues: dict[str, tuple[float, float]]) -> dict[str, int]:
    """room: jobs. queues: how much each was served for its weight, and its weight. Who gets nothing is left out."""
    if len(queues) == 1:
        return dict.fromkeys(queues, room)
    total = sum(weight for _, weight in queues.values())
    shares = {name: int(room * weight / total) for name, (_, weight) in queues.items()}
    for name in _by_turn(queues, shares)[: room - sum(shares.values())]:
        shares[name] += 1
    return {name: share for name, share in shares.items() if share}


def _by_turn(queues: dict[str, tuple[float, float]], shares: dict[str, int]) -> Sequence[str]:
    """Who comes first when one more job is given to each of some."""
    return sorted(queues, key=lambda name: queues[name][0] + shares[name] / queues[name][1])
