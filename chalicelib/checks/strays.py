"""Redis against the rows: each reminder is of an unfinished job, in the form that its row gives it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import groupby
from operator import attrgetter
from uuid import UUID

import msgspec

from chalicelib.checks.looking import Eye, Sighted, pages
from chalicelib.checks.mending import Mending
from chalicelib.findings import Diagnosis, Severity, Tally, counted
from chalicelib.inspection import RedisInspection, Reminder
from chalicelib.members import member
from chalicelib.queues import Queues
from chalicelib.store.inspection import SeenJob, StoreInspection


class Fault(StrEnum):
    """What can be wrong with a reminder. The values name the findings."""

    NO_ROW = "reminders_without_rows"
    FINISHED = "reminders_of_finished_jobs"
    WRONG_RANK = "reminders_with_wrong_rank"


class Stray(msgspec.Struct, frozen=True):
    reminder: Reminder
    fault: Fault


class Strays:
    """Walks the sets of every queue that has some, and asks Postgres for each page."""

    def __init__(
        self, *, inspection: StoreInspection, redis: RedisInspection, queues: Queues, mending: Mending, eye: Eye
    ) -> None:
        self._inspection = inspection
        self._redis = redis
        self._queues = queues
        self._mending = mending
        self._eye = eye

    def look(self) -> list[Diagnosis]:
        sighted = self._eye.sighted(map(self._faulty, self._reminders()), self._still)
        return [self._diagnosis(fault, sighted) for fault in Fault]

    def names(self) -> list[Diagnosis]:
        """The sets first: a queue is named in the same breath as its first reminder is written."""
        tally = Tally()
        unnamed = sorted(self._redis.queues_with_sets().difference(self._queues.names()))
        for queue in unnamed:
            tally.add(queue)
        what, advice = "queues that workers do not know of", "name them again, and forget reminders without rows"
        return [counted("queues_without_names", Severity.ERROR, tally, what, advice, lambda: self._name(unnamed))]

    def _reminders(self) -> Iterator[list[Reminder]]:
        for queue in sorted(self._redis.queues_with_sets()):
            yield from self._redis.reminders(queue)

    def _faulty(self, reminders: Sequence[Reminder]) -> list[Stray]:
        rows = self._inspection.seen([each.job_id for each in reminders if each.job_id is not None])
        faults = [(each, fault_of(each, rows)) for each in reminders]
        return [Stray(reminder, fault) for reminder, fault in faults if fault is not None]

    def _still(self, strays: list[Stray]) -> list[Stray]:
        """Each once: a scan may bring an entry twice."""
        once = dict.fromkeys(strays)
        found = [self._faulty(self._there([each.reminder for each in page])) for page in pages([*once])]
        return [stray for page in found for stray in page if stray in once]

    def _there(self, reminders: Sequence[Reminder]) -> list[Reminder]:
        """Those that have not gone."""
        there: list[Reminder] = []
        for queue, group in groupby(reminders, attrgetter("queue")):
            wanted = list(group)
            _, scores = self._redis.scores(queue, [each.member for each in wanted])
            there += [each for each, places in zip(wanted, scores, strict=True) if places[each.place] is not None]
        return there

    def _diagnosis(self, fault: Fault, sighted: Sighted[Stray]) -> Diagnosis:
        tally, reminders = Tally(), [each.reminder for each in sighted.found if each.fault is fault]
        for reminder in reminders:
            tally.add(reminder.job_id or f"{reminder.member!r} in {reminder.queue}")
        what = sighted.and_more + _WORDS[fault]
        advice = "workers drop them when they come due; remove them now"
        return counted(fault, Severity.WARNING, tally, what, advice, lambda: self._mending.remove(reminders))

    def _name(self, queues: list[str]) -> str:
        """Syncing a job names its queue. A queue without unfinished jobs needs no name, and loses its strays."""
        for queue in queues:
            page = self._inspection.unfinished_after(queue, UUID(int=0))
            self._mending.sync([job.id for job in page if job.queue == queue])
        return f"named {len(queues):,} queues"


_WORDS = {
    Fault.NO_ROW: "reminders of jobs that do not exist, or are in another queue",
    Fault.FINISHED: "reminders of jobs that are finished, or wait for others",
    Fault.WRONG_RANK: "reminders with another priority or key than their jobs have",
}


def fault_of(reminder: Reminder, rows: Mapping[UUID, SeenJob]) -> Fault | None:
    row = None if reminder.job_id is None else rows.get(reminder.job_id)
    if row is None or row.queue != reminder.queue:
        return Fault.NO_ROW
    if not row.needs_reminder:
        return Fault.FINISHED
    return None if member(row) == reminder.member else Fault.WRONG_RANK
