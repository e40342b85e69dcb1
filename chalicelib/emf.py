"""A worker run as CloudWatch metrics: log lines in its embedded metric format.

A line has one value a dimension, so that each queue has a line of its own, beside one for all.
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


def lines(at: datetime, ran: Ran, depths: Mapping[str, Depth]) -> Iterator[dict[str, object]]:
    """Each is the ``extra`` of one log record."""
    counts = {"Attempts": ran.attempts, "Completed": ran.completed, "Failed": ran.failed}
    totals = {"Depth": sum(map(_depth, depths.values())), "OldestAge": max(map(_age, depths.values()), default=0.0)}
    yield _line(at, {}, {**counts, **totals})
    deepest = sorted(depths, key=lambda queue: -_depth(depths[queue]))[:MOST_QUEUES]
    for queue in deepest:
        yield _line(at, {"Queue": queue}, {"Depth": _depth(depths[queue]), "OldestAge": _age(depths[queue])})


def _line(at: datetime, dimensions: Mapping[str, str], values: Mapping[str, float]) -> dict[str, object]:
    metrics = [{"Name": name, "Unit": "Seconds" if name == "OldestAge" else "Count"} for name in values]
    directive = {"Namespace": NAMESPACE, "Dimensions": [[*dimensions]], "Metrics": metrics}
    described = {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [directive]}
    return {"_aws": described, **dimensions, **values}


def _depth(depth: Depth) -> int:
    return sum(depth.counts.values())


def _age(depth: Depth) -> float:
    return depth.oldest_age_seconds or 0.0
