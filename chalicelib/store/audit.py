"""Postgres: what was changed, by whom. Written by the statement that makes the change, or not at all.

An entry comes with most submits, so the table has no index but its key. A list looks through so many entries a call, and says
where it stopped (as ``store.lists``).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

import msgspec

from chalicelib.callers import Deed
from chalicelib.store.database import Database, Row

REACH = 20_000  # entries that are looked through in a call: about 15 ms


class AuditEntry(msgspec.Struct, frozen=True):
    """One row of ``audit``. detail: encoded JSON."""

    id: UUID
    at: datetime
    actor: str
    actor_name: str
    action: str
    target: str
    detail: msgspec.Raw
    request_id: str


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries. None: no condition. actor: a key's id or its name; before, after: ids, exclusive and inclusive."""

    action: str | None = None
    actor: str | None = None
    before: UUID | None = None
    after: UUID | None = None
    limit: int = 100

    @property
    def has_conditions(self) -> bool:
        """Beside those on ids."""
        return self.action is not None or self.actor is not None


class AuditPage(msgspec.Struct, frozen=True):
    """stopped_at: the cursor of the next page; None: this is the last one."""

    entries: list[AuditEntry]
    stopped_at: UUID | None


class AuditStore:
    """Reads the audit, and writes what has no statement of its own."""

    def __init__(self, database: Database, reach: int = REACH) -> None:
        self._database = database
        self._reach = reach

    def write(self, deed: Deed) -> None:
        """For a change that is made outside of Postgres, or in several steps."""
        self._database.fetch(audited("SELECT 1"), audit_row(deed))

    def page(self, chosen: AuditFilter) -> AuditPage:
        """Newest first; it may be short."""
        rows = self._database.fetch(
            """
            SELECT stop.id, entry.*
              FROM (SELECT (SELECT id FROM audit
                             WHERE """
            + _BETWEEN
            + """
                             ORDER BY id DESC OFFSET %(reach)s - 1 LIMIT 1) AS id) AS stop
              LEFT JOIN LATERAL (
                SELECT id, at, actor, actor_name, action, target, detail, request_id
                  FROM (SELECT * FROM audit
                         WHERE """
            + _BETWEEN
            + """
                         ORDER BY id DESC LIMIT %(reach)s) AS entry
                 WHERE (%(action)s::text IS NULL OR action = %(action)s)
                   AND (%(actor)s::text IS NULL OR actor = %(actor)s OR actor_name = %(actor)s)
                 ORDER BY id DESC
                 LIMIT %(limit)s) AS entry ON true
             ORDER BY entry.id DESC
            """,
            {**msgspec.structs.asdict(chosen), "reach": self._reach if chosen.has_conditions else chosen.limit},
        )
        entries = [AuditEntry(*_typed(row[1:])) for row in rows if row[1] is not None]
        return AuditPage(entries, entries[-1].id if len(entries) == chosen.limit else rows[0][0])

    def prune(self, older_than: timedelta) -> int:
        """Returns how many entries went."""
        return self._database.count("DELETE FROM audit WHERE at < now() - %(age)s", {"age": older_than})


def audited(statement: LiteralString, before: LiteralString = "", after: LiteralString = "") -> LiteralString:
    """The statement, and an entry of it where it returned a row. It takes ``audit_row`` among its parameters.

    before: further ``name AS (…),`` for its WITH clause; after: ``, name AS (…)``, which may read ``changed``. One statement,
    because a second one would cost a commit, and could be missing after a crash.
    """
    return (
        "WITH "
        + before
        + " changed AS ("
        + statement
        + """),
        audited AS (
            INSERT INTO audit (id, actor, actor_name, action, target, detail, request_id)
            SELECT %(audit_id)b::uuid, %(actor)s, %(actor_name)s, %(action)s, %(target)s, %(detail)s::json, %(request_id)s
             WHERE %(audit_id)b::uuid IS NOT NULL AND EXISTS (SELECT FROM changed))"""
        + after
        + """
        SELECT * FROM changed
        """
    )


def audit_row(deed: Deed | None) -> dict[str, object]:
    """None: nothing is written down, for what the system does by itself."""
    if deed is None:
        return _NOTHING
    return {
        "audit_id": deed.id,
        "actor": deed.caller.id,
        "actor_name": deed.caller.name,
        "action": deed.action,
        "target": deed.target,
        "detail": msgspec.json.encode(deed.detail).decode(),
        "request_id": deed.request_id,
    }


_BETWEEN: LiteralString = (
    """(%(before)s::uuid IS NULL OR id < %(before)s) AND (%(after)s::uuid IS NULL OR id >= %(after)s)"""
)

_NOTHING: dict[str, object] = dict.fromkeys(
    ("audit_id", "actor", "actor_name", "action", "target", "detail", "request_id")
)


def _typed(row: Row) -> Row:
    return (*row[:-2], msgspec.Raw(row[-2]), row[-1])
