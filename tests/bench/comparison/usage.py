"""CPU time and memory of trees of processes, from /proc."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, kw_only=True)
class Cpu:
    """Seconds of user and system time, since the processes began."""

    worker: float
    postgres: float
    redis: float

    def since(self, earlier: Cpu) -> Cpu:
        return Cpu(
            worker=self.worker - earlier.worker,
            postgres=self.postgres - earlier.postgres,
            redis=self.redis - earlier.redis,
        )


def cpu_seconds(roots: Iterable[int]) -> float:
    """Of these processes and all below them.

    Those that have exited count too: a parent's children_user and children_system hold the time of whom it waited for.
    """
    return sum(_spent(process) for process in trees(roots))


def memory_mb(roots: Iterable[int]) -> float:
    """PSS: pages that forked processes share are counted once."""
    total = 0
    for process in trees(roots):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().pss
    return total / 1e6


def trees(roots: Iterable[int]) -> Iterator[psutil.Process]:
    for root in roots:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(root)
            yield from [process, *process.children(recursive=True)]


def _spent(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:4])
    except psutil.NoSuchProcess:  # it has just ended: its parent tells
        return 0
