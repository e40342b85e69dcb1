"""How frames are posted, and what becomes of what the gateway answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest

from chalicelib.errors import ConnectionGone, GatewayUnavailable
from chalicelib.gateway import Gateway


class Server(ThreadingHTTPServer):
    """Stands in for API Gateway: answers as it is told, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.status = 200
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_DELETE = do_POST  # noqa: N815 (as http.server wants it)

    def log_message(self, *_: Any) -> None:
        """Quietly."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def gateway(server: Server) -> Gateway:
    session = boto3.Session("id", "secret", region_name="eu-west-1")
    return Gateway(f"http://127.0.0.1:{server.server_port}/{{api_id}}/{{stage}}", lambda: session)


def test_a_frame_is_posted_signed_to_its_connection(gateway: Gateway, server: Server) -> None:
    gateway.send("a", "s", "c=", b"frame")

    ((method, path, headers, body),) = server.asked
    assert (method, path, body) == ("POST", "/a/s/@connections/c%3D", b"frame")
    assert "Credential=id/" in headers["Authorization"]
    assert "/eu-west-1/execute-api/aws4_request" in headers["Authorization"]


def test_a_connection_is_cut(gateway: Gateway, server: Server) -> None:
    gateway.cut("a", "s", "c")

    assert [(method, path) for method, path, *_ in server.asked] == [("DELETE", "/a/s/@connections/c")]


@pytest.mark.parametrize(
    ("status", "error"), [(410, ConnectionGone), (429, GatewayUnavailable), (500, GatewayUnavailable)]
)
def test_a_client_that_left_is_told_from_a_gateway_that_refuses(
    gateway: Gateway, server: Server, status: int, error: type[Exception]
) -> None:
    server.status = status

    with pytest.raises(error):
        gateway.send("a", "s", "c", b"frame")


def test_a_gateway_that_does_not_listen_is_unavailable() -> None:
    with pytest.raises(GatewayUnavailable):
        Gateway("http://127.0.0.1:9/{api_id}", lambda: boto3.Session("id", "secret", region_name="x")).send(
            "a", "s", "c", b""
        )


@pytest.mark.parametrize("session", [boto3.Session("id", "secret"), boto3.Session(region_name="x")])
def test_a_gateway_that_cannot_even_be_asked_is_unavailable(
    session: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker without a region or credentials must not die of it."""
    monkeypatch.setattr(boto3.Session, "region_name", session.region_name if session.region_name == "x" else None)
    monkeypatch.setattr(session, "get_credentials", lambda: None)

    with pytest.raises(GatewayUnavailable):
        Gateway("http://127.0.0.1:9/{api_id}/{stage}", lambda: session).cut("a", "s", "c")
