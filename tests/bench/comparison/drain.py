"""How fast workers empty a queue that was filled before they started, and what each job costs.

Measured from the first tenth done to the last outcome kept. So neither starting processes counts nor the moment in which
only the first of them is there, and no peer gains by finishing handlers whose outcomes are still on their way.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.bench.comparison import usage
from tests.bench.comparison.processes import Driver, Workers
from tests.bench.comparison.servers import Servers
from tests.bench.comparison.stamps import Stamps
from tests.bench.comparison.usage import Cpu

LOOK_SECONDS = 0.005
STALLED_SECONDS = 30
LEFT_OUT = 10  # one part in so many, at the start


@dataclass(frozen=True, kw_only=True)
class Drained:
    """Over the jobs that were measured."""

    jobs_per_s: float
    cpu_ms_per_job: Cpu


@dataclass(frozen=True)
class _Moment:
    at: float
    ran: int
    cpu: Cpu


class Drain:
    """One drain of ``jobs`` jobs, on top of those that were done before."""

    def __init__(self, servers: Servers, driver: Driver, stamps: Stamps, workers: Workers) -> None:
        self._servers = servers
        self._driver = driver
        self._stamps = stamps
        self._workers = workers

    def measure(self, *, ran_before: int, kept_before: int, jobs: int, to_last_handler: bool = False) -> Drained:
        """kept_before: outcomes that were there already. Raises PeerFailed when nothing moves any more."""
        self._wait_for(ran_before + jobs // LEFT_OUT)
        start = self._moment()
        self._wait_for(ran_before + jobs)
        last_handler = self._moment()
        last_outcome = self._all_kept(kept_before + jobs)
        return _drained(start, last_handler if to_last_handler else last_outcome, ran_before + jobs)

    def _wait_for(self, ran: int) -> None:
        """Until handlers ran so often."""
        last, moved_at = -1, time.monotonic()
        while (now := self._stamps.count()) < ran:
            self._workers.check()
            if now != last:
                last, moved_at = now, time.monotonic()
            self._give_up_if(time.monotonic() - moved_at > STALLED_SECONDS, f"{now} of {ran} jobs ran")
            time.sleep(LOOK_SECONDS)

    def _all_kept(self, kept: int) -> _Moment:
        """The last moment before the peer said that all outcomes are there."""
        deadline = time.monotonic() + STALLED_SECONDS
        moment = self._moment()
        while (now := self._driver.ask("finished")) < kept:
            self._give_up_if(time.monotonic() > deadline, f"{now} of {kept} outcomes are kept")
            time.sleep(LOOK_SECONDS)
            moment = self._moment()
        return moment

    def _moment(self) -> _Moment:
        cpu = Cpu(
            worker=usage.cpu_seconds(self._workers.pids),
            postgres=usage.cpu_seconds([self._servers.postgres_pid]),
            redis=usage.cpu_seconds([self._servers.redis_pid]),
        )
        return _Moment(time.monotonic(), self._stamps.count(), cpu)

    def _give_up_if(self, stalled: bool, where: str) -> None:
        if stalled:
            self._workers.fail(f"nothing moves: {where}")


def _drained(start: _Moment, end: _Moment, jobs: int) -> Drained:
    measured = jobs - start.ran
    spent = end.cpu.since(start.cpu)
    return Drained(
        jobs_per_s=measured / (end.at - start.at),
        cpu_ms_per_job=Cpu(
            worker=spent.worker * 1000 / measured,
            postgres=spent.postgres * 1000 / measured,
            redis=spent.redis * 1000 / measured,
        ),
    )
