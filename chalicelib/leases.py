"""Keep what the worker holds: renew leases, record progress and logs, show life. Runs on a thread of its own, so that no
handler's work can make a lease run out."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from chalicelib.announcer import Announcer
from chalicelib.attempt import Attempt, StopReason
from chalicelib.errors import QueueUnavailable, StoreUnavailable
from chalicelib.hand import Hand
from chalicelib.jobs import LEASE, ClaimedJob
from chalicelib.logbook import Logbook
from chalicelib.queues import Queues
from chalicelib.store.attempts import AttemptStore, Renewal

logger = logging.getLogger(__name__)

BEAT = timedelta(milliseconds=250)  # how soon watchers see progress, and lines of a log
RENEW_AFTER = timedelta(seconds=10)  # a third of the lease: two renewals may fail before it is lost


class Keeper:
    """Looks after the attempts in the worker's hand."""

    def __init__(
        self,
        *,
        attempts: AttemptStore,
        queues: Queues,
        announcer: Announcer,
        logbook: Logbook,
        hand: Hand,
        show_life: Callable[[], None],
        say_goodbye: Callable[[], None],
    ) -> None:
        self._attempts = attempts
        self._queues = queues
        self._announcer = announcer
        self._logbook = logbook
        self._hand = hand
        self._show_life = show_life
        self._say_goodbye = say_goodbye
        self._must_look = threading.Event()

    def look(self) -> None:
        """At all that is held, in the next beat: somebody may have been asked to end while we heard nothing."""
        self._must_look.set()

    def run(self, stopped: threading.Event) -> None:
        """Every beat, until told to stop. An outage is waited out."""
        next_sign = 0.0
        while not stopped.is_set():
            try:
                self._beat()
            except (StoreUnavailable, QueueUnavailable) as error:
                logger.warning("leases cannot be kept now", extra={"reason": str(error)})
                self.look()
            if time.monotonic() >= next_sign:
                next_sign = time.monotonic() + 1.0
                self._sign()
            stopped.wait(BEAT.total_seconds())
        with contextlib.suppress(QueueUnavailable):
            self._say_goodbye()

    def _sign(self) -> None:
        """Also while Postgres is away: who waits for it lives."""
        try:
            self._show_life()
        except QueueUnavailable as error:
            logger.warning("no sign of life can be given now", extra={"reason": str(error)})

    def _beat(self) -> None:
        must_look = self._must_look.is_set()
        self._must_look.clear()
        held = self._hand.held()
        now = time.monotonic()
        due = [each for each in held if must_look or now - each.held_since >= RENEW_AFTER.total_seconds()]
        if due:
            self._renew(due)
        self._report(held)
        self._logbook.write(self._hand.running())  # of those that have ended, the settler writes

    def _renew(self, attempts: list[Attempt]) -> None:
        asked_at = time.monotonic()
        jobs = [attempt.job for attempt in attempts]
        # By attempt: where a claim's answer was lost, we may hold an earlier attempt of the same job, which is not ours any more.
        renewed = {(each.job_id, each.attempt): each for each in self._attempts.renew(jobs, LEASE)}
        for attempt in attempts:
            _apply(renewed.get((attempt.job_id, attempt.attempt)), attempt, asked_at)
        self._hold([job for job in jobs if (job.id, job.attempt) in renewed], [*renewed.values()])

    def _hold(self, jobs: list[ClaimedJob], renewals: list[Renewal]) -> None:
        if renewals:
            batch = self._announcer.batch()
            self._queues.hold(jobs, renewals[0].lease_expires_at, batch)  # one statement: one time for all
            batch.send()

    def _report(self, held: list[Attempt]) -> None:
        reports = [(attempt.job, news) for attempt in held if (news := attempt.take_news()) is not None]
        if reports:
            self._announcer.send(self._announcer.batch(), self._attempts.report(reports))


def _apply(renewal: Renewal | None, attempt: Attempt, asked_at: float) -> None:
    if renewal is None:
        attempt.stop(StopReason.LOST)
        return
    attempt.held_since = asked_at
    if renewal.must_end:
        attempt.stop(StopReason.CANCELLED)
