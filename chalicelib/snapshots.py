"""Redis: answers that are dear to compute, shared by all processes.

One process computes at a time, while the others get what there was before. An answer is fresh for ten times as long as it took
to compute: so, however many ask, it keeps a tenth of a connection busy at most.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

import msgspec
import redis

from chalicelib.errors import QueueUnavailable
from chalicelib.redis_link import reaching_redis

logger = logging.getLogger(__name__)

T = TypeVar("T")

SHORTEST = timedelta(milliseconds=200)
TIMES = 10
KEPT = timedelta(minutes=1)  # how much longer than fresh, for those who ask while somebody computes
PATIENCE = timedelta(seconds=30)  # with who computes: after that, it is taken to be dead
AWAY_SECONDS = 2.0  # not asked again for so long: a Redis that hangs takes as long to say so
LOOK_SECONDS = 0.05  # between looks while there is no answer at all
LOOKS = 100


class Snapshot(msgspec.Struct, Generic[T], frozen=True):
    """An answer, and when it was computed."""

    at: datetime
    value: T


class _Kept(msgspec.Struct, frozen=True):
    at: datetime
    value: msgspec.Raw


class Snapshots:
    """Keeps answers by name. Where Redis is away, everybody computes."""

    def __init__(self, client: redis.Redis, pause: Callable[[float], None] = time.sleep) -> None:
        self._redis = client
        self._pause = pause
        self._away_until = 0.0

    def cached(
        self, name: str, compute: Callable[[], T], for_at_least: timedelta = SHORTEST, *, as_type: type[T]
    ) -> Snapshot[T]:
        """as_type: of the answer, to read what another process has kept. Raises what ``compute`` raises."""
        if time.monotonic() < self._away_until:
            return Snapshot(datetime.now(UTC), compute())
        try:
            kept = self._find(name)
        except QueueUnavailable as error:
            logger.warning("answers cannot be shared now", extra={"reason": str(error)})
            self._away_until = time.monotonic() + AWAY_SECONDS
            return Snapshot(datetime.now(UTC), compute())
        if kept is None:
            return self._computed(name, compute, for_at_least)
        return Snapshot(kept.at, msgspec.json.decode(kept.value, type=as_type))

    def _find(self, name: str) -> _Kept | None:
        """None: it is for us to compute."""
        with reaching_redis():
            for _ in range(LOOKS):
                kept, is_fresh = self._redis.mget(_value(name), _freshness(name))
                is_ours = not is_fresh and self._redis.set(
                    _turn(name), 1, nx=True, px=int(PATIENCE.total_seconds() * 1000)
                )
                if is_ours:
                    return None
                if kept is not None:
                    return msgspec.json.decode(kept, type=_Kept)
                self._pause(LOOK_SECONDS)
        return None

    def _computed(self, name: str, compute: Callable[[], T], for_at_least: timedelta) -> Snapshot[T]:
        began = time.monotonic()
        encoded = b""
        try:
            computed = Snapshot(datetime.now(UTC), compute())
            encoded = msgspec.json.encode(computed)
        finally:
            self._keep(name, encoded, max(for_at_least, TIMES * timedelta(seconds=time.monotonic() - began)))
        return computed

    def _keep(self, name: str, encoded: bytes, fresh_for: timedelta) -> None:
        """Empty: there is no answer, and somebody else may try."""
        try:
            with reaching_redis(), self._redis.pipeline(transaction=False) as commands:
                if encoded:
                    commands.set(_value(name), encoded, px=fresh_for + KEPT)
                    commands.set(_freshness(name), 1, px=max(SHORTEST, fresh_for))
                commands.delete(_turn(name))
                commands.execute()
        except QueueUnavailable as error:
            logger.warning("an answer could not be shared", extra={"reason": str(error)})


def _value(name: str) -> str:
    return f"{{snapshot:{name}}}:value"


def _freshness(name: str) -> str:
    return f"{{snapshot:{name}}}:fresh"


def _turn(name: str) -> str:
    return f"{{snapshot:{name}}}:turn"
