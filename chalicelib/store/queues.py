"""The queues table: what operators set. Redis only has a copy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, LiteralString

import msgspec

from chalicelib.callers import Deed
from chalicelib.queue_settings import QueueChange, QueueSettings, Rate
from chalicelib.store.audit import audit_row, audited
from chalicelib.store.database import Database, Row
from chalicelib.store.unfinished import queues_after

_COLUMNS: LiteralString = """
    name, paused, max_running, rate_limit, rate_seconds, rate_burst, max_running_per_key, key_rate_limit, key_rate_seconds,
    key_rate_burst, weight, default_priority, default_max_attempts, default_timeout_seconds, version, updated_at,
    CASE WHEN paused THEN paused_at END, CASE WHEN paused THEN paused_by END
"""


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

    def change(self, name: str, change: QueueChange, deed: Deed | None = None) -> QueueSettings:
        """Returns the new settings. Of two changes at once the second is made to what the first one left."""
        while True:
            seen = self.find(name) or QueueSettings(name=name)
            changed = self._replaced(seen, change.applied_to(seen), deed)
            if changed:
                return changed[0]

    def _replaced(self, seen: QueueSettings, wanted: QueueSettings, deed: Deed | None) -> list[QueueSettings]:
        """None where somebody changed them since they were seen."""
        rows = self._database.fetch(
            audited(
                """
            INSERT INTO queues AS old
                   (name, paused, max_running, rate_limit, rate_seconds, rate_burst, max_running_per_key, key_rate_limit,
                    key_rate_seconds, key_rate_burst, weight, default_priority, default_max_attempts, default_timeout_seconds,
                    paused_at, paused_by)
            VALUES (%(name)s, %(paused)s, %(max_running)s, %(rate_limit)s, %(rate_seconds)s, %(rate_burst)s,
                    %(max_running_per_key)s, %(key_rate_limit)s, %(key_rate_seconds)s, %(key_rate_burst)s, %(weight)s,
                    %(default_priority)s, %(default_max_attempts)s, %(default_timeout_seconds)s, now(), %(actor_name)s::text)
            ON CONFLICT (name) DO UPDATE
               SET paused = excluded.paused, max_running = excluded.max_running, rate_limit = excluded.rate_limit,
                   rate_seconds = excluded.rate_seconds, rate_burst = excluded.rate_burst,
                   max_running_per_key = excluded.max_running_per_key, key_rate_limit = excluded.key_rate_limit,
                   key_rate_seconds = excluded.key_rate_seconds, key_rate_burst = excluded.key_rate_burst,
                   weight = excluded.weight, default_priority = excluded.default_priority,
                   default_max_attempts = excluded.default_max_attempts,
                   default_timeout_seconds = excluded.default_timeout_seconds,
                   paused_at = CASE WHEN old.paused THEN old.paused_at ELSE excluded.paused_at END,
                   paused_by = CASE WHEN old.paused THEN old.paused_by ELSE excluded.paused_by END,
                   version = old.version + 1, updated_at = now()
             WHERE old.version = %(version)s
            RETURNING """
                + _COLUMNS
            ),
            {**_parameters(wanted), "version": seen.version, **audit_row(deed)},
        )
        return _settings(rows)

    def busy(self) -> list[str]:
        """Names of queues with unfinished jobs."""
        return queues_after(self._database.fetch, "")


def _settings(rows: Iterable[Row]) -> list[QueueSettings]:
    return [_one(*row) for row in rows]


def _one(name: str, paused: bool, max_running: int | None, *rest: Any) -> QueueSettings:  # noqa: FBT001 (a row's column)
    rate, max_running_per_key, key_rate, rest = rest[:3], rest[3], rest[4:7], rest[7:]
    weight, priority, attempts, timeout, version, updated_at, paused_at, paused_by = rest
    return QueueSettings(
        name=name,
        paused=paused,
        paused_at=paused_at,
        paused_by=paused_by,
        max_running=max_running,
        rate_limit=_rate(*rate),
        max_running_per_key=max_running_per_key,
        rate_limit_per_key=_rate(*key_rate),
        weight=weight,
        default_priority=priority,
        default_max_attempts=attempts,
        default_timeout_seconds=timeout,
        version=version,
        updated_at=updated_at,
    )


def _rate(jobs: float | None, per_seconds: float, burst: int | None) -> Rate | None:
    return None if jobs is None else Rate(jobs=jobs, per_seconds=per_seconds, burst=burst)


def _parameters(settings: QueueSettings) -> dict[str, Any]:
    rate, key_rate = settings.rate_limit, settings.rate_limit_per_key
    return {
        **msgspec.structs.asdict(settings),
        "rate_limit": rate and rate.jobs,
        "rate_seconds": rate.per_seconds if rate else 1.0,
        "rate_burst": rate and rate.burst,
        "key_rate_limit": key_rate and key_rate.jobs,
        "key_rate_seconds": key_rate.per_seconds if key_rate else 1.0,
        "key_rate_burst": key_rate and key_rate.burst,
    }
