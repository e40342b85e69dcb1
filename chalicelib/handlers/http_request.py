"""Send an HTTP request and keep the answer. Which statuses mean success, failure or another attempt is decided here."""

from __future__ import annotations

import base64
import re
import time
from codecs import getincrementaldecoder
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec

from chalicelib.errors import GiveUp
from chalicelib.handlers.outbound import Client, Request, Response
from chalicelib.handlers.registry import JobContext, job
from chalicelib.handlers.statuses import UnexpectedStatus, is_final
from chalicelib.handlers.targets import Target

BODY_BYTES = 64 * 1024  # kept of an answer
SHOWN_CHARACTERS = 500  # of the body, in an error's message
MOST_HEADERS = 50  # kept of an answer
HEADER_CHARACTERS = 1000
SECRET_HEADERS = {"set-cookie", "set-cookie2", "authorization", "proxy-authenticate"}  # never kept

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110, 5.5; sent as Latin-1
OURS = {"host", "content-length", "accept-encoding"}  # set from the URL and the body
HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect"}  # and proxy-*
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

Status = Annotated[int, msgspec.Meta(ge=100, le=599)]
Statuses = Annotated[list[Status], msgspec.Meta(min_length=1, max_length=50)]
TimeoutSeconds = Annotated[float, msgspec.Meta(ge=1, le=120)]
Headers = Annotated[dict[str, str], msgspec.Meta(max_length=50)]


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to send. body: a string goes as it is, anything else as JSON. expected_status: left out: any from 200 to 299."""

    url: str
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    headers: Headers = {}
    body: Any = None
    expected_status: Status | Statuses | None = None
    timeout_seconds: TimeoutSeconds = 30
    follow_redirects: bool = True

    def __post_init__(self) -> None:
        Target.parse(self.url)
        for name, value in self.headers.items():
            _check_header(name, value)

    def expects(self, status: int) -> bool:
        match self.expected_status:
            case None:
                return 200 <= status <= 299
            case int():
                return status == self.expected_status
            case _:
                return status in self.expected_status


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. url: after redirects. body: its first 64 KB, as base64 if it is not printable UTF-8.

    headers: lower-case, without those that carry secrets.
    """

    status: int
    url: str
    headers: dict[str, str]
    body: str
    body_encoding: Literal["text", "base64"]
    body_truncated: bool
    elapsed_ms: int


@job("http_request", timeout=timedelta(minutes=2), max_attempts=5)
def http_request(payload: HttpRequest, context: JobContext) -> Answer:
    """Send an HTTP request; an unexpected answer is a failure, and tried again unless it is the request's own fault."""
    started = time.monotonic()
    client = Client.within(context.settings)
    with client.send(
        _request(payload), seconds=_seconds(payload, context), follow=payload.follow_redirects
    ) as response:
        body = response.first(BODY_BYTES + 1)
    answer = _answer(response, body, round((time.monotonic() - started) * 1000))
    if not payload.expects(response.status):
        raise _unexpected(response, answer)
    return answer


def _seconds(payload: HttpRequest, context: JobContext) -> float:
    return min(payload.timeout_seconds, (context.deadline - datetime.now(UTC)).total_seconds())


def _request(payload: HttpRequest) -> Request:
    headers = {name.lower(): value for name, value in payload.headers.items()}
    body, content_type = _encoded(payload.body)
    if body is not None:
        headers = {"content-type": content_type, **headers}
    return Request(method=payload.method, target=Target.parse(payload.url), headers=headers, body=body)


def _encoded(body: object) -> tuple[bytes | None, str]:
    match body:
        case None:
            return None, ""
        case str():
            return body.encode(), "text/plain; charset=utf-8"
        case _:
            return msgspec.json.encode(body), "application/json"


def _answer(response: Response, body: bytes, elapsed_ms: int) -> Answer:
    is_truncated = len(body) > BODY_BYTES
    text = _as_text(body[:BODY_BYTES], is_whole=not is_truncated)
    return Answer(
        status=response.status,
        url=response.target.url,
        headers=_kept(response.headers),
        body=base64.b64encode(body[:BODY_BYTES]).decode() if text is None else text,
        body_encoding="base64" if text is None else "text",
        body_truncated=is_truncated,
        elapsed_ms=elapsed_ms,
    )


def _as_text(body: bytes, *, is_whole: bool) -> str | None:
    """None when it is not UTF-8, or has control characters: those would take six bytes each in JSON."""
    try:
        text = getincrementaldecoder("utf-8")().decode(body, is_whole)
    except UnicodeDecodeError:
        return None
    return None if UNPRINTABLE.search(text) else text


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    names = [name for name in headers if name.lower() not in SECRET_HEADERS][:MOST_HEADERS]
    return {name.lower()[:HEADER_CHARACTERS]: headers[name][:HEADER_CHARACTERS] for name in names}


def _unexpected(response: Response, answer: Answer) -> Exception:
    shown = answer.body[:SHOWN_CHARACTERS] if answer.body_encoding == "text" else "(binary)"
    message = f"{response.target} answered {response.status}: {shown}"
    return GiveUp(message) if is_final(response.status) else UnexpectedStatus(message)


def _check_header(name: str, value: str) -> None:
    if not TOKEN.fullmatch(name):
        raise ValueError(f"{name[:100]!r} is no header name")
    if name.lower() in OURS | HOP_BY_HOP or name.lower().startswith("proxy-"):
        raise ValueError(f"the header {name} cannot be set")
    if not VALUE.fullmatch(value):
        raise ValueError(f"the value of {name} has line ends, control characters or characters outside Latin-1")
