"""The first API key of a stack whose callers need keys."""

from __future__ import annotations

from chalicelib.callers import Role
from chalicelib.keys import as_text, hashed, new_key
from chalicelib.store.database import Database
from chalicelib.store.keys import KeyStore
from infra.local.stack import Stack


def first_key(stack: Stack) -> str | None:
    """None where an admin has one already."""
    database = Database(stack.postgres.url)
    try:
        store = KeyStore(database)
        if any(key.role is Role.ADMIN and key.is_valid for key in store.all()):
            return None
        return _made(store)
    finally:
        database.close()


def _made(store: KeyStore) -> str:
    key_id, secret = new_key()
    store.insert(
        key_id=key_id,
        secret_hash=hashed(secret),
        name="first",
        role=Role.ADMIN,
        rate_limit=None,
        expires_at=None,
        created_by="make up",
        deed=None,
    )
    return as_text(key_id, secret)
