"""Jobs of which there is to be one: what makes two of them the same, and how long one keeps the others out.

A job holds its key for as long as it said itself when it was submitted, whatever those say that come later. So a look at the
holder tells whether a key is free, and what holds no more can be thrown away.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chalicelib.patterns import PRINTABLE

LONGEST = 366 * 24 * 3600  # seconds

Key = Annotated[str, Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
Seconds = Annotated[float, Meta(ge=1, le=LONGEST)]


class Term(StrEnum):
    """How long a job holds its key."""

    QUEUED = "queued"  # while it waits, also for a retry
    UNFINISHED = "unfinished"  # while it waits or runs
    TIME = "time"  # until some seconds after it was submitted, whatever became of it


class OnConflict(StrEnum):
    """What a submit does with the job that holds its key."""

    RETURN = "return"
    REPLACE_PAYLOAD = "replace_payload"
    REPLACE_RUN_AT = "replace_run_at"
    REPLACE = "replace"  # both

    @property
    def changes_payload(self) -> bool:
        return self in (OnConflict.REPLACE_PAYLOAD, OnConflict.REPLACE)

    @property
    def changes_run_at(self) -> bool:
        return self in (OnConflict.REPLACE_RUN_AT, OnConflict.REPLACE)


class Unique(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"for_": "for"}):
    """That there is to be one such job."""

    for_: Annotated[
        Literal["queued", "unfinished"] | Seconds,
        Meta(description="How long this job keeps others out: while it waits, until it has ended, or so many seconds."),
    ] = "unfinished"
    key: Annotated[
        Key | None,
        Meta(
            description="Jobs with one key are the same, whatever their type and queue. "
            "Without a key those of one job type, queue and payload are."
        ),
    ] = None
    on_conflict: Annotated[
        OnConflict, Meta(description="What becomes of the job that holds the key: it can be changed while it waits.")
    ] = OnConflict.RETURN


class Uniqueness(msgspec.Struct, frozen=True, kw_only=True):
    """The same, checked. key: a hash. seconds: of a term that is a time."""

    key: bytes
    term: Term
    seconds: float
    on_conflict: OnConflict


def uniqueness(asked: Unique, job_type: str, queue: str, payload: bytes) -> Uniqueness:
    """payload: canonical JSON."""
    is_time = not isinstance(asked.for_, str)
    return Uniqueness(
        key=_hash("key", asked.key) if asked.key is not None else _hash("job", job_type, queue, msgspec.Raw(payload)),
        term=Term.TIME if is_time else Term(str(asked.for_)),
        seconds=float(asked.for_) if is_time else 0,
        on_conflict=asked.on_conflict,
    )


def _hash(*parts: str | msgspec.Raw) -> bytes:
    """Of a JSON array, so that no two lists of parts are spelled alike."""
    return hashlib.sha256(msgspec.json.encode(parts)).digest()
