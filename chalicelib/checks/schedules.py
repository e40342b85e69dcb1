"""Whether schedules are fired, and whether those that are kept can still be read."""

from __future__ import annotations

from chalicelib.checks.limits import Limits
from chalicelib.errors import InvalidInput
from chalicelib.findings import Diagnosis, Severity, Tally, counted
from chalicelib.handlers.registry import Registry
from chalicelib.store.inspection import SeenSchedule, StoreInspection


class Schedules:
    """One look at all of them answers both."""

    def __init__(self, *, inspection: StoreInspection, registry: Registry, limits: Limits) -> None:
        self._inspection = inspection
        self._registry = registry
        self._limits = limits

    def look(self) -> list[Diagnosis]:
        late, unreadable = Tally(), Tally()
        for schedule in self._inspection.schedules():
            fault = self._fault(schedule)
            if fault:
                unreadable.add(f"{schedule.name}: {fault}")
            if self._is_late(schedule):
                late.add(f"{schedule.name} for {schedule.late_seconds:,.0f} s")
        return [
            counted(
                "schedules_late",
                Severity.ERROR,
                late,
                "schedules that are due, and that nobody fires",
                "start a worker, or see why the worker function's minute does not come; see schedules_unreadable",
            ),
            counted(
                "schedules_unreadable",
                Severity.WARNING,
                unreadable,
                "schedules whose times or whose job this release does not understand",
                "correct them (PUT), delete them, or deploy the release that knows them: the first kind does not fire, the "
                "second kind's jobs fail",
            ),
        ]

    def _is_late(self, schedule: SeenSchedule) -> bool:
        late = schedule.late_seconds
        return late is not None and late > self._limits.schedule_late.total_seconds()

    def _fault(self, schedule: SeenSchedule) -> str:
        """Nothing where there is none."""
        try:
            schedule.timing.times(schedule.created_at)
            self._registry.get(schedule.job_type).decode(schedule.payload)
        except InvalidInput as error:
            return str(error)
        return ""
