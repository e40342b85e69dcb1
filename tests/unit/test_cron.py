from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.cron import NAMED, Cron
from chalicelib.errors import InvalidInput

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def times(expression: str, timezone: str, after: str, count: int) -> list[str]:
    """As the clock on the wall shows them, with their distance from UTC."""
    moments = islice(Cron(expression, timezone).after(datetime.fromisoformat(after)), count)
    return [at.astimezone(ZoneInfo(timezone)).strftime("%d %H:%M %z") for at in moments]


@pytest.mark.parametrize(
    ("timezone", "eve", "expected"),
    [
        (BERLIN, "2026-03-28T12:00+01:00", ["29 03:00 +0200", "30 02:30 +0200"]),
        (NEW_YORK, "2026-03-07T12:00-05:00", ["08 03:00 -0400", "09 02:30 -0400"]),
    ],
)
def test_a_time_that_the_clock_skips_comes_once_right_after_the_gap(
    timezone: str, eve: str, expected: list[str]
) -> None:
    assert times("30 2 * * *", timezone, eve, 2) == expected


def test_several_times_in_one_gap_come_together_as_one() -> None:
    assert times("0,20,40 2,3 * * *", BERLIN, "2026-03-28T12:00+01:00", 3) == [
        "29 03:00 +0200",
        "29 03:20 +0200",
        "29 03:40 +0200",
    ]


@pytest.mark.parametrize(
    ("timezone", "eve", "expression", "expected"),
    [
        (BERLIN, "2026-10-24T12:00+02:00", "30 2 * * *", ["25 02:30 +0200", "26 02:30 +0100"]),
        (NEW_YORK, "2026-10-31T12:00-04:00", "30 1 * * *", ["01 01:30 -0400", "02 01:30 -0500"]),
    ],
)
def test_a_time_that_the_clock_shows_twice_comes_once_the_first_time(
    timezone: str, eve: str, expression: str, expected: list[str]
) -> None:
    assert times(expression, timezone, eve, 2) == expected


def test_a_time_that_was_not_yet_shown_a_second_time_does_not_come_again() -> None:
    """Between the two, the next one is tomorrow's."""
    assert times("30 2 * * *", BERLIN, "2026-10-25T02:10+01:00", 1) == ["26 02:30 +0100"]


@pytest.mark.parametrize(
    ("timezone", "after", "expected"),
    [
        (BERLIN, "2026-03-29T01:10+01:00", ["29 01:30 +0100", "29 03:00 +0200", "29 03:30 +0200"]),
        (NEW_YORK, "2026-03-08T01:10-05:00", ["08 01:30 -0500", "08 03:00 -0400", "08 03:30 -0400"]),
        (BERLIN, "2026-10-25T02:10+02:00", ["25 02:30 +0200", "25 02:00 +0100", "25 02:30 +0100"]),
        (NEW_YORK, "2026-11-01T01:10-04:00", ["01 01:30 -0400", "01 01:00 -0500", "01 01:30 -0500"]),
    ],
)
def test_every_half_hour_is_every_half_hour_whatever_the_clock_shows(
    timezone: str, after: str, expected: list[str]
) -> None:
    assert times("*/30 * * * *", timezone, after, 3) == expected


@given(
    expression=st.sampled_from(
        ["* * * * *", "*/7 * * * *", "15 * * * *", "*/20 3 * * *", "0 */2 * * 0", "5,35 * * * *"]
    ),
    timezone=st.sampled_from([BERLIN, NEW_YORK, "UTC", "Asia/Kathmandu", "America/Sao_Paulo"]),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)),  # noqa: DTZ001 (they are made aware below)
)
def test_what_keeps_to_elapsed_time_is_every_minute_that_fits(expression: str, timezone: str, start: datetime) -> None:
    """The oracle: look at each minute of half a day."""
    after = start.replace(tzinfo=UTC)
    until = after + timedelta(hours=12)
    minute, every_minute = after.replace(second=0, microsecond=0), []
    while (minute := minute + timedelta(minutes=1)) <= until:
        if fits(expression, minute.astimezone(ZoneInfo(timezone))):
            every_minute.append(minute)

    found = []
    for at in Cron(expression, timezone).after(after):
        if at > until:
            break
        found.append(at)

    assert found == every_minute


