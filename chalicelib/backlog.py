"""What those who asked for the same have yet to be told.

One for all of them: each only remembers how far it has come. So a change costs the same for one watcher and for a thousand,
who is behind gets the newest version of each job and no older one, and who does not come at all costs nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import takewhile
from typing import NamedTuple

from chalicelib.events import Event, Subscription, batch_frame, fitting, position, single_frame

MOST_KEPT = 10_000  # changes; whoever is further behind reads over HTTP


class News(NamedTuple):
    """A change. entry: of the stream; before: the entry before that."""

    number: int
    entry: str
    before: str
    event: Event


class End(NamedTuple):
    """Where somebody stops who asks for something else from here on. at: the stream's entry that was read last then."""

    number: int
    at: str


class Frame(NamedTuple):
    """What one message holds, and how far one is who has got it."""

    body: bytes
    number: int


class Backlog:
    """Of one kind of subscription. at: the stream's entry from which on everything is here."""

    def __init__(self, subscription: Subscription, at: str) -> None:
        self.subscription = subscription
        self.newest = 0
        self.at = at
        self._news: dict[Hashable, News] = {}
        self._let_go = 0
        self._frames: dict[tuple[int, int, End | None], list[Frame]] = {}

    def put(self, event: Event, entry: str) -> None:
        """Of a batch, older versions go; whoever asked for none hears of each."""
        is_batch = self.subscription.batch
        key: Hashable = event.job_id if is_batch else (event.job_id, event.version)
        known = self._news.get(key)
        if known is not None:
            if event.version <= known.event.version:
                return
            del self._news[key]
        self.newest += 1
        self._news[key] = News(self.newest, entry, self.at, event)
        if len(self._news) > MOST_KEPT:
            self._let_go = self._news.pop(next(iter(self._news))).number

    def reach(self, entry: str) -> None:
        """All of this entry was put that belongs here."""
        self.at = entry
        self._frames.clear()

    def number_at(self, entry: str) -> int:
        """How far somebody has come who knows everything up to this entry."""
        place = position(entry)
        known = takewhile(lambda news: position(news.entry) <= place, self._news.values())
        return max((news.number for news in known), default=0)

    def has_lost(self, number: int) -> bool:
        """Whether who has come so far has missed something."""
        return number < self._let_go

    def frames(self, after: int, most: int, end: End | None = None) -> list[Frame]:
        """The next ones for somebody who has come so far; at most so many, and none beyond the end."""
        key = after, most, end
        if key not in self._frames:
            news = [each for each in self._since(after) if end is None or each.number <= end.number]
            self._frames[key] = list(self._made(news, most, self.at if end is None else end.at))
        return self._frames[key]

    def forget(self, number: int) -> str:
        """Everybody has come so far; nobody needs the frames that were made.

        Returns the last entry of which everybody has been told everything.
        """
        self._frames.clear()
        while self._news:
            key, news = next(iter(self._news.items()))
            if news.number > number:
                return news.before
            del self._news[key]
        return self.at

    def _since(self, number: int) -> list[News]:
        newer = list(takewhile(lambda news: news.number > number, reversed(self._news.values())))
        return newer[::-1]

    def _made(self, news: list[News], most: int, at: str) -> Iterator[Frame]:
        if not self.subscription.batch:
            yield from (Frame(single_frame(each.event), each.number) for each in news[:most])
            return
        start = 0
        while start < len(news) and most > 0:
            end = start + fitting([each.event for each in news[start : start + 1_000]])
            yield Frame(
                batch_frame([each.event for each in news[start:end]], _told(news, end, at)), news[end - 1].number
            )
            start, most = end, most - 1


def _told(news: list[News], end: int, at: str) -> str:
    """The last entry of which everything has been told once these have. at: of which all of it is news."""
    if end == len(news):
        return at
    last = news[end - 1]
    return last.before if news[end].entry == last.entry else last.entry
