"""``queues``: how deep they are, and how they are held back."""

from __future__ import annotations

import typer
from rich.text import Text

from chalicelib.cli import limits, moves, options
from chalicelib.cli.answers import Queue
from chalicelib.cli.api import path
from chalicelib.cli.moments import length
from chalicelib.cli.options import Name
from chalicelib.cli.output import plain
from chalicelib.cli.session import Session, command
from chalicelib.cli.sheet import facts
from chalicelib.cli.table import Cell, Column, table

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
def show(session: Session, name: Name) -> None:
    """Show a queue with all that is set of it."""
    answer = session.api.get(path("queues", name))
    if session.as_json:
        session.output.document(answer.raw)
        return
    queue = answer.read(Queue)
    session.output.line(Text(plain(queue.name), "bold"))
    session.output.show(facts(limits.facts_of(queue)))


@command
def set_up(
    session: Session,
    *,
    name: Name,
    max_running: limits.MaxRunning = None,
    rate: limits.RateLimit = None,
    burst: limits.Burst = None,
    max_running_per_key: limits.MaxRunningPerKey = None,
    rate_per_key: limits.RatePerKey = None,
    burst_per_key: limits.BurstPerKey = None,
    weight: limits.Weight = None,
    default_priority: limits.DefaultPriority = None,
    default_max_attempts: limits.DefaultAttempts = None,
    default_timeout: limits.DefaultTimeout = None,
) -> None:
    """Set a queue's limits, weight and defaults. "none" clears one; what is not named stays.

    jobctl queues set mail --rate 100/60s --burst 20 --default-timeout 10m
    """
    written = {
        "max_running": (max_running, limits.number),
        "rate_limit": (rate, lambda text: limits.rate(text, burst)),
        "max_running_per_key": (max_running_per_key, limits.number),
        "rate_limit_per_key": (rate_per_key, lambda text: limits.rate(text, burst_per_key)),
        "default_priority": (default_priority, limits.number),
        "default_max_attempts": (default_max_attempts, limits.number),
        "default_timeout_seconds": (default_timeout, limits.seconds),
    }
    if (burst is not None and rate is None) or (burst_per_key is not None and rate_per_key is None):
        raise typer.BadParameter("a burst goes with its rate: give --rate beside --burst")
    change = {field: limits.or_none(read, text) for field, (text, read) in written.items() if text is not None}
    if weight is not None:
        change["weight"] = limits.weight(weight)
    if not change:
        raise typer.BadParameter("say what to set: --max-running, --rate, or another")
    _change(session, name, change)


@command
def purge(session: Session, name: Name, *, dry_run: moves.DryRun = False, yes: options.Yes = False) -> None:
    """Cancel all that waits in a queue. What runs goes on; `jobctl revive --status cancelled` brings it back."""
    asked = {"confirm": name}
    order = moves.Order(verb="cancel", past="cancelled", path=path("queues", name, "purge"), asked=asked)
    moves.carry_out(session, order, lambda count: _confirm(name, count), dry_run=dry_run, yes=yes)


def _confirm(name: str, count: int) -> bool:
    said: str = typer.prompt(f"This cancels {count:,} jobs. The queue's name, to go on", default="", err=True)
    return said == name


def _change(session: Session, name: str, change: object) -> None:
    answer = session.api.put(path("queues", name), change)
    if session.as_json:
        session.output.document(answer.raw)
        return
    queue = answer.read(Queue)
    told = limits.limits_of(queue)
    session.output.line(f"{queue.name} {'paused' if queue.paused else 'runs'}{', ' + told if told else ''}")


def _row(queue: Queue) -> list[Cell]:
    depth = {status: queue.depth.get(status, 0) for status in ("QUEUED", "RUNNING", "RETRYING", "SCHEDULED", "BLOCKED")}
    state = Text("paused", "yellow") if queue.paused else Text("runs", "green")
    age = "" if queue.oldest_age_seconds is None else length(queue.oldest_age_seconds)
    return [queue.name, state, *depth.values(), age, queue.in_per_minute, queue.out_per_minute, limits.limits_of(queue)]
