from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.schedules import MOST_RUNS, ON_TIME, DueSchedule, Misfire, Overlap

DUE = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def a_due_schedule(
    late: timedelta, misfire: Misfire = Misfire.RUN_ONCE, overlap: Overlap = Overlap.ALLOW, cron: str = "0 * * * *"
) -> DueSchedule:
    return DueSchedule("hourly", cron, "UTC", misfire, overlap, DUE, DUE + late)


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


def test_a_hundred_runs_at_once_are_the_most() -> None:
    runs = a_due_schedule(2000 * HOUR, Misfire.RUN_ALL).runs()

    assert (len(runs), runs[-1]) == (MOST_RUNS, DUE + 2000 * HOUR)


def test_runs_that_may_not_overlap_are_not_made_up_for_side_by_side() -> None:
    assert a_due_schedule(3 * HOUR, Misfire.RUN_ALL, Overlap.SKIP).runs() == [DUE + 3 * HOUR]


def test_a_time_that_is_none_any_more_is_not_lost() -> None:
    """Its time zone's rules have changed since it was computed."""
    assert a_due_schedule(timedelta(0), cron="30 5 * * *").runs() == [DUE]


def test_the_following_time_is_after_now() -> None:
    assert a_due_schedule(3.5 * HOUR).following() == DUE + 4 * HOUR
    assert a_due_schedule(timedelta(0)).following() == DUE + HOUR
