"""JSON out, and errors to problem details (RFC 9457). The only module that knows HTTP's numbers."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Generic, TypeVar

import msgspec
from chalice.app import Chalice, CORSConfig, Response

from chalicelib.answers import Fault, Problem
from chalicelib.decoding import decoded, refuse_repeated_names
from chalicelib.errors import (
    Forbidden,
    IdempotencyConflict,
    IllegalMove,
    InvalidInput,
    JobNotFound,
    KeyNotFound,
    MalformedJson,
    QueueNotFound,
    QueueUnavailable,
    RateLimited,
    ScheduleExists,
    ScheduleIsDeclared,
    ScheduleNotFound,
    SchedulerError,
    StoreUnavailable,
    TooLarge,
    Unauthenticated,
    UniqueConflict,
)
from chalicelib.events import ClientMessage

logger = logging.getLogger(__name__)

BASE = "/api"  # where the API stands, on every front door
REQUEST_ID = "X-Request-Id"  # on every answer of a view of ours
JSON = "application/json"
PROBLEM = "application/problem+json"

STATUS_CODES: Mapping[type[SchedulerError], HTTPStatus] = {
    MalformedJson: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    JobNotFound: HTTPStatus.NOT_FOUND,
    KeyNotFound: HTTPStatus.NOT_FOUND,
    QueueNotFound: HTTPStatus.NOT_FOUND,
    ScheduleNotFound: HTTPStatus.NOT_FOUND,
    ScheduleExists: HTTPStatus.CONFLICT,
    ScheduleIsDeclared: HTTPStatus.CONFLICT,
    IllegalMove: HTTPStatus.CONFLICT,
    IdempotencyConflict: HTTPStatus.CONFLICT,
    UniqueConflict: HTTPStatus.CONFLICT,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    QueueUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
CHARACTERS = 500  # of what we say: it may quote what the caller sent, and that may be megabytes
COME_BACK = {"Retry-After": "2"}  # while a service is away

# Answers are data, never pages: nothing may run, frame, sniff or keep them. ``/docs`` says what it needs beyond that.
SECURITY_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

T = TypeVar("T")


class Reply(Generic[T]):
    """What a view answers: a value to encode, or text with its own content type."""

    def __init__(
        self,
        value: T,
        status: HTTPStatus | None = None,
        headers: Mapping[str, str] | None = None,
        content_type: str = JSON,
    ) -> None:
        """status: None for the route's own."""
        self.value = value
        self.status = status
        self.headers = headers or {}
        self.content_type = content_type


def rendered(reply: Reply[Any], otherwise: HTTPStatus) -> Response:
    """otherwise: the status of a reply that has none."""
    body = msgspec.json.encode(reply.value).decode() if reply.content_type == JSON else reply.value
    status = reply.status or otherwise
    return _response("" if status is HTTPStatus.NO_CONTENT else body, status, reply.content_type, reply.headers)


def cors(origin: str | None) -> CORSConfig | None:
    """origin: of pages that may call us from elsewhere. None: pages of our own origin only, which need no permission."""
    if origin is None:
        return None
    return CORSConfig(
        allow_origin=origin,
        allow_headers=["Authorization", "Idempotency-Key", "If-None-Match"],
        expose_headers=["ETag", "Link", "Location", "Retry-After", REQUEST_ID],
        max_age=600,
    )


def not_modified(etag: str) -> Response:
    return _response("", HTTPStatus.NOT_MODIFIED, JSON, {"ETag": etag})


def etag_of(value: object) -> str:
    return '"' + hashlib.blake2b(msgspec.json.encode(value), digest_size=12).hexdigest() + '"'


def problem(error: SchedulerError, request_id: str) -> Response:
    """The document for a failure, with a hint when to come back for those that pass."""
    status = next((code for kind, code in STATUS_CODES.items() if isinstance(error, kind)), None)
    if status is None:
        raise error
    faults = [Fault(path[:CHARACTERS], detail[:CHARACTERS]) for path, detail in _faults(error)]
    away = status is HTTPStatus.SERVICE_UNAVAILABLE
    detail = "a service we depend on is away" if away else str(error)[:CHARACTERS]
    return _problem(status, detail, error.code, request_id, faults, _hints(error, away=away))


def _faults(error: SchedulerError) -> Sequence[tuple[str, str]]:
    return error.faults if isinstance(error, InvalidInput | UniqueConflict) else []


def _hints(error: SchedulerError, *, away: bool) -> dict[str, str]:
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, RateLimited):
        return {"Retry-After": str(max(1, round(error.after.total_seconds() + 0.5)))}
    return COME_BACK if away else {}


def translated(answer: Mapping[str, Any], request_id: str) -> dict[str, Any]:
    """A problem document for what Chalice refused by itself."""
    status = HTTPStatus(answer["statusCode"])
    response = _problem(status, status.description or status.phrase, status.name.lower(), request_id, [], {})
    headers = {**answer.get("headers", {}), **response.headers, REQUEST_ID: request_id}
    return {**response.to_dict(), "headers": headers}


def message(raw: str) -> ClientMessage:
    """What a WebSocket client said. Raises MalformedJson or InvalidInput."""
    refuse_repeated_names(raw.encode(errors="replace"))
    said: ClientMessage = decoded(raw.encode(errors="replace"), ClientMessage)
    return said


def refusal(error: SchedulerError) -> bytes:
    """The frame for a WebSocket message that we cannot accept."""
    return msgspec.json.encode({"type": "Error", "code": error.code, "detail": str(error)[:CHARACTERS]})


def request_id_of(context: Mapping[str, Any]) -> str:
    return str(context.get("requestId", ""))


class Api(Chalice):
    """Chalice, whose own refusals (405, 415 and so on) speak problem details like ours."""

    def __call__(self, event: Any, context: Any) -> Any:
        answer = super().__call__(event, context)
        if REQUEST_ID in answer.get("headers", {}):
            return answer
        context_of_call = event.get("requestContext", {})
        request_id = request_id_of(context_of_call)
        # No view of ours was asked, which leaves a line for each request.
        about = {"path": context_of_call.get("resourcePath"), "status": answer["statusCode"], "request_id": request_id}
        logger.info("refused", extra=about)
        return translated(answer, request_id)


def _problem(
    status: HTTPStatus, detail: str, code: str, request_id: str, faults: Sequence[Fault], headers: Mapping[str, str]
) -> Response:
    document = Problem(
        type="about:blank",
        title=status.phrase,
        status=status,
        detail=detail,
        code=code,
        request_id=request_id,
        errors=[*faults],
    )
    return _response(msgspec.json.encode(document).decode(), status, PROBLEM, headers)


def _response(body: str, status: HTTPStatus, content_type: str, headers: Mapping[str, str]) -> Response:
    return Response(body, status_code=status, headers={**SECURITY_HEADERS, "Content-Type": content_type, **headers})
