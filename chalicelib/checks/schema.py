"""The schema is this release's, and each day has its partition."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.checks.limits import Limits
from chalicelib.findings import Diagnosis, Severity, Tally, counted
from chalicelib.store.inspection import StoreInspection
from chalicelib.store.migrations import MigrationStore
from chalicelib.store.partitions import PartitionStore

COUNTED = 1_001  # of the rows without partition: more need not be counted


class Schema:
    """Migrations and partitions."""

    def __init__(
        self, *, inspection: StoreInspection, migrations: MigrationStore, partitions: PartitionStore, limits: Limits
    ) -> None:
        self._inspection = inspection
        self._migrations = migrations
        self._partitions = partitions
        self._limits = limits

    def version(self) -> list[Diagnosis]:
        missing = _tally(self._migrations.missing())
        what, advice = "migrations are not applied", "python -m chalicelib.cli migrate"
        return [counted("schema_version", Severity.ERROR, missing, what, advice)]

    def ahead(self) -> list[Diagnosis]:
        unknown = _tally(self._inspection.unknown_migrations())
        what = "migrations that this release does not know"
        advice = "a newer release was here: deploy it, or make sure that going back one release was meant"
        return [counted("schema_ahead", Severity.WARNING, unknown, what, advice)]

    def partitions(self) -> list[Diagnosis]:
        missing = self._inspection.missing_partitions(self._limits.days_ahead)
        near = {*self._inspection.missing_partitions(1)}
        severity = Severity.ERROR if near else Severity.WARNING
        what = "partitions are missing"
        advice = "make them; then see why maintenance does not: it tries every hour"
        return [counted("partitions_missing", severity, _tally(missing), what, advice, self._make)]

    def default(self) -> list[Diagnosis]:
        tally = _tally(self._inspection.without_partition(COUNTED))
        what = "or more rows" if tally.count == COUNTED else "rows"
        return [
            counted(
                "jobs_in_default_partition",
                Severity.WARNING,
                tally,
                f"{what} are in default partitions: they are safe, but keep their days from having partitions",
                "nothing: retention empties them; then see that maintenance makes partitions ahead",
            )
        ]

    def size(self) -> list[Diagnosis]:
        full = self._inspection.partitions_over(self._limits.rows_in_partition)
        tally = _tally([f"{name} with about {count:,} rows" for name, count in full])
        what, advice = "partitions grow too big to work with", "submit less a day, or make partitions for shorter times"
        return [counted("partitions_full", Severity.WARNING, tally, what, advice)]

    def _make(self) -> str:
        made = self._partitions.ensure()
        return f"made partitions {', '.join(made) or 'none'}"


def _tally(samples: Sequence[object]) -> Tally:
    tally = Tally()
    for sample in samples:
        tally.add(sample)
    return tally
