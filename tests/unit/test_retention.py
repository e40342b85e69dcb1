from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from chalicelib.decoding import decoded
from chalicelib.errors import InvalidInput
from chalicelib.retention import LOOKS_APART, Retention, RetentionChange, due_at, next_look

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DEFAULT = Retention()
FOR_EVER = Retention(completed=None, failed=None, cancelled=None)


def test_what_is_kept_for_ever_shortens_nothing() -> None:
    assert DEFAULT.shortest == 30 * DAY
    assert Retention(completed=None, failed=7, cancelled=9).shortest == 7 * DAY
    assert FOR_EVER.shortest is None


def test_a_day_is_looked_through_when_the_last_job_made_in_it_may_have_expired() -> None:
    assert due_at(DEFAULT, NOW, None, NOW) == NOW + 30 * DAY
    assert due_at(FOR_EVER, NOW, None, NOW) is None


def test_where_any_days_jobs_are_somebody_looks_at_once() -> None:
    assert due_at(DEFAULT, None, None, NOW) == NOW


@pytest.mark.parametrize("end", [NOW - 100 * DAY, None])
def test_the_last_look_says_when_the_next_one_is_worth_it(end: datetime | None) -> None:
    assert due_at(DEFAULT, end, NOW + 3 * DAY, NOW) == NOW + 3 * DAY
    assert due_at(FOR_EVER, end, NOW, NOW) is None


@pytest.mark.parametrize(
    ("keeps_until", "expected"),
    [
        (None, NOW + 30 * DAY - DAY),  # what was unfinished when the walk began expires no sooner
        (NOW + 2 * DAY, NOW + 2 * DAY),
        (NOW + 60 * DAY, NOW + 29 * DAY),
        (NOW - DAY, NOW + LOOKS_APART),
        (NOW + timedelta(hours=1), NOW + LOOKS_APART),
    ],
)
def test_the_next_look_comes_when_something_expires_and_not_too_soon(
    keeps_until: datetime | None, expected: datetime
) -> None:
    assert next_look(DEFAULT, NOW - DAY, keeps_until, NOW) == expected


@pytest.mark.parametrize(
    ("body", "given"),
    [
        (b"{}", {}),
        (b'{"COMPLETED":1,"FAILED":3650}', {"COMPLETED": 1, "FAILED": 3650}),
        (b'{"CANCELLED":null}', {"CANCELLED": None}),
    ],
)
def test_a_change_says_only_what_it_changes(body: bytes, given: dict[str, int | None]) -> None:
    assert decoded(body, RetentionChange).given() == given


@pytest.mark.parametrize("days", [b"0", b"-1", b"3651", b"1.5", b'"30"', b"true", b"[]", b"1e400", b"9" * 30])
def test_days_are_whole_and_in_range(days: bytes) -> None:
    with pytest.raises(InvalidInput):
        decoded(b'{"COMPLETED":' + days + b"}", RetentionChange)


def test_what_is_no_final_status_has_no_retention() -> None:
    with pytest.raises(InvalidInput):
        decoded(b'{"RUNNING":1}', RetentionChange)


def test_statuses_are_named_as_everywhere() -> None:
    assert msgspec.to_builtins(DEFAULT) == {"COMPLETED": 30, "FAILED": 90, "CANCELLED": 30}
