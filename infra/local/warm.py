"""Calls every function once, so that a person's first call does not wait for a process to start."""

from __future__ import annotations

import base64
import os
import socket
import time
import urllib.error
import urllib.request

from infra.local.ports import LOOPBACK
from infra.local.stack import Stack

PING = b'{"action":"ping"}'
CALL_SECONDS = 30
READY_SECONDS = 30


def warm_up(stack: Stack) -> str | None:
    """What is not well, or None."""
    problem = _wait_for(f"{stack.url}/api/ready")
    return problem or _websocket(stack.ports.front, refused=stack.auth == "on")


def _wait_for(url: str) -> str | None:
    deadline = time.monotonic() + READY_SECONDS
    while problem := _problem_of(url):
        if time.monotonic() > deadline:
            return problem
        time.sleep(0.5)
    return None


def _problem_of(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=CALL_SECONDS):  # noqa: S310
            return None
    except urllib.error.HTTPError as error:
        return f"GET {url} answers {error.code}: {error.read(500).decode(errors='replace')}"
    except OSError as error:
        return f"GET {url}: {error}"


def _websocket(port: int, *, refused: bool) -> str | None:
    """One handshake, one message, goodbye. By hand, as a client library would be for this alone.

    refused: where it takes a ticket, which we have not, the handshake is all there is to warm. AWS says 401, the emulator 403.
    """
    with socket.create_connection((LOOPBACK, port), timeout=CALL_SECONDS) as connection:
        connection.sendall(handshake(port, os.urandom(16)))
        status = connection.recv(4096).split(b"\r\n")[0].decode(errors="replace")
        if refused and (" 401 " in f"{status} " or " 403 " in f"{status} "):
            return None
        if " 101 " not in f"{status} ":
            return f"The WebSocket handshake on /ws was answered with {status!r}"
        connection.sendall(masked(0x1, PING))
        connection.sendall(masked(0x8, b"\x03\xe8"))  # close, "normal"
        connection.recv(4096)
    return None


def handshake(port: int, nonce: bytes) -> bytes:
    lines = (
        "GET /ws HTTP/1.1",
        f"Host: localhost:{port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(nonce).decode()}",
    )
    return "\r\n".join([*lines, "", ""]).encode()


def masked(opcode: int, payload: bytes) -> bytes:
    """A short, whole frame from a client (RFC 6455, 5.2). A mask of zeros leaves the payload as it is."""
    return bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload
