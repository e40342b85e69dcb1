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
from infra.local.programs import PROGRAM_MARK, STACK_MARK
from infra.local.stack import Stack

GRACE_SECONDS = 20


def find_strays(stack: Stack) -> list[psutil.Process]:
    """In no order, supervisord included."""
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _is_ours(process, stack)]


def end_strays(stack: Stack) -> None:
    """The supervisor first, which would start others anew; workers next, which finish what they hold."""
    for program in ("supervisor", "worker"):
        _end([process for process in find_strays(stack) if _mark(process, PROGRAM_MARK) == program], stack)
    _end(find_strays(stack), stack)


def owner_of(port: int) -> str:
    """The directory of the stack that listens there, or nothing when it is another program."""
    listeners = (process for process in psutil.process_iter() if port in _listens_on(process))
    return next((directory for process in listeners if (directory := _mark(process, STACK_MARK))), "")


def _listens_on(process: psutil.Process) -> set[int]:
    with contextlib.suppress(psutil.Error, OSError):
        return {link.laddr.port for link in process.net_connections("tcp") if link.status == psutil.CONN_LISTEN}
    return set()


def _end(strays: list[psutil.Process], stack: Stack) -> None:
    """Politely first, then not. Children leave with their parents."""
    pids = {process.pid for process in strays}
    for process in strays:
        if _parent(process) not in pids:
            send(process, _polite_signal(process, stack))
    for process in wait_until_gone(strays, GRACE_SECONDS):
        send(process, signal.SIGKILL)
    wait_until_gone(strays, GRACE_SECONDS)


def _mark(process: psutil.Process, name: str) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        return process.environ().get(name, "")
    return ""


def _parent(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return process.ppid()
    return 0


def _is_ours(process: psutil.Process, stack: Stack) -> bool:
    if is_gone(process):
        return False
    if _mark(process, STACK_MARK) == str(stack.directory):
        return True
    return _works_in(process) in (str(stack.valkey.directory), str(stack.postgres.data))


def _works_in(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        return process.cwd()
    return ""


def _polite_signal(process: psutil.Process, stack: Stack) -> signal.Signals:
    is_postgres = _works_in(process) == str(stack.postgres.data)
    return postgres.STOP_SIGNAL if is_postgres else signal.SIGTERM
