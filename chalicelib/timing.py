"""When a schedule runs: by a cron expression, at a fixed interval, or once; and between which ends.

An interval follows elapsed time, whatever the clock on the wall does. Its times are its start, or else its creation, and every
multiple of it from there: they stay where they are, however late somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import Annotated

import msgspec

from chalicelib.cron import INSTANT, LONGEST, Cron
from chalicelib.errors import InvalidInput

LONGEST_INTERVAL = 366 * 24 * 3600  # seconds
FIRST_YEAR, LAST_PLANNED_YEAR = 2000, 2199
KINDS = ("cron", "interval_seconds", "at")

CronText = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=LONGEST,
        description="Five fields (minute, hour, day of month, month, day of week) or a name such as @daily.",
        extra_json_schema={
            "pattern": r"^\s*(@[a-z]+|[^\s@]+(\s+[^\s@]+){4})\s*$",
            "examples": ["30 3 * * 1-5", "@hourly"],
        },
    ),
]
ZoneText = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=100,
        description="A name of the IANA time zone database.",
        extra_json_schema={"examples": ["Europe/Berlin"]},
    ),
]
Interval = Annotated[int, msgspec.Meta(ge=1, le=LONGEST_INTERVAL, description="Seconds of elapsed time.")]
PlannedTime = Annotated[datetime, msgspec.Meta(tz=True, extra_json_schema={"pattern": "^2[01][0-9]{2}-"})]


class Every:
    """A fixed interval through a moment that is one of its times."""

    def __init__(self, seconds: int, anchor: datetime) -> None:
        self._interval = timedelta(seconds=seconds)
        self._anchor = anchor

    def after(self, moment: datetime) -> Iterator[datetime]:
        at = self._anchor + ((moment - self._anchor) // self._interval + 1) * self._interval
        while True:
            yield at
            at += self._interval

    def latest(self, first: datetime, now: datetime, most: int) -> list[datetime]:
        """As ``Cron.latest``."""
        start = max(first - INSTANT, now - most * self._interval)
        return [*takewhile(lambda at: at <= now, self.after(start))]


class Once:
    """One time."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def after(self, moment: datetime) -> Iterator[datetime]:
        if self._at > moment:
            yield self._at

    def latest(self, first: datetime, now: datetime, most: int) -> list[datetime]:
        """As ``Cron.latest``."""
        return [self._at] if first <= self._at <= now and most else []


class Times:
    """The moments at which a schedule runs, in UTC."""

    def __init__(self, kind: Cron | Every | Once, starts_at: datetime | None, ends_at: datetime | None) -> None:
        self._kind = kind
        self._starts_at = starts_at
        self._ends_at = ends_at

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Those after that one, the soonest first."""
        if self._starts_at is not None:
            moment = max(moment, self._starts_at - INSTANT)
        times = self._kind.after(moment)
        ends_at = self._ends_at
        return times if ends_at is None else takewhile(lambda at: at <= ends_at, times)

    def first_after(self, moment: datetime) -> datetime | None:
        """None: there is no time after that."""
        return next(self.after(moment), None)

    def latest(self, first: datetime, now: datetime, most: int) -> list[datetime]:
        """The last ``most`` from ``first`` to ``now``, oldest first."""
        return self._kind.latest(max(first, self._starts_at or first), min(now, self._ends_at or now), most)


class Timing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exactly one of cron, interval_seconds and at; timezone: of cron. No time is before starts_at or after ends_at."""

    cron: CronText | None = None
    interval_seconds: Interval | None = None
    at: PlannedTime | None = None
    timezone: ZoneText = "UTC"
    starts_at: PlannedTime | None = None
    ends_at: PlannedTime | None = None

    def times(self, created_at: datetime) -> Times:
        """created_at: from where an interval without a start is counted, to the second. Raises InvalidInput."""
        self._check()
        return Times(self._kind(created_at.replace(microsecond=0)), self.starts_at, self.ends_at)

    @property
    def kind(self) -> str:
        """The name of the field that says when."""
        return next(name for name in KINDS if getattr(self, name) is not None)

    def _kind(self, created_at: datetime) -> Cron | Every | Once:
        if self.interval_seconds is not None:
            return Every(self.interval_seconds, (self.starts_at or created_at).astimezone(UTC))
        return Once(self.at.astimezone(UTC)) if self.at is not None else _cron(self.cron or "", self.timezone)

    def _check(self) -> None:
        named = [name for name in KINDS if getattr(self, name) is not None]
        if len(named) != 1:
            said = " and ".join(named) or "none of them"
            raise InvalidInput(
                f"expected exactly one of {', '.join(KINDS)}; there is {said}", f"$.{(named or ['cron'])[-1]}"
            )
        for name in ("at", "starts_at", "ends_at"):
            check_year(getattr(self, name), f"$.{name}")
        _cron("* * * * *", self.timezone)
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise InvalidInput("expected an end after starts_at", "$.ends_at")


def timing_of(form: Timing) -> Timing:
    """That part of a form alone."""
    return (
        Timing(**{name: getattr(form, name) for name in Timing.__struct_fields__}) if type(form) is not Timing else form
    )


def check_year(moment: datetime | None, path: str) -> None:
    """Raises InvalidInput."""
    if moment is not None and not FIRST_YEAR <= moment.year <= LAST_PLANNED_YEAR:
        raise InvalidInput(f"expected a year from {FIRST_YEAR} to {LAST_PLANNED_YEAR}", path)


@lru_cache(maxsize=4_096)
def _cron(expression: str, timezone: str) -> Cron:
    """Many schedules say the same: reading it costs more than its next time."""
    return Cron(expression, timezone)
