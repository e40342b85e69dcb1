"""A CSV file as named columns, read in flat memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chalicelib.errors import GiveUp
from chalicelib.handlers.columns import Column
from chalicelib.handlers.lines import Row, Rows, is_blank
from chalicelib.handlers.spill import Spill

MOST_COLUMNS = 1000
MOST_HELD = 400_000  # different words in all columns together: about 80 MB
MOST_HELD_IN_ONE = 8_000  # more are slower: they no longer fit into the processor's cache
LEAST_HELD_IN_ONE = 256
MOST_CHARACTERS = 32 * 1024 * 1024  # of held words in all columns together
WEIGH_EVERY = 64  # batches: about 16 MB


class Table:
    """Columns, filled batch by batch.

    A row with too few values lacks the last ones. One with too many is left out and counted: which value is the stray one,
    nobody can know.
    """

    def __init__(self, rows: Rows, spill: Spill, *, has_header: bool = True, most_held: int | None = None) -> None:
        self.rows = 0
        self.malformed_rows = 0
        first = rows.first()
        names = unique_names(first) if has_header else [f"column_{number}" for number in range(1, len(first) + 1)]
        if len(names) > MOST_COLUMNS:
            raise GiveUp(f"the file has {len(names):,} columns; the limit is {MOST_COLUMNS:,}")
        self.columns = [Column(name, spill, most_held or _most_held(len(names))) for name in names]
        self._batches = rows.batches()
        if not has_header:
            self._add([first])

    def fill(self) -> Iterator[None]:
        """Pauses after every batch."""
        for number, rows in enumerate(self._batches, 1):
            self._add(rows)
            if number % WEIGH_EVERY == 0:
                self._fold_heavy()
            yield
        for column in self.columns:
            column.fold()

    def _add(self, rows: Sequence[Row]) -> None:
        fitting = self._fitting(rows)
        self.rows += len(fitting)
        for column, words in zip(self.columns, zip(*fitting, strict=True), strict=bool(fitting)):
            column.add(words)

    def _fitting(self, rows: Sequence[Row]) -> Sequence[Row]:
        width = len(self.columns)
        if width > 1 and set(map(len, rows)) == {width}:
            return rows
        filled = [row for row in rows if not is_blank(row)]
        fitting = [row + [""] * (width - len(row)) for row in filled if len(row) <= width]
        self.malformed_rows += len(filled) - len(fitting)
        return fitting

    def _fold_heavy(self) -> None:
        """Words may be long: then far fewer can be held."""
        for column in self.columns:
            if column.held_characters() > MOST_CHARACTERS // len(self.columns):
                column.fold()


def unique_names(header: Row) -> list[str]:
    """As pandas: a second ``a`` becomes ``a.1``, a nameless third column ``Unnamed: 2``."""
    named = [name or f"Unnamed: {position}" for position, name in enumerate(header)]
    names: list[str] = []
    taken: set[str] = set()
    for name in named:
        names.append(_free_name(name, taken, named))
        taken.add(names[-1])
    return names


def _free_name(name: str, taken: set[str], reserved: Sequence[str]) -> str:
    number, free = 0, name
    while free in taken or (number and free in reserved):
        number += 1
        free = f"{name}.{number}"
    return free


def _most_held(columns: int) -> int:
    return min(MOST_HELD_IN_ONE, max(LEAST_HELD_IN_ONE, MOST_HELD // columns))
