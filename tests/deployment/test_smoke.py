"""What the smoke test of a deployment does not let pass. That it passes what works is seen in ``test_deploy``."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from infra.aws import smoke
from infra.aws.smoke import Smoke
from infra.local.ports import free_port
from infra.local.steps import StepFailed

Answers = dict[str, tuple[int, str]]
Serve = Callable[[Answers], str]
WELL: Answers = {"GET /": (200, "<html>"), "GET /api/ready": (200, "{}"), "GET /api/jobs": (401, "{}")}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("READY_SECONDS", "JOB_SECONDS", "POLL_SECONDS"):
        monkeypatch.setattr(smoke, name, 0.0)


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[ThreadingHTTPServer] = []

    def start(answers: Answers) -> str:
        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, body = answers.get(f"{self.command} {self.path}", (500, "no such answer"))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST = answer  # noqa: N815 - as http.server calls them

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - likewise
                """Nothing."""

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("has_frames", [True, False])
@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"GET /": (403, "AccessDenied")}, "GET http.*/ is answered with 403"),
        ({"GET /": (200, "a listing")}, "GET http.*/ is answered with 200"),
        ({"GET /api/ready": (503, "postgres")}, "/api/ready is answered with 503"),
        ({"GET /api/jobs": (200, "[]")}, "without a key is answered with 200, not 401"),
        ({"POST /api/ws-tickets": (500, "")}, "POST /api/ws-tickets is answered with 500"),
        ({"POST /api/ws-tickets": (201, json.dumps({"ticket": "t"}))}, "The WebSocket at /ws does not open"),
    ],
)
def test_what_is_not_well_is_said(serve: Serve, changed: Answers, problem: str, *, has_frames: bool) -> None:
    with pytest.raises(StepFailed, match=problem) as failed:
        Smoke(serve(WELL | changed), "key", has_frames=has_frames).run()
    assert "make deploy-key" in failed.value.advice


class Silent:
    """A WebSocket on which nothing comes."""

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *_: object) -> None:
        """It was never open."""

    def send(self, frame: str) -> None:
        """Nobody answers."""

    def recv(self, timeout: float) -> str:
        raise TimeoutError


DONE: Answers = {
    "POST /api/ws-tickets": (201, '{"ticket": "t"}'),
    "POST /api/jobs": (201, '{"id": "1"}'),
    "GET /api/jobs/1": (200, '{"status": "COMPLETED"}'),
}


def test_a_job_that_was_done_without_anybody_being_told_is_not_well(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = Smoke(serve(WELL | DONE), "key")
    monkeypatch.setattr(smoke, "JOB_SECONDS", 5.0)
    monkeypatch.setattr(test, "_watcher", Silent)

    with pytest.raises(StepFailed, match="the WebSocket was not told"):
        test.run()


def test_a_websocket_that_opens_and_stays_silent_is_well_only_where_there_are_no_frames(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "connect", lambda _, **__: Silent())
    address = serve(WELL | DONE)

    with pytest.raises(StepFailed, match="does not open"):
        Smoke(address, "key").run()
    assert Smoke(address, "key", has_frames=False).run().startswith("a job was done after")


def test_an_address_that_nobody_knows_is_said_so() -> None:
    with pytest.raises(StepFailed, match=r"NewConnectionError|MaxRetryError"):
        Smoke(f"http://127.0.0.1:{free_port()}", "key").run()
