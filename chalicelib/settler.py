"""Record outcomes: whatever has piled up, in one statement; then Redis and the watchers, in one round trip.

No timer: a lone job passes straight through, and while one batch is being written the next one grows.
"""

from __future__ import annotations

import logging
import math
import queue
import time
from collections.abc import Callable, Sequence

from chalicelib.errors import QueueUnavailable, StoreUnavailable, Unstorable
from chalicelib.hand import Hand
from chalicelib.jobs import AttemptError, Failed, Job, JobStatus, Settlement
from chalicelib.queues import Queues
from chalicelib.redis_link import RedisLink
from chalicelib.store.jobs import JobStore
from chalicelib.stream import EventStream

logger = logging.getLogger(__name__)

BATCH = 500
PATIENCE_SECONDS = 10  # with an absent Postgres, once we were told to stop
RETRY_SECONDS = 0.5  # between tries while Postgres is away


class Settler:
    """Takes outcomes from many threads and records them from one."""

    def __init__(
        self,
        *,
        store: JobStore,
        redis_link: RedisLink,
        queues: Queues,
        stream: EventStream,
        hand: Hand,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._redis_link = redis_link
        self._queues = queues
        self._stream = stream
        self._hand = hand
        self._pause = pause
        self._patient_until = math.inf
        self._outcomes: queue.SimpleQueue[Settlement | None] = queue.SimpleQueue()

    def put(self, settlement: Settlement) -> None:
        self._outcomes.put(settlement)

    def finish(self) -> None:
        """Return from ``run`` once everything put so far is recorded, or Postgres stayed away too long."""
        self._patient_until = time.monotonic() + PATIENCE_SECONDS
        self._outcomes.put(None)

    def run(self) -> None:
        """Until ``finish``."""
        going_on = True
        while going_on:
            settlements, going_on = self._collect()
            if settlements:
                self._record(settlements)

    def _collect(self) -> tuple[list[Settlement], bool]:
        """At least one item, and whatever else is there; False when the last one was the end."""
        batch: list[Settlement] = []
        item = self._outcomes.get()
        while item is not None:
            batch.append(item)
            if len(batch) == BATCH or self._outcomes.empty():
                return batch, True
            item = self._outcomes.get()
        return batch, False

    def _record(self, settlements: Sequence[Settlement]) -> None:
        settled = self._settle(settlements)
        self._tell(settled)
        self._hand.drop([settlement.job for settlement in settlements])
        _log(settlements, settled)

    def _settle(self, settlements: Sequence[Settlement]) -> list[Job]:
        """Holds on to the outcomes while Postgres is away: the leases may outlast it."""
        while True:
            try:
                return self._store.settle(settlements)
            except Unstorable as error:
                return self._settle_apart(settlements, error)
            except StoreUnavailable as error:
                logger.warning("outcomes wait for postgres", extra={"count": len(settlements), "reason": str(error)})
                if time.monotonic() > self._patient_until:
                    logger.error("outcomes given up: the jobs will run again", extra={"count": len(settlements)})
                    return []
                self._pause(RETRY_SECONDS)

    def _settle_apart(self, settlements: Sequence[Settlement], error: Unstorable) -> list[Job]:
        """One result that Postgres cannot hold must not keep the others: halve until it is alone, and fail its job."""
        if len(settlements) == 1:
            failed = Failed(AttemptError(type="Unstorable", message=f"the result cannot be stored: {error}"))
            return self._settle([Settlement(settlements[0].job, failed)])
        middle = len(settlements) // 2
        return [*self._settle(settlements[:middle]), *self._settle(settlements[middle:])]

    def _tell(self, settled: Sequence[Job]) -> None:
        batch = self._redis_link.batch()
        self._queues.sync(settled, batch)
        self._stream.append(settled, batch)
        try:
            batch.send()
        except QueueUnavailable as error:
            logger.warning("settled, but redis could not be told", extra={"count": len(settled), "reason": str(error)})


def _log(settlements: Sequence[Settlement], settled: Sequence[Job]) -> None:
    for job in settled:
        if job.status is not JobStatus.COMPLETED:
            logger.info("job moved", extra={"job_id": str(job.id), "status": job.status, "attempt": job.attempt})
    if len(settled) < len(settlements):
        ours = {job.id for job in settled}
        lost = [str(settlement.job.id) for settlement in settlements if settlement.job.id not in ours]
        logger.warning("leases lost: outcomes refused", extra={"job_ids": lost})
