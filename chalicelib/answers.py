"""What the API answers beside jobs."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

import msgspec

from chalicelib.callers import Role
from chalicelib.handlers.registry import JobType
from chalicelib.keys import ApiKey
from chalicelib.schedule_forms import Backfilled
from chalicelib.schedules import Misfire, Overlap, Run, RunKind, Schedule, ScheduledJob, Source, State
from chalicelib.store.audit import AuditEntry
from chalicelib.views import Time, maybe, rfc3339

Switch = Literal["on", "off"]


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong with the request. path: JSON path into the body, or a parameter's name."""

    path: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457, with a stable code for programs."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[Fault] = []


class Status(msgspec.Struct, frozen=True):
    """That the API answers."""

    status: str


class Readiness(msgspec.Struct, frozen=True):
    """checks: by service "ok", or what is wrong. auth: whether callers need keys."""

    status: str
    checks: dict[str, str]
    auth: Switch


class JobTypeView(msgspec.Struct, frozen=True):
    """What can be submitted. schema: of its payload, JSON Schema 2020-12."""

    name: str
    description: str
    timeout_seconds: float
    max_attempts: int
    schema: dict[str, Any]


class BatchView(msgspec.Struct, frozen=True):
    """In the order in which the jobs were given."""

    ids: list[UUID]


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """An API key, without what opens anything."""

    id: str
    name: str
    role: Role
    rate_limit: int | None
    created_at: Time
    created_by: str
    expires_at: Time | None
    last_used_at: Time | None
    revoked_at: Time | None


class NewKeyView(KeyView, frozen=True, kw_only=True):
    """key: shown this once."""

    key: str


class TicketView(msgspec.Struct, frozen=True):
    """For one connect to ``/ws?ticket=…``."""

    ticket: str
    expires_at: Time


class AuditView(msgspec.Struct, frozen=True, kw_only=True):
    """One call that changed something."""

    id: UUID
    at: Time
    actor: str
    actor_name: str
    action: str
    target: str
    detail: dict[str, Any]
    request_id: str


def switch(*, is_on: bool) -> Switch:
    return "on" if is_on else "off"


def job_type_view(job_type: JobType) -> JobTypeView:
    return JobTypeView(
        job_type.name,
        job_type.description,
        job_type.timeout.total_seconds(),
        job_type.max_attempts,
        job_type.json_schema(),
    )


def key_view(key: ApiKey) -> KeyView:
    return KeyView(**_key_fields(key))


def new_key_view(key: ApiKey, text: str) -> NewKeyView:
    return NewKeyView(**_key_fields(key), key=text)


def _key_fields(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role,
        "rate_limit": key.rate_limit,
        "created_at": rfc3339(key.created_at),
        "created_by": key.created_by,
        "expires_at": maybe(key.expires_at),
        "last_used_at": maybe(key.last_used_at),
        "revoked_at": maybe(key.revoked_at),
    }


def audit_view(entry: AuditEntry) -> AuditView:
    return AuditView(
        id=entry.id,
        at=rfc3339(entry.at),
        actor=entry.actor,
        actor_name=entry.actor_name,
        action=entry.action,
        target=entry.target,
        detail=msgspec.json.decode(entry.detail),
        request_id=entry.request_id,
    )


class PreviewView(msgspec.Struct, frozen=True):
    """The soonest first."""

    times: list[Time]


class ScheduleView(msgspec.Struct, frozen=True, kw_only=True):
    """The wire's schedule. last_run_at: the latest time that has a run.

    last_outcomes: where the jobs of the last ten runs stand, newest first; null where a job's row is gone.
    """

    name: str
    cron: str | None
    interval_seconds: int | None
    at: Time | None
    timezone: str
    starts_at: Time | None
    ends_at: Time | None
    job: ScheduledJob
    misfire: Misfire
    overlap: Overlap
    catch_up: int
    source: Source
    state: State
    paused: bool
    paused_note: str | None
    paused_by: str | None
    next_run_at: Time | None
    last_run_at: Time | None
    last_job_id: UUID | None
    last_outcomes: list[str | None]
    created_at: Time
    updated_at: Time
    version: int


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """A job that a schedule submitted for one of its times. kind: the time came, somebody ran it, or it filled a hole.

    status, finished_at and error are the job's; all null: its row is gone.
    """

    scheduled_for: Time
    kind: RunKind
    job_id: UUID
    status: str | None
    finished_at: Time | None
    error: str | None


class BackfillView(msgspec.Struct, frozen=True, kw_only=True):
    """What one call did, or with dry_run would do. next: the ``from`` of the call that goes on; null: it is done."""

    count: int
    next: Time | None
    dry_run: bool


def schedule_view(shown: Schedule) -> ScheduleView:
    rules, timing = shown.rules, shown.rules.timing
    return ScheduleView(
        name=shown.name,
        cron=timing.cron,
        interval_seconds=timing.interval_seconds,
        at=maybe(timing.at),
        timezone=timing.timezone,
        starts_at=maybe(timing.starts_at),
        ends_at=maybe(timing.ends_at),
        job=rules.job,
        misfire=rules.misfire,
        overlap=rules.overlap,
        catch_up=rules.catch_up,
        source=rules.source,
        state=shown.state,
        paused=shown.paused,
        paused_note=shown.paused_note,
        paused_by=shown.paused_by,
        next_run_at=maybe(shown.next_run_at),
        last_run_at=maybe(shown.last_run_at),
        last_job_id=shown.last_job_id,
        last_outcomes=shown.last_outcomes,
        created_at=rfc3339(shown.created_at),
        updated_at=rfc3339(shown.updated_at),
        version=shown.version,
    )


def run_view(run: Run) -> RunView:
    return RunView(
        scheduled_for=rfc3339(run.scheduled_for),
        kind=run.kind,
        job_id=run.job_id,
        status=run.status,
        finished_at=maybe(run.finished_at),
        error=run.error,
    )


def backfill_view(done: Backfilled) -> BackfillView:
    return BackfillView(count=done.count, next=maybe(done.next), dry_run=done.dry_run)
