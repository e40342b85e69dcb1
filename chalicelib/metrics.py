"""The statistics as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from chalicelib.figures import UNFINISHED, Depth, KeyCounts, RetentionFigures, ScheduleFigures, Total
from chalicelib.histograms import cumulative
from chalicelib.queue_settings import QueueSettings, Rate

if TYPE_CHECKING:
    from prometheus_client.core import HistogramMetricFamily, Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """All that is told. None: Redis did not say. depths: of empty queues too. workers: how many, by form. settings: of queues
    that somebody set."""

    depths: Mapping[str, Depth]
    totals: Sequence[Total]
    workers: Mapping[str, int] | None
    connections: int | None
    retention: RetentionFigures | None = None
    schedules: ScheduleFigures = ScheduleFigures({}, 0.0)
    settings: Sequence[QueueSettings] = ()
    keys: Mapping[str, KeyCounts] = {}


def text(figures: Figures) -> str:
    from prometheus_client import CollectorRegistry, generate_latest  # here: 10 ms that no other cold start should pay

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(_families(figures)))
    return generate_latest(registry).decode()


class _Once:
    """What a registry collects from."""

    def __init__(self, families: Iterator[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return self._families

    def describe(self) -> list[Metric]:
        return []


def _families(figures: Figures) -> Iterator[Metric]:
    yield from _now(figures)
    yield from _set(figures.settings)
    yield from _ever(figures.totals)
    if figures.retention is not None:
        yield from _kept(figures.retention)


def _now(figures: Figures) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    jobs = GaugeMetricFamily("jobscheduler_jobs", "Unfinished jobs.", labels=["queue", "status"])
    ages = GaugeMetricFamily(
        "jobscheduler_queue_oldest_age_seconds", "How long the oldest due job has waited.", labels=["queue"]
    )
    for queue, depth in figures.depths.items():
        for status in UNFINISHED:  # who watches a number wants a zero, not that it is gone
            jobs.add_metric([queue, status], depth.counts.get(status, 0))
        ages.add_metric([queue], depth.oldest_age_seconds or 0.0)
    yield from (jobs, ages)
    waiting = GaugeMetricFamily("jobscheduler_queue_keys", "Concurrency keys with jobs.", labels=["queue", "state"])
    for queue, keys in figures.keys.items():
        waiting.add_metric([queue, "waiting"], keys.waiting)
        waiting.add_metric([queue, "held_back"], keys.held_back)
    yield waiting
    yield from _scheduled(figures.schedules)
    if figures.workers is not None:
        workers = GaugeMetricFamily("jobscheduler_workers", "Worker processes that show life.", labels=["form"])
        for form, count in figures.workers.items():
            workers.add_metric([form], count)
        yield workers
    if figures.connections is not None:
        yield GaugeMetricFamily(
            "jobscheduler_websocket_connections", "WebSocket connections.", value=figures.connections
        )


def _scheduled(figures: ScheduleFigures) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    schedules = GaugeMetricFamily("jobscheduler_schedules", "Schedules: active, paused or ended.", labels=["state"])
    for state, count in figures.counts.items():
        schedules.add_metric([state], count)
    yield schedules
    yield GaugeMetricFamily(
        "jobscheduler_schedule_lateness_seconds",
        "How long the most overdue schedule has been due.",
        value=figures.late_seconds,
    )


def _set(settings: Sequence[QueueSettings]) -> Iterator[Metric]:
    """A queue without a limit has no sample of it: no number means that there is none."""
    from prometheus_client.core import GaugeMetricFamily

    for name, meaning, value_of in _SETTINGS:
        family = GaugeMetricFamily(f"jobscheduler_queue_{name}", meaning, labels=["queue"])
        for queue in settings:
            value = value_of(queue)
            if value is not None:
                family.add_metric([queue.name], value)
        yield family


def _a_second(rate: Rate | None) -> float | None:
    return None if rate is None else rate.jobs / rate.per_seconds


_SETTINGS: Sequence[tuple[str, str, Callable[[QueueSettings], float | None]]] = (
    ("paused", "1: none of its jobs is started.", lambda queue: float(queue.paused)),
    ("max_running", "Most of its jobs at once.", lambda queue: queue.max_running),
    ("rate_limit_per_second", "Most starts a second, on average.", lambda queue: _a_second(queue.rate_limit)),
    ("max_running_per_key", "Most jobs of one key at once.", lambda queue: queue.max_running_per_key),
    (
        "key_rate_limit_per_second",
        "Most starts of one key's jobs a second, on average.",
        lambda queue: _a_second(queue.rate_limit_per_key),
    ),
    ("weight", "Its share of the workers' turns.", lambda queue: queue.weight),
)


def _ever(totals: Sequence[Total]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

    kind = ["queue", "job_type"]
    finished = CounterMetricFamily("jobscheduler_jobs_finished", "Finished jobs.", labels=[*kind, "outcome"])
    retried = CounterMetricFamily("jobscheduler_attempts_retried", "Failed attempts that another follows.", labels=kind)
    runs = HistogramMetricFamily("jobscheduler_job_run_seconds", "How long attempts ran.", labels=kind)
    waits = HistogramMetricFamily("jobscheduler_job_wait_seconds", "How long due jobs waited.", labels=kind)
    for total in totals:
        labels = [total.queue, total.job_type]
        for outcome in ("completed", "failed", "cancelled"):
            finished.add_metric([*labels, outcome], getattr(total, outcome))
        retried.add_metric(labels, total.retried)
        _add_histogram(runs, labels, total.run_counts, total.run_seconds)
        _add_histogram(waits, labels, total.wait_counts, total.wait_seconds)
    yield from (finished, retried, runs, waits)


def _kept(retention: RetentionFigures) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    pruned = CounterMetricFamily("jobscheduler_jobs_pruned", "Jobs whose retention was over.", labels=["status"])
    for status, count in retention.pruned.items():
        pruned.add_metric([status], count)
    partitions = GaugeMetricFamily("jobscheduler_partitions", "Partitions, by table.", labels=["table"])
    for table, count in retention.partitions.items():
        partitions.add_metric([table], count)
    behind = "How long the partition has waited that pruning should look through first."
    yield from (
        pruned,
        partitions,
        GaugeMetricFamily("jobscheduler_retention_behind_seconds", behind, value=retention.behind_seconds),
    )


def _add_histogram(family: HistogramMetricFamily, labels: Sequence[str], counts: Sequence[int], seconds: float) -> None:
    buckets = [(f"{bound:g}", float(count)) for bound, count in cumulative(counts)]
    family.add_metric(labels, [*buckets, ("+Inf", float(sum(counts)))], seconds)
