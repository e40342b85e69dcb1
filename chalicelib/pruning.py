"""Lets go of what nobody asks for any more."""

from __future__ import annotations

import logging
from datetime import timedelta

from chalicelib.store.audit import AuditStore
from chalicelib.store.jobs import JobStore
from chalicelib.store.stats import StatsStore
from chalicelib.store.unique import UniqueStore

logger = logging.getLogger(__name__)

AUDIT_IS_KEPT_FOR = timedelta(days=90)


class Pruning:
    """Of everything but jobs."""

    def __init__(self, *, store: JobStore, unique: UniqueStore, stats: StatsStore, audit: AuditStore) -> None:
        self._store = store
        self._unique = unique
        self._stats = stats
        self._audit = audit

    def run(self) -> None:
        """Raises StoreUnavailable."""
        gone = {
            "idempotency_keys": self._store.forget_submitted(),
            "unique_jobs": self._unique.prune(),
            "minutes": self._stats.prune(),
            "audit": self._audit.prune(AUDIT_IS_KEPT_FOR),
        }
        logger.info("pruned", extra=gone)
