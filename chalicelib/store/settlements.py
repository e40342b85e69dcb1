"""Outcomes as the arrays that ``JobStore.settle`` hands to Postgres."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from chalicelib.jobs import AttemptError, Completed, Failed, JobStatus, Released, Retry, Settlement


def columns(settlements: Sequence[Settlement]) -> dict[str, object]:
    """By parameter."""
    rows = [_row(settlement) for settlement in settlements]
    return {
        "attempts": [settlement.job.attempt for settlement in settlements],
        "statuses": [status for status, _, _, _ in rows],
        "delays": [delay for _, delay, _, _ in rows],
        "results": [result for _, _, result, _ in rows],
        "errors": [error for _, _, _, error in rows],
    }


def _row(settlement: Settlement) -> tuple[str, timedelta, str | None, str | None]:
    """status, delay, result and error, as ``settle`` wants them."""
    match settlement.outcome:
        case Completed(result):
            return JobStatus.COMPLETED, timedelta(0), json_text(result), None
        case Retry(error, delay):
            return JobStatus.QUEUED, delay, None, _error(error)
        case Failed(error):
            return JobStatus.FAILED, timedelta(0), None, _error(error)
        case Released():
            return JobStatus.QUEUED, timedelta(0), None, None


def _error(error: AttemptError) -> str:
    return json_text(msgspec.json.encode(error))


def json_text(encoded: bytes | msgspec.Raw) -> str:
    """JSON for Postgres, whose text cannot hold NUL: it becomes the replacement character."""
    text = bytes(encoded).decode()
    return _ESCAPED_NUL.sub(r"\1\\ufffd", text) if r"\u0000" in text else text


_ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")  # not the end of an escaped backslash
