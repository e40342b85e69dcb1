from __future__ import annotations

import msgspec

from chalicelib.executor import Attempt
from chalicelib.hand import MOST_AHEAD, Hand
from tests.unit.test_executor import SETTINGS
from tests.unit.test_jobs import a_row


def attempts(count: int) -> list[Attempt]:
    return [Attempt(a_row(), SETTINGS) for _ in range(count)]


def after_runs_of(seconds: float, slots: int = 4) -> Hand:
    hand = Hand(slots)
    for attempt in attempts(300):
        hand.add([attempt])
        hand.end(attempt, seconds)
    return hand


def test_a_worker_that_knows_nothing_yet_fetches_what_can_start_at_once() -> None:
    assert Hand(4).room() == 4


def test_slow_jobs_are_left_to_other_workers() -> None:
    hand = after_runs_of(1.0)
    hand.add(attempts(3))

    assert hand.room() == 1


def test_tiny_jobs_are_fetched_far_ahead() -> None:
    assert after_runs_of(0.000_01).room() == MOST_AHEAD


def test_jobs_in_between_are_fetched_for_about_50_ms() -> None:
    assert 15 <= after_runs_of(0.01).room() <= 20


def test_a_full_hand_fetches_nothing_until_a_good_part_is_done() -> None:
    hand = after_runs_of(0.000_01)
    held = attempts(MOST_AHEAD)
    hand.add(held)
    assert hand.room() == 0

    for attempt in held[: MOST_AHEAD // 4 + 1]:
        hand.end(attempt, 0.000_01)

    assert hand.room() == MOST_AHEAD // 4 + 1


def test_an_attempt_is_held_until_its_outcome_is_recorded() -> None:
    hand = Hand(1)
    (attempt,) = attempts(1)
    hand.add([attempt])
    hand.end(attempt, 0.1)

    assert hand.held() == [attempt]
    assert hand.room() == 1
    hand.drop([attempt.job])
    assert hand.is_empty


def test_a_job_claimed_again_by_its_own_worker_is_held_twice_and_the_first_hears_of_it() -> None:
    hand = Hand(4)
    job = a_row(attempt=1)
    first, second = Attempt(job, SETTINGS), Attempt(msgspec.structs.replace(job, attempt=2, crashes=1), SETTINGS)
    hand.add([first])
    hand.add([second])
    assert (first.is_lost, second.is_lost) == (True, False)

    hand.end(first, 0.1)
    hand.drop([first.job])

    assert hand.held() == [second]
    assert hand.room() == 3
