"""Write what handlers log into their jobs' logs. That Postgres is away delays lines, and never an outcome."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from uuid import UUID

from chalicelib.announcer import Announcer
from chalicelib.attempt import Attempt
from chalicelib.errors import QueueUnavailable, StoreUnavailable, Unstorable
from chalicelib.events import LogNews
from chalicelib.jobs import RawId
from chalicelib.store.logs import LogStore, NumberedLine
from chalicelib.views import LogLineView, rfc3339

logger = logging.getLogger(__name__)

BYTES = 4_000_000  # of messages in one statement: some attempts' worth


class Logbook:
    """For one thread, as its store is. Two of them may write the same lines: whoever is second changes nothing."""

    def __init__(self, store: LogStore, announcer: Announcer) -> None:
        self._store = store
        self._announcer = announcer

    def write(self, attempts: Iterable[Attempt]) -> None:
        """What they have logged since the last time. Never raises: lines that cannot be written now stay pending."""
        logs = {(each.job.raw_id, each.attempt): each.lines for each in attempts if each.lines is not None}
        lines = [NumberedLine(*key, number, entry) for key in sorted(logs) for number, entry in logs[key].pending()]
        for chunk in _chunks(lines):
            try:
                self._store.write(chunk)
            except StoreUnavailable as error:
                logger.warning("job logs wait for postgres", extra={"reason": str(error)})
                return
            except Unstorable as error:
                logger.error("job logs lost", extra={"reason": str(error), "count": len(chunk)})
            else:
                self._tell(chunk)
            for line in chunk:
                logs[line.raw_id, line.attempt].written([line.number])

    def _tell(self, lines: Sequence[NumberedLine]) -> None:
        """Watchers that hear of nothing find the lines where they read them."""
        try:
            self._announcer.send_lines(list(_news(lines)))
        except QueueUnavailable as error:
            logger.warning("watchers were not told of lines", extra={"reason": str(error)})

    def close(self, attempts: Sequence[Attempt]) -> None:
        """They are over: their last lines."""
        for attempt in attempts:
            if attempt.lines is not None:
                attempt.lines.close()
        self.write(attempts)


def _news(lines: Iterable[NumberedLine]) -> Iterator[LogNews]:
    """Lines of one attempt that follow each other, together."""
    for (raw_id, attempt, _), group in groupby(
        enumerate(lines), lambda each: (*_whose(each[1]), each[1].number - each[0])
    ):
        yield LogNews.of(UUID(bytes=raw_id), [_view(attempt, line) for _, line in group])


def _whose(line: NumberedLine) -> tuple[RawId, int]:
    return line.raw_id, line.attempt


def _view(attempt: int, line: NumberedLine) -> LogLineView:
    entry = line.entry
    at = rfc3339(datetime.fromtimestamp(entry.at, UTC))
    return LogLineView(attempt, line.number, at, entry.level, entry.logger, entry.message)


def _chunks(lines: list[NumberedLine]) -> Iterator[list[NumberedLine]]:
    chunk: list[NumberedLine] = []
    size = 0
    for line in lines:
        chunk.append(line)
        size += len(line.entry.message)
        if size >= BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
