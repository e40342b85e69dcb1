"""Redis: the event stream that the broadcaster reads, and who may read it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import msgspec
import redis

from chalicelib.events import Event
from chalicelib.jobs import Job
from chalicelib.redis_link import CONNECTIONS, Batch, reaching_redis, text

logger = logging.getLogger(__name__)

KEPT = timedelta(
    seconds=30
)  # of events: longer than it takes to replace a broadcaster. More would cost memory in a flood.
ENTRY_EVENTS = 100


class EventStream:
    """One capped stream, one entry a batch of changes."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def count_watchers(self, batch: Batch) -> None:
        """Adds the number of connections to the batch's answers."""
        batch.commands.hlen(CONNECTIONS)

    def append(self, jobs: Iterable[Job], batch: Batch) -> None:
        """Tell of the jobs as they are now. Nothing is kept while nobody is connected."""
        events = [Event.of(job) for job in jobs]
        for start in range(0, len(events), ENTRY_EVENTS):
            entry = _encoder.encode(events[start : start + ENTRY_EVENTS])
            batch.commands.eval(_APPEND, 2, EVENTS, CONNECTIONS, entry, int(KEPT.total_seconds() * 1000))

    def read(self, after: str, wait: timedelta) -> tuple[str, list[Event]]:
        """Events after an entry, oldest first, and the last entry's id. Waits for the first one, at most ``wait``."""
        wait_ms = max(1, int(wait.total_seconds() * 1000))
        with reaching_redis():
            answer: Any = self._redis.xread({EVENTS: after}, count=100, block=wait_ms)
        if not answer:
            return after, []
        ((_, entries),) = answer
        return text(entries[-1][0]), [event for _, fields in entries for event in _decoded(fields[b"e"])]

    def lead(self, reader: str, lease: timedelta) -> bool:
        """Become, or stay, the one that reads for all."""
        with reaching_redis():
            return bool(self._redis.eval(_LEAD, 1, LEADER, reader, int(lease.total_seconds() * 1000)))

    def resign(self, reader: str, cursor: str) -> None:
        """Hand over cleanly: the next reader starts at the cursor."""
        with reaching_redis():
            self._redis.set(CURSOR, cursor)
            self._redis.eval(_RESIGN, 1, LEADER, reader)

    def save_cursor(self, cursor: str) -> None:
        with reaching_redis():
            self._redis.set(CURSOR, cursor)

    def cursor(self, lookback: timedelta) -> str:
        """Where the last reader stopped. Where nobody knows: ``lookback`` ago."""
        with reaching_redis():
            saved = self._redis.get(CURSOR)
            seconds, _ = self._redis.time()
        return text(saved) if saved else f"{int((seconds - lookback.total_seconds()) * 1000)}-0"


def _decoded(entry: bytes) -> list[Event]:
    """None from an entry that another release wrote in its own way."""
    try:
        return _decoder.decode(entry)
    except msgspec.DecodeError as error:
        logger.warning("unreadable events", extra={"reason": str(error)})
        return []


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Event])

EVENTS = "{ws}:events"
CURSOR = "{ws}:cursor"
LEADER = "{ws}:leader"

# KEYS[1]  STREAM  field e: encoded events
# KEYS[2]  HASH    the connections
# ARGV     events, how long to keep them in ms
_APPEND = """
if redis.call('HLEN', KEYS[2]) == 0 then return end
local now = redis.call('TIME')[1] * 1000
redis.call('XADD', KEYS[1], 'MINID', '~', string.format('%.0f', now - ARGV[2]), '*', 'e', ARGV[1])
"""

# KEYS[1]  the leader's name, with a time to live
# ARGV     reader, lease in ms
# returns  1 when the reader leads
_LEAD = """
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

# KEYS[1]  as above
# ARGV[1]  reader
_RESIGN = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""
