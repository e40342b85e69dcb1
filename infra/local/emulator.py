"""Runs the AWS emulator with what Chalice needs, and the front door on a second port.

The emulator's own settings come from the environment. Everything it is told is in its memory until a clean stop, so
``POST /_local/save`` writes it down: a deploy then survives ``kill -9``.
"""

# ruff: noqa: SLF001 - the emulator has no public way in; ``require`` notices when the private one changes

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import os
import shutil
import signal
import socket
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
from hypercorn.asyncio import serve
from hypercorn.config import Config

from infra.local import functions, socket_functions
from infra.local.emulator_parts import require
from infra.local.front_door import Application, FrontDoor, Receive, Scope, Send
from infra.local.names import API_NAME, BUCKET, SAVE, STAGE
from infra.local.ports import LOOPBACK
from infra.local.processes import send
from infra.local.rest_import import RestApis, WebSocketApis, stable_id

GRACE_SECONDS = 1.0  # open WebSockets would hold up a stop for longer


def front_door(port: int, stage: str = STAGE) -> FrontDoor:
    websocket_api_id = stable_id(f"{API_NAME}-{stage}-websocket-api")  # Chalice's name for it
    return FrontDoor(port=port, rest_api_id=stable_id(API_NAME), websocket_api_id=websocket_api_id, bucket=BUCKET)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--front-port", type=int, help="where the front door is; none: somebody else keeps one")
    parser.add_argument("--functions-log", type=Path, required=True)
    parser.add_argument("--host", default=LOOPBACK, help="the address to listen on (default: loopback)")
    parser.add_argument("--stage", default=STAGE, help="which the front door leads to")
    arguments = parser.parse_args()
    port = arguments.front_port
    _empty(Path(os.environ["TMPDIR"]))
    ministack = _taught(arguments.functions_log)
    app: Any = _with_save(ministack.app, ministack)
    aws = f"{arguments.host}:{os.environ['GATEWAY_PORT']}"
    if port is None:
        asyncio.run(_serve(app, _config([aws])))
    else:
        asyncio.run(_serve(front_door(port, arguments.stage).wrap(app), _config([aws, *_front(port)])))


async def _serve(app: Any, config: Config) -> None:
    """Until told to stop; leaves without waiting for threads."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ending = asyncio.create_task(_end_functions(stop))
    await serve(app, config, shutdown_trigger=stop.wait)
    ending.cancel()
    logging.shutdown()
    os._exit(0)


async def _end_functions(stop: asyncio.Event) -> None:
    """Whatever runs or still starts while we stop: it would wait for us, and we for it. The leases of its jobs run out."""
    await stop.wait()
    while True:
        for child in psutil.Process().children(recursive=True):
            send(child, signal.SIGTERM)
        await asyncio.sleep(0.1)


def _taught(functions_log: Path) -> Any:
    """The emulator's module, with the calls it lacks. Raises UnknownEmulator when its inside has changed."""
    ministack = importlib.import_module("ministack.app")
    require(ministack, ["app", "save_all", "_build_persistence_save_dict"])
    rest: Any = _service("apigateway_v1")
    rest.handle_request = RestApis(rest).handle_request
    websocket: Any = _service("apigateway")
    websocket.handle_request = WebSocketApis(websocket).handle_request
    functions.improve(_service("lambda_svc"), _service("cloudwatch_logs"), functions_log)
    socket_functions.improve(importlib.import_module("ministack.core.lambda_runtime"), _service("lambda_svc"))
    return ministack


def _service(name: str) -> ModuleType:
    return importlib.import_module(f"ministack.services.{name}")


def _with_save(app: Application, ministack: Any) -> Application:
    async def saving(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == SAVE and scope["method"] == "POST":
            ministack.save_all(ministack._build_persistence_save_dict())
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await app(scope, receive, send)

    return saving


def _front(port: int) -> list[str]:
    """What systems mean by "localhost"."""
    return [f"{LOOPBACK}:{port}", *([f"[::1]:{port}"] if _has_ipv6() else [])]


def _config(addresses: list[str]) -> Config:
    config = Config()
    config.bind = addresses
    config.keep_alive_timeout = 75
    config.graceful_timeout = GRACE_SECONDS
    config.include_server_header = False
    return config


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _empty(directory: Path) -> None:
    """Unpacked functions of an emulator that was killed."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)


if __name__ == "__main__":
    main()
