"""The HTTP client of handlers. It goes where jobs may go, and nowhere else.

A name is resolved once; every address it has must be public; then the connection is made to one of exactly these addresses,
so that a second look-up cannot answer differently. Redirects are followed by hand, each through the same gate. Proxies in the
environment are ignored: they would resolve names for us.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from chalicelib.errors import GiveUp
from chalicelib.handlers.addresses import is_public
from chalicelib.handlers.deadlines import Deadline
from chalicelib.handlers.targets import Target
from chalicelib.settings import Settings

if TYPE_CHECKING:
    import ssl

    from urllib3 import BaseHTTPResponse
    from urllib3.connection import HTTPConnection

MOST_REDIRECTS = 5
CHUNK_BYTES = 256 * 1024
USER_AGENT = "job-scheduler"
KEPT_ACROSS_ORIGINS = {"accept", "accept-language", "user-agent", "content-type"}  # any other header may be a secret
KEEPS_METHOD = {307, 308}
REDIRECTS = {301, 302, 303} | KEEPS_METHOD

Allows = Callable[[str], bool]
Resolve = Callable[[str, int], Sequence[str]]


class Unreachable(Exception):
    """No whole answer: the name, the connection or the transfer failed."""

    def __init__(self, target: Target, fault: Exception) -> None:
        super().__init__(f"{target}: {fault}")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    target: Target
    headers: dict[str, str] = {}
    body: bytes | None = None

    def redirected(self, status: int, location: str) -> Request:
        """What to ask at the new place. Raises GiveUp for a place that no request may go to."""
        try:
            target = self.target.join(location)
        except ValueError as fault:
            raise GiveUp(f"{self.target} redirects to where no request may go: {fault}") from None
        moved = self if status in KEEPS_METHOD or self.method == "HEAD" else self._as_get()
        headers = moved.headers if target.origin == self.target.origin else _harmless(moved.headers)
        return msgspec.structs.replace(moved, target=target, headers=headers)

    def _as_get(self) -> Request:
        headers = {name: value for name, value in self.headers.items() if name.lower() != "content-type"}
        return msgspec.structs.replace(self, method="GET", headers=headers, body=None)


class Response:
    """An answer whose body is still on the wire."""

    def __init__(self, target: Target, raw: BaseHTTPResponse, deadline: Deadline) -> None:
        self.target = target
        self.status = raw.status
        self.headers: Mapping[str, str] = raw.headers
        self._raw = raw
        self._deadline = deadline

    @property
    def length(self) -> int | None:
        """What Content-Length promises, in bytes."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isdecimal() else None

    def chunks(self, size: int = CHUNK_BYTES) -> Iterator[bytes]:
        """The body as it was sent. Raises Unreachable when it ends before it should, TooSlow when time is up."""
        while chunk := self._read(size):
            yield chunk

    def first(self, size: int) -> bytes:
        return self._read(size)

    def _read(self, size: int) -> bytes:
        with _faults_named(self.target, self._deadline):
            return self._raw.read(size, decode_content=False)


class Client:
    """Sends requests to addresses that are allowed."""

    def __init__(self, allows: Allows, resolve: Resolve | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._allows = allows
        self._resolve = resolve or _addresses
        self._tls = tls

    @classmethod
    def within(cls, settings: Settings) -> Client:
        return cls(_anywhere if settings.allow_private_addresses else is_public)

    @contextmanager
    def send(self, request: Request, *, seconds: float, follow: bool = True) -> Iterator[Response]:
        """seconds: for everything, until the last byte of the body. Raises GiveUp, Unreachable or TooSlow."""
        with Deadline(seconds) as deadline:
            for _ in range(MOST_REDIRECTS + 1):
                with self._exchange(request, deadline) as response:
                    location = response.headers.get("location")
                    if not follow or response.status not in REDIRECTS or location is None:
                        yield response
                        return
                    request = request.redirected(response.status, location)
            raise GiveUp(f"more than {MOST_REDIRECTS} redirects; the last led to {request.target}")

    @contextmanager
    def _exchange(self, request: Request, deadline: Deadline) -> Iterator[Response]:
        target = request.target
        with closing(self._connect(target, deadline)) as connection:
            with _faults_named(target, deadline):
                headers = {"user-agent": USER_AGENT, "accept-encoding": "identity", **_lowered(request.headers)}
                headers["host"] = target.authority
                connection.request(request.method, target.path, request.body, headers, preload_content=False)
                raw = connection.getresponse()
            yield Response(target, raw, deadline)

    def _connect(self, target: Target, deadline: Deadline) -> HTTPConnection:
        """To the first address that answers."""
        fault: Exception | None = None
        for address in self._allowed(target):
            try:
                return self._connect_to(address, target, deadline)
            except Unreachable as refused:
                fault = refused
        raise fault or Unreachable(target, OSError("the name has no address"))

    def _connect_to(self, address: str, target: Target, deadline: Deadline) -> HTTPConnection:
        connection = self._connection(address, target, deadline.idle_seconds())
        with _faults_named(target, deadline):
            connection.connect()
        if connection.sock is not None:
            deadline.guard(connection.sock)
        return connection

    def _connection(self, address: str, target: Target, timeout: float) -> HTTPConnection:
        from urllib3.connection import HTTPConnection, HTTPSConnection  # slow to import, and the API only wants schemas

        if target.scheme == "http":
            return HTTPConnection(address, target.port, timeout=timeout)
        tls = self._tls or _trusting()
        return HTTPSConnection(address, target.port, timeout=timeout, server_hostname=target.host, ssl_context=tls)

    def _allowed(self, target: Target) -> Sequence[str]:
        with _faults_named(target):
            addresses = self._resolve(target.host, target.port)
        if not all(map(self._allows, addresses)):
            raise GiveUp(f"{target.host} has an address that is not public; jobs may not reach it")
        return addresses


def _anywhere(address: str) -> bool:
    return True


def _addresses(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _harmless(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() in KEPT_ACROSS_ORIGINS}


@cache
def _trusting() -> ssl.SSLContext:
    import ssl

    return ssl.create_default_context()


@contextmanager
def _faults_named(target: Target, deadline: Deadline | None = None) -> Iterator[None]:
    """Whatever breaks becomes Unreachable; once the deadline is over, it was the deadline that broke it."""
    from http.client import HTTPException

    from urllib3.exceptions import HTTPError

    try:
        yield
    except (HTTPError, HTTPException, OSError, UnicodeError) as fault:
        if deadline is not None:
            deadline.check()
        raise Unreachable(target, fault) from fault
    if deadline is not None:
        deadline.check()
