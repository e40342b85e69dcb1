"""Jobs as answers: pages with the way to the next one in a Link header, and single jobs that are waited for."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from itertools import accumulate
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from chalicelib.callers import Caller
from chalicelib.forms import JobHeaders, JobQuery, ListQuery, LogsQuery
from chalicelib.joblog import LogLine
from chalicelib.jobs import Job
from chalicelib.patience import patiently
from chalicelib.store.lists import Page
from chalicelib.store.logs import LogStore
from chalicelib.views import inline, part, whole
from chalicelib.wire import BASE, Reply, etag_of

V = TypeVar("V")
Cursor = UUID | int | str

PAGE_BYTES = (
    2_500_000  # a Lambda may answer with 6 MB, where quotes and backslashes count twice; a larger page ends early
)


def job_page(page: Page, query: ListQuery) -> Reply[Any]:
    included, excluded = (query.include or "").split(","), (query.exclude or "").split(",")
    shown = [msgspec.json.encode(part(inline(job, included, excluded), query.fields or None)) for job in page.jobs]
    count = fitting(map(len, shown))
    cursor = page.stopped_at if count >= len(shown) else page.jobs[count - 1].id
    return Reply(_array(shown[:count]), headers=link("/jobs", query, cursor))


def fitting(sizes: Iterable[int]) -> int:
    """How many of the first fit into a page; one does, whatever its size. sizes: in bytes."""
    return max(1, sum(1 for size in accumulate(sizes) if size <= PAGE_BYTES))


def page_of(
    path: str, query: msgspec.Struct, views: Sequence[V], following: Cursor | None, cursor_at: Callable[[V], Cursor]
) -> Reply[Any]:
    """following: the cursor of the next page, if there is one. cursor_at: the one after a view, where no more fit into this."""
    shown = [msgspec.json.encode(view) for view in views]
    count = fitting(map(len, shown))
    cursor = following if count >= len(shown) else cursor_at(views[count - 1])
    return Reply(_array(shown[:count]), headers=link(path, query, cursor))


def _array(encoded: Sequence[bytes]) -> Any:
    return msgspec.Raw(b"[" + b",".join(encoded) + b"]")


def link(path: str, query: msgspec.Struct, cursor: Cursor | None) -> dict[str, str]:
    """The same query from the cursor on; nothing when there is none."""
    if cursor is None:
        return {}
    asked = {name: str(value) for name, value in msgspec.to_builtins(query).items()}
    following = urllib.parse.urlencode({**asked, "cursor": str(cursor)})
    return {"Link": f'<{BASE}{path}?{following}>; rel="next"'}


class Shown(msgspec.Struct, frozen=True):
    """A job as one caller sees it."""

    view: Any
    etag: str
    is_final: bool


def awaited_job(
    read: Callable[[], Job], caller: Caller, query: JobQuery, headers: JobHeaders, within: timedelta
) -> Shown:
    """The job, once it is final; for a caller who knows it, once it is another than that. Or after the time they wait."""

    def is_news(shown: Shown) -> bool:
        return not headers.has(shown.etag) if headers.if_none_match else shown.is_final

    return patiently(lambda: _shown(read(), caller, query.fields or None), is_news, within)


def awaited_lines(read: Callable[[], Job], logs: LogStore, query: LogsQuery, within: timedelta) -> list[LogLine]:
    """Those after the cursor, once there are some, or the job is final and there will be none."""
    job_id, attempt = read().id, query.attempt or None

    def look() -> tuple[bool, list[LogLine]]:
        is_final = read().finished_at is not None  # before the lines, which are all there when it is
        return is_final, logs.read(job_id, attempt=attempt, after=query.place, limit=query.limit)

    _, lines = patiently(look, lambda found: found[0] or bool(found[1]), within)
    return lines[: fitting(len(line.message.encode()) for line in lines)]


def _shown(job: Job, caller: Caller, fields: str | None) -> Shown:
    view = part(whole(job, tracebacks=caller.sees_tracebacks), fields)
    return Shown(view, etag_of(view), job.finished_at is not None)
