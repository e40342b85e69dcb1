"""What somebody has to do now and then: the minute's tick and every container worker call it; a lease lets one of them do it."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

from chalicelib.chores import Chores
from chalicelib.errors import QueueUnavailable, StoreUnavailable
from chalicelib.queues import Queues
from chalicelib.redis_link import RedisLink
from chalicelib.store.jobs import JobStore
from chalicelib.store.partitions import PartitionStore, first_id_at

logger = logging.getLogger(__name__)

PAGE = 1_000
SETTLED_DOWN = timedelta(seconds=5)  # a submit that is older and still not in Redis was cut off between its two steps
OVERLAP = timedelta(minutes=1)  # how much later than its id was made a row may appear: a slow INSERT, a clock behind
EVERY = timedelta(seconds=5)
SWEEP_EVERY = timedelta(seconds=30)
NIL = UUID(int=0)


class Maintenance:
    """Puts Redis back in step with Postgres, and makes partitions ahead."""

    def __init__(
        self, *, store: JobStore, partitions: PartitionStore, redis_link: RedisLink, queues: Queues, chores: Chores
    ) -> None:
        self._store = store
        self._partitions = partitions
        self._redis_link = redis_link
        self._queues = queues
        self._chores = chores

    def run(self, stopped: threading.Event) -> None:
        """Again and again, until told to stop. An outage is waited out."""
        while not stopped.is_set():
            try:
                self.run_once()
            except (QueueUnavailable, StoreUnavailable) as error:
                logger.warning("maintenance has to wait", extra={"reason": str(error)})
            stopped.wait(EVERY.total_seconds())

    def run_once(self) -> None:
        """Raises QueueUnavailable or StoreUnavailable."""
        if not self._chores.begin(EVERY):
            return
        if self._chores.epoch_is_missing():
            self.rebuild()
        if self._chores.is_due("sweep", SWEEP_EVERY):
            self.sweep()
        if self._chores.is_due("partitions", timedelta(hours=1)):
            self._partitions.ensure()

    def rebuild(self) -> int:
        """Redis lost what it knew: tell it of every unfinished job. Returns how many."""
        count, last = self._walk(NIL, timedelta(0))
        self._chores.set_epoch()
        self._chores.save_swept_to(min(last, first_id_at(datetime.now(UTC) - OVERLAP)))
        logger.warning("rebuilt the queues from postgres", extra={"count": count})
        return count

    def sweep(self) -> int:
        """Enqueue what a crash between INSERT and enqueue left behind. Returns how many jobs were looked at.

        Each is looked at once, or a few times while it is young: an id is made before its row can be seen.
        """
        count, last = self._walk(self._chores.swept_to(), SETTLED_DOWN)
        if count:
            self._chores.save_swept_to(min(last, first_id_at(datetime.now(UTC) - OVERLAP)))
        return count

    def _walk(self, after: UUID, older_than: timedelta) -> tuple[int, UUID]:
        count = 0
        while jobs := self._store.unfinished(after, older_than, PAGE):
            batch = self._redis_link.batch()
            self._queues.sync(jobs, batch)
            batch.send()
            count += len(jobs)
            after = jobs[-1].id
        return count, after
