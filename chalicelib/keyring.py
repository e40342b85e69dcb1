"""Make, list and revoke API keys."""

from __future__ import annotations

import logging
from datetime import datetime

import msgspec

from chalicelib.callers import Deed, Role
from chalicelib.connections import Connection, Connections
from chalicelib.errors import ConnectionGone, GatewayUnavailable, QueueUnavailable
from chalicelib.gateway import Gateway
from chalicelib.keys import ApiKey, as_text, hashed, new_key
from chalicelib.store.keys import KeyStore

logger = logging.getLogger(__name__)


class Keyring:
    """All keys of a deployment."""

    def __init__(self, *, store: KeyStore, connections: Connections, gateway: Gateway, is_on: bool) -> None:
        """is_on: whether callers need keys."""
        self._is_on = is_on
        self._store = store
        self._connections = connections
        self._gateway = gateway

    def all(self) -> list[ApiKey]:
        return self._store.all()

    def create(
        self,
        *,
        name: str,
        role: Role,
        created_by: str,
        expires_at: datetime | None = None,
        rate_limit: int | None = None,
        deed: Deed | None = None,
    ) -> tuple[ApiKey, str]:
        """The key, and its text, which nobody can tell afterwards. Raises StoreUnavailable."""
        key_id, secret = new_key()
        key = self._store.insert(
            key_id=key_id,
            secret_hash=hashed(secret),
            name=name,
            role=role,
            rate_limit=rate_limit,
            expires_at=expires_at,
            created_by=created_by,
            deed=deed and msgspec.structs.replace(deed, detail={**deed.detail, "id": key_id}),
        )
        return key, as_text(key_id, secret)

    def revoke(self, key_id: str, deed: Deed | None = None) -> None:
        """It opens nothing after 30 s at most, and its WebSockets are cut. Raises KeyNotFound or StoreUnavailable."""
        self._store.revoke(key_id, deed)
        try:
            self.cut_strangers()
        except QueueUnavailable as error:
            logger.warning("revoked, but its connections are cut later", extra={"reason": str(error)})

    def cut_strangers(self) -> int:
        """End the WebSockets of keys that are revoked or expired. Returns how many.

        Raises QueueUnavailable or StoreUnavailable.
        """
        if not self._is_on:
            return 0
        welcome = {key.id for key in self._store.all() if key.is_valid}
        strangers = [each for each in self._connections.all().values() if each.caller_id not in welcome]
        for connection in strangers:
            self._cut(connection)
        return len(strangers)

    def _cut(self, connection: Connection) -> None:
        try:
            self._gateway.cut(connection.api_id, connection.stage, connection.id)
        except (ConnectionGone, GatewayUnavailable):
            logger.info("connection could not be cut", extra={"connection_id": connection.id})
        self._connections.remove(connection.id)
