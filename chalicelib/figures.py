"""What the statistics say, as the API returns it. Durations in seconds; those of percentiles are a little off
(``histograms.percentile``)."""

from __future__ import annotations

from datetime import datetime

import msgspec

UNFINISHED = ("BLOCKED", "SCHEDULED", "QUEUED", "RETRYING", "RUNNING")  # as clients see it


class MinuteStats(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts that ended in one minute. None: there are none."""

    minute: datetime
    completed: int
    failed: int
    retried: int
    cancelled: int
    wait_p50: float | None
    wait_p95: float | None
    wait_p99: float | None
    run_p50: float | None
    run_p95: float | None
    run_p99: float | None


class Total(msgspec.Struct, frozen=True):
    """Of one queue and job type, ever."""

    queue: str
    job_type: str
    completed: int
    failed: int
    retried: int
    cancelled: int
    wait_seconds: float
    run_seconds: float
    wait_counts: list[int]
    run_counts: list[int]


class Depth(msgspec.Struct, frozen=True):
    """One queue's unfinished jobs, by their status as clients see it. oldest_age_seconds: of those that are due and wait."""

    counts: dict[str, int]
    oldest_age_seconds: float | None


class QueueStats(msgspec.Struct, frozen=True, kw_only=True):
    """One queue now, and in the last minute."""

    name: str
    depth: dict[str, int]
    oldest_age_seconds: float | None
    in_per_minute: float
    out_per_minute: float


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """All jobs by status, and what ended lately. at: when it was counted."""

    at: datetime
    counts: dict[str, int]
    series: list[MinuteStats]
