"""Record outcomes: whatever has piled up, in one statement; then Redis and the watchers, in one round trip.

No timer: a lone job passes straight through, and while one batch is being written the next one grows.
"""

from __future__ import annotations

import logging
import math
import queue
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from chalicelib.announcer import Announcer
from chalicelib.attempt import Attempt
from chalicelib.errors import QueueUnavailable, StoreUnavailable, Unstorable
from chalicelib.hand import Hand
from chalicelib.jobs import AttemptError, Cancelled, Completed, Failed, Job, JobStatus, RawId, Settlement
from chalicelib.logbook import Logbook
from chalicelib.queues import Queues
from chalicelib.releaser import Releaser
from chalicelib.store.attempts import AttemptStore
from chalicelib.store.dependencies import with_dependents
from chalicelib.store.jobs import JobStore

logger = logging.getLogger(__name__)

BATCH = 1_000
PATIENCE_SECONDS = 10  # with an absent Postgres, once we were told to stop
RETRY_SECONDS = 0.5  # between tries while Postgres is away

T = TypeVar("T")


class GivenUp(Exception):
    """Postgres stayed away for too long: the leases run out, and the jobs run again."""


class Settler:
    """Takes outcomes from many threads and records them from one."""

    def __init__(
        self,
        *,
        attempts: AttemptStore,
        store: JobStore,
        releaser: Releaser,
        queues: Queues,
        announcer: Announcer,
        logbook: Logbook,
        hand: Hand,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._attempts = attempts
        self._store = store
        self._releaser = releaser
        self._queues = queues
        self._announcer = announcer
        self._logbook = logbook
        self._hand = hand
        self._pause = pause
        self._patient_until = math.inf
        self.completed = 0  # jobs, so far
        self.failed = 0
        self._ended: queue.SimpleQueue[Attempt | None] = queue.SimpleQueue()
        self.put = self._ended.put  # an attempt that has its outcome

    def finish(self) -> None:
        """Return from ``run`` once everything put so far is recorded, or Postgres stayed away too long."""
        self._patient_until = time.monotonic() + PATIENCE_SECONDS
        self._ended.put(None)

    def run(self) -> None:
        """Until ``finish``."""
        going_on = True
        while going_on:
            attempts, going_on = self._collect()
            if attempts:
                self._record(attempts)

    def _collect(self) -> tuple[list[Attempt], bool]:
        """At least one, and whatever else is there; False when the last one was the end."""
        batch: list[Attempt] = []
        attempt = self._ended.get()
        while attempt is not None:
            batch.append(attempt)
            if len(batch) == BATCH or self._ended.empty():
                return batch, True
            attempt = self._ended.get()
        return batch, False

    def _record(self, attempts: list[Attempt]) -> None:
        attempts.sort(key=lambda attempt: attempt.job.raw_id)  # as submits lock those that they will wait for
        logged = [attempt for attempt in attempts if attempt.lines is not None]
        self._logbook.close(logged)  # first: whoever sees the outcome sees the lines
        try:
            self._complete([each for each in attempts if type(each.outcome) is Completed])
            self._settle([_settlement(each) for each in attempts if type(each.outcome) is not Completed])
        except GivenUp:
            logger.error("outcomes given up: the jobs will run again", extra={"count": len(attempts)})
        self._logbook.close(logged)  # again, in case Postgres was away
        self._hand.drop(attempts)

    def _complete(self, attempts: list[Attempt]) -> None:
        """The short way, for what succeeded."""
        if not attempts:
            return
        jobs = [attempt.job for attempt in attempts]
        results = [attempt.outcome.result for attempt in attempts if isinstance(attempt.outcome, Completed)]
        ran = [attempt.ran or 0.0 for attempt in attempts]
        try:
            done = self._insist(lambda: self._attempts.complete(jobs, results, ran))
        except Unstorable:
            self._settle([_settlement(attempt) for attempt in attempts])
            return
        self.completed += done.count
        if done.count == len(jobs):
            batch = self._announcer.batch()
            self._queues.drop(jobs, batch)
            self._tell(lambda: self._announcer.send_claimed(batch, jobs))
        else:
            self._look_after([_settlement(attempt) for attempt in attempts])
        self._let_go(done.awaited)

    def _settle(self, settlements: list[Settlement]) -> None:
        """The long way, for everything else."""
        if not settlements:
            return
        settled = self._settled(settlements)
        self.completed += sum(job.status is JobStatus.COMPLETED for job in settled)
        self.failed += sum(job.status is JobStatus.FAILED for job in settled)
        batch = self._announcer.batch()
        self._queues.release(settled, batch)
        self._tell(lambda: self._announcer.send(batch, [job.id for job in settled]))
        _log(settled)
        self._let_go(with_dependents(settled))
        recorded = {job.id for job in settled}
        refused = [settlement for settlement in settlements if settlement.job.id not in recorded]
        if refused:
            self._look_after(refused)

    def _settled(self, settlements: Sequence[Settlement]) -> list[Job]:
        """One result that Postgres cannot hold must not keep the others: halve until it is alone, and fail its job."""
        try:
            return self._insist(lambda: self._attempts.settle(settlements))
        except Unstorable as error:
            if len(settlements) == 1:
                failed = Failed(AttemptError(type="Unstorable", message=f"the result cannot be stored: {error}"))
                return self._settled([Settlement(settlements[0].job, failed, settlements[0].ran)])
            middle = len(settlements) // 2
            return [*self._settled(settlements[:middle]), *self._settled(settlements[middle:])]

    def _look_after(self, settlements: Sequence[Settlement]) -> None:
        """Some of these were refused. Where somebody asked for the job's end, it is cancelled now that its handler has ended.
        Where our own commit succeeded and its answer was lost, Redis and the watchers have not been told yet. The rest is
        lost to another worker."""
        rows = {
            row.id: row for row in self._insist(lambda: self._store.standing([each.job.id for each in settlements]))
        }
        batch = self._announcer.batch()
        self._queues.release(rows.values(), batch)
        self._tell(lambda: self._announcer.send(batch, [*rows]))
        self._let_go(with_dependents(rows.values()))
        self._settle(
            [
                Settlement(each.job, Cancelled(), each.ran)
                for each in settlements
                if _must_end(each, rows.get(each.job.id))
            ]
        )
        lost = [str(each.job.id) for each in settlements if _is_lost(each, rows.get(each.job.id))]
        if lost:
            logger.warning("leases lost: outcomes refused", extra={"job_ids": lost})

    def _let_go(self, ended: Sequence[RawId]) -> None:
        """Those that waited for these."""
        self._tell(lambda: self._releaser.follow(ended))

    def _insist(self, ask: Callable[[], T]) -> T:
        """Holds on to the outcomes while Postgres is away: the leases may outlast it."""
        while True:
            try:
                return ask()
            except StoreUnavailable as error:
                logger.warning("outcomes wait for postgres", extra={"reason": str(error)})
                if time.monotonic() > self._patient_until:
                    raise GivenUp from error
                self._pause(RETRY_SECONDS)

    def _tell(self, tell: Callable[[], object]) -> None:
        try:
            tell()
        except (QueueUnavailable, StoreUnavailable) as error:
            logger.warning("settled, but nobody could be told", extra={"reason": str(error)})


def _settlement(attempt: Attempt) -> Settlement:
    return Settlement(attempt.job, attempt.outcome, attempt.ran)


def _must_end(settlement: Settlement, row: Job | None) -> bool:
    return (
        row is not None
        and row.status is JobStatus.RUNNING
        and row.attempt == settlement.job.attempt
        and row.cancel_requested_at is not None
    )


def _is_lost(settlement: Settlement, row: Job | None) -> bool:
    return row is None or row.attempt != settlement.job.attempt


def _log(settled: Sequence[Job]) -> None:
    for job in settled:
        logger.info("job moved", extra={"job_id": str(job.id), "status": job.status, "attempt": job.attempt})
