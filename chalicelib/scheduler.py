"""Submit, read, cancel and revive jobs: what the API and later the schedules call."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from chalicelib.announcer import Announcer
from chalicelib.backoff import Backoff
from chalicelib.errors import IllegalMove, InvalidInput, QueueUnavailable, TooLarge, WorkerUnreachable
from chalicelib.handlers.registry import Registry
from chalicelib.jobs import DEFAULT_QUEUE, Job, JobStatus, NewJob
from chalicelib.queues import Queues
from chalicelib.redis_link import Batch
from chalicelib.store.jobs import JobFilter, JobStore
from chalicelib.waker import Waker
from chalicelib.workers import Workers

logger = logging.getLogger(__name__)

PAYLOAD_BYTES = 256 * 1024
TAG_BYTES = 4 * 1024  # all of a job's


Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*\Z")]
Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
UNKNOWN = -1  # how many workers live, when Redis is away
LONGEST_DELAY = 366 * 24 * 3600
LONGEST_RUN = 24 * 3600


class Submission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client asks for. None: the job type's own default. run_at wins over delay_seconds."""

    job_type: str
    payload: msgspec.Raw = msgspec.Raw(b"null")
    queue: Name = DEFAULT_QUEUE
    priority: Annotated[int, msgspec.Meta(ge=-100, le=100)] = 0
    run_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    delay_seconds: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_DELAY)] = 0
    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_RUN)] | None = None
    tags: Annotated[list[Tag], msgspec.Meta(max_length=50)] = []
    backoff: Backoff | None = None


class Scheduler:
    """Jobs, from the outside."""

    def __init__(
        self,
        *,
        registry: Registry,
        store: JobStore,
        queues: Queues,
        announcer: Announcer,
        workers: Workers,
        waker: Waker,
    ) -> None:
        self._registry = registry
        self._store = store
        self._queues = queues
        self._announcer = announcer
        self._workers = workers
        self._waker = waker

    def submit(self, submissions: Sequence[Submission]) -> list[Job]:
        """Persist, then enqueue. Raises InvalidInput, TooLarge or StoreUnavailable, and then nothing was written.

        If we die between the two, or Redis is away, the jobs are safe in Postgres and ``Maintenance.sweep`` enqueues them;
        the other order could run a job that was never recorded.
        """
        jobs = self._store.insert([self._new_job(submission) for submission in submissions])
        self._enqueue(jobs)
        return jobs

    def cancel(self, job_id: UUID) -> Job:
        """End a job that waits; ask a running one to end. Raises JobNotFound, IllegalMove or StoreUnavailable."""
        moved = self._store.cancel([job_id])
        if not moved:
            return self._asked_before(job_id)
        batch = self._announcer.batch()
        self._queues.sync(moved, batch)
        self._workers.nudge([job for job in moved if job.status is JobStatus.RUNNING], batch)
        self._tell(batch, moved)
        return moved[0]

    def revive(self, job_id: UUID) -> Job:
        """Put a failed or cancelled job back. Raises JobNotFound, IllegalMove or StoreUnavailable."""
        revived = self._store.revive([job_id])
        if not revived:
            raise IllegalMove(job_id, "revive", self.get(job_id).status)
        self._enqueue(revived)
        return revived[0]

    def get(self, job_id: UUID) -> Job:
        """Raises JobNotFound."""
        return self._store.get(job_id)

    def page(self, chosen: JobFilter) -> list[Job]:
        return self._store.page(chosen)

    def prepared(self, submission: Submission) -> NewJob:
        """Checked as for ``submit``, and with nothing left to defaults; not written. Raises InvalidInput or TooLarge."""
        return self._new_job(submission)

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """What somebody else has persisted."""
        self._enqueue(jobs)

    def remind(self, jobs: Sequence[Job]) -> None:
        """As ``enqueue``, where a worker runs beside: no function is woken."""
        batch = self._announcer.batch()
        self._queues.sync(jobs, batch)
        self._tell(batch, jobs)

    def _asked_before(self, job_id: UUID) -> Job:
        """Asking a running job twice is no mistake."""
        job = self.get(job_id)
        if job.status is not JobStatus.RUNNING:
            raise IllegalMove(job_id, "cancel", job.status)
        return job

    def _enqueue(self, jobs: Sequence[Job]) -> None:
        batch = self._announcer.batch()
        self._queues.sync(jobs, batch)
        self._workers.count(batch)
        *_, living = self._tell(batch, jobs) or [UNKNOWN]
        if living == 0:
            self._wake()

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

    def _new_job(self, submission: Submission) -> NewJob:
        job_type = self._registry.get(submission.job_type)
        _check_payload(submission.payload)
        _check_time(submission.run_at)
        _check_tags(submission.tags)
        job_type.decode(submission.payload)
        return NewJob(
            id=uuid7(),
            job_type=job_type.name,
            payload=submission.payload,
            queue=submission.queue,
            priority=submission.priority,
            run_at=submission.run_at,
            delay=timedelta(seconds=submission.delay_seconds),
            max_attempts=submission.max_attempts or job_type.max_attempts,
            timeout_seconds=submission.timeout_seconds or job_type.timeout.total_seconds(),
            tags=submission.tags,
            backoff=submission.backoff,
        )


def _check_payload(payload: msgspec.Raw) -> None:
    """What no job type may be given. The whole of it is read: a job type may skip fields that it does not know."""
    size = memoryview(payload).nbytes
    if size > PAYLOAD_BYTES:
        raise TooLarge("payload", size, PAYLOAD_BYTES)
    if _ESCAPED_NUL.search(bytes(payload)):
        raise InvalidInput("NUL characters cannot be stored", "$.payload")
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(str(error), "$.payload") from None


_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # not the end of an escaped backslash


def _check_tags(tags: Sequence[str]) -> None:
    """Together small enough for any job to fit into one frame."""
    if sum(len(tag.encode()) for tag in tags) > TAG_BYTES:
        raise InvalidInput(f"more than {TAG_BYTES:,} bytes of tags", "$.tags")


def _check_time(run_at: datetime | None) -> None:
    if run_at is not None and not 2000 <= run_at.year <= 9000:
        raise InvalidInput("out of range", "$.run_at")
