"""Schedules that are declared beside the handler of their job. A deploy applies them (``declarations``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from chalicelib.backoff import Backoff
from chalicelib.errors import InvalidInput
from chalicelib.handlers.registry import Declared, Registry, registry
from chalicelib.schedules import CATCH_UP, MOST_CATCH_UP, Misfire, Overlap, ScheduleName
from chalicelib.timing import Timing

H = TypeVar("H", bound=Callable[..., object])

CREATED = datetime(2000, 1, 1, tzinfo=UTC)  # any time will do to see whether there are times


def schedule(
    cron: str | None = None,
    *,
    interval: timedelta | None = None,
    at: datetime | None = None,
    zone: str = "UTC",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    name: str | None = None,
    payload: object = None,
    queue: str | None = None,
    priority: int | None = None,
    tags: Sequence[str] = (),
    max_attempts: int | None = None,
    timeout: timedelta | None = None,
    backoff: Backoff | None = None,
    concurrency_key: str | None = None,
    misfire: str = Misfire.RUN_ONCE,
    overlap: str = Overlap.ALLOW,
    catch_up: int = CATCH_UP,
    into: Registry = registry,
) -> Callable[[H], H]:
    """Run the job type of this handler at certain times: above or below ``@job``, any number of times.

    Exactly one of cron, interval and at. name: the job type's, unless given. What is not given is its queue's, or else
    the job type's own.
    Raises ValueError for what cannot be meant, when the handler is imported.
    """
    timing = _timing(cron=cron, interval=interval, at=at, timezone=zone, starts_at=starts_at, ends_at=ends_at)
    if not 1 <= catch_up <= MOST_CATCH_UP:
        raise ValueError(f"catch_up is {catch_up}: expected 1 to {MOST_CATCH_UP}")
    content = {
        **_given(timing),
        "misfire": Misfire(misfire),
        "overlap": Overlap(overlap),
        "catch_up": catch_up,
        "job": _without_none(
            payload=payload,
            queue=queue,
            priority=priority,
            tags=[*tags],
            max_attempts=max_attempts,
            timeout_seconds=timeout and timeout.total_seconds(),
            backoff=backoff,
            concurrency_key=concurrency_key,
        ),
    }
    if name is not None:
        msgspec.convert(name, ScheduleName)

    def declare(run: H) -> H:
        into.declare(Declared(run, name, msgspec.json.encode(payload), content))
        return run

    return declare


def _timing(*, interval: timedelta | None, **rest: Any) -> Timing:
    """Raises ValueError (which a ValidationError is), also for one without any time."""
    seconds = None if interval is None else interval.total_seconds()
    whole = int(seconds) if seconds is not None and seconds.is_integer() else seconds
    timing = msgspec.convert({"interval_seconds": whole, **rest}, Timing)
    try:
        following = timing.times(CREATED).first_after(CREATED)
    except InvalidInput as error:
        raise ValueError(f"{error.path}: {error}") from None
    if following is None:
        raise ValueError("there is no such time")
    return timing


def _given(timing: Timing) -> Mapping[str, object]:
    return _without_none(**msgspec.structs.asdict(timing))


def _without_none(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}
