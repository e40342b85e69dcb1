"""Lets go of what nobody asks for any more."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from chalicelib.retention import Retention
from chalicelib.store.admissions import AdmissionStore
from chalicelib.store.audit import AuditStore
from chalicelib.store.detached import DetachedStore
from chalicelib.store.jobs import JobStore
from chalicelib.store.partitions import Partition
from chalicelib.store.retention import RetentionStore
from chalicelib.store.schedule_runs import RunStore
from chalicelib.store.stats import StatsStore
from chalicelib.store.walks import Came, Due, WalkStore

logger = logging.getLogger(__name__)

AUDIT_IS_KEPT_FOR = timedelta(days=90)
TURN = timedelta(seconds=1)  # of every five (``maintenance.EVERY``): job pruning has no more than a fifth of a core


class Pruning:
    """Of everything but jobs. Statistics are added up on the way."""

    def __init__(
        self, *, store: JobStore, unique: AdmissionStore, stats: StatsStore, audit: AuditStore, runs: RunStore
    ) -> None:
        self._store = store
        self._unique = unique
        self._stats = stats
        self._audit = audit
        self._runs = runs

    def run(self) -> None:
        """Raises StoreUnavailable."""
        gone = {
            "idempotency_keys": self._store.forget_submitted(),
            "unique_jobs": self._unique.prune(),
            "minutes": self._stats.prune(),
            "audit": self._audit.prune(AUDIT_IS_KEPT_FOR),
            "schedule_runs": self._runs.prune(),
        }
        logger.info("pruned", extra=gone)
        logger.info("added up", extra={"hours": self._stats.add_up()})


class JobPruning:
    """Of jobs that have been finished for longer than their retention, with their tags and logs. Any number may be at it."""

    def __init__(
        self, *, retention: RetentionStore, walks: WalkStore, detached: DetachedStore, turn: timedelta = TURN
    ) -> None:
        self._retention = retention
        self._walks = walks
        self._detached = detached
        self._turn = turn
        self._until = 0.0
        self._may_detach = True

    def run(self) -> None:
        """As far as one turn gets; the next one goes on there. Raises StoreUnavailable."""
        self._until = time.monotonic() + self._turn.total_seconds()
        self._may_detach = True
        retention = self._retention.get()
        self._drop(retention)
        for due in self._walks.due(retention):
            self._walk(due, retention)
        for partition in self._detached.orphans(retention) if self._has_time() else []:
            self._let_go(partition, retention)

    def _has_time(self) -> bool:
        return time.monotonic() < self._until

    def _walk(self, due: Due, retention: Retention) -> None:
        gone, came = 0, Came.MORE
        while came is Came.MORE and self._has_time():
            step = self._walks.step(due, retention)
            gone, came = gone + step.gone, step.came
        if gone:
            logger.info("pruned jobs", extra={"partition": due.partition.name, "count": gone})
        if came is Came.EMPTY:
            self._let_go(due.partition, retention)

    def _let_go(self, partition: Partition, retention: Retention) -> None:
        """Where a table is in use now, it will be for the next partition too: no more requests for its lock this turn."""
        if self._may_detach:
            self._may_detach = self._detached.detach(partition)
            self._drop(retention)

    def _drop(self, retention: Retention) -> None:
        """What is out of its table, be it from before a crash."""
        for detached in self._detached.all():
            while self._has_time() and self._detached.step(detached, retention):
                pass
