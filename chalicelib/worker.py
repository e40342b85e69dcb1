"""Take, claim, run, settle, until told to stop: one engine for the container and both Lambdas.

Threads: this one fetches, ``slots`` run handlers, one settles, one keeps leases, one watches the clock, one listens for the
bell. They meet in ``Hand``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from datetime import timedelta

from chalicelib.attempt import Attempt, StopReason
from chalicelib.errors import QueueUnavailable, StoreUnavailable
from chalicelib.executor import Executor
from chalicelib.fetcher import Fetched, Fetcher
from chalicelib.hand import Hand
from chalicelib.handlers.registry import Registry
from chalicelib.jobs import ClaimedJob, Released
from chalicelib.leases import Keeper
from chalicelib.queues import Queues
from chalicelib.rota import LOOK_AGAIN_SECONDS, Rota
from chalicelib.settings import Settings
from chalicelib.settler import Settler
from chalicelib.slots import Slots
from chalicelib.threads import Helpers
from chalicelib.timekeeper import Timekeeper
from chalicelib.workers import Workers

logger = logging.getLogger(__name__)

LINGER = timedelta(seconds=5)  # a Lambda waits this long for a retry, rather than leave it to the next minute
PATIENCE = timedelta(seconds=10)  # with a rebuild, before a Lambda leaves its end to the next one
BREATH_SECONDS = 0.05
RETRY_SECONDS = 1.0  # between looks while Redis or Postgres is away
FOREVER = timedelta(days=3650)
NOTHING = Fetched([], {})


class Budget:
    """How long a worker may go on."""

    def __init__(self, length: timedelta = FOREVER, *, until_empty: bool = False) -> None:
        self._began_at = time.monotonic()
        self._ends_at = self._began_at + length.total_seconds()
        self.until_empty = until_empty

    @property
    def spent(self) -> timedelta:
        return timedelta(seconds=time.monotonic() - self._began_at)

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
        only: Collection[str] = (),
    ) -> None:
        """only: the queues that it takes from; none: all."""
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
        self._only = frozenset(only)
        self._rota = Rota()
        self._names_read_at = 0.0
        self._is_last_look = False

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
        while not self._stopping.is_set() and budget.left:
            self._hand.changed.clear()
            room = self._hand.room()
            found = self._look(room, budget) if room else NOTHING
            attempts += len(found.jobs)
            if found.jobs:
                self._is_last_look = False
            elif found.is_lost and budget.until_empty and budget.spent > PATIENCE:
                break
            elif found.is_stale or found.is_lost:
                # All of it was stale, or too long for us, or not yet due by Postgres's clock. There may be more behind it.
                # Or Redis is being rebuilt.
                self._stopping.wait(BREATH_SECONDS)
            elif budget.until_empty and self._hand.is_empty and self._rota.next_due() > LINGER.total_seconds():
                if self._is_last_look:
                    break
                self._start_over()
            else:
                self._rest(room, budget)
        return attempts

    def _rest(self, room: int, budget: Budget) -> None:
        """Until there is something to look at, and a slot to run it in."""
        seconds = self._rota.next_look() if room else LOOK_AGAIN_SECONDS
        self._hand.changed.wait(min(seconds, budget.left.total_seconds()))

    def _look(self, room: int, budget: Budget) -> Fetched:
        """Fetch once, of the queues whose turn it is."""
        try:
            self._read_names()
            shares = self._rota.shares(room)
            asked_at = time.monotonic()
            fetched = self._fetcher.fetch(shares, budget.left) if shares else NOTHING
        except (QueueUnavailable, StoreUnavailable) as error:
            logger.warning("cannot look for jobs now", extra={"reason": str(error)})
            self._stopping.wait(RETRY_SECONDS)
            return NOTHING
        for name, look in fetched.looks.items():
            self._rota.saw(name, shares[name], look)
        self._start(fetched.jobs, asked_at)
        if fetched.looks:
            self._fetcher.follow_up(fetched, budget.left)
        return fetched

    def _start_over(self) -> None:
        """Look at every queue again, whatever it said: what ended meanwhile may have left retries behind."""
        self._is_last_look = True
        self._rota.know([])
        self._names_read_at = 0.0

    def _read_names(self) -> None:
        """Again each second; a queue that comes to life meanwhile rings the bell with its name."""
        if time.monotonic() - self._names_read_at > LOOK_AGAIN_SECONDS:
            self._rota.know(filter(self._serves, self._queues.busy_names()))
            self._names_read_at = time.monotonic()

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
                self._workers.listen(self._wake, self._hand.cancel, self._keeper.look, self._closed.is_set)
            except QueueUnavailable as error:
                logger.warning("cannot hear the bell now", extra={"reason": str(error)})
                self._closed.wait(RETRY_SECONDS)

    def _wake(self, queue: str) -> None:
        if self._serves(queue):
            self._rota.ring(queue)
        self._hand.changed.set()

    def _serves(self, queue: str) -> bool:
        return not self._only or queue in self._only

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
        try:
            count = self._fetcher.put_back()
        except (QueueUnavailable, StoreUnavailable) as error:  # then others see them when our leases in Redis are over
            logger.warning("what is too long for us could not be put back", extra={"reason": str(error)})
            return
        if count:
            logger.warning("jobs that need more time than is left", extra={"count": count})
