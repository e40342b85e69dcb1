"""What happened outside: one line for each thing that was done, in a file for each process.

Lines are appended with one ``write``, so that a process killed a moment later has written all of it or nothing. They need no
fsync: it is processes that are killed here, not the computer.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID


class Ledger:
    """Where a process writes down what it does. A fork gets a file of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._pid = 0
        self._file = -1

    def write(self, *words: object) -> None:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            path = self._directory / f"{self._pid}-{secrets.token_hex(4)}"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(self._file, (" ".join(map(str, words)) + "\n").encode())


@dataclass(frozen=True, kw_only=True)
class Run:
    """A handler began, or ended with a result."""

    job_id: UUID
    attempt: int
    pid: int
    result: str = ""


@dataclass(frozen=True, kw_only=True)
class Account:
    """All ledgers of a run, read together."""

    began: list[Run]
    ended: list[Run]
    told: dict[str, UUID]  # submits that were answered with an id, by their serial
    asked: set[str]  # serials of all submits, whether answered or not
    cancelled: dict[UUID, str]  # cancels that were answered, and with which status
    deaths: list[str]  # steps at which a process killed itself


def read(directory: Path) -> Account:
    lines = [line.split(" ") for line in _lines(directory)]
    return Account(
        began=[_run(words) for kind, *words in lines if kind == "began"],
        ended=[_run(words) for kind, *words in lines if kind == "ended"],
        told={words[0]: UUID(words[1]) for kind, *words in lines if kind == "told"},
        asked={words[0] for kind, *words in lines if kind == "asked"},
        cancelled={UUID(words[0]): words[1] for kind, *words in lines if kind == "cancelled"},
        deaths=[words[0] for kind, *words in lines if kind == "died"],
    )


def _lines(directory: Path) -> Iterator[str]:
    for path in sorted(directory.iterdir()):
        yield from path.read_text().splitlines()


def _run(words: list[str]) -> Run:
    return Run(job_id=UUID(words[0]), attempt=int(words[1]), pid=int(words[2]), result="".join(words[3:4]))
