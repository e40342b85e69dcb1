"""When schedules run. The oracle for clock changes knows nothing of cron libraries: it looks at every minute of the UTC clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.errors import InvalidInput
from chalicelib.timing import Timing

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))


def first(count: int, after: datetime = NOON, created_at: datetime = NOON, **timing: Any) -> list[datetime]:
    return [*islice(Timing(**timing).times(created_at).after(after), count)]


# One of three kinds, and two ends


@pytest.mark.parametrize(
    ("timing", "path"),
    [
        ({}, "$.cron"),
        ({"cron": "* * * * *", "interval_seconds": 5}, "$.interval_seconds"),
        ({"interval_seconds": 5, "at": NOON}, "$.at"),
        ({"cron": "* * * *"}, "$.cron"),
        ({"interval_seconds": 5, "timezone": "Mars/Phobos"}, "$.timezone"),
        ({"at": NOON.replace(year=9999)}, "$.at"),
        ({"interval_seconds": 5, "starts_at": NOON.replace(year=1999)}, "$.starts_at"),
        ({"interval_seconds": 5, "starts_at": NOON, "ends_at": NOON}, "$.ends_at"),
        ({"interval_seconds": 5, "ends_at": NOON.replace(year=2200)}, "$.ends_at"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_path(timing: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Timing(**timing).times(NOON)

    assert refused.value.path == path


def test_an_interval_is_counted_from_the_creation_to_the_second() -> None:
    created_at = NOON + timedelta(seconds=7, microseconds=123_456)

    assert first(2, created_at, created_at, interval_seconds=90) == [NOON + 97 * SECOND, NOON + 187 * SECOND]
    assert first(1, NOON + 187 * SECOND, created_at, interval_seconds=90) == [NOON + 277 * SECOND]


def test_an_interval_with_a_start_begins_there() -> None:
    start = NOON + HOUR

    assert first(2, interval_seconds=60, starts_at=start) == [start, start + MINUTE]
    assert first(1, start + 90 * SECOND, interval_seconds=60, starts_at=start) == [start + 2 * MINUTE]


@settings(deadline=None)
@given(
    seconds=st.integers(1, 366 * 24 * 3600),
    looked=st.integers(-(10**9), 10**9),
    created=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 (made aware below)
)
def test_the_times_of_an_interval_stay_where_they_are_whenever_somebody_looks(
    seconds: int, looked: int, created: datetime
) -> None:
    created_at = created.replace(tzinfo=UTC)
    after = created_at + timedelta(seconds=looked)

    one, two = first(2, after, created_at, interval_seconds=seconds)

    assert after < one <= after + timedelta(seconds=seconds)
    assert two - one == timedelta(seconds=seconds)
    assert (one - created_at.replace(microsecond=0)) % timedelta(seconds=seconds) == timedelta(0)


def test_one_time_comes_once() -> None:
    assert first(5, at=NOON + HOUR) == [NOON + HOUR]
    assert first(5, NOON + HOUR, at=NOON + HOUR) == []


@pytest.mark.parametrize("kind", [{"cron": "0 * * * *"}, {"interval_seconds": 3600}])
def test_no_time_is_before_the_start_or_after_the_end_and_both_count(kind: dict[str, Any]) -> None:
    ends: dict[str, Any] = {"starts_at": NOON + 2 * HOUR, "ends_at": NOON + 4 * HOUR}

    assert first(9, **kind, **ends) == [NOON + n * HOUR for n in (2, 3, 4)]
    assert first(9, NOON + 4 * HOUR, **kind, **ends) == []
    assert Timing(**kind, **ends).times(NOON).latest(NOON, NOON + DAY, 2) == [NOON + 3 * HOUR, NOON + 4 * HOUR]
    assert Timing(**kind, **ends).times(NOON).latest(NOON, NOON + HOUR, 2) == []


def test_one_time_outside_of_the_ends_never_comes() -> None:
    assert first(1, at=NOON + HOUR, starts_at=NOON + 2 * HOUR) == first(1, at=NOON + HOUR, ends_at=NOON) == []


@settings(deadline=None)
@given(
    kind=st.sampled_from([{"cron": "*/7 * * * *"}, {"interval_seconds": 3_333}, {"interval_seconds": 59}]),
    start=st.integers(-100_000, 100_000),
    length=st.integers(0, 50_000),
    most=st.integers(1, 100),
)
def test_the_latest_times_are_the_end_of_all(kind: dict[str, Any], start: int, length: int, most: int) -> None:
    begin = NOON + timedelta(seconds=start)
    end = begin + timedelta(seconds=length)
    times = Timing(**kind).times(NOON)

    everything = [*takewhile(lambda at: at <= end, times.after(begin - timedelta(microseconds=1)))]

    assert times.latest(begin, end, most) == everything[-most:]


# Where the clocks change

# In each zone a day whose clock jumps ahead and one whose clock falls back; some jump by half an hour, some by two hours, some
# at midnight, and some fall back in spring.
CHANGES = {
    "Europe/Berlin": ["2026-03-29", "2026-10-25"],
    "America/New_York": ["2026-03-08", "2026-11-01"],
    "Australia/Lord_Howe": ["2026-10-04", "2026-04-05"],
    "America/St_Johns": ["2026-03-08", "2026-11-01"],
    "Africa/Casablanca": ["2026-03-22", "2026-02-15"],
    "Antarctica/Troll": ["2026-03-29", "2026-10-25"],
    "America/Sao_Paulo": ["2018-11-04", "2018-02-18"],
    "Asia/Beirut": ["2026-03-29", "2026-10-25"],
    "Africa/Cairo": ["2026-04-24", "2026-10-30"],
    "America/Havana": ["2026-03-08", "2026-11-01"],
    "Asia/Kolkata": ["2026-03-29", "2026-10-25"],
    "UTC": ["2026-03-29", "2026-10-25"],
}


def minutes_from(start: datetime, count: int) -> Iterator[datetime]:
    return (start + n * MINUTE for n in range(count))


def fields_fit(expression: str, wall: datetime) -> bool:
    minute, hour, _, _, weekday = expression.split()
    return fits(minute, wall.minute) and fits(hour, wall.hour) and fits(weekday, wall.isoweekday() % 7)


def fits(field: str, value: int) -> bool:
    if field.startswith("*"):
        return value % int(field[2:] or "1") == 0
    if "-" in field:
        low, high = field.split("-")
        return int(low) <= value <= int(high)
    return value in [int(each) for each in field.split(",")]


def by_wall_clock(expression: str, zone: ZoneInfo, start: datetime, count: int) -> list[datetime]:
    """For a fixed time of day: each time that a calendar with a perfect clock would show in that stretch, put where the real
    clock shows it first, or else at the first minute after the gap; each moment once."""
    shown: dict[datetime, datetime] = {}
    for at in minutes_from(start - DAY, count + 2 * 1440):
        shown.setdefault(at.astimezone(zone).replace(tzinfo=None), at)
    known = sorted(shown)
    found = set()
    for wall in minutes_from(known[0], int((known[-1] - known[0]) / MINUTE)):
        if fields_fit(expression, wall):
            found.add(shown[wall] if wall in shown else min(shown[each] for each in known if each > wall))
    return sorted(at for at in found if start < at < start + count * MINUTE)


def by_elapsed_time(expression: str, zone: ZoneInfo, start: datetime, count: int) -> list[datetime]:
    """For the others: each minute whose face fits."""
    return [at for at in minutes_from(start, count) if at > start and fields_fit(expression, at.astimezone(zone))]


FIXED = [
    "30 2 * * *",
    "0 0 * * *",
    "15 0 * * *",
    "30 1,2 * * *",
    "0,45 1-3 * * *",
    "59 23 * * *",
    "0 2 * * 0",
    "45 1 * * *",
]
FLOWING = ["* * * * *", "*/30 * * * *", "15 * * * *", "*/20 1-2 * * *", "0 */2 * * *", "10,50 */3 * * *"]


def compared(expression: str, zone: str, day: str, offset: int) -> tuple[list[datetime], list[datetime]]:
    """What is said, and what the oracle says, of the 50 hours from the eve of a change."""
    start = datetime.fromisoformat(day).replace(tzinfo=UTC) - DAY + offset * MINUTE
    times = Timing(cron=expression, timezone=zone).times(NOON).after(start)
    said = [*takewhile(lambda at: at < start + 50 * HOUR, times)]
    oracle = by_elapsed_time if expression in FLOWING else by_wall_clock
    return said, oracle(expression, ZoneInfo(zone), start, 50 * 60)


@pytest.mark.parametrize("zone", CHANGES)
@pytest.mark.parametrize("which", [0, 1])
def test_across_a_change_of_the_clock_all_expressions_keep_to_the_rule(zone: str, which: int) -> None:
    for expression in (*FIXED, *FLOWING):
        said, expected = compared(expression, zone, CHANGES[zone][which], 0)
        assert said == expected, expression


ANY_CHANGE = st.sampled_from([(zone, day) for zone, days in CHANGES.items() for day in days])


@settings(deadline=None, max_examples=40)
@given(change=ANY_CHANGE, expression=st.sampled_from([*FIXED, *FLOWING]), offset=st.integers(-600, 2000))
@example(("Australia/Lord_Howe", "2026-10-04"), "45 1 * * *", 0)
def test_wherever_one_begins_to_look_the_times_are_the_same(
    change: tuple[str, str], expression: str, offset: int
) -> None:
    said, expected = compared(expression, *change, offset)

    assert said == expected


@pytest.mark.parametrize("zone", CHANGES)
def test_the_days_are_days_on_which_the_clock_changes_as_they_say(zone: str) -> None:
    """The oracle would find no fault on a day like any other."""
    offsets = []
    for day in CHANGES[zone]:
        eve = datetime.fromisoformat(day).replace(tzinfo=UTC) - DAY
        before, after = (ZoneInfo(zone).utcoffset(at.replace(tzinfo=None)) for at in (eve, eve + 2 * DAY))
        assert before is not None
        assert after is not None
        offsets.append(after - before)

    steady = zone in ("Asia/Kolkata", "UTC")
    assert [offset > timedelta(0) for offset in offsets] == [not steady, False]
    assert [offset < timedelta(0) for offset in offsets] == [False, not steady]


@pytest.mark.parametrize("zone", CHANGES)
def test_an_interval_follows_elapsed_time_across_every_change(zone: str) -> None:
    for day in CHANGES[zone]:
        start = datetime.fromisoformat(day).replace(tzinfo=UTC) - DAY
        times = first(50, start, start, interval_seconds=3600, timezone=zone)
        assert times == [start + n * HOUR for n in range(1, 51)]


def test_a_day_that_comes_every_28_years_is_found_at_once() -> None:
    """Half-way through its night the clock says the same in summer and in winter."""
    times = first(3, cron="* 5 29 2 */7", timezone="Europe/Berlin")

    assert times == [datetime(2032, 2, 29, 4, minute, tzinfo=UTC) for minute in range(3)]