def fits(expression: str, wall: datetime) -> bool:
    minutes, hours, _, _, days = expression.split()
    return in_field(minutes, wall.minute) and in_field(hours, wall.hour) and in_field(days, wall.isoweekday() % 7)


def in_field(field: str, value: int) -> bool:
    if field.startswith("*"):
        return value % int(field[2:] or "1") == 0
    return value in map(int, field.split(","))


@given(
    expression=st.sampled_from(
        ["30 2 * * *", "0 0 * * *", "0,30 0-3 * * *", "59 23 31 12 *", "0 0 29 2 *", "0 12 1 * MON"]
    ),
    timezone=st.sampled_from([BERLIN, NEW_YORK, "Africa/Cairo", "Australia/Lord_Howe", "America/Havana"]),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 (they are made aware below)
)
def test_times_only_ever_go_forward(expression: str, timezone: str, start: datetime) -> None:
    after = start.replace(tzinfo=UTC)

    found = [*islice(Cron(expression, timezone).after(after), 8)]

    assert all(earlier < later for earlier, later in pairwise([after, *found]))
    assert len(found) == 8


@pytest.mark.parametrize("name", NAMED)
def test_named_expressions_mean_what_they_say(name: str) -> None:
    first, second = islice(Cron(f" {name.upper()} ", "UTC").after(datetime(2026, 5, 5, 5, 5, tzinfo=UTC)), 2)

    days = {"@hourly": 1 / 24, "@daily": 1, "@midnight": 1, "@weekly": 7, "@monthly": 30}.get(name, 365)
    assert second - first == timedelta(days=days)
    assert (first.minute, first.hour) == (0, 6 if name == "@hourly" else 0)


@pytest.mark.parametrize(
    "expression",
    [
        *(
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "a * * * *",
        ),
        *(
            "*/0 * * * *",
            "5-1 * * * *",
            "@reboot",
            "@every 5m",
            "0 0 30 2 *",
            "1,, * * * *",
            "0\x00 * * * *",
            "é * * * *",
        ),
        "0 0 * * " + ",".join("1" * 200),
    ],
)
def test_an_expression_that_is_none_is_refused_at_its_path(expression: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Cron(expression, "UTC")

    assert refused.value.path == "$.cron"


@given(st.text(alphabet="0123456789*/-,#LW MONSUjan@", max_size=40))
def test_whatever_is_written_is_read_or_refused(expression: str) -> None:
    try:
        cron = Cron(expression, "UTC")
    except InvalidInput:
        return
    next(cron.after(datetime(2026, 1, 1, tzinfo=UTC)), None)


@pytest.mark.parametrize(
    "name", ["", "Mars/Phobos", "europe/berlin", "../UTC", "/etc/passwd", "Europe", "CET\x00", "localtime"]
)
def test_an_unknown_time_zone_is_refused_at_its_path(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Cron("* * * * *", name)

    assert refused.value.path == "$.timezone"


def test_an_expression_whose_time_never_comes_has_no_times() -> None:
    """The first of a month is never its third Monday."""
    assert [*Cron("0 0 */31 * MON#3", "UTC").after(datetime(2026, 1, 1, tzinfo=UTC))] == []


# Looking back

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("most", [1, 3, 100])
@pytest.mark.parametrize("expression", ["* * * * *", "0 * * * *", "0 0 * * *", "0 0 1 * *"])
def test_the_latest_times_are_the_end_of_all_of_them(expression: str, most: int) -> None:
    now = START + timedelta(days=40, minutes=7, seconds=3)
    everything = []
    for at in Cron(expression, "UTC").after(START - timedelta(minutes=1)):
        if at > now:
            break
        everything.append(at)

    assert Cron(expression, "UTC").latest(START, now, most) == everything[-most:]


def test_looking_back_over_years_takes_no_longer_than_over_hours() -> None:
    steps = 0

    class Counting(Cron):
        def after(self, moment: datetime) -> Iterator[datetime]:
            nonlocal steps
            for at in super().after(moment):
                steps += 1
                yield at

    times = Counting("* * * * *", BERLIN).latest(START, START + timedelta(days=3650), 100)

    assert len(times) == 100
    assert times[-1] == START + timedelta(days=3650)
    assert steps < 1_000


def test_both_ends_count() -> None:
    cron = Cron("0 * * * *", "UTC")

    assert cron.latest(START, START, 9) == [START]
    assert cron.latest(START, START + timedelta(hours=1), 9) == [START, START + timedelta(hours=1)]
