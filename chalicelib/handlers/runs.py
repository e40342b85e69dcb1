"""Sorted runs of a column's values: how many differ, and which stands at a rank.

Runs are never merged. They are cut at the same values into ranges small enough for memory, and each range is looked at by
itself with set unions and sorts, which run at C speed. A run may hold a value once and say how often it was seen.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, pairwise
from random import Random

import msgspec

from chalicelib.handlers.spill import Numbers, Spill, Stretch

RANGE_VALUES = 200_000  # looked at together: about 20 MB as Python objects
SAMPLES_A_RANGE = 64  # ranges differ in size by a few times 1/64


class Run(msgspec.Struct, frozen=True):
    """Sorted values; ``seen[i]`` is how many values stand before the i-th, counting repetitions."""

    values: Sequence[float]
    seen: Sequence[int]


class Piece(msgspec.Struct, frozen=True):
    """The part of a run that lies in one range."""

    run: Run
    start: int
    stop: int

    @property
    def values(self) -> Sequence[float]:
        return self.run.values[self.start : self.stop]

    @property
    def weights(self) -> list[int]:
        seen = self.run.seen[self.start : self.stop + 1]
        return [after - before for before, after in pairwise(seen)]

    @property
    def weight(self) -> int:
        return self.run.seen[self.stop] - self.run.seen[self.start]


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

    def survey(self, ranks: Sequence[int] = ()) -> Survey:
        distinct = before = 0
        at: dict[int, float] = {}
        for pieces in _ranges([self._run(*stretches) for stretches in self._stretches]):
            after = before + sum(piece.weight for piece in pieces)
            distinct += len(set().union(*(piece.values for piece in pieces)))
            at |= _find([rank for rank in ranks if before <= rank < after], pieces, before)
            before = after
            self._spill.release()
        return Survey(distinct, at)

    def _run(self, values: Stretch, seen: Stretch | None) -> Run:
        counted = range(values.count + 1) if seen is None else self._spill.read_integers(seen)
        return Run(self._spill.read(values), counted)


def _find(ranks: Sequence[int], pieces: Sequence[Piece], before: int) -> dict[int, float]:
    """The values at these ranks, all of which lie in the range."""
    if not ranks:
        return {}
    values = list(chain.from_iterable(piece.values for piece in pieces))
    if len(values) == sum(piece.weight for piece in pieces):
        values.sort()
        return {rank: values[rank - before] for rank in ranks}
    weights = list(chain.from_iterable(piece.weights for piece in pieces))
    order = sorted(range(len(values)), key=values.__getitem__)
    ends = list(accumulate(map(weights.__getitem__, order), initial=before))[1:]
    return {rank: values[order[bisect_right(ends, rank)]] for rank in ranks}


def _ranges(runs: Sequence[Run]) -> Iterator[list[Piece]]:
    """From the smallest values to the largest; equal values are never in two ranges."""
    starts = [0] * len(runs)
    for cut in _cuts(runs):
        stops = [bisect_right(run.values, cut, start) for run, start in zip(runs, starts, strict=True)]
        yield _pieces(runs, starts, stops)
        starts = stops
    yield _pieces(runs, starts, [len(run.values) for run in runs])


def _pieces(runs: Sequence[Run], starts: Sequence[int], stops: Sequence[int]) -> list[Piece]:
    parts = zip(runs, starts, stops, strict=True)
    return [Piece(run, start, stop) for run, start, stop in parts if start < stop]


def _cuts(runs: Sequence[Run]) -> list[float]:
    """Where to cut: at every 64th of a sample that is taken evenly, and from a run shorter than a step at random."""
    total = sum(len(run.values) for run in runs)
    if total <= RANGE_VALUES:
        return []
    step, rng = max(1, RANGE_VALUES // SAMPLES_A_RANGE), Random(0)
    sample = sorted(chain.from_iterable(run.values[rng.randrange(step) :: step] for run in runs))
    return sorted(set(sample[SAMPLES_A_RANGE::SAMPLES_A_RANGE]))
