"""What the harness knows of a peer; everything else is inside the peer's folder and its own environment.

A peer's folder holds ``driver.py`` or ``driver.mjs`` (submits and counts, see ``peers/inside``), what its workers load, and
its pins: ``requirements.txt`` or ``package.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import LiteralString

Command = tuple[str, ...]  # the program first: one that the peer's environment has


class Language(StrEnum):
    PYTHON = "python"
    NODE = "node"
    THIS = "this"  # this project, from its own virtual environment


class Outcome(StrEnum):
    """What is left of a job that has finished, in falling order of what survives."""

    RESULT_IN_POSTGRES = "status and result, durable in Postgres"
    STATUS_IN_POSTGRES = "status only, durable in Postgres"
    RESULT_IN_REDIS = "result in Redis: lost with it, or after a while"
    NOTHING = "nothing: the row is deleted"


@dataclass(frozen=True, kw_only=True)
class History:
    """How to have millions of finished rows at once: one that the peer itself made is copied."""

    table: str
    id_column: str
    finished: LiteralString = "TRUE"  # which rows of the table are finished jobs
    new_id: LiteralString | None = (
        None  # SQL over ``sample`` and ``n`` (from 1 to ``total``); None: the column's own default
    )


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One line of the comparison."""

    name: str
    title: str
    folder: str
    language: Language
    outcome: Outcome
    settings: str
    workers: tuple[Command, ...]
    sleep_workers: tuple[
        Command, ...
    ] = ()  # for jobs that wait 10 ms, 100 at once; empty: it cannot, and a note says why
    bulk_api: str | None = None
    drain_jobs: int = 50_000  # fewer where that would take more than about 15 s
    sleep_jobs: int = 10_000
    environment: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    history: History | None = None


class PeerFailed(Exception):
    """A peer did not do what it was asked; the comparison goes on without this round of it."""

    def __init__(self, peer: str, what: str) -> None:
        super().__init__(f"{peer}: {what}")
