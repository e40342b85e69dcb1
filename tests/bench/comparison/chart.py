"""``chart.py comparison.json FOLDER``: the chart, once for light pages and once for dark ones.

Runs in an environment of its own, with nothing of this project: matplotlib and the report are all that it knows.
"""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

Row = dict[str, Any]

WIDTH = 11.5  # inches
ROW_HEIGHT = 0.36
BAR = 0.62  # of a row's height
BREAK = (0.955, 0.97)  # where a bar that is cut has its gap, of the longest

# Okabe and Ito's colours, which stay apart for the colour-blind: https://jfly.uni-koeln.de/color/
OUTCOMES = {
    "status and result, durable in Postgres": "#009e73",
    "status only, durable in Postgres": "#56b4e9",
    "result in Redis: lost with it, or after a while": "#e69f00",
    "nothing: the row is deleted": "#999999",
}
SPENT = {"cpu_worker_ms": "worker", "cpu_postgres_ms": "Postgres", "cpu_redis_ms": "Redis"}


@dataclass(frozen=True)
class Page:
    """The colours of what the chart is shown on; its own background stays transparent."""

    name: str
    text: str
    quiet: str
    grid: str
    highlight: str
    spent: tuple[str, str, str]


PAGES = (
    Page("light", "#1f2328", "#59636e", "#d1d9e0", "#00000010", ("#4c6ef5", "#8ba1f9", "#d0d9fd")),
    Page("dark", "#f0f6fc", "#9198a1", "#3d444d", "#ffffff14", ("#91a7ff", "#5c7cfa", "#364fc7")),
)


def main(report: Path, folder: Path) -> None:
    content = json.loads(report.read_text())
    rows = _ranked([row for row in content["rows"] if row["medians"]])
    for page in PAGES:
        _draw(rows, content["head"], page).savefig(folder / f"comparison-{page.name}.svg", metadata={"Date": None})


def _ranked(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row["medians"]["drain_per_s"])


def _draw(rows: list[Row], head: Row, page: Page) -> Figure:
    mpl.rcParams.update(_style(page))
    height = ROW_HEIGHT * len(rows) + 2.1
    figure = Figure(figsize=(WIDTH, height), layout="none")
    bottom, top = 1.0 / height, 1 - 1.0 / height
    speed = figure.add_axes((0.205, bottom, 0.43, top - bottom))
    cost = figure.add_axes((0.70, bottom, 0.285, top - bottom))
    _speeds(speed, rows, page)
    _costs(cost, rows, page)
    _words(figure, rows, head, page, height)
    return figure


def _style(page: Page) -> dict[str, Any]:
    """Text stays text, in the reader's own font; ids do not change from run to run."""
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": "comparison",
        "font.family": ["Segoe UI", "Helvetica", "Arial", "DejaVu Sans", "sans-serif"],
        "font.size": 10,
        "text.color": page.text,
        "axes.labelcolor": page.quiet,
        "xtick.color": page.quiet,
        "ytick.color": page.text,
        "savefig.transparent": True,
    }


def _speeds(axes: Axes, rows: list[Row], page: Page) -> None:
    """Bars with the span of all rounds; a bar's colour says what is left of a job."""
    values = [row["medians"]["drain_per_s"] for row in rows]
    colours = [OUTCOMES[row["outcome"]] for row in rows]
    axes.barh(range(len(rows)), values, height=BAR, color=colours)
    for place, (row, value) in enumerate(zip(rows, values, strict=True)):
        least, most = row["spread"]["drain_per_s"]
        axes.plot([least, most], [place, place], color=page.text, linewidth=1.1)
        _label(axes, most, place, f"{value:,.0f}", row, page)
    axes.set_yticks(range(len(rows)), [row["title"] for row in rows])
    _frame(
        axes,
        "jobs a second: more is better",
        most=max(row["spread"]["drain_per_s"][1] for row in rows),
        rows=len(rows),
        page=page,
    )
    _stress(axes, rows)


