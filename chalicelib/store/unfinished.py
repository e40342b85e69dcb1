"""Walks over the unfinished jobs, by queue and id, a page at a time.

Queue by queue, each a statement of its own: of a row comparison over both columns, and of a join with the queues' names, the
planner thinks that they find little, and sorts all that is left for every page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, LiteralString
from uuid import UUID

from chalicelib.store.database import Row

Place = tuple[str, UUID]  # a queue, and an id in it
START: Place = ("", UUID(int=0))  # before the first
QUEUES = 50  # a page: where each has only a few jobs, a page is short rather than slow

Fetch = Callable[[LiteralString, Mapping[str, Any]], list[Row]]

# What a statement that reads a page has for its FROM clause; then perhaps more conditions, and the order.
IN_QUEUE: LiteralString = " FROM jobs AS job WHERE queue = %(queue)s AND id > %(id)s AND finished_at IS NULL "
IN_ORDER: LiteralString = " ORDER BY id NULLS FIRST LIMIT %(limit)s"


def page_after(
    fetch: Fetch, statement: LiteralString, place: Place, limit: int, params: Mapping[str, Any]
) -> list[Row]:
    """Rows of the statement, exclusive of the place. A page may be short; only where it is empty, no more come."""

    def read(queue: str, job_id: UUID, most: int) -> list[Row]:
        return fetch(statement, {**params, "queue": queue, "id": job_id, "limit": most})

    last, job_id = place
    rows = read(last, job_id, limit)
    while len(rows) < limit:
        names = queues_after(fetch, last, QUEUES)
        for name in names:
            rows += read(name, UUID(int=0), limit - len(rows)) if len(rows) < limit else []
        if rows or not names:
            break
        last = names[-1]
    return rows


def queues_after(fetch: Fetch, queue: str, limit: int | None = None) -> list[str]:
    """Names of queues with unfinished jobs: one step down the index of those a queue, however many jobs it has."""
    rows = fetch(
        """
        WITH RECURSIVE busy AS (
            (SELECT queue FROM jobs WHERE finished_at IS NULL AND queue > %(queue)s ORDER BY queue LIMIT 1)
             UNION ALL
            SELECT (SELECT job.queue FROM jobs AS job
                     WHERE job.finished_at IS NULL AND job.queue > busy.queue
                     ORDER BY job.queue LIMIT 1)
              FROM busy WHERE busy.queue IS NOT NULL)
        SELECT queue FROM busy WHERE queue IS NOT NULL LIMIT %(limit)s
        """,
        {"queue": queue, "limit": limit},
    )
    return [name for (name,) in rows]
