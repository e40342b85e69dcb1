"""Take job ids from Redis and claim their rows: Redis says when to look, Postgres has the last word."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from chalicelib.errors import QueueUnavailable, StoreUnavailable
from chalicelib.jobs import LEASE, Job, JobStatus
from chalicelib.queues import Queues
from chalicelib.redis_link import Batch, RedisLink
from chalicelib.store.jobs import JobStore
from chalicelib.stream import EventStream

logger = logging.getLogger(__name__)


class Fetched(msgspec.Struct, frozen=True):
    """What one look brought."""

    jobs: list[Job]
    next_due: timedelta | None  # from now; None: no telling
    taken: int = 0  # ids from Redis: where there were some, there may be more
    misfits: list[Job] = []  # due, but they may run longer than we have


class Fetcher:
    """One look at the queues."""

    def __init__(
        self, *, store: JobStore, redis_link: RedisLink, queues: Queues, stream: EventStream, worker_id: str
    ) -> None:
        self._store = store
        self._redis_link = redis_link
        self._queues = queues
        self._stream = stream
        self._worker_id = worker_id

    def fetch(self, queues: Sequence[str], limit: int, fits: timedelta) -> Fetched:
        """Up to ``limit`` jobs, now RUNNING and ours. Raises QueueUnavailable or StoreUnavailable: what was taken comes back
        when its lease in Redis is over."""
        taken = self._queues.take(queues, limit, LEASE)
        ids = [job_id for ids in taken.ids.values() for job_id in ids]
        if not ids:
            return Fetched([], taken.next_due)
        jobs = self._store.claim(ids, self._worker_id, LEASE, fits)
        misfits = self._tell(taken.ids, jobs, fits)
        return Fetched(jobs, taken.next_due, len(ids), misfits)

    def _tell(self, taken: dict[str, list[UUID]], jobs: Sequence[Job], fits: timedelta) -> list[Job]:
        """Announce what was claimed, and put Redis right about the rest. Never raises: the claimed jobs are ours by now."""
        try:
            if jobs:
                self._announce(jobs)
            return self._correct(taken, {job.id for job in jobs}, fits)
        except (QueueUnavailable, StoreUnavailable) as error:
            logger.warning("claimed, but nobody could be told", extra={"count": len(jobs), "reason": str(error)})
            return []

    def put_back(self, jobs: Sequence[Job]) -> None:
        """Let others see jobs that we took and could not start."""
        batch = self._redis_link.batch()
        self._queues.sync(jobs, batch)
        batch.send()

    def _announce(self, jobs: Sequence[Job]) -> None:
        batch = self._redis_link.batch()
        self._stream.append(jobs, batch)
        batch.send()

    def _correct(self, taken: dict[str, list[UUID]], claimed: set[UUID], fits: timedelta) -> list[Job]:
        """Put Redis right about what Postgres refused. Returns the due jobs among it: they did not fit."""
        refused = [job_id for ids in taken.values() for job_id in ids if job_id not in claimed]
        if not refused:
            return []
        buried = self._store.bury(refused)
        rows = self._store.find(refused)
        misfits = [row for row in rows if row.status is JobStatus.QUEUED and row.timeout > fits]
        batch = self._redis_link.batch()
        self._queues.sync([row for row in rows if row not in misfits], batch)
        self._stream.append(buried, batch)
        self._forget(taken, {*refused} - {row.id for row in rows}, batch)
        batch.send()
        return misfits

    def _forget(self, taken: dict[str, list[UUID]], gone: set[UUID], batch: Batch) -> None:
        for queue, ids in taken.items():
            strays = [job_id for job_id in ids if job_id in gone]
            if strays:
                logger.warning("reminders of deleted jobs", extra={"queue": queue, "count": len(strays)})
                self._queues.forget(queue, strays, batch)
