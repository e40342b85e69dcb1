"""Postgres: the API keys."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString

from chalicelib.callers import Deed, Role
from chalicelib.errors import KeyNotFound
from chalicelib.keys import ApiKey
from chalicelib.store.audit import audit_row, audited
from chalicelib.store.database import Database, Row

_KEY: LiteralString = (
    """id, secret_hash, name, role, rate_limit, created_at, created_by, expires_at, last_used_at, revoked_at"""
)


class KeyStore:
    """Makes, finds and revokes keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(
        self,
        *,
        key_id: str,
        secret_hash: bytes,
        name: str,
        role: Role,
        rate_limit: int | None,
        expires_at: datetime | None,
        created_by: str,
        deed: Deed | None,
    ) -> ApiKey:
        rows = self._database.fetch(
            audited(
                """
                INSERT INTO api_keys (id, secret_hash, name, role, rate_limit, expires_at, created_by)
                VALUES (%(id)s, %(secret_hash)s, %(name)s, %(role)s, %(rate_limit)s, %(expires_at)s, %(created_by)s)
                RETURNING """
                + _KEY
            ),
            {
                "id": key_id,
                "secret_hash": secret_hash,
                "name": name,
                "role": role,
                "rate_limit": rate_limit,
                "expires_at": expires_at,
                "created_by": created_by,
                **audit_row(deed),
            },
        )
        return _key(rows[0])

    def find(self, key_id: str) -> ApiKey | None:
        rows = self._database.fetch("SELECT " + _KEY + " FROM api_keys WHERE id = %(id)s", {"id": key_id})
        return _key(rows[0]) if rows else None

    def all(self) -> list[ApiKey]:
        """Newest first, those that are revoked too."""
        return [_key(row) for row in self._database.fetch("SELECT " + _KEY + " FROM api_keys ORDER BY created_at DESC")]

    def revoke(self, key_id: str, deed: Deed | None) -> ApiKey:
        """A second time changes nothing. Raises KeyNotFound."""
        rows = self._database.fetch(
            audited(
                """
                UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = %(id)s
                RETURNING """
                + _KEY
            ),
            {"id": key_id, **audit_row(deed)},
        )
        if not rows:
            raise KeyNotFound(key_id)
        return _key(rows[0])

    def note_use(self, key_id: str) -> None:
        """To the minute: a busy key is not written at every call."""
        self._database.count(
            """
            UPDATE api_keys SET last_used_at = now()
             WHERE id = %(id)s AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
            """,
            {"id": key_id},
        )


def _key(row: Row) -> ApiKey:
    key_id, secret_hash, name, role, rate_limit, created_at, created_by, expires_at, last_used_at, revoked_at = row
    return ApiKey(
        id=key_id,
        secret_hash=secret_hash,
        name=name,
        role=Role(role),
        rate_limit=rate_limit,
        created_at=created_at,
        created_by=created_by,
        expires_at=expires_at,
        last_used_at=last_used_at,
        revoked_at=revoked_at,
    )
