"""What callers send: queries, headers and bodies, and what each of them means. The API's description is made from these types."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from chalicelib.callers import Role
from chalicelib.decoding import T, canonical, converted
from chalicelib.errors import InvalidInput
from chalicelib.jobs import JobStatus, Label
from chalicelib.patterns import ID_PREFIX, LOG_CURSOR, MOMENT_IN_WORDS, NAME, PRINTABLE, VISIBLE_ASCII, some_of
from chalicelib.store.audit import AuditFilter
from chalicelib.store.jobs import Once
from chalicelib.store.lists import JobFilter, Part
from chalicelib.store.partitions import first_id_at
from chalicelib.submissions import LAST_YEAR, ConcurrencyKey, Name, Tag
from chalicelib.views import JobView

MOST_JOBS = 10_000  # a batch
MOST_WHOLE = 50  # jobs of a page with whole payloads or results: 25 MB at most
LONGEST_WAIT = 20  # seconds: API Gateway gives up after 29

Moment = Annotated[datetime, Meta(tz=True)]
IdPrefix = Annotated[str, Meta(pattern=ID_PREFIX, examples=["01a20a21", "01A20A21-9F5B-76"])]
PageSize = Annotated[int, Meta(ge=1, le=1_000, description="At most so many.")]
Wait = Annotated[float, Meta(ge=0, le=LONGEST_WAIT, description="Seconds to wait for news.")]

Fields = Annotated[
    str,
    Meta(pattern=some_of(JobView.__struct_fields__), description="Only these fields of a job, in a list with commas."),
]
Large = Annotated[str, Meta(pattern=some_of(("payload", "result")))]


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be said, and nothing else: a misspelt filter must not show everything."""


class NoQuery(Form, frozen=True):
    """Routes without parameters."""


class Filter(Form, frozen=True):
    """Which jobs. Conditions join; times are those of the jobs' ids."""

    status: Annotated[Label, Meta(description="As shown.")] | UnsetType = UNSET
    queue: Annotated[Name, Meta(description="Of this queue.")] | UnsetType = UNSET
    job_type: Annotated[Name, Meta(description="Of this type.")] | UnsetType = UNSET
    tag: Annotated[Tag, Meta(description="With this tag.")] | UnsetType = UNSET
    concurrency_key: Annotated[ConcurrencyKey, Meta(description="Of this key.")] | UnsetType = UNSET
    id: (
        Annotated[IdPrefix, Meta(description="Whose ids begin with these digits, with or without dashes.")] | UnsetType
    ) = UNSET
    created_after: Annotated[Moment, Meta(description="Since then, inclusive.")] | UnsetType = UNSET
    created_before: Annotated[Moment, Meta(description="Before that, exclusive.")] | UnsetType = UNSET
    cursor: Annotated[
        UUID | UnsetType, Meta(description="Where the page before ended: jobs that are older than this one.")
    ] = UNSET

    def chosen(self, limit: int = 100) -> JobFilter:
        first, beyond = _span(self.id or None)
        return JobFilter(
            **_LABELS[self.status] if self.status else {},
            queue=self.queue or None,
            job_type=self.job_type or None,
            tag=self.tag or None,
            concurrency_key=self.concurrency_key or None,
            before=_earliest(self.cursor or None, _first_id(self.created_before or None), beyond),
            after=_latest(_first_id(self.created_after or None), first),
            limit=limit,
        )


# What each status on the wire means to the store; ``jobs.status_label`` is the same rule the other way round.
_LABELS: Mapping[str, dict[str, Any]] = {
    **{status: {"status": status} for status in JobStatus},
    "QUEUED": {"status": JobStatus.QUEUED, "waits": False},
    "SCHEDULED": {"status": JobStatus.QUEUED, "waits": True, "retries": False},
    "RETRYING": {"status": JobStatus.QUEUED, "waits": True, "retries": True},
}


class ListQuery(Filter, frozen=True):
    """A list of jobs, newest first."""

    limit: PageSize = 100
    include: (
        Annotated[Large, Meta(description="Whole, also over 4 KB: payload, result, or both with a comma.")] | UnsetType
    ) = UNSET
    exclude: Annotated[Large, Meta(description="Not at all: payload, result, or both with a comma.")] | UnsetType = (
        UNSET
    )
    fields: Fields | UnsetType = UNSET

    @property
    def most(self) -> int:
        """Jobs to read. Whole payloads are read before it is known how many fit into a page."""
        return min(self.limit, MOST_WHOLE) if self.include else self.limit

    def part(self, name: str) -> Part:
        """How much of a payload or a result to show."""
        if name in (self.exclude or "").split(",") or (self.fields and name not in self.fields.split(",")):
            return "none"
        return "whole" if name in (self.include or "").split(",") else "inline"


class JobQuery(Form, frozen=True):
    """One job."""

    wait: Wait = 0
    fields: Fields | UnsetType = UNSET


class LogsQuery(Form, frozen=True):
    """Lines of a job's log. cursor: as the answer before gave it."""

    attempt: Annotated[int, Meta(ge=1, le=2**31 - 1)] | UnsetType = UNSET
    cursor: Annotated[str, Meta(pattern=LOG_CURSOR)] = "0-0"
    limit: PageSize = 1_000
    wait: Wait = 0

    @property
    def place(self) -> tuple[int, int]:
        attempt, line = self.cursor.split("-")
        return int(attempt), int(line)


