"""Let jobs go that waited for others: their rows, then Redis and the watchers. A worker runs beside: no function is woken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from chalicelib.announcer import Announcer
from chalicelib.jobs import Job, RawId
from chalicelib.queues import Queues
from chalicelib.store.dependencies import DependencyStore


class Releaser:
    """For one thread, as its announcer is. All raise StoreUnavailable or QueueUnavailable: ``Maintenance`` finds what is left."""

    def __init__(self, *, dependencies: DependencyStore, queues: Queues, announcer: Announcer) -> None:
        self._dependencies = dependencies
        self._queues = queues
        self._announcer = announcer

    def follow(self, ended: Sequence[RawId]) -> None:
        """After these have ended: those that waited for them."""
        self._tell(self._dependencies.released_by(ended))

    def look_at(self, blocked: Sequence[UUID], most: int) -> int:
        """These themselves: who ended the last that they waited for died before it could look, or was too busy.

        most: pages (``DependencyStore.released``). Returns how many had to wait no longer.
        """
        return self._tell(self._dependencies.released(blocked, most))

    def _tell(self, pages: Iterable[Sequence[Job]]) -> int:
        count = 0
        for page in pages:
            batch = self._announcer.batch()
            self._queues.sync(page, batch)
            self._announcer.send_known(batch, page)
            count += len(page)
        return count
