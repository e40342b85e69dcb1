"""Events on their way to one connection: sent in order, by one thread at a time, while others wait for no one."""

from __future__ import annotations

import logging
import threading
import time
from uuid import UUID

from chalicelib.connections import Connection, Connections
from chalicelib.errors import ConnectionGone, GatewayUnavailable, QueueUnavailable
from chalicelib.events import Event, batch_frames, single_frame
from chalicelib.gateway import Gateway

logger = logging.getLogger(__name__)

BATCH_SECONDS = 0.25  # between frames to a connection that asked for batches
RETRY_SECONDS = 0.2
YOUNG_SECONDS = 10  # API Gateway answers 410 until $connect has returned
MOST_FAILURES = 5
MOST_WAITING = 10_000  # events; a client this far behind is cut, comes back, and reads over HTTP


class Outbox:
    """One connection's waiting events."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.ready_at = 0.0
        self.is_busy = False
        self._waiting: list[Event] = []
        self._event_id = ""
        self._failures = 0
        self._lock = threading.Lock()

    def put(self, events: list[Event], event_id: str) -> None:
        wanted = [event for event in events if self.connection.subscription.wants(event)]
        if wanted:
            with self._lock:
                self._waiting += wanted
                self._event_id = event_id

    @property
    def is_empty(self) -> bool:
        return not self._waiting and not self.is_busy

    def is_due(self, now: float) -> bool:
        return bool(self._waiting) and not self.is_busy and now >= self.ready_at

    def send_waiting(self, gateway: Gateway, connections: Connections) -> None:
        """Send what waits. What cannot be sent now stays, unless the client has left."""
        events, event_id = self._take()
        try:
            for frame in self._frames(events, event_id):
                gateway.send(self.connection.api_id, self.connection.stage, self.connection.id, frame)
            self._failures = 0
            self.ready_at = time.monotonic() + (BATCH_SECONDS if self.connection.subscription.batch else 0)
        except ConnectionGone:
            self._after_gone(events, connections)
        except GatewayUnavailable as error:
            self._after_failure(events, str(error), gateway, connections)
        finally:
            self.is_busy = False

    def _take(self) -> tuple[list[Event], str]:
        with self._lock:
            events, self._waiting = self._waiting, []
            return events, self._event_id

    def _frames(self, events: list[Event], event_id: str) -> list[bytes]:
        if self.connection.subscription.batch:
            return list(batch_frames(newest(events), event_id))
        return [single_frame(event) for event in events]

    def _after_gone(self, events: list[Event], connections: Connections) -> None:
        if time.time() - self.connection.connected_at < YOUNG_SECONDS:
            self._put_back(events)
        else:
            self._leave(connections)

    def _after_failure(self, events: list[Event], reason: str, gateway: Gateway, connections: Connections) -> None:
        """A client that takes nothing for long, or is far behind, is cut: it will come back and read over HTTP."""
        self._failures += 1
        logger.warning("frame not sent", extra={"connection_id": self.connection.id, "reason": reason})
        if self._failures < MOST_FAILURES and len(self._waiting) + len(events) < MOST_WAITING:
            self._put_back(events)
            return
        try:
            gateway.cut(self.connection.api_id, self.connection.stage, self.connection.id)
        except (ConnectionGone, GatewayUnavailable):
            logger.info("connection could not be cut", extra={"connection_id": self.connection.id})
        self._leave(connections)

    def _put_back(self, events: list[Event]) -> None:
        with self._lock:
            self._waiting = events + self._waiting
        self.ready_at = time.monotonic() + RETRY_SECONDS * 2**self._failures

    def _leave(self, connections: Connections) -> None:
        try:
            connections.remove(self.connection.id)
        except QueueUnavailable as error:
            logger.warning("connection could not be removed", extra={"reason": str(error)})


def newest(events: list[Event]) -> list[Event]:
    """The newest version of each job, in the order in which the jobs first appear."""
    by_job: dict[UUID, Event] = {}
    for event in events:
        known = by_job.get(event.job_id)
        if known is None or event.version > known.version:
            by_job[event.job_id] = event
    return list(by_job.values())
