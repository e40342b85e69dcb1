"""The connections that this process serves: an outbox for each, and who hears what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from chalicelib.audience import Audience
from chalicelib.backlog import Backlog
from chalicelib.connections import Connection, Connections, shard_of
from chalicelib.events import BEGINNING, LogNews, position
from chalicelib.leadership import Told
from chalicelib.outbox import Outbox, Reader
from chalicelib.stream import Entry


class Late(NamedTuple):
    """A connection that is to hear of what came after an entry too."""

    outbox: Outbox
    after: str


class Roster:
    """In step with the registry."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._audience = Audience(BEGINNING)
        self._marks: dict[int, bytes | None] = {}
        self._told: dict[int, Told] = {}  # of shards that are new to us
        self._whole_from: bytes | None = None
        self._outboxes: dict[str, Outbox] = {}
        self._log_readers: dict[UUID, dict[str, Outbox]] = defaultdict(dict)
        self.lost: list[Outbox] = []  # connected, as far as we know, and no more in the registry: Redis has lost it

    def __iter__(self) -> Iterator[Outbox]:
        return iter(self._outboxes.values())

    @property
    def shards(self) -> Collection[int]:
        return self._marks.keys()

    def begin_at(self, entry: str) -> None:
        """The stream is read from here on."""
        self._audience.at = entry

    def serve(self, shards: Collection[int], told: Mapping[int, Told]) -> None:
        """These from now on. told: how far those were that are new."""
        for outbox in [each for each in self if shard_of(each.connection.id) not in shards]:
            self._drop(outbox)
        self._marks = {shard: self._marks.get(shard, _UNREAD) for shard in shards}
        self._told.update(told)

    def refresh(self) -> list[Late]:
        """Read what has changed in the registry. Returns those who have missed something."""
        shards = sorted(self._marks)
        marks = self._connections.marks(shards)
        changed = [shard for shard, mark in zip(shards, marks.shards, strict=True) if mark != self._marks[shard]]
        there, read, whole_from = self._connections.of_shards(changed)
        was_lost = marks.whole_from != self._whole_from or (bool(changed) and whole_from != marks.whole_from)
        self._leave(set(changed), there, was_lost=was_lost)
        self._whole_from = marks.whole_from  # only now: had Redis gone away again, nobody would have been found lost
        self._marks.update(zip(changed, read, strict=True))
        late = [each for connection in there.values() for each in self._meet(connection)]
        for shard in changed:
            self._told.pop(shard, None)
        return late

    def hear(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            before = self._audience.at
            self._audience.hear(entry.events, entry.id)
            for news in entry.lines:
                self._hear_log(news, before)
        self._audience.caught_up()

    def tidy(self) -> dict[int, Told]:
        """Let go of what everybody has been told, and of backlogs that nobody reads.

        Returns by shard how far everybody is: nowhere, where somebody is yet to be told to read.
        """
        slowest: dict[Backlog, int] = {}
        for reader in (reader for outbox in self for reader in outbox.readers):
            slowest[reader.backlog] = min(slowest.get(reader.backlog, reader.number), reader.number)
        told = [backlog.forget(number) for backlog, number in slowest.items()]
        for unread in [backlog for backlog in self._audience if backlog not in slowest]:
            self._audience.remove(unread)
        told += [after for outbox in self if (after := outbox.unsent_logs_after) is not None]
        cursor = min([*told, self._audience.at], key=position)
        missing = {shard_of(outbox.connection.id) for outbox in self if outbox.misses}
        return {shard: Told(BEGINNING if shard in missing else cursor, mark) for shard, mark in self._marks.items()}

    def remove(self, outbox: Outbox) -> None:
        """It is there no more. Raises QueueUnavailable."""
        self._drop(outbox)
        self._connections.remove(outbox.connection.id)

    def _leave(self, changed: Collection[int], there: Mapping[str, Connection], *, was_lost: bool) -> None:
        for outbox in [each for each in self if shard_of(each.connection.id) in changed]:
            if outbox.connection.id not in there:
                self._drop(outbox)
                if was_lost:
                    self.lost.append(outbox)

    def _meet(self, connection: Connection) -> Iterator[Late]:
        """Who is new, or asks for something else."""
        known = self._outboxes.get(connection.id)
        if known is not None and known.connection == connection:
            return
        backlog = self._audience.backlog(connection.subscription)
        outbox = known or Outbox(connection, Reader(backlog, backlog.newest))
        self._forget_logs(outbox)
        outbox.turn_to(connection, backlog)
        self._outboxes[connection.id] = outbox
        for job_id in connection.subscription.logs:
            self._log_readers[job_id][connection.id] = outbox
        if after := self._missed_since(connection):
            yield Late(outbox, after)

    def _missed_since(self, connection: Connection) -> str | None:
        """Whoever served the shard before us may not have seen yet what was asked for last."""
        shard = shard_of(connection.id)
        told = self._told.get(shard)
        if told is None:
            return connection.subscription.after
        has_changed = not told.mark or told.mark != self._marks[shard]
        if has_changed and position(connection.asked_at) >= position(told.cursor):
            return connection.subscription.after or told.cursor
        return told.cursor

    def _hear_log(self, news: LogNews, after: str) -> None:
        for outbox in self._log_readers.get(news.job_id, {}).values():
            outbox.hear_log(news, after)

    def _drop(self, outbox: Outbox) -> None:
        self._outboxes.pop(outbox.connection.id, None)
        self._forget_logs(outbox)

    def _forget_logs(self, outbox: Outbox) -> None:
        for job_id in outbox.connection.subscription.logs:
            readers = self._log_readers[job_id]
            readers.pop(outbox.connection.id, None)
            if not readers:
                del self._log_readers[job_id]


def catch_up(late: Sequence[Late], entries: Iterable[Entry], upto: str) -> None:
    """Tell them what has happened since they heard the last. entries: from the oldest of their places on, up to this one."""
    audience = Audience(min((each.after for each in late), key=position))
    backlogs = [audience.backlog(each.outbox.connection.subscription) for each in late]
    for entry in entries:
        _hear_logs_again(late, entry)
        audience.hear(entry.events, entry.id)
    audience.at = upto
    audience.caught_up()
    for (outbox, after), backlog in zip(late, backlogs, strict=True):
        outbox.catch_up(Reader(backlog, backlog.number_at(after)))


def _hear_logs_again(late: Iterable[Late], entry: Entry) -> None:
    for news in entry.lines:
        for outbox, after in late:
            if news.job_id in outbox.connection.subscription.logs and position(entry.id) > position(after):
                outbox.hear_log(news, after)


_UNREAD = b""
