"""Every HTTP route and WebSocket event: parse, call, render."""

from __future__ import annotations

import logging
from http import HTTPStatus

from chalice.app import CORSConfig, Response, WebsocketEvent

from chalicelib import logs, resources, wire
from chalicelib.errors import InvalidInput, MalformedJson
from chalicelib.events import PONG, Ping, Subscription
from chalicelib.handlers import registry
from chalicelib.readiness import OK
from chalicelib.scheduler import Submission

logs.start_logging()
logger = logging.getLogger(__name__)

app = wire.Api(app_name="job-scheduler", configure_logs=False)
app.api.cors = CORSConfig(
    allow_origin="*",
    allow_headers=["Idempotency-Key"],
    expose_headers=["Link", "Location", "X-Request-Id"],
    max_age=600,
)
app.experimental_feature_flags.update(["WEBSOCKETS"])

answers = wire.errors_to_http(app)


@app.route("/")
@answers
def index() -> Response:
    return wire.json({"status": "ok"})


@app.route("/health")
@answers
def health() -> Response:
    return wire.json({"status": "ok"})


@app.route("/ready")
@answers
def ready() -> Response:
    checks = resources.readiness().checks()
    if all(check == OK for check in checks.values()):
        return wire.json({"status": "ready", "checks": checks})
    return wire.json({"status": "unavailable", "checks": checks}, HTTPStatus.SERVICE_UNAVAILABLE)


@app.route("/jobs", methods=["POST"])
@answers
def submit() -> Response:
    (job,) = resources.scheduler().submit([wire.body(app, Submission)])
    return wire.one_job(job, HTTPStatus.CREATED)


@app.route("/jobs", methods=["GET"])
@answers
def list_jobs() -> Response:
    query = wire.query(app)
    chosen = wire.job_filter(query)
    return wire.page(resources.scheduler().page(chosen), chosen, query)


@app.route("/jobs/{job_id}", methods=["GET"])
@answers
def show_job(job_id: str) -> Response:
    return wire.one_job(resources.scheduler().get(wire.job_id(job_id)))


@app.route("/jobs/{job_id}/cancel", methods=["POST"])
@answers
def cancel(job_id: str) -> Response:
    return wire.one_job(resources.scheduler().cancel(wire.job_id(job_id)))


@app.route("/jobs/{job_id}/revive", methods=["POST"])
@answers
def revive(job_id: str) -> Response:
    return wire.one_job(resources.scheduler().revive(wire.job_id(job_id)))


@app.route("/job-types", methods=["GET"])
@answers
def list_job_types() -> Response:
    return wire.json([wire.job_type_view(job_type) for job_type in registry.all().values()])


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> None:
    logger.info("connected", extra={"connection_id": event.connection_id})
    resources.connections().add(event.connection_id, _api_id(event), event.stage)


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


def _reply(event: WebsocketEvent, frame: bytes) -> None:
    resources.gateway().send(_api_id(event), event.stage, event.connection_id, frame)


def _api_id(event: WebsocketEvent) -> str:
    return str(event.to_dict()["requestContext"]["apiId"])
