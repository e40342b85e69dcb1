"""``logs``: what a job's handler said."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from chalicelib.cli.answers import Job, LogLine, LogPage
from chalicelib.cli.api import Api, path
from chalicelib.cli.following import LONGEST_WAIT, rest
from chalicelib.cli.options import JobId
from chalicelib.cli.output import joined, plain
from chalicelib.cli.session import Session, command

PAGE = 1_000
LEVEL_STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red", "DEBUG": "dim"}

Attempt = Annotated[int | None, typer.Option("--attempt", min=1, metavar="N", help="Of this attempt only.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job is final.")]


@command
def logs(session: Session, job_id: JobId, *, attempt: Attempt = None, follow: Follow = False) -> None:
    """Show what a job logged."""
    raws = lines(session.api, job_id, attempt, follow=follow)
    if session.as_json:
        session.output.document(list(raws))
        return
    for raw in raws:
        session.output.line(_line(msgspec.json.decode(raw, type=LogLine)))


def lines(api: Api, job_id: str, attempt: int | None, *, follow: bool) -> Iterator[msgspec.Raw]:
    """To the end of what is there; follow: to the end of the job."""
    cursor: str | None = None
    is_last = not follow
    while True:
        query = {"attempt": attempt, "cursor": cursor, "limit": PAGE, "wait": None if is_last else LONGEST_WAIT}
        asked_at = time.monotonic()
        page = api.get(path("jobs", job_id, "logs"), query).read(LogPage)
        yield from page.lines
        cursor = page.cursor or cursor
        if page.lines:
            continue
        if is_last:
            return
        rest(asked_at)
        is_last = api.get(path("jobs", job_id)).read(Job).is_final  # what it said since is read once more


def _line(line: LogLine) -> Text:
    time = Text(f"{line.at.astimezone():%H:%M:%S.%f}"[:-3], "dim")
    level = Text(f"{plain(line.level):<7}", LEVEL_STYLES.get(line.level, ""))
    return joined([time, f"#{line.attempt}", level, line.message], " ")
