"""Options that several commands share."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from chalicelib.cli.moments import on_wire, parse_coming, parse_duration, parse_moment, parse_past
from chalicelib.cli.payloads import json_option

T = TypeVar("T")

TERMS = ("queued", "unfinished")

WHAT, WHEN, HOW = "What it does", "When it runs", "How it runs"
WHICH = "Which jobs"
ONCE = "How often there may be such a job"


class Status(StrEnum):
    """As on the wire."""

    BLOCKED = "BLOCKED"
    SCHEDULED = "SCHEDULED"
    QUEUED = "QUEUED"
    RETRYING = "RETRYING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Conflict(StrEnum):
    """As on the wire."""

    RETURN = "return"
    REPLACE_PAYLOAD = "replace_payload"
    REPLACE_RUN_AT = "replace_run_at"
    REPLACE = "replace"


class Fallback(StrEnum):
    """What becomes of a job when one that it depends on fails."""

    FAIL = "fail"
    RUN = "run"


def parse_term(written: str) -> str | float:
    """``queued``, ``unfinished``, or a duration in seconds. Raises BadParameter."""
    return written if written in TERMS else parse_duration(written).total_seconds()


JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id.")]
JobIds = Annotated[list[str], typer.Argument(metavar="ID", help="The jobs' ids.")]
Name = Annotated[str, typer.Argument(metavar="NAME")]

ByStatus = Annotated[
    Status | None,
    typer.Option("--status", case_sensitive=False, metavar="STATUS", help=", ".join(Status), rich_help_panel=WHICH),
]
ByQueue = Annotated[str | None, typer.Option("--queue", metavar="NAME", help="In this queue.", rich_help_panel=WHICH)]
ByType = Annotated[str | None, typer.Option("--type", metavar="NAME", help="Of this job type.", rich_help_panel=WHICH)]
ByTag = Annotated[str | None, typer.Option("--tag", metavar="TAG", help="With this tag.", rich_help_panel=WHICH)]
ById = Annotated[
    str | None,
    typer.Option("--id", metavar="DIGITS", help="Whose ids begin with these digits.", rich_help_panel=WHICH),
]
After = Annotated[
    Any,  # typer knows no datetime with a zone
    typer.Option(
        "--after",
        parser=parse_past,
        metavar="TIME",
        help="Created after: 2026-01-31T14:00Z, or 2h ago: 2h.",
        rich_help_panel=WHICH,
    ),
]
Before = Annotated[
    Any,
    typer.Option("--before", parser=parse_past, metavar="TIME", help="Created before.", rich_help_panel=WHICH),
]

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="The payload: n=1 is a number, a.b=x is nested. Or - to read it from standard input.",
    ),
]
PayloadText = Annotated[
    str | None, typer.Option("--payload", metavar="JSON", help="The payload as JSON.", rich_help_panel=WHAT)
]
PayloadFile = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="The payload from a file.", rich_help_panel=WHAT)
]
Queue = Annotated[
    str | None, typer.Option("--queue", metavar="NAME", help="default, unless given.", rich_help_panel=HOW)
]
Priority = Annotated[
    int | None,
    typer.Option(
        "--priority",
        metavar="N",
        help="-100 to 100; higher runs first.",
        rich_help_panel=HOW,
    ),
]
ConcurrencyKey = Annotated[
    str | None,
    typer.Option(
        "--concurrency-key",
        metavar="TEXT",
        help="Whose job it is: keys take turns, and a queue may limit each.",
        rich_help_panel=HOW,
    ),
]
Attempts = Annotated[int | None, typer.Option("--max-attempts", metavar="N", rich_help_panel=HOW)]
Timeout = Annotated[
    Any, typer.Option("--timeout", parser=parse_duration, metavar="10m", help="Longest run.", rich_help_panel=HOW)
]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="May be repeated.", rich_help_panel=HOW)]
Backoff = Annotated[
    Any,
    typer.Option(
        "--backoff",
        parser=json_option,
        metavar="JSON",
        rich_help_panel=HOW,
        help='Waits between attempts: {"type":"fixed","seconds":30}.',
    ),
]
Delay = Annotated[
    Any, typer.Option("--delay", parser=parse_duration, metavar="10m", help="From now.", rich_help_panel=WHEN)
]
At = Annotated[
    Any,
    typer.Option("--at", parser=parse_moment, metavar="TIME", help="2026-01-31T14:00Z", rich_help_panel=WHEN),
]
DependsOn = Annotated[
    list[str] | None,
    typer.Option(
        "--depends-on", metavar="ID", help="Run once this job has completed. May be repeated.", rich_help_panel=WHEN
    ),
]
IfDependencyFails = Annotated[
    Fallback | None,
    typer.Option(
        "--if-dependency-fails",
        metavar="HOW",
        help="When one of those fails or is cancelled: fail, unless given, or run.",
        rich_help_panel=WHEN,
    ),
]
Expires = Annotated[
    Any, typer.Option("--expires", parser=parse_coming, metavar="TIME", help="A time, or from now: 30d.")
]
Unique = Annotated[
    Any,
    typer.Option(
        "--unique",
        parser=parse_term,
        metavar="TERM",
        help="One such job: while it is queued, while it is unfinished, or for a time (10m).",
        rich_help_panel=ONCE,
    ),
]
UniqueKey = Annotated[
    str | None,
    typer.Option(
        "--unique-key",
        metavar="TEXT",
        help="What makes two jobs the same: job type, queue and payload, unless given.",
        rich_help_panel=ONCE,
    ),
]
OnConflict = Annotated[
    Conflict | None,
    typer.Option(
        "--on-conflict",
        metavar="HOW",
        help=f"What happens to the job that is there: {', '.join(Conflict)}.",
        rich_help_panel=ONCE,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def given(**fields: T | None) -> dict[str, T]:
    """Without those that were not."""
    return {name: value for name, value in fields.items() if value is not None}


def filters(
    status: Status | None,
    queue: str | None,
    job_type: str | None,
    tag: str | None,
    after: datetime | None,
    before: datetime | None,
    begins: str | None = None,
) -> dict[str, str]:
    """As the API calls them."""
    named = {
        "status": status and status.value,
        "queue": queue,
        "job_type": job_type,
        "tag": tag,
        "id": begins,
        "created_after": on_wire(after),
        "created_before": on_wire(before),
    }
    return given(**named)


def submission(
    job_type: str,
    payload: msgspec.Raw,
    *,
    timeout: timedelta | None = None,
    delay: timedelta | None = None,
    at: datetime | None = None,
    **rest: object,
) -> dict[str, object]:
    """What is not given is left to the API."""
    if delay is not None and at is not None:
        raise typer.BadParameter("give --delay or --at, not both")
    timed = {
        "timeout_seconds": _seconds(timeout),
        "delay_seconds": _seconds(delay),
        "run_at": on_wire(at),
    }
    said = {name: value for name, value in {**rest, **timed}.items() if value != []}
    return {"job_type": job_type, "payload": payload, **given(**said)}


def unique(term: str | float | None, key: str | None, how: Conflict | None) -> dict[str, object] | None:
    """As the API takes it. None: the job may be one of many."""
    said = {"for": term, "key": key, "on_conflict": how and how.value}
    return given(**said) or None


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()
