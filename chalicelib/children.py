"""Child processes for isolated handlers: SIGTERM, then SIGKILL, stops whatever they do.

A child runs one attempt at a time and is kept for the next one, so that only the first pays for starting Python. It talks over a
pair of sockets: no shared memory, which Lambda has not. It ends when its worker does, because then the socket closes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path

import msgspec

from chalicelib.attempt import Attempt
from chalicelib.errors import HandlerProcessDied
from chalicelib.handlers.registry import JobType
from chalicelib.joblog import LogEntry
from chalicelib.jobs import ClaimedJob, Outcome, Progress, Released
from chalicelib.settings import Settings

TERM_SECONDS = 5.0  # between SIGTERM and SIGKILL
LOOK_SECONDS = 0.1  # how soon a child hears that its attempt was stopped


class Order(msgspec.Struct, frozen=True):
    """What a child is to run. module: importing it registers the job type."""

    job: ClaimedJob
    settings: Settings
    module: str


class Said(msgspec.Struct, frozen=True, tag=True):
    """The handler reported progress."""

    progress: Progress


class Logged(msgspec.Struct, frozen=True, tag=True):
    """The handler logged a line."""

    entry: LogEntry


class Ended(msgspec.Struct, frozen=True, tag=True):
    """The handler has ended."""

    outcome: Outcome


Answer = Said | Logged | Ended


class Children:
    """Those that wait for work."""

    def __init__(self) -> None:
        self._idle: deque[Child] = deque()

    def run(self, attempt: Attempt, job_type: JobType) -> Outcome:
        """Raises HandlerProcessDied. For a stopped attempt the outcome means nothing."""
        attempt.interrupt = None  # it is the child that is stopped, and not the thread that waits for it
        child = self._idle.pop() if self._idle else Child()
        try:
            outcome = child.run(attempt, job_type)
        except BaseException:
            child.kill()
            raise
        if attempt.reason is None:
            self._idle.append(child)
        else:
            child.kill()
        return outcome

    def close(self) -> None:
        for child in self._idle:
            child.kill()


class Child:
    """One process."""

    def __init__(self) -> None:
        self._pipe, theirs = Pipe()
        with theirs:
            # sys.path, so that the child finds the modules that we found.
            self._process = subprocess.Popen(  # noqa: S603 (our own interpreter, our own module)
                [sys.executable, "-m", "chalicelib.child", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
            )

    def run(self, attempt: Attempt, job_type: JobType) -> Outcome:
        """See ``Children.run``."""
        self._send(Order(attempt.job, attempt.settings, _module(job_type)))
        while not isinstance(answer := self._answer(LOOK_SECONDS), Ended):
            _pass_on(answer, attempt)
            if attempt.reason is not None:
                self._stop()
                self._hear_the_last_of(attempt)
                return Released()
        return answer.outcome

    def _hear_the_last_of(self, attempt: Attempt) -> None:
        """What it said before it ended."""
        with suppress(HandlerProcessDied):
            while (answer := self._answer(0.0)) is not None:
                _pass_on(answer, attempt)

    def _send(self, order: Order) -> None:
        try:
            self._pipe.send_bytes(msgspec.json.encode(order))
        except OSError:
            raise self._died() from None

    def _answer(self, patience_seconds: float) -> Answer | None:
        """None: nothing yet."""
        try:
            return _decoder.decode(self._pipe.recv_bytes()) if self._pipe.poll(patience_seconds) else None
        except (EOFError, OSError):
            raise self._died() from None

    def _died(self) -> HandlerProcessDied:
        return HandlerProcessDied(self._process.wait(TERM_SECONDS))

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(TERM_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._pipe.close()


def _module(job_type: JobType) -> str:
    name = job_type.run.__module__
    spec = sys.modules["__main__"].__spec__ if name == "__main__" else None
    return spec.name if spec else name


def _pass_on(answer: Answer | None, attempt: Attempt) -> None:
    match answer:
        case Said(progress):
            attempt.say(progress)
        case Logged(entry):
            attempt.note(entry)


_decoder: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)
