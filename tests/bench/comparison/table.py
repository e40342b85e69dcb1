"""The comparison as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from tests.bench.comparison.figures import Summary
from tests.bench.comparison.history import Growth

Cell = Callable[[Summary], str]


class Measured(Protocol):
    """What the table needs of a row."""

    @property
    def title(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def packages(self) -> list[str]: ...
    @property
    def settings(self) -> str: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def medians(self) -> Summary: ...
    @property
    def ratio_to_base(self) -> Summary: ...
    @property
    def failures(self) -> list[str]: ...


def markdown(rows: Sequence[Measured]) -> str:
    """Figures, what each does not do, and how each was set up."""
    return "\n".join([*_figures(rows), "", *_ratios(rows), "", *_remarks(rows), ""])


def history(growths: Sequence[Growth]) -> str:
    lines = [_line("", "finished rows", "submit /s", "drain /s", "CPU ms/job"), _rule(5)]
    for growth in growths:
        if growth.why_not:
            lines.append(_line(growth.title, growth.why_not, "–", "–", "–"))
        lines += [
            _line(
                growth.title,
                f"{one.rows:,}",
                f"{one.submit_per_s:,.0f}",
                f"{one.drain_per_s:,.0f}",
                f"{one.cpu_ms:.3f}",
            )
            for one in growth.measured
        ]
    return "\n".join([*lines, ""])


def _number(name: str, digits: int = 0) -> Cell:
    def cell(figures: Summary) -> str:
        value = figures.get(name)
        return "–" if value is None else f"{value:,.{digits}f}"

    return cell


def _joined(mark: str, *cells: Cell) -> Cell:
    return lambda figures: mark.join(cell(figures) for cell in cells)


COLUMNS: dict[str, Cell] = {
    "submit /s": _number("submit_per_s"),
    "bulk /s": _number("bulk_per_s"),
    "jobs": _number("drain_jobs"),
    "drain /s": _number("drain_per_s"),
    "CPU ms/job": _number("cpu_ms", 3),
    "worker + Postgres + Redis": _joined(
        " + ", _number("cpu_worker_ms", 3), _number("cpu_postgres_ms", 3), _number("cpu_redis_ms", 3)
    ),
    "idle p50, p99 ms": _joined(", ", _number("idle_p50_ms", 1), _number("idle_p99_ms", 1)),
    "under load p50, p99 ms": _joined(", ", _number("load_p50_ms", 1), _number("load_p99_ms", 1)),
    "at /s": _number("load_per_s"),
    "memory MB": _number("memory_mb"),
    "10 ms jobs /s": _number("sleep_per_s"),
}

RATIOS = {
    "drain": "drain_per_s",
    "submit": "submit_per_s",
    "bulk": "bulk_per_s",
    "CPU a job": "cpu_ms",
    "idle p50": "idle_p50_ms",
    "idle p99": "idle_p99_ms",
    "memory": "memory_mb",
    "10 ms jobs": "sleep_per_s",
}


def _figures(rows: Sequence[Measured]) -> list[str]:
    lines = [_line("", "outcome", *COLUMNS), _rule(len(COLUMNS) + 2)]
    return lines + [_line(row.title, row.outcome, *(cell(row.medians) for cell in COLUMNS.values())) for row in rows]


def _ratios(rows: Sequence[Measured]) -> list[str]:
    """Times the first row's figure."""
    lines = [_line(f"times {rows[0].title}", *RATIOS), _rule(len(RATIOS) + 1)]
    cells = [_number(name, 2) for name in RATIOS.values()]
    return lines + [_line(row.title, *(cell(row.ratio_to_base) for cell in cells)) for row in rows]


def _remarks(rows: Sequence[Measured]) -> list[str]:
    return [
        f"- {row.title} ({row.packages[0]}): {'; '.join([row.settings, *row.notes, *_failed(row)])}." for row in rows
    ]


def _failed(row: Measured) -> list[str]:
    return [f"rounds that failed: {len(row.failures)}"] if row.failures else []


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return _line(*["---"] * columns)
