"""What WebSocket clients say, and what they are answered."""

from __future__ import annotations

import logging

import msgspec

from chalicelib.connections import Connection, Connections
from chalicelib.errors import QueueUnavailable
from chalicelib.events import PONG, ClientMessage, Ping, Subscription, subscribed
from chalicelib.stream import EventStream

logger = logging.getLogger(__name__)


class Subscriptions:
    """Notes what each connection asks for."""

    def __init__(self, *, connections: Connections, stream: EventStream) -> None:
        self._connections = connections
        self._stream = stream

    def answer(self, connection_id: str, said: ClientMessage) -> bytes | None:
        """The frame. None: cut it. Redis has forgotten it, or is away, so it would hear nothing: it comes back and asks again."""
        try:
            connection = self._connections.find(connection_id)
            if connection is None:
                return None
            return PONG if isinstance(said, Ping) else self._subscribe(connection, said)
        except QueueUnavailable as error:
            logger.error("a client cannot be heard now", extra={"reason": str(error)})
            return None

    def _subscribe(self, connection: Connection, asked: Subscription) -> bytes | None:
        """Where it has missed nothing, it goes on from where it says it was; else it reads, so nobody else need tell it to."""
        after = asked.after
        if after is not None and self._stream.is_whole_after(after) != [True]:
            after = self._stream.last()
        if not self._connections.subscribe(connection, msgspec.structs.replace(asked, after=after)):
            return None
        return subscribed(after or self._stream.last())
