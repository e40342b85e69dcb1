"""Events to connections. Several broadcasters share the connections; each reads the stream for all of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from queue import SimpleQueue
from typing import NamedTuple

from chalicelib.connections import Connections
from chalicelib.errors import ConnectionGone, GatewayUnavailable, QueueUnavailable, StoreUnavailable
from chalicelib.events import BEGINNING, position
from chalicelib.gateway import Gateway
from chalicelib.leadership import Leadership, Told
from chalicelib.outbox import Delivery, Ending, Outbox, Parcel
from chalicelib.roster import Late, Roster, catch_up
from chalicelib.stream import PAGE, Entry, EventStream, Place

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=5)  # the shards of a killed broadcaster are taken over within this time and a second
SENDERS = 32
SLOW_SENDERS = 16  # for connections that take long, so that the others never wait for them
MOST_TURNS = 128  # under way at once: their frames are in memory
MOST_SLOW_TURNS = 32
IDLE = timedelta(seconds=1)
SOON = timedelta(milliseconds=25)
TURN_SECONDS = 1.0  # between signs that we still lead
DRAIN_SECONDS = 5.0


class Sent(NamedTuple):
    """A turn of a connection that is over."""

    outbox: Outbox
    parcels: list[Parcel]
    delivery: Delivery


class Broadcaster:
    """One thread reads and decides; others send, and tell it how that went.

    overview: encoded statistics. is_lasting: whether it leads for longer than a Lambda's minute.
    """

    def __init__(
        self,
        *,
        name: str,
        stream: EventStream,
        leadership: Leadership,
        connections: Connections,
        gateway: Gateway,
        overview: Callable[[], bytes],
        is_lasting: bool = True,
    ) -> None:
        self._name = name
        self._stream = stream
        self._leadership = leadership
        self._connections = connections
        self._gateway = gateway
        self._overview = overview
        self._is_lasting = is_lasting
        self._roster = Roster(connections)
        self._place = Place("", 0)  # up to which the stream was read
        self._was_away = False  # Redis: what happened meanwhile may not be in the stream
        self._next_turn = 0.0
        self._turn_began = BEGINNING  # the stream's position then
        self._read_to = BEGINNING  # nothing more is in the stream up to here
        self._sent: SimpleQueue[Sent] = SimpleQueue()
        self._looking: Future[bytes] | None = None  # at the statistics

    def run(self, stopped: threading.Event) -> None:
        """Until told to stop, then send what is left and hand over. An outage is waited out."""
        with (
            ThreadPoolExecutor(SENDERS, thread_name_prefix="send") as self._senders,
            ThreadPoolExecutor(SLOW_SENDERS, thread_name_prefix="send-slow") as self._slow_senders,
        ):
            while not stopped.is_set():
                try:
                    self._run(stopped)
                except QueueUnavailable as error:
                    logger.warning("cannot broadcast now", extra={"reason": str(error)})
                    self._was_away = True
                except Exception:  # a push must not fail a job
                    logger.exception("broadcasting failed")
                stopped.wait(IDLE.total_seconds())

    def _run(self, stopped: threading.Event) -> None:
        self._begin()
        self._keep_turn()
        while not stopped.is_set():
            self._keep_turn()
            if self._roster.shards:
                self._pass(self._wait())
            else:
                stopped.wait(TURN_SECONDS)
        self._drain()
        self._leadership.save(self._roster.tidy())
        self._leadership.resign(self._name, self._roster.shards)

    def _begin(self) -> None:
        """With what Redis says now: others may have led meanwhile, and it may have lost who is connected."""
        self._roster.refresh()
        self._cut_lost()
        self._roster.serve([], {})
        if self._was_away:
            self._stream.break_off()
            self._was_away = False
        self._place = self._stream.here()
        self._roster.begin_at(self._place.id)
        self._next_turn = 0.0

    def _keep_turn(self) -> None:
        """Once a second: which shards are ours, and how far they are."""
        now = time.monotonic()
        if now < self._next_turn:
            return
        self._next_turn = now + TURN_SECONDS
        self._turn_began = self._stream.now()
        self._leadership.save(self._roster.tidy())
        ours = self._leadership.lead(self._name, LEASE, is_lasting=self._is_lasting)
        if ours != set(self._roster.shards):
            told = self._told(sorted(ours - set(self._roster.shards)))
            self._leadership.save(told)  # at once: after an outage, those of no cursor would count as new
            self._roster.serve(ours, told)
        self._show_stats()

    def _told(self, shards: list[int]) -> dict[int, Told]:
        """Where nobody has saved it: all in the registry have come since everything is kept."""
        oldest = Told(self._stream.whole_from() or self._place.id)
        return {shard: told or oldest for shard, told in zip(shards, self._leadership.told(shards), strict=True)}

    def _pass(self, wait: timedelta) -> None:
        """Read once, and start sending what is due.

        The order matters: who is in the registry when it is read after the stream was read hears of all that came later.
        """
        entries = self._stream.read(self._place.id, wait)
        self._late(self._roster.refresh())
        self._cut_lost()
        if entries:
            self._hear(entries)
        if len(entries) < PAGE:
            self._read_to = max(self._place.id, self._turn_began, key=position)
        self._note_sent()
        self._send_due()

    def _hear(self, entries: list[Entry]) -> None:
        """Where the stream had let go of something before we read it, or another release told it in its own way, all read."""
        has_missed = entries[0].before > self._place.size or not all(entry.is_readable for entry in entries)
        self._place = Place(entries[-1].id, entries[-1].after)
        self._roster.hear(entries)
        if has_missed:
            for outbox in self._roster:
                outbox.start_over(self._place.id)

    def _late(self, late: list[Late]) -> None:
        """Those who missed something hear of it up to the cursor; then they are in step with the others."""
        if not late:
            return
        oldest = min((each.after for each in late), key=position)
        entries = list(self._stream.between(oldest, self._place.id))
        whole = self._stream.is_whole_after(*(each.after for each in late))  # only now: it is trimmed while it is read
        if not all(entry.is_readable for entry in entries):
            whole = [False] * len(late)
        for each, is_whole in zip(late, whole, strict=True):
            if not is_whole:
                each.outbox.start_over(self._place.id)
        rest = [each for each, is_whole in zip(late, whole, strict=True) if is_whole]
        if rest:
            catch_up(rest, entries, self._place.id)

    def _send_due(self) -> None:
        """The slow ones have threads and a limit of their own."""
        self._send(self._senders, MOST_TURNS, [outbox for outbox in self._roster if not outbox.is_slow])
        self._send(self._slow_senders, MOST_SLOW_TURNS, [outbox for outbox in self._roster if outbox.is_slow])

    def _send(self, senders: ThreadPoolExecutor, most: int, outboxes: list[Outbox]) -> None:
        """To those that have waited longest."""
        now = time.monotonic()
        room = most - sum(outbox.is_busy for outbox in outboxes)
        due = sorted((each for each in outboxes if each.is_due(now)), key=lambda outbox: outbox.ready_at)
        for outbox in due[: max(0, room)]:
            if outbox.must_leave:
                self._leave(outbox)
                continue
            senders.submit(self._deliver, outbox, outbox.begin(now)).add_done_callback(_log_failure)

    def _deliver(self, outbox: Outbox, parcels: list[Parcel]) -> None:
        """On a sender's thread."""
        delivery = Delivery(0, Ending.FAILED)
        try:
            delivery = outbox.deliver(parcels, self._gateway)
        finally:
            self._sent.put(Sent(outbox, parcels, delivery))

    def _note_sent(self) -> None:
        while not self._sent.empty():
            sent = self._sent.get()
            if sent.delivery.reason:
                logger.warning(
                    "frame not sent",
                    extra={"connection_id": sent.outbox.connection.id, "reason": sent.delivery.reason},
                )
            sent.outbox.finish(sent.parcels, sent.delivery, time.monotonic())
            if sent.outbox.has_failed:
                self._leave(sent.outbox)

    def _wait(self) -> timedelta:
        """How long to wait for news: not long while something waits to be sent."""
        return IDLE if all(outbox.is_idle for outbox in self._roster) else SOON

    def _leave(self, outbox: Outbox) -> None:
        """It will come back, if it is still there, and read over HTTP."""
        self._roster.remove(outbox)
        self._slow_senders.submit(self._cut, outbox)

    def _cut_lost(self) -> None:
        """Redis has forgotten them, so they would hear nothing: cut, they come back and are known again."""
        while self._roster.lost:
            self._slow_senders.submit(self._cut, self._roster.lost.pop())

    def _cut(self, outbox: Outbox) -> None:
        try:
            self._gateway.cut(outbox.connection.api_id, outbox.connection.stage, outbox.connection.id)
        except (ConnectionGone, GatewayUnavailable):
            logger.info("connection could not be cut", extra={"connection_id": outbox.connection.id})

    def _show_stats(self) -> None:
        """To those who asked; what was looked up for them a turn ago."""
        asking = [outbox for outbox in self._roster if outbox.connection.subscription.stats]
        found, self._looking = self._looking, None
        if asking and found is not None and not found.done():
            self._looking = found
        elif asking:
            self._looking = self._senders.submit(self._overview)
        if found is not None and found.done():
            self._tell_stats(asking, found)

    def _tell_stats(self, asking: list[Outbox], found: Future[bytes]) -> None:
        try:
            stats = found.result()
        except (QueueUnavailable, StoreUnavailable) as error:
            logger.warning("no statistics for watchers now", extra={"reason": str(error)})
            return
        for outbox in asking:
            outbox.show_stats(stats, self._read_to)

    def _drain(self) -> None:
        ends_at = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < ends_at:
            self._pass(SOON)
            if all(outbox.is_idle for outbox in self._roster):
                return


def _log_failure(turn: Future[None]) -> None:
    if error := turn.exception():
        logger.error("frame not sent", exc_info=error)
