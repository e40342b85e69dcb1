"""Redis: tickets for one WebSocket connect each, because a browser cannot send a key there, and a URL is no place for one."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any

import msgspec
import redis

from chalicelib.callers import Caller
from chalicelib.redis_link import reaching_redis

LIFE = timedelta(seconds=30)


class Tickets:
    """Issued by one call, taken by one connect. Redis holds their hashes only."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def issue(self, caller: Caller) -> str:
        """Raises QueueUnavailable."""
        ticket = secrets.token_urlsafe(32)
        with reaching_redis():
            self._redis.set(_key(ticket), msgspec.json.encode(caller), px=int(LIFE.total_seconds() * 1000))
        return ticket

    def take(self, ticket: str) -> Caller | None:
        """Whose it was; None for one that never was, is too old, or was taken. Raises QueueUnavailable."""
        with reaching_redis():
            found: Any = self._redis.getdel(_key(ticket))
        return None if found is None else msgspec.json.decode(found, type=Caller)


def _key(ticket: str) -> str:
    return "ticket:" + hashlib.sha256(ticket.encode(errors="replace")).hexdigest()
