"""What a client asks for, checked, and as a new job."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from chalicelib.backoff import Backoff
from chalicelib.decoding import canonical, decoded
from chalicelib.errors import InvalidBatch, InvalidInput, MalformedJson, TooLarge
from chalicelib.handlers.registry import Registry
from chalicelib.jobs import DEFAULT_QUEUE, NO_PRIORITY, IfDependencyFails, NewJob, Terms
from chalicelib.patterns import NAME, PRINTABLE
from chalicelib.queue_settings import MaxAttempts, Priority, TimeoutSeconds
from chalicelib.timing import FIRST_YEAR
from chalicelib.uniqueness import OnConflict, Unique, Uniqueness, uniqueness

PAYLOAD_BYTES = 256 * 1024
TAG_BYTES = 4 * 1024  # all of a job's
LONGEST_DELAY = 366 * 24 * 3600
LAST_YEAR = 8999
MOST_DEPENDENCIES = 100  # all of a job's fit into one frame, beside the rest of it

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=NAME)]
Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=PRINTABLE)]
ConcurrencyKey = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
Dependency = UUID | Annotated[int, msgspec.Meta(ge=0)]
RunAt = Annotated[datetime, msgspec.Meta(tz=True, extra_json_schema={"pattern": "^[2-8][0-9]{3}-"})]


# Defaults are not encoded: a release that knows more fields makes the same fingerprint of the same submit.
class Submission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a client asks for. None: the queue's default, or else the job type's own. Of run_at and delay_seconds one at most.

    concurrency_key: whose job it is, a customer's say. Jobs of different keys take turns, and a queue may limit each key.
    depends_on: jobs that must have completed before this one runs: their ids, or in a batch the places of earlier ones, from 0.
    if_dependency_fails: what becomes of it when one of them fails or is cancelled: it fails too, or runs when all have ended.
    """

    job_type: Name
    payload: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"null"))
    queue: Name = DEFAULT_QUEUE
    priority: Priority | None = None
    run_at: RunAt | None = None
    delay_seconds: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_DELAY)] = 0
    max_attempts: MaxAttempts | None = None
    timeout_seconds: TimeoutSeconds | None = None
    tags: Annotated[list[Tag], msgspec.Meta(max_length=50)] = []
    backoff: Backoff | None = None
    concurrency_key: ConcurrencyKey | None = None
    unique: Unique | None = None
    depends_on: Annotated[list[Dependency], msgspec.Meta(max_length=MOST_DEPENDENCIES)] = []
    if_dependency_fails: IfDependencyFails = "fail"


def new_jobs(registry: Registry, submissions: Sequence[msgspec.Raw]) -> list[NewJob]:
    """Raises InvalidBatch, for all faults at once."""
    jobs, faults = [], []
    ids: list[UUID] = []
    for at, raw in enumerate(submissions):
        ids.append(uuid7())
        try:
            jobs.append(new_job(registry, decoded(raw, Submission), ids))
        except InvalidInput as error:
            faults += [(f"$.jobs[{at}]{path.removeprefix('$')}", detail) for path, detail in error.faults]
        except (TooLarge, MalformedJson) as error:
            faults.append((f"$.jobs[{at}]", str(error)))
    if faults:
        raise InvalidBatch(faults)
    return jobs


def new_job(registry: Registry, submission: Submission, batch: Sequence[UUID] = ()) -> NewJob:
    """batch: the ids of a batch's jobs, of which this is the last so far. Raises InvalidInput or TooLarge."""
    job_type = registry.get(submission.job_type)
    _check_payload(submission.payload)
    _check_times(submission)
    _check_tags(submission.tags)
    _check_dependencies(submission)
    job_type.decode(submission.payload)
    return NewJob(
        id=batch[-1] if batch else uuid7(),
        job_type=job_type.name,
        payload=submission.payload,
        queue=submission.queue,
        priority=submission.priority,
        run_at=submission.run_at,
        delay=timedelta(seconds=submission.delay_seconds),
        max_attempts=submission.max_attempts,
        timeout_seconds=submission.timeout_seconds,
        otherwise=Terms(NO_PRIORITY, job_type.max_attempts, job_type.timeout.total_seconds()),
        tags=submission.tags,
        backoff=submission.backoff,
        concurrency_key=submission.concurrency_key,
        unique=_uniqueness(submission),
        depends_on=_dependencies(submission.depends_on, batch),
        runs_anyway=submission.if_dependency_fails == "run",
    )


def _uniqueness(submission: Submission) -> Uniqueness | None:
    if submission.unique is None:
        return None
    return uniqueness(submission.unique, submission.job_type, submission.queue, canonical(bytes(submission.payload)))


def _check_dependencies(submission: Submission) -> None:
    if (
        submission.depends_on
        and submission.unique is not None
        and submission.unique.on_conflict is not OnConflict.RETURN
    ):
        raise InvalidInput("a job that may change another one cannot depend on others", "$.depends_on")


def _dependencies(asked: Sequence[UUID | int], batch: Sequence[UUID]) -> list[UUID]:
    """Each once. No job of a batch can depend on itself or a later one: so there are no circles."""
    return [*dict.fromkeys(_dependency(each, at, batch) for at, each in enumerate(asked))]


def _dependency(asked: UUID | int, at: int, batch: Sequence[UUID]) -> UUID:
    if isinstance(asked, UUID):
        return asked
    if asked >= len(batch) - 1:
        raise InvalidInput("expected a job's id, or in a batch the place of an earlier job", f"$.depends_on[{at}]")
    return batch[asked]


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


def _check_times(submission: Submission) -> None:
    if submission.run_at is None:
        return
    if not FIRST_YEAR <= submission.run_at.year <= LAST_YEAR:
        raise InvalidInput(f"expected a year from {FIRST_YEAR} to {LAST_YEAR}", "$.run_at")
    if submission.delay_seconds:
        raise InvalidInput("run_at says when; give one of the two", "$.delay_seconds")
