"""Does it work, as its users reach it? A page, a refusal, a job that runs, and a WebSocket that is told.

Where functions have no way out, no frame can be posted: then a WebSocket has to open, and that is all.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import urllib3
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from infra.local.steps import StepFailed

READY_SECONDS = 180.0  # a new distribution's name takes a minute to be known everywhere
JOB_SECONDS = 120.0  # at worst the next minute's tick finds it
POLL_SECONDS = 2.0
ADVICE = (
    "All is in place, and nothing was taken back. The functions' logs in CloudWatch tell more; then run `make deploy` again. "
    "To look at it with a key of your own meanwhile: make deploy-key NAME=me"
)
Problem = str | None


class Smoke:
    """One stage at its public address."""

    def __init__(self, address: str, key: str, *, has_frames: bool = True) -> None:
        self._address = address
        self._key = {"Authorization": f"Bearer {key}"}
        self._has_frames = has_frames
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(total=35), retries=False)

    def run(self) -> str:
        """Says what was seen. Raises StepFailed."""
        _wait_for(self._page, READY_SECONDS)
        _wait_for(self._readiness, READY_SECONDS)
        try:
            self._refusal()
            return self._job()
        except urllib3.exceptions.HTTPError as error:
            raise StepFailed(f"{self._address} answers no more: {error}", ADVICE) from error

    def _page(self) -> Problem:
        answer = self._get("/")
        is_ours = answer.status == 200 and b"<html" in answer.data
        return None if is_ours else f"GET {self._address}/ is answered with {answer.status}: {answer.data[:200]!r}"

    def _readiness(self) -> Problem:
        answer = self._get("/api/ready")
        return (
            None if answer.status == 200 else f"GET /api/ready is answered with {answer.status}: {answer.data[:500]!r}"
        )

    def _refusal(self) -> None:
        status = self._get("/api/jobs").status
        if status != 401:
            raise StepFailed(f"GET /api/jobs without a key is answered with {status}, not 401.", ADVICE)

    def _job(self) -> str:
        """Told of it, or at least done: the WebSocket first, so that nothing is missed."""
        began = time.monotonic()
        with self._watcher() as watcher:
            job_id = self._post("/api/jobs", {"job_type": "echo", "payload": "smoke"}, 201)["id"]
            told = self._has_frames and _told_of(watcher, job_id)
        _wait_for(lambda: self._completed(job_id), JOB_SECONDS)
        if self._has_frames and not told:
            raise StepFailed("A job was done, and the WebSocket was not told.", ADVICE)
        return f"a job was done{' and told of' if told else ''} after {time.monotonic() - began:.1f} s"

    def _watcher(self) -> ClientConnection:
        ticket = self._post("/api/ws-tickets", None, 201)["ticket"]
        address = f"{self._address.replace('http', 'ws', 1)}/ws?ticket={ticket}"
        try:
            watcher = connect(address, open_timeout=35)
            if self._has_frames:
                watcher.send(json.dumps({"action": "ping"}))
                watcher.recv(timeout=35)
        except (WebSocketException, OSError) as error:
            raise StepFailed(f"The WebSocket at /ws does not open: {error}", ADVICE) from error
        return watcher

    def _completed(self, job_id: str) -> Problem:
        job = json.loads(self._get(f"/api/jobs/{job_id}", self._key).data)
        return (
            None if job["status"] == "COMPLETED" else f"The job {job_id} is {job['status']} after {JOB_SECONDS:.0f} s."
        )

    def _get(self, path: str, headers: dict[str, str] | None = None) -> urllib3.BaseHTTPResponse:
        return self._http.request("GET", self._address + path, headers=headers)

    def _post(self, path: str, body: object, status: int) -> dict[str, Any]:
        answer = self._http.request("POST", self._address + path, json=body, headers=self._key)
        if answer.status != status:
            raise StepFailed(f"POST {path} is answered with {answer.status}: {answer.data[:500]!r}", ADVICE)
        content: dict[str, Any] = answer.json()
        return content


def _told_of(watcher: ClientConnection, job_id: str) -> bool:
    deadline = time.monotonic() + JOB_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        try:
            frame = str(watcher.recv(timeout=left))
        except (TimeoutError, WebSocketException):
            return False
        if job_id in frame and "COMPLETED" in frame:
            return True
    return False


def _wait_for(look: Callable[[], Problem], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while problem := _outcome(look):
        if time.monotonic() > deadline:
            raise StepFailed(problem, ADVICE)
        time.sleep(POLL_SECONDS)


def _outcome(look: Callable[[], Problem]) -> Problem:
    """An address that is not known yet is a problem like any other."""
    try:
        return look()
    except (urllib3.exceptions.HTTPError, ValueError, KeyError) as error:
        return f"{type(error).__name__}: {error}"
