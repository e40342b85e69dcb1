from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import redis

from chalicelib.errors import StoreUnavailable
from chalicelib.redis_link import connect
from chalicelib.snapshots import Snapshots

FRESH, TURN = "{snapshot:n}:fresh", "{snapshot:n}:turn"


@pytest.fixture
def snapshots(cache: redis.Redis) -> Snapshots:
    return Snapshots(cache)


@pytest.fixture
def away() -> Iterator[Snapshots]:
    client = connect("redis://127.0.0.1:1")
    yield Snapshots(client)
    client.close()


def a_counter() -> Iterator[int]:
    return itertools.count(1)


def test_an_answer_is_computed_once_for_all_processes(cache: redis.Redis, snapshots: Snapshots) -> None:
    counter = a_counter()
    other = Snapshots(cache)

    first = snapshots.cached("n", lambda: next(counter), as_type=int)
    second = other.cached("n", lambda: next(counter), as_type=int)

    assert first == second
    assert first.value == 1
    assert timedelta(0) <= datetime.now(UTC) - first.at < timedelta(minutes=1)
    assert snapshots.cached("other", lambda: next(counter), as_type=int).value == 2


def test_an_answer_that_is_no_longer_fresh_is_computed_anew(cache: redis.Redis, snapshots: Snapshots) -> None:
    counter = a_counter()
    snapshots.cached("n", lambda: next(counter), as_type=int)
    cache.delete(FRESH)

    assert snapshots.cached("n", lambda: next(counter), as_type=int).value == 2
    assert snapshots.cached("n", lambda: next(counter), as_type=int).value == 2


def test_while_one_computes_the_others_get_the_last_answer(cache: redis.Redis, snapshots: Snapshots) -> None:
    snapshots.cached("n", lambda: "old", as_type=str)
    cache.delete(FRESH)
    begun, go_on = threading.Event(), threading.Event()

    def compute() -> str:
        begun.set()
        go_on.wait(10)
        return "new"

    with ThreadPoolExecutor() as threads:
        computing = threads.submit(lambda: snapshots.cached("n", compute, as_type=str))
        assert begun.wait(10)
        meanwhile = snapshots.cached("n", lambda: "by another", as_type=str)
        go_on.set()

    assert meanwhile.value == "old"
    assert computing.result().value == "new"
    assert snapshots.cached("n", lambda: "by another", as_type=str).value == "new"


def test_who_finds_no_answer_waits_for_the_first(cache: redis.Redis) -> None:
    cache.set(TURN, 1)  # somebody computes
    first = Snapshots(cache)

    def pause(_: float) -> None:
        cache.delete(TURN)
        first.cached("n", lambda: "the first", as_type=str)

    late = Snapshots(cache, pause)

    assert late.cached("n", lambda: "the second", as_type=str).value == "the first"


def test_who_waits_for_too_long_computes(cache: redis.Redis) -> None:
    cache.set(TURN, 1)
    pauses: list[float] = []

    snapshot = Snapshots(cache, pauses.append).cached("n", lambda: "mine", as_type=str)

    assert snapshot.value == "mine"
    assert 1 <= sum(pauses) <= 10


def test_an_answer_is_fresh_for_ten_times_as_long_as_it_took(cache: redis.Redis, snapshots: Snapshots) -> None:
    def quick() -> int:
        return 1

    def slow() -> int:
        ends_at = time.monotonic() + 0.25
        while time.monotonic() < ends_at:
            pass
        return 1

    snapshots.cached("n", quick, as_type=int)
    assert 0 < cache.pttl(FRESH) <= 1_000
    cache.flushdb()
    snapshots.cached("n", quick, timedelta(seconds=5), as_type=int)
    assert 4_000 < cache.pttl(FRESH) <= 5_000
    cache.flushdb()
    snapshots.cached("n", slow, as_type=int)

    assert 2_400 < cache.pttl(FRESH) < 10_000


def test_who_dies_while_computing_keeps_the_others_waiting_for_half_a_minute_at_most(
    cache: redis.Redis, snapshots: Snapshots
) -> None:
    waits: list[int] = []

    snapshots.cached("n", lambda: waits.append(cache.pttl(TURN)), as_type=type(None))

    assert 29_000 < waits[0] <= 30_000


def test_a_failure_is_passed_on_and_the_next_one_may_try(snapshots: Snapshots) -> None:
    def fail() -> int:
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        snapshots.cached("n", fail, as_type=int)

    assert snapshots.cached("n", lambda: 2, as_type=int).value == 2


def test_without_redis_everybody_computes(away: Snapshots) -> None:
    counter = a_counter()

    assert [away.cached("n", lambda: next(counter), as_type=int).value for _ in range(2)] == [1, 2]


def test_an_answer_is_given_though_redis_went_away_meanwhile(cache: redis.Redis, snapshots: Snapshots) -> None:
    def compute() -> str:
        snapshots._redis = unreachable
        return "computed"

    unreachable = connect("redis://127.0.0.1:1")
    assert snapshots.cached("n", compute, as_type=str).value == "computed"
    unreachable.close()
