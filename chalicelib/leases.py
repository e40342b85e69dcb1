"""Keep what the worker holds: renew leases, record progress, show life. Runs on a thread of its own, so that no handler's
work can make a lease run out."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from chalicelib.errors import QueueUnavailable, StoreUnavailable
from chalicelib.executor import Attempt
from chalicelib.hand import Hand
from chalicelib.jobs import LEASE, Job
from chalicelib.queues import Queues
from chalicelib.redis_link import RedisLink
from chalicelib.store.jobs import JobStore
from chalicelib.stream import EventStream

logger = logging.getLogger(__name__)

BEAT = timedelta(milliseconds=250)  # how soon watchers see progress
RENEW_AFTER = timedelta(seconds=10)  # a third of the lease: two renewals may fail before it is lost


class Keeper:
    """Looks after the attempts in the worker's hand."""

    def __init__(
        self,
        *,
        store: JobStore,
        redis_link: RedisLink,
        queues: Queues,
        stream: EventStream,
        hand: Hand,
        show_life: Callable[[], None],
        say_goodbye: Callable[[], None],
    ) -> None:
        self._store = store
        self._redis_link = redis_link
        self._queues = queues
        self._stream = stream
        self._hand = hand
        self._show_life = show_life
        self._say_goodbye = say_goodbye

    def run(self, stopped: threading.Event) -> None:
        """Every beat, until told to stop. An outage is waited out."""
        next_sign = 0.0
        while not stopped.is_set():
            try:
                self._beat()
                if time.monotonic() >= next_sign:
                    self._show_life()
                    next_sign = time.monotonic() + 1.0
            except (StoreUnavailable, QueueUnavailable) as error:
                logger.warning("leases cannot be kept now", extra={"reason": str(error)})
            stopped.wait(BEAT.total_seconds())
        with contextlib.suppress(QueueUnavailable):
            self._say_goodbye()

    def _beat(self) -> None:
        held = self._hand.held()
        now = time.monotonic()
        due = [attempt for attempt in held if now - attempt.held_since >= RENEW_AFTER.total_seconds()]
        if due:
            self._renew(due)
        self._report(held)

    def _renew(self, attempts: list[Attempt]) -> None:
        asked_at = time.monotonic()
        renewed = {job.id: job for job in self._store.renew([attempt.job for attempt in attempts], LEASE)}
        for attempt in attempts:
            if attempt.job_id in renewed:
                attempt.held_since = asked_at
            else:
                attempt.lose()
        self._sync(list(renewed.values()))

    def _sync(self, jobs: list[Job]) -> None:
        batch = self._redis_link.batch()
        self._queues.sync(jobs, batch)
        batch.send()

    def _report(self, held: list[Attempt]) -> None:
        reports = [(attempt.job, news) for attempt in held if (news := attempt.take_news()) is not None]
        if reports:
            batch = self._redis_link.batch()
            self._stream.append(self._store.report(reports), batch)
            batch.send()
