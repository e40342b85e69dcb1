"""A worker with what belongs to it: the broadcaster, maintenance and the firing of schedules run beside it."""

from __future__ import annotations

import threading
from datetime import timedelta

from chalicelib.broadcaster import Broadcaster
from chalicelib.emf import Ran
from chalicelib.firing import Ticker
from chalicelib.maintenance import Maintenance
from chalicelib.threads import Helpers
from chalicelib.worker import Budget, Worker


class Engine:
    """Runs jobs, tells watchers, fires schedules, and keeps house."""

    def __init__(self, *, worker: Worker, broadcaster: Broadcaster, maintenance: Maintenance, ticker: Ticker) -> None:
        self._worker = worker
        self._broadcaster = broadcaster
        self._maintenance = maintenance
        self._ticker = ticker

    def stop(self) -> None:
        """Safe in a signal handler."""
        self._worker.stop()

    def run(self, budget: Budget, grace: timedelta) -> Ran:
        """Watchers hear of the last attempt before this returns."""
        stopped = threading.Event()
        beside = Helpers(self.stop)
        beside.start(self._broadcaster.run, stopped)
        beside.start(self._maintenance.run, stopped)
        beside.start(self._ticker.run, stopped)
        try:
            attempts = self._worker.run(budget, grace)
            return Ran(attempts, self._worker.completed, self._worker.failed)
        finally:
            stopped.set()
            beside.join()
