"""Starts the worker function, so that a submit is not left to the next minute's tick."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import redis
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import WorkerUnreachable
from chalicelib.redis_link import reaching_redis

COALESCE = timedelta(seconds=2)  # at most one invoke in this time: the first one finds what the others submitted


class Waker:
    """Invokes one Lambda function asynchronously, and not too often."""

    def __init__(self, client: redis.Redis, make_lambda: Callable[[], Any], function: str) -> None:
        self._redis = client
        self._make_lambda = make_lambda
        self._function = function

    def wake(self) -> None:
        """Raises WorkerUnreachable or QueueUnavailable: then the tick finds the job."""
        with reaching_redis():
            first = self._redis.set(_KICK, 1, nx=True, px=int(COALESCE.total_seconds() * 1000))
        if first and self._function:
            self._invoke()

    def woken(self) -> None:
        """Said by a woken worker before it looks at the queue, so that whatever is submitted from here on wakes another."""
        with reaching_redis():
            self._redis.delete(_KICK)

    def _invoke(self) -> None:
        try:
            self._make_lambda().invoke(FunctionName=self._function, InvocationType="Event")
        except (BotoCoreError, ClientError) as error:
            with contextlib.suppress(redis.RedisError):
                self._redis.delete(_KICK)
            raise WorkerUnreachable(self._function, str(error)) from error


_KICK = "kick"
