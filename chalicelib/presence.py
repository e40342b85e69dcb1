"""Tell that this worker is there, and what it does."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from chalicelib.hand import Hand
from chalicelib.settings import VERSION
from chalicelib.workers import Form, WorkerReport, Workers

MOST_NAMED = 100  # of the running jobs


class Presence:
    """One worker process. Submits rely on the sign of life of a container that serves every queue: a Lambda ends soon.

    only: the queues that it takes from; none: all.
    """

    def __init__(
        self,
        *,
        workers: Workers,
        hand: Hand,
        worker_id: str,
        form: Form,
        host: str,
        pid: int,
        only: Collection[str] = (),
    ) -> None:
        self._workers = workers
        self._hand = hand
        self._worker_id = worker_id
        self._form = form
        self._host = host
        self._pid = pid
        self._only = sorted(only)
        self._started_at = datetime.now(UTC)

    def show(self) -> None:
        """Raises QueueUnavailable."""
        if self._form == "container" and not self._only:
            self._workers.show_life(self._worker_id)
        self._workers.report(self._report())

    def leave(self) -> None:
        """Raises QueueUnavailable."""
        self._workers.say_goodbye(self._worker_id)

    def _report(self) -> WorkerReport:
        running = [attempt.job_id for attempt in self._hand.running() if attempt.began_at]
        return WorkerReport(
            id=self._worker_id,
            form=self._form,
            host=self._host,
            pid=self._pid,
            version=VERSION,
            concurrency=self._hand.slots,
            started_at=self._started_at,
            seen_at=datetime.now(UTC),
            running=running[:MOST_NAMED],
            running_count=len(running),
            queues=self._only,
        )
