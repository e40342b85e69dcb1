"""What a worker holds: attempts that run or wait to run, and outcomes not yet recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from itertools import accumulate, takewhile
from uuid import UUID

from chalicelib.attempt import Attempt, StopReason
from chalicelib.jobs import ClaimedJob

AHEAD_SECONDS = 0.05  # work fetched in advance, so that tiny jobs flow and long ones stay for other workers
MOST_AHEAD = 2_000
BATCH = 1_000  # jobs a fetch: more would only keep the others waiting
WEIGHT = 0.05  # of one run in its job type's running mean: about the last twenty count
UNKNOWN_SECONDS = 1.0  # what a run of a job type is expected to take that we have not seen yet: no work ahead for it
NUDGES_SECONDS = 60.0  # how long a request to cancel waits for its job to be held


class Hand:
    """Counts and keeps attempts; knows how many more to fetch. Shared by all threads of a worker, without a lock: each
    change is one call on a set or dict, which the interpreter does not interrupt."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.changed = threading.Event()
        self._running: set[Attempt] = set()
        self._ended: set[Attempt] = set()
        self._nudges: dict[tuple[UUID, int], float] = {}
        self._means: dict[str, float] = {}  # seconds of a run, by job type
        self._expected_seconds = UNKNOWN_SECONDS  # of a run of the jobs that come: they will be like the last ones

    def add(self, attempts: Iterable[Attempt]) -> None:
        """Whoever still works on an earlier attempt of these jobs has lost it."""
        again = {attempt.job_id for attempt in attempts if attempt.job.crashes}
        for attempt in self.held() if again else []:
            if attempt.job_id in again:
                attempt.stop(StopReason.LOST)
        self._running.update(attempts)
        for attempt in attempts if self._nudges else []:
            if (attempt.job_id, attempt.attempt) in self._nudges:
                attempt.stop(StopReason.CANCELLED)

    def end(self, attempt: Attempt) -> bool:
        """The handler is done; its outcome is not recorded yet. Returns False for what had ended before."""
        self._ended.add(attempt)
        try:
            self._running.remove(attempt)
        except KeyError:
            self._ended.discard(attempt)
            return False
        if attempt.began_at:
            attempt.ran = time.monotonic() - attempt.began_at
            self._learn(attempt.job.job_type, attempt.ran)
        if not self.changed.is_set():
            self.changed.set()
        return True

    def drop(self, attempts: Iterable[Attempt]) -> None:
        """Recorded, or no longer ours."""
        self._ended.difference_update(attempts)
        self.changed.set()

    def cancel(self, job_id: UUID, number: int) -> None:
        """Somebody asked for the attempt's end. It may be ours in a moment: claimed, and not in the hand yet."""
        now = time.monotonic()
        nudge = (job_id, number)
        self._nudges = {each: at for each, at in self._nudges.items() if now - at < NUDGES_SECONDS} | {nudge: now}
        for attempt in self.running():
            if (attempt.job_id, attempt.attempt) == nudge:
                attempt.stop(StopReason.CANCELLED)

    def running(self) -> list[Attempt]:
        """Those that run or wait to."""
        return [*self._running]

    def held(self) -> list[Attempt]:
        return [*self._running, *self._ended]

    def room(self) -> int:
        """How many more jobs to fetch now: none while a good part of what we would hold still waits."""
        ahead = min(MOST_AHEAD, int(AHEAD_SECONDS * self.slots / max(self._expected_seconds, 1e-6)))
        most = max(self.slots, ahead)
        is_full = len(self._running) >= max(self.slots, most * 3 // 4)
        return 0 if is_full else min(BATCH, most - len(self._running))

    def longest_wait(self) -> float:
        """Seconds since the oldest attempt came that no handler has begun."""
        waiting = [attempt.held_since for attempt in self.running() if not attempt.began_at]
        return time.monotonic() - min(waiting) if waiting else 0.0

    def keepable(self, jobs: Sequence[ClaimedJob]) -> int:
        """How many of the jobs just fetched, from the first on, we can start soon. They may be slower than those before them."""
        expected = [self._means.get(job.job_type, UNKNOWN_SECONDS) for job in jobs]
        self._expected_seconds = sum(expected) / max(1, len(expected))
        budget = AHEAD_SECONDS * self.slots
        return max(self.slots, sum(1 for _ in takewhile(lambda total: total <= budget, accumulate(expected))))

    def notice(self, attempt: Attempt) -> None:
        """It runs longer than its like did: expect that of them now, and not only when it has ended."""
        age = time.monotonic() - attempt.began_at
        job_type = attempt.job.job_type
        self._means[job_type] = max(age, self._means.get(job_type, UNKNOWN_SECONDS))
        self._expected_seconds = max(age, self._expected_seconds)

    def _learn(self, job_type: str, seconds: float) -> None:
        mean = self._means.get(job_type)
        self._means[job_type] = seconds if mean is None else mean + WEIGHT * (seconds - mean)

    @property
    def is_empty(self) -> bool:
        return not self._running and not self._ended
