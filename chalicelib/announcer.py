"""Tell watchers what changed, when there are any.

The order makes it safe to skip the telling: the change is committed, *then* it is asked whether somebody watches. Whoever
connects after that reads rows that hold the change already. While nobody watches, a change costs one EXISTS in a round trip
that is made anyway; while somebody does, the rows are read again, so that what is told is never older than the change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from chalicelib.events import LogNews
from chalicelib.jobs import ClaimedJob, Job
from chalicelib.redis_link import Batch, RedisLink
from chalicelib.store.jobs import JobStore
from chalicelib.stream import EventStream


class Announcer:
    """Knows whether somebody watched a moment ago. For one thread, as its store is."""

    def __init__(self, *, redis_link: RedisLink, stream: EventStream, store: JobStore) -> None:
        self._redis_link = redis_link
        self._stream = stream
        self._store = store
        self.is_watched = False

    def batch(self) -> Batch:
        return self._redis_link.batch()

    def send_claimed(self, batch: Batch, changed: Sequence[ClaimedJob]) -> list[Any]:
        """As ``send``."""
        return self._send(batch, lambda: self._store.shown([job.id for job in changed]))

    def send(self, batch: Batch, changed: Sequence[UUID]) -> list[Any]:
        """Send the batch, and tell of the changed jobs. Returns the batch's own answers.

        Raises QueueUnavailable, or StoreUnavailable from reading the rows; then watchers may not have been told.
        """
        return self._send(batch, lambda: self._store.shown(changed) if changed else [])

    def send_known(self, batch: Batch, changed: Sequence[Job]) -> list[Any]:
        """The same for jobs whose rows are at hand."""
        return self._send(batch, lambda: changed)

    def send_lines(self, news: Sequence[LogNews]) -> None:
        """Tell of lines that are written, where somebody watches these logs. Raises QueueUnavailable."""
        watched = self._stream.watched_logs([each.job_id for each in news])
        if watched:
            batch = self.batch()
            self._stream.append_lines([each for each in news if each.job_id in watched], batch)
            batch.send()

    def _send(self, batch: Batch, changed: Callable[[], Sequence[Job]]) -> list[Any]:
        count = len(batch.commands)
        told = self.is_watched
        self._stream.ask_watched(batch)
        if told:
            self._stream.append(changed(), batch)
        answers = batch.send()
        self.is_watched = bool(answers[count])
        if self.is_watched and not told:
            late = self.batch()
            self._stream.append(changed(), late)
            late.send()
        return answers[:count]
