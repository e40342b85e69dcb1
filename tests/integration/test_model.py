"""Moves in any order, with losses of every kind between them, against the rules in ``model``."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chalicelib.announcer import Announcer
from chalicelib.attempt import StopReason
from chalicelib.chores import Chores
from chalicelib.errors import IllegalMove, StoreUnavailable
from chalicelib.fetcher import Fetched
from chalicelib.jobs import (
    LEASE,
    AttemptError,
    Cancelled,
    ClaimedJob,
    Completed,
    Failed,
    Job,
    JobStatus,
    Outcome,
    Postponed,
    Released,
    Retry,
)
from chalicelib.maintenance import Maintenance
from chalicelib.redis_link import WAKE_CHANNEL
from chalicelib.scheduler import Scheduler, Submission
from chalicelib.store.database import Database
from chalicelib.store.partitions import PartitionStore
from chalicelib.worker import Budget
from tests.integration.conftest import FOREVER, World
from tests.integration.lossy import Claim, Hands, Severable
from tests.integration.model import ModelJob, Reminder

T = TypeVar("T")

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "80"))
QUEUES = ("a", "b")
PLACES = ("ready", "delayed", "leased")
WORKERS = 3
STEPS = 100
MOST_UNFINISHED = 4
LATER = timedelta(hours=1)
TOO_SHORT = timedelta(seconds=1)  # for any of the jobs: an echo may take 30 s
BOOM = AttemptError(type="ValueError", message="boom")

submissions = st.builds(
    Submission,
    job_type=st.just("echo"),
    queue=st.sampled_from(QUEUES),
    priority=st.sampled_from([0, -100, 1, 100]),
    delay_seconds=st.sampled_from([0, LATER.total_seconds()]),
    max_attempts=st.integers(1, 3),
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


def one_of_the(choices: Callable[[AnyOrder], Sequence[T]]) -> st.SearchStrategy[T]:
    """Of what there is at that time."""
    return st.runner().flatmap(lambda machine: st.sampled_from(choices(machine)))


def a_job_that(fits: Callable[[ModelJob], bool]) -> st.SearchStrategy[int]:
    """Any, if there is none."""
    return one_of_the(lambda machine: machine.numbers(fits) or range(len(machine.ids)))


any_worker = one_of_the(lambda machine: machine.workers)
any_job = one_of_the(lambda machine: range(len(machine.ids)))


class Seen:
    """A row as it was read once, and where it said that the job belongs."""

    def __init__(self, row: Job, place: Reminder | None) -> None:
        self.row = row
        self.place = place

    def __repr__(self) -> str:
        return f"<job {self.row.id} at version {self.row.version}, {self.place}>"


class AnyOrder(RuleBasedStateMachine):
    """Every rule does one thing to the product and to the model; after every rule they must agree. Jobs are numbered."""

    world: World
    conn: psycopg.Connection[Any]
    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.conn.execute("DELETE FROM jobs")
        self.world.cache.flushall()
        self.link = Severable(self.world.cache)
        self.scheduler = Scheduler(
            registry=self.world.registry,
            store=self.world.store,
            queues=self.world.queues,
            announcer=Announcer(redis_link=self.link, stream=self.world.stream, store=self.world.store),
            workers=self.world.workers,
            waker=self.world.waker,
        )
        self.maintenance = Maintenance(
            store=self.world.store,
            partitions=PartitionStore(self.database),
            redis_link=self.world.link,
            queues=self.world.queues,
            chores=Chores(self.world.cache),
        )
        self.hired = 0
        self.workers: list[Hands] = [self.hire() for _ in range(WORKERS)]
        self.ids: list[UUID] = []
        self.model: dict[UUID, ModelJob] = {}
        self.reminders: dict[UUID, Reminder] = {}
        self.claims: list[Claim] = []
        self.history: list[Seen] = []
        self.last: dict[UUID, Job] = {}
        self.made: set[tuple[UUID, int]] = set()
        self.outer_error = sys.exception()

    def hire(self) -> Hands:
        self.hired += 1
        return Hands(f"w{self.hired}", self.world, self.link)

    # What clients do.

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
                priority=asked.priority,
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

    # What workers do.

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
        # Fetcher would give back what it is refused, had it lost the answer, while the worker runs it.
        hears = hears or self.would_be_refused_its_own(worker)
        worker.attempts.begin(hears=hears)
        fetched: Fetched | None = None
        with contextlib.suppress(StoreUnavailable):
            fetched = worker.fetcher.fetch(names, limit, fits)
        taken = [UUID(bytes=raw) for raw in worker.attempts.asked]
        self.expect_taken(taken, names, limit)
        claimed = self.claim_in_model(taken, worker, has_time=has_time)
        if fetched is None:
            worker.in_doubt = {job_id: self.model[job_id].attempt if job_id in claimed else None for job_id in taken}
            return
        assert [UUID(bytes=raw) for raws in fetched.taken.values() for raw in raws] == taken
        self.start(worker, fetched.jobs, claimed)
        if follows_up:
            misfits = worker.fetcher.follow_up(fetched, fits)
            self.expect_corrected([job_id for job_id in taken if job_id not in claimed], misfits, has_time=has_time)
            worker.fetcher.put_back(misfits)
            self.remind(*(job.id for job in misfits))

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
            self.remind(*(claim.job.id for claim, _ in ended))

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

    # What time, losses and repairs do.

    @precondition(lambda self: self.numbers(lambda job: job.waits_for_time))
    @rule(number=a_job_that(lambda job: job.waits_for_time), in_postgres=mostly, in_redis=mostly)
    def let_time_pass(self, number: int, in_postgres: bool, in_redis: bool) -> None:
        job_id = self.ids[number]
        if in_postgres:
            self.age_rows([job_id])
        reminder = self.reminders.get(job_id)
        if in_redis and reminder is not None and reminder.place != "ready":
            self.world.cache.zadd(self.key(job_id, reminder), {self.entry(job_id): 1})
            self.reminders[job_id] = Reminder(reminder.place, is_due=True)

    @precondition(lambda self: self.reminders)
    @rule(runs_maintenance=st.booleans())
    def flush(self, runs_maintenance: bool) -> None:
        self.world.cache.flushall()
        self.reminders.clear()
        if runs_maintenance:
            self.maintenance.run_once()
            self.remind(*self.unfinished())

    @precondition(lambda self: self.strayed())
    @rule(how=st.sampled_from(["rebuild", "sweep", "patrol"]))
    def mend(self, how: str) -> None:
        self.conn.execute("UPDATE jobs SET created_at = created_at - interval '6 seconds'")
        mended = self.unfinished() if how == "rebuild" else self.lost()
        assert getattr(self.maintenance, how)() == len(mended)
        self.remind(*mended)

    @precondition(lambda self: self.reminders)
    @rule(seen=one_of_the(lambda self: self.history), is_lost=st.booleans())
    def lose_or_misplace_a_reminder(self, seen: Seen, is_lost: bool) -> None:
        reminder = self.reminders.get(seen.row.id)
        if is_lost and reminder is not None:
            self.world.cache.zrem(self.key(seen.row.id, reminder), self.entry(seen.row.id))
        if not is_lost:
            batch = self.link.batch()
            self.world.queues.sync([seen.row], batch)
            batch.send()
        self.put_reminder(seen.row.id, None if is_lost else seen.place)

    # What must be so.

    @invariant()
    def rows_are_as_the_rules_say(self) -> None:
        if not self.model:
            return
        rows = self.world.store.find([*self.model])
        assert {row.id for row in rows} == {*self.model}
        for row in sorted(rows, key=lambda row: row.id):
            assert as_row(row) == as_expected(self.model[row.id])
            self.expect_no_step_back(row)

    @invariant()
    def reminders_are_where_the_rules_say(self) -> None:
        assert self.reminders_in_redis() == self.reminders

    def expect_no_step_back(self, row: Job) -> None:
        before = self.last.get(row.id)
        if before is not None:
            assert row.attempt >= before.attempt
            assert row.version >= before.version
            if row.version == before.version:
                assert unaged(row) == unaged(before)
        if row != before:
            self.history.append(Seen(row, self.model[row.id].place))
        self.last[row.id] = row

    def expect_taken(self, taken: Sequence[UUID], names: Sequence[str], limit: int) -> None:
        """The best of what is due, hidden from now on. What is due and was left may have moved up to ready."""
        now_in_redis = self.reminders_in_redis()
        ranks = [(names.index(self.model[job_id].queue), -self.model[job_id].priority) for job_id in taken]
        assert ranks == sorted(ranks)
        for name in names:
            due = {job_id for job_id in self.in_queue(name) if self.reminders[job_id].is_due}
            got = [job_id for job_id in taken if self.model[job_id].queue == name]
            assert {*got} <= due
            assert len(got) == len({*got}) == min(limit, len(due))
            limit -= len(got)
            for job_id in due - {*got}:
                self.expect_outranked(job_id, got)
                if now_in_redis[job_id].place == "ready":
                    self.reminders[job_id] = Reminder("ready", is_due=True)
        for job_id in taken:
            self.reminders[job_id] = Reminder("leased", is_due=False)

    def expect_outranked(self, left: UUID, taken: Sequence[UUID]) -> None:
        if self.reminders[left].place == "ready":
            for job_id in taken:
                assert self.model[job_id].priority >= self.model[left].priority

    def expect_corrected(self, refused: Sequence[UUID], misfits: Sequence[Job], *, has_time: bool) -> None:
        """Each was ended or put where its row says, or put aside: what lacks nothing but time."""
        put_aside = {job.id for job in misfits}
        fitting = [job_id for job_id in refused if job_id not in put_aside]
        for job_id in refused:
            self.model[job_id].bury()
        self.remind(*fitting)
        # Abandoned jobs are not put aside yet: the same worker finds them again.
        assert not any(self.model[job_id].may_be_claimed and not self.model[job_id].is_abandoned for job_id in fitting)
        assert put_aside <= {*refused}
        assert not put_aside or not has_time

    def expect_doubtful_given_back(self, worker: Hands) -> None:
        for job_id, attempt in worker.in_doubt.items():
            if attempt is not None:
                self.model[job_id].disown(attempt)
        self.remind(*worker.in_doubt)
        worker.in_doubt = {}

    def teardown(self) -> None:
        """Whatever happened: once everything is due and Redis knows of it, one plain worker brings it to its end."""
        if sys.exception() is self.outer_error:
            self.age_rows(self.model)
            self.maintenance.rebuild()
            self.run_a_worker()
            for job in self.model.values():
                if job.claim("w"):
                    job.settle(job.attempt, Completed(b"null"))
                job.bury()
                assert job.is_final
            self.rows_are_as_the_rules_say()
            assert not any(reminder.is_due for reminder in self.reminders_in_redis().values())
        for database in self.world._databases:
            database.close()

    def run_a_worker(self) -> None:
        worker = self.world.worker()
        # Its bell rings when it goes: it would listen to silence for 0.25 s.
        worker._keeper._say_goodbye = self.ring
        worker.run(Budget(timedelta(minutes=10), until_empty=True), timedelta(seconds=10))

    def ring(self) -> None:
        self.world.cache.publish(WAKE_CHANNEL, "")

    # How it is known.

    def numbers(self, fits: Callable[[ModelJob], bool]) -> list[int]:
        return [number for number, job_id in enumerate(self.ids) if fits(self.model[job_id])]

    def something_is_due(self) -> bool:
        return any(reminder.is_due for reminder in self.reminders.values())

    def something_is_in_doubt(self) -> bool:
        return any(worker.in_doubt for worker in self.workers)

    def certain(self) -> list[Hands]:
        return [worker for worker in self.workers if not worker.in_doubt]

    def would_be_refused_its_own(self, worker: Hands) -> bool:
        due = [self.model[job_id] for job_id, reminder in self.reminders.items() if reminder.is_due]
        return any(job.status is JobStatus.RUNNING and job.worker_id == worker.worker_id for job in due)

    def held(self) -> list[Claim]:
        """Attempts that their workers, alive, may still end as they like."""
        return [
            claim
            for claim in self.claims
            if claim.worker in self.workers and self.model[claim.job.id].is_held_as(claim.job.attempt)
        ]

    def unfinished(self) -> list[UUID]:
        return [job_id for job_id, job in self.model.items() if not job.is_final]

    def strayed(self) -> list[UUID]:
        return [job_id for job_id in self.unfinished() if self.reminders.get(job_id) != self.model[job_id].place]

    def lost(self) -> list[UUID]:
        return [job_id for job_id in self.unfinished() if job_id not in self.reminders]

    def in_queue(self, name: str) -> list[UUID]:
        return [job_id for job_id in self.reminders if self.model[job_id].queue == name]

    def remind(self, *ids: UUID) -> None:
        for job_id in ids:
            self.put_reminder(job_id, self.model[job_id].place)

    def put_reminder(self, job_id: UUID, place: Reminder | None) -> None:
        self.reminders.pop(job_id, None)
        if place is not None:
            self.reminders[job_id] = place

    def age_rows(self, ids: Iterable[UUID]) -> None:
        self.conn.execute(
            """
            UPDATE jobs
               SET run_at = least(run_at, now() - interval '1 hour'), lease_expires_at = lease_expires_at - interval '2 hours'
             WHERE id = ANY(%s) AND finished_at IS NULL
            """,
            [[*ids]],
        )
        for job_id in ids:
            self.model[job_id].let_time_pass()

    def key(self, job_id: UUID, reminder: Reminder) -> str:
        return f"{{q:{self.model[job_id].queue}}}:{reminder.place}"

    def entry(self, job_id: UUID) -> bytes:
        return bytes([100 - self.model[job_id].priority]) + job_id.bytes

    def reminders_in_redis(self) -> dict[UUID, Reminder]:
        """A job is in at most one set, in its own queue's."""
        seconds, micros = self.world.cache.time()
        now = seconds * 1000 + micros / 1000
        found: dict[UUID, Reminder] = {}
        with self.world.cache.pipeline(transaction=False) as commands:
            keys = [(queue, place) for queue in QUEUES for place in PLACES]
            for queue, place in keys:
                commands.zrange(f"{{q:{queue}}}:{place}", 0, -1, withscores=True)
            for (queue, place), entries in zip(keys, commands.execute(), strict=True):
                for entry, score in entries:
                    job_id = UUID(bytes=entry[1:])
                    assert job_id not in found
                    assert (self.model[job_id].queue, self.entry(job_id)) == (queue, entry)
                    found[job_id] = Reminder(place, is_due=place == "ready" or score <= now)
        return found


