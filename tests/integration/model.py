"""The rules for one job a second time, from DESIGN.md §2-§5 alone: what the product does is compared with this.

It knows no SQL, no Redis and no clock: that a time has come is something it is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from chalicelib.jobs import (
    Cancelled,
    Completed,
    Failed,
    JobStatus,
    Outcome,
    Postponed,
    Released,
    Retry,
)

MAX_CRASHES = 3
REVIVED_ATTEMPTS = 3
FINAL = {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}


@dataclass(frozen=True)
class Reminder:
    """A job's entry in Redis."""

    place: str  # ready, delayed or leased
    is_due: bool  # whether a look at the queue finds it


@dataclass(kw_only=True)
class ModelJob:
    """What is known of one job. Each move says whether it was legal; an illegal one changes nothing."""

    queue: str
    priority: int
    max_attempts: int
    is_due: bool
    status: JobStatus = JobStatus.QUEUED
    version: int = 1
    attempt: int = 0
    failures: int = 0
    crashes: int = 0
    errors: int = 0
    lease_is_over: bool = False
    is_asked_to_end: bool = False
    worker_id: str | None = None
    progress: float | None = None
    error: str | None = None
    result: bytes | None = None

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def is_abandoned(self) -> bool:
        return self.status is JobStatus.RUNNING and self.lease_is_over

    @property
    def waits_for_time(self) -> bool:
        """Until it is due, or until its lease is over."""
        return not self.is_final and not (self.lease_is_over if self.status is JobStatus.RUNNING else self.is_due)

    @property
    def may_be_revived(self) -> bool:
        return self.status in {JobStatus.FAILED, JobStatus.CANCELLED}

    @property
    def has_attempts_left(self) -> bool:
        return self.failures + 1 < self.max_attempts

    @property
    def may_be_claimed(self) -> bool:
        is_poison = self.crashes + 1 >= MAX_CRASHES
        waits_for_a_worker = self.status is JobStatus.QUEUED and self.is_due
        return not self.is_asked_to_end and (waits_for_a_worker or (self.is_abandoned and not is_poison))

    @property
    def place(self) -> Reminder | None:
        """Where Redis should have it."""
        match self.status:
            case JobStatus.QUEUED:
                return Reminder("ready", is_due=True) if self.is_due else Reminder("delayed", is_due=False)
            case JobStatus.RUNNING:
                return Reminder("leased", is_due=self.lease_is_over)
            case _:
                return None

    def is_held_as(self, attempt: int) -> bool:
        return self.status is JobStatus.RUNNING and self.attempt == attempt

    def claim(self, worker_id: str) -> bool:
        if not self.may_be_claimed:
            return False
        self._count_a_crash()
        self._move(JobStatus.RUNNING)
        self.attempt += 1
        self.worker_id, self.progress = worker_id, None
        return True

    def bury(self) -> bool:
        """End what may never be claimed again."""
        is_poison = self.is_abandoned and self.crashes + 1 >= MAX_CRASHES
        is_unwanted = self.is_asked_to_end and (self.is_abandoned or self.status is JobStatus.QUEUED)
        if not is_poison and not is_unwanted:
            return False
        self._count_a_crash()
        self._move(JobStatus.CANCELLED if self.is_asked_to_end else JobStatus.FAILED)
        if not self.is_asked_to_end:
            self.error = f"its worker vanished {MAX_CRASHES} times while running it"
        return True

    def disown(self, attempt: int) -> bool:
        """The attempt was claimed, and nobody heard of it."""
        if not self.is_held_as(attempt):
            return False
        self._move(JobStatus.QUEUED)
        return True

    def settle(self, attempt: int, outcome: Outcome) -> bool:
        """Whoever was asked to end has no other outcome left."""
        if not self.is_held_as(attempt):
            return False
        self._settle(Cancelled() if self.is_asked_to_end else outcome)
        return True

    def _settle(self, outcome: Outcome) -> None:
        match outcome:
            case Completed(result):
                self._move(JobStatus.COMPLETED)
                self.result, self.error, self.progress = result, None, None
            case Retry(error, delay):
                self._move(JobStatus.QUEUED)
                self._count_a_failure(error.message)
                self.is_due = delay <= timedelta(0)
            case Failed(error):
                self._move(JobStatus.FAILED)
                self._count_a_failure(error.message)
            case Postponed(delay):
                self._move(JobStatus.QUEUED)
                self.is_due = delay <= timedelta(0)
            case Released():
                self._move(JobStatus.QUEUED)
            case Cancelled():
                self._move(JobStatus.CANCELLED)
            case _:
                assert_never(outcome)

    def renew(self, attempt: int) -> bool:
        if not self.is_held_as(attempt):
            return False
        self.lease_is_over = False
        return True

    def report(self, attempt: int, fraction: float) -> bool:
        if not self.is_held_as(attempt):
            return False
        self.version += 1
        self.progress = fraction
        return True

    def cancel(self) -> bool:
        """Asking a running job again is no mistake, and changes nothing."""
        if self.is_final:
            return False
        if self.status is JobStatus.QUEUED:
            self._move(JobStatus.CANCELLED)
        elif not self.is_asked_to_end:
            self.version += 1
        self.is_asked_to_end = True
        return True

    def revive(self) -> bool:
        if not self.may_be_revived:
            return False
        self._move(JobStatus.QUEUED)
        self.max_attempts = max(self.max_attempts, self.failures + REVIVED_ATTEMPTS)
        self.crashes, self.is_due, self.is_asked_to_end, self.progress = 0, True, False, None
        return True

    def let_time_pass(self) -> None:
        """Longer than any delay and any lease."""
        if not self.is_final:
            self.is_due = True
            self.lease_is_over = self.status is JobStatus.RUNNING

    def _move(self, status: JobStatus) -> None:
        self.status = status
        self.version += 1
        self.lease_is_over = False

    def _count_a_crash(self) -> None:
        if self.is_abandoned:
            self.crashes += 1
            self.errors += 1

    def _count_a_failure(self, message: str) -> None:
        self.failures += 1
        self.errors += 1
        self.error = message
