"""Moves in any order, with losses of every kind between them, against the rules in ``model``."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from operator import itemgetter
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
)

from chalicelib.attempt import StopReason
from chalicelib.errors import IllegalMove, StoreUnavailable
from chalicelib.fetcher import Fetched
from chalicelib.jobs import (
    LEASE,
    AttemptError,
    Cancelled,
    ClaimedJob,
    Completed,
    Failed,
    JobStatus,
    Outcome,
    Postponed,
    Released,
    Retry,
)
from chalicelib.members import raw_id_of
from chalicelib.store.database import Database
from chalicelib.submissions import Submission
from tests.integration.conftest import FOREVER, World
from tests.integration.lossy import Claim, Hands
from tests.integration.machines import run_machine
from tests.integration.model import ModelJob, Reminder
from tests.integration.scene import QUEUES, Scene, Seen

T = TypeVar("T")

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "80"))
STEPS = 100
MOST_UNFINISHED = 4
LATER = timedelta(hours=1)
TOO_SHORT = timedelta(seconds=1)  # for any of the jobs
BOOM = AttemptError(type="ValueError", message="boom")

submissions = st.builds(
    Submission,
    job_type=st.just("echo"),
    queue=st.sampled_from(QUEUES),
    priority=st.sampled_from([0, -100, 1, 100]),
    delay_seconds=st.sampled_from([0, LATER.total_seconds()]),
    max_attempts=st.integers(1, 3),
    timeout_seconds=st.just(2.0),
)
delays = st.sampled_from([timedelta(0), LATER])
outcomes = st.one_of(
    st.just(Completed(b"[1]")),
    st.builds(Retry, st.just(BOOM), delays),
    st.just(Failed(BOOM)),
    st.builds(Postponed, delays),
    st.just(Released()),
    st.just(Cancelled()),
)
mostly = st.sampled_from([True, True, True, False])


def one_of_the(choices: Callable[[Scene], Sequence[T]]) -> st.SearchStrategy[T]:
    """Of what there is at that time."""
    return st.runner().flatmap(lambda machine: st.sampled_from(choices(machine)))


def a_job_that(fits: Callable[[ModelJob], bool]) -> st.SearchStrategy[int]:
    """Any, if there is none."""
    return one_of_the(lambda machine: machine.numbers(fits) or range(len(machine.ids)))


any_worker = one_of_the(lambda machine: machine.workers)
any_job = one_of_the(lambda machine: range(len(machine.ids)))


class AnyOrder(Scene):
    """Every rule does one thing to the product and to the model; after every rule they must agree."""

    @initialize(submissions=st.lists(submissions, min_size=1, max_size=3))
    def begin(self, submissions: list[Submission]) -> None:
        self.submit_all(submissions, reaches_redis=True)

    @precondition(lambda self: len(self.unfinished()) < MOST_UNFINISHED)
    @rule(submissions=st.lists(submissions, min_size=1, max_size=3), reaches_redis=mostly)
    def submit(self, submissions: list[Submission], reaches_redis: bool) -> None:
        self.submit_all(submissions, reaches_redis=reaches_redis)

    def submit_all(self, submissions: list[Submission], *, reaches_redis: bool) -> None:
        self.link.is_severed = not reaches_redis
        submitted = self.scheduler.submit(submissions)
        self.link.is_severed = False
        for job, asked in zip(submitted, submissions, strict=True):
            self.ids.append(job.id)
            self.model[job.id] = ModelJob(
                queue=asked.queue,
                priority=asked.priority or 0,
                max_attempts=asked.max_attempts or 0,
                is_due=not asked.delay_seconds,
            )
            if reaches_redis:
                self.remind(job.id)

    @precondition(lambda self: self.unfinished())
    @rule(number=any_job | a_job_that(lambda job: job.status is JobStatus.RUNNING), reaches_redis=mostly)
    def cancel(self, number: int, reaches_redis: bool) -> None:
        job = self.model[self.ids[number]]
        before = job.version
        self.move_by_hand("cancel", number, is_legal=job.cancel(), reaches_redis=reaches_redis)
        if reaches_redis and job.version > before:
            self.remind(self.ids[number])

    @precondition(lambda self: self.numbers(lambda job: job.may_be_revived))
    @rule(number=any_job | a_job_that(lambda job: job.may_be_revived), reaches_redis=mostly)
    def revive(self, number: int, reaches_redis: bool) -> None:
        is_legal = self.model[self.ids[number]].revive()
        self.move_by_hand("revive", number, is_legal=is_legal, reaches_redis=reaches_redis)
        if reaches_redis and is_legal:
            self.remind(self.ids[number])

    def move_by_hand(self, move: str, number: int, *, is_legal: bool, reaches_redis: bool) -> None:
        self.link.is_severed = not reaches_redis
        try:
            getattr(self.scheduler, move)(self.ids[number])
            assert is_legal
        except IllegalMove:
            assert not is_legal
        self.link.is_severed = False

    @precondition(lambda self: self.something_is_due())
    @rule(worker=any_worker, names=st.permutations(QUEUES))
    def fetch(self, worker: Hands, names: list[str]) -> None:
        self.look(worker, names, 100, has_time=True, hears=True, follows_up=True)

    @precondition(lambda self: self.something_is_due() or self.something_is_in_doubt())
    @rule(
        worker=any_worker,
        names=st.permutations(QUEUES),
        limit=st.integers(1, 3),
        has_time=mostly,
        hears=st.booleans(),
        follows_up=st.booleans(),
    )
    def fetch_with_troubles(
        self, worker: Hands, names: list[str], limit: int, has_time: bool, hears: bool, follows_up: bool
    ) -> None:
        self.look(worker, names, limit, has_time=has_time, hears=hears, follows_up=follows_up)

    def look(
        self, worker: Hands, names: list[str], limit: int, *, has_time: bool, hears: bool, follows_up: bool
    ) -> None:
        fits = FOREVER if has_time else TOO_SHORT
        self.expect_doubtful_given_back(worker)
        # Not here: a fetcher that lost the answer also gives back what it was refused because its own worker runs it.
        hears = hears or self.would_be_refused_its_own(worker)
        worker.attempts.begin(hears=hears)
        fetched: Fetched | None = None
        due = {job_id for job_id, reminder in self.reminders.items() if reminder.is_due}
        with contextlib.suppress(StoreUnavailable):
            fetched = worker.fetcher.fetch(dict.fromkeys(names, limit), fits)
        if self.is_lost:
            assert fetched is not None
            assert (fetched.is_lost, fetched.jobs, fetched.looks) == (True, [], {})
            self.reminders = self.reminders_in_redis()
            for job_id in due:  # nothing is hidden by a look in vain
                assert self.reminders.get(job_id, self.model[job_id].place) == self.model[job_id].place or (
                    self.reminders[job_id].is_due
                )
            return
        taken = [UUID(bytes=raw) for raw in worker.attempts.asked]
        self.expect_taken(taken, names, limit)
        claimed = self.claim_in_model(taken, worker, has_time=has_time)
        if fetched is None:
            worker.in_doubt = {job_id: self.model[job_id].attempt if job_id in claimed else None for job_id in taken}
            worker.lease_ends = self.lease_ends(taken)
            return
        assert {raw_id_of(each) for look in fetched.looks.values() for each in look.members} == {
            job_id.bytes for job_id in taken
        }
        self.start(worker, fetched.jobs, claimed)
        if follows_up:
            misfits = worker.fetcher.follow_up(fetched, fits)
            self.expect_corrected([job_id for job_id in taken if job_id not in claimed], misfits, has_time=has_time)
            worker.fetcher.put_back()
            self.release(*(job.id for job in misfits))

    @precondition(lambda self: self.certain() and self.unfinished())
    @rule(
        worker=one_of_the(lambda self: self.certain()),
        numbers=st.lists(any_job, min_size=1, max_size=3, unique=True),
        has_time=mostly,
        buries=st.booleans(),
    )
    def claim_what_was_taken_long_ago(self, worker: Hands, numbers: list[int], has_time: bool, buries: bool) -> None:
        ids = [self.ids[number] for number in numbers]
        worker.attempts.begin(hears=True)
        fits = FOREVER if has_time else TOO_SHORT
        answer = worker.attempts.claim([job_id.bytes for job_id in ids], worker.worker_id, LEASE, fits)
        self.start(worker, answer, self.claim_in_model(ids, worker, has_time=has_time))
        if buries:
            buried = worker.attempts.bury(ids)
            assert {*buried} == {job_id for job_id in ids if self.model[job_id].bury()}

    def claim_in_model(self, ids: Sequence[UUID], worker: Hands, *, has_time: bool) -> list[UUID]:
        claimed = [job_id for job_id in ids if has_time and self.model[job_id].claim(worker.worker_id)]
        made = {(job_id, self.model[job_id].attempt) for job_id in claimed}
        assert not made & self.made
        self.made |= made
        return claimed

    def start(self, worker: Hands, answer: Sequence[ClaimedJob], claimed: Sequence[UUID]) -> None:
        assert {job.id for job in answer} == {*claimed}
        for job in answer:
            expected = self.model[job.id]
            assert (job.attempt, job.failures, job.crashes) == (expected.attempt, expected.failures, expected.crashes)
            assert (job.queue, job.priority) == (expected.queue, expected.priority)
            assert job.has_attempts_left == expected.has_attempts_left
        self.claims += worker.start(answer)

    @precondition(lambda self: self.held())
    @rule(claim=one_of_the(lambda self: self.held()), outcome=outcomes)
    def settle(self, claim: Claim, outcome: Outcome) -> None:
        self.settle_all([(claim, outcome)], hears=True, reaches_redis=True)

    @precondition(lambda self: self.held())
    @rule(
        ended=st.lists(
            st.tuples(one_of_the(lambda self: self.held()), outcomes), min_size=1, max_size=3, unique_by=itemgetter(0)
        ),
        hears=st.booleans(),
        reaches_redis=st.booleans(),
    )
    def settle_with_troubles(self, ended: list[tuple[Claim, Outcome]], hears: bool, reaches_redis: bool) -> None:
        self.settle_all(ended, hears=hears, reaches_redis=reaches_redis)

    @precondition(lambda self: self.claims)
    @rule(
        late=st.lists(one_of_the(lambda self: self.claims), min_size=1, max_size=3, unique=True),
        outcome=outcomes,
        hears=mostly,
    )
    def settle_late_or_twice(self, late: list[Claim], outcome: Outcome, hears: bool) -> None:
        self.settle_all([(claim, outcome) for claim in late], hears=hears, reaches_redis=True)

    def settle_all(self, ended: Sequence[tuple[Claim, Outcome]], *, hears: bool, reaches_redis: bool) -> None:
        possible = [(claim, as_an_executor_decides(claim.job, outcome)) for claim, outcome in ended]
        self.link.is_severed = not reaches_redis
        for worker in dict.fromkeys(claim.worker for claim, _ in ended):
            worker.attempts.begin(hears=hears)
            worker.settle([each for each in possible if each[0].worker is worker])
        self.link.is_severed = False
        for claim, outcome in possible:
            self.model[claim.job.id].settle(claim.job.attempt, outcome)
        if reaches_redis:
            self.release(*(claim.job.id for claim, _ in ended))

    @precondition(lambda self: self.held())
    @rule(worker=any_worker, renews=mostly, fraction=st.none() | st.sampled_from([0.25, 0.5]))
    def keep(self, worker: Hands, renews: bool, fraction: float | None) -> None:
        held = worker.hand.held()
        reasons = {attempt: attempt.reason for attempt in held}
        for attempt in held:
            attempt.held_since = float("-inf" if renews else "inf")
            if fraction is not None:
                attempt.progress(fraction)
        worker.keep()
        for attempt in held:
            job = self.model[attempt.job_id]
            if renews:
                is_ours = job.renew(attempt.attempt)
                if is_ours:
                    self.reminders[attempt.job_id] = Reminder("leased", is_due=False)
                must_end = StopReason.CANCELLED if job.is_asked_to_end else None
                assert attempt.reason is (reasons[attempt] or (must_end if is_ours else StopReason.LOST))
            if fraction is not None:
                job.report(attempt.attempt, fraction)

    @precondition(lambda self: self.held() or self.something_is_in_doubt())
    @rule(worker=any_worker)
    def die(self, worker: Hands) -> None:
        self.workers[self.workers.index(worker)] = self.hire()

    @precondition(lambda self: self.numbers(lambda job: job.waits_for_time))
    @rule(
        numbers=st.lists(a_job_that(lambda job: job.waits_for_time), min_size=1, max_size=3, unique=True),
        in_postgres=mostly,
        in_redis=mostly,
    )
    def let_time_pass(self, numbers: list[int], in_postgres: bool, in_redis: bool) -> None:
        ids = [self.ids[number] for number in numbers]
        if in_postgres:
            self.age_rows(ids)
        if in_redis:
            self.age_reminders(ids)

    @precondition(lambda self: self.reminders)
    @rule(runs_maintenance=st.booleans())
    def flush(self, runs_maintenance: bool) -> None:
        self.world.cache.flushall()
        self.reminders.clear()
        self.is_lost = not runs_maintenance
        if runs_maintenance:
            self.maintenance.run_once()
            self.remind(*self.unfinished())

    @precondition(lambda self: self.strayed())
    @rule(how=st.sampled_from(["rebuild", "sweep", "patrol"]))
    def mend(self, how: str) -> None:
        self.conn.execute("UPDATE jobs SET created_at = created_at - interval '6 seconds'")
        mended = self.unfinished() if how == "rebuild" else self.lost()
        assert getattr(self.maintenance, how)() == len(mended)
        self.is_lost = self.is_lost and how != "rebuild"
        self.remind(*mended)

    @precondition(lambda self: self.reminders)
    @rule(seen=one_of_the(lambda self: self.history), is_lost=st.booleans())
    def lose_or_misplace_a_reminder(self, seen: Seen, is_lost: bool) -> None:
        reminder = self.reminders.get(seen.row.id)
        if is_lost and reminder is not None:
            self.world.cache.zrem(self.key(seen.row.id, reminder), self.entry(seen.row.id))
        if not is_lost:
            batch = self.link.batch()
            self.world.queues.release([seen.row], batch)
            batch.send()
        self.put_reminder(seen.row.id, None if is_lost else seen.place)


def as_an_executor_decides(job: ClaimedJob, outcome: Outcome) -> Outcome:
    return Failed(BOOM) if isinstance(outcome, Retry) and not job.has_attempts_left else outcome


@pytest.mark.timeout(120 + 5 * EXAMPLES)
def test_moves_in_any_order_do_what_the_rules_say(
    world: World, conn: psycopg.Connection[Any], database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # outages by the thousand

    run_machine(AnyOrder, EXAMPLES, STEPS, world=world, conn=conn, database=database)
