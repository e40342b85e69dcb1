"""What ``--repair`` may do while everything runs. Redis follows the rows; no row is ever touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from chalicelib.checks.looking import pages
from chalicelib.inspection import RedisInspection, Reminder
from chalicelib.jobs import JobStatus
from chalicelib.queues import Queues
from chalicelib.redis_link import RedisLink
from chalicelib.store.jobs import JobStore

LIVE = (JobStatus.QUEUED, JobStatus.RUNNING)


class Mending:
    """Each method says what it did. rebuild: returns how many jobs Redis was told of."""

    def __init__(
        self,
        *,
        store: JobStore,
        queues: Queues,
        redis: RedisInspection,
        redis_link: RedisLink,
        rebuild: Callable[[], int],
    ) -> None:
        self._store = store
        self._queues = queues
        self._redis = redis
        self._redis_link = redis_link
        self._rebuild = rebuild

    def sync(self, ids: Sequence[UUID]) -> str:
        return f"put {self._sync(ids):,} jobs where their rows say"

    def rebuild(self) -> str:
        return f"rebuilt the queues: {self._rebuild():,} jobs"

    def remove(self, strays: Sequence[Reminder]) -> str:
        """Jobs whose reminder has the wrong form get the right one first, so that no crash of ours can strand them. A job that
        was revived meanwhile may lose a good one: so the rows are asked again, afterwards."""
        ids = sorted({stray.job_id for stray in strays if stray.job_id is not None})
        self._sync(ids)
        for page in pages(strays):
            batch = self._redis_link.batch()
            for stray in page:
                self._redis.remove(stray, batch)
            batch.send()
        self._sync(ids)
        return f"removed {len(strays):,} reminders"

    def _sync(self, ids: Sequence[UUID]) -> int:
        return sum(self._sync_page(page) for page in pages(ids))

    def _sync_page(self, ids: Sequence[UUID]) -> int:
        jobs = [job for job in self._store.standing(ids) if job.status in LIVE]
        batch = self._redis_link.batch()
        self._queues.release(jobs, batch)
        batch.send()
        return len(jobs)
