"""Cancel, revive and move by filter: as many as fit into one call, newest first, and where the next call goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from chalicelib.bulk_forms import Cancellation, Purge, Revival, Selection, Transfer
from chalicelib.callers import Deed
from chalicelib.jobs import CANCEL, REVIVE, Job, JobStatus
from chalicelib.scheduler import Scheduler
from chalicelib.store.audit import AuditStore
from chalicelib.store.lists import Ids, JobFilter, JobLists

BATCH = 1_000
TURN = timedelta(seconds=3)  # the API answers within five


class Progress(msgspec.Struct, frozen=True):
    """What one call did, or with dry_run would do. cursor: where to go on; null: it is done."""

    count: int
    cursor: UUID | None
    dry_run: bool = False


WAITS = frozenset({JobStatus.BLOCKED, JobStatus.QUEUED})

Applies = Callable[[Job], bool]  # whether a job named by its id can be moved
CarryOut = Callable[[Sequence[UUID], None, JobStatus | None], list[Job]]  # ``Scheduler.cancel_all`` or ``revive_all``


class Bulk:
    """Moves many jobs."""

    def __init__(
        self, *, lists: JobLists, audit: AuditStore, scheduler: Scheduler, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lists = lists
        self._audit = audit
        self._scheduler = scheduler
        self._clock = clock

    def cancel(self, order: Cancellation, deed: Deed) -> Progress:
        """Each batch is committed by itself. Raises StoreUnavailable: what was moved before stays moved."""
        return self._carried_out(order, _may_be_cancelled, self._scheduler.cancel_all, deed)

    def revive(self, order: Revival, deed: Deed) -> Progress:
        """As ``cancel``."""

        def carry_out(ids: Sequence[UUID], _: None, only: JobStatus | None) -> list[Job]:
            return self._scheduler.revive_all(ids, None, only, has_more=not order.ids)

        return self._carried_out(order, _may_be_revived, carry_out, deed)

    def move(self, order: Transfer, deed: Deed) -> Progress:
        """As ``cancel``. What runs or is finished is left alone."""

        def carry_out(ids: Sequence[UUID], _: None, only: JobStatus | None) -> list[Job]:
            return self._scheduler.move_all(ids, order.to, order.queue or None, only)

        return self._carried_out(order, lambda job: job.status in WAITS and job.queue != order.to, carry_out, deed)

    def purge(self, queue: str, order: Purge, deed: Deed) -> Progress:
        """As ``cancel``, for all that waits in a queue. Raises InvalidInput."""
        order.check(queue)
        chosen = order.chosen(queue)
        if order.dry_run:
            return msgspec.structs.replace(self._worked_through(chosen, len), dry_run=True)
        self._audit.write(deed)
        return self._worked_through(
            chosen, lambda ids: len(self._scheduler.cancel_all(ids, waiting_in=queue)) if ids else 0
        )

    def _carried_out(self, order: Selection, applies: Applies, carry_out: CarryOut, deed: Deed) -> Progress:
        if order.dry_run:
            count = self._count(order, applies)
            return msgspec.structs.replace(count, dry_run=True)
        self._audit.write(deed)
        if order.ids:
            return Progress(len(carry_out(order.ids, None, None)), None)
        chosen = order.chosen()
        return self._worked_through(chosen, lambda ids: len(carry_out(ids, None, chosen.status)) if ids else 0)

    def _count(self, order: Selection, applies: Applies) -> Progress:
        if not order.ids:
            return self._worked_through(order.chosen(), len)
        standing = self._scheduler.standing(order.ids)
        return Progress(sum(map(applies, standing)), None)

    def _worked_through(self, chosen: JobFilter, work: Callable[[list[UUID]], int]) -> Progress:
        count, cursor = 0, chosen.before
        ends_at = self._clock() + TURN.total_seconds()
        for found in self._stretches(chosen):
            count += work(found.ids)
            cursor = found.stopped_at
            if self._clock() > ends_at:
                break
        return Progress(count, cursor)

    def _stretches(self, chosen: JobFilter) -> Iterator[Ids]:
        before = chosen.before
        while True:
            found = self._lists.ids(msgspec.structs.replace(chosen, before=before, limit=BATCH))
            yield found
            before = found.stopped_at
            if before is None:
                return


def _may_be_cancelled(job: Job) -> bool:
    """One that was asked to end before is not asked again."""
    return job.status in CANCEL.sources and job.cancel_requested_at is None


def _may_be_revived(job: Job) -> bool:
    return job.status in REVIVE.sources
