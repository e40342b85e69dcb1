"""``python -m tests.bench.csv_speed 100``: speed and memory of csv_summary on a file of so many MB, served over HTTP on loopback.

Up to 500 MB the figures are compared with pandas', after memory was measured.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chalicelib.handlers.csv_summary import CsvSummary, Summary, csv_summary
from tests.fake_context import FakeContext

ROWS_AT_ONCE = 10_000
PANDAS_MB = 500  # it holds the file several times over


def main(megabytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        write(path, megabytes * 1_000_000)
        with served(Path(folder)) as address:
            report(path, f"{address}/file.csv", compare=megabytes <= PANDAS_MB)


def write(path: Path, size: int) -> None:
    """Identifiers, prices, measurements, words, quoted phrases, dates, booleans and gaps."""
    rng = random.Random(1)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyzäöü", k=rng.randint(3, 12))) for _ in range(5000)]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("id,price,score,word,phrase,day,flag,age,email,delta\r\n")
        first = 0
        while file.tell() < size:
            file.writelines(row(number, rng, words) for number in range(first, first + ROWS_AT_ONCE))
            first += ROWS_AT_ONCE


def row(number: int, rng: random.Random, words: list[str]) -> str:
    day = f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    phrase = f'"{rng.choice(words)}, {rng.choice(words)}"'
    gap = "" if rng.random() < 0.1 else rng.randint(-(10**6), 10**6)
    return (
        f"{number},{rng.random() * 1000:.2f},{rng.gauss(0, 1)!r},{rng.choice(words)},{phrase},{day},"
        f"{rng.choice(['true', 'false', ''])},{rng.randint(0, 100)},user{rng.randint(0, 2_000_000)}@example.com,{gap}\r\n"
    )


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """By a process of its own, so that its work is not counted."""
    program = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(folder), "0"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        port = server.stdout.readline().split(" port ")[1].split()[0]
        yield f"http://127.0.0.1:{port}"
        server.terminate()


def report(path: Path, url: str, *, compare: bool) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    summary = csv_summary(CsvSummary(url=url), FakeContext())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    megabytes, peak = summary.bytes / 1e6, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say(
        f"{megabytes:,.0f} MB, {summary.rows:,} rows: {megabytes / wall:.1f} MB/s, {megabytes / cpu:.1f} MB per CPU second"
    )
    say(f"peak memory {peak:.0f} MiB")
    if compare:
        check(summary, path)


def check(summary: Summary, path: Path) -> None:
    from tests.pandas_oracle import assert_as_pandas  # not before memory was measured

    assert_as_pandas(summary, path.read_bytes())
    say("all figures equal pandas'")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
