"""Take, claim, run, settle, until told to stop: one engine for the container and both Lambdas.

Threads: this one fetches, ``slots`` run handlers, one settles, one keeps leases, one watches the clock, one listens for the
bell. They meet in ``Hand``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from chalicelib.attempt import Attempt, StopReason
from chalicelib.errors import QueueUnavailable, StoreUnavailable
from chalicelib.executor import Executor
from chalicelib.fetcher import Fetched, Fetcher
from chalicelib.hand import Hand
from chalicelib.handlers.registry import Registry
from chalicelib.jobs import ClaimedJob, Job, Released
from chalicelib.leases import Keeper
from chalicelib.queues import Queues
from chalicelib.settings import Settings
from chalicelib.settler import Settler
from chalicelib.slots import Slots
from chalicelib.threads import Helpers
from chalicelib.timekeeper import Timekeeper
from chalicelib.workers import Workers

logger = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(seconds=1)  # when no bell rings: Redis may have lost the message
LINGER = timedelta(seconds=5)  # a Lambda waits this long for a retry, rather than leave it to the next minute
BREATH_SECONDS = 0.05
RETRY_SECONDS = 1.0  # between looks while Redis or Postgres is away
FOREVER = timedelta(days=3650)
NOTHING = Fetched([], None)


class Budget:
    """How long a worker may go on."""

    def __init__(self, length: timedelta = FOREVER, *, until_empty: bool = False) -> None:
        self._ends_at = time.monotonic() + length.total_seconds()
        self.until_empty = until_empty

    @property
    def left(self) -> timedelta:
        return timedelta(seconds=max(0.0, self._ends_at - time.monotonic()))


class Worker:
    """Runs jobs."""

    def __init__(
        self,
        *,
        worker_id: str,
        settings: Settings,
        registry: Registry,
        queues: Queues,
        workers: Workers,
        fetcher: Fetcher,
        executor: Executor,
        settler: Settler,
        keeper: Keeper,
        hand: Hand,
    ) -> None:
        self.worker_id = worker_id
        self._settings = settings
        self._queues = queues
        self._workers = workers
        self._fetcher = fetcher
        self._settler = settler
        self._keeper = keeper
        self._hand = hand
        self._slots = Slots(
            count=hand.slots, registry=registry, executor=executor, on_end=self._end, on_failure=self.stop
        )
        self._executor = executor
        self._timekeeper = Timekeeper(
            slots=self._slots, hand=hand, on_abandoned=self._give_up_on, release=self._release
        )
        self._stopping = threading.Event()
        self._hurrying = threading.Event()
        self._closed = threading.Event()
        self._misfits: dict[UUID, Job] = {}
        self._names: list[str] = []
        self._names_read_at = 0.0

    def stop(self) -> None:
        """Take nothing more; ``run`` returns when what was started has ended. Called again: at once. Safe in a signal handler."""
        if self._stopping.is_set():
            self._hurrying.set()
        self._stopping.set()
        self._hand.changed.set()

    @property
    def completed(self) -> int:
        """Jobs so far."""
        return self._settler.completed

    @property
    def failed(self) -> int:
        return self._settler.failed

    def run(self, budget: Budget, grace: timedelta) -> int:
        """Returns the number of attempts made. grace: how long started jobs may go on after ``stop`` or the budget's end."""
        with self._threads():
            attempts = self._fetch_until_told(budget)
            self._release(self._slots.take_back())
            self._wait_for_running(grace)
            self._release(self._hand.running())
        self._put_back_misfits()
        return attempts

    def _fetch_until_told(self, budget: Budget) -> int:
        attempts = 0
        turn = 0
        while not self._stopping.is_set() and budget.left:
            self._hand.changed.clear()
            room = self._hand.room()
            found, next_due = self._look(room, turn, budget) if room else (NOTHING, LOOK_AGAIN)
            attempts += len(found.jobs)
            turn += 1
            if found.jobs:
                continue
            if found.taken:
                # All of it was stale, or too long for us, or not yet due by Postgres's clock. There may be more behind it.
                self._stopping.wait(BREATH_SECONDS)
                continue
            if budget.until_empty and self._hand.is_empty and next_due > LINGER:
                break
            self._hand.changed.wait(min(next_due, LOOK_AGAIN, budget.left).total_seconds())
        return attempts

    def _look(self, room: int, turn: int, budget: Budget) -> tuple[Fetched, timedelta]:
        """Fetch once. Returns what came, and how long until the next job is due."""
        try:
            names = self._queue_names()
            first = turn % max(1, len(names))  # another queue has the first turn each time
            asked_at = time.monotonic()
            fetched = self._fetcher.fetch(names[first:] + names[:first], room, budget.left)
        except (QueueUnavailable, StoreUnavailable) as error:
            logger.warning("cannot look for jobs now", extra={"reason": str(error)})
            self._stopping.wait(RETRY_SECONDS)
            return NOTHING, FOREVER
        self._start(fetched.jobs, asked_at)
        if fetched.taken:
            self._misfits.update({job.id: job for job in self._fetcher.follow_up(fetched, budget.left)})
        return fetched, FOREVER if fetched.next_due is None else fetched.next_due

    def _queue_names(self) -> list[str]:
        """Read again each second; a new queue rings the bell with its name."""
        if time.monotonic() - self._names_read_at > LOOK_AGAIN.total_seconds():
            self._names = self._queues.names()
            self._names_read_at = time.monotonic()
        return self._names

    def _start(self, jobs: list[ClaimedJob], asked_at: float) -> None:
        attempts = [Attempt(job, self._settings, asked_at) for job in jobs]
        self._hand.add(attempts)
        count = self._hand.keepable(jobs)
        self._slots.start(attempts[:count])
        self._release(attempts[count:])

    def _end(self, attempt: Attempt) -> None:
        if self._hand.end(attempt):
            self._settler.put(attempt)

    def _give_up_on(self, attempt: Attempt) -> None:
        attempt.outcome = self._executor.stopped(attempt)
        self._end(attempt)

    @contextmanager
    def _threads(self) -> Iterator[None]:
        """All helpers, joined at the end; outcomes are recorded before the settler goes."""
        helpers = Helpers(self.stop)
        settler = helpers.start(self._settler.run)
        helpers.start(self._keeper.run, self._closed)
        helpers.start(self._timekeeper.run, self._closed)
        helpers.start(self._listen)
        try:
            yield
        finally:
            self._slots.close()
            self._settler.finish()
            wait([settler])
            self._closed.set()
            helpers.join()

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                self._workers.listen(self._wake, self._hand.cancel, self._closed.is_set)
            except QueueUnavailable as error:
                logger.warning("cannot hear the bell now", extra={"reason": str(error)})
                self._closed.wait(RETRY_SECONDS)

    def _wake(self, queue: str) -> None:
        if queue not in self._names:
            self._names = [*self._names, queue]
        self._hand.changed.set()

    def _release(self, attempts: list[Attempt]) -> None:
        """They go back to their queues and pay nothing. A handler that runs is told, and what it still says is ignored."""
        for attempt in attempts:
            attempt.stop(StopReason.RELEASED)
            attempt.outcome = Released()
            self._end(attempt)

    def _wait_for_running(self, grace: timedelta) -> None:
        ends_at = time.monotonic() + grace.total_seconds()
        while not self._hand.is_empty and time.monotonic() < ends_at and not self._hurrying.is_set():
            self._hand.changed.clear()
            self._hand.changed.wait(0.1)

    def _put_back_misfits(self) -> None:
        if self._misfits:
            logger.warning("jobs that need more time than is left", extra={"count": len(self._misfits)})
            try:
                self._fetcher.put_back([*self._misfits.values()])
            except QueueUnavailable as error:  # then others see them when our leases in Redis are over
                logger.warning("they could not be put back", extra={"reason": str(error)})
