"""``retention``: how long finished jobs are kept."""

from __future__ import annotations

from typing import Annotated

import typer

from chalicelib.cli.answers import Retention
from chalicelib.cli.api import Answer
from chalicelib.cli.session import Session, command

FOR_EVER = "forever"


def parse_days(written: str) -> int | None:
    """Raises BadParameter. The API says which numbers it takes."""
    if written == FOR_EVER:
        return None
    if not written.isascii() or not written.isdigit() or len(written) > 9:
        raise typer.BadParameter(f"{written!r} is no number of days: expected a whole number, or {FOR_EVER}")
    return int(written)


Completed = Annotated[str | None, typer.Option("--completed", metavar="DAYS|forever", help="Days for COMPLETED jobs.")]
Failed = Annotated[str | None, typer.Option("--failed", metavar="DAYS|forever", help="Days for FAILED jobs.")]
Cancelled = Annotated[str | None, typer.Option("--cancelled", metavar="DAYS|forever", help="Days for CANCELLED jobs.")]


@command
def show(session: Session) -> None:
    """Show how long finished jobs are kept; with a command below, change it."""
    _tell(session, session.api.get("/retention"))


@command
def change(session: Session, completed: Completed = None, failed: Failed = None, cancelled: Cancelled = None) -> None:
    """Set how many days finished jobs are kept; "forever" keeps them. What is left out stays as it is."""
    given = {"COMPLETED": completed, "FAILED": failed, "CANCELLED": cancelled}
    change = {status: parse_days(written) for status, written in given.items() if written is not None}
    if not change:
        raise typer.BadParameter("give --completed, --failed or --cancelled")
    _tell(session, session.api.put("/retention", change))


def _tell(session: Session, answer: Answer) -> None:
    if session.as_json:
        session.output.document(answer.raw)
        return
    kept = answer.read(Retention)
    for status, days in (("COMPLETED", kept.completed), ("FAILED", kept.failed), ("CANCELLED", kept.cancelled)):
        session.output.line(f"{status:<10}{_length(days):>12}")


def _length(days: int | None) -> str:
    return "for ever" if days is None else f"{days:,} day{'s' if days > 1 else ''}"
