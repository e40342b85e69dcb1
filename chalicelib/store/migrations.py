"""Brings the schema up to date from the plain SQL in ``chalicelib/migrations``, with yoyo."""

from __future__ import annotations

from pathlib import Path

from chalicelib.store.database import Database

DIRECTORY = Path(__file__).parent.parent / "migrations"


class MigrationStore:
    """Applies migrations, and knows which are applied."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def apply(self) -> list[str]:
        """Apply what is missing, oldest first. Returns the names of what was applied. Two migrators at once are safe.

        The lock is a transaction's advisory lock: it ends with its connection, so a killed migrator leaves none behind
        (yoyo's own lock is a row that would stay).
        """
        import yoyo  # here, because every cold start would wait for it, and next to none of them migrates

        with self._database.transaction() as lock:
            lock.execute("SELECT pg_advisory_xact_lock(hashtext('job-scheduler migrations'))")
            with yoyo.get_backend(self._database.url().replace("postgresql://", "postgresql+psycopg://", 1)) as backend:
                missing = backend.to_apply(yoyo.read_migrations(str(DIRECTORY)))
                backend.apply_migrations(missing)
            return [migration.id for migration in missing]

    def missing(self) -> list[str]:
        """Names of migrations that this code brings and the database lacks."""
        rows = self._database.fetch("SELECT to_regclass('_yoyo_migration') IS NOT NULL")
        applied = set()
        if rows[0][0]:
            applied = {name for (name,) in self._database.fetch("SELECT migration_id FROM _yoyo_migration")}
        return sorted(path.stem for path in DIRECTORY.glob("*.sql") if path.stem not in applied)
