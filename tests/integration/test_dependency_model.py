"""Jobs that wait for others, in any order and with any crash between a commit and the look at those that wait: the product, and a
model of the rules beside it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chalicelib.jobs import AttemptError, Failed, Settlement
from tests.integration.conftest import World, a_maintenance, claim
from tests.integration.machines import run_machine

EXAMPLES, STEPS = 40, 40
ENDED = {"COMPLETED", "FAILED", "CANCELLED"}
BOOM = AttemptError(type="ValueError", message="boom")


class ModelJob:
    def __init__(self, depends_on: Sequence[UUID], *, runs_anyway: bool) -> None:
        self.depends_on = [*dict.fromkeys(depends_on)]
        self.runs_anyway = runs_anyway
        self.status = "BLOCKED" if depends_on else "QUEUED"


class Model:
    """ever: which jobs named which, whatever became of that."""

    def __init__(self) -> None:
        self.jobs: dict[UUID, ModelJob] = {}
        self.ever: set[tuple[UUID, UUID]] = set()

    def add(self, job_id: UUID, depends_on: Sequence[UUID], *, runs_anyway: bool) -> None:
        self.jobs[job_id] = ModelJob(depends_on, runs_anyway=runs_anyway)
        self.ever |= {(other, job_id) for other in depends_on}

    def statuses(self, ids: Sequence[UUID]) -> list[str]:
        """Of those that are kept."""
        return [self.jobs[each].status for each in ids if each in self.jobs]

    def look_at(self, job_id: UUID) -> None:
        job = self.jobs.get(job_id)
        if job is None or job.status != "BLOCKED":
            return
        others = self.statuses(job.depends_on)
        if not job.runs_anyway and {"FAILED", "CANCELLED"} & {*others}:
            job.status = "FAILED"
            self.look_after(job_id)
        elif {*others} <= ENDED:
            job.status = "QUEUED"

    def look_after(self, ended: UUID) -> None:
        for other, waiting in sorted(self.ever):
            if other == ended:
                self.look_at(waiting)

    def look_everywhere(self) -> None:
        for job_id in [*self.jobs]:
            self.look_at(job_id)

    def revive(self, ids: Sequence[UUID]) -> None:
        badly = {each for each, job in self.jobs.items() if job.status in {"FAILED", "CANCELLED"}}
        for job_id in ids:
            job = self.jobs[job_id]
            job.depends_on = [each for each in job.depends_on if each not in badly or each in ids]
            job.status = "BLOCKED" if job.depends_on else "QUEUED"


class Asked(msgspec.Struct, frozen=True):
    """before: jobs there were before, by how far they are back; above: earlier ones of the same batch."""

    before: list[int]
    above: list[int]
    runs_anyway: bool


asked = st.builds(
    Asked,
    st.lists(st.integers(0, 5), max_size=2),
    st.lists(st.integers(0, 2), max_size=2),
    st.sampled_from([False, False, True]),
)


def some(*statuses: str) -> st.SearchStrategy[UUID]:
    return st.runner().flatmap(lambda machine: st.sampled_from(machine.those(*statuses)))


class AnyOrder(RuleBasedStateMachine):
    world: World
    conn: psycopg.Connection[Any]

    def __init__(self) -> None:
        super().__init__()
        self.conn.execute("DELETE FROM jobs")
        self.conn.execute("DELETE FROM job_dependents")
        self.model = Model()
        self.maintenance = a_maintenance(self.world.store._database, self.world.cache)

    def those(self, *statuses: str) -> list[UUID]:
        return [job_id for job_id, job in self.model.jobs.items() if job.status in statuses]

    @rule(batch=st.lists(asked, min_size=1, max_size=3))
    def submit(self, batch: list[Asked]) -> None:
        """Anywhere in it may be a job that depends on earlier ones."""
        there = [*reversed(self.model.jobs)]
        bodies, named = [], []
        for place, each in enumerate(batch):
            above = [at for at in each.above if at < place]
            before = [there[back] for back in each.before if back < len(there)]
            named.append((before, above))
            how = {"if_dependency_fails": "run"} if each.runs_anyway else {}
            bodies.append({"job_type": "echo", "depends_on": [*map(str, before), *above], **how})
        ids, _ = self.world.scheduler.submit_batch([msgspec.Raw(msgspec.json.encode(body)) for body in bodies])
        for job_id, each, (before, above) in zip(ids, batch, named, strict=True):
            self.model.add(job_id, [*before, *(ids[at] for at in above)], runs_anyway=each.runs_anyway)
        for job_id in ids:
            self.model.look_at(job_id)

    @precondition(lambda self: self.those("QUEUED"))
    @rule(job_id=some("QUEUED"), succeeds=st.booleans(), dies=st.booleans())
    def end(self, job_id: UUID, succeeds: bool, dies: bool) -> None:
        """dies: the worker, between the commit and the look."""
        claimed = claim(self.world.attempts, job_id)
        if succeeds:
            ended = self.world.attempts.complete(claimed, [b"1"]).awaited
        else:
            ended = [job.raw_id for job in self.world.attempts.settle([Settlement(claimed[0], Failed(BOOM))])]
        self.model.jobs[job_id].status = "COMPLETED" if succeeds else "FAILED"
        if not dies:
            self.let_go(ended)
            self.model.look_after(job_id)

    def let_go(self, ended: Sequence[bytes]) -> None:
        for _ in self.world.scheduler._dependencies.released_by(ended):
            pass

    @precondition(lambda self: self.those("QUEUED", "BLOCKED"))
    @rule(job_id=some("QUEUED", "BLOCKED"), dies=st.booleans())
    def cancel(self, job_id: UUID, dies: bool) -> None:
        (self.world.store.cancel if dies else self.world.scheduler.cancel_all)([job_id])
        self.model.jobs[job_id].status = "CANCELLED"
        if not dies:
            self.model.look_after(job_id)

    @precondition(lambda self: self.those("FAILED", "CANCELLED"))
    @rule(ids=st.lists(some("FAILED", "CANCELLED"), min_size=1, max_size=3, unique=True), dies=st.booleans())
    def revive(self, ids: list[UUID], dies: bool) -> None:
        (self.world.store.revive if dies else self.world.scheduler.revive_all)(ids)
        self.model.revive(ids)
        for job_id in [] if dies else sorted(ids):
            self.model.look_at(job_id)

    @rule(how=st.sampled_from(["sweep", "patrol"]))
    def maintain(self, how: str) -> None:
        self.conn.execute("UPDATE jobs SET created_at = created_at - interval '1 minute'")
        getattr(self.maintenance, how)()
        self.model.look_everywhere()

    @precondition(lambda self: self.those(*ENDED))
    @rule(job_id=some(*ENDED))
    def prune(self, job_id: UUID) -> None:
        self.conn.execute("DELETE FROM jobs WHERE id = %s", [job_id])
        self.conn.execute("DELETE FROM job_dependents WHERE job_id = %s", [job_id])
        del self.model.jobs[job_id]
        self.model.ever = {(other, waiting) for other, waiting in self.model.ever if other != job_id}

    @invariant()
    def rows_are_as_they_should_be(self) -> None:
        rows = self.conn.execute("SELECT id, status, depends_on FROM jobs").fetchall()
        assert {job_id: (status, depends_on or []) for job_id, status, depends_on in rows} == {
            job_id: (job.status, job.depends_on) for job_id, job in self.model.jobs.items()
        }

    def teardown(self) -> None:
        """Whatever happened, all comes to an end."""
        self.maintain("patrol")
        for _ in itertools.takewhile(lambda _: self.those("QUEUED"), itertools.count()):
            self.end(self.those("QUEUED")[0], succeeds=True, dies=False)
        assert self.those("BLOCKED", "QUEUED") == []
        self.rows_are_as_they_should_be()


@pytest.mark.timeout(120 + 5 * EXAMPLES)
def test_no_job_goes_too_soon_or_waits_for_ever(world: World, conn: psycopg.Connection[Any]) -> None:
    run_machine(AnyOrder, EXAMPLES, STEPS, world=world, conn=conn)
