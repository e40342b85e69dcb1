"""What a comparison leaves behind: all figures as JSON, the table as Markdown, the chart as SVG for light and dark pages."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psutil

from tests.bench.comparison import environments, table
from tests.bench.comparison.environments import BENCH
from tests.bench.comparison.figures import Summary, medians, ratios, spread
from tests.bench.comparison.history import Growth
from tests.bench.comparison.peer import Language, Peer
from tests.bench.comparison.rounds import Entry, say
from tests.bench.comparison.servers import Servers

RULES = (
    "All peers use one Postgres with default durability and one Valkey without persistence, each from an empty database.",
    "Jobs are numbered no-ops with a small JSON payload; each leaves a stamp of 16 bytes, about 1 us, and returns its number.",
    "Drain: the queue is full and VACUUM ANALYZE done before workers start; from the first tenth done to the last outcome kept.",
    "CPU a job: user and system time of all processes over the same jobs, those that ended meanwhile included.",
    "Submit: one after the other from one process, committed. Bulk: 1,000 a call, where there is such an API.",
    "Latency: from the call of submit to the handler's first line; when idle, 15-25 ms lie between two jobs.",
    "Under half load: half of the peer's drain rate, or half of what its submitter reaches one by one where that is less.",
    "Memory: PSS of all worker processes at the end of the drain. 10 ms jobs: asleep for 10 ms, 100 at once.",
    "Figures are medians over the rounds; ratios are medians of each round's ratio.",
)


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """When, where and with what."""

    date: str
    quick: bool
    machine: dict[str, str]
    versions: dict[str, str]
    rules: tuple[str, ...] = RULES


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One peer. ratio_to_base: over the first row's figures."""

    name: str
    title: str
    packages: list[str]
    settings: str
    outcome: str
    bulk_api: str | None
    notes: tuple[str, ...]
    medians: Summary
    ratio_to_base: Summary
    spread: dict[str, tuple[float, float]]
    rounds: list[dict[str, float | None] | None]
    failures: list[str]


def head(servers: Servers, *, quick: bool) -> Head:
    return Head(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        quick=quick,
        machine=_machine(),
        versions=_versions(servers),
    )


def write(about: Head, entries: Sequence[Entry], folder: Path) -> None:
    """After every round, so that a run which is cut short is not lost."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = _rows(entries)
    _save(folder / "comparison.json", {"head": about, "rows": rows})
    (folder / "comparison.md").write_text(table.markdown(rows))


def show(folder: Path) -> None:
    """Print the table and draw the chart."""
    sys.stdout.write(f"\n{(folder / 'comparison.md').read_text()}\n")
    _draw(folder)
    say(f"comparison.json, .md and two .svg are in {folder}")


def write_history(about: Head, growths: Sequence[Growth], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _save(folder / "history.json", {"head": about, "rows": growths})
    text = table.history(growths)
    (folder / "history.md").write_text(text)
    sys.stdout.write(f"\n{text}\n")


def _rows(entries: Sequence[Entry]) -> list[Row]:
    return [_row(entry, entries[0]) for entry in entries]


def _row(entry: Entry, base: Entry) -> Row:
    peer = entry.peer
    good = [one for one in entry.rounds if one]
    return Row(
        name=peer.name,
        title=peer.title,
        packages=_packages(peer),
        settings=peer.settings,
        outcome=peer.outcome.value,
        bulk_api=peer.bulk_api,
        notes=peer.notes,
        medians=medians(good),
        ratio_to_base=ratios(entry.rounds, base.rounds),
        spread=spread(good) if good else {},
        rounds=[one.values() if one else None for one in entry.rounds],
        failures=entry.failures,
    )


def _packages(peer: Peer) -> list[str]:
    """The pins: the peer itself first."""
    folder = BENCH / "peers" / peer.folder
    match peer.language:
        case Language.PYTHON:
            return environments.pins(folder / "requirements.txt")
        case Language.NODE:
            wanted: dict[str, str] = json.loads((folder / "package.json").read_text())["dependencies"]
            return [f"{name}@{version}" for name, version in wanted.items()]
        case Language.THIS:
            return [_commit()]


def _commit() -> str:
    found = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=BENCH, text=True, capture_output=True)
    return found.stdout.strip() or "unknown"


def _machine() -> dict[str, str]:
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _versions(servers: Servers) -> dict[str, str]:
    node = subprocess.run([environments.node() / "node", "--version"], text=True, capture_output=True, check=True)
    return {**servers.versions(), "python": platform.python_version(), "node": node.stdout.strip().removeprefix("v")}


def _save(file: Path, content: Any) -> None:
    file.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")


def _draw(folder: Path) -> None:
    """In an environment of its own: nothing else here needs a library for drawing."""
    python = environments.installed("chart", environments.pins(BENCH / "requirements.txt")) / "python"
    subprocess.run([python, BENCH / "comparison" / "chart.py", folder / "comparison.json", folder], check=True)
