"""Unique submits among moves of every kind, one after the other and at once, against rules that are written down again here."""

from __future__ import annotations

import copy
import itertools
import os
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chalicelib.errors import UniqueConflict
from chalicelib.jobs import AttemptError, ClaimedJob, Completed, Failed, NewJob, Outcome, Retry, Settlement
from chalicelib.store.admissions import AdmissionStore
from chalicelib.uniqueness import OnConflict, Term, Uniqueness
from tests.integration.conftest import World, a_job, claim
from tests.integration.machines import run_machine

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "60"))
STEPS = 40
SEEDS = int(os.environ.get("MODEL_SEEDS", "8"))
TURNS = 60
AT_ONCE = 4
BOOM = AttemptError(type="ValueError", message="boom")
HOURS = timedelta(hours=1)


class Asked(msgspec.Struct, frozen=True):
    """A job of a submit. key None: it is like any other."""

    key: str | None
    term: Term
    how: OnConflict
    payload: int
    hours: int
    job_type: str

    def new_job(self) -> NewJob:
        said = Uniqueness(key=(self.key or "").encode(), term=self.term, seconds=3600, on_conflict=self.how)
        return a_job(
            job_type=self.job_type,
            payload=msgspec.Raw(b"%d" % self.payload),
            delay=self.hours * HOURS,
            unique=None if self.key is None else said,
        )


class ModelJob:
    """What a row should say."""

    def __init__(self, asked: Asked) -> None:
        self.status = "QUEUED"
        self.version = 1
        self.payload = asked.payload
        self.hours = asked.hours
        self.job_type = asked.job_type
        self.term = asked.term
        self.time_is_over = False

    def keeps_others_out(self) -> bool:
        match self.term:
            case Term.QUEUED:
                return self.status == "QUEUED"
            case Term.UNFINISHED:
                return self.status not in ("COMPLETED", "FAILED", "CANCELLED")
            case Term.TIME:
                return not self.time_is_over

    def move(self, status: str, hours: int | None = None) -> None:
        self.status = status
        self.version += 1
        self.hours = self.hours if hours is None else hours

    def change(self, asked: Asked) -> None:
        self.version += 1
        if asked.how != "replace_run_at":
            self.payload = asked.payload
        if asked.how != "replace_payload":
            self.hours = asked.hours

    def refuses(self, asked: Asked) -> bool:
        if asked.how == "return":
            return False
        return self.status != "QUEUED" or (asked.how != "replace_run_at" and asked.job_type != self.job_type)


Answer = list[UUID] | set[int] | bool  # ids, the places of conflicts, or whether a job has moved


class Model:
    """All rows, and who was the last to get each key."""

    def __init__(self) -> None:
        self.jobs: dict[UUID, ModelJob] = {}
        self.last: dict[str, UUID] = {}

    def submit(self, submit: Sequence[tuple[UUID, Asked]]) -> Answer:
        before = copy.deepcopy((self.jobs, self.last))
        spoken: dict[str, UUID] = {}
        conflicts, ids = set(), []
        for at, (job_id, asked) in enumerate(submit):
            holder = self.jobs.get(self.last[asked.key]) if asked.key in self.last else None
            if asked.key in spoken:
                ids.append(spoken[asked.key])
                continue
            if holder is not None and asked.key is not None and holder.keeps_others_out():
                ids.append(self.last[asked.key])
                if holder.refuses(asked):
                    conflicts.add(at)
                elif asked.how != "return":
                    holder.change(asked)
            else:
                ids.append(job_id)
                self.jobs[job_id] = ModelJob(asked)
            if asked.key is not None:
                self.last[asked.key] = spoken[asked.key] = ids[-1]
        if conflicts:
            self.jobs, self.last = before
            return conflicts
        return ids

    def claim(self, job_id: UUID) -> Answer:
        job = self.jobs[job_id]
        if job.status != "QUEUED" or job.hours > 0:
            return False
        job.move("RUNNING")
        return True

    def cancel(self, job_id: UUID) -> Answer:
        job = self.jobs[job_id]
        if job.status != "QUEUED":
            return False
        job.move("CANCELLED")
        return True


def admitted(store: AdmissionStore, jobs: Sequence[NewJob]) -> Answer:
    try:
        admission = store.insert(jobs)
    except UniqueConflict as conflict:
        return {int(path.removeprefix("$.jobs[").removesuffix("].unique")) for path, _ in conflict.faults}
    assert admission is not None
    new = [job.id for job, job_id in zip(jobs, admission.ids, strict=True) if job.id == job_id]
    assert [job.id for job in admission.new] == new
    return admission.ids


