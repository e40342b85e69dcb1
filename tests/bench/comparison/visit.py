"""One round of one peer, from an empty database to its figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.comparison import processes, usage
from tests.bench.comparison.counts import Counts
from tests.bench.comparison.drain import STALLED_SECONDS, Drain, Drained
from tests.bench.comparison.environments import Environment
from tests.bench.comparison.figures import Round, percentile
from tests.bench.comparison.peer import Command, Peer, PeerFailed
from tests.bench.comparison.processes import Driver, Variables, Workers
from tests.bench.comparison.servers import Servers
from tests.bench.comparison.stamps import Stamps

LOOK_SECONDS = 0.02
SETTLE_SECONDS = 1  # after the flood, before idle latency
LOAD_SHARE = 0.5


@dataclass(frozen=True)
class Latency:
    """Milliseconds from submit to start, and how many jobs a second were submitted."""

    p50: float
    p99: float
    per_s: float


class Visit:
    """Everything is asked of one database and in one order, so that no peer is measured on emptier tables than another."""

    def __init__(
        self, peer: Peer, environment: Environment, servers: Servers, counts: Counts, folder: Path, driver: Driver
    ) -> None:
        self.peer = peer
        self.servers = servers
        self.driver = driver
        self._environment = environment
        self._counts = counts
        self._folder = folder
        self._stamps = Stamps(stamps_file(folder))
        self._submitted = 0
        self._ran = 0  # of those submitted
        self.kept_before = 0  # outcomes that are there and were not made here

    def measure(self) -> Round:
        """Raises PeerFailed."""
        submit = self.submit(self._counts.singles)
        bulk = self.submit_bulk("noop", self._counts.bulk(self.peer))
        jobs = self._submitted
        self.servers.analyze()
        with self.workers(self.peer.workers) as workers:
            drained = self.drain(workers)
            memory = usage.memory_mb(workers.pids)
            time.sleep(SETTLE_SECONDS)
            idle = self._latency(self._counts.idle_offsets())
            load = min(drained.jobs_per_s, submit) * LOAD_SHARE
            loaded = self._latency(self._counts.load_offsets(load))
        return Round(
            submit_per_s=submit,
            bulk_per_s=bulk if self.peer.bulk_api else None,
            drain_jobs=jobs,
            drain_per_s=drained.jobs_per_s,
            cpu_worker_ms=drained.cpu_ms_per_job.worker,
            cpu_postgres_ms=drained.cpu_ms_per_job.postgres,
            cpu_redis_ms=drained.cpu_ms_per_job.redis,
            memory_mb=memory,
            idle_p50_ms=idle.p50,
            idle_p99_ms=idle.p99,
            load_per_s=loaded.per_s,
            load_p50_ms=loaded.p50,
            load_p99_ms=loaded.p99,
            sleep_per_s=self._sleeping() if self.peer.sleep_workers else None,
        )

    def submit(self, count: int) -> float:
        """One by one, from one process. Jobs a second."""
        seconds: float = self.driver.ask("submit", kind="noop", first=self._numbers(count), count=count)
        return count / seconds

    def submit_bulk(self, kind: str, count: int) -> float:
        """Jobs a second."""
        seconds: float = self.driver.ask("submit_bulk", kind=kind, first=self._numbers(count), count=count)
        return count / seconds

    def drain(self, workers: Workers, *, to_last_handler: bool = False) -> Drained:
        """All that was submitted and did not run yet. to_last_handler: do not wait for the last outcome."""
        drain = Drain(self.servers, self.driver, self._stamps, workers)
        before, jobs = self._ran, self._submitted - self._ran
        drained = drain.measure(
            ran_before=before, kept_before=self.kept_before + before, jobs=jobs, to_last_handler=to_last_handler
        )
        self._ran = self._submitted
        self._check_each_ran()
        return drained

    def _sleeping(self) -> float:
        self.submit_bulk("sleep", self._counts.sleeping(self.peer))
        self.servers.analyze()
        with self.workers(self.peer.sleep_workers) as workers:
            return self.drain(workers).jobs_per_s

    def _latency(self, offsets: Sequence[float]) -> Latency:
        """Submit at these seconds from now on; only a job that the handler saw counts, and each has to be seen."""
        first = self._numbers(len(offsets))
        sent: list[int] = self.driver.ask("pace", kind="noop", first=first, offsets=offsets)
        self._wait_until_run()
        started = self._stamps.times()
        taken = [(started[number] - at) / 1e6 for number, at in enumerate(sent, first)]
        per_s = len(sent) / ((sent[-1] - sent[0]) / 1e9)
        return Latency(p50=percentile(taken, 50), p99=percentile(taken, 99), per_s=per_s)

    def _wait_until_run(self) -> None:
        """And until what became of them is kept: workers that are stopped sooner may lose that."""
        self._wait(self._stamps.count, self._submitted, "jobs ran")
        self._wait(lambda: self.driver.ask("finished"), self.kept_before + self._submitted, "outcomes are kept")
        self._ran = self._submitted

    def _wait(self, count: Callable[[], int], wanted: int, what: str) -> None:
        deadline = time.monotonic() + STALLED_SECONDS
        while (now := count()) < wanted:
            if time.monotonic() > deadline:
                raise PeerFailed(self.peer.name, f"nothing moves: {now} of {wanted} {what}")
            time.sleep(LOOK_SECONDS)

    def _check_each_ran(self) -> None:
        missing = self._submitted - len(self._stamps.times())
        if missing:
            raise PeerFailed(self.peer.name, f"{missing} jobs never ran, though others ran twice")

    def _numbers(self, count: int) -> int:
        """The first of so many new numbers."""
        first = self._submitted
        self._submitted += count
        return first

    def workers(self, commands: Sequence[Command]) -> AbstractContextManager[Workers]:
        variables = variables_of(self.peer, self.servers, self._folder)
        return processes.workers(self.peer, commands, self._environment, variables, self._folder / "worker.log")


def variables_of(peer: Peer, servers: Servers, folder: Path) -> Variables:
    """The environment of a peer's driver and workers."""
    addresses = {"DATABASE_URL": servers.database_url, "REDIS_URL": servers.redis_url}
    return {**addresses, "BENCH_STAMPS": str(stamps_file(folder)), **peer.environment}


def stamps_file(folder: Path) -> Path:
    return folder / "stamps"
