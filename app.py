"""Every HTTP route and WebSocket event: parse, call, render."""

from __future__ import annotations

from chalice.app import Chalice, WebsocketEvent

app = Chalice(app_name="job-scheduler")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@app.route("/")
def index() -> dict[str, str]:
    return {"status": "ok"}


@app.route("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.route("/ready")
def ready() -> dict[str, str]:
    return {"status": "ok"}


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> None:
    print("connect", event.connection_id)


@app.on_ws_message()
def message(event: WebsocketEvent) -> None:
    print("message", event.connection_id)


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> None:
    print("disconnect", event.connection_id)
