"""One connection, and what it is sent: in its order, by one thread at a time, while others wait for no one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from typing import NamedTuple

from chalicelib.backlog import Backlog, End
from chalicelib.connections import Connection
from chalicelib.errors import ConnectionGone, GatewayUnavailable
from chalicelib.events import BEGINNING, LogNews, log_frames, log_hint, resync, stats_frame
from chalicelib.gateway import Gateway

BATCH_SECONDS = 0.25  # between frames to a connection that asked for batches
TURN_SECONDS = 0.1  # then another connection has the thread
TURN_FRAMES = 16
SLOW_SECONDS = 0.5  # a connection whose frame takes longer is one of the slow ones, until one is quick again
RETRY_SECONDS = 0.2
RESYNC_SECONDS = 2.0  # between two orders to read over HTTP
YOUNG_SECONDS = 10  # API Gateway answers 410 until $connect has returned
MOST_FAILURES = 5
MOST_LOG_FRAMES = 100


class Parcel(NamedTuple):
    """A frame, and what is to be noted once it was sent."""

    frame: bytes
    sent: Callable[[], object]


class Ending(Enum):
    """How a turn ended."""

    FINE = "fine"
    SLOW = "slow"
    GONE = "gone"
    FAILED = "failed"


class Delivery(NamedTuple):
    """How many of a turn's parcels were sent, and what then happened. reason: of a failure."""

    sent: int
    ending: Ending
    reason: str = ""


class Reader:
    """How far the connection has come in a backlog. end: how far it is to go; None: on and on."""

    def __init__(self, backlog: Backlog, number: int, end: End | None = None) -> None:
        self.backlog = backlog
        self.number = number
        self.end = end

    @property
    def has_news(self) -> bool:
        """An end may be passed over: what was before it has newer versions behind it."""
        return bool(self.backlog.frames(self.number, 1, self.end)) if self.end else self.backlog.newest > self.number

    @property
    def has_missed(self) -> bool:
        return self.backlog.has_lost(self.number)

    def advance(self, number: int) -> None:
        self.number = number

    def parcels(self, most: int) -> Iterator[Parcel]:
        for frame in self.backlog.frames(self.number, most, self.end):
            yield Parcel(frame.body, partial(self.advance, frame.number))


