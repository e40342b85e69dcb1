"""``schedules``: jobs that are submitted by the clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from chalicelib.cli import options
from chalicelib.cli.answers import Job, Preview, Schedule
from chalicelib.cli.api import path
from chalicelib.cli.browse import LARGEST_PAGE, pages
from chalicelib.cli.moments import ago, clock, length, on_wire, parse_duration, parse_moment, whole
from chalicelib.cli.options import Name
from chalicelib.cli.output import pretty
from chalicelib.cli.payloads import payload_from
from chalicelib.cli.session import Session, command
from chalicelib.cli.table import Cell, Column, table

COLUMNS = [
    Column("SCHEDULE", least=12),
    Column("WHEN", rank=1),
    Column("ZONE", rank=6, least=8),
    Column("TYPE", rank=3, least=8),
    Column("STATE", rank=2, least=8),
    Column("SOURCE", rank=5),
    Column("LAST", rank=4, right=True),
    Column("NEXT", rank=1, right=True),
]
COLOURS = {"active": "green", "paused": "yellow", "ended": "dim"}
NEEDED = "say what to run: [CRON] JOB_TYPE, where CRON is left out with --every or --at"

What = Annotated[
    list[str],
    typer.Argument(
        metavar="[CRON] JOB_TYPE [KEY=VALUE]...",
        help="When, as five fields ('0 6 * * mon-fri'), unless --every or --at says it; what; and its payload.",
    ),
]
When = Annotated[str | None, typer.Argument(metavar="[CRON | NAME]", help="Five fields, or a schedule that is kept.")]
Every = Annotated[Any, typer.Option("--every", parser=parse_duration, metavar="10m", help="At a fixed interval.")]
At = Annotated[Any, typer.Option("--at", parser=parse_moment, metavar="TIME", help="Once: 2026-01-31T14:00Z")]
Starts = Annotated[Any, typer.Option("--starts", parser=parse_moment, metavar="TIME", help="No time before this.")]
Ends = Annotated[Any, typer.Option("--ends", parser=parse_moment, metavar="TIME", help="No time after this.")]
Zone = Annotated[str | None, typer.Option("--timezone", metavar="ZONE", help="Europe/Berlin; UTC unless given.")]
Misfire = Annotated[
    str | None, typer.Option("--misfire", metavar="RULE", help="For missed times: skip, run_once, run_all.")
]
CatchUp = Annotated[int | None, typer.Option("--catch-up", metavar="N", help="How many run_all makes up for.")]
Overlap = Annotated[
    str | None,
    typer.Option(
        "--overlap", metavar="RULE", help="While the last run still goes: allow, skip, queue_one, cancel_previous."
    ),
]
Paused = Annotated[bool, typer.Option("--paused", help="Do not start it yet.")]
OfState = Annotated[str | None, typer.Option("--state", metavar="STATE", help=f"In this state: {', '.join(COLOURS)}.")]
OfQueue = Annotated[str | None, typer.Option("--queue", metavar="NAME", help="Whose jobs go into this queue.")]
OfType = Annotated[str | None, typer.Option("--type", metavar="NAME", help="Whose jobs are of this type.")]
Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why.")]
Count = Annotated[int | None, typer.Option("--count", min=1, metavar="N", help="How many times.")]


@command
def list_schedules(session: Session, state: OfState = None, queue: OfQueue = None, job_type: OfType = None) -> None:
    """Show all schedules; with a command below, change one."""
    asked = {"state": state, "queue": queue, "job_type": job_type, "limit": LARGEST_PAGE}
    raws = [raw for page in pages(session.api, "/schedules", asked) for raw in page]
    if session.as_json:
        session.output.document(raws)
        return
    rows = [_row(msgspec.json.decode(raw, type=Schedule)) for raw in raws]
    session.output.line(table(session.output.out, COLUMNS, rows) if rows else Text("no schedules"))


@command
def add(
    session: Session,
    *,
    name: Name,
    what: What,
    payload: options.PayloadText = None,
    file: options.PayloadFile = None,
    every: Every = None,
    at: At = None,
    starts: Starts = None,
    ends: Ends = None,
    timezone: Zone = None,
    misfire: Misfire = None,
    catch_up: CatchUp = None,
    overlap: Overlap = None,
    paused: Paused = False,
    queue: options.Queue = None,
    priority: options.Priority = None,
    max_attempts: options.Attempts = None,
    timeout: options.Timeout = None,
    tag: options.Tags = None,
    backoff: options.Backoff = None,
    concurrency_key: options.ConcurrencyKey = None,
) -> None:
    """Add a schedule.

    jobctl schedules add nightly '0 3 * * *' csv_summary url=s3://reports/day.csv --timezone Europe/Berlin

    jobctl schedules add poll echo n=1 --every 10m
    """
    cron, job_type, words = _cut(what, every, at)
    how = {"queue": queue, "priority": priority, "max_attempts": max_attempts, "tags": tag, "backoff": backoff}
    job = options.submission(
        job_type, payload_from(words, payload, file), timeout=timeout, concurrency_key=concurrency_key, **how
    )
    rules = {"misfire": misfire, "catch_up": catch_up, "overlap": overlap, "paused": paused or None}
    given = options.given(**_timing(cron, every, at, starts, ends, timezone), **rules)
    answer = session.api.post("/schedules", {"name": name, "job": job, **given})
    _told(session, answer.raw)


@command
def show(session: Session, name: Name) -> None:
    """Show everything about one schedule."""
    answer = session.api.get(path("schedules", name))
    if session.as_json:
        session.output.document(answer.raw)
    else:
        session.output.line(pretty(answer.raw))


@command
def remove(session: Session, name: Name) -> None:
    """Remove a schedule. Jobs that it has submitted stay."""
    session.api.delete(path("schedules", name))
    if session.as_json:
        session.output.document({"removed": name})
    else:
        session.output.line(f"{name} removed")


@command
def pause(session: Session, name: Name, note: Note = None) -> None:
    """Submit nothing by this schedule."""
    _told(
        session, session.api.post(path("schedules", name, "pause"), options.given(note=note) or None, repeats=True).raw
    )


@command
def resume(session: Session, name: Name) -> None:
    """Submit by this schedule again."""
    _told(session, session.api.post(path("schedules", name, "resume"), repeats=True).raw)


@command
def run_now(session: Session, name: Name) -> None:
    """Submit a schedule's job now, beside its times."""
    answer = session.api.post(path("schedules", name, "run"))
    if session.as_json:
        session.output.document(answer.raw)
    else:
        session.output.line(answer.read(Job).id)


