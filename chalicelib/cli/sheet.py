"""Everything about one job, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.table import Table
from rich.text import Text

from chalicelib.cli.answers import Failure, Job
from chalicelib.cli.moments import ago, clock, length
from chalicelib.cli.output import Output, joined, one_line, plain, pretty, status_text

MOST_LINES = 200  # of a payload or result; --json has no limit


def show_sheet(output: Output, job: Job) -> None:
    output.line(joined([Text(plain(job.id), "bold"), status_text(job.status)]))
    output.show(facts(_named(job)))
    _section(output, "Payload", pretty(job.payload, most_lines=MOST_LINES))
    if job.status == "COMPLETED":
        _section(output, "Result", pretty(job.result, most_lines=MOST_LINES))
    for failure in job.errors or []:
        _section(output, _title(failure), _failure(failure))
    if job.error and not job.errors:
        _section(output, "Error", Text(plain(job.error), "red"))


def facts(named: Iterable[tuple[str, str]]) -> Table:
    """Those that have a value, a line each."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in named:
        if value:
            grid.add_row(Text(name), Text(one_line(value)))
    return grid


def _named(job: Job) -> Iterator[tuple[str, str]]:
    yield "type", job.job_type
    yield "queue", f"{job.queue}, priority {job.priority}"
    yield "key", job.concurrency_key or ""
    yield "tags", ", ".join(job.tags)
    yield "depends on", ", ".join(job.depends_on)
    yield "attempt", f"{job.attempt} of {job.max_attempts}{_limit(job)}"
    yield "progress", _progress(job)
    yield "created", _when(job, "created_at")
    yield "due", _when(job, "run_at") if job.started_at is None and not job.is_final else ""
    yield "started", _when(job, "started_at")
    yield "finished", _when(job, "finished_at")
    yield "took", _took(job)
    yield "worker", job.worker_id or ""
    yield "cancel asked", _when(job, "cancel_requested_at")


def _when(job: Job, field: str) -> str:
    moment = getattr(job, field)
    return f"{clock(moment)}, {ago(moment)}" if moment else ""


def _limit(job: Job) -> str:
    return f", at most {length(job.timeout_seconds)} each" if job.timeout_seconds else ""


def _progress(job: Job) -> str:
    if job.progress is None or job.is_final:
        return ""
    share = "" if job.progress.fraction is None else f"{job.progress.fraction:.0%}"
    return f"{share} {job.progress.message or ''}".strip()


def _took(job: Job) -> str:
    if job.started_at is None or job.finished_at is None:
        return ""
    return length((job.finished_at - job.started_at).total_seconds())


def _section(output: Output, title: str, content: Text) -> None:
    output.line("")
    output.line(Text(title, "bold"))
    output.line(content)


def _title(failure: Failure) -> str:
    what = "Failed before it started" if failure.type == "DependencyFailed" else f"Attempt {failure.attempt} failed"
    when = f"{what} {ago(failure.at)}".rstrip()
    ran = length((failure.at - failure.started_at).total_seconds()) if failure.at and failure.started_at else ""
    return (
        when + (f", after {ran}" if ran else "") + (f", on {one_line(failure.worker_id)}" if failure.worker_id else "")
    )


def _failure(failure: Failure) -> Text:
    head = Text(plain(f"{failure.type}: {failure.message}"), "red")
    return head.append(f"\n{plain(failure.traceback.rstrip())}", "dim") if failure.traceback else head
