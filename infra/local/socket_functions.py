"""WebSocket events on several processes, and in the logs, as on AWS.

The emulator calls the function of a route on one process, one event after the other, and throws its log away: when a thousand
clients come back at once, the last one waits for all others.
"""

from __future__ import annotations

import time
from types import ModuleType
from typing import Any

from infra.local.emulator_parts import require

AT_ONCE = 4  # processes for a function, of 60 MB
LOOK_SECONDS = 0.005


def improve(runtime: ModuleType, functions: ModuleType) -> None:
    """runtime, functions: the emulator's modules of processes and of Lambda. Raises UnknownEmulator."""
    require(runtime, ["acquire_worker", "release_worker", "get_or_create_worker"])
    require(functions, ["_emit_lambda_logs"])
    lender: Any = runtime
    lender.get_or_create_worker = lambda *what, **more: _Turn(runtime, functions, *what, **more)


class _Turn:
    """Looks like a process; takes one for each call."""

    def __init__(self, runtime: Any, functions: Any, name: str, config: Any, code: bytes, qualifier: str) -> None:
        self._runtime = runtime
        self._functions = functions
        self._what = name, config, code, qualifier
        self._config = config

    def invoke(self, event: Any, request_id: str) -> Any:
        process, began = self._wait_for_one(), time.monotonic()
        try:
            result = process.invoke(event, request_id)
        finally:
            self._runtime.release_worker(process)
        self._log(request_id, result, int(1000 * (time.monotonic() - began)))
        return result

    def _wait_for_one(self) -> Any:
        while True:
            process, _ = self._runtime.acquire_worker(*self._what, max_concurrency=AT_ONCE)
            if process is not None:
                return process
            time.sleep(LOOK_SECONDS)

    def _log(self, request_id: str, result: Any, duration_ms: int) -> None:
        has_failed = result.get("status") != "ok"
        lines = [result.get("log"), result.get("trace") or result.get("error") if has_failed else None]
        text = "\n".join(filter(None, lines))
        self._functions._emit_lambda_logs({"config": self._config}, request_id, text, has_failed, duration_ms)  # noqa: SLF001
