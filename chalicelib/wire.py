"""JSON in, JSON out, errors to problem details (RFC 9457). The only module that knows HTTP's numbers."""

from __future__ import annotations

import functools
import logging
import re
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from itertools import accumulate
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

import msgspec
from chalice.app import Chalice, Request, Response

from chalicelib.errors import (
    IllegalMove,
    InvalidInput,
    JobNotFound,
    MalformedJson,
    QueueUnavailable,
    SchedulerError,
    StoreUnavailable,
    TooLarge,
)
from chalicelib.events import ClientMessage
from chalicelib.handlers.registry import JobType
from chalicelib.jobs import Job, JobStatus
from chalicelib.store.jobs import JobFilter
from chalicelib.views import inline, whole

logger = logging.getLogger(__name__)

BASE = "/api"  # where the API stands, on every front door
REQUEST_ID = "X-Request-Id"  # on every answer of a view of ours
BODY_BYTES = 5 * 1024 * 1024
PAGE_BYTES = 4 * 1024 * 1024  # a Lambda may answer with 6 MB, as escaped text; a page that would be larger ends early
MOST_JOBS = 1_000  # a page

STATUS_CODES: Mapping[type[SchedulerError], HTTPStatus] = {
    MalformedJson: HTTPStatus.BAD_REQUEST,
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    JobNotFound: HTTPStatus.NOT_FOUND,
    IllegalMove: HTTPStatus.CONFLICT,
    StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    QueueUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

P = ParamSpec("P")
T = TypeVar("T")


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong with the request. path: JSON path into the body, or a parameter's name."""

    path: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457, with a stable code for programs."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[Fault] = []


class Api(Chalice):
    """Chalice, whose own refusals (405, 415 and so on) speak problem details like ours."""

    def __call__(self, event: Any, context: Any) -> Any:
        answer = super().__call__(event, context)
        if REQUEST_ID not in answer.get("headers", {}):
            return _translated(answer, _request_id(event.get("requestContext", {})))
        return answer


def errors_to_http(app: Chalice) -> Callable[[Callable[P, Response]], Callable[P, Response]]:
    """Every failure raised on purpose becomes a problem document, every answer gets its request id and a log line."""

    def decorate(view: Callable[P, Response]) -> Callable[P, Response]:
        @functools.wraps(view)
        def answered(*args: P.args, **kwargs: P.kwargs) -> Response:
            request = _current(app)
            try:
                response = view(*args, **kwargs)
            except SchedulerError as error:
                response = problem(error, _request_id(request.context))
            response.headers[REQUEST_ID] = _request_id(request.context)
            _log(request, response)
            return response

        return answered

    return decorate


def problem(error: SchedulerError, request_id: str) -> Response:
    """The document for a failure, with a hint when to come back for those that pass."""
    status = next((code for kind, code in STATUS_CODES.items() if isinstance(error, kind)), None)
    if status is None:
        raise error
    faults = [Fault(error.path, error.detail)] if isinstance(error, InvalidInput) else []
    headers = {"Retry-After": "2"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    detail = "a service we depend on is away" if headers else str(error)
    return _problem(status, detail, error.code, request_id, faults, headers)


def body(app: Chalice, shape: type[T]) -> T:
    """The request's body. Raises TooLarge, MalformedJson or InvalidInput."""
    raw = _current(app).raw_body
    if isinstance(raw, str):
        raw = raw.encode()
    if len(raw) > BODY_BYTES:
        raise TooLarge("body", len(raw), BODY_BYTES)
    decoded: T = _decoded(raw, shape)
    return decoded


def message(raw: str) -> ClientMessage:
    """What a WebSocket client said. Raises MalformedJson or InvalidInput."""
    decoded: ClientMessage = _decoded(raw.encode(), ClientMessage)
    return decoded


def _decoded(raw: bytes, shape: Any) -> Any:
    try:
        return msgspec.json.decode(raw, type=shape)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `")
        raise InvalidInput(reason, path.rstrip("`") or "$") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJson(str(error)) from None


def json(value: object, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(value).decode(),
        status_code=status,
        headers={"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {})},
    )


def one_job(job: Job, status: HTTPStatus = HTTPStatus.OK) -> Response:
    headers = {"Location": f"{BASE}/jobs/{job.id}"} if status is HTTPStatus.CREATED else {}
    return json(whole(job), status, headers)


def job_type_view(job_type: JobType) -> dict[str, object]:
    return {
        "name": job_type.name,
        "description": job_type.description,
        "timeout_seconds": job_type.timeout.total_seconds(),
        "max_attempts": job_type.max_attempts,
        "schema": job_type.json_schema(),
    }


def refusal(error: SchedulerError) -> bytes:
    """The frame for a WebSocket message that we cannot accept."""
    return msgspec.json.encode({"type": "Error", "code": error.code, "detail": str(error)})


def page(jobs: Sequence[Job], chosen: JobFilter, query: Mapping[str, str]) -> Response:
    """An array, and the way to the next page in a Link header when there is more."""
    shown = [msgspec.json.encode(inline(job)) for job in jobs]
    count = max(1, sum(1 for size in accumulate(map(len, shown)) if size <= PAGE_BYTES))
    answer = b"[" + b",".join(shown[:count]) + b"]"
    if len(jobs) < chosen.limit and count >= len(jobs):
        return json(msgspec.Raw(answer))
    following = urllib.parse.urlencode({**query, "cursor": str(jobs[count - 1].id)})
    return json(msgspec.Raw(answer), headers={"Link": f'<{BASE}/jobs?{following}>; rel="next"'})


def job_id(value: str) -> UUID:
    """Raises InvalidInput."""
    try:
        return UUID(value)
    except ValueError:
        raise InvalidInput("not a job id: expected a UUID", "id") from None


def query(app: Chalice) -> dict[str, str]:
    return dict(_current(app).query_params or {})


def job_filter(params: Mapping[str, str]) -> JobFilter:
    """Raises InvalidInput, for unknown parameters too: a misspelt filter must not show everything."""
    unknown = sorted(params.keys() - {"status", "queue", "job_type", "limit", "cursor"})
    if unknown:
        raise InvalidInput("unknown parameter", unknown[0])
    if any("\x00" in value for value in params.values()):
        raise InvalidInput("NUL characters cannot be stored", "query")
    return JobFilter(
        **_status_filter(params.get("status")),
        queue=params.get("queue"),
        job_type=params.get("job_type"),
        before=job_id(params["cursor"]) if "cursor" in params else None,
        limit=_limit(params.get("limit", "100")),
    )


# What each status on the wire means to the store; ``jobs.status_label`` is the same rule the other way round.
_LABELS: Mapping[str, dict[str, Any]] = {
    **{status: {"status": status} for status in JobStatus},
    "QUEUED": {"status": JobStatus.QUEUED, "waits": False},
    "SCHEDULED": {"status": JobStatus.QUEUED, "waits": True, "retries": False},
    "RETRYING": {"status": JobStatus.QUEUED, "waits": True, "retries": True},
}


def _status_filter(label: str | None) -> dict[str, Any]:
    if label is not None and label not in _LABELS:
        raise InvalidInput(f"unknown status {label!r}; known: {', '.join(_LABELS)}", "status")
    return _LABELS[label] if label else {}


def _limit(value: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,3}", value) or int(value) > MOST_JOBS:
        raise InvalidInput(f"expected a number from 1 to {MOST_JOBS}", "limit")
    return int(value)


def _problem(
    status: HTTPStatus, detail: str, code: str, request_id: str, faults: list[Fault], headers: Mapping[str, str]
) -> Response:
    document = Problem(
        type="about:blank",
        title=status.phrase,
        status=status,
        detail=detail,
        code=code,
        request_id=request_id,
        errors=faults,
    )
    return Response(
        msgspec.json.encode(document).decode(),
        status_code=status,
        headers={"Content-Type": "application/problem+json", "Cache-Control": "no-store", **headers},
    )


def _translated(answer: Mapping[str, Any], request_id: str) -> dict[str, Any]:
    """A problem document for what Chalice refused by itself."""
    status = HTTPStatus(answer["statusCode"])
    response = _problem(status, status.description or status.phrase, status.name.lower(), request_id, [], {})
    headers = {**answer.get("headers", {}), **response.headers, REQUEST_ID: request_id}
    return {**response.to_dict(), "headers": headers}


def _current(app: Chalice) -> Request:
    request = app.current_request
    if request is None:
        raise RuntimeError("no request is being served")
    return request


def _request_id(context: Mapping[str, Any]) -> str:
    return str(context.get("requestId", ""))


def _log(request: Request, response: Response) -> None:
    # One line a request: it is what an operator greps for, and the emulator waits 50 ms for a function that says nothing.
    logger.info(
        "answered",
        extra={
            "method": request.method,
            "path": request.path,
            "status": int(response.status_code),
            "request_id": _request_id(request.context),
        },
    )