class Outbox:
    """For one thread, except for ``deliver``."""

    def __init__(self, connection: Connection, reader: Reader) -> None:
        self.connection = connection
        self.reader = reader
        self.is_busy = False
        self.is_slow = False
        self.has_failed = False
        self._earlier: deque[Reader] = deque()  # of what is to be told before the news
        self._logs: deque[tuple[bytes, LogNews]] = deque()
        self._logs_after = BEGINNING  # lines that were logged later may not be sent yet, if there are any
        self._stats: tuple[bytes, str] | None = None  # and up to where the stream had been read then
        self._resync_from: str | None = None
        self._resynced_at = 0.0
        self.ready_at = 0.0
        self._failures = 0

    def turn_to(self, connection: Connection, backlog: Backlog) -> None:
        """It asks for something else. What was on its way stays so."""
        self.connection = connection
        if self.reader.backlog is not backlog:
            if self.reader.has_news:
                left = self.reader.backlog
                self._earlier.append(Reader(left, self.reader.number, End(left.newest, left.at)))
            self.reader = Reader(backlog, backlog.newest)

    def catch_up(self, reader: Reader) -> None:
        """Hear of this before all else: what follows may name later events, and whoever goes on from those has heard this."""
        self._earlier.appendleft(reader)

    def start_over(self, event_id: str) -> None:
        """It has missed something, and is told to read. After this event it hears everything."""
        self._resync_from = event_id
        self._earlier.clear()

    @property
    def readers(self) -> list[Reader]:
        return [*self._earlier, self.reader]

    def hear_log(self, news: LogNews, after: str) -> None:
        """One that is far behind is told where the lines are. after: the stream's entry before."""
        self._logs_after = self._logs_after if self._logs else after
        self._logs += [(frame, news) for frame in log_frames(news)]
        if len(self._logs) > MOST_LOG_FRAMES:
            newest = {each.job_id: each for _, each in self._logs}
            self._logs = deque((log_hint(each), each) for each in newest.values())

    def show_stats(self, stats: bytes, read_to: str) -> None:
        """Older ones are of no use any more. read_to: the stream's position up to which all has been put into backlogs."""
        self._stats = stats, read_to

    @property
    def unsent_logs_after(self) -> str | None:
        """None: all lines are sent."""
        return self._logs_after if self._logs else None

    @property
    def is_idle(self) -> bool:
        return not self.is_busy and not self._has_something

    @property
    def must_leave(self) -> bool:
        """One that takes no batches and is too far behind: it comes back, and reads over HTTP."""
        return self.has_failed or (self.misses and not self.connection.subscription.batch)

    def is_due(self, now: float) -> bool:
        if self.is_busy or now < self.ready_at or not self._has_something:
            return False
        return not self.misses or now >= self._resynced_at + RESYNC_SECONDS

    def begin(self, now: float) -> list[Parcel]:
        """What to send in the next turn. None of it is forgotten before it was sent."""
        self.is_busy = True
        parcels = [*self._missed(now), *self._lines()]
        for reader in self.readers:
            parcels += reader.parcels(TURN_FRAMES - min(TURN_FRAMES, len(parcels)))
        if self._stats is not None:
            shown = self._stats
            stats, read_to = shown
            is_all = len(parcels) < TURN_FRAMES and not self._logs
            parcels.append(Parcel(stats_frame(stats, read_to if is_all else None), partial(self._forget_stats, shown)))
        return parcels

    def deliver(self, parcels: list[Parcel], gateway: Gateway) -> Delivery:
        """Send for a turn."""
        began = time.monotonic()
        for count, parcel in enumerate(parcels):
            if count and time.monotonic() - began > TURN_SECONDS:
                return Delivery(count, Ending.FINE)
            try:
                gateway.send(self.connection.api_id, self.connection.stage, self.connection.id, parcel.frame)
            except ConnectionGone:
                return Delivery(count, Ending.GONE)
            except GatewayUnavailable as error:
                return Delivery(count, Ending.FAILED, str(error))
            if time.monotonic() - began > SLOW_SECONDS:
                return Delivery(count + 1, Ending.SLOW)
        return Delivery(len(parcels), Ending.FINE)

    def finish(self, parcels: list[Parcel], delivery: Delivery, now: float) -> None:
        self.is_busy = False
        for parcel in parcels[: delivery.sent]:
            parcel.sent()
        while self._earlier and not self._earlier[0].has_news:
            self._earlier.popleft()
        self.is_slow = delivery.ending in (Ending.SLOW, Ending.FAILED)
        if delivery.ending in (Ending.GONE, Ending.FAILED):
            self._try_later(delivery.ending, now)
        else:
            self._failures = 0
            pause = BATCH_SECONDS if self.connection.subscription.batch and delivery.sent == len(parcels) else 0
            self.ready_at = now + pause

    @property
    def _has_something(self) -> bool:
        return (
            self.reader.has_news
            or bool(self._earlier)
            or bool(self._logs)
            or self._stats is not None
            or self._resync_from is not None
        )

    @property
    def misses(self) -> bool:
        """Something that it was to hear."""
        return self._resync_from is not None or any(reader.has_missed for reader in self.readers)

    def _missed(self, now: float) -> Iterator[Parcel]:
        if self.misses and self._resync_from is None:
            self.start_over(self.reader.backlog.at)
            self.reader.advance(self.reader.backlog.newest)
        if self._resync_from is not None:
            yield Parcel(resync(self._resync_from), partial(self._resynced, self._resync_from, now))

    def _resynced(self, event_id: str, now: float) -> None:
        """Unless it has missed something again meanwhile."""
        self._resynced_at = now
        if self._resync_from == event_id:
            self._resync_from = None

    def _lines(self) -> Iterator[Parcel]:
        for frame, _ in list(self._logs)[:TURN_FRAMES]:
            yield Parcel(frame, partial(self._forget_line, frame))

    def _forget_line(self, frame: bytes) -> None:
        """Unless it went meanwhile, when there were too many."""
        if self._logs and self._logs[0][0] is frame:
            self._logs.popleft()

    def _forget_stats(self, shown: tuple[bytes, str]) -> None:
        """Unless there are newer ones."""
        if self._stats is shown:
            self._stats = None

    def _try_later(self, ending: Ending, now: float) -> None:
        """A connection that is young may not be there yet for API Gateway."""
        is_young = time.time() - self.connection.connected_at < YOUNG_SECONDS
        self._failures += 1
        self.has_failed = not is_young if ending is Ending.GONE else self._failures >= MOST_FAILURES
        self.ready_at = now + RETRY_SECONDS * 2 ** min(self._failures - 1, MOST_FAILURES)
