"""What can be set of a queue: how it is written on the command line, and how it is shown."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Annotated, TypeVar

import typer

from chalicelib.cli.answers import Queue, Rate
from chalicelib.cli.moments import ago, length, parse_duration, whole

T = TypeVar("T")

NONE = "none"
LIMITS, DEFAULTS = "Limits", "For jobs that do not say otherwise"

MaxRunning = Annotated[
    str | None,
    typer.Option("--max-running", metavar="N|none", help="Jobs at once, over all workers.", rich_help_panel=LIMITS),
]
RateLimit = Annotated[
    str | None,
    typer.Option(
        "--rate",
        "--rate-limit",
        metavar="N|N/TIME|none",
        help="Starts: 2.5 a second, or 100/60s, 1000/1h.",
        rich_help_panel=LIMITS,
    ),
]
Burst = Annotated[
    int | None,
    typer.Option("--burst", metavar="N", help="With --rate: at once after a pause.", rich_help_panel=LIMITS),
]
MaxRunningPerKey = Annotated[
    str | None,
    typer.Option("--max-running-per-key", metavar="N|none", help="Jobs of one key at once.", rich_help_panel=LIMITS),
]
RatePerKey = Annotated[
    str | None,
    typer.Option("--rate-per-key", metavar="N|N/TIME|none", help="Starts of one key's jobs.", rich_help_panel=LIMITS),
]
BurstPerKey = Annotated[
    int | None, typer.Option("--burst-per-key", metavar="N", help="With --rate-per-key.", rich_help_panel=LIMITS)
]
Weight = Annotated[
    str | None,
    typer.Option(
        "--weight",
        metavar="N|none",
        help="Its share where workers have several queues; 1 at first.",
        rich_help_panel=LIMITS,
    ),
]
DefaultPriority = Annotated[
    str | None, typer.Option("--default-priority", metavar="N|none", help="-100 to 100.", rich_help_panel=DEFAULTS)
]
DefaultAttempts = Annotated[
    str | None, typer.Option("--default-max-attempts", metavar="N|none", rich_help_panel=DEFAULTS)
]
DefaultTimeout = Annotated[
    str | None, typer.Option("--default-timeout", metavar="10m|none", help="Longest run.", rich_help_panel=DEFAULTS)
]


def or_none(read: Callable[[str], T], written: str) -> T | None:
    """None where "none" was written. Raises BadParameter."""
    return None if written == NONE else read(written)


def number(written: str) -> float:
    """Raises BadParameter."""
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise typer.BadParameter(f"{written!r} is no limit: expected a number, or {NONE}")
    return whole(value)


def weight(written: str) -> float:
    """Without one, every queue has 1. Raises BadParameter."""
    return 1 if written == NONE else number(written)


def seconds(written: str) -> float:
    """Raises BadParameter."""
    return parse_duration(written).total_seconds()


def rate(written: str, burst: int | None) -> float | dict[str, float]:
    """``100/60s``, or a number a second. Raises BadParameter."""
    jobs, slash, period = written.partition("/")
    if not slash and burst is None:
        return number(jobs)
    per = seconds("1" + period if re.fullmatch("[dhms]", period) else period) if slash else 1  # 5/m: five a minute
    return {"jobs": number(jobs), "per_seconds": per} | ({} if burst is None else {"burst": burst})


def limits_of(queue: Queue) -> str:
    """In one line; empty where there are none."""
    at_once = "" if queue.max_running is None else f"{queue.max_running:,} at once"
    a_key = "" if queue.max_running_per_key is None else f"{queue.max_running_per_key:,} at once a key"
    rates = [_rate(queue.rate_limit), _rate(queue.rate_limit_per_key)]
    return ", ".join(filter(None, (at_once, rates[0], a_key, rates[1] and f"{rates[1]} a key")))


def facts_of(queue: Queue) -> Iterator[tuple[str, str]]:
    """Name and value; an empty value is not worth a line."""
    yield "state", _pause(queue) if queue.paused else "runs"
    yield "jobs", ", ".join(f"{count:,} {status}" for status, count in queue.depth.items() if count) or "none"
    yield "oldest", "" if queue.oldest_age_seconds is None else f"due for {length(queue.oldest_age_seconds)}"
    yield "a minute", f"{queue.in_per_minute or 0:g} in, {queue.out_per_minute or 0:g} out"
    yield "limits", limits_of(queue) or "none"
    yield "weight", f"{queue.weight:g}"
    yield "default priority", _said(queue.default_priority)
    yield "default attempts", _said(queue.default_max_attempts)
    yield "default timeout", "" if queue.default_timeout_seconds is None else length(queue.default_timeout_seconds)


def _pause(queue: Queue) -> str:
    since = "" if queue.paused_at is None else f" {ago(queue.paused_at)}"
    return f"paused{since}" + (f" by {queue.paused_by}" if queue.paused_by else "")


def _said(value: int | None) -> str:
    return "" if value is None else str(value)


def _rate(limit: Rate | None) -> str:
    """5/s, or 100 in 60 s (20 in a burst)."""
    if limit is None:
        return ""
    pace = f"{limit.jobs:g}/s" if limit.per_seconds == 1 else f"{limit.jobs:g} in {limit.per_seconds:g} s"
    return pace if limit.burst is None else f"{pace} ({limit.burst:,} in a burst)"
