"""``schedules``: jobs that are submitted by the clock."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from chalicelib.cli import options
from chalicelib.cli.answers import Job, Schedule
from chalicelib.cli.api import path
from chalicelib.cli.moments import ago, clock
from chalicelib.cli.options import Name
from chalicelib.cli.output import pretty
from chalicelib.cli.payloads import payload_from
from chalicelib.cli.session import Session, command
from chalicelib.cli.table import Cell, Column, table

COLUMNS = [
    Column("SCHEDULE", least=12),
    Column("CRON", rank=1),
    Column("ZONE", rank=5, least=8),
    Column("TYPE", rank=3, least=8),
    Column("STATE", rank=2),
    Column("LAST", rank=4, right=True),
    Column("NEXT", rank=1, right=True),
]

Cron = Annotated[str, typer.Argument(metavar="CRON", help="Five fields: '0 6 * * mon-fri'.")]
JobType = Annotated[str, typer.Argument(metavar="JOB_TYPE")]
Zone = Annotated[str | None, typer.Option("--timezone", metavar="ZONE", help="Europe/Berlin; UTC unless given.")]
Misfire = Annotated[
    str | None, typer.Option("--misfire", metavar="RULE", help="For missed times: skip, run_once, run_all.")
]
Overlap = Annotated[
    str | None, typer.Option("--overlap", metavar="RULE", help="While the last run still goes: allow, skip.")
]
Paused = Annotated[bool, typer.Option("--paused", help="Do not start it yet.")]
Count = Annotated[int | None, typer.Option("--count", min=1, metavar="N", help="How many times.")]


class Preview(msgspec.Struct, frozen=True):
    times: list[datetime]


@command
def list_schedules(session: Session) -> None:
    """Show all schedules; with a command below, change one."""
    answer = session.api.get("/schedules")
    if session.as_json:
        session.output.document(answer.raw)
        return
    rows = [_row(schedule) for schedule in answer.read(list[Schedule])]
    session.output.line(table(session.output.out, COLUMNS, rows) if rows else Text("no schedules"))


@command
def add(
    session: Session,
    *,
    name: Name,
    cron: Cron,
    job_type: JobType,
    words: options.Words = None,
    payload: options.PayloadText = None,
    file: options.PayloadFile = None,
    timezone: Zone = None,
    misfire: Misfire = None,
    overlap: Overlap = None,
    paused: Paused = False,
    queue: options.Queue = None,
    priority: options.Priority = None,
    max_attempts: options.Attempts = None,
    timeout: options.Timeout = None,
    tag: options.Tags = None,
    backoff: options.Backoff = None,
) -> None:
    """Add a schedule.

    jobs schedules add nightly '0 3 * * *' csv_summary url=s3://reports/day.csv --timezone Europe/Berlin
    """
    how = {"queue": queue, "priority": priority, "max_attempts": max_attempts, "tags": tag, "backoff": backoff}
    job = options.submission(job_type, payload_from(words or [], payload, file), timeout=timeout, **how)
    rules = {"timezone": timezone, "misfire": misfire, "overlap": overlap, "paused": paused or None}
    given = {rule: value for rule, value in rules.items() if value is not None}
    answer = session.api.post("/schedules", {"name": name, "cron": cron, "job": job, **given})
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
def pause(session: Session, name: Name) -> None:
    """Submit nothing by this schedule."""
    _told(session, session.api.post(path("schedules", name, "pause"), repeats=True).raw)


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
def preview(session: Session, cron: Cron, timezone: Zone = None, count: Count = None) -> None:
    """Show when a cron expression comes next."""
    asked = {"cron": cron, "timezone": timezone, "count": count}
    answer = session.api.post("/schedules/preview", {k: v for k, v in asked.items() if v is not None}, repeats=True)
    if session.as_json:
        session.output.document(answer.raw)
        return
    for moment in answer.read(Preview).times:
        session.output.line(f"{moment.isoformat()}  {ago(moment)}")


def _told(session: Session, raw: msgspec.Raw) -> None:
    if session.as_json:
        session.output.document(raw)
        return
    schedule = msgspec.json.decode(raw, type=Schedule)
    coming = "paused" if schedule.paused else f"next {clock(schedule.next_run_at)}, {ago(schedule.next_run_at)}"
    session.output.line(f"{schedule.name}  {schedule.cron}  {schedule.timezone}  {coming}")


def _row(schedule: Schedule) -> list[Cell]:
    state = Text("paused", "yellow") if schedule.paused else Text("runs", "green")
    coming = "" if schedule.paused else ago(schedule.next_run_at)
    last = ago(schedule.last_run_at)
    return [schedule.name, schedule.cron, schedule.timezone, schedule.job.job_type, state, last, coming]
