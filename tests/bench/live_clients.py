"""Watchers, in a process of their own: ``python -m tests.bench.live_clients ws_url api_url --count 1000 --queues 200``.

Each connects, watches one queue in batches, and remembers the newest version of every job that it is told of. One that is cut
comes back and asks for what it missed; one that is told to read reads its queue over HTTP. Says "ready" once all watch; then
takes one line of JSON, the versions that there are by queue and job, and answers with what the watchers know. With --cuts some
lose their connection at random until then.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from datetime import datetime
from typing import Any

import msgspec
import urllib3
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

AT_ONCE = 10  # that connect
PATIENCE_SECONDS = 120.0


class Watcher:
    """One client."""

    def __init__(self, name: int, queue: str) -> None:
        self.name = name
        self.queue = queue
        self.versions: dict[str, int] = {}
        self.ended: set[str] = set()
        self.waits: list[float] = []
        self.frames = 0
        self.resyncs = 0
        self.cuts = 0
        self.history: list[tuple[float, str, str | None]] = []
        self.client: ClientConnection | None = None
        self.event_id: str | None = None
        self.asked_after: str | None = None
        self.heard_at = time.monotonic()

    def hear(self, jobs: list[dict[str, Any]]) -> None:
        self.heard_at = time.monotonic()
        for job in jobs:
            self.versions[job["id"]] = max(job["version"], self.versions.get(job["id"], 0))
            if job["status"] == "COMPLETED" and job["id"] not in self.ended:
                self.ended.add(job["id"])
                self.waits.append(time.time() - datetime.fromisoformat(job["finished_at"]).timestamp())

    def note(self, what: str) -> None:
        self.history.append((round(time.time(), 2), what, self.event_id))

    def missed_before(self, event_id: str) -> bool:
        """Whether this is another event than it wanted to go on from."""
        return self.asked_after is not None and event_id != self.asked_after

    def subscription(self) -> str:
        self.asked_after = self.event_id
        asked = {"action": "subscribe", "queues": [self.queue], "batch": True}
        return json.dumps(asked | ({"after": self.event_id} if self.event_id else {}))

    def agrees(self, there: dict[str, int]) -> bool:
        return self.versions == there

    def differences(self, there: dict[str, int]) -> list[tuple[str, int | None, int | None]]:
        """Jobs, the version that it knows, and the one that there is."""
        known = self.versions
        return [
            (job, known.get(job), there.get(job)) for job in known.keys() | there if known.get(job) != there.get(job)
        ]


class Crowd:
    """All of them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._ws_url = options.ws_url
        self._api_url = options.api_url
        self._ping_seconds = options.ping
        self._quiet_seconds = options.quiet
        self._cut_seconds = 1 / options.cuts if options.cuts else None
        self._door = asyncio.Semaphore(AT_ONCE)
        self._http = urllib3.PoolManager(
            maxsize=4, retries=urllib3.Retry(5, backoff_factor=0.5, status_forcelist=[500, 503])
        )
        self.watchers = [Watcher(n, f"q{n % options.queues}") for n in range(options.count)]
        self._watching = 0

    async def run(self) -> None:
        tasks = [asyncio.create_task(self._watch(each)) for each in self.watchers]
        while self._watching < len(self.watchers):
            await asyncio.sleep(0.1)
        say("ready")
        tasks.append(asyncio.create_task(self._cut_some()))
        there: dict[str, dict[str, int]] = json.loads(await asyncio.to_thread(sys.stdin.readline))
        tasks.pop().cancel()
        await self._wait_for(there)
        say(json.dumps(self._answer(there)))
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        sys.stderr.writelines(
            f"a watcher died: {end!r}\n" for end in ends if not isinstance(end, asyncio.CancelledError)
        )

    async def _wait_for(self, there: dict[str, dict[str, int]]) -> None:
        """Until all agree, or nothing comes any more."""
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends_at:
            if all(each.agrees(there.get(each.queue, {})) for each in self.watchers):
                return
            if time.monotonic() - max(each.heard_at for each in self.watchers) > self._quiet_seconds:
                return
            await asyncio.sleep(0.2)

    async def _watch(self, watcher: Watcher) -> None:
        first = True
        while True:
            try:
                async with self._door:
                    client = await connect(self._ws_url, open_timeout=60, max_queue=None)
                    watcher.note("connected")
                    await client.send(watcher.subscription())
                    await self._until_subscribed(client, watcher)
                self._watching += first
                first = False
                watcher.client = client
                await self._follow(client, watcher)
            except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError) as error:
                watcher.note(f"cut: {error!r}"[:100])
                watcher.client = None
                watcher.cuts += 1
                await asyncio.sleep(1)

    async def _follow(self, client: ClientConnection, watcher: Watcher) -> None:
        """It asks for a sign of life when it hears nothing: one that is not known any more is cut then."""
        while True:
            try:
                await self._hear(watcher, await asyncio.wait_for(client.recv(), self._ping_seconds))
            except TimeoutError:
                await client.send('{"action":"ping"}')

    async def _cut_some(self) -> None:
        while self._cut_seconds is not None:
            await asyncio.sleep(self._cut_seconds)
            if client := random.choice(self.watchers).client:
                client.transport.abort()

    async def _until_subscribed(self, client: ClientConnection, watcher: Watcher) -> None:
        while True:
            raw = await asyncio.wait_for(client.recv(), 60)
            await self._hear(watcher, raw)
            if b'"Subscribed"' in as_bytes(raw):
                watcher.note("subscribed")
                return

    async def _hear(self, watcher: Watcher, raw: str | bytes) -> None:
        try:
            frame = msgspec.json.decode(as_bytes(raw), type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise ConnectionError(raw) from error
        if "type" not in frame:  # the gateway's own: our function failed
            raise ConnectionError(frame)
        watcher.frames += 1
        watcher.event_id = frame.get("event_id", watcher.event_id)
        if frame["type"] == "JobStatusUpdates":
            watcher.hear(frame["data"])
        elif frame["type"] == "Resync" or (frame["type"] == "Subscribed" and watcher.missed_before(frame["event_id"])):
            watcher.resyncs += 1
            watcher.note("told to read")
            watcher.hear(await asyncio.to_thread(self._read, watcher.queue))

    def _read(self, queue: str) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = []
        url = f"{self._api_url}/jobs?queue={queue}&limit=1000"
        while True:
            page = self._http.request("GET", url + (f"&cursor={jobs[-1]['id']}" if jobs else "")).json()
            jobs += page
            if len(page) < 1_000:
                return jobs

    def _answer(self, there: dict[str, dict[str, int]]) -> dict[str, Any]:
        wrong = [each for watcher in self.watchers for each in watcher.differences(there.get(watcher.queue, {}))]
        worst = max(self.watchers, key=lambda each: (not each.agrees(there.get(each.queue, {})), each.resyncs))
        waits = sorted(wait * 1000 for each in self.watchers for wait in each.waits)
        return {
            "agree": sum(each.agrees(there.get(each.queue, {})) for each in self.watchers),
            "wrong": wrong[:5],
            "frames": sum(each.frames for each in self.watchers),
            "resyncs": sum(each.resyncs for each in self.watchers),
            "most_resyncs": max(each.resyncs for each in self.watchers),
            "worst": worst.history,
            "cuts": sum(each.cuts for each in self.watchers),
            "told": len(waits),
            "p50_ms": statistics.median(waits) if waits else None,
            "p99_ms": waits[int(len(waits) * 0.99)] if waits else None,
        }


def as_bytes(raw: str | bytes) -> bytes:
    return raw.encode() if isinstance(raw, str) else raw


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.live_clients", description=__doc__)
    parser.add_argument("ws_url")
    parser.add_argument("api_url")
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--queues", type=int, default=200)
    parser.add_argument(
        "--ping", type=float, default=120, help="seconds of silence, before a sign of life is asked for"
    )
    parser.add_argument("--quiet", type=float, default=5, help="seconds without a frame: all is told")
    parser.add_argument("--cuts", type=float, default=0, help="a second")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(Crowd(options()).run())
