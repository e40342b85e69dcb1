"""Makes the emulator's Lambda service bearable for people: no artificial delays, calls that wait, logs in a file.

The number of functions that run at once is bounded, as each is a process; the emulator would refuse the next call, AWS with its
limit of 1,000 would not. So it waits its turn. And the emulator keeps every log line in memory for ever: here only the
newest calls of each function are kept, and all of them go to a file that is rotated.
"""

# ruff: noqa: SLF001 - the emulator has no public way in; ``require`` notices when the private one changes

from __future__ import annotations

import asyncio
import logging
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import ModuleType
from typing import Any

from infra.local.emulator_parts import require

NAMES = ["_LAMBDA_STATE_TRANSITION_DELAY", "_acquire_execution_slot", "_emit_lambda_logs"]
TURN_SECONDS = 25  # a function's own time limit is 28 s, API Gateway's 29 s
LOOK_SECONDS = 0.005
KEPT_STREAMS = 100  # the emulator opens one a call
LOG_BYTES = 10_000_000


def improve(functions: ModuleType, logs: ModuleType, file: Path) -> None:
    """functions, logs: the emulator's modules for Lambda and CloudWatch Logs. Raises UnknownEmulator."""
    require(functions, NAMES)
    require(logs, ["_log_groups"])
    service: Any = functions
    service._LAMBDA_STATE_TRANSITION_DELAY = 0.0  # otherwise Chalice waits five seconds a function
    service._acquire_execution_slot = _Turns(functions).take
    service._emit_lambda_logs = _Logs(functions, logs, file).emit


class _Turns:
    """Slots for running functions, waited for."""

    def __init__(self, functions: Any) -> None:
        self._take = functions._acquire_execution_slot

    def take(self, function: Any, config: Any) -> tuple[str | None, str | None]:
        give_up_at = time.monotonic() + (0 if _on_event_loop() else TURN_SECONDS)
        while True:
            slot, limit = self._take(function, config)
            if limit != "account" or time.monotonic() >= give_up_at:
                return slot, limit
            time.sleep(LOOK_SECONDS)


class _Logs:
    """What functions write, in one file and, for the newest calls, in CloudWatch Logs."""

    def __init__(self, functions: Any, logs: Any, file: Path) -> None:
        self._emit = functions._emit_lambda_logs
        self._groups = logs._log_groups
        self._file = _logger(file)

    def emit(self, function: Any, request_id: str, text: str, *details: Any, **more: Any) -> None:
        self._emit(function, request_id, text, *details, **more)
        name = (function.get("config") or function).get("FunctionName", "")
        for line in (text or "").splitlines():
            self._file.info("%s %s", name, line)
        self._prune(f"/aws/lambda/{name}")

    def _prune(self, group: str) -> None:
        if group not in self._groups:
            return
        streams = self._groups[group]["streams"]
        for name in list(streams)[:-KEPT_STREAMS]:
            streams.pop(name, None)


def _on_event_loop() -> bool:
    """Waiting there would stop everyone."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _logger(file: Path) -> logging.Logger:
    handler = RotatingFileHandler(file, maxBytes=LOG_BYTES, backupCount=2)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("infra.local.functions")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    return logger
