from __future__ import annotations

import asyncio
from typing import Any

import pytest

from infra.local.dashboard import ALWAYS_ASK, FOREVER, cache_control, content_type
from infra.local.front_door import FrontDoor, Message, Receive, Scope, Send

DOOR = FrontDoor(port=8000, rest_api_id="rest", websocket_api_id="sockets", bucket="pages")


def http(path: str, *, method: str = "GET", port: int = 8000, query: bytes = b"") -> dict[str, Any]:
    raw_path = path.replace(" ", "%20").encode()
    place = {"path": path, "raw_path": raw_path, "query_string": query}
    return {"type": "http", "method": method, "server": ("127.0.0.1", port)} | place


class Emulator:
    """Remembers what it was asked, and answers with one status."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.asked: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope)
        headers = [(b"content-type", b"text/plain"), (b"x-amz-request-id", b"1")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"theirs"})


def ask(emulator: Emulator, scope: dict[str, Any]) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": f"{scope['type']}.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(DOOR.wrap(emulator)(scope, receive, send))
    return sent


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("/api", "/_aws/execute-api/rest/api"),
        ("/api/", "/_aws/execute-api/rest/api/"),
        ("/api/jobs", "/_aws/execute-api/rest/api/jobs"),
        ("/", "/pages/index.html"),
        ("/assets/a.js", "/pages/assets/a.js"),
        ("/apiary", "/pages/apiary"),
        ("/_ministack/reset", "/pages/_ministack/reset"),
    ],
)
def test_each_path_has_its_place_in_the_emulator(path: str, inside: str) -> None:
    emulator = Emulator()

    ask(emulator, http(path))

    assert emulator.asked[0]["path"] == inside
    assert emulator.asked[0]["raw_path"] == inside.encode()


def test_the_api_gets_its_query_and_its_path_as_it_was_written() -> None:
    emulator = Emulator()

    ask(emulator, http("/api/queues/a b", query=b"limit=1"))

    assert emulator.asked[0]["query_string"] == b"limit=1"
    assert emulator.asked[0]["raw_path"] == b"/_aws/execute-api/rest/api/queues/a%20b"


def test_a_query_on_a_page_is_no_command_to_the_bucket() -> None:
    emulator = Emulator()

    ask(emulator, http("/", query=b"acl"))

    assert emulator.asked[0]["query_string"] == b""


def test_the_emulators_own_port_is_left_alone() -> None:
    emulator = Emulator()
    scope = http("/", port=4566)

    ask(emulator, scope)

    assert emulator.asked == [scope]


def test_nobody_writes_to_the_dashboard() -> None:
    emulator = Emulator()

    sent = ask(emulator, http("/index.html", method="PUT"))

    assert sent[0]["status"] == 405
    assert emulator.asked == []


@pytest.mark.parametrize("status", [403, 404])
def test_a_missing_page_is_answered_with_one_of_ours(status: int) -> None:
    sent = ask(Emulator(status), http("/nowhere"))

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 404
    assert b"Not found" in sent[1]["body"]


def test_a_found_page_says_nothing_about_the_bucket() -> None:
    sent = ask(Emulator(), http("/"))

    assert sent[0]["headers"] == [(b"content-type", b"text/plain")]


@pytest.mark.parametrize(("path", "inside"), [("/ws", ["/_aws/execute-api/sockets/api"]), ("/other", [])])
def test_only_ws_is_a_websocket(path: str, inside: list[str]) -> None:
    emulator = Emulator()

    ask(emulator, http(path) | {"type": "websocket"})

    assert [scope["path"] for scope in emulator.asked] == inside


def test_assets_are_kept_for_ever_and_pages_are_asked_for() -> None:
    assert cache_control("assets/index-1a2b.js") == FOREVER
    assert cache_control("index.html") == ALWAYS_ASK


def test_text_is_utf_8() -> None:
    assert content_type("index.html") == "text/html; charset=utf-8"
    assert content_type("a.woff2") == "font/woff2"
    assert content_type("nothing") == "application/octet-stream"