class StatsQuery(Form, frozen=True):
    """The last minutes, of all jobs or some."""

    minutes: Annotated[int, Meta(ge=1, le=7 * 24 * 60, description="How far back the series goes.")] = 60
    step_minutes: Annotated[
        int,
        Meta(
            ge=1,
            le=24 * 60,
            description="Minutes that are told together. Buckets begin at the multiples of it in UTC: 1440 is a day.",
        ),
    ] = 1
    queue: Annotated[Name, Meta(description="The series of this queue.")] | UnsetType = UNSET
    job_type: Annotated[Name, Meta(description="The series of this type.")] | UnsetType = UNSET


class AuditQuery(Form, frozen=True):
    """Calls that changed something. Conditions join."""

    action: (
        Annotated[
            str,
            Meta(
                max_length=100, pattern=NAME, description="Of this kind, as entries name it.", examples=["revoke_key"]
            ),
        ]
        | UnsetType
    ) = UNSET
    actor: (
        Annotated[
            str, Meta(min_length=1, max_length=100, pattern=PRINTABLE, description="By this key: its id or its name.")
        ]
        | UnsetType
    ) = UNSET
    since: Annotated[Moment, Meta(description="Since then, inclusive.")] | UnsetType = UNSET
    until: Annotated[Moment, Meta(description="Before that, exclusive.")] | UnsetType = UNSET
    cursor: Annotated[UUID, Meta(description="Where the page before ended.")] | UnsetType = UNSET
    limit: PageSize = 100

    def chosen(self) -> AuditFilter:
        return AuditFilter(
            action=self.action or None,
            actor=self.actor or None,
            before=_earliest(self.cursor or None, _first_id(self.until or None)),
            after=_first_id(self.since or None),
            limit=self.limit,
        )


class JobHeaders(Form, frozen=True, rename={"if_none_match": "If-None-Match"}):
    """if_none_match: the ETag of what the caller has."""

    if_none_match: (
        Annotated[str, Meta(max_length=200, description="The ETag of what you have: 304 while it is the same.")]
        | UnsetType
    ) = UNSET

    def has(self, etag: str) -> bool:
        known = [tag.strip().removeprefix("W/") for tag in (self.if_none_match or "").split(",")]
        return etag in known or "*" in known


class SubmitHeaders(Form, frozen=True, rename={"idempotency_key": "Idempotency-Key"}):
    """idempotency_key: the same key and body within 24 hours is the same submit."""

    idempotency_key: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=255,
                pattern=VISIBLE_ASCII,
                description="The same key and body within 24 hours is the same submit; another body is refused.",
            ),
        ]
        | UnsetType
    ) = UNSET

    def once(self, body: object) -> Once | None:
        """The fingerprint is of what the body says: spaces and the order of names do not matter."""
        if not self.idempotency_key:
            return None
        return Once(self.idempotency_key, hashlib.sha256(canonical(msgspec.json.encode(body))).digest())


class Batch(Form, frozen=True):
    """Many jobs, all or none."""

    jobs: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MOST_JOBS)]  # schemas.py describes each


class KeyForm(Form, frozen=True):
    """A new API key. rate_limit: requests a minute."""

    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=PRINTABLE)]
    role: Role
    expires_at: Moment | UnsetType = UNSET
    rate_limit: Annotated[int, Meta(ge=1, le=1_000_000)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.expires_at and self.expires_at.year > LAST_YEAR:
            raise ValueError(f"expires_at is after the year {LAST_YEAR}")
        if self.expires_at and self.expires_at <= datetime.now(UTC):
            raise ValueError("expires_at is over already")


def query_of(params: Mapping[str, list[str]], shape: type[T]) -> T:
    """Raises InvalidInput."""
    for name, values in params.items():
        if len(values) > 1:
            raise InvalidInput("given more than once", name)
        if name in MOMENTS and not _DATE.match(values[0]):
            raise InvalidInput(MOMENT_IN_WORDS, name)
    return converted({name: values[0] for name, values in params.items()}, shape)


MOMENTS = {"created_after", "created_before", "since", "until"}
_ID_DIGITS = 32
_DATE = re.compile(r"\d{4}-")  # a number alone would be taken for seconds since 1970


def headers_of(headers: Mapping[str, str], shape: type[msgspec.Struct]) -> Any:
    """Raises InvalidInput."""
    known = {name: headers[name] for name in shape.__struct_encode_fields__ if name in headers}
    return converted(known, shape)


def _first_id(moment: datetime | None) -> UUID | None:
    return None if moment is None else first_id_at(moment)


def _span(prefix: str | None) -> tuple[UUID | None, UUID | None]:
    """The first of the ids that begin so, and the first one after them; None: there is no end."""
    if prefix is None:
        return None, None
    digits = prefix.replace("-", "")
    first = int(digits.ljust(_ID_DIGITS, "0"), 16)
    beyond = first + 16 ** (_ID_DIGITS - len(digits))
    return UUID(int=first), None if beyond == 16**_ID_DIGITS else UUID(int=beyond)


def _earliest(*ids: UUID | None) -> UUID | None:
    return min((each for each in ids if each is not None), default=None)


def _latest(*ids: UUID | None) -> UUID | None:
    return max((each for each in ids if each is not None), default=None)
