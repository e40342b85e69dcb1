"""WebSocket connections: the registry holds those who may be there, and somebody reads the events for them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from chalicelib.checks.looking import Eye
from chalicelib.connections import LONGEST_LIFE, Connection, Connections
from chalicelib.findings import Diagnosis, Finding, Severity, Tally, counted, fine
from chalicelib.inspection import RedisInspection


class Watchers:
    """The registry, and the stream's reader."""

    def __init__(self, *, redis: RedisInspection, connections: Connections, eye: Eye) -> None:
        self._redis = redis
        self._connections = connections
        self._eye = eye

    def registry(self) -> list[Diagnosis]:
        oldest = self._redis.clock() - LONGEST_LIFE.total_seconds()
        expired, unreadable = Tally(), Tally()
        for records in self._redis.connection_records():
            _sort(records, oldest, expired, unreadable)
        return [
            counted(
                "connections_expired",
                Severity.WARNING,
                expired,
                "connections are older than API Gateway lets them grow",
                "forget them; a broadcaster does so when the next client comes or goes",
                self._forget,
            ),
            counted(
                "connections_unreadable",
                Severity.WARNING,
                unreadable,
                "connections were written in another release's way, and hear nothing",
                'if that release is gone: HDEL "{ws}:connections" id',
            ),
        ]

    def reader(self) -> list[Diagnosis]:
        """Between two readers there is none for a moment."""
        if not self._eye.confirmed(self._unheard(), lambda _: self._unheard()):
            return [fine("event_reader", "no event waits for a reader")]
        finding = Finding(
            check="event_reader",
            severity=Severity.ERROR,
            found="events wait, somebody is connected, and nobody reads",
            advice="start a worker, or see why the worker function does not come: broadcasters run there",
        )
        return [Diagnosis(finding)]

    def _unheard(self) -> list[bool]:
        return [True] if self._redis.has_unheard_events() else []

    def _forget(self) -> str:
        return f"forgot connections: {len(self._connections.all()):,} are left"


def _sort(records: Mapping[str, bytes], oldest: float, expired: Tally, unreadable: Tally) -> None:
    for connection_id, record in records.items():
        try:
            connection = _decoder.decode(record)
        except msgspec.DecodeError:
            unreadable.add(connection_id)
            continue
        if connection.connected_at < oldest:
            expired.add(connection_id)


_decoder = msgspec.json.Decoder(Connection)
