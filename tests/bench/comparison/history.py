"""What millions of finished jobs cost those that come after: submits and a drain, with few and with many rows of history.

One job goes through the peer itself, and the row that it leaves is copied. The end of a drain is its last handler's here:
counting outcomes would take longer than the drain.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec

from tests.bench.comparison import copies
from tests.bench.comparison.counts import Counts
from tests.bench.comparison.peer import History, PeerFailed
from tests.bench.comparison.rounds import Entry, say, visit
from tests.bench.comparison.servers import Servers
from tests.bench.comparison.visit import Visit

FEW = 10_000
ROWS = 10_000_000
SINGLES = 1000
BULK = 20_000  # at most


class Grown(msgspec.Struct, frozen=True, kw_only=True):
    """One peer with so many finished rows."""

    rows: int
    submit_per_s: float
    drain_per_s: float
    cpu_ms: float


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """measured: with few rows first, then with many. Empty where ``why_not`` says why."""

    name: str
    title: str
    measured: list[Grown] = []
    why_not: str = ""


def measure(taking_part: Sequence[Entry], servers: Servers, counts: Counts, rows: int) -> list[Growth]:
    return [_growth(entry, servers, counts, rows) for entry in taking_part]


def _growth(entry: Entry, servers: Servers, counts: Counts, rows: int) -> Growth:
    peer = entry.peer
    if peer.history is None:
        return Growth(name=peer.name, title=peer.title, why_not="not measured")
    try:
        with visit(entry, servers, counts) as there:
            return Growth(name=peer.name, title=peer.title, measured=_grow(there, peer.history, rows))
    except PeerFailed as failure:
        say(f"FAILED: {failure}")
        return Growth(name=peer.name, title=peer.title, why_not=str(failure))


def _grow(there: Visit, history: History, rows: int) -> list[Grown]:
    _leave_one_row(there)
    return [_grown(there, history, total) for total in (min(FEW, rows), rows)]


def _leave_one_row(there: Visit) -> None:
    there.submit(1)
    with there.workers(there.peer.workers) as workers:
        there.drain(workers)


def _grown(there: Visit, history: History, total: int) -> Grown:
    began = time.monotonic()
    with there.servers.connect() as connection:
        there.kept_before += copies.fill(connection, history, total)
    there.servers.analyze()
    say(f"{there.peer.name}: {total:,} finished rows, made in {time.monotonic() - began:.0f} s")
    submit = there.submit(SINGLES)
    there.submit_bulk("noop", min(BULK, there.peer.drain_jobs))
    there.servers.analyze()
    with there.workers(there.peer.workers) as workers:
        drained = there.drain(workers, to_last_handler=True)
    cpu = drained.cpu_ms_per_job
    grown = Grown(
        rows=total,
        submit_per_s=submit,
        drain_per_s=drained.jobs_per_s,
        cpu_ms=cpu.worker + cpu.postgres + cpu.redis,
    )
    say(f"{there.peer.name}: submit {submit:,.0f}/s, drain {grown.drain_per_s:,.0f}/s, CPU {grown.cpu_ms:.3f} ms")
    return grown
