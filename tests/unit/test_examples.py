from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.handlers.examples import Range, count_primes
from tests.fake_context import FakeContext


@pytest.mark.parametrize(("below", "count"), [(0, 0), (1, 0), (2, 0), (3, 1), (10, 4), (100, 25), (1_000_000, 78_498)])
def test_primes_are_counted(below: int, count: int) -> None:
    assert count_primes(Range(below), FakeContext()) == count


@given(st.integers(0, 2_000))
def test_a_prime_has_no_divisor(below: int) -> None:
    primes = [n for n in range(2, below) if all(n % divisor for divisor in range(2, n))]

    assert count_primes(Range(below), FakeContext()) == len(primes)
