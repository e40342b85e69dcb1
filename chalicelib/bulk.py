"""Cancel and revive by filter: as many as fit into one call, newest first, and where the next call goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from chalicelib.callers import Deed
from chalicelib.forms import Cancellation, Revival, Selection
from chalicelib.jobs import CANCEL, REVIVE, Job, JobStatus, Move
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
        return self._carried_out(order, CANCEL, self._scheduler.cancel_all, deed)

    def revive(self, order: Revival, deed: Deed) -> Progress:
        """As ``cancel``."""
        return self._carried_out(order, REVIVE, self._scheduler.revive_all, deed)

    def _carried_out(self, order: Selection, move: Move, carry_out: CarryOut, deed: Deed) -> Progress:
        if order.dry_run:
            count = self._count(order, move)
            return msgspec.structs.replace(count, dry_run=True)
        self._audit.write(deed)
        if order.ids:
            return Progress(len(carry_out(order.ids, None, None)), None)
        chosen = order.chosen()
        return self._worked_through(chosen, lambda ids: len(carry_out(ids, None, chosen.status)) if ids else 0)

    def _count(self, order: Selection, move: Move) -> Progress:
        if not order.ids:
            return self._worked_through(order.chosen(), len)
        standing = self._scheduler.standing(order.ids)
        return Progress(sum(job.status in move.sources and not _is_asked(job, move) for job in standing), None)

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


def _is_asked(job: Job, move: Move) -> bool:
    """Whether it was asked to end before, which is not done again."""
    return move is CANCEL and job.cancel_requested_at is not None
