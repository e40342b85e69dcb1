from __future__ import annotations

import time

from chalicelib.attempt import Attempt, StopReason
from chalicelib.hand import BATCH, MOST_AHEAD, Hand
from tests.samples import a_claimed_job, an_attempt


def attempts(count: int) -> list[Attempt]:
    return [an_attempt() for _ in range(count)]


def after_runs_of(seconds: float, slots: int = 4) -> Hand:
    hand = Hand(slots)
    for attempt in attempts(300):
        hand.add([attempt])
        attempt.began_at = time.monotonic() - seconds
        hand.end(attempt)
    hand.keepable([attempt.job])
    return hand


def test_a_worker_that_knows_nothing_yet_fetches_what_can_start_at_once() -> None:
    assert Hand(4).room() == 4


def test_slow_jobs_are_left_to_other_workers() -> None:
    hand = after_runs_of(1.0)
    hand.add(attempts(3))

    assert hand.room() == 1


def test_tiny_jobs_are_fetched_far_ahead() -> None:
    hand = after_runs_of(0.000_001)
    assert hand.room() == BATCH

    hand.add(attempts(BATCH))
    assert hand.room() == MOST_AHEAD - BATCH


def test_jobs_in_between_are_fetched_for_about_50_ms() -> None:
    assert 15 <= after_runs_of(0.01).room() <= 20


def test_a_full_hand_fetches_nothing_until_a_good_part_is_done() -> None:
    hand = after_runs_of(0.000_001)
    held = attempts(MOST_AHEAD)
    hand.add(held)
    assert hand.room() == 0

    for attempt in held[: MOST_AHEAD // 4 + 1]:
        hand.end(attempt)

    assert hand.room() == MOST_AHEAD // 4 + 1


def test_an_attempt_is_held_until_its_outcome_is_recorded() -> None:
    hand = Hand(1)
    (attempt,) = attempts(1)
    hand.add([attempt])
    assert hand.end(attempt)

    assert hand.held() == [attempt]
    assert hand.room() == 1
    hand.drop([attempt])
    assert hand.is_empty


def test_an_attempt_ends_once() -> None:
    hand = Hand(1)
    (attempt,) = attempts(1)
    hand.add([attempt])

    assert [hand.end(attempt), hand.end(attempt)] == [True, False]


def test_a_job_claimed_again_by_its_own_worker_is_held_twice_and_the_first_hears_of_it() -> None:
    hand = Hand(4)
    first = an_attempt(attempt=1)
    second = an_attempt(id=first.job_id, attempt=2, crashes=1)
    hand.add([first])
    hand.add([second])
    assert (first.reason, second.reason) == (StopReason.LOST, None)

    hand.end(first)
    hand.drop([first])

    assert hand.held() == [second]
    assert hand.room() == 3


def test_a_request_to_cancel_that_comes_before_its_job_is_not_lost() -> None:
    hand = Hand(1)
    (attempt,) = attempts(1)
    hand.cancel(attempt.job_id, attempt.attempt)

    hand.add([attempt])

    assert attempt.reason is StopReason.CANCELLED


def test_jobs_that_turn_out_slow_are_fetched_with_care_at_once() -> None:
    hand = after_runs_of(0.000_001)
    (slow,) = attempts(1)
    slow.began_at = time.monotonic() - 1.0

    hand.notice(slow)

    assert hand.room() == 4


def test_of_a_batch_of_slow_jobs_fetched_for_quick_ones_only_what_can_start_is_kept() -> None:
    hand = after_runs_of(0.000_001)

    assert hand.keepable([a_claimed_job(job_type="slow") for _ in range(100)]) == 4
    assert hand.room() == 4
    assert hand.keepable([a_claimed_job() for _ in range(100)]) == 100
