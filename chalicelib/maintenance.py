"""What somebody has to do now and then: the minute's tick and every container worker call it; a lease lets one of them do it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

from chalicelib.announcer import Announcer
from chalicelib.chores import Chores
from chalicelib.errors import QueueUnavailable, StoreUnavailable
from chalicelib.flow import Flow
from chalicelib.jobs import Job, JobStatus
from chalicelib.keyring import Keyring
from chalicelib.pruning import JobPruning, Pruning
from chalicelib.queues import Queues
from chalicelib.redis_link import Batch
from chalicelib.releaser import Releaser
from chalicelib.store.jobs import JobStore
from chalicelib.store.partitions import PartitionStore, first_id_at
from chalicelib.store.unfinished import START, Place

logger = logging.getLogger(__name__)

PAGE = 1_000
SETTLED_DOWN = timedelta(seconds=5)  # a submit that is older and still not in Redis was cut off between its two steps
OVERLAP = timedelta(minutes=1)  # how much later than its id was made a row may appear: a slow INSERT, a clock behind
EVERY = timedelta(seconds=5)
SWEEP_EVERY = timedelta(seconds=30)
CUT_EVERY = timedelta(seconds=20)  # the WebSockets of keys that have expired, or were revoked while Redis was away
MOST_RELEASES = 1_000  # a turn: statements, of which each lets jobs go that are as far from the first that failed
PATROL_PAGES = 5  # a turn: 60,000 unfinished jobs a minute, for less than a hundredth of a core


class Maintenance:
    """Puts Redis back in step with Postgres, makes partitions ahead, and prunes."""

    def __init__(
        self,
        *,
        store: JobStore,
        releaser: Releaser,
        partitions: PartitionStore,
        flow: Flow,
        pruning: Pruning,
        job_pruning: JobPruning,
        keyring: Keyring,
        announcer: Announcer,
        queues: Queues,
        chores: Chores,
    ) -> None:
        self._store = store
        self._releaser = releaser
        self._partitions = partitions
        self._flow = flow
        self._pruning = pruning
        self._job_pruning = job_pruning
        self._keyring = keyring
        self._announcer = announcer
        self._queues = queues
        self._chores = chores

    def run(self, stopped: threading.Event) -> None:
        """Once, and again until told to stop. An outage is waited out."""
        while True:
            try:
                self.run_once()
            except (QueueUnavailable, StoreUnavailable) as error:
                logger.warning("maintenance has to wait", extra={"reason": str(error)})
            if stopped.wait(EVERY.total_seconds()):
                return

    def run_once(self) -> None:
        """Raises QueueUnavailable or StoreUnavailable."""
        if not self._chores.begin(EVERY):
            return
        if self._chores.epoch_is_missing():
            self.rebuild()
        self._flow.restore()
        if self._chores.is_due("sweep", SWEEP_EVERY):
            self.sweep()
            self._queues.forget_idle()
        self.patrol()
        if self._chores.is_due("sockets", CUT_EVERY):
            self._keyring.cut_strangers()
        if self._chores.is_due("partitions", timedelta(hours=1)):
            self._partitions.ensure()
        if self._chores.is_due("pruning", timedelta(hours=1)):
            self._pruning.run()
        self._job_pruning.run()

    def rebuild(self) -> int:
        """Redis lost what it knew: tell it of every unfinished job. Returns how many.

        What is set of the queues comes first, so that no job of a paused queue is there without it.
        """
        self._flow.restore()
        seen_to = _settled_id()
        count = 0
        for page in self._pages(START, timedelta(0)):
            self._enqueued(page).send()
            count += len(page)
        self._chores.set_epoch()
        self._chores.save_swept_to(seen_to)
        logger.warning("rebuilt the queues from postgres", extra={"count": count})
        return count

    def sweep(self) -> int:
        """Enqueue what a crash between INSERT and enqueue left behind. Returns how many jobs that were.

        Each job is looked at once, or a few times while it is young: an id is made before its row can be seen.
        """
        seen_to, last = _settled_id(), self._chores.swept_to()
        mended = 0
        while page := self._store.unfinished_since(last, SETTLED_DOWN, PAGE):
            mended += self._mend(page)
            last = page[-1].id
        self._chores.save_swept_to(seen_to)
        return mended

    def patrol(self) -> int:
        """Walk all unfinished jobs, a stretch each time and again from the start, and enqueue what Redis has lost: evicted,
        deleted by hand, or forgotten by a replica that became the primary. Returns how many jobs that were."""
        stretch = list(islice(self._pages(self._chores.patrolled_to() or START, SETTLED_DOWN), PATROL_PAGES))
        last = stretch[-1][-1] if len(stretch) == PATROL_PAGES else None
        self._chores.save_patrolled_to((last.queue, last.id) if last else START)
        return sum(map(self._mend, stretch))

    def _mend(self, jobs: Sequence[Job]) -> int:
        """They are read again before they are enqueued: those that are taken, run and finished meanwhile are not missing.

        Nobody was told of what Redis does not know.
        """
        self._let_go([job.id for job in jobs if job.status is JobStatus.BLOCKED])
        missing = self._queues.missing([job for job in jobs if job.status is not JobStatus.BLOCKED])
        if missing:
            found = [row for row in self._store.standing([job.id for job in missing]) if row.finished_at is None]
            self._announcer.send(self._enqueued(found), [row.id for row in found])
            logger.warning("enqueued jobs that redis did not know", extra={"count": len(found)})
        return len(missing)

    def _let_go(self, blocked: Sequence[UUID]) -> None:
        count = self._releaser.look_at(blocked, MOST_RELEASES)
        if count:
            logger.warning("jobs had waited for what had ended", extra={"count": count})

    def _pages(self, after: Place, older_than: timedelta) -> Iterator[list[Job]]:
        while jobs := self._store.unfinished(after, older_than, PAGE):
            yield jobs
            after = jobs[-1].queue, jobs[-1].id

    def _enqueued(self, jobs: Sequence[Job]) -> Batch:
        batch = self._announcer.batch()
        self._queues.sync(jobs, batch)
        return batch


def _settled_id() -> UUID:
    """No row with a lower id appears any more, unless something waited for longer than ``OVERLAP``: the patrol finds that."""
    return first_id_at(datetime.now(UTC) - OVERLAP)
