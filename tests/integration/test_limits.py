"""Limits, rates and turns of queues under everything that may happen to them, against the promises in ``limits_model``."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import psycopg
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from chalicelib.errors import IllegalMove, StoreUnavailable
from chalicelib.fetcher import Fetched
from chalicelib.jobs import LEASE, AttemptError, Completed, Failed, JobStatus, Outcome, Postponed, Released, Retry
from chalicelib.members import raw_id_of
from chalicelib.queue_settings import QueueChange, Rate
from chalicelib.redis_link import Batch
from chalicelib.store.database import Database
from chalicelib.submissions import Submission
from chalicelib.throttle import throttle_of
from chalicelib.turns import turns_of
from tests.integration.conftest import FOREVER, World
from tests.integration.limits_model import PLAIN, Limits, Pace, expect_turns
from tests.integration.limits_scene import KEYS, QUEUES, WORKERS, LimitsScene, Shelf
from tests.integration.lossy import Claim, Hands
from tests.integration.machines import run_machine
from tests.integration.model import ModelJob

T = TypeVar("T")

EXAMPLES = int(os.environ.get("LIMITS_EXAMPLES", "20"))
STEPS = 60
MOST_UNFINISHED = 16
BOOM = AttemptError(type="ValueError", message="boom")
PARTIES = PLAIN, *KEYS
LOSSES = "all", "ready", "delayed", "leased", "lines", "slots", "turns", "parked", "copy", "mark", "pace", "names"
SKEW = 19.0  # seconds between both clocks, less than a lease

# All sums of these stay seconds away from a lease, a delay, and a rate's interval, so that real milliseconds change nothing.
periods = st.sampled_from([8.0, 71.0, 71.0, 4_000.0])
submissions = st.builds(
    Submission,
    job_type=st.just("echo"),
    queue=st.sampled_from(QUEUES),
    concurrency_key=st.sampled_from([None, *KEYS]),
    priority=st.sampled_from([0, 0, 0, 1, -100]),
    delay_seconds=st.sampled_from([0, 0, 0, 60]),
    max_attempts=st.integers(1, 3),
    timeout_seconds=st.just(2.0),
)
delays = st.sampled_from([timedelta(0), timedelta(minutes=1)])
outcomes = st.one_of(
    st.just(Completed(b"1")),
    st.builds(Retry, st.just(BOOM), delays),
    st.just(Failed(BOOM)),
    st.builds(Postponed, delays),
    st.just(Released()),
)
rates = st.sampled_from([None, None, Rate(jobs=6, per_seconds=60, burst=3), Rate(jobs=1, per_seconds=60)])
slots = st.sampled_from([None, None, 0, 1, 2, 3])
changes = st.one_of(
    st.builds(QueueChange, max_running=slots),
    st.builds(QueueChange, max_running_per_key=slots),
    st.builds(QueueChange, rate_limit=rates),
    st.builds(QueueChange, rate_limit_per_key=rates),
    st.builds(QueueChange, paused=st.sampled_from([False, False, True])),
    st.builds(QueueChange, max_running=slots, max_running_per_key=slots, rate_limit=rates, rate_limit_per_key=rates),
)
mostly = st.sampled_from([True] * 7 + [False])
looks = st.dictionaries(st.sampled_from(QUEUES), st.sampled_from([1, 2, 3, 4, 20]), min_size=1)


def one_of_the(choices: Callable[[LimitsScene], Sequence[T]]) -> st.SearchStrategy[T]:
    """Of what there is at that time."""
    return st.runner().flatmap(lambda machine: st.sampled_from(choices(machine)))


any_worker = one_of_the(lambda machine: machine.workers)
any_job = one_of_the(lambda machine: [*machine.model])


class AnyLimits(LimitsScene):
    """Every rule does one thing to the product, and tells the promises what it was."""

    @initialize(changes=st.fixed_dictionaries(dict.fromkeys(QUEUES, changes)))
    def begin(self, changes: dict[str, QueueChange]) -> None:
        for name, change in changes.items():
            self.change(name, change)

    @precondition(lambda self: len(self.unfinished()) < MOST_UNFINISHED)
    @rule(submissions=st.lists(submissions, min_size=1, max_size=8), reaches_redis=mostly)
    def submit(self, submissions: list[Submission], reaches_redis: bool) -> None:
        self.link.is_severed = not reaches_redis
        self.submit_all(submissions)
        self.link.is_severed = False
        self.has_strays = self.has_strays or not reaches_redis

    def submit_all(self, submissions: Sequence[Submission]) -> None:
        for job, asked in zip(self.scheduler.submit(submissions), submissions, strict=True):
            self.model[job.id] = ModelJob(
                queue=asked.queue,
                priority=asked.priority or 0,
                max_attempts=asked.max_attempts or 0,
                is_due=not asked.delay_seconds,
            )

    # Looks

    @precondition(lambda self: self.unfinished())
    @rule(worker=any_worker, shares=looks)
    def fetch(self, worker: Hands, shares: dict[str, int]) -> None:
        self.look(worker, shares, hears=True, follows_up=True)

    @precondition(lambda self: self.unfinished())
    @rule(worker=any_worker, size=st.integers(1, 5))
    def fetch_of_all(self, worker: Hands, size: int) -> None:
        self.look(worker, dict.fromkeys(QUEUES, size), hears=True, follows_up=True)

    @precondition(lambda self: self.unfinished())
    @rule(worker=any_worker, shares=looks, hears=st.booleans(), follows_up=st.booleans())
    def fetch_with_troubles(self, worker: Hands, shares: dict[str, int], hears: bool, follows_up: bool) -> None:
        self.look(worker, shares, hears=hears, follows_up=follows_up)

    @precondition(lambda self: self.unfinished())
    @rule(worker=any_worker, shares=looks)
    def work(self, worker: Hands, shares: dict[str, int]) -> None:
        """Fetch, and end everything that is held."""
        self.look(worker, shares, hears=True, follows_up=True)
        for claim in [claim for claim in self.held() if claim.worker is worker]:
            self.settle_one(claim, Completed(b"1"), reaches_redis=True)

    def look(self, worker: Hands, shares: Mapping[str, int], *, hears: bool, follows_up: bool) -> None:
        self.give_back_doubtful(worker)
        # Not here: a fetcher that lost the answer also gives back what it was refused because its own worker runs it.
        worker.attempts.begin(hears=hears or self.is_known_as_a_worker_of_its_own(worker))
        shelves = {name: Shelf(self.world.cache, name) for name in shares}
        least = {name: self.least(shelf, shares[name]) for name, shelf in shelves.items()}
        rows = {name: self.running_rows(name) for name in shares}
        asked_at = self.clock()
        fetched = self.ask(worker, shares)
        if self.is_lost:
            assert fetched is not None
            assert (fetched.is_lost, fetched.jobs) == (True, [])
            return
        taken = self.taken_by(worker, fetched, shelves)
        for name, shelf in shelves.items():
            self.expect_limits_kept(shelf, taken[name], shares[name], asked_at)
            self.expect_no_idling(shelf, least[name], taken[name])
        claimed = self.claim_in_model([UUID(bytes=raw_id_of(each)) for some in taken.values() for each in some], worker)
        for name, before in rows.items():
            self.expect_rows_within_limits(name, before)
        if fetched is None:
            worker.in_doubt = claimed
            return
        assert {job.id for job in fetched.jobs} == {*claimed} - {None}
        self.start(worker, fetched.jobs)
        if follows_up:
            self.follow_up(worker, fetched, taken)

    def ask(self, worker: Hands, shares: Mapping[str, int]) -> Fetched | None:
        try:
            return worker.fetcher.fetch(shares, FOREVER)
        except StoreUnavailable:
            return None

    def taken_by(
        self, worker: Hands, fetched: Fetched | None, shelves: Mapping[str, Shelf]
    ) -> dict[str, Sequence[bytes]]:
        """Where the answer was lost: in the order in which they were claimed."""
        if fetched is not None:
            return {name: fetched.looks[name].members for name in shelves}
        known = {raw_id_of(entry): (name, entry) for name, shelf in shelves.items() for entry in shelf.waiting()}
        found = [known[raw] for raw in worker.attempts.asked]
        return {name: [entry for queue, entry in found if queue == name] for name in shelves}

    def claim_in_model(self, ids: Sequence[UUID], worker: Hands) -> dict[UUID, int | None]:
        """By job, the attempt that it made."""
        return {job_id: self.model[job_id].attempt for job_id in ids if self.model[job_id].claim(worker.worker_id)}

    def give_back_doubtful(self, worker: Hands) -> None:
        worker.fetcher._give_back_doubtful()
        for job_id, attempt in worker.in_doubt.items():
            if attempt is not None:
                self.model[job_id].disown(attempt)
        worker.in_doubt = {}

    def is_known_as_a_worker_of_its_own(self, worker: Hands) -> bool:
        return any(row.worker_id == worker.worker_id and row.status is JobStatus.RUNNING for row in self.rows.values())

    def follow_up(self, worker: Hands, fetched: Fetched, taken: Mapping[str, Sequence[bytes]]) -> None:
        assert worker.fetcher.follow_up(fetched, FOREVER) == []
        started = {job.id for job in fetched.jobs}
        for entry in [entry for entries in taken.values() for entry in entries]:
            job_id = UUID(bytes=raw_id_of(entry))
            if job_id not in started:
                self.model[job_id].bury()

    @precondition(lambda self: self.unfinished() and not self.is_lost)
    @rule(shares=looks)
    def take_and_die(self, shares: dict[str, int]) -> None:
        """Before the claim."""
        shelves = {name: Shelf(self.world.cache, name) for name in shares}
        least = {name: self.least(shelf, shares[name]) for name, shelf in shelves.items()}
        asked_at = self.clock()
        seen = self.world.queues.take(shares, LEASE).looks
        for name, shelf in shelves.items():
            self.expect_limits_kept(shelf, seen[name].members, shares[name], asked_at)
            self.expect_no_idling(shelf, least[name], seen[name].members)

    # What becomes of attempts

    @precondition(lambda self: self.claims)
    @rule(claim=one_of_the(lambda self: self.held() or self.claims), outcome=outcomes, reaches_redis=mostly)
    def settle(self, claim: Claim, outcome: Outcome, reaches_redis: bool) -> None:
        self.settle_one(claim, outcome, reaches_redis=reaches_redis)

    def settle_one(self, claim: Claim, outcome: Outcome, *, reaches_redis: bool) -> None:
        if isinstance(outcome, Retry) and not claim.job.has_attempts_left:
            outcome = Failed(BOOM)
        claim.worker.attempts.begin(hears=True)
        self.link.is_severed = not reaches_redis
        claim.worker.settle([(claim, outcome)])
        self.link.is_severed = False
        self.model[claim.job.id].settle(claim.job.attempt, outcome)

    @precondition(lambda self: self.claims)
    @rule(
        claim=one_of_the(lambda self: self.held() or self.claims),
        what=st.sampled_from(["renew", "hold", "late", "die"]),
    )
    def go_on(self, claim: Claim, what: str) -> None:
        match what:
            case "renew":
                self.renew(claim.worker)
            case "hold":
                self.hold_once_more(claim)
            case "late":
                self.settle_one(self.claims[0], Postponed(timedelta(0)), reaches_redis=True)
            case _ if claim.worker in self.workers:
                self.workers[self.workers.index(claim.worker)] = self.hire()

    def renew(self, worker: Hands) -> None:
        """A worker that was away for longer than its leases gets back what nobody has taken meanwhile, limits or not: it runs."""
        held = worker.hand.held()
        for attempt in held:
            attempt.held_since = float("-inf")
        worker.keep()
        for attempt in held:
            if attempt.job_id in self.model:
                self.model[attempt.job_id].renew(attempt.attempt)

    def hold_once_more(self, claim: Claim) -> None:
        """As a renewal does that Redis hears late."""
        row = self.rows[claim.job.id]
        if row.lease_expires_at is not None and self.runs(row):
            batch = Batch(self.world.cache)
            self.world.queues.hold([claim.job], row.lease_expires_at, batch)
            batch.send()

    # What people do

    @precondition(lambda self: self.model)
    @rule(move=st.sampled_from(["cancel", "revive"]), job_id=any_job, reaches_redis=mostly)
    def move(self, move: str, job_id: UUID, reaches_redis: bool) -> None:
        self.link.is_severed = not reaches_redis
        try:
            getattr(self.scheduler, move)(job_id)
            assert getattr(self.model[job_id], move)()
        except IllegalMove:
            assert not getattr(self.model[job_id], move)()
        self.link.is_severed = False
        self.has_strays = self.has_strays or not reaches_redis

    @rule(name=st.sampled_from(QUEUES), change=changes)
    def change(self, name: str, change: QueueChange) -> None:
        now = self.flow.change(name, change)
        queue, given = self.queues[name], change.given()
        queue.limits = Limits(now.paused, now.max_running, now.max_running_per_key)
        if "rate_limit" in given:
            queue.pace = a_pace(now.rate_limit)
        if "rate_limit_per_key" in given:
            rate = now.rate_limit_per_key
            queue.paces = {key: pace for key in KEYS if (pace := a_pace(rate)) is not None}

    # Time

    @rule(seconds=periods, maintains=mostly)
    def let_time_pass(self, seconds: float, maintains: bool) -> None:
        self.age_redis(seconds)
        self.age_rows(seconds)
        if self.clock_ahead:
            self.notice_unaware()
        if maintains and self.has_strays:
            self.maintain()

    @rule(whose=st.sampled_from(["redis", "postgres"]))
    def let_one_clock_run_ahead(self, whose: str) -> None:
        """Or, where one does, let the other follow."""
        if self.clock_ahead:
            whose = {"redis": "postgres", "postgres": "redis"}[self.clock_ahead]
        self.clock_ahead = "" if self.clock_ahead else whose
        if whose == "redis":
            self.age_redis(SKEW)
        else:
            self.age_rows(SKEW)
        self.notice_unaware()

    # Losses

    @rule(name=st.sampled_from(QUEUES), which=st.sampled_from(LOSSES), maintains=mostly)
    def lose(self, name: str, which: str, maintains: bool) -> None:
        if which == "all":
            self.flush()
        else:
            self.world.cache.delete(key_named(name, which))
        if which == "pace":
            self.lose_paces(name)
        if which in ("leased", "slots"):
            self.troubled_at = self.passed
        self.has_phantoms = which == "leased" or (self.has_phantoms and which != "all")
        self.has_strays = True
        self.notice_unaware()
        if maintains:
            self.maintain()

    def flush(self) -> None:
        self.world.cache.flushall()
        self.lose_paces(*QUEUES)
        self.is_lost = True

    def lose_paces(self, *names: str) -> None:
        for name in names:
            for pace in self.queues[name].all_paces():
                pace.forget()

    # Turns

    @precondition(lambda self: not self.is_lost and not self.has_strays)
    @rule(
        parties=st.dictionaries(st.sampled_from(PARTIES), st.integers(1, 4), min_size=2),
        late=st.sampled_from(PARTIES),
        after=st.integers(1, 4),
    )
    def everybody_gets_a_turn(self, parties: dict[str, int], late: str, after: int) -> None:
        """In a queue without limits workers take one job at a time, by turns, and somebody submits one more meanwhile."""
        self.open_queue("turns")
        self.submit_all([a_submission("turns", party) for party, count in parties.items() for _ in range(count)])
        served, left, always = Counter[str](), Counter(parties), {*parties}
        for number in range(sum(parties.values()) + 1):
            if number == min(after, sum(parties.values())):
                self.submit_all([a_submission("turns", late)])
                left[late] += 1
            claim = self.ask_for_one(self.workers[number % WORKERS], "turns")
            party = claim.job.concurrency_key or PLAIN
            served[party] += 1
            left[party] -= 1
            always &= {*+left}
            expect_turns(served, always)
            self.settle_one(claim, Completed(b"1"), reaches_redis=True)

    def ask_for_one(self, worker: Hands, name: str) -> Claim:
        self.give_back_doubtful(worker)
        worker.attempts.begin(hears=True)
        fetched = worker.fetcher.fetch({name: 1}, FOREVER)
        self.claim_in_model([job.id for job in fetched.jobs], worker)
        (claim,) = self.start(worker, fetched.jobs)
        return claim


def a_pace(rate: Rate | None) -> Pace | None:
    return None if rate is None else Pace(jobs=rate.jobs, per_seconds=rate.per_seconds, burst=rate.at_once)


def a_submission(queue: str, party: str) -> Submission:
    return Submission(job_type="echo", queue=queue, concurrency_key=party or None, max_attempts=3, timeout_seconds=2.0)


def key_named(name: str, which: str) -> str:
    slots_etc = dict(zip(("lines", "slots", "turns", "parked"), turns_of(name), strict=True))
    copy_etc = dict(zip(("copy", "mark", "pace"), throttle_of(name), strict=True))
    return {**slots_etc, **copy_etc, "names": "queues"}.get(which) or f"{{q:{name}}}:{which}"


@pytest.mark.timeout(120 + 5 * EXAMPLES)
def test_whatever_happens_limits_hold_and_nothing_is_stuck(
    world: World, conn: psycopg.Connection[object], database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)  # outages by the thousand

    run_machine(AnyLimits, EXAMPLES, STEPS, world=world, conn=conn, database=database)
