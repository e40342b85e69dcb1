"""Durations and times, as people write and read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}  # seconds
LONGEST = timedelta(days=36_500)  # a century; further on, dates end


def parse_duration(written: str) -> timedelta:
    """``90``, ``90s``, ``1.5h``, ``1h30m``, ``2d``. Raises BadParameter."""
    if not re.fullmatch(r"\d+(\.\d+)?|(\d+(\.\d+)?[dhms])+", written):
        raise typer.BadParameter(f"{written!r} is no duration: expected something like 90s, 10m, 1h30m or 2d")
    parts = re.findall(r"([\d.]+)([dhms]?)", written)
    seconds = sum(float(number) * UNITS[unit or "s"] for number, unit in parts)
    if seconds > LONGEST.total_seconds():
        raise typer.BadParameter(f"{written!r} is more than a century")
    return timedelta(seconds=seconds)


def parse_moment(written: str) -> datetime:
    """RFC 3339, with seconds or without. Raises BadParameter."""
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise typer.BadParameter(f"{written!r} is no time: expected something like 2026-01-31T14:00Z") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{written!r} needs a time zone: {written}Z, or {written}+02:00")
    return moment


def parse_past(written: str) -> datetime:
    """A time, or how long ago: ``2h``. Raises BadParameter."""
    if re.match(r"\d{4}-", written):
        return parse_moment(written)
    return datetime.now(UTC) - parse_duration(written)


def parse_coming(written: str) -> datetime:
    """A time, or how long from now: ``30d``. Raises BadParameter."""
    if re.match(r"\d{4}-", written):
        return parse_moment(written)
    return datetime.now(UTC) + parse_duration(written)


def on_wire(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def whole(number: float) -> float:
    """As people write it: 5 where it is 5.0."""
    return int(number) if number.is_integer() else number


def length(seconds: float) -> str:
    """The two figures that matter: ``50ms``, ``1.5s``, ``12s``, ``3m 05s``, ``2h 10m``, ``4d 3h``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms" if seconds >= 0.01 else f"{seconds * 1000:.2g}ms"
    if seconds < 10:
        return f"{seconds:.2g}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3_600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86_400:
        return f"{whole // 3_600}h {whole % 3_600 // 60:02}m"
    return f"{whole // 86_400}d {whole % 86_400 // 3_600}h"


def ago(moment: datetime | None) -> str:
    """Short and relative: ``3m ago``, ``in 2h``, ``now``. Empty for None."""
    if moment is None:
        return ""
    seconds = (datetime.now(UTC) - moment).total_seconds()
    if abs(seconds) < 1:
        return "now"
    span = _rough(abs(seconds))
    return f"{span} ago" if seconds > 0 else f"in {span}"


def age(moment: datetime | None) -> str:
    """``3m``. Empty for None."""
    return "" if moment is None else _rough(max(0, (datetime.now(UTC) - moment).total_seconds()))


def clock(moment: datetime | None) -> str:
    """To the second, in the reader's own zone. Empty for None."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}" if moment else ""


def _rough(seconds: float) -> str:
    name, size = next((each for each in UNITS.items() if seconds >= each[1]), ("s", 1))
    return f"{int(seconds // size)}{name}"