def as_an_executor_decides(job: ClaimedJob, outcome: Outcome) -> Outcome:
    return Failed(BOOM) if isinstance(outcome, Retry) and not job.has_attempts_left else outcome


def as_row(job: Job) -> dict[str, object]:
    now = datetime.now(UTC)
    return {
        "status": job.status,
        "version": job.version,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "failures": job.failures,
        "crashes": job.crashes,
        "errors": len(msgspec.json.decode(job.errors or b"")),
        "waits": job.waits,
        "lease_is_over": job.lease_expires_at is not None and job.lease_expires_at <= now,
        "is_asked_to_end": job.cancel_requested_at is not None,
        "worker_id": job.worker_id,
        "progress": job.progress and msgspec.json.decode(job.progress)["fraction"],
        "error": job.error,
        "result": job.result and bytes(job.result),
    }


def as_expected(job: ModelJob) -> dict[str, object]:
    return {
        "status": job.status,
        "version": job.version,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "failures": job.failures,
        "crashes": job.crashes,
        "errors": job.errors,
        "waits": not job.is_due,
        "lease_is_over": job.lease_is_over,
        "is_asked_to_end": job.is_asked_to_end,
        "worker_id": job.worker_id,
        "progress": job.progress,
        "error": job.error,
        "result": job.result,
    }


def unaged(row: Job) -> Job:
    """Without what a renewal or the passing of time changes."""
    epoch = datetime(2000, 1, 1, tzinfo=UTC)
    return msgspec.structs.replace(row, run_at=epoch, waits=False, created_at=epoch, lease_expires_at=None)


@pytest.mark.timeout(120 + 60 * EXAMPLES)  # a failure is made small before it is shown: that takes minutes
def test_moves_in_any_order_do_what_the_rules_say(
    world: World, conn: psycopg.Connection[Any], database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # outages by the thousand

    class Machine(AnyOrder):
        pass

    Machine.world, Machine.conn, Machine.database = world, conn, database

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            print_blob=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
