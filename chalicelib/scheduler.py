"""Submit, read, cancel, revive and move jobs: what the API, and for schedules ``firing`` and ``timetable``, call."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from chalicelib.announcer import Announcer
from chalicelib.callers import Deed
from chalicelib.errors import (
    IdempotencyConflict,
    IllegalMove,
    QueueUnavailable,
    StoreUnavailable,
    UniqueConflict,
    UnknownDependency,
    WorkerUnreachable,
)
from chalicelib.handlers.registry import Registry
from chalicelib.jobs import Job, JobStatus, NewJob, Terms
from chalicelib.queues import Queues
from chalicelib.redis_link import Batch
from chalicelib.store.admissions import Admission, AdmissionStore
from chalicelib.store.dependencies import DependencyStore, with_dependents
from chalicelib.store.jobs import JobStore, Once
from chalicelib.submissions import Submission, new_job, new_jobs
from chalicelib.waker import Waker
from chalicelib.workers import Workers

logger = logging.getLogger(__name__)

UNKNOWN = -1  # how many workers live, when Redis is away


class Scheduler:
    """Jobs, from the outside."""

    def __init__(
        self,
        *,
        registry: Registry,
        store: JobStore,
        dependencies: DependencyStore,
        admissions: AdmissionStore,
        queues: Queues,
        announcer: Announcer,
        workers: Workers,
        waker: Waker,
    ) -> None:
        self._registry = registry
        self._store = store
        self._dependencies = dependencies
        self._admissions = admissions
        self._queues = queues
        self._announcer = announcer
        self._workers = workers
        self._waker = waker

    def submit(self, submissions: Sequence[Submission], deed: Deed | None = None) -> list[Job]:
        """Persist, then enqueue. Returns the new jobs: not those that were there already, where some are unique.

        Raises InvalidInput, TooLarge, UniqueConflict or StoreUnavailable, and then nothing was written.

        If we die between the two, or Redis is away, the jobs are safe in Postgres and ``Maintenance.sweep`` enqueues them;
        the other order could run a job that was never recorded.
        """
        return self._insert([new_job(self._registry, submission) for submission in submissions], deed, None).new

    def submit_once(
        self, submission: Submission, once: Once | None = None, deed: Deed | None = None
    ) -> tuple[Job, bool]:
        """The same where there may be such a job: the client asked before (``once``), or it is to be unique. Returns the job,
        and whether it is new.

        Raises IdempotencyConflict, UniqueConflict and UnknownDependency too.
        """
        try:
            admission = self._insert([new_job(self._registry, submission)], deed, once)
        except (UniqueConflict, UnknownDependency) as refusal:
            raise refusal.of_one() from None
        for job in (*admission.new, *admission.replaced):
            return self._after_release(job), bool(admission.new)
        return self.get(admission.ids[0]), False

    def submit_batch(
        self, submissions: Sequence[msgspec.Raw], deed: Deed | None = None, once: Once | None = None
    ) -> tuple[list[UUID], bool]:
        """Many, all or none. Returns their ids, in the order given, and whether any is new.

        Raises InvalidBatch with the place of every fault; else as ``submit_once``.
        """
        admission = self._insert(new_jobs(self._registry, submissions), deed, once)
        return admission.ids, bool(admission.new)

    def copy(self, job_id: UUID, deed: Deed | None = None) -> Job:
        """Submit again what a job was submitted with, but its time. Raises JobNotFound or StoreUnavailable."""
        new_id = uuid7()
        job = self._store.copy(job_id, new_id, deed and deed.naming(ids=[new_id]))
        self.enqueue([job])
        return job

    def cancel(self, job_id: UUID, deed: Deed | None = None) -> Job:
        """End a job that waits; ask a running one to end. Raises JobNotFound, IllegalMove or StoreUnavailable."""
        moved = self.cancel_all([job_id], deed)
        return moved[0] if moved else self._asked_before(job_id)

    def cancel_all(
        self,
        ids: Sequence[UUID],
        deed: Deed | None = None,
        only: JobStatus | None = None,
        *,
        waiting_in: str | None = None,
    ) -> list[Job]:
        """The same for those that allow it. only: that have this status still. waiting_in: that wait in this queue
        still. Raises StoreUnavailable.
        """
        moved = self._store.cancel(ids, deed, only, waiting_in=waiting_in)
        batch = self._announcer.batch()
        self._queues.sync(moved, batch)
        self._workers.nudge([job for job in moved if job.status is JobStatus.RUNNING], batch)
        self._tell(batch, moved)
        self._follow(moved)
        return moved

    def revive(self, job_id: UUID, deed: Deed | None = None) -> Job:
        """Put a failed or cancelled job back. Raises JobNotFound, IllegalMove or StoreUnavailable."""
        revived = self.revive_all([job_id], deed)
        if not revived:
            raise IllegalMove(job_id, "revive", self.get(job_id).status)
        return self._after_release(revived[0])

    def revive_all(
        self, ids: Sequence[UUID], deed: Deed | None = None, only: JobStatus | None = None, *, has_more: bool = False
    ) -> list[Job]:
        """As ``cancel_all``. has_more: others will be put back as well, among them perhaps what these depend on: so they wait for
        all that has not completed, and those for which that ended badly are left to ``Maintenance``."""
        revived = self._store.revive(ids, deed, only, lets_go=not has_more)
        if revived:
            self.enqueue(revived)
        self._let_go(revived, fails=not has_more)
        return revived

    def move_all(
        self, ids: Sequence[UUID], to: str, out_of: str | None = None, only: JobStatus | None = None
    ) -> list[Job]:
        """Put what waits into another queue. out_of, only: what is in this queue, and has this status still.

        It enters the new queue before it leaves the old one. If we die before both, the patrol finds that the new one lacks it;
        what stays behind in the old one costs the worker that takes it one look. Raises StoreUnavailable.
        """
        moved = self._store.move(ids, to, out_of, only)
        if moved:
            self.enqueue([job for _, job in moved], left=moved)
        return [job for _, job in moved]

    def get(self, job_id: UUID) -> Job:
        """Raises JobNotFound."""
        return self._store.get(job_id)

    def standing(self, ids: Sequence[UUID]) -> list[Job]:
        """Where they stand, those that exist."""
        return self._store.standing(ids)

    def _insert(self, jobs: Sequence[NewJob], deed: Deed | None, once: Once | None) -> Admission:
        admission = self._admitted(jobs, deed, once)
        if admission is None:
            return Admission(self._submitted_before(once), [], [])
        if admission.new or admission.replaced:
            self.enqueue([*admission.new, *admission.replaced])
        self._let_go(admission.new)
        return admission

    def _admitted(self, jobs: Sequence[NewJob], deed: Deed | None, once: Once | None) -> Admission | None:
        """None where ``once`` was used before."""
        if any(job.unique or job.depends_on for job in jobs):
            return self._admissions.insert(jobs, deed, once)
        ids = [job.id for job in jobs]
        inserted = self._store.insert(jobs, deed and deed.naming(ids=ids), once)
        return Admission(ids, inserted, []) if inserted else None

    def _submitted_before(self, once: Once | None) -> list[UUID]:
        before = self._store.find_submitted(once.key) if once else None
        if once is None or before is None or before.fingerprint != once.fingerprint:
            raise IdempotencyConflict
        return before.job_ids

    def prepared(self, submission: Submission) -> tuple[NewJob, Terms]:
        """Checked as for ``submit``, and the terms on which it would run now; not written. Raises InvalidInput or TooLarge."""
        job = new_job(self._registry, submission)
        return job, self._store.terms(job)

    def enqueue(self, jobs: Sequence[Job], left: Iterable[tuple[str, Job]] = ()) -> None:
        """What is persisted, by us or by somebody else. left: queues, and jobs that are not in them any more."""
        batch = self._announcer.batch()
        self._queues.sync(jobs, batch)
        self._queues.leave(left, batch)
        self._workers.count(batch)
        *_, living = self._tell(batch, jobs) or [UNKNOWN]
        if living == 0:
            self._wake()

    def _let_go(self, moved: Sequence[Job], *, fails: bool = True) -> None:
        """Those that are BLOCKED now: what they wait for may have ended while they were written."""
        blocked = [job.id for job in moved if job.status is JobStatus.BLOCKED]
        self._enqueue_each(self._dependencies.released(blocked, fails=fails))

    def _follow(self, moved: Sequence[Job]) -> None:
        """Where some of these have ended, others may have waited for it."""
        self._enqueue_each(self._dependencies.released_by(with_dependents(moved)))

    def _enqueue_each(self, pages: Iterable[Sequence[Job]]) -> None:
        """What was asked for is done by now: where Postgres leaves us here, ``Maintenance`` finds the rest."""
        try:
            for released in pages:
                self.enqueue(released)
        except StoreUnavailable as error:
            logger.warning("jobs that wait for others have to wait for maintenance", extra={"reason": str(error)})

    def _after_release(self, job: Job) -> Job:
        """As it is once it was let go, or not."""
        return self.get(job.id) if job.status is JobStatus.BLOCKED else job

    def remind(self, jobs: Sequence[Job]) -> None:
        """As ``enqueue``, where a worker runs beside: no function is woken. What still runs was asked to end."""
        batch = self._announcer.batch()
        self._queues.sync(jobs, batch)
        self._workers.nudge([job for job in jobs if job.status is JobStatus.RUNNING], batch)
        self._tell(batch, jobs)
        self._follow(jobs)

    def _asked_before(self, job_id: UUID) -> Job:
        """Asking a running job twice is no mistake."""
        job = self.get(job_id)
        if job.status is not JobStatus.RUNNING:
            raise IllegalMove(job_id, "cancel", job.status)
        return job

    def _tell(self, batch: Batch, jobs: Sequence[Job]) -> list[Any]:
        """The batch's answers; none when Redis is away."""
        try:
            return self._announcer.send_known(batch, jobs)
        except QueueUnavailable as error:
            logger.warning("moved, but nobody could be told", extra={"reason": str(error)})
            return []

    def _wake(self) -> None:
        try:
            self._waker.wake()
        except (QueueUnavailable, WorkerUnreachable) as error:
            logger.warning("no worker could be woken", extra={"reason": str(error)})
