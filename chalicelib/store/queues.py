"""The queues table: what operators set. Redis only has a copy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import LiteralString

import msgspec

from chalicelib.callers import Deed
from chalicelib.queue_settings import QueueChange, QueueSettings
from chalicelib.store.audit import audit_row, audited
from chalicelib.store.database import Database, Row

_COLUMNS: LiteralString = "name, paused, max_running, rate_limit, version, updated_at"


class QueueStore:
    """Settings of queues. A queue without a row has none."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[QueueSettings]:
        """By name."""
        return _settings(self._database.fetch("SELECT " + _COLUMNS + " FROM queues ORDER BY name"))

    def find(self, name: str) -> QueueSettings | None:
        query: LiteralString = "SELECT " + _COLUMNS + " FROM queues WHERE name = %(name)s"
        return next(iter(_settings(self._database.fetch(query, {"name": name}))), None)

    def put(self, name: str, change: QueueChange, deed: Deed | None = None) -> QueueSettings:
        """Returns the new settings. Two changes at once are both made, whichever fields they name."""
        rows = self._database.fetch(
            audited(
                """
            INSERT INTO queues AS old (name, paused, max_running, rate_limit)
            VALUES (%(name)s, coalesce(%(paused)s, false), %(max_running)s, %(rate_limit)s)
            ON CONFLICT (name) DO UPDATE
               SET paused = coalesce(%(paused)s, old.paused),
                   max_running = CASE WHEN %(sets_max_running)s THEN excluded.max_running ELSE old.max_running END,
                   rate_limit = CASE WHEN %(sets_rate_limit)s THEN excluded.rate_limit ELSE old.rate_limit END,
                   version = old.version + 1, updated_at = now()
            RETURNING """
                + _COLUMNS
            ),
            {
                "name": name,
                "paused": _or_none(change.paused),
                "max_running": _or_none(change.max_running),
                "rate_limit": _or_none(change.rate_limit),
                "sets_max_running": change.max_running is not msgspec.UNSET,
                "sets_rate_limit": change.rate_limit is not msgspec.UNSET,
                **audit_row(deed),
            },
        )
        return _settings(rows)[0]

    def busy(self) -> list[str]:
        """Names of queues with unfinished jobs: one step down the index of those a queue, however many jobs it has."""
        rows = self._database.fetch(
            """
            WITH RECURSIVE busy AS (
                (SELECT queue FROM jobs WHERE finished_at IS NULL ORDER BY queue LIMIT 1)
                 UNION ALL
                SELECT (SELECT job.queue FROM jobs AS job
                         WHERE job.finished_at IS NULL AND job.queue > busy.queue
                         ORDER BY job.queue LIMIT 1)
                  FROM busy WHERE busy.queue IS NOT NULL)
            SELECT queue FROM busy WHERE queue IS NOT NULL
            """
        )
        return [queue for (queue,) in rows]


def _settings(rows: Iterable[Row]) -> list[QueueSettings]:
    return [
        QueueSettings(
            name=name,
            paused=paused,
            max_running=max_running,
            rate_limit=rate_limit,
            version=version,
            updated_at=updated_at,
        )
        for name, paused, max_running, rate_limit, version, updated_at in rows
    ]


def _or_none(value: float | msgspec.UnsetType | None) -> float | None:
    return None if isinstance(value, msgspec.UnsetType) else value
