"""What is measured, and what several rounds of it come to."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import msgspec


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One peer's figures of one round. None: it does not do this, and its row says why."""

    submit_per_s: float
    bulk_per_s: float | None
    drain_jobs: int
    drain_per_s: float
    cpu_worker_ms: float  # of CPU time, a job
    cpu_postgres_ms: float
    cpu_redis_ms: float
    memory_mb: float
    idle_p50_ms: float  # submit → start
    idle_p99_ms: float
    load_per_s: float  # jobs that were submitted meanwhile
    load_p50_ms: float
    load_p99_ms: float
    sleep_per_s: float | None

    @property
    def cpu_ms(self) -> float:
        return self.cpu_worker_ms + self.cpu_postgres_ms + self.cpu_redis_ms

    def values(self) -> dict[str, float | None]:
        return {**msgspec.structs.asdict(self), "cpu_ms": self.cpu_ms}


Summary = dict[str, float | None]


def medians(rounds: Sequence[Round]) -> Summary:
    """Of each figure over all rounds."""
    return _over([one.values() for one in rounds])


def ratios(rounds: Sequence[Round | None], base: Sequence[Round | None]) -> Summary:
    """Medians of this peer's figure over the base's of the same round: only within a round did both meet the same machine."""
    pairs = [(one.values(), other.values()) for one, other in zip(rounds, base, strict=True) if one and other]
    return _over([{name: _ratio(one[name], other[name]) for name in one} for one, other in pairs])


def spread(rounds: Sequence[Round]) -> dict[str, tuple[float, float]]:
    """Least and most of each figure."""
    columns = {name: _numbers([one.values() for one in rounds], name) for name in medians(rounds)}
    return {name: (min(column), max(column)) for name, column in columns.items() if column}


def percentile(values: Sequence[float], percent: int) -> float:
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _over(rows: Sequence[Summary]) -> Summary:
    names = rows[0] if rows else {}
    columns = {name: _numbers(rows, name) for name in names}
    return {name: statistics.median(column) if column else None for name, column in columns.items()}


def _numbers(rows: Sequence[Summary], name: str) -> list[float]:
    return [value for row in rows if (value := row[name]) is not None]


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None
