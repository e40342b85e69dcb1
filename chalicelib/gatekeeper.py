"""Who may do what: keys for HTTP, tickets for WebSockets, and a limit on how often."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from chalicelib.callers import LOCAL, Caller
from chalicelib.errors import QueueUnavailable, RateLimited, Unauthenticated
from chalicelib.keys import ApiKey, parsed
from chalicelib.rates import Rates
from chalicelib.store.keys import KeyStore
from chalicelib.tickets import Tickets

logger = logging.getLogger(__name__)

REMEMBERED_SECONDS = 30.0  # a key; so a revoked one opens nothing after this
MOST_REMEMBERED = 1_000


class Gatekeeper:
    """Lets callers in. Nothing is asked of anybody where ``is_on`` is False: only the local stage may say so."""

    def __init__(
        self,
        *,
        keys: KeyStore,
        rates: Rates,
        tickets: Tickets,
        is_on: bool,
        a_minute: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """a_minute: calls that a key may make which has no limit of its own."""
        self._keys = keys
        self._rates = rates
        self._tickets = tickets
        self.is_on = is_on
        self._a_minute = a_minute
        self._clock = clock
        self._remembered: dict[str, tuple[ApiKey, float]] = {}

    def recognise(self, authorization: str | None) -> Caller:
        """Whose key that is. Raises Unauthenticated, RateLimited or StoreUnavailable."""
        if not self.is_on:
            return LOCAL
        key = self._recognised(authorization)
        self._count(key)
        return key.caller

    def ticket(self, caller: Caller) -> str:
        """For one WebSocket connect, with the caller's role. Raises QueueUnavailable."""
        return self._tickets.issue(caller)

    def admit_socket(self, ticket: str | None) -> Caller:
        """Raises Unauthenticated, QueueUnavailable or StoreUnavailable."""
        if not self.is_on:
            return LOCAL
        caller = self._tickets.take(ticket) if ticket else None
        if caller is None:
            raise Unauthenticated(
                "the ticket is missing, used or older than 30 seconds: POST /ws-tickets gives another one"
            )
        key = self._keys.find(caller.id)  # the one that we remember may have been revoked since
        if key is None or not key.is_valid:
            raise Unauthenticated("the key of this ticket is revoked or expired")
        return caller

    def _recognised(self, authorization: str | None) -> ApiKey:
        scheme, _, text = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("send an API key: Authorization: Bearer js_…")
        found = parsed(text.strip())
        key = self._find(found[0]) if found else None
        if found is None or key is None or not key.opens_with(found[1]) or not key.is_valid:
            raise Unauthenticated("this API key is unknown, revoked or expired")
        return key

    def _find(self, key_id: str) -> ApiKey | None:
        key, read_at = self._remembered.get(key_id, (None, 0.0))
        if key is None or self._clock() - read_at > REMEMBERED_SECONDS:
            key = self._keys.find(key_id)
            if key is not None:
                self._remember(key)
        return key

    def _remember(self, key: ApiKey) -> None:
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[key.id] = key, self._clock()
        if key.is_valid:
            self._keys.note_use(key.id)

    def _count(self, key: ApiKey) -> None:
        """While Redis is away nobody is counted: better too many calls than none."""
        try:
            wait = self._rates.wait(key.id, key.rate_limit or self._a_minute)
        except QueueUnavailable as error:
            logger.warning("calls are not counted now", extra={"reason": str(error)})
            return
        if wait > timedelta(0):
            raise RateLimited(wait)
