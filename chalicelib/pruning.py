"""Lets go of what nobody asks for any more."""

from __future__ import annotations

import logging
from datetime import timedelta

from chalicelib.store.audit import AuditStore
from chalicelib.store.jobs import JobStore
from chalicelib.store.schedule_runs import RunStore
from chalicelib.store.stats import StatsStore

logger = logging.getLogger(__name__)

AUDIT_IS_KEPT_FOR = timedelta(days=90)


class Pruning:
    """Of everything but jobs."""

    def __init__(self, *, store: JobStore, stats: StatsStore, audit: AuditStore, runs: RunStore) -> None:
        self._store = store
        self._stats = stats
        self._audit = audit
        self._runs = runs

    def run(self) -> None:
        """Raises StoreUnavailable."""
        gone = {
            "idempotency_keys": self._store.forget_submitted(),
            "minutes": self._stats.prune(),
            "audit": self._audit.prune(AUDIT_IS_KEPT_FOR),
            "schedule_runs": self._runs.prune(),
        }
        logger.info("pruned", extra=gone)
