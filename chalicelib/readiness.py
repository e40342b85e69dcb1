"""Whether this deployment can take jobs now."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.errors import QueueUnavailable, StoreUnavailable
from chalicelib.redis_link import RedisLink
from chalicelib.store.migrations import MigrationStore

OK = "ok"


class Readiness:
    """Asks each service that a submit needs."""

    def __init__(self, *, migrations: MigrationStore, redis_link: RedisLink) -> None:
        self._migrations = migrations
        self._redis_link = redis_link

    def checks(self) -> dict[str, str]:
        """By service: "ok", or what is wrong. No addresses, no secrets."""
        return {
            "postgres": _tried(self._schema_missing, "cannot be reached"),
            "redis": _tried(self._ping, "cannot be reached"),
        }

    def _schema_missing(self) -> str:
        missing = self._migrations.missing()
        return f"lacks migrations: {', '.join(missing)}" if missing else OK

    def _ping(self) -> str:
        self._redis_link.ping()
        return OK


def _tried(check: Callable[[], str], otherwise: str) -> str:
    try:
        return check()
    except (StoreUnavailable, QueueUnavailable):
        return otherwise
