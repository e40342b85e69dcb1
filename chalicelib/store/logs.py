"""The job_logs table: what handlers logged."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from chalicelib.joblog import LogEntry, LogLine
from chalicelib.jobs import RawId
from chalicelib.store.arrays import floats, ints, texts, uuids
from chalicelib.store.database import Database

Place = tuple[int, int]  # attempt and line
START: Place = (0, 0)  # before the first


class NumberedLine(msgspec.Struct, frozen=True):
    """A line and where it belongs."""

    raw_id: RawId
    attempt: int
    number: int
    entry: LogEntry


class LogStore:
    """Writes and reads lines."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, lines: Sequence[NumberedLine]) -> None:
        """Those that are there already stay as they are. Writers that share lines give them in the same order."""
        self._database.count(
            """
            INSERT INTO job_logs (job_id, attempt, line, at, level, logger, message)
            SELECT new.job_id, new.attempt, new.line, to_timestamp(new.at), new.level, new.logger, new.message
              FROM unnest(%(ids)b, %(attempts)b, %(numbers)b, %(ats)b, %(levels)b, %(loggers)b, %(messages)b)
                AS new (job_id, attempt, line, at, level, logger, message)
                ON CONFLICT DO NOTHING
            """,
            {
                "ids": uuids([line.raw_id for line in lines]),
                "attempts": ints([line.attempt for line in lines]),
                "numbers": ints([line.number for line in lines]),
                "ats": floats([line.entry.at for line in lines]),
                "levels": texts([line.entry.level for line in lines]),
                "loggers": texts([line.entry.logger for line in lines]),
                "messages": texts([line.entry.message for line in lines]),
            },
        )

    def read(
        self, job_id: UUID, *, attempt: int | None = None, after: Place | None = None, limit: int = 1_000
    ) -> list[LogLine]:
        """In order. attempt None: of all. after: exclusive; pass the last line's place to get those that came since."""
        after_attempt, after_line = after or START
        rows = self._database.fetch(
            """
            SELECT attempt, line, at, level, logger, message
              FROM job_logs
             WHERE job_id = %(job_id)s AND (attempt, line) > (%(after_attempt)s, %(after_line)s)
               AND (%(attempt)s::int IS NULL OR attempt = %(attempt)s)
             ORDER BY attempt, line
             LIMIT %(limit)s
            """,
            {
                "job_id": job_id,
                "attempt": attempt,
                "after_attempt": after_attempt,
                "after_line": after_line,
                "limit": limit,
            },
        )
        return [LogLine(*row) for row in rows]
