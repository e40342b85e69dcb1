"""A peer's processes: its driver, and its workers."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import psutil

from tests.bench.comparison import usage
from tests.bench.comparison.environments import Environment
from tests.bench.comparison.peer import Command, Language, Peer, PeerFailed

ANSWER_SECONDS = 180
STOP_SECONDS = 5
LOG_TAIL = 1500  # characters

Variables = dict[str, str]


class Driver:
    """The harness's end of ``peers/inside/protocol``."""

    def __init__(self, peer: Peer, environment: Environment, variables: Variables, log: Path) -> None:
        self._peer = peer
        self._log = log
        program = ("node", "driver.mjs") if peer.language is Language.NODE else ("python", "driver.py")
        with log.open("ab") as output:
            self._process = _start(environment, program, variables, output, talks=True)

    def ask(self, do: str, **arguments: Any) -> Any:
        """Raises PeerFailed. Lines that are no answers are a library's chatter."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._answer(do)
        if "error" in answer:
            raise self._failed(f"{do}: {answer['error']}")
        return answer["answer"]

    def close(self) -> None:
        end([self._process])

    def _answer(self, do: str) -> dict[str, Any]:
        while line := self._line(do):
            if line.startswith((b'{"answer"', b'{"error"')):
                answer: dict[str, Any] = json.loads(line)
                return answer
        raise self._failed(f"{do}: the driver has gone")

    def _line(self, do: str) -> bytes:
        output = self._process.stdout
        assert output is not None
        if not select.select([output], [], [], ANSWER_SECONDS)[0]:
            raise self._failed(f"{do}: no answer within {ANSWER_SECONDS} s")
        return output.readline()

    def _failed(self, what: str) -> PeerFailed:
        return PeerFailed(self._peer.name, f"{what}\n{_tail(self._log)}")


class Workers:
    """The processes that the harness started; theirs are below them."""

    def __init__(self, peer: Peer, processes: Sequence[subprocess.Popen[bytes]], log: Path) -> None:
        self._peer = peer
        self._processes = processes
        self._log = log

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes]

    def check(self) -> None:
        """Raises PeerFailed when one of them has ended."""
        if any(process.poll() is not None for process in self._processes):
            self.fail("a worker ended")

    def fail(self, what: str) -> None:
        """Raises PeerFailed, with what the workers said last."""
        raise PeerFailed(self._peer.name, f"{what}\n{_tail(self._log)}")


@contextlib.contextmanager
def driver(peer: Peer, environment: Environment, variables: Variables, log: Path) -> Iterator[Driver]:
    ours = Driver(peer, environment, variables, log)
    try:
        yield ours
    finally:
        ours.close()


@contextlib.contextmanager
def workers(
    peer: Peer, commands: Sequence[Command], environment: Environment, variables: Variables, log: Path
) -> Iterator[Workers]:
    with log.open("ab") as output:
        started = [_start(environment, command, variables, output) for command in commands]
        try:
            yield Workers(peer, started, log)
        finally:
            end(started)


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Politely, then whatever they have started and left behind."""
    trees = list(usage.trees(process.pid for process in processes))
    for process in processes:
        process.terminate()
    _, alive = psutil.wait_procs(trees, STOP_SECONDS)
    for one in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    for process in processes:
        process.wait()
        for pipe in filter(None, (process.stdin, process.stdout)):
            pipe.close()


def _start(
    environment: Environment, command: Command, variables: Variables, log: IO[bytes], *, talks: bool = False
) -> subprocess.Popen[bytes]:
    base = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TZ") if name in os.environ}
    return subprocess.Popen(
        environment.command(command),
        cwd=environment.folder,
        env=base | environment.variables | variables,
        stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
        stdout=subprocess.PIPE if talks else log,
        stderr=log,
        start_new_session=True,
        bufsize=0,  # so that select sees every line that is not read yet
    )


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-LOG_TAIL:]
