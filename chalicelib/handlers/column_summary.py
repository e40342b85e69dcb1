"""What a user reads about one column, small enough to be kept with the job."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, isfinite

import msgspec

from chalicelib.handlers.column_types import ColumnType
from chalicelib.handlers.columns import Column

Figure = float | int | str  # JSON has no infinity: "inf", "-inf" and "nan" stand for what is not finite

MOST_SHOWN = 200  # bytes of a text in JSON
SHOWN_TOGETHER = 30_000  # bytes for one text of each column


class ColumnSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """count: values that are not missing. min and max: of text, the first and last in code point order, shortened.

    mean: of booleans, the share that is true. quantiles: interpolated linearly, for numbers alone.
    """

    name: str
    type: ColumnType
    count: int
    missing: int
    distinct: int
    min: bool | Figure | None = None
    max: bool | Figure | None = None
    mean: Figure | None = None
    quantiles: dict[str, Figure] | None = None
    min_length: int | None = None
    max_length: int | None = None


def summarize(column: Column, quantiles: Sequence[float], shown_bytes: int = MOST_SHOWN) -> ColumnSummary:
    """Reads what the column spilled; takes a while for a long one."""
    common = ColumnSummary(
        name=shortened(column.name, shown_bytes),
        type=column.type,
        count=column.count,
        missing=column.missing,
        distinct=0,
    )
    match column.type:
        case ColumnType.EMPTY:
            return common
        case ColumnType.BOOLEAN:
            return _boolean(common, column)
        case ColumnType.INTEGER | ColumnType.NUMBER:
            return _numeric(common, column, quantiles)
        case _:
            return _text(common, column, shown_bytes)


def shown_bytes(columns: int) -> int:
    return min(MOST_SHOWN, SHOWN_TOGETHER // columns)


def shortened(text: str, most_bytes: int) -> str:
    """Ends in an ellipsis if it had to be cut; bytes are counted as JSON has them."""
    kept = text[:most_bytes]
    while len(msgspec.json.encode(kept)) - 2 > most_bytes:
        kept = kept[: len(kept) * 3 // 4]
    return kept if kept == text else kept[:-1] + "…"


def _boolean(common: ColumnSummary, column: Column) -> ColumnSummary:
    has_true, has_false = column.trues > 0, column.trues < column.count
    return msgspec.structs.replace(
        common, distinct=has_true + has_false, min=not has_false, max=has_true, mean=column.trues / column.count
    )


def _text(common: ColumnSummary, column: Column, shown_bytes: int) -> ColumnSummary:
    first, last = column.texts.ends
    shortest, longest = column.texts.lengths
    return msgspec.structs.replace(
        common,
        distinct=column.texts.distinct(),
        min=shortened(first, shown_bytes),
        max=shortened(last, shown_bytes),
        min_length=shortest,
        max_length=longest,
    )


def _numeric(common: ColumnSummary, column: Column, quantiles: Sequence[float]) -> ColumnSummary:
    ranks = sorted({rank for q in quantiles for rank in _ranks(q, column.count)})
    survey = column.numbers.survey(ranks, exact=column.type == ColumnType.INTEGER)
    smallest, largest = column.numbers.ends
    return msgspec.structs.replace(
        common,
        distinct=column.texts.distinct() if _is_rounded(column) else survey.distinct,
        min=_figure(smallest, column.type),
        max=_figure(largest, column.type),
        mean=_figure(column.numbers.mean(column.count)),
        quantiles={f"{q:g}": _figure(_quantile(q, column.count, survey.at)) for q in quantiles},
    )


def _is_rounded(column: Column) -> bool:
    """Whether different integers may stand as one on disk."""
    return column.type == ColumnType.INTEGER and not column.numbers.fits_runs


def _ranks(q: float, count: int) -> tuple[int, int]:
    below = floor((count - 1) * q)
    return below, min(below + 1, count - 1)


def _quantile(q: float, count: int, at: dict[int, float]) -> float:
    """Between the two nearest ranks, from the nearer end. Source: NumPy's method "linear", type 7 of Hyndman and Fan, 1996."""
    below, above = _ranks(q, count)
    low, high = at[below], at[above]
    part = (count - 1) * q - below
    if low == high:
        return low
    return high - (high - low) * (1 - part) if part >= 0.5 else low + (high - low) * part


def _figure(number: float, type_: ColumnType = ColumnType.NUMBER) -> Figure:
    if type_ == ColumnType.INTEGER:
        return number if -(2**63) <= number < 2**64 else float(number)
    return float(number) if isfinite(number) else str(float(number))
