from __future__ import annotations

from datetime import timedelta

from chalicelib.histograms import counted
from chalicelib.jobs import AttemptError, Cancelled, Completed, Failed, Outcome, Postponed, Released, Retry, Settlement
from chalicelib.tallies import Tally, of_completed, of_settled
from tests.samples import a_claimed_job

BOOM = AttemptError(type="ValueError", message="boom")
DONE = Completed(b"1")


def test_outcomes_are_counted_by_queue_and_job_type_in_one_order_for_all() -> None:
    outcomes: list[Outcome] = [DONE, DONE, Failed(BOOM), Retry(BOOM, timedelta(0)), Cancelled()]
    settlements = [Settlement(a_claimed_job(queue="b", waited=0.5), outcome, 2.0) for outcome in outcomes]
    settlements += [Settlement(a_claimed_job(queue="a", job_type=kind), DONE, 1.0) for kind in ("y", "x")]

    tallies = of_settled(settlements)

    assert [(tally.queue, tally.job_type) for tally in tallies] == [("a", "x"), ("a", "y"), ("b", "echo")]
    assert tallies[2] == Tally(
        queue="b",
        job_type="echo",
        completed=2,
        failed=1,
        retried=1,
        cancelled=1,
        wait_seconds=2.5,
        run_seconds=10.0,
        wait_counts=counted([0.5] * 5),
        run_counts=counted([2.0] * 5),
    )


def test_what_goes_back_and_is_nobodys_fault_counts_as_nothing() -> None:
    assert of_settled([Settlement(a_claimed_job(), each) for each in (Released(), Postponed(timedelta(1)))]) == []


def test_an_attempt_whose_handler_did_not_begin_has_no_run_time() -> None:
    (tally,) = of_settled([Settlement(a_claimed_job(), Cancelled())])

    assert (tally.cancelled, tally.run_counts) == (1, [])


def test_the_short_way_counts_as_the_long_one() -> None:
    for kinds in ("x", "xy"):
        jobs = [a_claimed_job(job_type=kinds[n % len(kinds)], waited=n / 10) for n in range(10)]
        ran = [n / 100 for n in range(10)]

        assert of_completed(jobs, ran) == of_settled(map(Settlement, jobs, [DONE] * 10, ran))
