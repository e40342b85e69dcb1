"""What a worker holds: attempts that run or wait to run, and outcomes not yet recorded."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from uuid import UUID

from chalicelib.executor import Attempt
from chalicelib.jobs import Job

AHEAD_SECONDS = 0.05  # work fetched in advance, so that tiny jobs flow and long ones stay for other workers
MOST_AHEAD = 500
WEIGHT = 0.05  # of one run in the running mean: about the last twenty count

Key = tuple[UUID, int]  # one job may be held twice: an attempt whose lease ran out, and the one that followed it


class Hand:
    """Counts and keeps attempts; knows how many more to fetch. Shared by all threads of a worker."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.changed = threading.Event()
        self._running: dict[Key, Attempt] = {}
        self._ended: dict[Key, Attempt] = {}
        self._mean_seconds = 1.0  # of a run; until we know better, fetch no more than can start at once

    def add(self, attempts: list[Attempt]) -> None:
        """Whoever still works on an earlier attempt of these jobs has lost it."""
        again = {attempt.job_id for attempt in attempts if attempt.job.crashes}
        for attempt in self.held() if again else []:
            if attempt.job_id in again:
                attempt.lose()
        self._running.update({_key(attempt.job): attempt for attempt in attempts})

    def end(self, attempt: Attempt, seconds: float) -> None:
        """The handler is done; its outcome is not recorded yet."""
        self._ended[_key(attempt.job)] = attempt
        self._running.pop(_key(attempt.job), None)
        self._mean_seconds += WEIGHT * (seconds - self._mean_seconds)
        self.changed.set()

    def drop(self, jobs: Sequence[Job]) -> None:
        """Recorded, or no longer ours. jobs: as they were claimed."""
        for job in jobs:
            self._ended.pop(_key(job), None)
        self.changed.set()

    def running(self) -> list[Attempt]:
        return [*self._running.values()]

    def held(self) -> list[Attempt]:
        return [*self._running.values(), *self._ended.values()]

    def room(self) -> int:
        """How many more jobs to fetch now: none while a good part of the last batch still waits."""
        ahead = min(MOST_AHEAD, int(AHEAD_SECONDS * self.slots / max(self._mean_seconds, 1e-6)))
        most = max(self.slots, ahead)
        waiting_for_news = len(self._running) >= max(self.slots, most * 3 // 4)
        return 0 if waiting_for_news else most - len(self._running)

    @property
    def is_empty(self) -> bool:
        return not self._running and not self._ended


def _key(job: Job) -> Key:
    return job.id, job.attempt
