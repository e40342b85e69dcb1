"""Every HTTP route and WebSocket event: parse, call, render."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

import msgspec
from chalice.app import Response, WebsocketEvent

from chalicelib import answers, logs, openapi, pages, reference, reports, resources, views, wire
from chalicelib.bulk import Progress
from chalicelib.bulk_forms import Cancellation, Purge, Revival, Transfer
from chalicelib.callers import Caller, Role
from chalicelib.errors import (
    ConnectionGone,
    GatewayUnavailable,
    IdempotencyConflict,
    IllegalMove,
    InvalidInput,
    JobNotFound,
    KeyNotFound,
    MalformedJson,
    QueueNotFound,
    QueueUnavailable,
    ScheduleExists,
    ScheduleIsDeclared,
    ScheduleNotFound,
    StoreUnavailable,
    Unauthenticated,
    UniqueConflict,
    UnknownDependency,
)
from chalicelib.forms import (
    AuditQuery,
    Batch,
    JobHeaders,
    JobQuery,
    KeyForm,
    ListQuery,
    LogsQuery,
    StatsQuery,
    SubmitHeaders,
)
from chalicelib.handlers import registry
from chalicelib.queue_settings import QueueChange
from chalicelib.readiness import OK
from chalicelib.retention import Retention, RetentionChange
from chalicelib.routes import Call, Routes
from chalicelib.schedule_forms import (
    Backfill,
    Definition,
    NamedDefinition,
    PauseNote,
    Preview,
    PreviewQuery,
    RunsQuery,
    SchedulesQuery,
)
from chalicelib.schedule_views import (
    BackfillView,
    PreviewView,
    RunView,
    ScheduleView,
    backfill_view,
    run_view,
    schedule_view,
)
from chalicelib.schedules import ScheduleName
from chalicelib.schemas import for_browsers
from chalicelib.submissions import Name, Submission
from chalicelib.tickets import LIFE
from chalicelib.wire import Reply

logs.start_logging()
logger = logging.getLogger(__name__)

app = wire.Api(app_name="job-scheduler", configure_logs=False)
app.experimental_feature_flags.update(["WEBSOCKETS"])
routes = Routes(app, lambda: resources.gatekeeper(), wire.cors(resources.dashboard_origin()))

VIEWER, OPERATOR, ADMIN = Role
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
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
    return Reply(answers.Readiness("unavailable", checks, auth), HTTPStatus.SERVICE_UNAVAILABLE, wire.COME_BACK)


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
    statuses={CREATED: "The job", OK_200: "The job that was there: of this Idempotency-Key, or of its unique key"},
    fails=(IdempotencyConflict, UniqueConflict, UnknownDependency),
)
def submit(call: Call, headers: SubmitHeaders, body: Submission) -> Reply[views.JobView]:
    """Submit a job.

    What is left out comes from the job type. The job is in Postgres before this answers, whatever happens next.

    With ``unique`` there is one such job at a time: while one holds the key, that one is answered (200), or changed as
    ``on_conflict`` says, as long as it waits. It holds the key for as long as it said itself.

    With ``depends_on`` it is BLOCKED until those jobs have completed, and fails with the first that does not, unless
    ``if_dependency_fails`` says otherwise. A place, a number, is for batches.
    """
    deed = call.deed(job_type=body.job_type, queue=body.queue)
    job, is_new = resources.scheduler().submit_once(body, headers.once(body), deed)
    return Reply(views.whole(job), CREATED if is_new else OK_200, _location(job.id))


@routes.add(
    "POST /jobs/batch",
    OPERATOR,
    statuses={
        CREATED: "The jobs",
        OK_200: "The jobs that were all there: of this Idempotency-Key, or of their unique keys",
    },
    fails=(IdempotencyConflict, UniqueConflict, UnknownDependency),
)
def submit_batch(call: Call, headers: SubmitHeaders, body: Batch) -> Reply[answers.BatchView]:
    """Submit up to 10,000 jobs, all or none. Faults are told with the place of each.

    Where ``unique`` jobs are there already, their ids stand in the places of the new ones; of several with one key the first
    is submitted, and the later ones are it. In ``depends_on`` a number is the place of an earlier job, from 0.
    """
    deed = call.deed(jobs=len(body.jobs))
    ids, is_new = resources.scheduler().submit_batch(body.jobs, deed, headers.once(body))
    return Reply(answers.BatchView(ids), CREATED if is_new else OK_200)


@routes.add("GET /jobs", VIEWER)
def list_jobs(call: Call, query: ListQuery) -> Reply[list[views.JobView]]:
    """List jobs, newest first.

    A page may be short, even empty: only where no ``Link`` header with ``rel="next"`` comes, the list has ended.
    """
    page = resources.lists().page(query.chosen(query.most), query.part("payload"), query.part("result"))
    return pages.job_page(page, query)


@routes.add(
    "GET /jobs/{job_id}",
    VIEWER,
    statuses={OK_200: "The job", HTTPStatus.NOT_MODIFIED: "It is as the caller knows it"},
    fails=(JobNotFound,),
)
def show_job(call: Call, job_id: UUID, query: JobQuery, headers: JobHeaders) -> Reply[views.JobView] | Response:
    """Show a job with its errors.

    ``wait`` holds the answer back until the job is final, or with ``If-None-Match`` until it is another than the caller knows;
    or not at all, where too many wait already.
    """
    with resources.waiting_room().seat(timedelta(seconds=query.wait)) as within:
        shown = pages.awaited_job(lambda: resources.scheduler().get(job_id), call.caller, query, headers, within)
    return wire.not_modified(shown.etag) if headers.has(shown.etag) else Reply(shown.view, headers={"ETag": shown.etag})


@routes.add("GET /jobs/{job_id}/logs", VIEWER, fails=(JobNotFound,))
def show_logs(call: Call, job_id: UUID, query: LogsQuery) -> Reply[reports.LogsView]:
    """Show what a job's handler logged, attempt by attempt.

    ``wait`` holds the answer back until there are lines, or the job is final.
    """
    with resources.waiting_room().seat(timedelta(seconds=query.wait)) as within:
        lines = pages.awaited_lines(lambda: resources.scheduler().get(job_id), resources.job_logs(), query, within)
    return Reply(reports.logs_view(lines, query.cursor))


@routes.add("GET /jobs/{job_id}/dependencies", VIEWER, fails=(JobNotFound,))
def show_dependencies(call: Call, job_id: UUID) -> Reply[reports.DependenciesView]:
    """Show which jobs a job depends on, and which depend on it."""
    store = resources.dependencies()
    return Reply(reports.dependencies_view(store.relatives(store.named_by(job_id)), store.dependents(job_id)))


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
    return Reply(resources.bulk().cancel(body, call.deed(filter=body.noted())))


@routes.add("POST /jobs/revive", OPERATOR)
def revive_many(call: Call, body: Revival) -> Reply[Progress]:
    """Put jobs back by filter or by ids. Where ``cursor`` is not null, call again with it."""
    return Reply(resources.bulk().revive(body, call.deed(filter=body.noted())))


@routes.add("POST /jobs/move", OPERATOR)
def move_many(call: Call, body: Transfer) -> Reply[Progress]:
    """Put jobs that wait into another queue, by filter or by ids. Where ``cursor`` is not null, call again with it.

    They keep their priority and their time. What runs or is finished stays where it is.
    """
    return Reply(resources.bulk().move(body, call.deed(filter=body.noted())))


@routes.add("GET /job-types", VIEWER)
def list_job_types(call: Call) -> Reply[list[answers.JobTypeView]]:
    """List what can be submitted, with the schemas of its payloads and with what holds unless a submit says otherwise."""
    return Reply([answers.job_type_view(each, for_browsers(each.json_schema())) for each in registry.all().values()])


@routes.add("GET /queues", VIEWER)
def list_queues(call: Call) -> Reply[list[reports.QueueView]]:
    """List queues, by name: what is set of them, and what waits in them."""
    return Reply(resources.queue_overview().all())


@routes.add("GET /queues/{name}", VIEWER, fails=(QueueNotFound,))
def show_queue(call: Call, name: Name) -> Reply[reports.QueueView]:
    """Show a queue."""
    return Reply(resources.queue_overview().get(name))


@routes.add("PUT /queues/{name}", OPERATOR)
def change_queue(call: Call, name: Name, body: QueueChange) -> Reply[reports.QueueView]:
    """Pause a queue, or let it go on. All else is for admins to set; what is left out stays as it is."""
    if body.given().keys() - {"paused"}:
        call.caller.require(ADMIN)
    resources.flow().change(name, body, call.deed(change=msgspec.to_builtins(body)))
    return Reply(resources.queue_overview().get(name))


@routes.add("POST /queues/{name}/purge", ADMIN)
def purge_queue(call: Call, name: Name, body: Purge) -> Reply[Progress]:
    """Cancel all that waits in a queue. Where ``cursor`` is not null, call again with it.

    What runs goes on. Nothing is deleted: no job that was taken vanishes, so the purged ones are listed as CANCELLED, and who
    purged the wrong queue revives them.
    """
    return Reply(resources.bulk().purge(name, body, call.deed()))


@routes.add("GET /workers", VIEWER)
def list_workers(call: Call) -> Reply[list[reports.WorkerView]]:
    """List worker processes that showed life in the last five minutes."""
    return Reply([reports.worker_view(each) for each in resources.statistics().workers()])


@routes.add("GET /stats", VIEWER)
def show_stats(call: Call, query: StatsQuery) -> Reply[reports.StatsView]:
    """Count jobs by status, and show how the last minutes went, up to seven days.

    With ``step_minutes`` several are told together: seven days by the hour are 169 at most. The first bucket is the one in which
    the time asked for begins, whole as far as it is kept. Percentiles are those of all attempts in a bucket.
    """
    chosen = query.queue or None, query.job_type or None
    stats = resources.statistics().stats(query.minutes, query.step_minutes, *chosen)
    return Reply(reports.stats_view(stats))


@routes.add("GET /metrics", VIEWER, content_type=PROMETHEUS)
def show_metrics(call: Call) -> Reply[str]:
    """Show what Prometheus scrapes."""
    return Reply(resources.statistics().metrics(), content_type=PROMETHEUS)


@routes.add("GET /schedules", VIEWER)
def list_schedules(call: Call, query: SchedulesQuery) -> Reply[list[ScheduleView]]:
    """List schedules, by name, and how their last runs fared."""
    found, following = resources.timetable().page(query)
    shown = [schedule_view(each) for each in found]
    return pages.page_of("/schedules", query, shown, following, lambda view: view.name)


@routes.add("POST /schedules", OPERATOR, statuses={CREATED: "The schedule"}, fails=(ScheduleExists,))
def create_schedule(call: Call, body: NamedDefinition) -> Reply[ScheduleView]:
    """Make a schedule: a job for each time that its cron expression names."""
    return Reply(schedule_view(resources.timetable().create(body, call.deed(name=body.name, **_when(body)))))


@routes.add("GET /schedules/{name}", VIEWER, fails=(ScheduleNotFound,))
def show_schedule(call: Call, name: ScheduleName) -> Reply[ScheduleView]:
    """Show a schedule."""
    return Reply(schedule_view(resources.timetable().get(name)))


@routes.add("PUT /schedules/{name}", OPERATOR, fails=(ScheduleIsDeclared,))
def put_schedule(call: Call, name: ScheduleName, body: Definition) -> Reply[ScheduleView]:
    """Replace a schedule, or make it."""
    return Reply(schedule_view(resources.timetable().put(name, body, call.deed(**_when(body)))))


@routes.add(
    "DELETE /schedules/{name}",
    OPERATOR,
    statuses={NO_CONTENT: "It is gone"},
    fails=(ScheduleNotFound, ScheduleIsDeclared),
)
def delete_schedule(call: Call, name: ScheduleName) -> Reply[None]:
    """Delete a schedule. Jobs that it submitted stay."""
    resources.timetable().delete(name, call.deed())
    return Reply(None)


@routes.add("POST /schedules/{name}/pause", OPERATOR, fails=(ScheduleNotFound,))
def pause_schedule(call: Call, name: ScheduleName, body: PauseNote | None) -> Reply[ScheduleView]:
    """Pause a schedule: until it is resumed, no time is its time. A note may say why."""
    note = body.note if body else None
    return Reply(schedule_view(resources.timetable().pause(name, note, call.deed(note=note))))


@routes.add("POST /schedules/{name}/resume", OPERATOR, fails=(ScheduleNotFound,))
def resume_schedule(call: Call, name: ScheduleName) -> Reply[ScheduleView]:
    """Resume a schedule. Times that passed meanwhile were not missed."""
    return Reply(schedule_view(resources.timetable().resume(name, call.deed())))


@routes.add("POST /schedules/{name}/run", OPERATOR, statuses={CREATED: "The job"}, fails=(ScheduleNotFound,))
def run_schedule(call: Call, name: ScheduleName) -> Reply[views.JobView]:
    """Run a schedule now, once more, paused or not."""
    resources.timetable().get(name)
    resources.audit().write(call.deed())
    job = resources.timetable().run_now(name)
    return Reply(views.whole(job), headers=_location(job.id))


@routes.add("POST /schedules/{name}/backfill", OPERATOR, fails=(ScheduleNotFound,))
def backfill_schedule(call: Call, name: ScheduleName, body: Backfill) -> Reply[BackfillView]:
    """Submit a job for each past time in a range that has none, oldest first.

    One call looks at `limit` times; `next` is where to go on. Doing it twice doubles nothing.
    """
    if not body.dry_run:
        resources.timetable().get(name)
        resources.audit().write(call.deed(**{"from": views.rfc3339(body.from_), "to": views.rfc3339(body.to)}))
    return Reply(backfill_view(resources.timetable().backfill(name, body)))


@routes.add("GET /schedules/{name}/runs", VIEWER, fails=(ScheduleNotFound,))
def list_runs(call: Call, name: ScheduleName, query: RunsQuery) -> Reply[list[RunView]]:
    """List the runs of a schedule and how their jobs fared, the latest time first."""
    runs, cursor = resources.timetable().runs(name, query)
    return Reply([run_view(run) for run in runs], headers=pages.link(f"/schedules/{name}/runs", query, cursor))


@routes.add("GET /schedules/{name}/preview", VIEWER, fails=(ScheduleNotFound,))
def preview_next(call: Call, name: ScheduleName, query: PreviewQuery) -> Reply[PreviewView]:
    """Tell the next times of a schedule, as if it were not paused."""
    return Reply(_preview(resources.timetable().preview_of(name, query.count)))


@routes.add("POST /schedules/preview", VIEWER)
def preview_schedule(call: Call, body: Preview) -> Reply[PreviewView]:
    """Tell the next times that a schedule would have."""
    return Reply(_preview(resources.timetable().preview(body)))


@routes.add("POST /ws-tickets", VIEWER, statuses={CREATED: "The ticket"})
def issue_ticket(call: Call) -> Reply[answers.TicketView]:
    """Get a ticket for one WebSocket connect within 30 seconds."""
    expires_at = views.rfc3339(datetime.now(UTC) + LIFE)
    return Reply(answers.TicketView(resources.gatekeeper().ticket(call.caller), expires_at))


@routes.add("GET /me", VIEWER)
def show_me(call: Call) -> Reply[Caller]:
    """Say whose key this is, and what it may do."""
    return Reply(call.caller)


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
        deed=call.deed(**msgspec.to_builtins(body)),
    )
    return Reply(answers.new_key_view(key, text))


@routes.add("DELETE /keys/{key_id}", ADMIN, statuses={NO_CONTENT: "It opens nothing any more"}, fails=(KeyNotFound,))
def revoke_key(call: Call, key_id: str) -> Reply[None]:
    """Revoke an API key: within 30 seconds it opens nothing, and its WebSockets are cut."""
    resources.keyring().revoke(key_id, call.deed())
    return Reply(None)


@routes.add("GET /retention", VIEWER)
def show_retention(call: Call) -> Reply[Retention]:
    """Show how many days finished jobs are kept, by status. Null: for ever."""
    return Reply(resources.retention().get())


@routes.add("PUT /retention", ADMIN)
def change_retention(call: Call, body: RetentionChange) -> Reply[Retention]:
    """Set how many days finished jobs are kept, from 1 to 3,650. What is left out stays as it is; null: for ever.

    They count from ``finished_at``. A job goes within a day after they are over, with its tags and logs, and then is not found.
    """
    return Reply(resources.retention().change(body, call.deed(**body.given())))


@routes.add("GET /audit", ADMIN)
def list_audit(call: Call, query: AuditQuery) -> Reply[list[answers.AuditView]]:
    """List the calls that changed something, newest first.

    A page may be short, even empty: only where no ``Link`` header with ``rel="next"`` comes, the list has ended.
    """
    page = resources.audit().page(query.chosen())
    shown = [answers.audit_view(entry) for entry in page.entries]
    return pages.page_of("/audit", query, shown, page.stopped_at, lambda view: view.id)


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> dict[str, int]:
    try:
        caller = resources.gatekeeper().admit_socket(_ticket(event))
        resources.connections().add(event.connection_id, _api_id(event), event.stage, caller)
    except Unauthenticated:
        logger.info("refused", extra={"connection_id": event.connection_id})
        return {"statusCode": HTTPStatus.UNAUTHORIZED}
    except (QueueUnavailable, StoreUnavailable) as error:
        logger.error("a service is away", extra={"reason": str(error)})
        return {"statusCode": HTTPStatus.SERVICE_UNAVAILABLE}
    logger.info("connected", extra={"connection_id": event.connection_id, "caller": caller.id})
    return {"statusCode": HTTPStatus.OK}


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> None:
    logger.info("disconnected", extra={"connection_id": event.connection_id})
    try:
        resources.connections().remove(event.connection_id)
    except QueueUnavailable as error:  # who sends to it next hears that it has left
        logger.error("a service is away", extra={"reason": str(error)})


@app.on_ws_message()
def message(event: WebsocketEvent) -> None:
    logger.info("message", extra={"connection_id": event.connection_id})
    try:
        _hear(event)
    except ConnectionGone:
        logger.info("left before it was answered", extra={"connection_id": event.connection_id})
    except GatewayUnavailable as error:
        logger.error("a service is away", extra={"reason": str(error)})


def _hear(event: WebsocketEvent) -> None:
    try:
        asked = wire.message(event.body)
    except (InvalidInput, MalformedJson) as error:
        _reply(event, wire.refusal(error))
        return
    frame = resources.subscriptions().answer(event.connection_id, asked)
    if frame is None:
        resources.gateway().cut(_api_id(event), event.stage, event.connection_id)
    else:
        _reply(event, frame)


def _when(body: Definition) -> dict[str, object]:
    """For the audit."""
    said = {"cron": body.cron, "interval_seconds": body.interval_seconds, "at": body.at and views.rfc3339(body.at)}
    return {name: value for name, value in said.items() if value is not None}


def _preview(times: list[datetime]) -> PreviewView:
    return PreviewView([views.rfc3339(moment) for moment in times])


def _location(job_id: UUID) -> dict[str, str]:
    return {"Location": f"{wire.BASE}/jobs/{job_id}"}


def _reply(event: WebsocketEvent, frame: bytes) -> None:
    resources.gateway().send(_api_id(event), event.stage, event.connection_id, frame)


def _api_id(event: WebsocketEvent) -> str:
    return str(event.to_dict()["requestContext"]["apiId"])


def _ticket(event: WebsocketEvent) -> str | None:
    ticket: str | None = (event.to_dict().get("queryStringParameters") or {}).get("ticket")
    return ticket
