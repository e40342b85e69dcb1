"""One address for everything: `/` dashboard, `/api/…` HTTP, `/ws` WebSocket, as in the cloud.

Not a proxy: requests on the front door's port get another path and go to the emulator's own application. Only what belongs
to the product is reachable this way, not the rest of the emulator.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

NOT_FOUND = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Not found</title>
<h1>Not found</h1>
<p>There is no such page. The <a href="/">dashboard</a> is at the top; the API is below <a href="/api/">/api/</a>.</p>
<p>If the dashboard itself is missing, it has not been built yet: run <code>make up</code>.</p>
</html>
"""
NO_STORE = (b"cache-control", b"no-store")
KEPT = {b"content-type", b"content-length", b"cache-control", b"etag", b"last-modified", b"date", b"accept-ranges"}


@dataclass(frozen=True, kw_only=True)
class FrontDoor:
    """Where the front door's paths lie in the emulator. The stage of both APIs is named "api"."""

    port: int
    rest_api_id: str
    websocket_api_id: str
    bucket: str

    def wrap(self, app: Application) -> Application:
        """The same application, with the front door on its own port."""

        async def with_front_door(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "lifespan" and scope["server"][1] == self.port:
                await self._enter(app, scope, receive, send)
            else:
                await app(scope, receive, send)

        return with_front_door

    async def _enter(self, app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if scope["type"] == "websocket":
            await self._websocket(app, scope, receive, send)
        elif path == "/api" or path.startswith("/api/"):
            await app(self.api(scope), receive, send)
        elif scope["method"] in ("GET", "HEAD"):
            await app(self.page(scope), receive, _as_page(send, scope["method"]))
        else:
            await _refuse(send, 405)

    async def _websocket(self, app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].rstrip("/") == "/ws":
            await app(self.websocket(scope), receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    def api(self, scope: Scope) -> Scope:
        prefix = f"/_aws/execute-api/{self.rest_api_id}"
        return _moved(scope, prefix + scope["path"], prefix.encode() + scope["raw_path"])

    def websocket(self, scope: Scope) -> Scope:
        path = f"/_aws/execute-api/{self.websocket_api_id}/api"
        return _moved(scope, path, path.encode())

    def page(self, scope: Scope) -> Scope:
        """Queries stay outside: to the bucket they would be commands."""
        path = f"/{self.bucket}{scope['path']}"
        if path.endswith("/"):
            path += "index.html"
        return _moved(scope, path, path.encode()) | {"query_string": b""}


def _moved(scope: Scope, path: str, raw_path: bytes) -> dict[str, Any]:
    return {**scope, "path": path, "raw_path": raw_path}


def _as_page(send: Send, method: str) -> Send:
    """Passes a found object on, and answers with a page of ours for any other."""
    missing = False

    async def send_page(message: Message) -> None:
        nonlocal missing
        if message["type"] == "http.response.start":
            missing = message["status"] >= 400
            if missing:
                await _refuse(send, 404, NOT_FOUND, head=method == "HEAD")
            else:
                await send({**message, "headers": [pair for pair in message["headers"] if pair[0].lower() in KEPT]})
        elif not missing:
            await send(message)

    return send_page


async def _refuse(send: Send, status: int, page: bytes = b"", *, head: bool = False) -> None:
    length = (b"content-length", str(len(page)).encode())
    headers = [(b"content-type", b"text/html; charset=utf-8"), length, NO_STORE]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else page})
