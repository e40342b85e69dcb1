"""What a job is, and which moves it may make.

The table of moves decides; the SQL in ``store.jobs`` is tested against it, every move in every status.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, get_args
from uuid import UUID

import msgspec

from chalicelib.backoff import Backoff
from chalicelib.uniqueness import Uniqueness

DEFAULT_QUEUE = "default"
NO_PRIORITY = 0  # neither more urgent nor less
LEASE = timedelta(seconds=30)  # a killed worker's jobs run again within this time


RawId = bytes  # a job's id as its 16 bytes: where every job passes, UUID objects cost a fifth of the worker's time


class JobStatus(StrEnum):
    """Where a job stands, as stored."""

    BLOCKED = "BLOCKED"  # waits for the jobs it depends on
    QUEUED = "QUEUED"  # waits for run_at, then for a free worker
    RUNNING = "RUNNING"  # leased to one worker until lease_expires_at
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"  # attempts used up, or given up: the dead letter
    CANCELLED = "CANCELLED"


class Move(msgspec.Struct, frozen=True):
    """A named legal change of status."""

    name: str
    sources: frozenset[JobStatus]
    target: JobStatus


RELEASE = Move("release", frozenset({JobStatus.BLOCKED}), JobStatus.QUEUED)
CLAIM = Move("claim", frozenset({JobStatus.QUEUED, JobStatus.RUNNING}), JobStatus.RUNNING)
COMPLETE = Move("complete", frozenset({JobStatus.RUNNING}), JobStatus.COMPLETED)
RETRY = Move("retry", frozenset({JobStatus.RUNNING}), JobStatus.QUEUED)
FAIL = Move("fail", frozenset({JobStatus.RUNNING}), JobStatus.FAILED)
FAIL_UNSTARTED = Move("fail", frozenset({JobStatus.BLOCKED}), JobStatus.FAILED)  # what it depends on has

CANCEL = Move("cancel", frozenset({JobStatus.BLOCKED, JobStatus.QUEUED, JobStatus.RUNNING}), JobStatus.CANCELLED)
# One that depends on others becomes BLOCKED, and is released at once where none of them is unfinished.
REVIVE = Move("revive", frozenset({JobStatus.FAILED, JobStatus.CANCELLED}), JobStatus.QUEUED)

MOVES = (RELEASE, CLAIM, COMPLETE, RETRY, FAIL, FAIL_UNSTARTED, CANCEL, REVIVE)


class Terms(msgspec.Struct, frozen=True):
    """What a submit, its queue or its job type says of how a job runs: the first of them that says something."""

    priority: int
    max_attempts: int
    timeout_seconds: float


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job before Postgres has seen it. run_at None: now, or ``delay`` from now.

    priority, max_attempts, timeout_seconds: None where the submit says nothing. otherwise: where its queue says nothing either.
    """

    id: UUID
    job_type: str
    payload: msgspec.Raw
    otherwise: Terms
    max_attempts: int | None = None
    timeout_seconds: float | None = None
    queue: str = DEFAULT_QUEUE
    priority: int | None = None
    run_at: datetime | None = None
    delay: timedelta = timedelta(0)
    tags: list[str] = []
    backoff: Backoff | None = None  # None: the job type's own
    concurrency_key: str | None = None
    unique: Uniqueness | None = None
    depends_on: Sequence[UUID] = ()
    runs_anyway: bool = False  # however those end that it depends on


