"""Outcomes as the arrays that ``AttemptStore.settle`` hands to Postgres."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import assert_never

import msgspec

from chalicelib.jobs import (
    AttemptError,
    Cancelled,
    Completed,
    Failed,
    JobStatus,
    Outcome,
    Postponed,
    Released,
    Retry,
    Settlement,
)
from chalicelib.store.arrays import jsons, texts


def columns(settlements: Sequence[Settlement]) -> dict[str, object]:
    """By parameter."""
    rows = [_row(settlement.outcome) for settlement in settlements]
    return {
        "statuses": texts([status for status, _, _, _ in rows]),
        "delays": [delay for _, delay, _, _ in rows],
        "results": jsons([result for _, _, result, _ in rows]),
        "errors": [error for _, _, _, error in rows],
    }


def _row(outcome: Outcome) -> tuple[str, timedelta | None, bytes | None, str | None]:
    """status, delay (None: run_at stays), result and error, as ``settle`` wants them."""
    match outcome:
        case Completed(result):
            return JobStatus.COMPLETED, None, storable(result), None
        case Retry(error, delay):
            return JobStatus.QUEUED, delay, None, _error(error)
        case Failed(error):
            return JobStatus.FAILED, None, None, _error(error)
        case Postponed(delay):
            return JobStatus.QUEUED, delay, None, None
        case Released():
            return JobStatus.QUEUED, None, None, None
        case Cancelled():
            return JobStatus.CANCELLED, None, None, None
        case _:
            assert_never(outcome)


def _error(error: AttemptError) -> str:
    return storable(msgspec.json.encode(error)).decode()


def storable(encoded: bytes) -> bytes:
    """JSON for Postgres, whose text cannot hold NUL: it becomes the replacement character."""
    return _ESCAPED_NUL.sub(rb"\1\\ufffd", encoded) if rb"\u0000" in encoded else encoded


_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")  # not the end of an escaped backslash
