"""All peers in turn, several times over: a mood of the machine meets everyone, and a median leaves it out."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.comparison import environments, processes
from tests.bench.comparison.counts import Counts
from tests.bench.comparison.environments import Environment
from tests.bench.comparison.figures import Round
from tests.bench.comparison.peer import Peer, PeerFailed
from tests.bench.comparison.servers import Servers
from tests.bench.comparison.visit import Visit, variables_of


@dataclass
class Entry:
    """A peer and what was measured of it. None: that round failed, for the reason of the same number."""

    peer: Peer
    environment: Environment
    rounds: list[Round | None] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def entries(peers: Sequence[Peer]) -> list[Entry]:
    """Everything is installed before anything is measured."""
    return [Entry(peer, environments.of(peer)) for peer in peers]


def measure(taking_part: Sequence[Entry], servers: Servers, counts: Counts, rounds: int) -> Iterator[None]:
    """Each round begins with another peer. Yields after each."""
    for number in range(rounds):
        start = number * len(taking_part) // rounds
        for entry in [*taking_part[start:], *taking_part[:start]]:
            _visit(entry, servers, counts, f"round {number + 1} of {rounds}")
        yield


@contextlib.contextmanager
def visit(entry: Entry, servers: Servers, counts: Counts) -> Iterator[Visit]:
    """On clean servers, with the peer's driver ready."""
    servers.clean()
    with tempfile.TemporaryDirectory(prefix=f"bench-{entry.peer.name}-") as name:
        folder = Path(name)
        variables = variables_of(entry.peer, servers, folder)
        with processes.driver(entry.peer, entry.environment, variables, folder / "driver.log") as driver:
            there = Visit(entry.peer, entry.environment, servers, counts, folder, driver)
            driver.ask("prepare")
            yield there


def say(line: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')}  {line}\n")
    sys.stdout.flush()


def _visit(entry: Entry, servers: Servers, counts: Counts, where: str) -> None:
    """A peer that fails is left out of this round."""
    began = time.monotonic()
    try:
        with visit(entry, servers, counts) as there:
            figures = there.measure()
    except PeerFailed as failure:
        entry.rounds.append(None)
        entry.failures.append(str(failure))
        say(f"{where}  FAILED: {failure}")
    else:
        entry.rounds.append(figures)
        say(f"{where}  {entry.peer.name:16} {_line(figures)}  ({time.monotonic() - began:.0f} s)")


def _line(figures: Round) -> str:
    return (
        f"submit {figures.submit_per_s:6,.0f}/s  drain {figures.drain_per_s:7,.0f}/s  CPU {figures.cpu_ms:6.3f} ms"
        f"  start after {figures.idle_p50_ms:5.1f} ms"
    )
