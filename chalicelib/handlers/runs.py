"""Sorted runs of a column's values: how many differ, and which stands at a rank.

Runs are never merged. They are cut at the same values into ranges small enough for memory, and each range is looked at by
itself with set unions and sorts, which run at C speed. A run may hold a value once and say how often it was seen.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, pairwise
from math import inf
from random import Random

import msgspec

from chalicelib.handlers.spill import Numbers, Spill, Stretch

RANGE_VALUES = 200_000  # looked at together: about 20 MB as Python objects
RUNS_AT_ONCE = 32  # of which pages are in memory: reading one value brings in 64 KB
SAMPLES_A_RANGE = 64  # ranges differ in size by a few times 1/64


class Piece(msgspec.Struct, frozen=True):
    """The part of a run that lies in one range. weights: how often each value was seen."""

    values: list[float]
    weights: Sequence[int]


class Run(msgspec.Struct, frozen=True):
    """Sorted values; ``seen[i]`` is how many values stand before the i-th, counting repetitions; None: i."""

    values: Sequence[float]
    seen: Sequence[int] | None

    def piece(self, start: int, stop: int, *, exact: bool) -> Piece:
        values = list(self.values[start:stop] if exact else map(float, self.values[start:stop]))
        if self.seen is None:
            return Piece(values, [1] * len(values))
        return Piece(values, [after - before for before, after in pairwise(self.seen[start : stop + 1])])


class Survey(msgspec.Struct, frozen=True):
    """What one look over all runs found. at: the value at each rank asked for, from 0."""

    distinct: int
    at: dict[int, float]


class Runs:
    """The runs of one column, on disk. Runs may be sorted late: many columns never need it."""

    def __init__(self, spill: Spill) -> None:
        self._spill = spill
        self._stretches: list[tuple[Stretch, Stretch | None]] = []

    def add(self, values: Numbers, weights: Sequence[int] | None = None) -> None:
        """weights: how often each value was seen; None: once each."""
        seen = None if weights is None else self._spill.write(array("q", accumulate(weights, initial=0)))
        self._stretches.append((self._spill.write(values), seen))

    def sort(self) -> None:
        """For runs added unsorted, and without weights."""
        for values, _ in self._stretches:
            self._spill.sort(values)
            self._spill.release()

    def survey(self, ranks: Sequence[int] = (), *, exact: bool = True) -> Survey:
        """exact: whether integers stay integers, or are what they round to in floating point."""
        distinct = before = 0
        at: dict[int, float] = {}
        for pieces in self._ranges(exact=exact):
            after = before + sum(sum(piece.weights) for piece in pieces)
            distinct += len(set().union(*(piece.values for piece in pieces)))
            at |= _find([rank for rank in ranks if before <= rank < after], pieces, before)
            before = after
        return Survey(distinct, at)

    def _ranges(self, *, exact: bool) -> Iterator[list[Piece]]:
        """From the smallest values to the largest; equal values are never in two ranges."""
        starts = [0] * len(self._stretches)
        for cut in [*self._cuts(), inf]:
            pieces = []
            for at, run in enumerate(self._runs()):
                start, starts[at] = starts[at], bisect_right(run.values, cut, starts[at])
                pieces.append(run.piece(start, starts[at], exact=exact))
            yield pieces

    def _cuts(self) -> list[float]:
        """At every 64th of a sample that is taken evenly, and from a run shorter than a step at random."""
        if sum(values.count for values, _ in self._stretches) <= RANGE_VALUES:
            return []
        step, rng = max(1, RANGE_VALUES // SAMPLES_A_RANGE), Random(0)
        sample = sorted(chain.from_iterable(run.values[rng.randrange(step) :: step] for run in self._runs()))
        return sorted(set(sample[SAMPLES_A_RANGE::SAMPLES_A_RANGE]))

    def _runs(self) -> Iterator[Run]:
        """Keeps few of them in memory."""
        for number, (values, seen) in enumerate(self._stretches, 1):
            yield Run(self._spill.read(values), None if seen is None else self._spill.read_integers(seen))
            if number % RUNS_AT_ONCE == 0:
                self._spill.release()


def _find(ranks: Sequence[int], pieces: Sequence[Piece], before: int) -> dict[int, float]:
    """The values at these ranks, all of which lie in the range."""
    if not ranks:
        return {}
    values = list(chain.from_iterable(piece.values for piece in pieces))
    weights = list(chain.from_iterable(piece.weights for piece in pieces))
    if max(weights) == 1:
        values.sort()
        return {rank: values[rank - before] for rank in ranks}
    order = sorted(range(len(values)), key=values.__getitem__)
    ends = list(accumulate(map(weights.__getitem__, order), initial=before))[1:]
    return {rank: values[order[bisect_right(ends, rank)]] for rank in ranks}
