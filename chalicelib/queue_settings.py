"""What operators set of a queue."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

MaxRunning = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
RateLimit = Annotated[float, msgspec.Meta(gt=0, le=1e6)]  # jobs started a second


class QueueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """None: no limit. version: one more with every change, 0 where nobody has set anything."""

    name: str
    paused: bool = False
    max_running: int | None = None
    rate_limit: float | None = None
    version: int = 0
    updated_at: datetime | None = None

    @property
    def holds_back(self) -> bool:
        """Whether jobs that are due may wait although there are workers."""
        return self.paused or self.max_running is not None or self.rate_limit is not None


class QueueChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client wants to be different. None: no limit from now on. Left out: as it was."""

    paused: bool | msgspec.UnsetType = msgspec.UNSET
    max_running: MaxRunning | msgspec.UnsetType | None = msgspec.UNSET
    rate_limit: RateLimit | msgspec.UnsetType | None = msgspec.UNSET
