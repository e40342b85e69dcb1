from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.queues import Look
from chalicelib.rota import Rota, divided

weights = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from([0.5, 1.0, 2.0, 3.0]), min_size=1)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def found(count: int, *, wait: float | None = None, weight: float = 1.0) -> Look:
    return Look([b""] * count, None if wait is None else timedelta(seconds=wait), weight)


def a_rota(*names: str) -> tuple[Rota, Clock]:
    clock = Clock()
    rota = Rota(clock)
    rota.know(names)
    return rota, clock


def served(weight_of: dict[str, float], room: int, turns: int) -> Counter[str]:
    """What each queue gets that always has more."""
    rota, _ = a_rota(*weight_of)
    total: Counter[str] = Counter()
    for _ in range(turns):
        shares = rota.shares(room)
        total.update(shares)
        for name, share in shares.items():
            rota.saw(name, share, found(share, wait=0, weight=weight_of[name]))
    return total


@given(weight_of=weights, room=st.integers(1, 40))
def test_queues_that_always_have_more_get_their_shares_however_little_room_there_is(
    weight_of: dict[str, float], room: int
) -> None:
    turns = 300
    total = served(weight_of, room, turns)

    assert sum(total.values()) == turns * room
    for name, weight in weight_of.items():
        fair = turns * room * weight / sum(weight_of.values())
        assert abs(total[name] - fair) <= room + 2 * len(weight_of) * max(1.0, weight)


@given(
    room=st.integers(1, 1_000),
    queues=st.dictionaries(st.text(min_size=1), st.tuples(st.floats(0, 1e6), st.floats(0.001, 1_000)), min_size=1),
)
def test_all_the_room_is_given_away_and_no_more(room: int, queues: dict[str, tuple[float, float]]) -> None:
    shares = divided(room, queues)

    assert sum(shares.values()) == room
    assert all(share > 0 for share in shares.values())


def test_a_queue_that_has_the_worker_to_itself_gets_all_the_room() -> None:
    rota, _ = a_rota("a")

    assert rota.shares(16) == {"a": 16}


def test_an_empty_queue_is_left_alone_for_a_second() -> None:
    rota, clock = a_rota("a", "b")
    rota.saw("a", 8, found(8, wait=0))
    rota.saw("b", 8, found(0))
    assert rota.shares(16) == {"a": 16}

    clock.now += 1

    assert rota.shares(16) == {"a": 8, "b": 8}


def test_a_queue_that_told_when_there_is_more_is_looked_at_then() -> None:
    rota, clock = a_rota("a")
    rota.saw("a", 8, found(3, wait=0.25))
    assert rota.shares(8) == {}
    assert rota.next_look() == 0.25

    clock.now += 0.25

    assert rota.shares(8) == {"a": 8}


def test_the_bell_brings_a_queue_back_also_one_that_nobody_knew() -> None:
    rota, _ = a_rota("a")
    rota.saw("a", 8, found(0))

    rota.ring("a")
    rota.ring("new")

    assert rota.shares(8) == {"a": 4, "new": 4}


def test_a_bell_that_rings_during_the_look_is_heard_after_it() -> None:
    rota, _ = a_rota("a")
    asked = rota.shares(8)
    rota.ring("a")
    rota.saw("a", asked["a"], found(0))

    assert rota.next_look() == 0
    assert rota.shares(8) == {"a": 8}


def test_a_queue_that_comes_back_has_saved_no_turns() -> None:
    rota, clock = a_rota("busy", "idle")
    rota.saw("idle", 1, found(0))
    for _ in range(1_000):
        rota.saw("busy", 1, found(1, wait=0))
    clock.now += 1
    rota.ring("idle")
    total: Counter[str] = Counter()
    for _ in range(100):
        shares = rota.shares(1)
        total.update(shares)
        for name in shares:
            rota.saw(name, 1, found(1, wait=0))

    assert abs(total["busy"] - total["idle"]) <= 2


def test_when_the_next_job_is_due_is_known_beyond_the_second_after_which_one_looks_again() -> None:
    rota, clock = a_rota("a", "b")
    rota.saw("a", 8, found(0, wait=30))
    rota.saw("b", 8, found(0))
    clock.now += 10

    assert rota.next_due() == 20
    assert rota.next_look() == 0


def test_of_queues_that_were_never_looked_at_nobody_knows_that_they_are_empty() -> None:
    rota, _ = a_rota("a")

    assert rota.next_due() == 0
    assert Rota().next_due() == float("inf")
