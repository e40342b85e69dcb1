"""Events to connections: one broadcaster at a time reads the stream for all."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

from chalicelib.connections import Connection, Connections
from chalicelib.errors import QueueUnavailable
from chalicelib.gateway import Gateway
from chalicelib.outbox import Outbox
from chalicelib.stream import EventStream

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=5)  # a killed broadcaster is replaced within this time
LOOKBACK = timedelta(seconds=10)  # where to begin when no one has read before
SENDERS = 16
IDLE = timedelta(seconds=1)
SOON = timedelta(milliseconds=50)
SAVE_SECONDS = 1.0
LAG_SECONDS = 3.0  # a saved cursor is this old, so that what a killed broadcaster had not sent yet is told again
DRAIN_SECONDS = 5.0
NEVER = object()  # before the registry was first read


class Broadcaster:
    """Reads the stream, keeps an outbox a connection, and has them sent."""

    def __init__(self, *, name: str, stream: EventStream, connections: Connections, gateway: Gateway) -> None:
        self._name = name
        self._stream = stream
        self._connections = connections
        self._gateway = gateway
        self._outboxes: dict[str, Outbox] = {}
        self._generation: object = NEVER
        self._cursor = ""
        self._read: list[tuple[float, str]] = []  # when each cursor was reached
        self._saved_at = 0.0

    def run(self, stopped: threading.Event) -> None:
        """Until told to stop, then send what is left and hand over. An outage is waited out."""
        with ThreadPoolExecutor(SENDERS, thread_name_prefix="send") as senders:
            while not stopped.is_set():
                try:
                    self._run_as_leader(stopped, senders)
                except QueueUnavailable as error:
                    logger.warning("cannot broadcast now", extra={"reason": str(error)})
                    self._forget()
                except Exception:  # a push must not fail a job
                    logger.exception("broadcasting failed")
                    self._forget()
                stopped.wait(IDLE.total_seconds())

    def _run_as_leader(self, stopped: threading.Event, senders: ThreadPoolExecutor) -> None:
        while not stopped.is_set() and self._stream.lead(self._name, LEASE):
            self._cursor = self._cursor or self._stream.cursor(LOOKBACK)
            self._pass(self._wait(), senders)
            self._save_cursor()
        if self._cursor and stopped.is_set():
            self._drain(senders)
            self._stream.resign(self._name, self._cursor)
        self._forget()

    def _forget(self) -> None:
        """Begin anew with what Redis says: another one may have led meanwhile."""
        self._cursor, self._read, self._generation = "", [], NEVER

    def _pass(self, wait: timedelta, senders: ThreadPoolExecutor) -> bool:
        """Read once, and start sending what is due. Returns whether there was anything new."""
        self._cursor, events = self._stream.read(self._cursor, wait)
        self._refresh()
        if events:
            self._read.append((time.monotonic(), self._cursor))
            for outbox in self._outboxes.values():
                outbox.put(events, self._cursor)
        self._send_due(senders)
        return bool(events)

    def _send_due(self, senders: ThreadPoolExecutor) -> None:
        now = time.monotonic()
        for outbox in self._outboxes.values():
            if outbox.is_due(now):
                outbox.is_busy = True
                senders.submit(outbox.send_waiting, self._gateway, self._connections).add_done_callback(_log_failure)

    def _wait(self) -> timedelta:
        """How long to wait for news: not long while something waits to be sent."""
        return IDLE if all(outbox.is_empty for outbox in self._outboxes.values()) else SOON

    def _refresh(self) -> None:
        generation = self._connections.generation()
        if generation == self._generation:
            return
        self._generation = generation
        if generation is None:
            # Redis has lost the registry. Whoever is still there would hear nothing: cut, they come back and are known again.
            for outbox in self._outboxes.values():
                outbox.overrun()
            return
        current = self._connections.all()
        self._outboxes = {each.id: self._outbox(each) for each in current.values()}

    def _outbox(self, connection: Connection) -> Outbox:
        outbox = self._outboxes.get(connection.id) or Outbox(connection)
        outbox.connection = connection
        return outbox

    def _save_cursor(self) -> None:
        now = time.monotonic()
        if now < self._saved_at + SAVE_SECONDS:
            return
        self._saved_at = now
        told = [cursor for reached_at, cursor in self._read if reached_at < now - LAG_SECONDS]
        if told:
            self._read = self._read[len(told) :]
            self._stream.save_cursor(told[-1])

    def _drain(self, senders: ThreadPoolExecutor) -> None:
        ends_at = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < ends_at:
            news = self._pass(SOON, senders)
            if not news and all(outbox.is_empty for outbox in self._outboxes.values()):
                return


def _log_failure(sending: Future[None]) -> None:
    if error := sending.exception():
        logger.error("frame not sent", exc_info=error)
