"""Events on their way to one connection: sent in order, by one thread at a time, while others wait for no one."""

from __future__ import annotations

import logging
import threading
import time
from uuid import UUID

from chalicelib.connections import Connection, Connections
from chalicelib.errors import ConnectionGone, GatewayUnavailable, QueueUnavailable
from chalicelib.events import Event, first_batch_frame, single_frame
from chalicelib.gateway import Gateway

logger = logging.getLogger(__name__)

BATCH_SECONDS = 0.25  # between frames to a connection that asked for batches
TURN_SECONDS = 0.1  # then another connection has the thread
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
        self._is_overrun = False
        self._lock = threading.Lock()

    def put(self, events: list[Event], event_id: str) -> None:
        wanted = [event for event in events if self.connection.subscription.wants(event)]
        if not wanted:
            return
        with self._lock:
            self._waiting += wanted
            self._event_id = event_id
        if len(self._waiting) > MOST_WAITING:
            self.overrun()

    def overrun(self) -> None:
        """Give up keeping this client up to date: it is cut at the next turn."""
        with self._lock:
            self._waiting, self._is_overrun = [], True

    @property
    def is_empty(self) -> bool:
        return not self._waiting and not self.is_busy

    def is_due(self, now: float) -> bool:
        return (bool(self._waiting) or self._is_overrun) and not self.is_busy and now >= self.ready_at

    def send_waiting(self, gateway: Gateway, connections: Connections) -> None:
        """Send for one turn. What cannot be sent now stays, unless the client has left or is too far behind."""
        try:
            if self._is_overrun:
                self._cut(gateway, connections)
            else:
                self._send_for_a_turn(gateway)
        except ConnectionGone:
            self._after_gone(connections)
        except GatewayUnavailable as error:
            self._after_failure(str(error), gateway, connections)
        finally:
            self.is_busy = False

    def _send_for_a_turn(self, gateway: Gateway) -> None:
        ends_at = time.monotonic() + TURN_SECONDS
        while self._waiting and time.monotonic() < ends_at:
            frame, count = self._next_frame()
            gateway.send(self.connection.api_id, self.connection.stage, self.connection.id, frame)
            self._failures = 0
            with self._lock:
                del self._waiting[:count]
        if not self._waiting and self.connection.subscription.batch:
            self.ready_at = time.monotonic() + BATCH_SECONDS

    def _next_frame(self) -> tuple[bytes, int]:
        """A frame, and how many of the waiting events it tells."""
        with self._lock:
            if not self.connection.subscription.batch:
                return single_frame(self._waiting[0]), 1
            self._waiting = newest(self._waiting)
            return first_batch_frame(self._waiting, self._event_id)

    def _after_gone(self, connections: Connections) -> None:
        if time.time() - self.connection.connected_at < YOUNG_SECONDS:
            self._try_later()
        else:
            self._leave(connections)

    def _after_failure(self, reason: str, gateway: Gateway, connections: Connections) -> None:
        logger.warning("frame not sent", extra={"connection_id": self.connection.id, "reason": reason})
        self._failures += 1
        if self._failures < MOST_FAILURES:
            self._try_later()
        else:
            self._cut(gateway, connections)

    def _cut(self, gateway: Gateway, connections: Connections) -> None:
        """It will come back, and read over HTTP."""
        try:
            gateway.cut(self.connection.api_id, self.connection.stage, self.connection.id)
        except (ConnectionGone, GatewayUnavailable):
            logger.info("connection could not be cut", extra={"connection_id": self.connection.id})
        self._leave(connections)

    def _try_later(self) -> None:
        self.ready_at = time.monotonic() + RETRY_SECONDS * 2**self._failures

    def _leave(self, connections: Connections) -> None:
        self._waiting, self._is_overrun = [], False
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
