"""Rows that fit: names and texts are cut first, then the columns that matter least go; ids and figures are never cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from rich.text import Text

from chalicelib.cli.output import Terminal, one_line

Cell = str | int | float | Text | None
GAP = 2


class Column(msgspec.Struct, frozen=True):
    """rank: 0 stays whatever happens, the highest goes first. least: the room that may be left of it; 0: all it has."""

    title: str
    rank: int = 0
    least: int = 0
    right: bool = False


def table(terminal: Terminal, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> Text:
    """Lines of text: rich's own tables take a second for every thousand rows."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = _widths(columns, cells, terminal.width)
    titles = [Text(column.title, "bold") for column in columns]
    return Text("\n").join([_line(columns, row, widths) for row in (titles, *cells)])


def _line(columns: Sequence[Column], row: Sequence[Text], widths: Mapping[int, int]) -> Text:
    for index, width in widths.items():
        row[index].truncate(width, overflow="ellipsis")
        row[index].align("right" if columns[index].right else "left", width)
    line = Text(" " * GAP).join([row[index] for index in widths])
    line.rstrip()
    return line


def _widths(columns: Sequence[Column], cells: Sequence[Sequence[Text]], room: int) -> dict[int, int]:
    """Of the columns that fit, in their order. What is left over goes to cut ones, those that matter most first."""
    wanted = [max([len(column.title), *(row[index].cell_len for row in cells)]) for index, column in enumerate(columns)]
    least = [min(column.least or wanted[index], wanted[index]) for index, column in enumerate(columns)]
    widths = {index: least[index] for index in _kept(columns, least, room)}
    left = room - sum(widths.values()) - GAP * (len(widths) - 1)
    for index in sorted(widths, key=lambda index: columns[index].rank):
        more = min(wanted[index] - widths[index], max(left, 0))
        widths[index] += more
        left -= more
    return widths


def _kept(columns: Sequence[Column], least: Sequence[int], width: int) -> list[int]:
    kept = list(range(len(columns)))
    while sum(least[index] + GAP for index in kept) - GAP > width:
        last = max(kept, key=lambda index: columns[index].rank)
        if columns[last].rank == 0:
            break
        kept.remove(last)
    return kept


def _cell(value: Cell) -> Text:
    return value if isinstance(value, Text) else Text(_written(value))


def _written(value: str | float | None) -> str:
    match value:
        case None:
            return ""
        case float():
            return f"{value:,.4g}"
        case int():
            return f"{value:,}"
        case _:
            return one_line(value)
