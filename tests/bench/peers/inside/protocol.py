"""What runs inside a peer's environment: one JSON command a line in, one JSON answer a line out.

A peer's driver is a Driver of its own. Everything is timed here, beside the peer's library, so that the way from the harness
costs a peer nothing.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

BULK_SIZE = 1000  # jobs in one call of a bulk API


class Driver:
    """Submits jobs and counts outcomes, by the peer's own client. ``kind`` is ``noop`` or ``sleep``."""

    async def prepare(self) -> None:
        """Connect, and make the schema in an empty database."""

    async def submit(self, kind: str, number: int) -> None:
        """One job, as an application would."""
        raise NotImplementedError

    async def submit_bulk(self, kind: str, numbers: Sequence[int]) -> None:
        """As many as the peer's own API takes at once; without such an API, one after the other."""
        for number in numbers:
            await self.submit(kind, number)

    async def finished(self) -> int:
        """How many jobs have the outcome that this peer keeps."""
        raise NotImplementedError


def payload(number: int) -> dict[str, Any]:
    return {"number": number, "note": "a small JSON payload"}


def serve(driver: Driver) -> None:
    """Answer commands until the harness hangs up."""
    asyncio.run(_Server(driver).serve())


class _Server:
    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    async def serve(self) -> None:
        """Read beside the event loop, on which a client's own background work goes on."""
        while line := await asyncio.to_thread(sys.stdin.readline):
            command = json.loads(line)
            sys.stdout.write(json.dumps(await self._answer(**command)) + "\n")
            sys.stdout.flush()

    async def _answer(self, do: str, **arguments: Any) -> dict[str, Any]:
        """An error is told, with its traceback in the log."""
        commands: dict[str, Callable[..., Any]] = {
            name.removeprefix("do_"): method for name, method in inspect.getmembers(self, inspect.ismethod)
        }
        try:
            return {"answer": await commands[do](**arguments)}
        except Exception as error:
            traceback.print_exc()
            return {"error": repr(error)}

    async def do_prepare(self) -> None:
        await self._driver.prepare()

    async def do_submit(self, kind: str, first: int, count: int) -> float:
        """Seconds for all, one by one."""
        began = time.perf_counter()
        for number in range(first, first + count):
            await self._driver.submit(kind, number)
        return time.perf_counter() - began

    async def do_submit_bulk(self, kind: str, first: int, count: int) -> float:
        """Seconds for all, in calls of BULK_SIZE."""
        began = time.perf_counter()
        for start in range(first, first + count, BULK_SIZE):
            await self._driver.submit_bulk(kind, range(start, min(start + BULK_SIZE, first + count)))
        return time.perf_counter() - began

    async def do_pace(self, kind: str, first: int, offsets: Sequence[float]) -> list[int]:
        """Submit one job at each of these seconds from now on. Answers when each was begun, on the monotonic clock in ns."""
        began, sent = time.monotonic(), []
        for number, offset in enumerate(offsets, first):
            await _sleep_until(began + offset)
            sent.append(time.monotonic_ns())
            await self._driver.submit(kind, number)
        return sent

    async def do_finished(self) -> int:
        return await self._driver.finished()


async def _sleep_until(moment: float) -> None:
    wait = moment - time.monotonic()
    if wait > 0:
        await asyncio.sleep(wait)