def _costs(axes: Axes, rows: list[Row], page: Page) -> None:
    """Stacked: worker, Postgres, Redis. Broken where a few dear ones would make the others unreadable."""
    most = _ceiling([row["medians"]["cpu_ms"] for row in rows])
    for place, row in enumerate(rows):
        _stacked(axes, place, [row["medians"][name] for name in SPENT], most, page)
        value = row["medians"]["cpu_ms"]
        _label(axes, min(value, most), place, f"{value:.3f}", row, page)
    axes.set_yticks([])
    _frame(axes, "ms of CPU a job: less is better", most=most, rows=len(rows), page=page)


def _stacked(axes: Axes, place: int, values: list[float], most: float, page: Page) -> None:
    """A bar that goes beyond ``most`` has a gap before its end."""
    gap, end = (BREAK[0] * most, BREAK[1] * most), min(sum(values), most)
    windows = [(0.0, gap[0]), (gap[1], most)] if sum(values) > most else [(0.0, end)]
    left = 0.0
    for value, colour in zip(values, page.spent, strict=True):
        for first, last in windows:
            start, stop = max(left, first), min(left + value, last)
            if stop > start:
                axes.barh(place, stop - start, left=start, height=BAR, color=colour)
        left += value


def _ceiling(values: list[float]) -> float:
    """Room for all that cost at most twelve times what the cheapest does."""
    near = [value for value in values if value <= 12 * min(values)]
    return max(near) if len(near) > 1 else max(values)


def _label(axes: Axes, at: float, place: int, text: str, row: Row, page: Page) -> None:
    weight = "bold" if row["name"] == "ours" else "normal"
    axes.annotate(
        text, (at, place), xytext=(6, 0), textcoords="offset points", va="center", color=page.text, weight=weight
    )


def _frame(axes: Axes, name: str, *, most: float, rows: int, page: Page) -> None:
    axes.set_xlim(0, most * 1.2)
    axes.set_ylim(-0.6, rows - 0.4)
    axes.set_title(name, loc="left", fontsize=10, color=page.quiet)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="x", color=page.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _stress(axes: Axes, rows: list[Row]) -> None:
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_weight("bold" if row["name"] == "ours" else "normal")


def _words(figure: Figure, rows: list[Row], head: Row, page: Page, height: float) -> None:
    figure.text(
        0.012, 1 - 0.32 / height, "No-op jobs, from a full queue to the last outcome kept", size=14, weight="bold"
    )
    figure.text(0.012, 1 - 0.58 / height, _subtitle(rows, head), size=9.5, color=page.quiet)
    outcomes = [text for text in OUTCOMES if any(row["outcome"] == text for row in rows)]
    marks: list[Any] = [Patch(color=OUTCOMES[text], label=text) for text in outcomes]
    if len(rows[0]["rounds"]) > 1:
        marks.append(Line2D([], [], color=page.text, linewidth=1.1, label="slowest to fastest round"))
    _legend(figure, marks, (0.005, 0.005), "What is left of a finished job", page, columns=3)
    spent = [Patch(color=colour, label=name) for name, colour in zip(SPENT.values(), page.spent, strict=True)]
    _legend(figure, spent, (0.693, 0.005), "Spent in", page, columns=3)


def _legend(figure: Figure, marks: list[Any], at: tuple[float, float], title: str, page: Page, *, columns: int) -> None:
    legend = figure.legend(
        handles=marks,
        loc="lower left",
        bbox_to_anchor=at,
        ncols=columns,
        frameon=False,
        title=title,
        alignment="left",
        fontsize=9,
        title_fontsize=9,
        handlelength=1.1,
        columnspacing=1.4,
    )
    legend.get_title().set_color(page.quiet)


def _subtitle(rows: list[Row], head: Row) -> str:
    machine, versions = head["machine"], head["versions"]
    count = len(rows[0]["rounds"])
    rounds = f"median of {count} rounds in turns" if count > 1 else "one round"
    servers = f"one Postgres {versions['postgres']} and one Valkey {versions['valkey']}"
    where = f"{machine['processor']}, {machine['cores']} cores, {head['date'][:10]}"
    return f"{rounds}, on {servers}; {where}" + ("; a quick try, no result" if head["quick"] else "")


if __name__ == "__main__":
    logging.getLogger("matplotlib.font_manager").setLevel(
        logging.ERROR
    )  # the fonts have to be there for the reader, not here
    main(Path(sys.argv[1]), Path(sys.argv[2]))