@command
def preview(
    session: Session,
    when: When = None,
    every: Every = None,
    at: At = None,
    starts: Starts = None,
    ends: Ends = None,
    timezone: Zone = None,
    count: Count = None,
) -> None:
    """Show when a cron expression, an interval or a schedule comes next."""
    if _is_name(when):
        answer = session.api.get(path("schedules", when or "", "preview"), {"count": count})
    else:
        asked = options.given(**_timing(when, every, at, starts, ends, timezone), count=count)
        answer = session.api.post("/schedules/preview", asked, repeats=True)
    if session.as_json:
        session.output.document(answer.raw)
        return
    for moment in answer.read(Preview).times:
        session.output.line(f"{moment.isoformat()}  {ago(moment)}")


def _cut(what: list[str], every: timedelta | None, at: datetime | None) -> tuple[str | None, str, list[str]]:
    """The expression, the job type, and the payload's words."""
    if every is not None or at is not None:
        return None, what[0], what[1:]
    if len(what) == 1:
        raise typer.BadParameter(NEEDED)
    return what[0], what[1], what[2:]


def _timing(
    cron: str | None,
    every: timedelta | None,
    at: datetime | None,
    starts: datetime | None,
    ends: datetime | None,
    timezone: str | None,
) -> dict[str, object]:
    """As the API calls it."""
    return {
        "cron": cron,
        "interval_seconds": None if every is None else whole(every.total_seconds()),
        "at": on_wire(at),
        "starts_at": on_wire(starts),
        "ends_at": on_wire(ends),
        "timezone": timezone,
    }


def _is_name(when: str | None) -> bool:
    """No name holds spaces or begins with an at sign, and every expression does one or the other."""
    return when is not None and not when.startswith("@") and " " not in when.strip()


def _told(session: Session, raw: msgspec.Raw) -> None:
    if session.as_json:
        session.output.document(raw)
        return
    schedule = msgspec.json.decode(raw, type=Schedule)
    coming = (
        f"next {clock(schedule.next_run_at)}, {ago(schedule.next_run_at)}" if schedule.next_run_at else _state(schedule)
    )
    session.output.line(f"{schedule.name}  {_when(schedule)}  {schedule.timezone}  {coming}")


def _when(schedule: Schedule) -> str:
    if schedule.interval_seconds is not None:
        return f"every {length(schedule.interval_seconds)}"
    return schedule.cron or f"at {clock(schedule.at)}"


def _state(schedule: Schedule) -> str:
    return f"{schedule.state}: {schedule.paused_note}" if schedule.paused_note else schedule.state


def _row(schedule: Schedule) -> list[Cell]:
    state = Text(_state(schedule), COLOURS.get(schedule.state, ""))
    return [
        schedule.name,
        _when(schedule),
        schedule.timezone,
        schedule.job.job_type,
        state,
        schedule.source,
        ago(schedule.last_run_at),
        ago(schedule.next_run_at),
    ]
