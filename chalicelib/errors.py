"""Every failure raised on purpose.

SchedulerError
├─ InvalidInput          the caller sent a value we cannot accept
│  ├─ InvalidBatch       some of many jobs cannot be accepted
│  ├─ InvalidPayload     the payload does not fit its job type
│  ├─ UnknownJobType     no handler is registered for this job_type
│  └─ Unstorable         Postgres cannot hold the value
├─ MalformedJson         the body is not JSON
├─ TooLarge              the caller sent more than we keep
├─ JobNotFound           no job has this id
├─ KeyNotFound           no API key has this id
├─ Unauthenticated       no key, or none that opens anything
├─ Forbidden             the key's role does not include this
├─ RateLimited           the key was used too often
├─ IdempotencyConflict   another body came with this Idempotency-Key
├─ UniqueConflict        the job that holds a unique key cannot be changed as asked
├─ QueueNotFound         no queue has this name
├─ ScheduleNotFound      no schedule has this name
├─ ScheduleExists        a schedule has this name already
├─ ScheduleIsDeclared    the schedule is kept in code or in a file
├─ BadDeclaration        a schedule in code or in a file cannot be applied
├─ IllegalMove           the job's status does not allow this move
├─ ConnectionGone        the WebSocket client has left
├─ GatewayUnavailable    a frame could not be sent in time
├─ StoreUnavailable      Postgres cannot be reached now
├─ QueueUnavailable      Redis cannot be reached now
├─ SecretUnavailable     Secrets Manager does not tell a login now
├─ WorkerUnreachable     the worker function could not be invoked
├─ MissingSettings       the environment lacks what we need to start
├─ UnsafeSettings        the environment asks for what this stage must not do
├─ ApiRefused            the command line was turned down by the API
├─ ApiUnreachable        the command line got no answer from the API, or none that it understands
├─ GiveUp                a handler says: no further attempt will help
├─ RetryLater            a handler says: not now, and nobody's fault
├─ TimedOut              an attempt ran longer than its job may
└─ HandlerProcessDied    the child process of an isolated handler ended without an outcome

AttemptStopped           what a handler meets when its attempt was ended from outside. Not an Exception: ``except Exception``
                         in a handler must not swallow it

``wire.STATUS_CODES`` maps what a client can cause to HTTP. The rest never leave the worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import islice
from uuid import UUID


class SchedulerError(Exception):
    """The root: catch this, and nothing unexpected is swallowed."""

    code = "scheduler_error"


class InvalidInput(SchedulerError):
    """A value at a path (``$.payload.seconds``) that we cannot accept."""

    code = "invalid_input"

    def __init__(self, detail: str, path: str = "$") -> None:
        super().__init__(detail)
        self.detail = detail
        self.path = path

    @property
    def faults(self) -> Sequence[tuple[str, str]]:
        """Path and detail of everything that is wrong."""
        return [(self.path, self.detail)]


class InvalidBatch(InvalidInput):
    """Faults of several jobs; the first hundred are told."""

    code = "invalid_batch"
    MOST = 100

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__(f"{len(faults):,} fault{'s' * (len(faults) > 1)}; nothing was submitted", "$.jobs")
        self._faults = faults[: self.MOST]

    @property
    def faults(self) -> Sequence[tuple[str, str]]:
        return self._faults


class InvalidPayload(InvalidInput):
    """The payload does not have the shape that its handler declares."""

    code = "invalid_payload"

    def __init__(self, job_type: str, fault: str) -> None:
        reason, _, path = fault.partition(" - at `$")
        super().__init__(f"{job_type}: {reason}", "$.payload" + path.rstrip("`"))


class UnknownJobType(InvalidInput):
    """No handler has this name; ``known`` lists those that exist."""

    code = "unknown_job_type"

    def __init__(self, job_type: str, known: Sequence[str]) -> None:
        super().__init__(f"unknown job_type {job_type!r}; known: {', '.join(known)}", "$.job_type")
        self.known = known


class Unstorable(InvalidInput):
    """A number out of all range, nesting too deep, text that is none: valid JSON, but not for Postgres."""

    code = "unstorable"


class MalformedJson(SchedulerError):
    """The body cannot be read as JSON at all."""

    code = "malformed_json"


class TooLarge(SchedulerError):
    """A body, payload or result over its limit. size, limit: bytes."""

    code = "too_large"

    def __init__(self, what: str, size: int, limit: int) -> None:
        super().__init__(f"{what} has {size:,} bytes; the limit is {limit:,}")


class JobNotFound(SchedulerError):
    """No job has this id, or it was pruned."""

    code = "job_not_found"

    def __init__(self, job_id: UUID) -> None:
        super().__init__(f"no job {job_id}")


class KeyNotFound(SchedulerError):
    """No API key has this id."""

    code = "key_not_found"

    def __init__(self, key_id: str) -> None:
        super().__init__(f"no API key {key_id!r}")


class Unauthenticated(SchedulerError):
    """Nobody is told whether a key is unknown, revoked or expired."""

    code = "unauthenticated"


class Forbidden(SchedulerError):
    """The key is good, and not for this."""

    code = "forbidden"

    def __init__(self, needed: str, has: str) -> None:
        super().__init__(f"this takes the role {needed}; the key has the role {has}")


class RateLimited(SchedulerError):
    """after: when the next call will be taken."""

    code = "rate_limited"

    def __init__(self, after: timedelta) -> None:
        super().__init__("this key was used too often: slow down")
        self.after = after


class IdempotencyConflict(SchedulerError):
    """The key stands for another submit, for 24 hours."""

    code = "idempotency_conflict"

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key came with another body before: use a new key for a new submit")


class UniqueConflict(SchedulerError):
    """Jobs that hold the keys of a submit, and cannot be replaced. reasons: by the place of each in the submit."""

    code = "unique_conflict"

    def __init__(self, reasons: Mapping[int, str], place: str = "$.jobs[{}].unique") -> None:
        super().__init__(f"{next(iter(reasons.values()))}; nothing was submitted")
        self._reasons = reasons
        self._place = place

    def of_one(self) -> UniqueConflict:
        """The same for a submit of one job, which has no places."""
        return UniqueConflict(self._reasons, "$.unique")

    @property
    def faults(self) -> Sequence[tuple[str, str]]:
        """Path and detail of the first hundred."""
        return [(self._place.format(at), reason) for at, reason in islice(self._reasons.items(), InvalidBatch.MOST)]


class UnknownDependency(InvalidInput):
    """Jobs of a submit depend on jobs that do not exist, or do no more. strangers: one by the place of each in the submit."""

    code = "unknown_dependency"

    def __init__(self, strangers: Mapping[int, UUID], place: str = "$.jobs[{}].depends_on") -> None:
        self._strangers = strangers
        self._place = place
        (_, detail), *_ = self.faults
        super().__init__(f"{detail}; nothing was submitted", "$.jobs")

    def of_one(self) -> UnknownDependency:
        """The same for a submit of one job, which has no places."""
        return UnknownDependency(self._strangers, "$.depends_on")

    @property
    def faults(self) -> Sequence[tuple[str, str]]:
        """Path and detail of the first hundred."""
        first = islice(self._strangers.items(), InvalidBatch.MOST)
        return [(self._place.format(at), f"there is no job {stranger}") for at, stranger in first]


class QueueNotFound(SchedulerError):
    """No queue of this name has or had jobs, and nobody set anything of it."""

    code = "queue_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"no queue {name}")


class ScheduleNotFound(SchedulerError):
    """No schedule has this name."""

    code = "schedule_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"no schedule {name}")


class ScheduleExists(SchedulerError):
    """A schedule has this name already: it is changed, not made again."""

    code = "schedule_exists"

    def __init__(self, name: str) -> None:
        super().__init__(f"there is a schedule {name} already")


class ScheduleIsDeclared(SchedulerError):
    """The next deploy would bring it back: it is changed where it is declared."""

    code = "schedule_is_declared"
    PLACES: Mapping[str, str] = {"code": "in code, beside its handler", "file": "in chalicelib/schedules.toml"}

    def __init__(self, name: str, source: str) -> None:
        where = self.PLACES.get(source, source)
        super().__init__(f"schedule {name} is declared {where}: change it there, and deploy; here it can be paused")


class BadDeclaration(SchedulerError):
    """Nothing was applied. name: of the schedule, or of the file."""

    code = "bad_declaration"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"schedule {name}: {reason}; no schedule was changed")


class IllegalMove(SchedulerError):
    """The job exists, but is not in a status that this move may start from."""

    code = "illegal_move"

    def __init__(self, job_id: UUID, move: str, status: str) -> None:
        super().__init__(f"cannot {move} job {job_id}: it is {status}")


class ConnectionGone(SchedulerError):
    """API Gateway answered 410."""

    code = "connection_gone"


class GatewayUnavailable(SchedulerError):
    """API Gateway did not take the frame: time-out, throttling, or no route."""

    code = "gateway_unavailable"


class StoreUnavailable(SchedulerError):
    """Postgres cannot be reached, or broke the connection."""

    code = "store_unavailable"


class QueueUnavailable(SchedulerError):
    """Redis cannot be reached, or broke the connection."""

    code = "queue_unavailable"


class SecretUnavailable(SchedulerError):
    """A login cannot be read, or is not what we can read. Adapters say of which service it is."""

    code = "secret_unavailable"


class WorkerUnreachable(SchedulerError):
    """Lambda refused or did not answer the invocation."""

    code = "worker_unreachable"

    def __init__(self, function: str, reason: str) -> None:
        super().__init__(f"cannot invoke {function}: {reason}")


class MissingSettings(SchedulerError):
    """Names everything that is missing, at once."""

    code = "missing_settings"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"set {', '.join(names)}")


class UnsafeSettings(SchedulerError):
    """What would leave a deployment open."""

    code = "unsafe_settings"


class ApiRefused(SchedulerError):
    """The API's problem document. faults: what is wrong where, as (path, detail)."""

    code = "api_refused"

    def __init__(self, status: int, code: str, detail: str, faults: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.faults = faults


class ApiUnreachable(SchedulerError):
    """No answer, or one that does not come from this API."""

    code = "api_unreachable"

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")


class GiveUp(SchedulerError):
    """Raised by a handler: fail the job now, whatever attempts are left."""

    code = "gave_up"


class RetryLater(SchedulerError):
    """Raised by a handler: try again after a while (a timedelta, or seconds). Costs no attempt of those promised."""

    code = "retry_later"

    def __init__(self, after: timedelta | float) -> None:
        self.after = after if isinstance(after, timedelta) else timedelta(seconds=after)
        super().__init__(f"again in {self.after}")


class TimedOut(SchedulerError):
    """The attempt ran longer than its job's timeout."""

    code = "timed_out"

    def __init__(self, timeout: timedelta) -> None:
        super().__init__(f"ran longer than its timeout of {timeout.total_seconds():g} s")


class HandlerProcessDied(SchedulerError):
    """The child process ended by itself: a crash in native code, the out-of-memory killer, ``os._exit``."""

    code = "handler_process_died"

    def __init__(self, exit_status: int) -> None:
        how = f"by signal {-exit_status}" if exit_status < 0 else f"with status {exit_status}"
        super().__init__(f"the handler's process ended {how}")


class AttemptStopped(BaseException):
    """Raised in a handler whose attempt timed out, was cancelled, lost its lease, or must go because its worker goes.

    Clean up and let it pass: whatever the handler returns or raises from here on is ignored.
    """

    def __init__(self, reason: str = "stopped") -> None:
        super().__init__(reason)
