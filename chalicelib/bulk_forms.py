"""What callers send to change many jobs at once: which ones, and what is to become of them."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from chalicelib.errors import InvalidInput
from chalicelib.forms import Filter, Form
from chalicelib.jobs import JobStatus
from chalicelib.store.lists import JobFilter
from chalicelib.submissions import Name

MOST_IDS = 1_000  # a cancellation or revival by ids
SHOWN_IDS = 20  # in the audit

Ids = Annotated[list[UUID], Meta(min_length=1, max_length=MOST_IDS)]


class Selection(Filter, frozen=True):
    """Jobs to move: some by their ids, or all that fit a filter."""

    ids: Ids | UnsetType = UNSET
    dry_run: Annotated[bool, Meta(description="Only count them.")] = False

    def __post_init__(self) -> None:
        asked = self.conditions()
        if not asked - {"cursor"}:
            raise ValueError("name ids, or at least one condition")
        if "ids" in asked and len(asked) > 1:
            raise ValueError("name ids or conditions, not both")

    def conditions(self) -> set[str]:
        """What says which jobs, by name."""
        return {*self.told()}

    def told(self) -> dict[str, object]:
        """What was said."""
        said: dict[str, object] = msgspec.to_builtins(self)
        return {name: value for name, value in said.items() if name != "dry_run"}

    def noted(self) -> dict[str, object]:
        """The same for the audit, which need not hold a thousand ids."""
        ids = self.ids or []
        shown = {"ids": [str(job_id) for job_id in ids[:SHOWN_IDS]], "count": len(ids)} if ids else {}
        return {**self.told(), **shown}


class Cancellation(Selection, frozen=True):
    """Jobs to cancel. Without a status: whatever is not finished."""

    status: Literal["BLOCKED", "SCHEDULED", "QUEUED", "RETRYING", "RUNNING"] | UnsetType = UNSET

    def chosen(self, limit: int = 100) -> JobFilter:
        return msgspec.structs.replace(super().chosen(limit), unfinished=not self.status)


class Revival(Selection, frozen=True):
    """Jobs to put back. Without a status: what FAILED, and nothing that somebody cancelled."""

    status: Literal["FAILED", "CANCELLED"] | UnsetType = UNSET

    def chosen(self, limit: int = 100) -> JobFilter:
        return msgspec.structs.replace(super().chosen(limit), status=JobStatus(self.status or "FAILED"))


class Transfer(Selection, frozen=True, kw_only=True):
    """Jobs to put into another queue. Without a status: whatever waits, for its time, a worker or other jobs."""

    to: Annotated[Name, Meta(description="Into this queue.")]
    status: Literal["BLOCKED", "SCHEDULED", "QUEUED", "RETRYING"] | UnsetType = UNSET

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.queue == self.to:
            raise ValueError("they are in that queue already")

    def conditions(self) -> set[str]:
        return super().conditions() - {"to"}

    def chosen(self, limit: int = 100) -> JobFilter:
        return msgspec.structs.replace(super().chosen(limit), waiting=not self.status, elsewhere=self.to)


class Purge(Form, frozen=True):
    """An order to empty a queue. confirm: the queue's name once more."""

    confirm: Annotated[str, Meta(max_length=100, description="The queue's name once more.")]
    dry_run: Annotated[bool, Meta(description="Only count them.")] = False
    cursor: Annotated[UUID | UnsetType, Meta(description="Where the call before ended.")] = UNSET

    def check(self, queue: str) -> None:
        """Raises InvalidInput."""
        if self.confirm != queue:
            raise InvalidInput(f"nothing was cancelled: to purge queue {queue!r}, say its name here", "$.confirm")

    def chosen(self, queue: str) -> JobFilter:
        return JobFilter(queue=queue, waiting=True, before=self.cursor or None)
