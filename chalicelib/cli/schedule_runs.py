"""``schedules runs`` and ``schedules backfill``: what a schedule did, and what it missed."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from chalicelib.cli.answers import Backfilled, Run
from chalicelib.cli.api import path
from chalicelib.cli.moments import ago, clock, on_wire, parse_past
from chalicelib.cli.options import Name
from chalicelib.cli.session import Session, command
from chalicelib.cli.table import Cell, Column, table

COLUMNS = [
    Column("FOR", least=19),
    Column("KIND", rank=4),
    Column("JOB", least=36),
    Column("STATUS", rank=1),
    Column("FINISHED", rank=3, right=True),
    Column("ERROR", rank=5, least=8),
]

Limit = Annotated[int | None, typer.Option("--limit", min=1, max=1_000, metavar="N", help="At most so many.")]
From = Annotated[
    Any, typer.Option("--from", parser=parse_past, metavar="TIME", help="2026-01-31T14:00Z, or 2d ago: 2d.")
]
To = Annotated[Any, typer.Option("--to", parser=parse_past, metavar="TIME", help="Exclusive; now unless given.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count them.")]


@command
def runs(session: Session, name: Name, limit: Limit = None) -> None:
    """Show what became of a schedule's runs, the latest first."""
    answer = session.api.get(path("schedules", name, "runs"), {"limit": limit})
    if session.as_json:
        session.output.document(answer.raw)
        return
    rows = [_row(run) for run in answer.read(list[Run])]
    session.output.line(table(session.output.out, COLUMNS, rows) if rows else Text("no runs"))


@command
def backfill(session: Session, name: Name, start: From, end: To = None, *, dry_run: DryRun = False) -> None:
    """Submit a job for each time since TIME that has none. Twice is as once."""
    count, following = 0, on_wire(start)
    until = on_wire(end or parse_past("0"))
    while following is not None:
        asked = {"from": following, "to": until, "dry_run": dry_run}
        done = session.api.post(path("schedules", name, "backfill"), asked, repeats=True).read(Backfilled)
        count, following = count + done.count, on_wire(done.next)
    if session.as_json:
        session.output.document({"count": count, "dry_run": dry_run})
    else:
        session.output.line(f"{count:,} jobs {'would be ' if dry_run else ''}submitted")


def _row(run: Run) -> list[Cell]:
    status = run.status or "(gone)"
    return [clock(run.scheduled_for), run.kind, run.job_id, status, ago(run.finished_at), run.error or ""]
