"""What a watcher is told: one event a change, packed into frames of at most 32 KB."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, takewhile
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chalicelib.jobs import Job
from chalicelib.views import inline

MOST_NAMED = 100  # of each in a subscription: every event is compared with all of them
FRAME_BYTES = 32 * 1024  # API Gateway's limit for one WebSocket frame


class Event(msgspec.Struct, frozen=True, array_like=True):
    """One version of one job. body: the encoded job, as lists show it."""

    job_id: UUID
    version: int
    queue: str
    job_type: str
    body: bytes

    @classmethod
    def of(cls, job: Job) -> Event:
        return cls(job.id, job.version, job.queue, job.job_type, msgspec.json.encode(inline(job)))


class Subscription(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action", tag="subscribe"
):
    """What a connection asked for. None: everything. A job that any of the given lists names is shown."""

    jobs: Annotated[list[UUID], Meta(max_length=MOST_NAMED)] | None = None
    queues: Annotated[list[str], Meta(max_length=MOST_NAMED)] | None = None
    job_types: Annotated[list[str], Meta(max_length=MOST_NAMED)] | None = None
    batch: bool = False

    def wants(self, event: Event) -> bool:
        if self.jobs is None and self.queues is None and self.job_types is None:
            return True
        return (
            event.job_id in (self.jobs or ())
            or event.queue in (self.queues or ())
            or event.job_type in (self.job_types or ())
        )


class Ping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="action", tag="ping"):
    """Keeps the connection open, and is answered."""


ClientMessage = Ping | Subscription

PONG = b'{"type":"Pong"}'


def single_frame(event: Event) -> bytes:
    """The ancestor's frame."""
    return b'{"type":"JobStatusUpdate","data":' + event.body + b"}"


def first_batch_frame(events: Sequence[Event], event_id: str) -> tuple[bytes, int]:
    """As many events as fit into one frame, and how many that is. event_id: of the newest event told so far."""
    end = f'],"event_id":"{event_id}"}}'.encode()
    sizes = accumulate(len(event.body) + 1 for event in events)
    room = FRAME_BYTES - len(_BATCH_START) - len(end)
    count = max(1, sum(1 for _ in takewhile(lambda size: size <= room, sizes)))
    return _BATCH_START + b",".join(event.body for event in events[:count]) + end, count


_BATCH_START = b'{"type":"JobStatusUpdates","data":['
