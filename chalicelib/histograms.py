"""Durations as counts in buckets that grow by the square root of two, from 1 ms to more than a day.

Bucket n holds what is longer than BOUNDS[n - 1] and no longer than BOUNDS[n]; the first begins at nothing, and one more after
the last bound has no end. A histogram ends with its last bucket that is not empty, so that short ones stay short.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, zip_longest

BOUNDS = tuple(0.001 * 2 ** (n / 2) for n in range(54))  # seconds; the last one is 26 hours
COARSE = 4  # every fourth bound is enough for Prometheus: the factor is 4


def counted(seconds: Iterable[float]) -> list[int]:
    """The histogram of some durations."""
    ordered = sorted(seconds)
    counts: list[int] = []
    seen = 0
    for bound in BOUNDS:
        if seen == len(ordered):
            return counts
        upto = bisect_right(ordered, bound)
        counts.append(upto - seen)
        seen = upto
    return [*counts, len(ordered) - seen] if seen < len(ordered) else counts


def added(some: Sequence[int], others: Sequence[int]) -> list[int]:
    return [a + b for a, b in zip_longest(some, others, fillvalue=0)]


def percentile(counts: Sequence[int], share: float) -> float | None:
    """The duration in seconds that ``share`` of all do not exceed (nearest rank). None: there are none.

    It is the geometric middle of its bucket, so between 1 ms and 26 hours it is off by a factor of 2 ** 0.25 (19 %) at most.
    Below 1 ms it is off by 0.5 ms at most; above 26 hours it is 26 hours.
    """
    total = sum(counts)
    if total == 0:
        return None
    rank = max(1, math.ceil(share * total))
    return _middle(next(n for n, upto in enumerate(accumulate(counts)) if upto >= rank))


def cumulative(counts: Sequence[int], step: int = COARSE) -> list[tuple[float, int]]:
    """How many did not exceed every ``step``-th bound, exactly."""
    upto = list(accumulate(counts))
    return [(BOUNDS[n], upto[min(n, len(upto) - 1)] if upto else 0) for n in range(0, len(BOUNDS), step)]


def _middle(bucket: int) -> float:
    if bucket == 0:
        return BOUNDS[0] / 2
    if bucket >= len(BOUNDS):
        return BOUNDS[-1]
    return math.sqrt(BOUNDS[bucket - 1] * BOUNDS[bucket])
