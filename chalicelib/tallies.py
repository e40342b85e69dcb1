"""What a batch of ended attempts adds to the statistics.

Every attempt passes here, so what costs time is done once a batch and not once an attempt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from chalicelib.histograms import counted
from chalicelib.jobs import Cancelled, ClaimedJob, Completed, Failed, Retry, Settlement


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Of one queue and job type. Times in seconds: from run_at to the claim, and of the handler's run."""

    queue: str
    job_type: str
    completed: int = 0
    failed: int = 0
    retried: int = 0
    cancelled: int = 0
    wait_seconds: float = 0.0
    run_seconds: float = 0.0
    wait_counts: Sequence[int] = ()
    run_counts: Sequence[int] = ()


def of_completed(jobs: Sequence[ClaimedJob], ran: Sequence[float]) -> list[Tally]:
    """ran: seconds, by job; empty when nobody knows."""
    queues, job_types = {job.queue for job in jobs}, {job.job_type for job in jobs}
    if len(queues) == len(job_types) == 1:
        (queue,), (job_type,) = queues, job_types
        return [_tally(queue, job_type, {"completed": len(jobs)}, [job.waited for job in jobs], ran)]
    return of_settled([Settlement(job, _COMPLETED, ran[n] if ran else None) for n, job in enumerate(jobs)])


def of_settled(settlements: Iterable[Settlement]) -> list[Tally]:
    """In one order for all, so that two who add to the same rows never wait for each other in a circle. An attempt that was
    put back, and nobody's fault, counts as nothing."""
    kinds: dict[tuple[str, str], list[Settlement]] = {}
    for each in settlements:
        if type(each.outcome) in _NAMES:
            kinds.setdefault((each.job.queue, each.job.job_type), []).append(each)
    return [_of_kind(*kind, kinds[kind]) for kind in sorted(kinds)]


def _of_kind(queue: str, job_type: str, settlements: Sequence[Settlement]) -> Tally:
    outcomes = Counter(_NAMES[type(each.outcome)] for each in settlements)
    waits = [each.job.waited for each in settlements]
    return _tally(queue, job_type, outcomes, waits, [each.ran for each in settlements if each.ran is not None])


def _tally(
    queue: str, job_type: str, outcomes: Mapping[str, int], waits: Sequence[float], ran: Sequence[float]
) -> Tally:
    return Tally(
        queue=queue,
        job_type=job_type,
        wait_seconds=sum(waits),
        run_seconds=sum(ran),
        wait_counts=counted(waits),
        run_counts=counted(ran),
        **outcomes,
    )


_COMPLETED = Completed(b"")
_NAMES: Mapping[type, str] = {Completed: "completed", Failed: "failed", Retry: "retried", Cancelled: "cancelled"}
