"""The retention table: how long finished jobs are kept, and how many have gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import LiteralString

import psycopg

from chalicelib.callers import Deed
from chalicelib.retention import Retention, RetentionChange
from chalicelib.store.audit import audit_row, audited
from chalicelib.store.database import Database, Row

# Whether a row of ``jobs AS job`` has expired: NULL where its status is kept for ever. A day has 24 hours, in any time zone.
EXPIRES_AT: LiteralString = """
    job.finished_at + make_interval(hours => 24 * CASE job.status WHEN 'COMPLETED' THEN %(completed)s::int
                                                                  WHEN 'FAILED' THEN %(failed)s::int
                                                                  ELSE %(cancelled)s::int END)
"""
HAS_EXPIRED: LiteralString = "coalesce(" + EXPIRES_AT + " <= now(), false)"

# Whether nobody else prunes jobs, until the transaction ends.
OUR_TURN: LiteralString = "pg_try_advisory_xact_lock(hashtext('job-scheduler pruning'))"

ADD_PRUNED: LiteralString = """
    UPDATE retention SET pruned = pruned + gone.count
      FROM unnest(%(statuses)s::text[], %(counts)s::bigint[]) AS gone (status, count)
     WHERE retention.status = gone.status
"""


class RetentionStore:
    """Reads and changes it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self) -> Retention:
        rows = self._database.fetch("SELECT lower(status), days FROM retention")
        return Retention(**dict(rows))

    def change(self, change: RetentionChange, deed: Deed | None = None) -> Retention:
        given = change.given()
        self._database.fetch(
            audited(
                """
            UPDATE retention SET days = new.days
              FROM unnest(%(statuses)s::text[], %(days)s::int[]) AS new (status, days)
             WHERE retention.status = new.status
            RETURNING retention.status
            """
            ),
            {"statuses": [*given], "days": [*given.values()], **audit_row(deed)},
        )
        return self.get()

    def pruned(self) -> dict[str, int]:
        """Jobs that went, ever, by status."""
        return dict(self._database.fetch("SELECT status, pruned FROM retention ORDER BY status"))


def is_our_turn(alone: psycopg.Connection[Row]) -> bool:
    """``OUR_TURN``, in a transaction that need not reach the disk: what is lost is done again."""
    row = alone.execute("SELECT " + OUR_TURN + ", set_config('synchronous_commit', 'off', true)").fetchone()
    return bool(row and row[0])


def parameters(retention: Retention) -> Mapping[str, object]:
    """Of ``HAS_EXPIRED``."""
    return {"completed": retention.completed, "failed": retention.failed, "cancelled": retention.cancelled}
