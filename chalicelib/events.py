"""What a watcher is told: one event a change, lines of a job's log, and the frames of at most 32 KB that they come in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, takewhile
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chalicelib.jobs import Job, Label
from chalicelib.patterns import EVENT_ID
from chalicelib.views import JobView, LogLineView, inline

MOST_NAMED = 100  # of each in a subscription
FRAME_BYTES = 32 * 1024  # API Gateway's limit for one WebSocket frame
LINE_BYTES = 16 * 1024  # of a log line that is told; a longer one is read over HTTP


class Event(msgspec.Struct, frozen=True, array_like=True):
    """One version of one job. body: the encoded job, as lists show it; status: as it shows there."""

    job_id: UUID
    version: int
    queue: str
    job_type: str
    body: bytes
    status: str = ""

    @classmethod
    def of(cls, job: Job) -> Event:
        view: JobView = inline(job)
        return cls(job.id, job.version, job.queue, job.job_type, msgspec.json.encode(view), view.status)


class LogNews(msgspec.Struct, frozen=True, array_like=True):
    """Lines of one attempt that follow each other. bodies: encoded as the API shows them; an empty one is too long to be told."""

    job_id: UUID
    attempt: int
    first: int
    bodies: list[bytes]

    @classmethod
    def of(cls, job_id: UUID, lines: Sequence[LogLineView]) -> LogNews:
        bodies = [body if len(body) <= LINE_BYTES else b"" for body in map(msgspec.json.encode, lines)]
        return cls(job_id, lines[0].attempt, lines[0].line, bodies)


Names = Annotated[list[str], Meta(max_length=MOST_NAMED)]
Ids = Annotated[list[UUID], Meta(max_length=MOST_NAMED)]


class Subscription(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="subscribe"
):
    """What a connection asked for.

    A job that any of jobs, queues and job_types names is told; where none of them is given, every job. statuses: and only when
    it has come to one of these. batch: several jobs in a frame, at most four times a second. stats: how it goes, once a second.
    logs: lines that these jobs log. after: an event id, from which on nothing is to be missed.
    """

    jobs: Ids | None = None
    queues: Names | None = None
    job_types: Names | None = None
    statuses: Annotated[list[Label], Meta(max_length=MOST_NAMED)] | None = None
    batch: bool = False
    stats: bool = False
    logs: Ids = []
    after: Annotated[str, Meta(pattern=EVENT_ID)] | None = None

    @property
    def is_of_all(self) -> bool:
        return self.jobs is None and self.queues is None and self.job_types is None


class Ping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="action", tag="ping"):
    """Keeps the connection open, and is answered."""


ClientMessage = Ping | Subscription


BEGINNING = "0-0"  # before every entry of the stream


def position(event_id: str) -> tuple[int, int]:
    """To compare event ids by: milliseconds since the epoch, and a number among those of the same."""
    ms, number = event_id.split("-")
    return int(ms), int(number)


PONG = b'{"type":"Pong"}'


def subscribed(event_id: str) -> bytes:
    """What happens after this event is told. Another one than was asked for: something was missed."""
    return b'{"type":"Subscribed","event_id":"' + event_id.encode() + b'"}'


def resync(event_id: str) -> bytes:
    """Something was missed: read over HTTP. What happens after this event is told."""
    return b'{"type":"Resync","event_id":"' + event_id.encode() + b'"}'


def stats_frame(stats: bytes, event_id: str | None) -> bytes:
    """stats: encoded. event_id: everything up to it has been told; None: not yet."""
    end = b"" if event_id is None else b',"event_id":"' + event_id.encode() + b'"'
    return b'{"type":"Stats","data":' + stats + end + b"}"


def single_frame(event: Event) -> bytes:
    """The ancestor's frame."""
    return b'{"type":"JobStatusUpdate","data":' + event.body + b"}"


def batch_frame(events: Sequence[Event], event_id: str) -> bytes:
    """event_id: everything up to it has been told."""
    return _batch_start + b",".join([event.body for event in events]) + _batch_end(event_id)


def fitting(events: Sequence[Event]) -> int:
    """How many of them, from the first on, go into one frame. At least one: a job is shown with 8 KB at most."""
    sizes = accumulate(len(event.body) + 1 for event in events)
    return max(1, sum(1 for _ in takewhile(lambda size: size <= _ROOM, sizes)))


def log_frames(news: LogNews) -> list[bytes]:
    """Lines that are too long have a frame without data: whoever gets it reads the log."""
    frames, start = [], 0
    while start < len(news.bodies):
        count = _lines_in_a_frame(news.bodies[start:])
        frames.append(_log_frame(news, start, count))
        start += count
    return frames


def log_hint(news: LogNews) -> bytes:
    """There are lines up to here, to be read over HTTP."""
    return _log_frame(LogNews(news.job_id, news.attempt, news.first + len(news.bodies) - 1, [b""]), 0, 1)


def _lines_in_a_frame(bodies: Sequence[bytes]) -> int:
    if not bodies[0]:
        return 1
    sizes = accumulate(len(body) + 1 for body in takewhile(bool, bodies))
    return sum(1 for _ in takewhile(lambda size: size <= _ROOM, sizes))


def _log_frame(news: LogNews, start: int, count: int) -> bytes:
    after = news.first + start - 1
    return (
        f'{{"type":"JobLogs","job_id":"{news.job_id}","after":"{news.attempt}-{after}","data":['.encode()
        + b",".join(filter(None, news.bodies[start : start + count]))
        + f'],"cursor":"{news.attempt}-{after + count}"}}'.encode()
    )


def _batch_end(event_id: str) -> bytes:
    return f'],"event_id":"{event_id}"}}'.encode()


_batch_start = b'{"type":"JobStatusUpdates","data":['
_ROOM = FRAME_BYTES - 200  # for what stands around the bodies
