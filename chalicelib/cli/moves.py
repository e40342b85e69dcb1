"""``cancel``, ``revive`` and ``move``: by ids, or all that a filter finds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
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
PAST = {"cancel": "cancelled", "revive": "revived"}

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


@command
def move(
    session: Session,
    *,
    job_ids: Ids = None,
    to: Annotated[str, typer.Option("--to", metavar="QUEUE", help="The new queue.")],
    status: options.ByStatus = None,
    queue: options.ByQueue = None,
    job_type: options.ByType = None,
    tag: options.ByTag = None,
    after: options.After = None,
    before: options.Before = None,
    dry_run: DryRun = False,
    yes: options.Yes = False,
) -> None:
    """Put jobs that wait into another queue: those named, or all that the filters find.

    jobctl move --queue mail --to bulk-mail
    """
    wanted = options.filters(status, queue, job_type, tag, after, before)
    _refuse_unclear(job_ids or [], wanted, dry_run=dry_run)
    asked: dict[str, object] = {**wanted, "to": to} if wanted else {"ids": job_ids, "to": to}
    order = Order(verb="move", past="moved", path="/jobs/move", asked=asked)
    carry_out(session, order, lambda count: _agrees(f"Move {count:,} jobs?"), dry_run=dry_run, yes=yes or not wanted)


def _move(
    session: Session, move: str, job_ids: Sequence[str], wanted: Mapping[str, str], *, dry_run: bool, yes: bool
) -> None:
    _refuse_unclear(job_ids, wanted, dry_run=dry_run)
    if wanted:
        # Cancelling twice is cancelling once; a job revived twice might run twice.
        order = Order(verb=move, past=PAST[move], path=f"/jobs/{move}", asked=wanted, repeats=move == "cancel")
        question = f"{move.capitalize()} {{:,}} jobs?"
        carry_out(session, order, lambda count: _agrees(question.format(count)), dry_run=dry_run, yes=yes)
    else:
        _move_named(session, move, job_ids)


def _refuse_unclear(job_ids: Sequence[str], wanted: Mapping[str, str], *, dry_run: bool) -> None:
    if bool(job_ids) == bool(wanted):
        raise typer.BadParameter("name jobs by their ids, or give filters: one of the two")
    if dry_run and not wanted:
        raise typer.BadParameter("--dry-run counts what filters find; it needs one")


def _move_named(session: Session, move: str, job_ids: Sequence[str]) -> None:
    """Each by itself, so that one refusal does not stop the others. The oldest first: what is put back waits for those that it
    depends on, if these were put back before."""
    moved: list[msgspec.Raw] = []
    for job_id in sorted(job_ids):
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


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Many jobs to move, in calls that each tell where the next one goes on.

    repeats: a call that got no answer may be made again.
    """

    verb: str
    past: str
    path: str
    asked: Mapping[str, object]
    repeats: bool = True


def carry_out(session: Session, order: Order, agrees: Callable[[int], bool], *, dry_run: bool, yes: bool) -> None:
    """Count, ask, move. agrees: asks a person, who was told the count. Raises Exit."""
    total = sum(_steps(session.api, order, dry_run=True))
    if dry_run or not total:
        _tell_count(session, order, total, dry_run=dry_run)
        return
    if not yes:
        _confirm(order, total, agrees)
    count = 0
    with Progress(console=session.output.err, disable=not session.output.err.is_interactive) as bars:
        task = bars.add_task(order.verb, total=total)
        try:
            for step in _steps(session.api, order):
                count += step
                bars.update(task, completed=count)
        except BaseException:
            session.output.note(f"stopped after {count:,} of {total:,}; the same command goes on with the rest")
            raise
    _tell_count(session, order, count, dry_run=False)


def _steps(api: Api, order: Order, *, dry_run: bool = False) -> Iterator[int]:
    """How many each call found."""
    asked = {**order.asked, **({"dry_run": True} if dry_run else {})}
    cursor: str | None = None
    while True:
        body = asked if cursor is None else {**asked, "cursor": cursor}
        moved = api.post(order.path, body, repeats=order.repeats or dry_run).read(Moved)
        yield moved.count
        cursor = moved.cursor
        if cursor is None:
            return


def _confirm(order: Order, count: int, agrees: Callable[[int], bool]) -> None:
    if not sys.stdin.isatty():
        question = f"{order.verb.capitalize()} {count:,} jobs?"
        raise typer.BadParameter(f"{question} Say so with --yes; there is no terminal to ask on")
    try:
        agreed = agrees(count)
    except typer.Abort:
        agreed = False
    if not agreed:
        typer.echo("Nothing was changed.", err=True)
        raise typer.Exit(INTERRUPTED)


def _agrees(question: str) -> bool:
    return typer.confirm(question, err=True)


def _tell_count(session: Session, order: Order, count: int, *, dry_run: bool) -> None:
    if session.as_json:
        session.output.document({"count": count, "dry_run": dry_run})
        return
    session.output.line(f"{count:,} jobs {'would be ' if dry_run else ''}{order.past}")
