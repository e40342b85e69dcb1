"""Write what handlers log into their jobs' logs. That Postgres is away delays lines, and never an outcome."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence

from chalicelib.attempt import Attempt
from chalicelib.errors import StoreUnavailable, Unstorable
from chalicelib.store.logs import LogStore, NumberedLine

logger = logging.getLogger(__name__)

BYTES = 4_000_000  # of messages in one statement: some attempts' worth


class Logbook:
    """For one thread, as its store is. Two of them may write the same lines: whoever is second changes nothing."""

    def __init__(self, store: LogStore) -> None:
        self._store = store

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
            for line in chunk:
                logs[line.raw_id, line.attempt].written([line.number])

    def close(self, attempts: Sequence[Attempt]) -> None:
        """They are over: their last lines."""
        for attempt in attempts:
            if attempt.lines is not None:
                attempt.lines.close()
        self.write(attempts)


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
