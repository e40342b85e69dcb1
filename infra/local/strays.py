"""Finds and ends processes of a stack that nobody supervises any more.

A process is ours by the mark in its environment, or by working in one of our data directories: Valkey and Postgres may
overwrite their environment with a title for ``ps``.
"""

from __future__ import annotations

import contextlib
import os
import signal

import psutil

from infra.local import postgres
from infra.local.processes import is_gone, send, wait_until_gone
from infra.local.programs import STACK_MARK
from infra.local.stack import Stack

GRACE_SECONDS = 20


def find_strays(stack: Stack) -> list[psutil.Process]:
    """In no order, supervisord included."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _is_ours(process, stack)]


def end_strays(stack: Stack) -> None:
    """Politely first, then not."""
    strays = find_strays(stack)
    for process in strays:
        send(process, _polite_signal(process, stack))
    for process in wait_until_gone(strays, GRACE_SECONDS):
        send(process, signal.SIGKILL)
    wait_until_gone(strays, GRACE_SECONDS)


def _is_ours(process: psutil.Process, stack: Stack) -> bool:
    if is_gone(process):
        return False
    with contextlib.suppress(psutil.Error, OSError):
        if process.environ().get(STACK_MARK) == str(stack.directory):
            return True
    return _works_in(process) in (str(stack.valkey.directory), str(stack.postgres.data))


def _works_in(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        return process.cwd()
    return ""


def _polite_signal(process: psutil.Process, stack: Stack) -> signal.Signals:
    is_postgres = _works_in(process) == str(stack.postgres.data)
    return postgres.STOP_SIGNAL if is_postgres else signal.SIGTERM