def expected(model: Model) -> dict[UUID, tuple[Any, ...]]:
    return {job_id: (job.status, job.version, job.payload, job.hours) for job_id, job in model.jobs.items()}


def rows_of(conn: psycopg.Connection[Any]) -> dict[UUID, tuple[Any, ...]]:
    now = datetime.now(UTC)
    found = conn.execute("SELECT id, status, version, payload::text, run_at FROM jobs").fetchall()
    return {
        job_id: (status, version, int(payload), max(0, round((run_at - now) / HOURS)))
        for job_id, status, version, payload, run_at in found
    }


# One after the other


asked = st.builds(
    Asked,
    key=st.sampled_from(["a", "a", "b", "c", None]),
    term=st.sampled_from(Term),
    how=st.sampled_from(OnConflict),
    payload=st.integers(0, 99),
    hours=st.sampled_from([0, 0, 5, 9]),
    job_type=st.sampled_from(["echo", "echo", "echo", "other"]),
)
submits = st.lists(asked, min_size=1, max_size=4)


def a_job_that_is(*statuses: str) -> st.SearchStrategy[UUID]:
    return st.runner().flatmap(lambda machine: st.sampled_from(machine.those(*statuses)))


class AnyOrder(RuleBasedStateMachine):
    world: World
    conn: psycopg.Connection[Any]
    store: AdmissionStore

    def __init__(self) -> None:
        super().__init__()
        self.conn.execute("DELETE FROM jobs")
        self.conn.execute("DELETE FROM unique_jobs")
        self.model = Model()
        self.claimed: dict[UUID, ClaimedJob] = {}

    def those(self, *statuses: str) -> list[UUID]:
        return [job_id for job_id, job in self.model.jobs.items() if job.status in statuses]

    @rule(submit=submits)
    def submit(self, submit: list[Asked]) -> None:
        jobs = [each.new_job() for each in submit]
        expected = self.model.submit([(job.id, each) for job, each in zip(jobs, submit, strict=True)])

        assert admitted(self.store, jobs) == expected

    def claims(self, job_id: UUID) -> bool:
        for job in claim(self.world.attempts, job_id):
            self.claimed[job_id] = job
            return True
        return False

    @precondition(lambda self: self.those("QUEUED"))
    @rule(job_id=a_job_that_is("QUEUED"))
    def claim(self, job_id: UUID) -> None:
        assert self.claims(job_id) == self.model.claim(job_id)

    @precondition(lambda self: self.those("QUEUED"))
    @rule(job_id=a_job_that_is("QUEUED"))
    def cancel(self, job_id: UUID) -> None:
        assert len(self.world.store.cancel([job_id])) == self.model.cancel(job_id)

    @precondition(lambda self: self.those("RUNNING"))
    @rule(
        job_id=a_job_that_is("RUNNING"),
        ending=st.sampled_from(
            [
                (Completed(b"1"), "COMPLETED"),
                (Failed(BOOM), "FAILED"),
                (Retry(BOOM, timedelta(0)), "QUEUED"),
                (Retry(BOOM, 5 * HOURS), "QUEUED"),
            ]
        ),
    )
    def settle(self, job_id: UUID, ending: tuple[Outcome, str]) -> None:
        outcome, status = ending
        if isinstance(outcome, Retry) and not self.claimed[job_id].has_attempts_left:
            outcome, status = Failed(BOOM), "FAILED"
        self.world.attempts.settle([Settlement(self.claimed[job_id], outcome)])
        self.model.jobs[job_id].move(status, round(outcome.delay / HOURS) if isinstance(outcome, Retry) else None)

    @precondition(lambda self: self.those("FAILED", "CANCELLED"))
    @rule(job_id=a_job_that_is("FAILED", "CANCELLED"))
    def revive(self, job_id: UUID) -> None:
        self.world.store.revive([job_id])
        self.model.jobs[job_id].move("QUEUED", 0)

    @precondition(lambda self: self.model.last)
    @rule(key=st.runner().flatmap(lambda machine: st.sampled_from(sorted(machine.model.last))))
    def let_time_pass(self, key: str) -> None:
        self.conn.execute(
            "UPDATE unique_jobs SET expires_at = now(), check_at = now() WHERE key = %s AND term = 'time'",
            [key.encode()],
        )
        if holder := self.model.jobs.get(self.model.last[key]):
            holder.time_is_over = True

    @rule(page=st.integers(1, 3))
    def prune(self, page: int) -> None:
        """Nobody can tell."""
        self.conn.execute("UPDATE unique_jobs SET check_at = now()")
        self.store.prune(page)

    @precondition(lambda self: self.model.jobs)
    @rule(job_id=st.runner().flatmap(lambda machine: st.sampled_from([*machine.model.jobs])))
    def forget(self, job_id: UUID) -> None:
        self.conn.execute("DELETE FROM jobs WHERE id = %s", [job_id])
        del self.model.jobs[job_id]

    @invariant()
    def rows_are_as_they_should_be(self) -> None:
        assert rows_of(self.conn) == expected(self.model)


