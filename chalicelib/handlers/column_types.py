"""What type a column's words have. A word is a value as it is written in the file.

Words mean what they mean to pandas' ``read_csv``: the same words are missing, true, or a number.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from math import isnan

import msgspec

MISSING = (
    *("", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None", "<NA>"),
    *("#N/A", "#N/A N/A", "#NA", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
)
TRUE = frozenset({"True", "TRUE", "true"})
BOOLEANS = TRUE | {"False", "FALSE", "false"}
MOST_EXACT = 10**300  # larger integers count as floating point, where they may be infinite
DATE_LENGTH = len("2026-01-31")


class ColumnType(StrEnum):
    EMPTY = "empty"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"
    TEXT = "text"

    @property
    def is_numeric(self) -> bool:
        return self in {ColumnType.INTEGER, ColumnType.NUMBER}


_WIDER = {
    frozenset({ColumnType.INTEGER, ColumnType.NUMBER}): ColumnType.NUMBER,
    frozenset({ColumnType.DATE, ColumnType.DATETIME}): ColumnType.DATETIME,
}


def widened(first: ColumnType, second: ColumnType) -> ColumnType:
    """The narrowest type that words of both fit into."""
    if first == second or second == ColumnType.EMPTY:
        return first
    if first == ColumnType.EMPTY:
        return second
    return _WIDER.get(frozenset({first, second}), ColumnType.TEXT)


class Reading(msgspec.Struct, frozen=True):
    """The narrowest type of some words, and what they are as numbers if that type is numeric."""

    type: ColumnType
    numbers: Sequence[float] = ()


def read(words: Collection[str]) -> Reading:
    """words: at least one, none of them missing."""
    if BOOLEANS.issuperset(words):
        return Reading(ColumnType.BOOLEAN)
    return _read_numbers(words) or Reading(_text_type(words))


def _read_numbers(words: Collection[str]) -> Reading | None:
    joined = "".join(words)
    if not joined.isascii() or "_" in joined:  # Python would take ١ and 1_000 for numbers; a file does not mean them
        return None
    return _read_integers(words) or _read_floats(words)


def _read_integers(words: Collection[str]) -> Reading | None:
    try:
        numbers = list(map(int, words))
    except ValueError:
        return None
    return None if max(max(numbers), -min(numbers)) > MOST_EXACT else Reading(ColumnType.INTEGER, numbers)


def _read_floats(words: Collection[str]) -> Reading | None:
    try:
        numbers = list(map(float, words))
    except ValueError:
        return None
    return None if any(map(isnan, numbers)) else Reading(ColumnType.NUMBER, numbers)


def _text_type(words: Collection[str]) -> ColumnType:
    lengths = set(map(len, words))
    if min(lengths) < DATE_LENGTH or not _are_iso_times(words):
        return ColumnType.TEXT
    return ColumnType.DATE if lengths == {DATE_LENGTH} else ColumnType.DATETIME


def _are_iso_times(words: Collection[str]) -> bool:
    try:
        return all(map(datetime.fromisoformat, words))
    except ValueError:
        return False
