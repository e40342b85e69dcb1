"""API keys: ``js_<id>_<secret>``. The id is public and finds the row; of the secret only its SHA-256 is kept.

A secret has 256 random bits, so a plain hash is as good as a slow one: there is nothing to guess from.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime

import msgspec

from chalicelib.callers import Caller, Role

_FORM = re.compile(r"js_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """One row of ``api_keys``. rate_limit: requests a minute; None: the deployment's default."""

    id: str
    secret_hash: bytes
    name: str
    role: Role
    rate_limit: int | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    def opens_with(self, secret: str) -> bool:
        """In constant time."""
        return hmac.compare_digest(self.secret_hash, hashed(secret))

    @property
    def is_valid(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > datetime.now(UTC))

    @property
    def caller(self) -> Caller:
        return Caller(id=self.id, name=self.name, role=self.role)


def new_key() -> tuple[str, str]:
    """An id and a secret."""
    return secrets.token_hex(6), secrets.token_urlsafe(32)


def as_text(key_id: str, secret: str) -> str:
    return f"js_{key_id}_{secret}"


def parsed(text: str) -> tuple[str, str] | None:
    """The id and the secret, where it has a key's form."""
    found = _FORM.fullmatch(text)
    return (found[1], found[2]) if found else None


def hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