@pytest.mark.timeout(120 + 5 * EXAMPLES)
def test_there_is_one_such_job_whatever_comes_between(world: World, conn: psycopg.Connection[Any]) -> None:
    run_machine(AnyOrder, EXAMPLES, STEPS, world=world, conn=conn, store=AdmissionStore(world.new_store()._database))


# At once


class Act(msgspec.Struct, frozen=True):
    """Something done, and what the rules say of it."""

    real: Callable[[], Answer]
    ideal: Callable[[Model], Answer]


class Crowd:
    """Some acts at once, again and again; after each time some order of them must explain the answers and the rows."""

    def __init__(self, world: World, conn: psycopg.Connection[Any], rng: random.Random) -> None:
        self._world = world
        self._conn = conn
        self._rng = rng
        self._stores = [AdmissionStore(world.new_store()._database) for _ in range(AT_ONCE)]
        self._pruner = AdmissionStore(world.new_store()._database)
        self._model = Model()

    def act(self, threads: ThreadPoolExecutor) -> None:
        acts = [self._submit(store) for store in self._rng.sample(self._stores, self._rng.randint(2, AT_ONCE))]
        waiting = [job_id for job_id, job in self._model.jobs.items() if job.status == "QUEUED"]
        if waiting:
            acts[-1] = self._move(self._rng.choice(waiting))
        if self._rng.random() < 0.5:
            self._conn.execute("UPDATE unique_jobs SET check_at = now()")
            acts.append(Act(lambda: self._pruner.prune(1) < 0, lambda model: False))
        answers = [each.result() for each in [threads.submit(act.real) for act in acts]]
        self._model = self._explained(acts, answers)

    def _submit(self, store: AdmissionStore) -> Act:
        asked = [self._asked() for _ in range(self._rng.randint(1, 4))]
        jobs = [each.new_job() for each in asked]
        named = [(job.id, each) for job, each in zip(jobs, asked, strict=True)]
        return Act(lambda: admitted(store, jobs), lambda model: model.submit(named))

    def _asked(self) -> Asked:
        """Whoever moves a job does not move it to now: to a claim that began a moment before, it is not due then."""
        rng = self._rng
        how = rng.choice([*OnConflict])
        return Asked(
            key=rng.choice("ab"),
            term=rng.choice([*Term]),
            how=how,
            payload=rng.randrange(100),
            hours=5 if how.changes_run_at else rng.choice([0, 0, 5]),
            job_type="echo",
        )

    def _move(self, job_id: UUID) -> Act:
        if self._rng.random() < 0.5:
            return Act(lambda: bool(claim(self._world.attempts, job_id)), lambda model: model.claim(job_id))
        return Act(lambda: bool(self._world.store.cancel([job_id])), lambda model: model.cancel(job_id))

    def _explained(self, acts: Sequence[Act], answers: Sequence[Answer]) -> Model:
        rows = rows_of(self._conn)
        for order in itertools.permutations(range(len(acts))):
            model = copy.deepcopy(self._model)
            if all(acts[place].ideal(model) == answers[place] for place in order) and expected(model) == rows:
                return model
        raise AssertionError(f"no order explains {answers}")


@pytest.mark.parametrize("seed", range(SEEDS))
def test_submits_and_moves_at_once_are_as_if_one_came_after_the_other(
    world: World, conn: psycopg.Connection[Any], seed: int
) -> None:
    crowd = Crowd(world, conn, random.Random(seed))

    with ThreadPoolExecutor(AT_ONCE + 1) as threads:
        for _ in range(TURNS):
            crowd.act(threads)
