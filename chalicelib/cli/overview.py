"""``types``, ``workers``, ``stats`` and ``audit``: what there is, and what was done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from chalicelib.cli.answers import AuditEntry, Bucket, JobType, Stats, Worker
from chalicelib.cli.browse import LARGEST_PAGE, Limit, first, pages
from chalicelib.cli.moments import ago, length, on_wire, parse_past
from chalicelib.cli.output import Output, plain, pretty, status_text
from chalicelib.cli.session import Session, command
from chalicelib.cli.table import Cell, Column, table

A_DAY = 24 * 60  # minutes
SINCE = "2026-01-31T14:00Z, or 2h ago: 2h."
MOST_ROWS = 24  # of stats, the latest; --json has all

TYPES = [
    Column("TYPE"),
    Column("TRIES", rank=2, right=True),
    Column("TIMEOUT", rank=2, right=True),
    Column("WHAT IT DOES", rank=1, least=12),
]
WORKERS = [
    Column("WORKER"),
    Column("FORM", rank=2),
    Column("RUNNING", right=True),
    Column("VERSION", rank=4),
    Column("STARTED", rank=1, right=True),
    Column("SEEN", rank=1, right=True),
    Column("HOST", rank=3, least=10),
    Column("PID", rank=5, right=True),
]
STATS = [
    Column("SINCE"),
    Column("COMPLETED", right=True),
    Column("FAILED", right=True),
    Column("RETRIED", rank=3, right=True),
    Column("CANCELLED", rank=4, right=True),
    Column("WAIT P50", rank=1, right=True),
    Column("P95", rank=2, right=True),
    Column("RUN P50", rank=1, right=True),
    Column("P95", rank=2, right=True),
]
AUDIT = [
    Column("WHEN", right=True),
    Column("WHO", least=8),
    Column("ACTION"),
    Column("TARGET", rank=1),
    Column("DETAIL", rank=2, least=10),
]

TypeName = Annotated[str | None, typer.Argument(metavar="NAME", help="Show this one's payload as JSON Schema.")]
Minutes = Annotated[int, typer.Option("--minutes", min=1, max=10_080, metavar="N", help="How far back.")]
Step = Annotated[
    int | None, typer.Option("--step", min=1, max=1_440, metavar="N", help="Minutes that a row tells of: 60 for hours.")
]
Action = Annotated[str | None, typer.Option("--action", metavar="NAME", help="Of this kind: revoke_key.")]
By = Annotated[str | None, typer.Option("--by", metavar="KEY", help="By this key: its id or its name.")]
Since = Annotated[Any, typer.Option("--since", parser=parse_past, metavar="TIME", help=SINCE)]
Until = Annotated[Any, typer.Option("--until", parser=parse_past, metavar="TIME", help="Before that.")]
OfQueue = Annotated[str | None, typer.Option("--queue", metavar="NAME")]
OfType = Annotated[str | None, typer.Option("--type", metavar="NAME")]


@command
def types(session: Session, name: TypeName = None) -> None:
    """Show the job types, or what one's payload must look like."""
    raws = session.api.get("/job-types").read(list[msgspec.Raw])
    known = [(msgspec.json.decode(raw, type=JobType), raw) for raw in raws]
    chosen = [each for each in known if name in (None, each[0].name)]
    if name is not None and not chosen:
        raise typer.BadParameter(plain(f"no job type {name}; there are {', '.join(each.name for each, _ in known)}"))
    if session.as_json:
        session.output.document(chosen[0][1] if name else raws)
    elif name:
        session.output.line(pretty(chosen[0][0].schema))
    else:
        session.output.line(table(session.output.out, TYPES, [_type_row(each) for each, _ in known]))


@command
def workers(session: Session) -> None:
    """Show the workers that are alive."""
    answer = session.api.get("/workers")
    if session.as_json:
        session.output.document(answer.raw)
        return
    rows = [_worker_row(worker) for worker in answer.read(list[Worker])]
    session.output.line(table(session.output.out, WORKERS, rows) if rows else Text("no workers"))


@command
def stats(
    session: Session, minutes: Minutes = 60, step: Step = None, queue: OfQueue = None, job_type: OfType = None
) -> None:
    """Show how many jobs stand where, and what was done lately.

    jobctl stats --minutes 10080 --step 1440
    """
    asked = {"minutes": minutes, "step_minutes": step, "queue": queue, "job_type": job_type}
    answer = session.api.get("/stats", asked)
    if session.as_json:
        session.output.document(answer.raw)
        return
    found = answer.read(Stats)
    _show_counts(session.output, found, minutes)
    if found.series:
        rows = [_bucket_row(bucket, minutes) for bucket in found.series[-MOST_ROWS:]]
        session.output.line(table(session.output.out, STATS, rows))


@command
def audit(
    session: Session,
    action: Action = None,
    by: By = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
) -> None:
    """Show who changed what, newest first.

    jobctl audit --action purge_queue --since 7d
    """
    asked = {"action": action, "actor": by, "since": on_wire(since), "until": on_wire(until)}
    raws, _ = first(pages(session.api, "/audit", {**asked, "limit": min(limit, LARGEST_PAGE)}), limit)
    if session.as_json:
        session.output.document(raws)
        return
    rows = [_audit_row(msgspec.json.decode(raw, type=AuditEntry)) for raw in raws]
    session.output.line(table(session.output.out, AUDIT, rows) if rows else Text("nothing yet"))


def _type_row(each: JobType) -> list[Cell]:
    timeout = "" if each.timeout_seconds is None else length(each.timeout_seconds)
    return [each.name, each.max_attempts, timeout, each.description]


def _worker_row(worker: Worker) -> list[Cell]:
    running = f"{worker.running_count}/{worker.concurrency}"
    seen = [ago(worker.started_at), ago(worker.seen_at)]
    pid = "" if worker.pid is None else str(worker.pid)
    return [worker.id, worker.form, running, worker.version, *seen, worker.host, pid]


def _show_counts(output: Output, found: Stats, minutes: int) -> None:
    for status, count in found.counts.items():
        output.line(status_text(f"{status:<10}").append(f"{count:>12,}"))
    done = {name: sum(getattr(bucket, name) for bucket in found.series) for name in ("completed", "failed", "retried")}
    told = ", ".join(f"{count:,} {name}" for name, count in done.items())
    output.line(f"\nin {length(minutes * 60)}: {told}")


def _bucket_row(bucket: Bucket, minutes: int) -> list[Cell]:
    """minutes: how far back the rows go. Where that is more than a day, they need their dates."""
    counts: Sequence[Cell] = [bucket.completed, bucket.failed, bucket.retried, bucket.cancelled]
    spans = (bucket.wait_p50, bucket.wait_p95, bucket.run_p50, bucket.run_p95)
    since = bucket.minute.astimezone()
    shown = f"{since:%H:%M}" if minutes <= A_DAY else f"{since:%Y-%m-%d %H:%M}"
    return [shown, *counts, *("" if span is None else length(span) for span in spans)]


def _audit_row(entry: AuditEntry) -> list[Cell]:
    return [ago(entry.at), entry.actor_name, entry.action, entry.target, bytes(entry.detail).decode()]
