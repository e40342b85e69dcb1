"""Jobs until they are final, by long polls: one request a change, and nothing in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from queue import SimpleQueue

import msgspec

from chalicelib.cli.answers import Job
from chalicelib.cli.api import Api, path
from chalicelib.errors import SchedulerError

LONGEST_WAIT = 20  # seconds; what the API allows
SHORTEST_POLL = 0.2  # seconds
TURN = 2  # seconds a poll may hold its thread while other jobs wait for one
THREADS = 8  # polls at once: each holds a Lambda, and a laptop has few


class Seen(msgspec.Struct, frozen=True):
    """A job as it is now. raw: the API's own words."""

    job: Job
    raw: msgspec.Raw
    etag: str | None


def look(api: Api, job_id: str, seen: Seen | None = None, *, wait: int = LONGEST_WAIT) -> Seen | None:
    """The job, at once when it was not seen before, else when it has changed. None: it has not."""
    asked_at = time.monotonic()
    query = {"wait": wait} if seen else None
    answer = api.get(path("jobs", job_id), query, etag=seen.etag if seen else None)
    now = seen if seen and not answer.body else Seen(answer.read(Job), answer.raw, answer.etag)
    if seen is None or now.job != seen.job:
        return now
    rest(asked_at)
    return None


def rest(asked_at: float) -> None:
    """After a poll that brought nothing: an API that answers without waiting is not asked as fast as it can."""
    time.sleep(max(0.0, SHORTEST_POLL - (time.monotonic() - asked_at)))


def follow(api: Api, job_ids: Sequence[str]) -> Iterator[Seen]:
    """Every change of every job, until all are final. Raises what the API's answers raise."""
    if len(job_ids) == 1:
        yield from _follow_one(api, job_ids[0])
    else:
        yield from _follow_many(api, job_ids)


def _follow_one(api: Api, job_id: str) -> Iterator[Seen]:
    seen: Seen | None = None
    while seen is None or not seen.job.is_final:
        now = look(api, job_id, seen)
        if now:
            seen = now
            yield seen


def _follow_many(api: Api, job_ids: Sequence[str]) -> Iterator[Seen]:
    """Threads are daemons, so that Ctrl-C does not wait for their polls."""
    waiting: SimpleQueue[tuple[str, Seen | None]] = SimpleQueue()
    found: SimpleQueue[Seen | SchedulerError] = SimpleQueue()
    for job_id in job_ids:
        waiting.put((job_id, None))
    wait = LONGEST_WAIT if len(job_ids) <= THREADS else TURN
    for _ in range(min(THREADS, len(job_ids))):
        threading.Thread(target=_poll, args=(api, waiting, found, wait), daemon=True).start()
    yield from _until_final(found, len(job_ids))


def _until_final(found: SimpleQueue[Seen | SchedulerError], left: int) -> Iterator[Seen]:
    while left:
        now = found.get()
        if isinstance(now, SchedulerError):
            raise now
        left -= now.job.is_final
        yield now


def _poll(
    api: Api, waiting: SimpleQueue[tuple[str, Seen | None]], found: SimpleQueue[Seen | SchedulerError], wait: int
) -> None:
    while True:
        job_id, seen = waiting.get()
        try:
            now = look(api, job_id, seen, wait=wait)
        except SchedulerError as error:
            found.put(error)
            return
        if now:
            found.put(now)
        latest = now or seen
        if latest is None or not latest.job.is_final:
            waiting.put((job_id, latest))
