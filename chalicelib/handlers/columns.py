"""What is known of one column while the file streams by.

Words are held with their counts until too many differ; then they are folded, all at once, into totals and runs on disk.
Text statistics are kept for numeric columns too: when the millionth word turns out not to be a number, nothing is lost.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from math import fsum
from operator import mul
from typing import TypeVar

from chalicelib.handlers.column_types import MISSING, TRUE, ColumnType, read, widened
from chalicelib.handlers.runs import Runs, Survey
from chalicelib.handlers.spill import Numbers, Spill

Ordered = TypeVar("Ordered", str, int, float)


class TextTotals:
    """A column's words as text.

    Words are told apart by 64-bit hashes: among ten million, the odds that two are taken for one are 1 in 370,000.
    """

    def __init__(self, spill: Spill) -> None:
        self.ends: list[str] = []  # the first and the last, in code point order
        self.lengths: list[int] = []  # the shortest and the longest, in characters
        self._hashes = Runs(spill)

    def fold(self, words: Collection[str]) -> None:
        """words: different ones."""
        self.ends = _ends([*self.ends, min(words), max(words)])
        self.lengths = _ends([*self.lengths, *set(map(len, words))])
        self._hashes.add(array("q", map(hash, words)))

    def distinct(self) -> int:
        self._hashes.sort()
        return self._hashes.survey().distinct


class NumberTotals:
    """A column's words as numbers. Integers stay exact, whatever their size."""

    def __init__(self, spill: Spill) -> None:
        self.ends: list[float] = []  # the smallest and the largest
        self.fits_runs = True  # False: an integer needs more than 64 bits, so runs hold it rounded
        self._whole = 0  # sum of what came as integers
        self._sums: list[float] = []  # of what came as floating point, one a fold
        self._runs = Runs(spill)

    def fold(self, numbers: Sequence[float], weights: Sequence[int], type_: ColumnType) -> None:
        self._add_up(map(mul, numbers, weights), type_)
        if max(weights) == 1:
            self._add_run(sorted(numbers), None, type_)
        else:
            order = sorted(range(len(numbers)), key=numbers.__getitem__)
            self._add_run([numbers[at] for at in order], [weights[at] for at in order], type_)

    def mean(self, count: int) -> float:
        return self._whole / count + _sum(self._sums) / count

    def survey(self, ranks: Sequence[int], *, exact: bool) -> Survey:
        return self._runs.survey(ranks, exact=exact)

    def _add_run(self, numbers: Sequence[float], weights: Sequence[int] | None, type_: ColumnType) -> None:
        self.ends = _ends([*self.ends, numbers[0], numbers[-1]])
        self._runs.add(self._packed(numbers, type_), weights)

    def _add_up(self, products: Iterable[float], type_: ColumnType) -> None:
        if type_ == ColumnType.INTEGER:
            self._whole += int(sum(products))
        else:
            self._sums.append(_sum(list(products)))

    def _packed(self, numbers: Sequence[float], type_: ColumnType) -> Numbers:
        try:
            return array("q", map(int, numbers)) if type_ == ColumnType.INTEGER else array("d", numbers)
        except OverflowError:
            self.fits_runs = False
            return array("d", numbers)


class Column:
    """One column: what is held of it, and what was folded."""

    def __init__(self, name: str, spill: Spill, most_held: int) -> None:
        self.name = name
        self.type = ColumnType.EMPTY
        self.count = 0
        self.missing = 0
        self.trues = 0
        self.texts = TextTotals(spill)
        self.numbers = NumberTotals(spill)
        self._most_held = most_held
        self._held: Counter[str] = Counter()

    def add(self, words: Iterable[str]) -> None:
        self._held.update(words)
        if len(self._held) > self._most_held:
            self.fold()

    def held_characters(self) -> int:
        return sum(map(len, self._held))

    def fold(self) -> None:
        held, self._held = self._held, Counter()
        self.missing += sum(held.pop(word, 0) for word in MISSING)
        if held:
            self.count += held.total()
            self.trues += sum(held[word] for word in TRUE)
            self.texts.fold(held)
            self._fold_typed(held)

    def _fold_typed(self, held: Counter[str]) -> None:
        if self.type == ColumnType.TEXT:
            return
        reading = read(held)
        self.type = widened(self.type, reading.type)
        if self.type.is_numeric:
            self.numbers.fold(reading.numbers, list(held.values()), reading.type)


def _ends(values: Sequence[Ordered]) -> list[Ordered]:
    return [min(values), max(values)]


def _sum(numbers: Sequence[float]) -> float:
    """Correctly rounded; infinite or NaN where plain addition is."""
    try:
        return fsum(numbers)
    except (OverflowError, ValueError):
        return sum(numbers)
