"""Where handlers run: threads, one event loop, and child processes behind the threads.

Plain handlers wait in one line for a free thread. Coroutines wait in another for a free place on the loop. Both lines hold no
more than what ``Hand.room`` lets the fetcher bring.
"""

from __future__ import annotations

import asyncio
import ctypes
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

from chalicelib.attempt import Attempt
from chalicelib.errors import AttemptStopped
from chalicelib.executor import Executor
from chalicelib.handlers.registry import Registry

OnEnd = Callable[[Attempt], None]  # told once an attempt has its outcome
OnFailure = Callable[[], None]  # told when a slot is lost, which must not happen in silence


class Slots:
    """Runs attempts, ``count`` at once of each kind."""

    def __init__(
        self, *, count: int, registry: Registry, executor: Executor, on_end: OnEnd, on_failure: OnFailure
    ) -> None:
        self._registry = registry
        self._threads = ThreadSlots(count, executor, on_end, on_failure)
        self._loop = LoopSlots(count, executor, on_end, on_failure)

    def start(self, attempts: Iterable[Attempt]) -> None:
        """Or let them wait for a free slot."""
        coroutines = []
        for attempt in attempts:
            job_type = self._registry.find(attempt.job.job_type)
            if job_type is not None and job_type.is_async and job_type.isolation == "thread":
                coroutines.append(attempt)
            else:
                self._threads.put(attempt)
        if coroutines:
            self._loop.put(coroutines)

    def running(self) -> list[Attempt]:
        """Those whose handlers have begun."""
        return [*self._threads.running(), *self._loop.running()]

    def take_back(self, keep: int = 0) -> list[Attempt]:
        """What no handler has begun, but the first ``keep`` of each kind."""
        return [*self._threads.take_back(keep), *self._loop.take_back(keep)]

    def abandon(self, attempt: Attempt) -> None:
        """Its handler does not stop. Another one gets its slot, and what it may still say is ignored."""
        self._threads.abandon(attempt)
        self._loop.abandon(attempt)

    def close(self) -> None:
        """Begin nothing more. What is busy ends with the process."""
        self._threads.close()
        self._loop.close()


class ThreadSlots:
    """A pool of threads, and the line before it."""

    def __init__(self, count: int, executor: Executor, on_end: OnEnd, on_failure: OnFailure) -> None:
        self._waiting: queue.SimpleQueue[Attempt | None] = queue.SimpleQueue()
        self._new_slot = partial(ThreadSlot, self._waiting, executor, on_end, on_failure)
        self._slots = [self._new_slot() for _ in range(count)]

    def put(self, attempt: Attempt) -> None:
        self._waiting.put(attempt)

    def running(self) -> list[Attempt]:
        return [attempt for slot in self._slots if (attempt := slot.current) is not None]

    def take_back(self, keep: int) -> list[Attempt]:
        waiting: list[Attempt | None] = []
        with suppress(queue.Empty):
            while True:
                waiting.append(self._waiting.get_nowait())
        for attempt in waiting[:keep]:
            self._waiting.put(attempt)
        return [attempt for attempt in waiting[keep:] if attempt is not None]

    def abandon(self, attempt: Attempt) -> None:
        for slot in [slot for slot in self._slots if slot.current is attempt]:
            slot.is_abandoned = True
            self._slots.remove(slot)
            self._slots.append(self._new_slot())

    def close(self) -> None:
        for _ in self._slots:
            self._waiting.put(None)


class ThreadSlot:
    """One thread, and the attempt that it runs."""

    def __init__(
        self,
        waiting: queue.SimpleQueue[Attempt | None],
        executor: Executor,
        on_end: OnEnd,
        on_failure: OnFailure,
    ) -> None:
        self._waiting = waiting
        self._executor = executor
        self._on_end = on_end
        self._on_failure = on_failure
        self._lock = threading.Lock()
        self.current: Attempt | None = None
        self.is_abandoned = False
        # A daemon: a handler that outlives its grace must not keep the process.
        self._thread = threading.Thread(target=self._run, name="slot", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        ended_well = False
        try:
            self._run_attempts()
            ended_well = True
        finally:
            if not ended_well:
                self._on_failure()

    def _run_attempts(self) -> None:
        while (attempt := self._waiting.get()) is not None:
            self._run_attempt(attempt)
            if self.is_abandoned:
                return
            self._on_end(attempt)

    def _run_attempt(self, attempt: Attempt) -> None:
        """An interrupt may arrive when the handler has just ended: it must get no further than this."""
        attempt.began_at = time.monotonic()
        self.current = attempt
        try:
            attempt.interrupt = self._interrupt
            attempt.outcome = self._executor.run(attempt)
            self._let_go(attempt)
        except AttemptStopped as late:
            attempt.outcome = self._executor.ended(attempt, late)
            self._let_go(attempt)

    def _interrupt(self, attempt: Attempt) -> None:
        """Raise AttemptStopped in the handler: at its next step in Python, not inside a call that blocks."""
        with self._lock:
            if self.current is attempt:
                _raise_in(self._thread, AttemptStopped)

    def _let_go(self, attempt: Attempt) -> None:
        """No lock for an attempt that nobody stops: its reason is set before anybody looks at ``current``."""
        self.current = None
        attempt.interrupt = None
        if attempt.reason is not None:
            with self._lock:
                _raise_in(self._thread, None)  # what was not delivered yet


def _raise_in(thread: threading.Thread, error: type[BaseException] | None) -> None:
    """None takes back what the thread has not met yet. Source: PyThreadState_SetAsyncExc in Python's C API."""
    what = ctypes.py_object() if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), what)


class LoopSlots:
    """One event loop on a thread of its own, started with the first coroutine."""

    def __init__(self, count: int, executor: Executor, on_end: OnEnd, on_failure: OnFailure) -> None:
        self._count = count
        self._executor = executor
        self._on_end = on_end
        self._on_failure = on_failure
        self._waiting: deque[Attempt] = deque()
        self._tasks: dict[Attempt, asyncio.Task[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def put(self, attempts: Iterable[Attempt]) -> None:
        self._waiting.extend(attempts)
        self._running_loop().call_soon_threadsafe(self._fill)

    def running(self) -> list[Attempt]:
        return [*self._tasks]

    def take_back(self, keep: int) -> list[Attempt]:
        taken: list[Attempt] = []
        with suppress(IndexError):
            while len(self._waiting) > keep:
                taken.append(self._waiting.pop())
        return taken[::-1]

    def abandon(self, attempt: Attempt) -> None:
        if self._loop is not None and self._tasks.pop(attempt, None) is not None:
            self._loop.call_soon_threadsafe(self._fill)

    def close(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=_run, args=(self._loop,), name="loop", daemon=True).start()
        return self._loop

    def _fill(self) -> None:
        with suppress(IndexError):
            while len(self._tasks) < self._count:
                self._begin(self._waiting.popleft())

    def _begin(self, attempt: Attempt) -> None:
        attempt.began_at = time.monotonic()
        self._tasks[attempt] = asyncio.get_running_loop().create_task(self._run(attempt))
        attempt.interrupt = self._interrupt

    def _interrupt(self, attempt: Attempt) -> None:
        task = self._tasks.get(attempt)
        if task is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(task.cancel)

    async def _run(self, attempt: Attempt) -> None:
        attempt.outcome = await self._executor.run_async(attempt)
        if self._tasks.pop(attempt, None) is None:
            return  # abandoned
        try:
            self._on_end(attempt)
        except BaseException:
            self._on_failure()
            raise
        self._fill()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Until it is stopped."""
    try:
        loop.run_forever()
    finally:
        loop.close()
