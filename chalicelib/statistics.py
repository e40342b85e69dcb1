"""How the whole system does: what operators, dashboards and monitoring ask for.

The dear answers are shared for a while (``snapshots``), so that any number may ask.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from chalicelib import metrics
from chalicelib.connections import Connections
from chalicelib.errors import QueueUnavailable
from chalicelib.figures import (
    MOST_SERIES,
    UNFINISHED,
    Depth,
    KeyCounts,
    MinuteStats,
    Overview,
    QueueStats,
    RetentionFigures,
    ScheduleFigures,
    Stats,
    Total,
    busiest,
    largest_depths,
    largest_totals,
)
from chalicelib.queues import Queues
from chalicelib.snapshots import Snapshot, Snapshots
from chalicelib.store.counts import CountStore
from chalicelib.store.partitions import PartitionStore
from chalicelib.store.queues import QueueStore
from chalicelib.store.retention import RetentionStore
from chalicelib.store.schedules import ScheduleStore
from chalicelib.store.stats import MINUTE, StatsStore
from chalicelib.store.walks import WalkStore
from chalicelib.workers import FORMS, SIGN_OF_LIFE, WorkerReport, Workers

logger = logging.getLogger(__name__)

Rates = dict[str, float]
NO_DEPTH = Depth({}, None)


class Statistics:
    """All raise StoreUnavailable."""

    def __init__(
        self,
        *,
        stats: StatsStore,
        counts: CountStore,
        retention: RetentionStore,
        walks: WalkStore,
        partitions: PartitionStore,
        schedules: ScheduleStore,
        snapshots: Snapshots,
        queues: Queues,
        workers: Workers,
        connections: Connections,
        settings: QueueStore,
    ) -> None:
        self._stats = stats
        self._counts = counts
        self._retention = retention
        self._walks = walks
        self._partitions = partitions
        self._schedules = schedules
        self._snapshots = snapshots
        self._queues = queues
        self._workers = workers
        self._connections = connections
        self._settings = settings

    def stats(self, minutes: int = 60, step: int = 1, queue: str | None = None, job_type: str | None = None) -> Stats:
        """Counts are of all jobs, whatever the series is asked for. COMPLETED: ever; FAILED and CANCELLED: those
        that are kept; the others: now. step: minutes of each bucket of the series."""
        depths = self._depths()
        series = self._series(minutes, step, queue, job_type)
        return Stats(at=depths.at, counts=self._all_counts(depths.value), step_minutes=step, series=series)

    def overview(self) -> Overview:
        """How it goes now. Raises QueueUnavailable too."""
        depths, queues = self._depths(), self.queues()
        paused = {each.name for each in self._settings.all() if each.paused}
        return Overview(
            at=depths.at,
            counts=self._all_counts(depths.value),
            in_per_minute=round(sum(queue.in_per_minute for queue in queues), 1),
            out_per_minute=round(sum(queue.out_per_minute for queue in queues), 1),
            oldest_age_seconds=max(
                (age for queue in queues if (age := queue.oldest_age_seconds) is not None), default=None
            ),
            workers=len(self._workers.all(SIGN_OF_LIFE)),
            connections=self._connections.count(),
            queues=[(queue, queue.name in paused) for queue in busiest(queues)],
        )

    def queues(self) -> list[QueueStats]:
        """By name: every queue that has jobs or had some, as far as Redis is there to say so."""
        depths, came, went = self._depths().value, self._in_per_minute(), self._out_per_minute()
        names = {*depths, *came, *went}
        keys: dict[str, KeyCounts] = {}
        with suppress(QueueUnavailable):
            names.update(self._queues.names())
            keys = self._queues.keys(sorted(names))
        return [_queue(name, depths.get(name, NO_DEPTH), came, went, keys.get(name)) for name in sorted(names)]

    def depths(self) -> dict[str, Depth]:
        """By queue: those with unfinished jobs."""
        return self._depths().value

    def failed_last_minute(self) -> int:
        """Jobs that failed for good in the newest minute that is over."""
        over_at = datetime.now(UTC).replace(second=0, microsecond=0)
        return sum(bucket.failed for bucket in self._series(1, 1, None, None) if bucket.minute < over_at)

    def workers(self) -> list[WorkerReport]:
        """Raises QueueUnavailable."""
        return self._workers.all()

    def metrics(self) -> str:
        """For Prometheus. Without Redis, what only Redis knows is left out."""
        forms: dict[str, int] | None = None
        connections: int | None = None
        keys: dict[str, KeyCounts] = {}
        totals, settings = self._totals(), self._settings.all()
        idle = {each.queue: NO_DEPTH for each in totals} | {each.name: NO_DEPTH for each in settings}
        depths = largest_depths(idle | self.depths())
        try:
            keys = self._queues.keys(list(depths))
            connections = self._connections.count()
            forms = _by_form(self._workers.all(SIGN_OF_LIFE))  # and none that was killed lately
        except QueueUnavailable as error:
            logger.warning("metrics without redis", extra={"reason": str(error)})
        return metrics.text(
            metrics.Figures(
                depths=depths,
                keys=keys,
                totals=largest_totals(totals),
                workers=forms,
                connections=connections,
                retention=self._retained(),
                schedules=self._snapshots.cached("schedules", self._schedules.figures, as_type=ScheduleFigures).value,
                settings=settings[:MOST_SERIES],
            )
        )

    def _all_counts(self, depths: Mapping[str, Depth]) -> dict[str, int]:
        """By status, of all queues."""
        counts: Counter[str] = Counter(dict.fromkeys(UNFINISHED, 0))
        for depth in depths.values():
            counts.update(depth.counts)
        counts["COMPLETED"] = sum(total.completed for total in self._totals())
        counts.update({"FAILED": 0, "CANCELLED": 0} | self._ended_badly())
        return dict(counts)

    def _depths(self) -> Snapshot[dict[str, Depth]]:
        return self._snapshots.cached("depths", self._counts.depths, as_type=dict[str, Depth])

    def _ended_badly(self) -> dict[str, int]:
        return self._snapshots.cached("ended_badly", self._counts.ended_badly, as_type=dict[str, int]).value

    def _totals(self) -> list[Total]:
        return self._snapshots.cached("totals", self._stats.totals, as_type=list[Total]).value

    def _retained(self) -> RetentionFigures:
        return self._snapshots.cached("retention", self._read_retained, as_type=RetentionFigures).value

    def _read_retained(self) -> RetentionFigures:
        waits = [due.since.total_seconds() for due in self._walks.due(self._retention.get())]
        return RetentionFigures(
            pruned=self._retention.pruned(),
            behind_seconds=max(waits, default=0.0),
            partitions=self._partitions.counts(),
        )

    def _in_per_minute(self) -> Rates:
        return self._snapshots.cached("in_per_minute", self._counts.in_per_minute, as_type=Rates).value

    def _out_per_minute(self) -> Rates:
        return self._snapshots.cached("out_per_minute", self._stats.out_per_minute, as_type=Rates).value

    def _series(self, minutes: int, step: int, queue: str | None, job_type: str | None) -> list[MinuteStats]:
        return self._snapshots.cached(
            "series:" + json.dumps([minutes, step, queue, job_type]),
            lambda: self._stats.series(minutes * MINUTE, step * MINUTE, queue, job_type),
            as_type=list[MinuteStats],
        ).value


def _queue(name: str, depth: Depth, came: Rates, went: Rates, keys: KeyCounts | None) -> QueueStats:
    return QueueStats(
        name=name,
        depth={label: depth.counts.get(label, 0) for label in UNFINISHED},
        oldest_age_seconds=depth.oldest_age_seconds,
        in_per_minute=round(came.get(name, 0.0), 1),
        out_per_minute=round(went.get(name, 0.0), 1),
        keys=keys,
    )


def _by_form(reports: list[WorkerReport]) -> dict[str, int]:
    forms = Counter(report.form for report in reports)
    return {form: forms[form] for form in FORMS}
