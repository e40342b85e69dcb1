"""Every HTTP route and WebSocket event: parse, call, render."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from chalice.app import Response, WebsocketEvent

from chalicelib import answers, logs, openapi, pages, reference, resources, views, wire
from chalicelib.bulk import Progress
from chalicelib.callers import Role
from chalicelib.errors import (
    IdempotencyConflict,
    IllegalMove,
    InvalidInput,
    JobNotFound,
    KeyNotFound,
    MalformedJson,
    QueueUnavailable,
    Unauthenticated,
)
from chalicelib.events import PONG, Ping, Subscription
from chalicelib.forms import (
    Batch,
    Cancellation,
    JobHeaders,
    JobQuery,
    KeyForm,
    ListQuery,
    PageQuery,
    Revival,
    SubmitHeaders,
)
from chalicelib.handlers import registry
from chalicelib.readiness import OK
from chalicelib.routes import Call, Routes
from chalicelib.submissions import Submission
from chalicelib.tickets import LIFE
from chalicelib.wire import Reply

logs.start_logging()
logger = logging.getLogger(__name__)

app = wire.Api(app_name="job-scheduler", configure_logs=False)
app.experimental_feature_flags.update(["WEBSOCKETS"])
routes = Routes(app, lambda: resources.gatekeeper(), wire.cors(resources.dashboard_origin()))

VIEWER, OPERATOR, ADMIN = Role
CREATED, OK_200, NO_CONTENT = HTTPStatus.CREATED, HTTPStatus.OK, HTTPStatus.NO_CONTENT


@routes.add("GET /", None)
def index(call: Call) -> Reply[answers.Status]:
    """Say that the API answers."""
    return Reply(answers.Status("ok"))


@routes.add("GET /health", None)
def health(call: Call) -> Reply[answers.Status]:
    """Say that the API answers, whatever else is away."""
    return Reply(answers.Status("ok"))


@routes.add("GET /ready", None, statuses={OK_200: "Jobs are taken", HTTPStatus.SERVICE_UNAVAILABLE: "Not now"})
def ready(call: Call) -> Reply[answers.Readiness]:
    """Say whether jobs can be taken: whether Postgres and Redis answer, and the schema is current."""
    checks = resources.readiness().checks()
    auth = answers.switch(is_on=resources.settings().auth_is_on)
    if all(check == OK for check in checks.values()):
        return Reply(answers.Readiness("ready", checks, auth))
    return Reply(answers.Readiness("unavailable", checks, auth), HTTPStatus.SERVICE_UNAVAILABLE)


@routes.add("GET /openapi.json", None)
def describe(call: Call) -> Reply[dict[str, Any]]:
    """Describe the API, in OpenAPI 3.1."""
    return Reply(openapi.document(routes.table, registry))


@routes.add("GET /docs", None, content_type="text/html; charset=utf-8")
def docs(call: Call) -> Reply[str]:
    """A page to read this description on."""
    return Reply(
        reference.PAGE, headers={"Content-Security-Policy": reference.POLICY}, content_type="text/html; charset=utf-8"
    )


@routes.add(
    "POST /jobs",
    OPERATOR,
    statuses={CREATED: "The job", OK_200: "The job that this Idempotency-Key stands for"},
    fails=(IdempotencyConflict,),
)
def submit(call: Call, headers: SubmitHeaders, body: Submission) -> Reply[views.JobView]:
    """Submit a job.

    What is left out comes from the job type. The job is in Postgres before this answers, whatever happens next.
    """
    deed = call.deed(job_type=body.job_type, queue=body.queue)
    once = headers.once(body)
    if once is None:
        (job,), is_new = resources.scheduler().submit([body], deed), True
    else:
        job, is_new = resources.scheduler().submit_once(body, once, deed)
    return Reply(views.whole(job), CREATED if is_new else OK_200, _location(job.id))


@routes.add(
    "POST /jobs/batch",
    OPERATOR,
    statuses={CREATED: "The jobs", OK_200: "The jobs that this Idempotency-Key stands for"},
    fails=(IdempotencyConflict,),
)
def submit_batch(call: Call, headers: SubmitHeaders, body: Batch) -> Reply[answers.BatchView]:
    """Submit up to 10,000 jobs, all or none. Faults are told with the place of each."""
    deed = call.deed(jobs=len(body.jobs))
    ids, is_new = resources.scheduler().submit_batch(body.jobs, deed, headers.once(body))
    return Reply(answers.BatchView(ids), CREATED if is_new else OK_200)


@routes.add("GET /jobs", VIEWER)
def list_jobs(call: Call, query: ListQuery) -> Reply[list[views.JobView]]:
    """List jobs, newest first.

    A page may be short, even empty: only where no ``Link`` header with ``rel="next"`` comes, the list has ended.
    """
    page = resources.lists().page(query.chosen(query.limit), query.part("payload"), query.part("result"))
    return pages.job_page(page, query)


@routes.add(
    "GET /jobs/{job_id}",
    VIEWER,
    statuses={OK_200: "The job", HTTPStatus.NOT_MODIFIED: "It is as the caller knows it"},
    fails=(JobNotFound,),
)
def show_job(call: Call, job_id: UUID, query: JobQuery, headers: JobHeaders) -> Reply[views.JobView] | Response:
    """Show a job with its errors.

    ``wait`` holds the answer back until the job is final, or with ``If-None-Match`` until it is another than the caller knows.
    """
    shown = pages.awaited_job(lambda: resources.scheduler().get(job_id), call.caller, query, headers)
    return wire.not_modified(shown.etag) if headers.has(shown.etag) else Reply(shown.view, headers={"ETag": shown.etag})


@routes.add("POST /jobs/{job_id}/cancel", OPERATOR, fails=(JobNotFound, IllegalMove))
def cancel(call: Call, job_id: UUID) -> Reply[views.JobView]:
    """Cancel a job. One that runs stays RUNNING until its handler has ended."""
    return Reply(views.whole(resources.scheduler().cancel(job_id, call.deed())))


@routes.add("POST /jobs/{job_id}/revive", OPERATOR, fails=(JobNotFound, IllegalMove))
def revive(call: Call, job_id: UUID) -> Reply[views.JobView]:
    """Put a failed or cancelled job back, with attempts left."""
    return Reply(views.whole(resources.scheduler().revive(job_id, call.deed())))


@routes.add("POST /jobs/{job_id}/copy", OPERATOR, statuses={CREATED: "The new job"}, fails=(JobNotFound,))
def copy(call: Call, job_id: UUID) -> Reply[views.JobView]:
    """Run a copy of a job, now."""
    job = resources.scheduler().copy(job_id, call.deed())
    return Reply(views.whole(job), headers=_location(job.id))


@routes.add("POST /jobs/cancel", OPERATOR)
def cancel_many(call: Call, body: Cancellation) -> Reply[Progress]:
    """Cancel jobs by filter or by ids. Where ``cursor`` is not null, call again with it."""
    return Reply(resources.bulk().cancel(body, call.deed(filter=body.told())))


@routes.add("POST /jobs/revive", OPERATOR)
def revive_many(call: Call, body: Revival) -> Reply[Progress]:
    """Put jobs back by filter or by ids. Where ``cursor`` is not null, call again with it."""
    return Reply(resources.bulk().revive(body, call.deed(filter=body.told())))


@routes.add("GET /job-types", VIEWER)
def list_job_types(call: Call) -> Reply[list[answers.JobTypeView]]:
    """List what can be submitted, with the schemas of its payloads."""
    return Reply([answers.job_type_view(job_type) for job_type in registry.all().values()])


@routes.add("POST /ws-tickets", VIEWER, statuses={CREATED: "The ticket"})
def issue_ticket(call: Call) -> Reply[answers.TicketView]:
    """Get a ticket for one WebSocket connect within 30 seconds."""
    expires_at = views.rfc3339(datetime.now(UTC) + LIFE)
    return Reply(answers.TicketView(resources.gatekeeper().ticket(call.caller), expires_at))


@routes.add("GET /keys", ADMIN)
def list_keys(call: Call) -> Reply[list[answers.KeyView]]:
    """List API keys, newest first."""
    return Reply([answers.key_view(key) for key in resources.keyring().all()])


@routes.add("POST /keys", ADMIN, statuses={CREATED: "The key, which is shown this once"})
def create_key(call: Call, body: KeyForm) -> Reply[answers.NewKeyView]:
    """Make an API key."""
    key, text = resources.keyring().create(
        name=body.name,
        role=body.role,
        created_by=call.caller.name,
        expires_at=body.expires_at or None,
        rate_limit=body.rate_limit or None,
        deed=call.deed(name=body.name, role=body.role),
    )
    return Reply(answers.new_key_view(key, text))


@routes.add("DELETE /keys/{key_id}", ADMIN, statuses={NO_CONTENT: "It opens nothing any more"}, fails=(KeyNotFound,))
def revoke_key(call: Call, key_id: str) -> Reply[None]:
    """Revoke an API key: within 30 seconds it opens nothing, and its WebSockets are cut."""
    resources.keyring().revoke(key_id, call.deed())
    return Reply(None)


@routes.add("GET /audit", ADMIN)
def list_audit(call: Call, query: PageQuery) -> Reply[list[answers.AuditView]]:
    """List the calls that changed something, newest first."""
    entries = resources.audit().page(query.cursor or None, query.limit)
    return pages.id_page("/audit", query, [answers.audit_view(entry) for entry in entries], query.limit)


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> dict[str, int]:
    try:
        caller = resources.gatekeeper().admit_socket(_ticket(event))
        resources.connections().add(event.connection_id, _api_id(event), event.stage, caller)
    except Unauthenticated:
        logger.info("refused", extra={"connection_id": event.connection_id})
        return {"statusCode": HTTPStatus.UNAUTHORIZED}
    except QueueUnavailable as error:
        logger.error("redis is away", extra={"reason": str(error)})
        return {"statusCode": HTTPStatus.SERVICE_UNAVAILABLE}
    logger.info("connected", extra={"connection_id": event.connection_id, "caller": caller.id})
    return {"statusCode": HTTPStatus.OK}


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> None:
    logger.info("disconnected", extra={"connection_id": event.connection_id})
    resources.connections().remove(event.connection_id)


@app.on_ws_message()
def message(event: WebsocketEvent) -> None:
    logger.info("message", extra={"connection_id": event.connection_id})
    try:
        asked = wire.message(event.body)
    except (InvalidInput, MalformedJson) as error:
        _reply(event, wire.refusal(error))
        return
    connection = resources.connections().find(event.connection_id)
    match asked:
        case _ if connection is None:
            # Redis has forgotten it, so it would hear nothing any more: cut, it comes back and is known again.
            resources.gateway().cut(_api_id(event), event.stage, event.connection_id)
        case Ping():
            _reply(event, PONG)
        case Subscription():
            resources.connections().subscribe(connection, asked)


def _location(job_id: UUID) -> dict[str, str]:
    return {"Location": f"{wire.BASE}/jobs/{job_id}"}


def _reply(event: WebsocketEvent, frame: bytes) -> None:
    resources.gateway().send(_api_id(event), event.stage, event.connection_id, frame)


def _api_id(event: WebsocketEvent) -> str:
    return str(event.to_dict()["requestContext"]["apiId"])


def _ticket(event: WebsocketEvent) -> str | None:
    ticket: str | None = (event.to_dict().get("queryStringParameters") or {}).get("ticket")
    return ticket
