"""Take job ids from Redis and claim their rows: Redis says when to look, Postgres has the last word."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from chalicelib.announcer import Announcer
from chalicelib.errors import QueueUnavailable, StoreUnavailable
from chalicelib.jobs import LEASE, ClaimedJob, Job, RawId
from chalicelib.queues import Queues
from chalicelib.redis_link import Batch
from chalicelib.store.attempts import AttemptStore
from chalicelib.store.jobs import JobStore

logger = logging.getLogger(__name__)


class Fetched(msgspec.Struct, frozen=True):
    """What one look brought."""

    jobs: list[ClaimedJob]
    next_due: timedelta | None  # from now; None: no telling
    taken: dict[str, list[RawId]] = {}  # ids from Redis by queue: where there were some, there may be more
    was_told: bool = False  # watchers know already


class Fetcher:
    """One look at the queues, in two steps: ``fetch``, then, while the jobs run, ``follow_up``."""

    def __init__(
        self, *, attempts: AttemptStore, store: JobStore, queues: Queues, announcer: Announcer, worker_id: str
    ) -> None:
        self._attempts = attempts
        self._store = store
        self._queues = queues
        self._announcer = announcer
        self._worker_id = worker_id
        self._in_doubt: dict[str, list[RawId]] = {}

    def fetch(self, queues: Sequence[str], limit: int, fits: timedelta) -> Fetched:
        """Up to ``limit`` jobs, now RUNNING and ours. Raises QueueUnavailable or StoreUnavailable: what was taken is put back
        at the next call, or comes back when its lease in Redis is over."""
        self._give_back_doubtful()
        taken = self._queues.take(queues, limit, LEASE)
        ids = [job_id for ids in taken.ids.values() for job_id in ids]
        if not ids:
            return Fetched([], taken.next_due)
        self._in_doubt = taken.ids
        claimed = self._attempts.claim(ids, self._worker_id, LEASE, fits)
        jobs, self._in_doubt = _sorted_out(claimed, taken.ids)
        self._announcer.is_watched = taken.is_watched
        return Fetched(jobs, taken.next_due, taken.ids, bool(jobs) and taken.is_watched and self._tell(jobs))

    def follow_up(self, fetched: Fetched, fits: timedelta) -> list[Job]:
        """Tell watchers, and put Redis right about what Postgres refused. Returns what was refused because it may run longer
        than ``fits``. Never raises: the claimed jobs are ours, whoever else is away."""
        try:
            if fetched.jobs and not fetched.was_told:
                self._tell(fetched.jobs)
            self._give_back_doubtful()
            return self._correct(fetched, fits)
        except (QueueUnavailable, StoreUnavailable) as error:
            logger.warning("redis could not be put right", extra={"reason": str(error)})
            return []

    def put_back(self, jobs: Sequence[Job]) -> None:
        """Let others see jobs that we took and could not start."""
        batch = self._announcer.batch()
        self._queues.sync(jobs, batch)
        batch.send()

    def _give_back_doubtful(self) -> None:
        """The answer to a claim was lost, or it claimed jobs that were moved to other queues, whose pause and limits were not
        asked. Nobody runs them; without this, they would wait for their leases to run out, and count as crashes."""
        if self._in_doubt:
            ids = [_id(raw) for raws in self._in_doubt.values() for raw in raws]
            given_back = self._attempts.disown(ids, self._worker_id)
            batch = self._announcer.batch()
            self._put_right(self._in_doubt, self._store.standing(ids), batch)
            self._announcer.send(batch, [job.id for job in given_back])
            self._in_doubt = {}

    def _tell(self, jobs: Sequence[ClaimedJob]) -> bool:
        """Returns True."""
        try:
            self._announcer.send_claimed(self._announcer.batch(), jobs)
        except (QueueUnavailable, StoreUnavailable) as error:
            logger.warning("claimed, but nobody could be told", extra={"count": len(jobs), "reason": str(error)})
        return True

    def _correct(self, fetched: Fetched, fits: timedelta) -> list[Job]:
        claimed = {job.raw_id for job in fetched.jobs}
        refused = [_id(raw) for raws in fetched.taken.values() for raw in raws if raw not in claimed]
        if not refused:
            return []
        buried = self._attempts.bury(refused)
        rows = self._store.standing(refused)
        misfits = [row for row in rows if row.finished_at is None and row.timeout > fits]
        batch = self._announcer.batch()
        self._put_right(fetched.taken, [row for row in rows if row not in misfits], batch)
        self._queues.leave(_moved(fetched.taken, misfits), batch)
        self._forget(fetched.taken, {*refused} - {row.id for row in rows}, batch)
        self._announcer.send(batch, buried)
        return misfits

    def _put_right(self, taken: Mapping[str, Sequence[RawId]], rows: Sequence[Job], batch: Batch) -> None:
        """First where they belong, then where they were taken: what was moved meanwhile is in no queue but its own."""
        self._queues.sync(rows, batch)
        self._queues.leave(_moved(taken, rows), batch)

    def _forget(self, taken: dict[str, list[RawId]], gone: set[UUID], batch: Batch) -> None:
        for queue, raws in taken.items():
            strays = [job_id for job_id in map(_id, raws) if job_id in gone]
            if strays:
                logger.warning("reminders of deleted jobs", extra={"queue": queue, "count": len(strays)})
                self._queues.forget(queue, strays, batch)


def _sorted_out(
    claimed: list[ClaimedJob], taken: Mapping[str, Sequence[RawId]]
) -> tuple[list[ClaimedJob], dict[str, list[RawId]]]:
    """Those that are in the queue they were taken from; and the others, by the queue they were taken from."""
    if len(taken) == 1 and {job.queue for job in claimed} <= taken.keys():
        return claimed, {}
    queues = _queues_by_id(taken)
    moved: dict[str, list[RawId]] = {}
    for job in claimed:
        if job.queue != queues[job.raw_id]:
            moved.setdefault(queues[job.raw_id], []).append(job.raw_id)
    return [job for job in claimed if job.queue == queues[job.raw_id]], moved


def _moved(taken: Mapping[str, Sequence[RawId]], rows: Sequence[Job]) -> list[tuple[str, Job]]:
    """Those that are in another queue now, each with the one it was taken from."""
    queues = _queues_by_id(taken)
    return [(queues[row.raw_id], row) for row in rows if row.queue != queues[row.raw_id]]


def _queues_by_id(taken: Mapping[str, Sequence[RawId]]) -> dict[RawId, str]:
    return {raw: queue for queue, raws in taken.items() for raw in raws}


def _id(raw: RawId) -> UUID:
    return UUID(bytes=raw)
