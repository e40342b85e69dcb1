"""How long finished jobs are kept, and when it is worth looking for what has expired.

What counts is ``finished_at``. Nothing that was made on a day can have expired before the shortest retention after that day's
end, nearly all of a day's jobs end soon after it, and what has not ended when somebody looks cannot expire before the shortest
retention from then. So a partition is looked through once, when its day is old enough, and then when the first expires of what
was left in it: there is no need to look in between, whatever it holds.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

LOOKS_APART = timedelta(hours=12)  # what is left in a partition expires one by one: this many of them go together
LONGEST = timedelta(days=3650)

Days = Annotated[int, Meta(ge=1, le=LONGEST.days)]


class Retention(msgspec.Struct, frozen=True, kw_only=True, rename="upper"):
    """Days by final status, of 24 hours. None: for ever."""

    completed: int | None = 30
    failed: int | None = 90
    cancelled: int | None = 30

    @property
    def days(self) -> list[int | None]:
        return [self.completed, self.failed, self.cancelled]

    @property
    def shortest(self) -> timedelta | None:
        """None: nothing ever expires."""
        days = [each for each in self.days if each is not None]
        return timedelta(days=min(days)) if days else None


class RetentionChange(msgspec.Struct, frozen=True, kw_only=True, rename="upper", forbid_unknown_fields=True):
    """What an admin wants to be different, in days by status. None: for ever. Left out: as it was."""

    completed: Days | UnsetType | None = UNSET
    failed: Days | UnsetType | None = UNSET
    cancelled: Days | UnsetType | None = UNSET

    def given(self) -> dict[str, int | None]:
        """What it says, by status."""
        said = {name.upper(): getattr(self, name) for name in self.__struct_fields__}
        return {status: days for status, days in said.items() if days is not UNSET}


def due_at(retention: Retention, end: datetime | None, next_at: datetime | None, now: datetime) -> datetime | None:
    """Since when, or from when on, a partition is to be looked through; None: never.

    end: of its day; None: it holds any day's jobs. next_at: what the last look said, if there was one.
    """
    if retention.shortest is None:
        return None
    if next_at is not None:
        return next_at
    return now if end is None else end + retention.shortest


def next_look(retention: Retention, began_at: datetime, keeps_until: datetime | None, now: datetime) -> datetime:
    """keeps_until: when the first expires of what had ended by ``began_at`` and is kept; None: nothing of it does."""
    limits = [began_at + (retention.shortest or LONGEST), keeps_until]
    return max(min(limit for limit in limits if limit is not None), now + LOOKS_APART)
