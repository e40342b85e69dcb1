"""Take job ids from Redis and claim their rows: Redis says when to look, Postgres has the last word."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from operator import itemgetter
from uuid import UUID

import msgspec

from chalicelib.announcer import Announcer
from chalicelib.errors import QueueUnavailable, StoreUnavailable
from chalicelib.jobs import LEASE, ClaimedJob, Job, RawId
from chalicelib.members import raw_id_of
from chalicelib.queues import NO_LEASE, Look, Queues
from chalicelib.redis_link import Batch
from chalicelib.releaser import Releaser
from chalicelib.store.attempts import AttemptStore
from chalicelib.store.jobs import JobStore

logger = logging.getLogger(__name__)


class Fetched(msgspec.Struct, frozen=True):
    """What one look brought. looks: by queue, what came from Redis. was_told: watchers know already. is_lost: as ``Taken``'s."""

    jobs: list[ClaimedJob]
    looks: dict[str, Look]
    was_told: bool = False
    is_lost: bool = False

    @property
    def is_stale(self) -> bool:
        """Something was taken, and none of it could be claimed."""
        return not self.jobs and any(look.members for look in self.looks.values())


class Fetcher:
    """One look at the queues, in two steps: ``fetch``, then, while the jobs run, ``follow_up``."""

    def __init__(
        self,
        *,
        attempts: AttemptStore,
        store: JobStore,
        releaser: Releaser,
        queues: Queues,
        announcer: Announcer,
        worker_id: str,
    ) -> None:
        self._attempts = attempts
        self._store = store
        self._releaser = releaser
        self._queues = queues
        self._announcer = announcer
        self._worker_id = worker_id
        self._in_doubt: Looks = {}
        self._too_long: list[Looks] = []

    def fetch(self, shares: Mapping[str, int], fits: timedelta) -> Fetched:
        """Jobs, now RUNNING and ours, best first. shares: at most so many of each queue.

        Raises QueueUnavailable or StoreUnavailable: what was taken is put back at the next call, or comes back when its lease in
        Redis is over.
        """
        self._give_back_doubtful()
        taken = self._queues.take(shares, LEASE)
        if taken.is_lost:
            self._return(taken.looks, self._announcer.batch()).send()
            return Fetched([], {}, is_lost=True)
        ids = _in_order([look.members for look in taken.looks.values()])
        if not ids:
            return Fetched([], taken.looks)
        self._in_doubt = taken.looks
        claimed, self._in_doubt = _sorted_out(self._attempts.claim(ids, self._worker_id, LEASE, fits), self._in_doubt)
        self._announcer.is_watched = taken.is_watched
        jobs = [claimed[job_id] for job_id in ids if job_id in claimed]
        return Fetched(jobs, taken.looks, bool(jobs) and taken.is_watched and self._tell(jobs))

    def follow_up(self, fetched: Fetched, fits: timedelta) -> list[Job]:
        """Tell watchers, and put Redis right about what Postgres refused: whoever changed those rows may have told nobody.

        Returns what was refused because it may run longer than ``fits``, and is kept from others until ``put_back``, or until our
        leases in Redis are over. Never raises: the claimed jobs are ours, whoever else is away.
        """
        try:
            if fetched.jobs and not fetched.was_told:
                self._tell(fetched.jobs)
            self._give_back_doubtful()
            return self._correct(fetched, fits)
        except (QueueUnavailable, StoreUnavailable) as error:
            logger.warning("redis could not be put right", extra={"reason": str(error)})
            return []

    def put_back(self) -> int:
        """Let others see the jobs that ``follow_up`` returned, but those that they have taken meanwhile: our leases in Redis may
        have ended, or be lost. Returns how many there were.

        Raises QueueUnavailable or StoreUnavailable.
        """
        if not self._too_long:
            return 0
        batch = self._announcer.batch()
        for looks in self._too_long:
            self._return(looks, batch)
        batch.send()
        jobs = {job_id for looks in self._too_long for job_id in _ids(looks)}
        self._too_long = []
        return len(jobs)

    def _give_back_doubtful(self) -> None:
        """The answer to a claim was lost, or it claimed jobs that were moved to other queues, whose pause and limits were not
        asked. Nobody runs them; without this, they would wait for their leases to run out, and count as crashes."""
        if self._in_doubt:
            given_back = self._attempts.disown(_ids(self._in_doubt), self._worker_id)
            batch = self._return(self._in_doubt, self._announcer.batch())
            self._queues.release(given_back, batch)  # Redis may know our leases from their rows
            self._announcer.send(batch, [job.id for job in given_back])
            self._in_doubt = {}

    def _return(self, taken: Looks, batch: Batch) -> Batch:
        """To where their rows say."""
        ids = _ids(taken)
        rows = self._store.standing(ids) if ids else []
        self._put_right(taken, rows, {row.raw_id: row.queue for row in rows}, batch)
        return batch

    def _tell(self, jobs: Sequence[ClaimedJob]) -> bool:
        """Returns True."""
        try:
            self._announcer.send_claimed(self._announcer.batch(), jobs)
        except (QueueUnavailable, StoreUnavailable) as error:
            logger.warning("claimed, but nobody could be told", extra={"count": len(jobs), "reason": str(error)})
        return True

    def _correct(self, fetched: Fetched, fits: timedelta) -> list[Job]:
        taken = fetched.looks
        if sum(len(look.members) for look in taken.values()) == len(fetched.jobs):
            return []
        refused = [*dict.fromkeys(_ids(taken)).keys() - {job.id for job in fetched.jobs}]
        buried = self._attempts.bury(refused) if refused else []
        rows = self._store.standing(refused) if refused else []
        misfits = [row for row in rows if row.finished_at is None and row.timeout > fits]
        if misfits:
            self._too_long.append(_only(taken, {row.raw_id for row in misfits}))
        batch = self._announcer.batch()
        own = {row.raw_id: row.queue for row in rows} | {job.raw_id: job.queue for job in fetched.jobs}
        self._put_right(taken, [row for row in rows if row not in misfits], own, batch)
        self._announcer.send(batch, [job_id for job_id in refused if job_id not in {row.id for row in misfits}])
        self._releaser.follow([job_id.bytes for job_id in buried])
        return misfits

    def _put_right(self, taken: Looks, rows: Sequence[Job], own: Mapping[RawId, str], batch: Batch) -> None:
        """First where they belong, then where they were taken: what was moved meanwhile, or is gone, is in no queue but its own.

        own: the queues that the rows name.
        """
        ends = {(queue, raw_id_of(entry)): look.lease_end for queue, look in taken.items() for entry in look.members}
        self._queues.give_back(((row, ends.get((row.queue, row.raw_id), NO_LEASE)) for row in rows), batch)
        for queue, look in taken.items():
            strays = [entry for entry in look.members if own.get(raw_id_of(entry)) != queue]
            if strays:
                logger.warning("reminders of deleted or moved jobs", extra={"queue": queue, "count": len(strays)})
                self._queues.forget(queue, strays, batch)


