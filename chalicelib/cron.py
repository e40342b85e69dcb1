"""Cron expressions in a time zone: which moments they name. cronsim reads them as Debian's cron does.

Five fields (minute, hour, day of month, month, day of week) or a name like ``@daily``. Where the clocks change:

- An expression for certain times of day (neither minute nor hour begins with ``*``) keeps to the wall clock. A time that the
  clock skips comes once, at the first moment after the gap; a time that it shows twice comes once, the first time.
- Any other keeps to elapsed time: ``*/30 * * * *`` comes every half hour, whatever the clock shows meanwhile.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from chalicelib.errors import InvalidInput

NAMED: Mapping[str, str] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
FIELDS = 5
LONGEST = 200  # characters
INSTANT = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
STEP = timedelta(hours=12)  # no clock changes forth and back within that
FAR = timedelta(days=2)  # a face that fits comes no earlier than that before it would come by another distance from UTC


class Cron:
    """An expression and its time zone, checked."""

    def __init__(self, expression: str, timezone: str) -> None:
        """Raises InvalidInput at $.cron or $.timezone."""
        self._expression = _fields(expression)
        self._zone = _zone(timezone)
        minute, hour, *_ = self._expression.split()
        self._is_fixed = not (minute.startswith("*") or hour.startswith("*"))

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The moments after that one, in UTC. They end where no other comes within 50 years."""
        moment = moment.astimezone(UTC)
        return self._by_wall_clock(moment) if self._is_fixed else self._by_elapsed_time(moment)

    def _by_wall_clock(self, moment: datetime) -> Iterator[datetime]:
        last = moment
        for wall_time in CronSim(self._expression, moment.astimezone(self._zone)):
            at = wall_time.astimezone(UTC)
            if at > last:  # not so for a time that the clock shows a second time
                yield at
                last = at

    def _by_elapsed_time(self, moment: datetime) -> Iterator[datetime]:
        """Every minute whose face fits, in one stretch after the other without a change of the clock. Across a change cronsim
        goes by whole hours, and where the clock moves by half an hour it would pass over some."""
        offset = self._offset(moment)
        start = moment + offset
        while True:
            change = None
            for face in CronSim(self._expression, start.replace(tzinfo=None)):
                at = face.replace(tzinfo=UTC) - offset
                change = self._change(max(moment, at - FAR), at, offset)
                if change is not None:
                    break
                yield at
                moment = at
            if change is None:
                return
            moment, offset = change, self._offset(change)
            start = change + offset - MINUTE  # its own face may fit

    def _change(self, since: datetime, until: datetime, offset: timedelta) -> datetime | None:
        """Where, up to then, the clock begins to have another distance from UTC than that."""
        if self._offset(since) != offset:
            return since
        while since < until:
            step = min(until, since + STEP)
            if self._offset(step) != offset:
                return self._first_minute(since.replace(second=0, microsecond=0), step, offset)
            since = step
        return None

    def _first_minute(self, since: datetime, until: datetime, offset: timedelta) -> datetime:
        minutes = range(1, (until - since) // MINUTE + 1)
        first = bisect_left(minutes, x=True, key=lambda minute: self._offset(since + minute * MINUTE) != offset)
        return since + minutes[first] * MINUTE

    def _offset(self, moment: datetime) -> timedelta:
        return moment.astimezone(self._zone).utcoffset() or timedelta(0)

    def latest(self, first: datetime, now: datetime, most: int) -> list[datetime]:
        """The last ``most`` moments from ``first`` to ``now``, oldest first. Looks back no further than it has to: nobody may
        have asked for years."""
        back = timedelta(hours=1)
        while True:
            start = max(first, now - back)
            times = [*takewhile(lambda at: at <= now, self.after(start - INSTANT))]
            if len(times) >= most or start == first:
                return times[-most:]
            back *= 8


def _fields(expression: str) -> str:
    fields = NAMED.get(expression.strip().lower(), expression).split()
    if len(expression) > LONGEST or len(fields) != FIELDS:
        raise InvalidInput(f"expected five fields, or one of {', '.join(NAMED)}", "$.cron")
    try:
        CronSim(" ".join(fields), datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as fault:
        raise InvalidInput(str(fault), "$.cron") from None
    return " ".join(fields)


def _zone(name: str) -> ZoneInfo:
    if name not in _zone_names():
        raise InvalidInput(f"unknown time zone {name[:100]!r}: expected a name like Europe/Berlin or UTC", "$.timezone")
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def _zone_names() -> set[str]:
    return available_timezones() - {"localtime", "Factory"}  # these are what a machine makes of them
