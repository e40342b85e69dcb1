"""The ``jobs`` command against a real HTTP server whose answers a test writes."""

from __future__ import annotations

import io
import itertools
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from chalicelib import cli
from tests.local_http import Answer, Exchange, LocalServer, Seen, answer

JOB_ID = "01968f2e-7c3a-7d10-8a4b-0123456789ab"


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return msgspec.json.decode(self.out)


class Jobs:
    """Calls the command's own entry point; ``answers`` by path below /api."""

    def __init__(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, server: LocalServer
    ) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        self._server = server

    def __call__(self, *arguments: str, stdin: bytes = b"", is_terminal: bool = False, key: str | None = None) -> Ran:
        self._monkeypatch.setenv("JOBS_URL", self._server.url("/api"))
        self._monkeypatch.setenv("JOBS_KEY", key or "")
        self._monkeypatch.setattr(sys, "stdin", _Keyboard(stdin, is_terminal=is_terminal))
        try:
            status: Any = cli.main(list(arguments))
        except SystemExit as end:
            status = end.code or 0
        said = self._capsys.readouterr()
        return Ran(status, said.out, said.err)

    def answers(self, path: str, *in_turn: Answer) -> None:
        self._server.answers[f"/api{path}"] = turns(*in_turn)

    @property
    def requests(self) -> list[Seen]:
        return self._server.seen

    @property
    def bodies(self) -> list[Any]:
        return [msgspec.json.decode(seen.body) for seen in self.requests if seen.body]

    @property
    def queries(self) -> list[dict[str, str]]:
        return [query_of(seen) for seen in self.requests]


class _Keyboard(io.TextIOWrapper):
    def __init__(self, typed: bytes, *, is_terminal: bool) -> None:
        super().__init__(io.BytesIO(typed))
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def turns(*in_turn: Answer) -> Answer:
    """One answer after the other; the last stays."""
    coming = itertools.chain(in_turn, itertools.repeat(in_turn[-1]))
    return lambda exchange: next(coming)(exchange)


def says(value: object, status: int = 200, **headers: str) -> Answer:
    return answer(msgspec.json.encode(value), status, content_type="application/json", **headers)


def refuses(status: int, code: str, detail: str, *faults: tuple[str, str], **headers: str) -> Answer:
    errors = [{"path": path, "detail": fault} for path, fault in faults]
    return says({"title": "No", "status": status, "code": code, "detail": detail, "errors": errors}, status, **headers)


def breaks_off(exchange: Exchange) -> None:
    exchange.connection.close()


def query_of(seen: Seen) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(seen.path).query).items()}


def a_job(status: str = "QUEUED", **fields: object) -> dict[str, object]:
    """As the API shows it."""
    return {
        "id": JOB_ID,
        "job_type": "echo",
        "payload": {"n": 1},
        "status": status,
        "result": None,
        "created_at": ago(seconds=90),
        "started_at": None,
        "finished_at": None,
        "worker_id": None,
        "queue": "default",
        "priority": 0,
        "run_at": ago(seconds=90),
        "attempt": 1,
        "max_attempts": 3,
        "version": 1,
        "error": None,
        "progress": None,
        "tags": [],
        "timeout_seconds": 60.0,
        "cancel_requested_at": None,
        **fields,
    }


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