Looks = Mapping[str, Look]  # by queue


def _only(looks: Looks, raw_ids: Collection[RawId]) -> Looks:
    return {
        queue: msgspec.structs.replace(look, members=[each for each in look.members if raw_id_of(each) in raw_ids])
        for queue, look in looks.items()
    }


def _ids(taken: Looks) -> list[UUID]:
    return [UUID(bytes=raw_id_of(entry)) for look in taken.values() for entry in look.members]


def _sorted_out(claimed: Sequence[ClaimedJob], taken: Looks) -> tuple[dict[RawId, ClaimedJob], Looks]:
    """Those that are in a queue they were taken from, by id; and what was taken of the others."""
    places = {(raw_id_of(entry), queue) for queue, look in taken.items() for entry in look.members}
    moved = {job.raw_id for job in claimed if (job.raw_id, job.queue) not in places}
    if not moved:
        return {job.raw_id: job for job in claimed}, {}
    return {job.raw_id: job for job in claimed if job.raw_id not in moved}, _only(taken, moved)


def _in_order(taken: Sequence[Sequence[bytes]]) -> list[RawId]:
    """Raw ids of what was taken, each once and each queue's spread evenly over the whole: a job on its way from one queue to
    another may be in both."""
    if len(taken) == 1:
        return [raw_id_of(entry) for entry in taken[0]]
    spread = [(n / len(members), raw_id_of(entry)) for members in taken for n, entry in enumerate(members)]
    return [*dict.fromkeys(raw for _, raw in sorted(spread, key=itemgetter(0)))]
