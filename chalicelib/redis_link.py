"""How the Redis adapters reach Redis: bounded waits, our own errors, and many commands in one round trip."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from chalicelib.errors import QueueUnavailable

WAIT = timedelta(seconds=2)  # for any answer; a hanging Redis must not hang a request
WATCHED = "{ws}:watched"  # is there while somebody is connected and a minute longer: events are kept only then
WHOLE_FROM = "{ws}:whole_from"  # the event stream's position from which on every event was kept
LOGS_WATCHED = (
    "{ws}:logs_watched"  # ZSET  job id in hex -> until when somebody may watch its log, seconds since the epoch
)
EPOCH = "{chores}:epoch"  # is set once Redis knows all unfinished jobs, and goes when everything goes
WAKE_CHANNEL = "wake"  # queues ring it with their name, sleeping workers listen
CANCEL_CHANNEL = "cancel"  # a running attempt, for the worker that holds it


def connect(url: str) -> redis.Redis:
    """Reconnects once by itself, which covers a socket that was cut while idle."""
    return redis.Redis.from_url(
        url,
        socket_timeout=WAIT.total_seconds(),
        socket_connect_timeout=WAIT.total_seconds(),
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),  # one that hangs would hang again
    )


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
