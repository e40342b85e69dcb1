"""What the API answers beside jobs."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

import msgspec

from chalicelib.backoff import Backoff
from chalicelib.callers import Role
from chalicelib.handlers.registry import Isolation, JobType
from chalicelib.jobs import DEFAULT_QUEUE, NO_PRIORITY
from chalicelib.keys import ApiKey
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


class JobTypeView(msgspec.Struct, frozen=True, kw_only=True):
    """What can be submitted. description: its handler's; schema: of its payload, JSON Schema 2020-12.

    The others are what holds where the submit does not say otherwise. Of priority, max_attempts and timeout_seconds what its
    queue says comes first. isolation: "process", it runs in a process of its own.
    """

    name: str
    description: str
    schema: dict[str, Any]
    queue: str
    priority: int
    max_attempts: int
    timeout_seconds: float
    backoff: Backoff
    isolation: Isolation


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


def job_type_view(job_type: JobType, schema: dict[str, Any]) -> JobTypeView:
    return JobTypeView(
        name=job_type.name,
        description=job_type.description,
        schema=schema,
        queue=DEFAULT_QUEUE,
        priority=NO_PRIORITY,
        max_attempts=job_type.max_attempts,
        timeout_seconds=job_type.timeout.total_seconds(),
        backoff=job_type.backoff,
        isolation=job_type.isolation,
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
