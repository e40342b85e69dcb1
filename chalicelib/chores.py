"""Redis: who does maintenance now, and how far it got."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import redis

from chalicelib.redis_link import EPOCH, reaching_redis, text


class Chores:
    """Leases and cursors of maintenance."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def begin(self, every: timedelta) -> bool:
        """Whether it is our turn: one caller in ``every``."""
        return self.is_due("turn", every)

    def is_due(self, chore: str, every: timedelta) -> bool:
        """Whether nobody was told so in the last ``every``."""
        with reaching_redis():
            return bool(self._redis.set(_chore(chore), 1, nx=True, px=int(every.total_seconds() * 1000) - 100))

    def epoch_is_missing(self) -> bool:
        """Whether Redis has forgotten: the key is set after a rebuild, and goes when everything goes."""
        with reaching_redis():
            return not self._redis.exists(EPOCH)

    def set_epoch(self) -> None:
        with reaching_redis():
            seconds, _ = self._redis.time()
            self._redis.set(EPOCH, seconds)

    def swept_to(self) -> UUID:
        """The last id that a sweep saw."""
        with reaching_redis():
            saved = self._redis.get(_SWEPT_TO)
        return UUID(text(saved)) if saved else UUID(int=0)

    def save_swept_to(self, job_id: UUID) -> None:
        with reaching_redis():
            self._redis.set(_SWEPT_TO, str(job_id))

    def patrolled_to(self) -> tuple[str, UUID] | None:
        """The queue and the id of the last job that the patrol saw."""
        with reaching_redis():
            saved = self._redis.get(_PATROLLED_TO)
        if not saved:
            return None
        job_id, _, queue = text(saved).partition(":")
        return queue, UUID(job_id)

    def save_patrolled_to(self, place: tuple[str, UUID]) -> None:
        queue, job_id = place
        with reaching_redis():
            self._redis.set(_PATROLLED_TO, f"{job_id}:{queue}")


def _chore(name: str) -> str:
    return f"{{chores}}:{name}"


_PATROLLED_TO = _chore("patrolled_to")
_SWEPT_TO = _chore("swept_to")
