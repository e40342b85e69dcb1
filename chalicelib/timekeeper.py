"""Stop attempts that run longer than they may. On a thread of its own, that no outage holds up."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from chalicelib.attempt import Attempt, StopReason
from chalicelib.hand import Hand
from chalicelib.slots import Slots

logger = logging.getLogger(__name__)

LOOK = timedelta(milliseconds=100)
STUBBORN_SECONDS = 30.0  # a handler that was stopped and goes on this long has not heard, or will not hear
CROWDED_SECONDS = 0.5  # what waits longer for a slot is left to other workers


class Timekeeper:
    """Watches the clock for one worker."""

    def __init__(
        self,
        *,
        slots: Slots,
        hand: Hand,
        on_abandoned: Callable[[Attempt], None],
        release: Callable[[list[Attempt]], None],
    ) -> None:
        self._slots = slots
        self._hand = hand
        self._on_abandoned = on_abandoned
        self._release = release

    def run(self, stopped: threading.Event) -> None:
        while not stopped.wait(LOOK.total_seconds()):
            for attempt in self._slots.running():
                self._look_at(attempt)
            self._relieve()

    def _look_at(self, attempt: Attempt) -> None:
        if time.monotonic() - attempt.began_at > LOOK.total_seconds():
            self._hand.notice(attempt)
        if attempt.is_overdue:
            attempt.stop(StopReason.TIMED_OUT)
        if attempt.reason is StopReason.TIMED_OUT and time.monotonic() - attempt.stopped_at > STUBBORN_SECONDS:
            self._abandon(attempt)

    def _abandon(self, attempt: Attempt) -> None:
        """Not one that was cancelled: that is over when it is really over, and not before."""
        logger.error("handler does not stop: abandoned", extra={"job_id": str(attempt.job_id)})
        self._slots.abandon(attempt)
        self._on_abandoned(attempt)

    def _relieve(self) -> None:
        """The worker fetched ahead for jobs that end at once, and then came some that do not: what waits behind them is put
        back, so that idle workers get it."""
        if self._hand.longest_wait() > CROWDED_SECONDS:
            self._release(self._slots.take_back(self._hand.slots))
