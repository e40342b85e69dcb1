from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.schedules import ON_TIME, SLICE, DueSchedule, Misfire, Overlap
from chalicelib.timing import Timing

DUE = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def a_due_schedule(
    late: timedelta,
    misfire: Misfire = Misfire.RUN_ONCE,
    overlap: Overlap = Overlap.ALLOW,
    catch_up: int = 10,
    **timing: Any,
) -> DueSchedule:
    when = Timing(**(timing or {"cron": "0 * * * *"}))
    return DueSchedule("hourly", 1, when, DUE, misfire, overlap, catch_up, DUE, DUE + late)


@pytest.mark.parametrize("misfire", Misfire)
def test_what_is_on_time_runs_once_whatever_is_said_of_missed_times(misfire: Misfire) -> None:
    assert a_due_schedule(ON_TIME, misfire).runs() == [DUE]


@pytest.mark.parametrize(
    ("misfire", "runs"),
    [
        (Misfire.SKIP, []),
        (Misfire.RUN_ONCE, [DUE + 3 * HOUR]),
        (Misfire.RUN_ALL, [DUE, DUE + HOUR, DUE + 2 * HOUR, DUE + 3 * HOUR]),
    ],
)
def test_missed_times_run_as_the_schedule_says(misfire: Misfire, runs: list[datetime]) -> None:
    assert a_due_schedule(3.5 * HOUR, misfire).runs() == runs


def test_after_missed_times_the_one_that_is_on_time_runs() -> None:
    assert a_due_schedule(3 * HOUR, Misfire.SKIP).runs() == [DUE + 3 * HOUR]


@pytest.mark.parametrize("catch_up", [1, 24, 100])
def test_the_latest_missed_times_are_made_up_for_as_many_as_the_schedule_says(catch_up: int) -> None:
    runs = a_due_schedule(2000 * HOUR, Misfire.RUN_ALL, catch_up=catch_up).runs()

    assert (len(runs), runs[-1]) == (catch_up, DUE + 2000 * HOUR)


@pytest.mark.parametrize("overlap", [Overlap.SKIP, Overlap.QUEUE_ONE, Overlap.CANCEL_PREVIOUS])
def test_where_runs_may_not_overlap_only_the_newest_missed_time_runs(overlap: Overlap) -> None:
    assert a_due_schedule(3 * HOUR, Misfire.RUN_ALL, overlap).runs() == [DUE + 3 * HOUR]


def test_many_runs_are_cut_into_slices_that_leave_the_rest_due() -> None:
    firing = a_due_schedule(2000 * HOUR, Misfire.RUN_ALL, catch_up=24).firing()

    assert firing.runs == [DUE + n * HOUR for n in range(1977, 1977 + SLICE)]
    assert firing.following == DUE + (1977 + SLICE) * HOUR


def test_after_the_last_slice_comes_the_next_time() -> None:
    firing = a_due_schedule((SLICE - 0.5) * HOUR, Misfire.RUN_ALL).firing()

    assert (len(firing.runs), firing.following) == (SLICE, DUE + SLICE * HOUR)


def test_a_time_that_is_none_any_more_is_not_lost() -> None:
    """Its time zone's rules have changed since it was computed."""
    assert a_due_schedule(timedelta(0), cron="30 5 * * *").runs() == [DUE]


def test_the_following_time_is_after_now() -> None:
    assert a_due_schedule(3.5 * HOUR).following() == DUE + 4 * HOUR
    assert a_due_schedule(timedelta(0)).following() == DUE + HOUR


def test_a_time_that_comes_once_is_not_followed() -> None:
    due = a_due_schedule(timedelta(0), at=DUE)

    assert (due.runs(), due.following()) == ([DUE], None)


def test_no_time_follows_the_end() -> None:
    assert a_due_schedule(0.5 * HOUR, cron="0 * * * *", ends_at=DUE + HOUR).following() == DUE + HOUR
    assert a_due_schedule(0.5 * HOUR, cron="0 * * * *", ends_at=DUE + 0.9 * HOUR).following() is None