class Job(msgspec.Struct, frozen=True):
    """One row of ``jobs``. JSON stays encoded until somebody needs its inside."""

    id: UUID
    job_type: str
    queue: str
    status: JobStatus
    priority: int
    attempt: int  # the fencing token: it never goes down
    max_attempts: int
    failures: int  # attempts that ended in an error; the job fails when they reach max_attempts
    crashes: int  # attempts whose worker vanished
    version: int
    timeout_seconds: float
    run_at: datetime
    waits: bool  # run_at is in the future, by Postgres's clock
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    lease_expires_at: datetime | None
    worker_id: str | None
    tags: list[str]
    progress: msgspec.Raw | None
    error: str | None
    cancel_requested_at: datetime | None
    concurrency_key: str | None  # whose job it is
    schedule: str | None  # which submitted it, for the time ``scheduled_for``
    scheduled_for: datetime | None
    depends_on: list[UUID] | None  # the jobs that it waits for, or waited for
    runs_anyway: bool  # however these end
    has_dependents: bool  # its end is news to jobs that wait for it
    payload: msgspec.Raw | None
    result: msgspec.Raw | None
    errors: msgspec.Raw | None

    @property
    def raw_id(self) -> RawId:
        return self.id.bytes

    @property
    def timeout(self) -> timedelta:
        return timedelta(seconds=self.timeout_seconds)


class ClaimedJob(msgspec.Struct, frozen=True):
    """One attempt that is ours: what it takes to run it and to record how it ended, and no more."""

    raw_id: RawId
    attempt: int
    job_type: str
    queue: str
    priority: int
    failures: int
    max_attempts: int
    crashes: int
    timeout_seconds: float
    backoff: bytes | None
    payload: bytes
    waited: float  # seconds from run_at to the claim
    concurrency_key: str | None = None
    scheduled_for: datetime | None = None

    @property
    def id(self) -> UUID:
        return UUID(bytes=self.raw_id)

    @property
    def timeout(self) -> timedelta:
        return timedelta(seconds=self.timeout_seconds)

    @property
    def has_attempts_left(self) -> bool:
        """Whether one more failure leaves an attempt to make."""
        return self.failures + 1 < self.max_attempts


class AttemptError(msgspec.Struct, frozen=True, kw_only=True):
    """Why an attempt failed."""

    type: str
    message: str
    traceback: str = ""


class Completed(msgspec.Struct, frozen=True, tag=True):
    """The handler returned. result: encoded JSON."""

    result: bytes


class Retry(msgspec.Struct, frozen=True, tag=True):
    """The handler failed, and there is another attempt after ``delay``."""

    error: AttemptError
    delay: timedelta


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The handler failed for good."""

    error: AttemptError


class Postponed(msgspec.Struct, frozen=True, tag=True):
    """The handler wants another attempt after ``delay``; no failure is counted."""

    delay: timedelta


class Released(msgspec.Struct, frozen=True, tag=True):
    """The attempt was given up by its worker: the job goes back to its queue and no failure is counted."""


class Cancelled(msgspec.Struct, frozen=True, tag=True):
    """Somebody asked for the end of it, and the handler has ended."""


Outcome = Completed | Retry | Failed | Postponed | Released | Cancelled


class Settlement(msgspec.Struct, frozen=True):
    """An outcome and the attempt it belongs to."""

    job: ClaimedJob
    outcome: Outcome
    ran: float | None = None  # seconds; None: its handler did not begin


class Progress(msgspec.Struct, frozen=True):
    """How far a running attempt is. fraction: 0 to 1."""

    fraction: float
    message: str


def storable_text(text: str) -> str:
    """Without lone surrogates, which are not text, and without NUL, which Postgres refuses."""
    return text.encode(errors="replace").decode().replace("\x00", "\ufffd")


IfDependencyFails = Literal["fail", "run"]  # what becomes of a job when one that it depends on fails or is cancelled
StatusLabel = Literal["SCHEDULED", "RETRYING"]
Label = Literal["BLOCKED", "SCHEDULED", "QUEUED", "RETRYING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]
LABELS = get_args(Label)  # every status that clients see


def status_label(status: JobStatus, attempt: int, *, waits: bool) -> JobStatus | StatusLabel:
    """The status that clients see: QUEUED is refined while the job waits for its time."""
    if status is not JobStatus.QUEUED or not waits:
        return status
    return "RETRYING" if attempt else "SCHEDULED"
