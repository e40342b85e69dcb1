from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.histograms import BOUNDS, added, counted, cumulative, percentile

DAY = 86_400.0
durations = st.lists(st.floats(0, DAY) | st.sampled_from(BOUNDS[:-1]), min_size=1, max_size=200)
shares = st.floats(0, 1) | st.sampled_from([0.5, 0.95, 0.99])


def exact(values: list[float], share: float) -> float:
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1]


@given(durations, shares)
def test_a_percentile_is_off_by_no_more_than_is_said(values: list[float], share: float) -> None:
    found, wanted = percentile(counted(values), share), exact(values, share)

    assert found is not None
    if wanted <= 0.001:
        assert abs(found - wanted) <= 0.0005
    else:
        assert 2**-0.2500001 <= found / wanted <= 2**0.2500001


@given(durations, durations)
def test_histograms_of_parts_add_up_to_that_of_the_whole(some: list[float], others: list[float]) -> None:
    assert added(counted(some), counted(others)) == counted(some + others)


@given(durations)
def test_coarse_buckets_count_exactly(values: list[float]) -> None:
    for bound, count in cumulative(counted(values)):
        assert count == sum(value <= bound for value in values)


def test_bounds_grow_by_the_square_root_of_two_from_a_millisecond_to_a_day() -> None:
    assert BOUNDS[0] == 0.001
    assert BOUNDS[2] == pytest.approx(0.002)
    assert BOUNDS[-2] < DAY <= BOUNDS[-1]


def test_a_histogram_ends_with_its_last_duration() -> None:
    assert counted([]) == []
    assert counted([0.0, 0.001]) == [2]
    assert counted([0.0015, 0.002]) == [0, 0, 2]


def test_what_takes_longer_than_the_last_bound_is_counted_there() -> None:
    counts = counted([10 * DAY])

    assert len(counts) == len(BOUNDS) + 1
    assert percentile(counts, 0.5) == BOUNDS[-1]


def test_nothing_has_no_percentile() -> None:
    assert percentile([], 0.5) is None
    assert percentile([0, 0], 0.5) is None
    assert cumulative([])[-1][1] == 0
