"""Looking again: what is on its way between Postgres and Redis looks wrong for a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

import msgspec

from chalicelib.checks.limits import Limits

T = TypeVar("T")
PAGE = 1_000


class Sighted(msgspec.Struct, Generic[T], frozen=True):
    """What was found. and_more: said after its number where looking stopped early."""

    found: list[T]
    and_more: str = ""


class Eye(msgspec.Struct, frozen=True):
    """How often, and how long between two looks. pause: takes seconds."""

    limits: Limits
    pause: Callable[[float], None]

    def confirmed(self, suspects: list[T], still: Callable[[list[T]], list[T]]) -> list[T]:
        """Those that stay suspect, look after look. Nobody waits where there are none."""
        for seconds in self.limits.looks:
            if not suspects:
                return []
            self.pause(seconds)
            suspects = still(suspects)
        return suspects

    def sighted(self, pages: Iterable[Iterable[T]], still: Callable[[list[T]], list[T]]) -> Sighted[T]:
        """As many as are worth telling apart, and confirmed."""
        suspects: list[T] = []
        for page in pages:
            suspects += page
            if len(suspects) >= self.limits.suspects:
                return Sighted(self.confirmed(suspects, still), "or more ")
        return Sighted(self.confirmed(suspects, still))


def pages(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), PAGE):
        yield items[start : start + PAGE]
