"""Which backlogs a change belongs to, found without asking each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from uuid import UUID

import msgspec

from chalicelib.backlog import Backlog
from chalicelib.events import Event, Subscription


class Audience:
    """The backlogs of all subscriptions, by what they name. at: the stream's entry from which on they hear everything."""

    def __init__(self, at: str) -> None:
        self.at = at
        self._backlogs: dict[bytes, Backlog] = {}
        self._of_all: dict[Backlog, None] = {}
        self._naming: dict[Hashable, dict[Backlog, None]] = defaultdict(dict)

    def __iter__(self) -> Iterator[Backlog]:
        return iter(self._backlogs.values())

    def backlog(self, subscription: Subscription) -> Backlog:
        """The one of all who asked for the same."""
        key = kind(subscription)
        if key not in self._backlogs:
            self._backlogs[key] = self._join(Backlog(subscription, self.at))
        return self._backlogs[key]

    def remove(self, backlog: Backlog) -> None:
        del self._backlogs[kind(backlog.subscription)]
        self._of_all.pop(backlog, None)
        for name in _names(backlog.subscription):
            self._naming[name].pop(backlog)
            if not self._naming[name]:
                del self._naming[name]

    def hear(self, events: Iterable[Event], entry: str) -> None:
        """Everything of one entry of the stream."""
        for event in events:
            for backlog in self._wanting(event):
                backlog.put(event, entry)
        self.at = entry

    def caught_up(self) -> None:
        """The backlogs know how far the stream was read: to be called after some entries."""
        for backlog in self._backlogs.values():
            backlog.reach(self.at)

    def _join(self, backlog: Backlog) -> Backlog:
        if backlog.subscription.is_of_all:
            self._of_all[backlog] = None
        for name in _names(backlog.subscription):
            self._naming[name][backlog] = None
        return backlog

    def _wanting(self, event: Event) -> Iterator[Backlog]:
        found = dict(self._of_all)
        for name in (event.job_id, ("queue", event.queue), ("job_type", event.job_type)):
            found |= self._naming.get(name, {})
        for backlog in found:
            statuses = backlog.subscription.statuses
            if statuses is None or event.status in statuses:
                yield backlog


def kind(subscription: Subscription) -> bytes:
    """The same for those who are told the same jobs in the same frames."""
    return _encoder.encode(
        (
            subscription.jobs,
            subscription.queues,
            subscription.job_types,
            subscription.statuses,
            subscription.batch,
        )
    )


def _names(subscription: Subscription) -> Iterator[UUID | tuple[str, str]]:
    yield from dict.fromkeys(subscription.jobs or ())
    yield from (("queue", name) for name in dict.fromkeys(subscription.queues or ()))
    yield from (("job_type", name) for name in dict.fromkeys(subscription.job_types or ()))


_encoder = msgspec.msgpack.Encoder()
