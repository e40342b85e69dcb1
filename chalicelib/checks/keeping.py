"""Whether retention keeps its word: what is over goes, and leaves nothing behind."""

from __future__ import annotations

from chalicelib.checks.limits import Limits
from chalicelib.findings import Diagnosis, Severity, Tally, counted
from chalicelib.store.inspection import StoreInspection


class Keeping:
    """Looks at what is due to be pruned."""

    def __init__(self, inspection: StoreInspection, limits: Limits) -> None:
        self._inspection = inspection
        self._limits = limits

    def behind(self) -> list[Diagnosis]:
        tally = Tally()
        for partition in self._inspection.overlong(self._limits.overlong):
            tally.add(partition)
        what = "partitions hold jobs that should have gone a day ago or longer"
        advice = (
            "see that maintenance runs (a worker, or the minute's tick) and what it logs; a long backlog takes hours"
        )
        return [counted("retention_behind", Severity.WARNING, tally, what, advice)]

    def detached(self) -> list[Diagnosis]:
        tally = Tally()
        for table in self._inspection.left_detached(self._limits.detached):
            tally.add(table)
        what = "tables are no partitions any more, and still there"
        advice = (
            "see what holds locks on those that pruning knows; attach or drop the others yourself: nobody else does"
        )
        return [counted("detached_partitions", Severity.WARNING, tally, what, advice)]
