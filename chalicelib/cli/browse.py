"""``list``, ``show`` and ``copy``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from chalicelib.cli import options
from chalicelib.cli.answers import Job
from chalicelib.cli.api import Api, Query, path
from chalicelib.cli.moments import age
from chalicelib.cli.output import status_text
from chalicelib.cli.session import Session, command
from chalicelib.cli.sheet import show_sheet
from chalicelib.cli.table import Cell, Column, table

LARGEST_PAGE = 1_000
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, metavar="N", help="At most so many, newest first.")]

COLUMNS = [
    Column("ID"),
    Column("STATUS"),
    Column("TYPE", rank=1, least=10),
    Column("QUEUE", rank=3, least=7),
    Column("TRY", rank=4, right=True),
    Column("AGE", rank=2, right=True),
]


@command
def list_jobs(
    session: Session,
    status: options.ByStatus = None,
    queue: options.ByQueue = None,
    job_type: options.ByType = None,
    tag: options.ByTag = None,
    begins: options.ById = None,
    after: options.After = None,
    before: options.Before = None,
    limit: Limit = 25,
) -> None:
    """List jobs, newest first."""
    wanted = options.filters(status, queue, job_type, tag, after, before, begins)
    raws, has_more = first(pages(session.api, "/jobs", {**wanted, "limit": min(limit, LARGEST_PAGE)}), limit)
    if session.as_json:
        session.output.document(raws)
        return
    jobs = [msgspec.json.decode(raw, type=Job) for raw in raws]
    session.output.line(table(session.output.out, COLUMNS, [_row(job) for job in jobs]) if jobs else Text("no jobs"))
    if has_more:
        session.output.note(f"There are more; --limit {limit * 10} shows further back.")


@command
def show(session: Session, job_id: options.JobId) -> None:
    """Show everything about one job."""
    answer = session.api.get(path("jobs", job_id))
    if session.as_json:
        session.output.document(answer.raw)
    else:
        show_sheet(session.output, answer.read(Job))


@command
def copy(session: Session, job_id: options.JobId) -> None:
    """Submit a copy of a job. The new job's id goes to standard output."""
    answer = session.api.post(path("jobs", job_id, "copy"))
    if session.as_json:
        session.output.document(answer.raw)
    else:
        session.output.line(answer.read(Job).id)


def pages(api: Api, where: str, query: Query) -> Iterator[list[msgspec.Raw]]:
    """One page after the other. A short or empty one is not the last: the one without a link is."""
    following: Query | str | None = query
    while following is not None:
        answer = api.get(where, following)
        following = answer.following
        yield answer.read(list[msgspec.Raw])


def first(found: Iterator[list[msgspec.Raw]], limit: int) -> tuple[list[msgspec.Raw], bool]:
    """So many, and whether there are more."""
    rows: list[msgspec.Raw] = []
    for page in found:
        rows += page
        if len(rows) > limit:
            return rows[:limit], True
        if len(rows) == limit:
            return rows, any(found)
    return rows, False


def _row(job: Job) -> list[Cell]:
    return [job.id, status_text(job.status), job.job_type, job.queue, job.tries, age(job.created_at)]
