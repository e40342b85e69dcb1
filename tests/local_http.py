"""A real HTTP server on loopback, whose answers a test writes."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Exchange = BaseHTTPRequestHandler
Answer = Callable[[Exchange], None]


@dataclass(frozen=True)
class Seen:
    """One request, as the server got it. Header names are lower-case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def answer(body: bytes = b"", status: int = 200, **headers: str) -> Answer:
    """Headers are given as ``content_type="text/csv"``. Content-Length is right unless given."""

    def send(exchange: Exchange) -> None:
        exchange.send_response(status)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"content-length": str(len(body)), **named}.items():
            exchange.send_header(name, value)
        exchange.end_headers()
        exchange.wfile.write(body)

    return send


def redirect(location: str, status: int = 302) -> Answer:
    return answer(status=status, location=location)


def raw(whole: bytes) -> Answer:
    """Exactly these bytes, then the connection is closed."""

    def send(exchange: Exchange) -> None:
        exchange.wfile.write(whole)

    return send


class LocalServer:
    """Answers by path; use with ``with``. Unknown paths get 404."""

    def __init__(self, answers: dict[str, Answer], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.seen: list[Seen] = []
        self.answers = answers
        self.host = host
        self.over = threading.Event()  # an answer that stalls waits on this, so that it ends with the test
        self._server = _Server((host, 0), _handler(self))
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> LocalServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str = "/", host: str | None = None, scheme: str = "http") -> str:
        return f"{scheme}://{host or self.host}:{self.port}{path}"

    def drip(self, head: bytes, piece: bytes) -> Answer:
        """Sends a head at once, then a piece every 20 ms until the test is over or the client has left."""

        def send(exchange: Exchange) -> None:
            exchange.wfile.write(head)
            while not self.over.wait(0.02):
                exchange.wfile.write(piece)

        return send


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave early are what some tests are about."""


def _handler(server: LocalServer) -> type[Exchange]:
    class Handler(Exchange):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.seen.append(Seen(self.command, self.path, headers, body))
            server.answers.get(self.path.partition("?")[0], answer(status=404))(self)

        def log_message(self, *args: Any) -> None:
            pass

    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._answer)
    return Handler
