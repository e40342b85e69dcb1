"""What operators set of a queue."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

LONGEST_PERIOD = 31 * 24 * 3600

MaxRunning = Annotated[int, Meta(ge=0, le=100_000)]
JobsAPeriod = Annotated[float, Meta(ge=1, le=1e6)]  # fewer is one in a longer period
JobsASecond = Annotated[float, Meta(ge=1e-6, le=1e6)]  # at least one in twelve days
Weight = Annotated[float, Meta(ge=0.001, le=1_000)]
Priority = Annotated[int, Meta(ge=-100, le=100)]
MaxAttempts = Annotated[int, Meta(ge=1, le=100)]
TimeoutSeconds = Annotated[float, Meta(gt=0, le=24 * 3600)]


class Rate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many jobs may start in a period. burst: so many at once after a pause; None: those of one second, at least one."""

    jobs: JobsAPeriod
    per_seconds: Annotated[float, Meta(ge=0.001, le=LONGEST_PERIOD)] = 1.0
    burst: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None

    @property
    def interval_ms(self) -> float:
        """From one start to the next."""
        return self.per_seconds / self.jobs * 1000

    @property
    def at_once(self) -> int:
        """How many may start together after a pause."""
        return self.burst or max(1, int(self.jobs / self.per_seconds))


RateLimit = JobsASecond | Rate  # a number: jobs a second


class QueueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """None: no limit, no default. version: one more with every change, 0 where nobody has set anything.

    paused_at, paused_by: None where it is not paused, or where nobody knows.
    """

    name: str
    paused: bool = False
    paused_at: datetime | None = None
    paused_by: str | None = None
    max_running: int | None = None
    rate_limit: Rate | None = None
    max_running_per_key: int | None = None
    rate_limit_per_key: Rate | None = None
    weight: float = 1.0
    default_priority: int | None = None
    default_max_attempts: int | None = None
    default_timeout_seconds: float | None = None
    version: int = 0
    updated_at: datetime | None = None


class QueueChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client wants to be different. None: no limit or default from now on. Left out: as it was.

    weight: the queue's share of the workers' turns where several have jobs. Defaults are for submits that do not say otherwise.
    """

    paused: bool | UnsetType = UNSET
    max_running: MaxRunning | UnsetType | None = UNSET
    rate_limit: RateLimit | UnsetType | None = UNSET
    max_running_per_key: MaxRunning | UnsetType | None = UNSET
    rate_limit_per_key: RateLimit | UnsetType | None = UNSET
    weight: Weight | UnsetType = UNSET
    default_priority: Priority | UnsetType | None = UNSET
    default_max_attempts: MaxAttempts | UnsetType | None = UNSET
    default_timeout_seconds: TimeoutSeconds | UnsetType | None = UNSET

    def given(self) -> dict[str, Any]:
        """What it says, by name."""
        said = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: _as_rate(value, name) for name, value in said.items() if value is not UNSET}

    def applied_to(self, settings: QueueSettings) -> QueueSettings:
        return msgspec.structs.replace(settings, **self.given())


def _as_rate(value: Any, name: str) -> Any:
    if not (name.startswith("rate_limit") and isinstance(value, (int, float))):
        return value
    return Rate(jobs=value) if value >= 1 else Rate(jobs=1, per_seconds=1 / value)
