"""What the API tells of how it goes: logs, queues, workers and statistics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from chalicelib.figures import KeyCounts, MinuteStats, Overview, QueueStats, Stats
from chalicelib.joblog import LogLine
from chalicelib.jobs import status_label
from chalicelib.queue_settings import QueueSettings, Rate
from chalicelib.store.dependencies import SHOWN, Relative
from chalicelib.views import LogLineView, Status, Time, maybe, rfc3339
from chalicelib.workers import WorkerReport


class LogsView(msgspec.Struct, frozen=True):
    """Lines in order. cursor: asks for those that come after them."""

    lines: list[LogLineView]
    cursor: str


class RelativeView(msgspec.Struct, frozen=True):
    """A job beside another one. job_type and status: null where it was pruned."""

    id: UUID
    job_type: str | None
    status: Status | None


class DependenciesView(msgspec.Struct, frozen=True):
    """depends_on: what the job waits for, or waited for; dependents: the first hundred that wait for it, or did; more: there are
    others."""

    depends_on: list[RelativeView]
    dependents: list[RelativeView]
    more: bool


class QueueView(msgspec.Struct, frozen=True, kw_only=True):
    """A queue: what is set of it, and what waits in it. oldest_age_seconds: of what is due; keys: of its jobs, null without
    Redis; paused_at, paused_by: null where it is not paused."""

    name: str
    paused: bool
    paused_at: Time | None
    paused_by: str | None
    max_running: int | None
    rate_limit: Rate | None
    max_running_per_key: int | None
    rate_limit_per_key: Rate | None
    weight: float
    default_priority: int | None
    default_max_attempts: int | None
    default_timeout_seconds: float | None
    depth: dict[str, int]
    oldest_age_seconds: float | None
    in_per_minute: float
    out_per_minute: float
    keys: KeyCounts | None


class WorkerView(msgspec.Struct, frozen=True, kw_only=True):
    """A worker process. seen_at: its last sign of life; running: at most a hundred jobs; queues: it takes from, none: all."""

    id: str
    form: str
    host: str
    pid: int
    version: str
    concurrency: int
    started_at: Time
    seen_at: Time
    running: list[UUID]
    running_count: int
    queues: list[str]


class MinuteView(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts that ended in the ``step_minutes`` from ``minute`` on, and percentiles of how long they waited and ran, in
    seconds."""

    minute: Time
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


class StatsView(msgspec.Struct, frozen=True, kw_only=True):
    """counts: jobs by status at ``at``; COMPLETED: ever, also those that retention has let go; FAILED and CANCELLED: those that
    are kept. series: oldest first, in buckets of ``step_minutes``, without those in which nothing ended; the last one may not be
    over."""

    at: Time
    counts: dict[str, int]
    step_minutes: int
    series: list[MinuteView]


class QueueNow(msgspec.Struct, frozen=True, kw_only=True):
    """What waits in a queue. oldest_age_seconds: of what is due."""

    name: str
    paused: bool
    depth: dict[str, int]
    oldest_age_seconds: float | None
    in_per_minute: float
    out_per_minute: float


class OverviewView(msgspec.Struct, frozen=True, kw_only=True):
    """What watchers of the whole are told every second. counts: as those of StatsView; queues: the busiest, at most fifty."""

    at: Time
    counts: dict[str, int]
    in_per_minute: float
    out_per_minute: float
    oldest_age_seconds: float | None
    workers: int
    connections: int
    queues: list[QueueNow]


def overview_view(overview: Overview) -> OverviewView:
    return OverviewView(**_with_times(overview) | {"queues": [_queue_now(*each) for each in overview.queues]})


def _queue_now(stats: QueueStats, paused: bool) -> QueueNow:  # noqa: FBT001 (a pair)
    return QueueNow(
        name=stats.name,
        paused=paused,
        depth=stats.depth,
        oldest_age_seconds=stats.oldest_age_seconds,
        in_per_minute=stats.in_per_minute,
        out_per_minute=stats.out_per_minute,
    )


def logs_view(lines: Sequence[LogLine], cursor: str) -> LogsView:
    """cursor: where the reading began."""
    shown = [
        LogLineView(line.attempt, line.line, rfc3339(line.at), line.level, line.logger, line.message) for line in lines
    ]
    return LogsView(shown, f"{lines[-1].attempt}-{lines[-1].line}" if lines else cursor)


def dependencies_view(depends_on: Sequence[Relative], dependents: Sequence[Relative]) -> DependenciesView:
    """dependents: one more than is shown, where there are others."""
    return DependenciesView(
        [_relative_view(each) for each in depends_on],
        [_relative_view(each) for each in dependents[:SHOWN]],
        more=len(dependents) > SHOWN,
    )


def _relative_view(relative: Relative) -> RelativeView:
    if relative.standing is None:
        return RelativeView(relative.id, None, None)
    job_type, status, attempt, waits = relative.standing
    return RelativeView(relative.id, job_type, status_label(status, attempt, waits=waits))


def queue_view(settings: QueueSettings, stats: QueueStats) -> QueueView:
    return QueueView(
        name=settings.name,
        paused=settings.paused,
        paused_at=maybe(settings.paused_at),
        paused_by=settings.paused_by,
        max_running=settings.max_running,
        rate_limit=settings.rate_limit,
        max_running_per_key=settings.max_running_per_key,
        rate_limit_per_key=settings.rate_limit_per_key,
        weight=settings.weight,
        default_priority=settings.default_priority,
        default_max_attempts=settings.default_max_attempts,
        default_timeout_seconds=settings.default_timeout_seconds,
        depth=stats.depth,
        oldest_age_seconds=stats.oldest_age_seconds,
        in_per_minute=stats.in_per_minute,
        out_per_minute=stats.out_per_minute,
        keys=stats.keys,
    )


def worker_view(report: WorkerReport) -> WorkerView:
    return WorkerView(**_with_times(report))


def stats_view(stats: Stats) -> StatsView:
    return StatsView(
        at=rfc3339(stats.at),
        counts=stats.counts,
        step_minutes=stats.step_minutes,
        series=[_minute_view(each) for each in stats.series],
    )


def _minute_view(minute: MinuteStats) -> MinuteView:
    return MinuteView(**_with_times(minute))


def _with_times(values: msgspec.Struct) -> dict[str, Any]:
    return {
        name: rfc3339(value) if isinstance(value, datetime) else value
        for name, value in msgspec.structs.asdict(values).items()
    }
