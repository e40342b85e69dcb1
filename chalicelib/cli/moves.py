"""``cancel`` and ``revive``: by ids, or all that a filter finds."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import msgspec
import typer
from rich.progress import Progress

from chalicelib.cli import options
from chalicelib.cli.answers import Job, Moved
from chalicelib.cli.api import Api, path
from chalicelib.cli.output import joined, status_text
from chalicelib.cli.session import Session, command
from chalicelib.errors import ApiRefused

REFUSED, INTERRUPTED = 4, 130  # exit statuses

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="These jobs; or filters instead.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count what the filters find.")]


@command
def cancel(
    session: Session,
    *,
    job_ids: Ids = None,
    status: options.ByStatus = None,
    queue: options.ByQueue = None,
    job_type: options.ByType = None,
    tag: options.ByTag = None,
    after: options.After = None,
    before: options.Before = None,
    dry_run: DryRun = False,
    yes: options.Yes = False,
) -> None:
    """Cancel jobs: those named, or all that the filters find. A running one is asked to stop."""
    wanted = options.filters(status, queue, job_type, tag, after, before)
    _move(session, "cancel", job_ids or [], wanted, dry_run=dry_run, yes=yes)


@command
def revive(
    session: Session,
    *,
    job_ids: Ids = None,
    status: options.ByStatus = None,
    queue: options.ByQueue = None,
    job_type: options.ByType = None,
    tag: options.ByTag = None,
    after: options.After = None,
    before: options.Before = None,
    dry_run: DryRun = False,
    yes: options.Yes = False,
) -> None:
    """Put failed or cancelled jobs back in the line: those named, or all that the filters find."""
    wanted = options.filters(status, queue, job_type, tag, after, before)
    _move(session, "revive", job_ids or [], wanted, dry_run=dry_run, yes=yes)


def _move(
    session: Session, move: str, job_ids: Sequence[str], wanted: Mapping[str, str], *, dry_run: bool, yes: bool
) -> None:
    if bool(job_ids) == bool(wanted):
        raise typer.BadParameter("name jobs by their ids, or give filters: one of the two")
    if wanted:
        _move_found(session, move, wanted, dry_run=dry_run, yes=yes)
    elif dry_run:
        raise typer.BadParameter("--dry-run counts what filters find; it needs one")
    else:
        _move_named(session, move, job_ids)


def _move_named(session: Session, move: str, job_ids: Sequence[str]) -> None:
    """Each by itself, so that one refusal does not stop the others."""
    moved: list[msgspec.Raw] = []
    for job_id in job_ids:
        try:
            answer = session.api.post(path("jobs", job_id, move))
        except ApiRefused as error:
            session.output.note(f"{job_id}: {error}")
            continue
        moved.append(answer.raw)
        if not session.as_json:
            _tell(session, answer.read(Job))
    if session.as_json:
        session.output.document(moved)
    if len(moved) < len(job_ids):
        raise typer.Exit(REFUSED)


def _tell(session: Session, job: Job) -> None:
    asked = ["asked to stop"] if job.status == "RUNNING" and job.cancel_requested_at else []
    session.output.line(joined([job.id, status_text(job.status), *asked]))


def _move_found(session: Session, move: str, wanted: Mapping[str, str], *, dry_run: bool, yes: bool) -> None:
    total = sum(_steps(session.api, move, {**wanted, "dry_run": True}))
    if dry_run or not total:
        _tell_count(session, move, total, dry_run=dry_run)
        return
    _confirm(f"{move.capitalize()} {total:,} jobs?", yes=yes)
    count = 0
    with Progress(console=session.output.err, disable=not session.output.err.is_interactive) as bars:
        task = bars.add_task(move, total=total)
        try:
            for step in _steps(session.api, move, wanted):
                count += step
                bars.update(task, completed=count)
        except BaseException:
            session.output.note(f"stopped after {count:,} of {total:,}; the same command goes on with the rest")
            raise
    _tell_count(session, move, count, dry_run=False)


def _steps(api: Api, move: str, asked: Mapping[str, object]) -> Iterator[int]:
    """How many each call found. Cancelling twice is cancelling once; a job revived twice might run twice."""
    repeats = move == "cancel" or bool(asked.get("dry_run"))
    cursor: str | None = None
    while True:
        moved = api.post(
            f"/jobs/{move}", asked if cursor is None else {**asked, "cursor": cursor}, repeats=repeats
        ).read(Moved)
        yield moved.count
        cursor = moved.cursor
        if cursor is None:
            return


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{question} Say so with --yes; there is no terminal to ask on")
    if not _agrees(question):
        typer.echo("Nothing was changed.", err=True)
        raise typer.Exit(INTERRUPTED)


def _agrees(question: str) -> bool:
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        return False


def _tell_count(session: Session, move: str, count: int, *, dry_run: bool) -> None:
    if session.as_json:
        session.output.document({"count": count, "dry_run": dry_run})
        return
    past = {"cancel": "cancelled", "revive": "revived"}[move]
    session.output.line(f"{count:,} jobs {'would be ' if dry_run else ''}{past}")
