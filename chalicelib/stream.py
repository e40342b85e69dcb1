"""Redis: the event stream that the broadcaster reads, and who may read it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import msgspec
import redis

from chalicelib.events import Event
from chalicelib.jobs import Job
from chalicelib.redis_link import Batch, reaching_redis, text

KEPT_ENTRIES = 10_000  # an entry is a batch of events; older ones are dropped


class EventStream:
    """One capped stream, one entry a batch of changes."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def append(self, jobs: Iterable[Job], batch: Batch) -> None:
        """Announce the jobs as they are now."""
        events = [Event.of(job) for job in jobs]
        if events:
            batch.commands.xadd(_EVENTS, {"e": _encoder.encode(events)}, maxlen=KEPT_ENTRIES, approximate=True)

    def read(self, after: str, wait: timedelta) -> tuple[str, list[Event]]:
        """Events after an entry, oldest first, and the last entry's id. Waits for the first one, at most ``wait``."""
        wait_ms = max(1, int(wait.total_seconds() * 1000))
        with reaching_redis():
            answer: Any = self._redis.xread({_EVENTS: after}, count=100, block=wait_ms)
        if not answer:
            return after, []
        ((_, entries),) = answer
        return text(entries[-1][0]), [event for _, fields in entries for event in _decoder.decode(fields[b"e"])]

    def lead(self, reader: str, lease: timedelta) -> bool:
        """Become, or stay, the one that reads for all."""
        with reaching_redis():
            return bool(self._redis.eval(_LEAD, 1, _LEADER, reader, int(lease.total_seconds() * 1000)))

    def resign(self, reader: str, cursor: str) -> None:
        """Hand over cleanly: the next reader starts at the cursor."""
        with reaching_redis():
            self._redis.set(_CURSOR, cursor)
            self._redis.eval(_RESIGN, 1, _LEADER, reader)

    def save_cursor(self, cursor: str) -> None:
        with reaching_redis():
            self._redis.set(_CURSOR, cursor)

    def cursor(self, lookback: timedelta) -> str:
        """Where the last reader stopped. Where nobody knows: ``lookback`` ago."""
        with reaching_redis():
            saved = self._redis.get(_CURSOR)
            seconds, _ = self._redis.time()
        return text(saved) if saved else f"{int((seconds - lookback.total_seconds()) * 1000)}-0"


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Event])

_EVENTS = "{ws}:events"
_CURSOR = "{ws}:cursor"
_LEADER = "{ws}:leader"

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
