"""How jobs flow through queues: read and change what operators set. Postgres has the truth, Redis a copy for the workers."""

from __future__ import annotations

import logging

import msgspec

from chalicelib.callers import Deed
from chalicelib.errors import InvalidInput, QueueUnavailable
from chalicelib.patterns import in_words
from chalicelib.queue_settings import QueueChange, QueueSettings
from chalicelib.queues import Queues
from chalicelib.redis_link import RedisLink
from chalicelib.store.queues import QueueStore
from chalicelib.submissions import Name
from chalicelib.throttle import Throttle

logger = logging.getLogger(__name__)


class Flow:
    """Settings of queues, from the outside."""

    def __init__(self, *, store: QueueStore, queues: Queues, throttle: Throttle, redis_link: RedisLink) -> None:
        self._store = store
        self._queues = queues
        self._throttle = throttle
        self._redis_link = redis_link

    def settings(self) -> list[QueueSettings]:
        """Of every queue that somebody set, that has unfinished jobs, or that Redis knows (when it is there), by name."""
        known = {each.name: each for each in self._store.all()}
        names = {*known, *self._store.busy(), *self._remembered()}
        return [known.get(name, QueueSettings(name=name)) for name in sorted(names)]

    def find(self, name: str) -> QueueSettings:
        """A queue that nobody set has no limits: it need not exist."""
        return self._store.find(name) or QueueSettings(name=name)

    def change(self, name: str, change: QueueChange, deed: Deed | None = None) -> QueueSettings:
        """Persist, then tell Redis: from then on no worker takes what it may not. Returns all settings as they are now.

        Raises InvalidInput for a name that no queue can have. If we die between the two, or Redis is away, ``restore`` tells it
        within seconds.
        """
        settings = self._store.change(_checked_name(name), change, deed)
        batch = self._redis_link.batch()
        self._throttle.put(settings, batch)
        try:
            batch.send()
        except QueueUnavailable as error:
            logger.warning("set, but workers could not be told", extra={"queue": name, "reason": str(error)})
        return settings

    def restore(self) -> int:
        """Put right what Redis has lost or never heard. Returns how many queues that were. Raises QueueUnavailable."""
        wrong = self._throttle.wrong(self._store.all())
        batch = self._redis_link.batch()
        for settings in wrong:
            self._throttle.put(settings, batch)
        if wrong:
            batch.send()
            logger.warning("told redis what is set of its queues", extra={"count": len(wrong)})
        return len(wrong)

    def _remembered(self) -> list[str]:
        try:
            return self._queues.names()
        except QueueUnavailable:
            return []


def _checked_name(name: str) -> str:
    try:
        return msgspec.convert(name, Name)
    except msgspec.ValidationError as fault:
        raise InvalidInput(in_words(str(fault)), "name") from None
