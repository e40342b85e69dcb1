"""Rows against Redis: each unfinished job is in one of its queue's sets, the right one, at the right time.

What a crash can leave behind is no fault as long as somebody will look at the job in time: what is due may still be in
``delayed``, and what was taken and not claimed is in ``leased``, for no longer than a lease.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from operator import attrgetter

import msgspec

from chalicelib.checks.looking import Eye, Sighted, pages
from chalicelib.checks.mending import Mending
from chalicelib.findings import Diagnosis, Severity, Tally, counted
from chalicelib.inspection import RedisInspection, Scores
from chalicelib.jobs import LEASE
from chalicelib.members import member
from chalicelib.queues import DELAYED, READY
from chalicelib.store.inspection import SeenJob, StoreInspection

LEASE_MS = LEASE.total_seconds() * 1000  # a lease may be off by as much: renewed or not, it is over by then
ROUNDING_MS = 1_000


class Fault(StrEnum):
    """What can be wrong with a row's reminder. The values name the findings."""

    MISSING = "rows_without_reminders"
    WRONG_SET = "reminders_in_wrong_set"
    WRONG_TIME = "reminders_at_wrong_time"


class Suspect(msgspec.Struct, frozen=True):
    job: SeenJob
    fault: Fault


class Reminders:
    """Walks the rows, and asks Redis for each page."""

    def __init__(self, *, inspection: StoreInspection, redis: RedisInspection, mending: Mending, eye: Eye) -> None:
        self._inspection = inspection
        self._redis = redis
        self._mending = mending
        self._eye = eye

    def look(self) -> list[Diagnosis]:
        sighted = self._eye.sighted(map(self._faulty, self._inspection.unfinished()), self._still)
        return [self._diagnosis(fault, sighted) for fault in Fault]

    def _still(self, suspects: list[Suspect]) -> list[Suspect]:
        """A row that has moved meanwhile is alive: Redis was between its two places when we looked."""
        before = {(each.job.id, each.job.version, each.fault) for each in suspects}
        found = [self._faulty(self._inspection.seen(ids).values()) for ids in pages([each.job.id for each in suspects])]
        return [each for page in found for each in page if (each.job.id, each.job.version, each.fault) in before]

    def _faulty(self, jobs: Iterable[SeenJob]) -> list[Suspect]:
        by_queue = attrgetter("queue")
        wanted = sorted((job for job in jobs if job.needs_reminder), key=by_queue)
        return [each for queue, group in groupby(wanted, by_queue) for each in self._faulty_in(queue, list(group))]

    def _faulty_in(self, queue: str, jobs: Sequence[SeenJob]) -> Iterator[Suspect]:
        now_ms, scores = self._redis.scores(queue, [member(job) for job in jobs])
        for job, places in zip(jobs, scores, strict=True):
            fault = fault_of(job, places, now_ms)
            is_underway = fault is Fault.MISSING and job.age < self._eye.limits.young
            if fault is not None and not is_underway:
                yield Suspect(job, fault)

    def _diagnosis(self, fault: Fault, sighted: Sighted[Suspect]) -> Diagnosis:
        tally, ids = Tally(), [each.job.id for each in sighted.found if each.fault is fault]
        for job_id in ids:
            tally.add(job_id)
        severity, what, advice = _WORDS[fault]
        mend = self._mending.rebuild if sighted.and_more else lambda: self._mending.sync(ids)
        return counted(fault, severity, tally, sighted.and_more + what, advice, mend)


_WORDS = {
    Fault.MISSING: (
        Severity.ERROR,
        "unfinished jobs that no worker will look at",
        "tell Redis of them; if they come back, look for workers or functions that cannot reach Redis",
    ),
    Fault.WRONG_SET: (
        Severity.WARNING,
        "jobs in a set that is not theirs, or in several; a worker that takes one puts it right",
        "put them where their rows say",
    ),
    Fault.WRONG_TIME: (
        Severity.ERROR,
        "jobs that workers will look at far too late or too early",
        "put them where their rows say; then look at clock_skew",
    ),
}


def fault_of(job: SeenJob, scores: Scores, now_ms: float) -> Fault | None:
    """now_ms: Redis's time. The sets move by it, the rows by Postgres's: what is due by either clock may be where it is."""
    match [place for place, score in enumerate(scores) if score is not None]:
        case []:
            return Fault.MISSING
        case [place] if place == READY:
            return None if _may_be_taken(job, now_ms) else Fault.WRONG_SET
        case [place] if place == DELAYED:
            return _fault_delayed(job, scores.delayed or 0)
        case [_]:
            return None if _is_leased_in_step(job, scores.leased or 0, now_ms) else Fault.WRONG_TIME
        case _:
            return Fault.WRONG_SET


def _may_be_taken(job: SeenJob, now_ms: float) -> bool:
    if job.lease_expires_at is not None:
        return not job.is_held or _ms(job.lease_expires_at) <= now_ms
    return job.run_at <= job.read_at or _ms(job.run_at) <= now_ms


def _fault_delayed(job: SeenJob, score: float) -> Fault | None:
    if not job.is_queued:
        return Fault.WRONG_SET
    return Fault.WRONG_TIME if abs(score - _ms(job.run_at)) > ROUNDING_MS else None


def _is_leased_in_step(job: SeenJob, score: float, now_ms: float) -> bool:
    if job.lease_expires_at is not None and job.is_held:
        return abs(score - _ms(job.lease_expires_at)) <= LEASE_MS
    return score <= now_ms + 2 * LEASE_MS  # somebody has taken it, and claims it just now, or died before that


def _ms(moment: datetime) -> float:
    return moment.timestamp() * 1000
