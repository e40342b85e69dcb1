"""Summarize a CSV file of any size: exact, in flat memory, in one pass.

The way of a file: ``sources``, ``lines``, ``table``, ``columns`` (``column_types``, ``runs``, ``spill``), ``column_summary``.
Where a file can be read in two ways, pandas' ``read_csv`` decides: what is missing, what is a number, which lines are blank.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec

from chalicelib.errors import GiveUp
from chalicelib.handlers.column_summary import ColumnSummary, shown_bytes, summarize
from chalicelib.handlers.columns import Column
from chalicelib.handlers.lines import Lines, Rows
from chalicelib.handlers.registry import JobContext, job
from chalicelib.handlers.sources import Plain, Source, check_url, of_text, opened
from chalicelib.handlers.spill import Spill
from chalicelib.handlers.table import Table

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
MEDIAN = (0.5,)
RESULT_BYTES = 256 * 1024  # what a job may keep
COLUMN_BYTES = 221  # a numeric column at its longest, without name and quantiles
QUANTILE_BYTES = 32
READING = 0.95  # of the progress; the rest is for what was spilled

Delimiter = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=1, extra_json_schema={"pattern": r'^[^"\r\n\x00]$'}),
]
Encoding = Literal[
    "utf-8", "utf-16", "latin-1", "iso-8859-15", "windows-1252", "shift_jis", "euc-kr", "gb18030", "big5"
]
Quantile = Annotated[float, msgspec.Meta(ge=0, le=1)]
Quantiles = Annotated[list[Quantile], msgspec.Meta(max_length=20)]
MostBytes = Annotated[int, msgspec.Meta(ge=1, le=100 * 1024**3)]


class CsvSummary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which file, and how to read it. url: http, https or s3 (s3://bucket/key), plain or gzip; or the text itself.

    quantiles: left out: the quartiles and 1, 5, 95 and 99 %, or for very wide files the median. max_bytes: of the inflated file.
    """

    url: str | None = None
    text: str | None = None
    delimiter: Delimiter = ","
    encoding: Encoding = "utf-8"
    header: bool = True
    quantiles: Quantiles | None = None
    max_bytes: MostBytes = 5 * 1024**3

    def __post_init__(self) -> None:
        if (self.url is None) == (self.text is None):
            raise ValueError("give either url or text")
        if self.delimiter in '"\r\n\0':
            raise ValueError("the delimiter cannot be a quote, a line end or NUL")
        if self.url is not None:
            check_url(self.url)


# As ``__post_init__`` says it, for the forms and the API's description.
_EITHER = [
    {"required": ["url"], "properties": {"url": {"type": "string"}, "text": {"type": "null"}}},
    {"required": ["text"], "properties": {"text": {"type": "string"}, "url": {"type": "null"}}},
]
UrlOrText = Annotated[CsvSummary, msgspec.Meta(extra_json_schema={"oneOf": _EITHER})]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """rows: without the header, blank lines and malformed rows. malformed_rows: had too many values, and were left out.

    bytes: read, inflated.
    """

    rows: int
    malformed_rows: int
    bytes: int
    columns: list[ColumnSummary]


@job("csv_summary", timeout=timedelta(minutes=14), max_attempts=3)
def csv_summary(payload: UrlOrText, context: JobContext) -> Summary:
    """Summarize a CSV file: each column's type, missing and distinct values, extremes, mean and quantiles."""
    with _source(payload, context) as source, Spill() as spill:
        plain = Plain(source, payload.max_bytes)
        lines = Lines(plain.chunks(), payload.encoding if payload.text is None else "utf-8")
        table = Table(Rows(lines, payload.delimiter), spill, has_header=payload.header)
        quantiles = _affordable(payload.quantiles, len(table.columns))
        _fill(table, source, context)
        columns = list(_summaries(table.columns, quantiles, context))
        return Summary(rows=table.rows, malformed_rows=table.malformed_rows, bytes=plain.size, columns=columns)


def _source(payload: UrlOrText, context: JobContext) -> AbstractContextManager[Source]:
    return nullcontext(of_text(payload.text)) if payload.text is not None else opened(payload.url or "", context)


def _fill(table: Table, source: Source, context: JobContext) -> None:
    for _ in table.fill():
        _check_may_go_on(context)
        context.progress(READING * source.fraction, f"{table.rows:,} rows")


def _summaries(columns: Sequence[Column], quantiles: Sequence[float], context: JobContext) -> Iterator[ColumnSummary]:
    for number, column in enumerate(columns):
        _check_may_go_on(context)
        context.progress(READING + (1 - READING) * number / len(columns), f"column {number + 1} of {len(columns)}")
        yield summarize(column, quantiles, shown_bytes(len(columns)))
    context.progress(1.0, "done")


def _check_may_go_on(context: JobContext) -> None:
    context.check_cancelled()
    if datetime.now(UTC) >= context.deadline:
        raise TimeoutError("the file could not be summarized within the job's timeout")


def _affordable(quantiles: Sequence[float] | None, columns: int) -> Sequence[float]:
    """Raises GiveUp, before any work, when the result would be larger than a job may keep."""
    if quantiles is None:
        return QUANTILES if _result_bytes(columns, len(QUANTILES)) <= RESULT_BYTES else MEDIAN
    if _result_bytes(columns, len(quantiles)) > RESULT_BYTES:
        raise GiveUp(f"{len(quantiles)} quantiles of {columns:,} columns do not fit into the result; ask for fewer")
    return quantiles


def _result_bytes(columns: int, quantiles: int) -> int:
    return columns * (COLUMN_BYTES + shown_bytes(columns) + (QUANTILE_BYTES * quantiles if quantiles > 1 else 0))
