"""``queues``: how deep they are, and how they are held back."""

from __future__ import annotations

import math
from typing import Annotated

import typer
from rich.text import Text

from chalicelib.cli.answers import Queue, Rate
from chalicelib.cli.api import path
from chalicelib.cli.moments import length
from chalicelib.cli.options import Name
from chalicelib.cli.session import Session, command
from chalicelib.cli.table import Cell, Column, table

NONE = "none"

COLUMNS = [
    Column("QUEUE", least=10),
    Column("STATE", rank=1),
    Column("QUEUED", rank=1, right=True),
    Column("RUNNING", rank=1, right=True),
    Column("RETRY", rank=4, right=True),
    Column("LATER", rank=5, right=True),
    Column("BLOCKED", rank=8, right=True),
    Column("OLDEST", rank=2, right=True),
    Column("IN/MIN", rank=6, right=True),
    Column("OUT/MIN", rank=3, right=True),
    Column("LIMITS", rank=7),
]


def parse_limit(written: str) -> float | None:
    """Raises BadParameter."""
    if written == NONE:
        return None
    try:
        number = float(written)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise typer.BadParameter(f"{written!r} is no limit: expected a number, or {NONE}")
    return int(number) if number.is_integer() else number


MaxRunning = Annotated[
    str | None, typer.Option("--max-running", metavar="N|none", help="Most jobs at once, over all workers.")
]
RateLimit = Annotated[str | None, typer.Option("--rate-limit", metavar="N|none", help="Most starts a second.")]


@command
def list_queues(session: Session) -> None:
    """Show all queues; with a command below, change one."""
    answer = session.api.get("/queues")
    if session.as_json:
        session.output.document(answer.raw)
        return
    rows = [_row(queue) for queue in answer.read(list[Queue])]
    session.output.line(table(session.output.out, COLUMNS, rows))


@command
def pause(session: Session, name: Name) -> None:
    """Start no more of a queue's jobs. Running ones go on."""
    _change(session, name, {"paused": True})


@command
def resume(session: Session, name: Name) -> None:
    """Start a paused queue's jobs again."""
    _change(session, name, {"paused": False})


@command
def set_limits(session: Session, name: Name, max_running: MaxRunning = None, rate_limit: RateLimit = None) -> None:
    """Set a queue's limits; "none" clears one."""
    given = {"max_running": max_running, "rate_limit": rate_limit}
    change = {limit: parse_limit(written) for limit, written in given.items() if written is not None}
    if not change:
        raise typer.BadParameter("give --max-running or --rate-limit")
    _change(session, name, change)


def _change(session: Session, name: str, change: object) -> None:
    answer = session.api.put(path("queues", name), change)
    if session.as_json:
        session.output.document(answer.raw)
        return
    queue = answer.read(Queue)
    limits = _limits(queue)
    session.output.line(f"{queue.name} {'paused' if queue.paused else 'runs'}{', ' + limits if limits else ''}")


def _row(queue: Queue) -> list[Cell]:
    depth = {status: queue.depth.get(status, 0) for status in ("QUEUED", "RUNNING", "RETRYING", "SCHEDULED", "BLOCKED")}
    state = Text("paused", "yellow") if queue.paused else Text("runs", "green")
    age = "" if queue.oldest_age_seconds is None else length(queue.oldest_age_seconds)
    return [queue.name, state, *depth.values(), age, queue.in_per_minute, queue.out_per_minute, _limits(queue)]


def _limits(queue: Queue) -> str:
    running = "" if queue.max_running is None else f"{queue.max_running:,} at once"
    rate = "" if queue.rate_limit is None else _rate(queue.rate_limit)
    return ", ".join(filter(None, (running, rate)))


def _rate(rate: Rate) -> str:
    """5/s, or 100 in 60 s."""
    return f"{rate.jobs:g}/s" if rate.per_seconds == 1 else f"{rate.jobs:g} in {rate.per_seconds:g} s"
