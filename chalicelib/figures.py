"""What the statistics say, as the API returns it. Durations in seconds; those of percentiles are a little off
(``histograms.percentile``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

UNFINISHED = ("BLOCKED", "SCHEDULED", "QUEUED", "RETRYING", "RUNNING")  # as clients see it


class MinuteStats(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts that ended in the minutes from ``minute`` to the next bucket. None: there are none."""

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


class KeyCounts(msgspec.Struct, frozen=True):
    """Concurrency keys of a queue: those that wait for their turn, and those that a limit of theirs holds back. A key whose jobs
    are all gone counts until its turn comes."""

    waiting: int
    held_back: int


class QueueStats(msgspec.Struct, frozen=True, kw_only=True):
    """One queue now, and in the last minute."""

    name: str
    depth: dict[str, int]
    oldest_age_seconds: float | None
    in_per_minute: float
    out_per_minute: float
    keys: KeyCounts | None = None  # None: Redis did not say


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """All jobs by status, and what ended lately. at: when it was counted; step_minutes: of each bucket of the series."""

    at: datetime
    counts: dict[str, int]
    step_minutes: int
    series: list[MinuteStats]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """How it goes now. oldest_age_seconds: of what is due and waits, None: nothing does. queues: the busiest, and whether they
    are paused."""

    at: datetime
    counts: dict[str, int]
    in_per_minute: float
    out_per_minute: float
    oldest_age_seconds: float | None
    workers: int
    connections: int
    queues: list[tuple[QueueStats, bool]]


MOST_QUEUES = 50  # that an overview names: it is one frame, and comes every second


def busiest(queues: Sequence[QueueStats]) -> list[QueueStats]:
    """Those with the most to do, by name."""
    ranked = sorted(queues, key=lambda queue: (-sum(queue.depth.values()), -queue.out_per_minute, queue.name))
    return sorted(ranked[:MOST_QUEUES], key=lambda queue: queue.name)


class RetentionFigures(msgspec.Struct, frozen=True, kw_only=True):
    """pruned: jobs that went because their retention was over, ever, by status. behind_seconds: since when the partition that has
    waited longest is due to be walked through. partitions: by table."""

    pruned: dict[str, int]
    behind_seconds: float
    partitions: dict[str, int]


MOST_SERIES = 200  # that monitoring is told by name: a queue for each customer would be too many for it
OTHER = "_other"  # stands for the rest; no queue is called so


def largest_depths(depths: Mapping[str, Depth]) -> dict[str, Depth]:
    """Those with the most jobs by name, and the rest together."""
    ranked = sorted(depths.items(), key=lambda each: (-sum(each[1].counts.values()), each[0]))
    rest = [depth for _, depth in ranked[MOST_SERIES:]]
    if not rest:
        return dict(ranked)
    counts: Counter[str] = Counter()
    for depth in rest:
        counts.update(depth.counts)
    oldest = max((depth.oldest_age_seconds for depth in rest if depth.oldest_age_seconds is not None), default=None)
    return {**dict(ranked[:MOST_SERIES]), OTHER: Depth(dict(counts), oldest)}


def largest_totals(totals: Sequence[Total]) -> list[Total]:
    """Those with the most attempts by name, and the rest together."""
    ranked = sorted(totals, key=lambda total: (-sum(total.run_counts) - total.cancelled, total.queue, total.job_type))
    rest = ranked[MOST_SERIES:]
    return [*ranked[:MOST_SERIES], _together(rest)] if rest else ranked


def _together(totals: Sequence[Total]) -> Total:
    sums = [sum(each) for each in zip(*(msgspec.structs.astuple(total)[2:8] for total in totals), strict=True)]
    columns = ([total.wait_counts for total in totals], [total.run_counts for total in totals])
    return Total(OTHER, OTHER, *sums, *([sum(each) for each in zip(*lists, strict=True)] for lists in columns))


class ScheduleFigures(msgspec.Struct, frozen=True):
    """How many schedules there are, by state. late_seconds: how long the most overdue one has been due."""

    counts: dict[str, int]
    late_seconds: float
