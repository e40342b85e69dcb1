"""How long a Lambda waits for our imports at a cold start.

    python -m tests.bench.cold_start

Both packages as a deploy makes them, unpacked, in interpreters that keep nothing they compile: the median of several, against
``BUDGET_MS``; and what the longest imports are, from ``-X importtime``. Exits with 1 above the budget. What counts is the time on
the processor, since neighbours add to the other. Lambda gives a function a share of a core by its memory (1,769 MB: one core), so
that there it takes longer than here by as much. On a computer that is busy with other things even that time grows by a fifth, so
the load is told beside it.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests import packages

BUDGET_MS = 400
RUNS = 11
SHOWN = 12
TIMED = "import time; began = time.process_time(); import app; print((time.process_time() - began) * 1000)"
# "import time:  self us | cumulative us |   name", indented by depth
LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)")


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        brought = packages.runtime(home / "runtime")
        medians = [_measure(name, _unpacked(name, home), brought) for name in packages.PROJECTS]
    _say(f"load of this computer: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return int(max(medians) > BUDGET_MS)


def _unpacked(name: str, home: Path) -> Path:
    return packages.unpack(packages.build(name, home / f"{name}-package"), home / name)


def _measure(name: str, code: Path, brought: Path) -> float:
    """Median milliseconds."""
    runs = [float(_output(packages.start(code, brought, TIMED)).stdout) for _ in range(RUNS)]
    median = statistics.median(runs)
    _say(
        f"{name}: {median:.0f} ms of a core, from {min(runs):.0f} to {max(runs):.0f} in {RUNS} runs (budget {BUDGET_MS} ms)"
    )
    shares = sorted(_shares(code, brought).items(), key=lambda share: -share[1])
    for package, milliseconds in shares[:SHOWN]:
        _say(f"  {milliseconds:6.1f} ms  {package}")
    return median


def _shares(code: Path, brought: Path) -> dict[str, float]:
    """Milliseconds of the modules of each package themselves, without what they import from others."""
    shares: dict[str, float] = defaultdict(float)
    for module, microseconds in _imports(
        _output(packages.start(code, brought, "import app", "-X", "importtime")).stderr
    ):
        package = module.partition(".")[0]
        shares["the standard library" if package in sys.stdlib_module_names else package] += microseconds / 1000
    return shares


def _imports(report: str) -> Iterator[tuple[str, int]]:
    for microseconds, module in LINE.findall(report):
        yield module, int(microseconds)


def _output(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=True, capture_output=True, text=True, env={})


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
