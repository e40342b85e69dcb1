"""Take, claim, run, settle, until told to stop: one engine for the container and both Lambdas.

Threads: this one fetches, ``slots`` run handlers, one settles, one keeps leases, one listens for the bell. They meet in ``Hand``.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from chalicelib.errors import QueueUnavailable, StoreUnavailable
from chalicelib.executor import Attempt, Executor
from chalicelib.fetcher import Fetched, Fetcher
from chalicelib.hand import Hand
from chalicelib.jobs import Job, Released, Settlement
from chalicelib.leases import Keeper
from chalicelib.queues import Queues
from chalicelib.settings import Settings
from chalicelib.settler import Settler
from chalicelib.threads import Helpers
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
        self._executor = executor
        self._settler = settler
        self._keeper = keeper
        self._hand = hand
        self._waiting: queue.SimpleQueue[Attempt | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._closed = threading.Event()
        self._misfits: dict[UUID, Job] = {}

    def stop(self) -> None:
        """Take nothing more; ``run`` returns when what was started has ended. Safe in a signal handler."""
        self._stopping.set()
        self._hand.changed.set()

    def run(self, budget: Budget, grace: timedelta) -> int:
        """Returns the number of attempts made. grace: how long started jobs may go on after ``stop`` or the budget's end."""
        with self._threads():
            attempts = self._fetch_until_told(budget)
            self._release_waiting()
            self._wait_for_running(grace)
            self._release_running()
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
            names = self._queues.names()
            first = turn % max(1, len(names))  # another queue has the first turn each time
            fetched = self._fetcher.fetch(names[first:] + names[:first], room, budget.left)
        except (QueueUnavailable, StoreUnavailable) as error:
            logger.warning("cannot look for jobs now", extra={"reason": str(error)})
            self._stopping.wait(RETRY_SECONDS)
            return NOTHING, FOREVER
        self._misfits.update({job.id: job for job in fetched.misfits})
        self._start(fetched.jobs)
        return fetched, FOREVER if fetched.next_due is None else fetched.next_due

    def _start(self, jobs: list[Job]) -> None:
        attempts = [Attempt(job, self._settings) for job in jobs]
        self._hand.add(attempts)
        for attempt in attempts:
            self._waiting.put(attempt)

    @contextmanager
    def _threads(self) -> Iterator[None]:
        """All helpers, joined at the end; outcomes are recorded before the settler goes."""
        helpers = Helpers(self.stop)
        settler = helpers.start(self._settler.run)
        helpers.start(self._keeper.run, self._closed)
        helpers.start(self._listen)
        for _ in range(self._hand.slots):
            # Daemons: a handler that outlives its grace must not keep the process.
            threading.Thread(target=self._run_slot, daemon=True).start()
        try:
            yield
        finally:
            for _ in range(self._hand.slots):
                self._waiting.put(None)
            self._settler.finish()
            wait([settler])
            self._closed.set()
            helpers.join()

    def _run_slot(self) -> None:
        """A slot that is lost must not be lost in silence."""
        ended_well = False
        try:
            self._run_attempts()
            ended_well = True
        finally:
            if not ended_well:
                self.stop()

    def _run_attempts(self) -> None:
        while (attempt := self._waiting.get()) is not None:
            began = time.monotonic()
            outcome = self._executor.run(attempt)
            self._hand.end(attempt, time.monotonic() - began)
            if attempt.is_lost:
                logger.warning("lease lost: outcome dropped", extra={"job_id": str(attempt.job_id)})
                self._hand.drop([attempt.job])
            else:
                self._settler.put(Settlement(attempt.job, outcome))

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                self._workers.listen(self._hand.changed.set, self._closed.is_set)
            except QueueUnavailable as error:
                logger.warning("cannot hear the bell now", extra={"reason": str(error)})
                self._closed.wait(RETRY_SECONDS)

    def _release_waiting(self) -> None:
        """What no handler has started goes back to its queue."""
        while not self._waiting.empty():
            attempt = self._waiting.get()
            if attempt is not None:
                self._hand.end(attempt, 0.0)
                self._settler.put(Settlement(attempt.job, Released()))

    def _release_running(self) -> None:
        """What did not end in time goes back too, and pays nothing: its handler is told, and what it still says is ignored."""
        for attempt in self._hand.running():
            attempt.lose()
            self._settler.put(Settlement(attempt.job, Released()))

    def _wait_for_running(self, grace: timedelta) -> None:
        ends_at = time.monotonic() + grace.total_seconds()
        while not self._hand.is_empty and time.monotonic() < ends_at:
            self._hand.changed.clear()
            self._hand.changed.wait(0.1)

    def _put_back_misfits(self) -> None:
        if self._misfits:
            logger.warning("jobs that need more time than is left", extra={"count": len(self._misfits)})
            self._fetcher.put_back([*self._misfits.values()])
