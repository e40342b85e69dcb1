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

Fetch = Callable[[LiteralString, Mapping[str, Any]], list[Row]]

# What a statement that reads a page has for its FROM clause; then perhaps more conditions, and the order.
IN_QUEUE: LiteralString = " FROM jobs AS job WHERE queue = %(queue)s AND id > %(id)s AND finished_at IS NULL "
IN_ORDER: LiteralString = " ORDER BY id NULLS FIRST LIMIT %(limit)s"


def page_after(
    fetch: Fetch, statement: LiteralString, place: Place, limit: int, params: Mapping[str, Any]
) -> list[Row]:
    """Rows of the statement, exclusive of the place; fewer than ``limit`` only where no more come."""
    rows: list[Row] = []
    queue: str | None = place[0]
    job_id = place[1]
    while queue is not None and len(rows) < limit:
        rows += fetch(statement, {**params, "queue": queue, "id": job_id, "limit": limit - len(rows)})
        if len(rows) < limit:
            queue, job_id = _queue_after(fetch, queue), UUID(int=0)
    return rows


def _queue_after(fetch: Fetch, queue: str) -> str | None:
    rows = fetch(
        "SELECT queue FROM jobs WHERE finished_at IS NULL AND queue > %(queue)s ORDER BY queue LIMIT 1",
        {"queue": queue},
    )
    return rows[0][0] if rows else None
