"""Postgres: what was changed, by whom. Written by the statement that makes the change, or not at all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

import msgspec

from chalicelib.callers import Deed
from chalicelib.store.database import Database, Row


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


class AuditStore:
    """Reads the audit, and writes what has no statement of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, deed: Deed) -> None:
        """For a change that is made outside of Postgres, or in several steps."""
        self._database.fetch(audited("SELECT 1"), audit_row(deed))

    def page(self, before: UUID | None, limit: int) -> list[AuditEntry]:
        """Newest first. before: exclusive."""
        rows = self._database.fetch(
            """
            SELECT id, at, actor, actor_name, action, target, detail, request_id
              FROM audit
             WHERE %(before)s::uuid IS NULL OR id < %(before)s
             ORDER BY id DESC
             LIMIT %(limit)s
            """,
            {"before": before, "limit": limit},
        )
        return [AuditEntry(*_typed(row)) for row in rows]

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


_NOTHING: dict[str, object] = dict.fromkeys(
    ("audit_id", "actor", "actor_name", "action", "target", "detail", "request_id")
)


def _typed(row: Row) -> Row:
    return (*row[:-2], msgspec.Raw(row[-2]), row[-1])
