"""Handlers that run in child processes, in a module that the child can import."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

from chalicelib.errors import AttemptStopped, RetryLater
from chalicelib.handlers.registry import JobContext, Registry, job, registry

here = logging.getLogger(__name__)

JOBS = (
    "apart",
    "apart_async",
    "apart_stubborn",
    "apart_tidy",
    "apart_dead",
    "apart_failing",
    "apart_later",
    "apart_talking",
    "apart_last_words",
)


@job("apart", isolation="process")
def apart(payload: Any, context: JobContext) -> dict[str, Any]:
    context.progress(0.5, "half")
    return {"pid": os.getpid(), "payload": payload, "attempt": context.attempt}


@job("apart_async", isolation="process")
async def apart_async(payload: Any, context: JobContext) -> int:
    return os.getpid()


@job("apart_stubborn", isolation="process")
def apart_stubborn(payload: str, context: JobContext) -> None:
    """Hears nothing, as native code does. payload: where to write its process id."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path(payload).write_text(str(os.getpid()))
    time.sleep(600)


@job("apart_tidy", isolation="process")
def apart_tidy(payload: str, context: JobContext) -> None:
    """Blocks, and cleans up when it is stopped. payload: the file it leaves."""
    Path(payload).write_text("working")
    try:
        time.sleep(600)
    except AttemptStopped:
        Path(payload).write_text("tidied up")
        raise


@job("apart_dead", isolation="process")
def apart_dead(payload: Any, context: JobContext) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@job("apart_failing", isolation="process")
def apart_failing(payload: Any, context: JobContext) -> None:
    raise ValueError("boom in a child")


@job("apart_later", isolation="process")
def apart_later(payload: Any, context: JobContext) -> None:
    raise RetryLater(3600)


@job("apart_talking", isolation="process")
async def apart_talking(payload: Any, context: JobContext) -> None:
    context.log.info("in a child")
    await asyncio.create_task(_talk())
    await asyncio.to_thread(here.info, "and its thread")


async def _talk() -> None:
    here.info("in its task")


@job("apart_last_words", isolation="process")
def apart_last_words(payload: Any, context: JobContext) -> None:
    context.log.info("working")
    try:
        time.sleep(600)
    except AttemptStopped:
        context.log.info("stopped")
        raise


def add_to(other: Registry) -> None:
    for name in JOBS:
        other.add(registry.get(name))
