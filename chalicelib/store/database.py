"""One connection to Postgres that heals itself.

Its statements raise StoreUnavailable when Postgres is away, and Unstorable for a value that it cannot hold.

No session state, so that it works behind RDS Proxy or PgBouncer; prepared statements only where ``prepares`` says that
nothing of the kind stands between (``PREPARE_STATEMENTS=true``).
"""

from __future__ import annotations

import contextlib
import select
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, LiteralString, TypeVar
from urllib.parse import quote

import msgspec
import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import make_conninfo
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled
from psycopg.sql import SQL, Composed
from psycopg.types.json import set_json_loads
from psycopg.types.string import ByteaBinaryLoader

from chalicelib.errors import SecretUnavailable, StoreUnavailable, Unstorable
from chalicelib.secret import Login, Secret
from chalicelib.store.arrays import understand_arrays

Row = tuple[Any, ...]
R = TypeVar("R")

# Whoever comes after a request for an exclusive lock waits behind it, also while it waits itself: no longer than this.
LOCK_WAIT = timedelta(milliseconds=15)
LOCKED_FOR = timedelta(milliseconds=40)  # with the wait; what is left of 50 ms is for the commit

_IN_HASTE: LiteralString = """
    SELECT set_config('lock_timeout', %(lock_wait)s, true), set_config('statement_timeout', %(within)s, true),
           set_config('synchronous_commit', 'off', true)
"""

PATIENCE_SECONDS = 10.0  # with one statement: a server that hangs must not hang us; a lease has three times as much


