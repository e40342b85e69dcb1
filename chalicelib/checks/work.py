"""Whether the work goes on: leases that are over, ends that nobody makes, jobs that nobody runs or sweeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from chalicelib.checks.limits import Limits
from chalicelib.checks.mending import Mending
from chalicelib.chores import Chores
from chalicelib.errors import QueueUnavailable
from chalicelib.findings import Diagnosis, Finding, Severity, Tally, counted, fine
from chalicelib.redis_link import RedisLink
from chalicelib.store.inspection import Restraint, SeenJob, StoreInspection
from chalicelib.workers import Workers

T = TypeVar("T")


class Work:
    """One walk over the unfinished rows answers all but the last. Redis may be away: what it alone knows is left out then."""

    def __init__(
        self,
        *,
        inspection: StoreInspection,
        chores: Chores,
        workers: Workers,
        redis_link: RedisLink,
        mending: Mending,
        limits: Limits,
    ) -> None:
        self._inspection = inspection
        self._chores = chores
        self._workers = workers
        self._redis_link = redis_link
        self._mending = mending
        self._limits = limits

    def look(self) -> list[Diagnosis]:
        survey = _Survey(self._limits, _unless_away(self._chores.swept_to), self._inspection.held_back())
        for page in self._inspection.unfinished():
            for job in page:
                survey.add(job)
        return [*survey.diagnoses(), *self._waiting(survey, _unless_away(self._living))]

    def dependencies(self) -> list[Diagnosis]:
        tally = Tally()
        for job_id in self._inspection.left_blocked(self._limits.left_blocked):
            tally.add(job_id)
        what = "jobs still wait, although all that they depend on has ended"
        advice = "see that maintenance runs (a worker, or the minute's tick) and what it logs: it lets them go"
        return [counted("dependencies", Severity.ERROR, tally, what, advice)]

    def epoch(self) -> list[Diagnosis]:
        if not self._chores.epoch_is_missing():
            return [fine("epoch", "Redis remembers")]
        finding = Finding(
            check="epoch",
            severity=Severity.ERROR,
            found="Redis has lost everything, or was never told, and nobody has rebuilt it",
            advice="rebuild the queues from Postgres; a worker does so within seconds: is there one?",
            repairable=True,
        )
        return [Diagnosis(finding, self._mending.rebuild)]

    def _living(self) -> int:
        batch = self._redis_link.batch()
        self._workers.count(batch)
        return int(batch.send()[0])

    def _waiting(self, survey: _Survey, living: int | None) -> list[Diagnosis]:
        """Where somebody works, the jobs of a queue with a limit may wait as long as it takes."""
        nobody = not living and not survey.held
        longest = survey.longest if nobody else survey.longest_unlimited
        waited, job = longest.wait, longest.job
        if job is None or living is None or waited < self._limits.nobody_works:
            return [fine("workers", f"{living} show life, {survey.held:,} jobs are held")]
        if not nobody and waited < self._limits.long_wait:
            return [fine("workers", f"{living} show life, the longest wait is {_seconds(waited)}")]
        return [_long_wait(job, waited, living, nobody=nobody)]


class _Longest:
    """The job that has been due for the longest time."""

    def __init__(self) -> None:
        self.wait = timedelta(0)
        self.job: SeenJob | None = None

    def add(self, job: SeenJob) -> None:
        if job.due_since > self.wait:
            self.wait, self.job = job.due_since, job


class _Survey:
    """What one pass over the unfinished rows brings."""

    def __init__(self, limits: Limits, swept_to: UUID | None, held_back: Mapping[str, Restraint]) -> None:
        self._limits = limits
        self._swept_to = swept_to
        self._held_back = held_back
        self._paused, self._shut = Tally(), Tally()
        self._lease_over, self._cancel_ignored, self._unswept = Tally(), Tally(), Tally()
        self.held = 0
        self.longest, self.longest_unlimited = _Longest(), _Longest()

    def add(self, job: SeenJob) -> None:
        self.held += job.is_held
        self._add_lease(job)
        self._add_cancel(job)
        self._add_wait(job)
        if self._swept_to is not None and job.needs_reminder and job.id > self._swept_to:
            self._add_unswept(job)

    def _add_lease(self, job: SeenJob) -> None:
        over = job.lease_over_since
        if over is not None and over > self._limits.lease_over:
            self._lease_over.add(f"{job.id} of {job.worker_id} for {_seconds(over)}")

    def _add_cancel(self, job: SeenJob) -> None:
        asked = job.cancel_requested_at
        if asked is not None and job.is_running and job.read_at - asked > self._limits.cancel_ignored:
            self._cancel_ignored.add(f"{job.id} at {job.worker_id} for {_seconds(job.read_at - asked)}")

    def _add_wait(self, job: SeenJob) -> None:
        if not job.is_queued or job.due_since <= timedelta(0):
            return
        match self._held_back.get(job.queue):
            case Restraint.PAUSED:
                self._paused.add(f"{job.id} of {job.queue}")
                return
            case restraint if restraint is Restraint.SHUT or (
                restraint is Restraint.SHUT_TO_KEYS and job.concurrency_key is not None
            ):
                self._shut.add(f"{job.id} of {job.queue}")
                return
        self.longest.add(job)
        if job.queue not in self._held_back:
            self.longest_unlimited.add(job)

    def _add_unswept(self, job: SeenJob) -> None:
        if job.age > self._limits.unswept:
            self._unswept.add(job.id)

    def diagnoses(self) -> list[Diagnosis]:
        return [
            counted(
                "leases_over",
                Severity.ERROR,
                self._lease_over,
                "running jobs whose worker vanished, and that no other has taken up",
                "start workers for their queues; see rows_without_reminders",
            ),
            counted(
                "cancels_ignored",
                Severity.WARNING,
                self._cancel_ignored,
                "jobs that still run although somebody asked for their end",
                "their handlers do not come back to Python: restart the workers named, or isolate the handlers",
            ),
            counted(
                "sweep",
                Severity.WARNING,
                self._unswept,
                "unfinished jobs that no sweep has looked at in minutes",
                "start a worker, or see why the worker function's minute does not come: maintenance runs there",
            ),
            counted(
                "paused",
                Severity.OK,
                self._paused,
                "due jobs wait in paused queues",
                "resume these, if they ought to run",
            ),
            counted(
                "shut",
                Severity.WARNING,
                self._shut,
                "due jobs wait in queues with a limit of 0, where nothing will ever run",
                "raise max_running or max_running_per_key, or pause the queue, which says what is meant",
            ),
        ]


def _long_wait(job: SeenJob, waited: timedelta, living: int, *, nobody: bool) -> Diagnosis:
    advice = "start a worker, or see why the worker function does not come"
    return Diagnosis(
        Finding(
            check="workers",
            severity=Severity.ERROR if nobody else Severity.WARNING,
            found=f"a job of queue {job.queue} has been due for {_seconds(waited)}; {living} workers show life",
            count=1,
            samples=[str(job.id)],
            advice=advice if nobody else "start more workers, and see that they serve this queue",
        )
    )


def _unless_away(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except QueueUnavailable:
        return None


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():,.0f} s"
