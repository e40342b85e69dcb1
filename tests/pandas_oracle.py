"""Compares a summary with what pandas finds in the same file."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from math import isfinite, isinf, isnan
from typing import Any

import pandas as pd
import pytest

from chalicelib.handlers.column_summary import ColumnSummary, Figure
from chalicelib.handlers.column_types import ColumnType
from chalicelib.handlers.csv_summary import Summary

EXACTLY = 1e-12  # relative: pandas adds up in another order


def assert_as_pandas(summary: Summary, data: bytes, **how: Any) -> None:
    """how: more arguments for ``read_csv``."""
    frame = pd.read_csv(io.BytesIO(data), low_memory=False, **how)
    assert summary.rows == len(frame)
    assert [column.name for column in summary.columns] == list(map(str, frame.columns))
    for column, (_, series) in zip(summary.columns, frame.items(), strict=True):
        _assert_counts(column, series)
        _assert_figures(column, series.dropna())


def _assert_counts(column: ColumnSummary, series: pd.Series[Any]) -> None:
    assert (column.count, column.missing) == (series.count(), series.isna().sum())
    assert column.distinct == series.nunique()


def _assert_figures(column: ColumnSummary, present: pd.Series[Any]) -> None:
    if column.type == ColumnType.EMPTY:
        assert present.empty
    elif column.type == ColumnType.BOOLEAN:
        assert (column.min, column.max, column.mean) == (present.min(), present.max(), present.astype(bool).mean())
    elif column.type.is_numeric:
        _assert_numbers(column, present)
    else:
        assert (column.min, column.max) == (present.min(), present.max())
        assert (column.min_length, column.max_length) == (present.str.len().min(), present.str.len().max())


def _assert_numbers(column: ColumnSummary, present: pd.Series[Any]) -> None:
    assert pd.api.types.is_numeric_dtype(present)
    quantiles = column.quantiles or {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, about infinity minus infinity
        mean, spread = present.mean(), present.abs().mean()
        cuts = present.quantile(list(map(float, quantiles)))
    _assert_equal([column.min, column.max], [present.min(), present.max()])
    _assert_equal([column.mean], [mean], EXACTLY * spread if isfinite(spread) else 0)  # pandas' own error in adding up
    known = [(ours, cut) for ours, cut in zip(quantiles.values(), cuts, strict=True) if not isnan(cut)]
    _assert_equal([ours for ours, _ in known], [cut for _, cut in known])
    assert len(known) == len(quantiles) or isinf(present.max() - present.min())  # pandas has NaN between two infinities


def _assert_equal(ours: Sequence[Figure | None], theirs: Sequence[float], error: float = 0) -> None:
    assert None not in ours
    assert [float(number or 0) for number in ours] == pytest.approx(theirs, rel=EXACTLY, abs=error, nan_ok=True)