class Database:
    """Opened at first use, opened again when the server has gone away. For one thread."""

    def __init__(
        self,
        url: str,
        *,
        secret: Secret | None = None,
        connect_seconds: int = 3,
        patience_seconds: float = PATIENCE_SECONDS,
        prepares: bool = False,
    ) -> None:
        """secret: holds the ``username`` and ``password`` to log in with, where the URL has none."""
        self._url = url
        self._secret = secret
        self._patience_seconds = patience_seconds
        self._prepares = prepares
        # A vanished host breaks the connection in about 10 s, whether we were sending or waiting, and not in 15 minutes.
        self._conninfo = make_conninfo(
            url,
            connect_timeout=connect_seconds,
            tcp_user_timeout=10_000,
            keepalives_idle=4,
            keepalives_interval=2,
            keepalives_count=3,
        )
        self._connection: _Impatient | None = None

    def fetch(
        self, query: LiteralString, params: Mapping[str, Any] | None = None, *, is_planned_once: bool = False
    ) -> list[Row]:
        """All rows of one statement, committed. is_planned_once: its plan does not depend on its parameters."""
        with self._ours() as connection, connection.cursor(binary=True) as cursor:
            cursor.execute(query, params, prepare=is_planned_once and self._prepares)
            return cursor.fetchall()

    def count(self, query: LiteralString, params: Mapping[str, Any]) -> int:
        """How many rows one statement changed, committed."""
        with self._ours() as connection, connection.cursor(binary=True) as cursor:
            return cursor.execute(query, params, prepare=False).rowcount

    @contextlib.contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[Row]]:
        """Several statements, committed together at the end."""
        with self._ours() as connection, connection.transaction():
            yield connection

    def gives_way(self, statement: Composed, *, first: Sequence[SQL | Composed] = ()) -> bool:
        """Run one statement whose locks hold up others, in a transaction of its own. Returns False, and has done nothing, where
        it would wait longer for a lock than ``LOCK_WAIT``, or take longer than ``LOCKED_FOR`` in all.

        first: what it needs, in the same transaction, and what holds up nobody. Losing all that in a crash must be harmless: the
        commit does not wait for the disk, because the locks would wait too.
        """
        with self._ours() as connection:
            try:
                with connection.transaction():
                    for each in first:
                        connection.execute(each)
                    connection.execute(_IN_HASTE, {"lock_wait": _ms(LOCK_WAIT), "within": _ms(LOCKED_FOR)})
                    connection.execute(statement)
            except (LockNotAvailable, QueryCanceled, DeadlockDetected):
                return False
        return True

    @contextlib.contextmanager
    def together(self) -> Iterator[Database]:
        """The same for stores: what they do with it is committed at the end, all or none, on one connection and no other."""
        with self.transaction() as connection:
            yield _Together(connection, prepares=self._prepares)

    def url(self) -> str:
        """Where it is, with the login that was last known: for a client that makes connections of its own.

        Raises SecretUnavailable.
        """
        if self._secret is None:
            return self._url
        login = self._secret.login()
        prefix, _, rest = self._url.partition("//")
        return f"{prefix}//{quote(login['username'], safe='')}:{quote(login['password'], safe='')}@{rest}"

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextlib.contextmanager
    def _ours(self) -> Iterator[psycopg.Connection[Row]]:
        try:
            yield self._open()
        except (psycopg.DataError, psycopg.errors.ProgramLimitExceeded, psycopg.errors.StatementTooComplex) as error:
            raise Unstorable(str(error).partition("\n")[0]) from error
        except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError, SecretUnavailable) as error:
            # InternalError: what a server says that became a read-only standby while we were connected.
            self.close()
            raise StoreUnavailable(str(error).strip()) from error

    def _open(self) -> psycopg.Connection[Row]:
        if self._connection is not None and (self._connection.closed or _was_cut(self._connection)):
            self.close()
        if self._connection is None:
            self._connection = self._logged_in()
            self._connection.patience_seconds = self._patience_seconds
            set_json_loads(msgspec.Raw, self._connection)
            self._connection.adapters.register_loader("json", ByteaBinaryLoader)  # as it is, without a line of Python
            understand_arrays(self._connection)
        return self._connection

    def _logged_in(self) -> _Impatient:
        """With the new password when the old one is refused."""
        if self._secret is None:
            return self._connected(self._conninfo)
        login = self._secret.login()
        try:
            return self._connected(_with_login(self._conninfo, login))
        except psycopg.OperationalError as error:
            if not (_was_refused(error) and self._secret.has_changed(login)):
                raise
            return self._connected(_with_login(self._conninfo, self._secret.login()))

    def _connected(self, conninfo: str) -> _Impatient:
        return _Impatient.connect(conninfo, autocommit=True, prepare_threshold=5 if self._prepares else None)


class _Together(Database):
    """On a connection that is somebody else's, who also says what its failures mean."""

    def __init__(self, connection: psycopg.Connection[Row], *, prepares: bool) -> None:
        self._prepares = prepares
        self._theirs = connection

    @contextlib.contextmanager
    def _ours(self) -> Iterator[psycopg.Connection[Row]]:
        yield self._theirs


class _Impatient(psycopg.Connection[Row]):
    """Waits for an answer no longer than ``patience_seconds``: the server's own time limits help only while it runs."""

    patience_seconds = PATIENCE_SECONDS

    def wait(self, gen: PQGen[R], interval: float = 0.1, timeout: float | None = None) -> R:
        return super().wait(gen, interval, timeout or self.patience_seconds)


def _with_login(conninfo: str, login: Login) -> str:
    return make_conninfo(conninfo, user=login["username"], password=login["password"])


def _was_refused(error: psycopg.OperationalError) -> bool:
    """Whether the server asked for a password before it turned us away. Its words depend on its language."""
    return error.pgconn is not None and error.pgconn.used_password


def _was_cut(connection: psycopg.Connection[Row]) -> bool:
    """Whether the server hung up while we were away: an idle connection has nothing to say but goodbye.

    A Lambda that was frozen through a failover finds out here, at the price of one system call, and not in a client's request.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _ms(length: timedelta) -> str:
    return f"{max(1, round(length.total_seconds() * 1000))}ms"
