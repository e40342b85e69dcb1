"""HTTP to the API.

Patience has a rule: what may be repeated (GET, PUT, DELETE; a POST with an idempotency key, or one whose effect is the same
the second time) is tried again after 429, 502, 503, 504 and lost answers, a bounded number of times. Any other POST is sent
once: nobody knows whether a lost answer was a yes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec
import typer
import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError, SSLError
from urllib3.util.retry import Retry

from chalicelib.errors import ApiRefused, ApiUnreachable

T = TypeVar("T")

TRIES = 4  # after the first one
LONGEST_PAUSE = 60  # seconds; rate limits are per minute
BUSY = frozenset({429, 502, 503, 504})
TIMEOUT = urllib3.Timeout(connect=5, read=35)  # seconds; a long poll takes 20, API Gateway cuts at 29
CONNECTIONS = 32
NEXT = re.compile(r'<[^>?]*\?([^>]*)>\s*;[^,]*\brel="?next"?')

Query = Mapping[str, object]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. following: the query of the next page, if there is one."""

    url: str
    status: int
    body: bytes
    etag: str | None
    following: str | None

    def read(self, shape: type[T]) -> T:
        """Raises ApiUnreachable: whoever answered is not this API."""
        try:
            decoded: T = msgspec.json.decode(self.body, type=shape)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise ApiUnreachable(self.url, "this is not how the job API answers; is the URL right?") from None
        return decoded

    @property
    def raw(self) -> msgspec.Raw:
        """The JSON, as it came. Raises ApiUnreachable."""
        self.read(object)
        return msgspec.Raw(self.body)


class Problem(msgspec.Struct, frozen=True):
    """RFC 9457, or API Gateway's own ``message``."""

    title: str = ""
    detail: str = ""
    message: str = ""
    code: str = ""
    errors: list[Fault] = []


class Fault(msgspec.Struct, frozen=True):
    path: str = "$"
    detail: str = ""


class Patience(Retry):
    """Says why it waits."""

    def sleep(self, response: urllib3.BaseHTTPResponse | None = None) -> None:
        if response is not None:
            typer.echo(f"the API is busy (HTTP {response.status}): trying again", err=True)
        super().sleep(response)


class Api:
    """One deployment's HTTP API. backoff: seconds, doubled with every further try that was not told when to come back."""

    def __init__(self, url: str, key: str | None, *, backoff: float = 0.25) -> None:
        self.url = _checked(url)
        self._headers = {"Accept": "application/json", **_authorization(key)}
        self._backoff = backoff
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=CONNECTIONS, timeout=TIMEOUT)
        self._has_answered = False

    def get(self, path: str, query: Query | str | None = None, *, etag: str | None = None) -> Answer:
        """query: values that are None are left out; a string is used as it is. etag: 304 comes back while it still holds."""
        headers = {"If-None-Match": etag} if etag else {}
        return self._send("GET", path + _query(query), headers=headers, repeats=True)

    def post(
        self, path: str, body: object = None, *, idempotency_key: str | None = None, repeats: bool = False
    ) -> Answer:
        """repeats: the second time changes nothing more."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._send("POST", path, body, headers=headers, repeats=repeats or idempotency_key is not None)

    def put(self, path: str, body: object) -> Answer:
        return self._send("PUT", path, body, headers={}, repeats=True)

    def delete(self, path: str) -> Answer:
        return self._send("DELETE", path, headers={}, repeats=True)

    def _send(
        self, method: str, path: str, body: object = None, *, headers: Mapping[str, str], repeats: bool
    ) -> Answer:
        """Raises ApiRefused or ApiUnreachable."""
        carries = {} if method in {"GET", "DELETE"} else {"Content-Type": "application/json"}
        try:
            response = self._pool.request(
                method,
                self.url + path,
                body=msgspec.json.encode(body) if carries and body is not None else None,
                headers={**self._headers, **carries, **headers},
                retries=self._patience(repeats=repeats),
                redirect=False,  # the key is for this host only
            )
        except HTTPError as error:
            raise ApiUnreachable(self.url, _reason(error, repeats=repeats)) from None
        self._has_answered = True
        return _accepted(self.url, response)

    def _patience(self, *, repeats: bool) -> Retry:
        if not repeats:
            return Retry(total=False)
        return Patience(
            TRIES,
            connect=TRIES if self._has_answered else 0,  # one that was never there will not come
            allowed_methods=None,
            status_forcelist=BUSY,
            backoff_factor=self._backoff,
            retry_after_max=LONGEST_PAUSE,
            raise_on_status=False,
        )


def path(*segments: str) -> str:
    """Names and ids from people, so that none of them leads elsewhere."""
    return "".join("/" + quote(segment, safe="") for segment in segments)


def _checked(url: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s?#]*", url):
        raise typer.BadParameter(f"{url!r} is no URL of an API: expected something like https://jobs.example.com/api")
    return url.rstrip("/")


def _authorization(key: str | None) -> dict[str, str]:
    if not key:
        return {}
    if not re.fullmatch("[!-~]+", key):
        raise typer.BadParameter("the API key has characters that no key has")
    return {"Authorization": f"Bearer {key}"}


def _query(given: Query | str | None) -> str:
    if given is None or isinstance(given, str):
        return f"?{given}" if given else ""
    present = {name: value for name, value in given.items() if value is not None}
    return f"?{urlencode(present)}" if present else ""


def _accepted(url: str, response: urllib3.BaseHTTPResponse) -> Answer:
    if response.status >= HTTPStatus.MULTIPLE_CHOICES and response.status != HTTPStatus.NOT_MODIFIED:
        raise _refusal(response)
    following = NEXT.search(response.headers.get("Link", ""))
    return Answer(
        url=url,
        status=response.status,
        body=response.data,
        etag=response.headers.get("ETag"),
        following=following[1] if following else None,
    )


def _refusal(response: urllib3.BaseHTTPResponse) -> ApiRefused:
    try:
        problem = msgspec.json.decode(response.data, type=Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        problem = Problem()
    said = problem.detail or problem.message or problem.title
    detail = f"{said} (HTTP {response.status})" if said else f"HTTP {response.status} {response.reason or ''}".rstrip()
    return ApiRefused(response.status, problem.code, detail, [(fault.path, fault.detail) for fault in problem.errors])


def _reason(error: HTTPError, *, repeats: bool) -> str:
    cause: Any = error.reason if isinstance(error, MaxRetryError) and error.reason else error
    if isinstance(cause, NewConnectionError | ConnectTimeoutError):
        return "nothing answers there. Is the API up (make up starts one here), and JOBS_URL or --url right?"
    if isinstance(cause, SSLError):
        return f"no trustworthy connection: {cause}"
    lost = "the connection broke before an answer came"
    return lost if repeats else f"{lost}; it may have been done all the same: look before you repeat it"
