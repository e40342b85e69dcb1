"""Redis: the event stream. Broadcasters read it; who was cut off is told from it what happened meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import redis

from chalicelib.events import Event, LogNews, position
from chalicelib.jobs import Job
from chalicelib.redis_link import LOGS_WATCHED, WATCHED, WHOLE_FROM, Batch, reaching_redis, text

logger = logging.getLogger(__name__)

KEPT = timedelta(seconds=30)  # of events: longer than it takes to replace a broadcaster, or to come back
MOST_BYTES = 64 * 1024 * 1024  # of events: in a flood they are kept for less
ENTRY_EVENTS = 100
ENTRY_LINES = 100
PAGE = 200  # entries


class Place(NamedTuple):
    """Between two entries. id: of the one before, or a time; size: bytes of all entries before, also of those that are gone."""

    id: str
    size: int


class Entry(NamedTuple):
    """A batch of changes, and of lines that were logged. before, after: bytes of all entries up to it, without it and with it."""

    id: str
    events: list[Event]
    lines: list[LogNews]
    before: int = 0
    after: int = 0
    is_readable: bool = True


class EventStream:
    """One capped stream, one entry a batch of changes."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def ask_watched(self, batch: Batch) -> None:
        """Adds whether events are kept, 0 or 1, to the batch's answers."""
        batch.commands.exists(WATCHED)

    def append(self, jobs: Iterable[Job], batch: Batch) -> None:
        """Tell of the jobs as they are now. Nothing is kept while nobody is connected."""
        events = [Event.of(job) for job in jobs]
        for start in range(0, len(events), ENTRY_EVENTS):
            self._append(_encoder.encode(events[start : start + ENTRY_EVENTS]), _NOTHING, batch)

    def append_lines(self, news: Sequence[LogNews], batch: Batch) -> None:
        for start in range(0, len(news), ENTRY_LINES):
            self._append(_NOTHING, _encoder.encode(news[start : start + ENTRY_LINES]), batch)

    def watched_logs(self, job_ids: Sequence[UUID]) -> set[UUID]:
        """Those of these jobs whose log somebody watches. Raises QueueUnavailable."""
        with reaching_redis():
            scores: Any = self._redis.zmscore(LOGS_WATCHED, [job_id.hex for job_id in job_ids])
        return {job_id for job_id, score in zip(job_ids, scores, strict=True) if score is not None}

    def read(self, after: str, wait: timedelta) -> list[Entry]:
        """What comes after an entry, oldest first. Waits for the first one, at most ``wait``."""
        wait_ms = max(1, int(wait.total_seconds() * 1000))
        with reaching_redis():
            answer: Any = self._redis.xread({EVENTS: after}, count=PAGE, block=wait_ms)
        return [_decoded(*entry) for entry in answer[0][1]] if answer else []

    def between(self, after: str, upto: str) -> Iterator[Entry]:
        """What comes after the one, up to and with the other."""
        while True:
            with reaching_redis():
                page: Any = self._redis.xrange(EVENTS, min=f"({after}", max=upto, count=PAGE)
            yield from (_decoded(*entry) for entry in page)
            if len(page) < PAGE:
                return
            after = text(page[-1][0])

    def now(self) -> str:
        """A position that everything comes after which happens from now on."""
        with reaching_redis():
            seconds, micros = self._redis.time()
        return _before(seconds, micros)

    def here(self) -> Place:
        """As ``now``."""
        with reaching_redis(), self._redis.pipeline(transaction=True) as both:
            both.time()
            both.get(SIZE)
            (seconds, micros), size = both.execute()
        return Place(_before(seconds, micros), int(size or 0))

    def break_off(self) -> None:
        """Redis was away: what happened then may not be kept. Who has heard what was before that only is to read."""
        with reaching_redis():
            self._redis.set(WHOLE_FROM, self.now(), xx=True)

    def whole_from(self) -> str | None:
        """The position after which everything was kept that has not gone by its age. None: nobody has been connected yet."""
        with reaching_redis():
            found = self._redis.get(WHOLE_FROM)
        return text(found) if found else None

    def last(self) -> str:
        """What is appended from now on comes after it."""
        with reaching_redis():
            if self._redis.exists(EVENTS):
                about: Any = self._redis.xinfo_stream(EVENTS)
                return text(about["last-generated-id"])
        return self.now()

    def is_whole_after(self, *places: str) -> list[bool]:
        """Whether everything is still there that came after these positions."""
        begun = self.whole_from()
        first, was_trimmed = self._first()
        return [
            begun is not None
            and position(place) >= position(begun)
            and (not was_trimmed or position(place) >= position(first))
            for place in places
        ]

    def _first(self) -> tuple[str, bool]:
        """The oldest entry's id, and whether there were older ones."""
        with reaching_redis():
            if not self._redis.exists(EVENTS):
                return "0-0", False
            about: Any = self._redis.xinfo_stream(EVENTS)
        was_trimmed = about["entries-added"] != about["length"]
        return text(about["first-entry"][0]) if about["first-entry"] else "0-0", was_trimmed

    def _append(self, events: bytes, lines: bytes, batch: Batch) -> None:
        arguments = events, lines, int(KEPT.total_seconds() * 1000), MOST_BYTES
        batch.commands.eval(_APPEND, 3, EVENTS, WATCHED, SIZE, *arguments)


def _before(seconds: int, micros: int) -> str:
    return f"{seconds * 1000 + micros // 1000 - 1}-0"


def _decoded(entry_id: bytes, fields: dict[bytes, bytes]) -> Entry:
    """Empty where another release wrote it in its own way."""
    after = int(fields.get(b"b", 0))
    try:
        events, lines = fields[b"e"], fields.get(b"l", _NOTHING)
        before = after - len(events) - len(lines)
        return Entry(text(entry_id), _events.decode(events), _lines.decode(lines), before, after)
    except (KeyError, msgspec.DecodeError) as error:
        logger.warning("unreadable events", extra={"reason": str(error)})
        return Entry(text(entry_id), [], [], after, after, is_readable=False)


_encoder = msgspec.msgpack.Encoder()
_events = msgspec.msgpack.Decoder(list[Event])
_lines = msgspec.msgpack.Decoder(list[LogNews])
_NOTHING = _encoder.encode([])

EVENTS = "{ws}:events"
SIZE = "{ws}:size"  # bytes of all events ever, to see how many of them the stream holds

# KEYS[1]  STREAM  fields e, l: encoded events and lines; b: bytes of all events up to here
# KEYS[2]  whether somebody is connected
# KEYS[3]  bytes of all events
# ARGV     events, lines, how long to keep them in ms, how many bytes to keep
_APPEND = """
if redis.call('EXISTS', KEYS[2]) == 0 then return end
local oldest = redis.call('TIME')[1] * 1000 - ARGV[3]
local added = #ARGV[1] + #ARGV[2]
local size = redis.call('INCRBY', KEYS[3], added)
redis.call('XADD', KEYS[1], 'MINID', '~', string.format('%.0f', oldest), '*', 'e', ARGV[1], 'l', ARGV[2], 'b', size)
if size % 1048576 >= added then return end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if size - first[2][6] > ARGV[4] + 0 then
  redis.call('XTRIM', KEYS[1], 'MAXLEN', math.floor(redis.call('XLEN', KEYS[1]) / 2))
end
"""
