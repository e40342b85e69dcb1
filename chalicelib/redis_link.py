"""How the Redis adapters reach Redis: bounded waits, our own errors, and many commands in one round trip."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.connection import AbstractConnection
from redis.credentials import CredentialProvider
from redis.retry import Retry

from chalicelib.errors import QueueUnavailable, SecretUnavailable
from chalicelib.secret import Login, Secret

WAIT = timedelta(seconds=2)  # for any answer; a hanging Redis must not hang a request
WATCHED = "{ws}:watched"  # is there while somebody is connected and a minute longer: events are kept only then
WHOLE_FROM = "{ws}:whole_from"  # the event stream's position from which on every event was kept
LOGS_WATCHED = (
    "{ws}:logs_watched"  # ZSET  job id in hex -> until when somebody may watch its log, seconds since the epoch
)
EPOCH = "{chores}:epoch"  # is set once Redis knows all unfinished jobs, and goes when everything goes
WAKE_CHANNEL = "wake"  # queues ring it with their name, sleeping workers listen
CANCEL_CHANNEL = "cancel"  # a running attempt, for the worker that holds it


def connect(url: str, secret: Secret | None = None) -> redis.Redis:
    """Reconnects once by itself, which covers a socket that was cut while idle.

    secret: holds the ``token`` to log in with, where the URL has none.
    """
    return redis.Redis.from_url(
        url,
        **(
            {} if secret is None else {"credential_provider": _Token(secret), "redis_connect_func": _logging_in(secret)}
        ),
        socket_timeout=WAIT.total_seconds(),
        socket_connect_timeout=WAIT.total_seconds(),
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),  # one that hangs would hang again
    )


class _Token(CredentialProvider):
    """Asked at every connection."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def get_credentials(self) -> tuple[str]:
        return (_login(self._secret)["token"],)


def _logging_in(secret: Secret) -> Callable[[AbstractConnection], None]:
    """Greets the server, with the new token when the old one is refused."""

    def greet(connection: AbstractConnection) -> None:
        login = _login(secret)
        try:
            connection.on_connect()
        except redis.AuthenticationError:
            with _secrets_are_redis():
                changed = secret.has_changed(login)
            if not changed:
                raise
            connection.on_connect()

    return greet


def _login(secret: Secret) -> Login:
    with _secrets_are_redis():
        return secret.login()


@contextlib.contextmanager
def _secrets_are_redis() -> Iterator[None]:
    """A connection that cannot log in has failed, and is closed by the client as any other that did."""
    try:
        yield
    except SecretUnavailable as error:
        raise redis.ConnectionError(str(error)) from error


class Batch:
    """Commands of several adapters, sent together."""

    def __init__(self, client: redis.Redis) -> None:
        self.commands = client.pipeline(transaction=False)

    def send(self) -> list[Any]:
        """The answers, in order. Raises QueueUnavailable; then any number of the commands may have been carried out."""
        with reaching_redis():
            return self.commands.execute()


class RedisLink:
    """Hands out batches."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def batch(self) -> Batch:
        return Batch(self._client)

    def ping(self) -> None:
        """Raises QueueUnavailable."""
        with reaching_redis():
            self._client.ping()


def text(answer: bytes | str) -> str:
    """The client is typed for both; ours answers in bytes."""
    return answer if isinstance(answer, str) else answer.decode()


@contextlib.contextmanager
def reaching_redis() -> Iterator[None]:
    """Redis's failures in our words."""
    try:
        yield
    except redis.RedisError as error:
        raise QueueUnavailable(str(error)) from error
