"""Queues as operators see them: what is set of them, and what waits in them."""

from __future__ import annotations

from chalicelib.errors import QueueNotFound
from chalicelib.figures import UNFINISHED, QueueStats
from chalicelib.flow import Flow
from chalicelib.reports import QueueView, queue_view
from chalicelib.statistics import Statistics

QUIET = dict.fromkeys(UNFINISHED, 0)


class QueueOverview:
    """Joins both."""

    def __init__(self, *, flow: Flow, statistics: Statistics) -> None:
        self._flow = flow
        self._statistics = statistics

    def all(self) -> list[QueueView]:
        """By name: every queue that has jobs, had some lately, or that somebody set. Raises StoreUnavailable."""
        stats = {each.name: each for each in self._statistics.queues()}
        settings = {each.name: each for each in self._flow.settings()}
        return [
            queue_view(settings.get(name) or self._flow.find(name), stats.get(name) or _quiet(name))
            for name in sorted({*stats, *settings})
        ]

    def get(self, name: str) -> QueueView:
        """Raises QueueNotFound or StoreUnavailable."""
        for queue in self.all():
            if queue.name == name:
                return queue
        raise QueueNotFound(name)


def _quiet(name: str) -> QueueStats:
    return QueueStats(name=name, depth=QUIET, oldest_age_seconds=None, in_per_minute=0, out_per_minute=0)
