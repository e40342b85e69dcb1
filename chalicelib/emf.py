"""How it goes as CloudWatch metrics: log lines in its embedded metric format.

A line has one value a dimension, so that each queue has a line of its own, beside one for all. The alarms and the
scaling in infra/cloud know these by name.
Source: "Specification: Embedded metric format", Amazon CloudWatch User Guide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec

from chalicelib.figures import Depth

NAMESPACE = "JobScheduler"
MOST_QUEUES = 50  # those with most jobs: each name is a metric to pay for


class Ran(msgspec.Struct, frozen=True):
    """What one run of a worker did."""

    attempts: int
    completed: int
    failed: int


def standing(
    at: datetime, stage: str, depths: Mapping[str, Depth], failed_last_minute: int
) -> Iterator[dict[str, object]]:
    """What waits, and what went wrong. Each is the ``extra`` of one log record."""
    totals = {"Depth": sum(map(_depth, depths.values())), "OldestAge": max(map(_age, depths.values()), default=0.0)}
    yield _line(at, {"Stage": stage}, {**totals, "FailedLastMinute": failed_last_minute})
    deepest = sorted(depths, key=lambda queue: -_depth(depths[queue]))[:MOST_QUEUES]
    for queue in deepest:
        values = {"Depth": _depth(depths[queue]), "OldestAge": _age(depths[queue])}
        yield _line(at, {"Stage": stage, "Queue": queue}, values)


def running(at: datetime, stage: str, ran: Ran) -> dict[str, object]:
    """What a function did. Workers in containers say nothing here."""
    counts = {"Attempts": ran.attempts, "Completed": ran.completed, "Failed": ran.failed}
    return _line(at, {"Stage": stage}, counts)


def _line(at: datetime, dimensions: Mapping[str, str], values: Mapping[str, float]) -> dict[str, object]:
    metrics = [{"Name": name, "Unit": "Seconds" if name == "OldestAge" else "Count"} for name in values]
    directive = {"Namespace": NAMESPACE, "Dimensions": [[*dimensions]], "Metrics": metrics}
    described = {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [directive]}
    return {"_aws": described, **dimensions, **values}


def _depth(depth: Depth) -> int:
    return sum(depth.counts.values())


def _age(depth: Depth) -> float:
    return depth.oldest_age_seconds or 0.0
