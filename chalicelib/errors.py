"""Every failure raised on purpose.

SchedulerError
├─ InvalidInput          the caller sent a value we cannot accept
│  ├─ InvalidPayload     the payload does not fit its job type
│  ├─ UnknownJobType     no handler is registered for this job_type
│  └─ Unstorable         Postgres cannot hold the value
├─ MalformedJson         the body is not JSON
├─ TooLarge              the caller sent more than we keep
├─ JobNotFound           no job has this id
├─ LeaseLost             another worker owns the job now
├─ ConnectionGone        the WebSocket client has left
├─ GatewayUnavailable    a frame could not be sent in time
├─ StoreUnavailable      Postgres cannot be reached now
├─ QueueUnavailable      Redis cannot be reached now
├─ WorkerUnreachable     the worker function could not be invoked
├─ MissingSettings       the environment lacks what we need to start
└─ GiveUp                a handler says: no further attempt will help

``wire.STATUS_CODES`` maps what a client can cause to HTTP. The rest never leave the worker.
"""

from __future__ import annotations

from collections.abc import Sequence
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


class LeaseLost(SchedulerError):
    """The attempt is over for us: another worker owns the job, or it was ended."""

    code = "lease_lost"

    def __init__(self, job_id: UUID, attempt: int) -> None:
        super().__init__(f"attempt {attempt} of job {job_id} is no longer ours")


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


class GiveUp(SchedulerError):
    """Raised by a handler: fail the job now, whatever attempts are left."""

    code = "gave_up"
