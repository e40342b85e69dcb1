"""Fires schedules: submits the jobs of those that are due.

Any number may do so at once; Postgres lets each time be one's. What is due is taken in pages, each with one statement and one
round trip to Redis, and of one schedule a few runs at a time: many missed times of one do not keep the others waiting.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta

from chalicelib.errors import InvalidInput, StoreUnavailable, Unstorable
from chalicelib.scheduler import Scheduler
from chalicelib.schedules import DueSchedule, Firing
from chalicelib.store.firings import FiringStore, Place

logger = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=0.5)  # for what was made or changed meanwhile: a new time is met within that
PAGE = 1_000  # schedules a statement
ROUNDS = 20  # at most, before somebody may say stop: twice as many as the most missed times take
NAMED = 20  # jobs in a line of the log
NOW = timedelta(0)
NEVER_IDLE = timedelta(milliseconds=50)  # the shortest wait for the next turn


class Ticker:
    """Looks what is due, for one thread."""

    def __init__(self, *, firings: FiringStore, scheduler: Scheduler) -> None:
        self._firings = firings
        self._scheduler = scheduler
        self._unreadable: set[tuple[str, int]] = set()  # names and versions that were logged

    def run(self, stopped: threading.Event) -> None:
        """Once, and again until told to stop."""
        while not stopped.wait(self.fire().total_seconds()):
            pass

    def fire(self) -> timedelta:
        """Returns how long until somebody has to look again. An outage is waited out; Redis may be away."""
        try:
            return self.fire_due()
        except StoreUnavailable as error:
            logger.warning("schedules have to wait", extra={"reason": str(error)})
            return LOOK_EVERY

    def fire_due(self) -> timedelta:
        """The same. If we die between the firing and Redis, ``Maintenance.sweep`` enqueues the jobs. Raises StoreUnavailable."""
        for _ in range(ROUNDS):
            again, wait = self._round()
            if not again:
                return wait
        return NEVER_IDLE

    def _round(self) -> tuple[bool, timedelta]:
        """Each that is due, once. Whether there is more to do at once, and how long until there is something else."""
        again, wait = False, LOOK_EVERY
        for page in self._pages():
            again |= self._fire_page([each for each in page if each.due_in <= NOW])
            wait = min([wait, *(each.due_in for each in page if each.due_in > NOW)])
        return again, max(NEVER_IDLE, wait)

    def _pages(self) -> Iterator[list[DueSchedule]]:
        after: Place | None = None
        while page := self._firings.due(LOOK_EVERY, PAGE, after):
            yield page
            if len(page) < PAGE:
                return
            after = page[-1].next_run_at, page[-1].name

    def _fire_page(self, due: Sequence[DueSchedule]) -> bool:
        """Whether some of them are still due."""
        firings = [firing for each in due if (firing := self._firing(each)) is not None]
        self._fire(firings)
        now = max((each.now for each in due), default=None)
        return now is not None and any(each.following is not None and each.following <= now for each in firings)

    def _fire(self, firings: Sequence[Firing]) -> None:
        """One that Postgres cannot take must not keep the others: halve until it is alone."""
        if not firings:
            return
        try:
            fired = self._firings.fire(firings)
        except Unstorable as error:
            self._fire_halves(firings, error)
            return
        if fired.count:
            ids = [str(job.id) for job in fired.jobs[:NAMED]]
            logger.info("schedules fired", extra={"count": fired.count, "jobs": len(fired.jobs), "job_ids": ids})
        if fired.jobs:
            self._scheduler.remind(fired.jobs)

    def _fire_halves(self, firings: Sequence[Firing], error: Unstorable) -> None:
        middle = len(firings) // 2
        if not middle:
            logger.error("cannot fire a schedule", extra={"schedule": firings[0].name, "reason": str(error)})
            return
        self._fire(firings[:middle])
        self._fire(firings[middle:])

    def _firing(self, due: DueSchedule) -> Firing | None:
        try:
            return due.firing()
        except InvalidInput as error:  # another release could read it: it stays due until one can
            self._log_once(due, error)
            return None

    def _log_once(self, due: DueSchedule, error: InvalidInput) -> None:
        seen = (due.name, due.version)
        if seen not in self._unreadable:
            self._unreadable.add(seen)
            logger.error("cannot read a schedule", extra={"schedule": due.name, "reason": str(error)})
