"""``watch``, and the waiting half of ``submit --wait``: bars on a terminal, a line a change elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import typer
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID
from rich.table import Column
from rich.text import Text

from chalicelib.cli.answers import Job
from chalicelib.cli.following import Seen, follow
from chalicelib.cli.moments import length
from chalicelib.cli.options import JobIds
from chalicelib.cli.output import Output, Terminal, joined, one_line, status_text
from chalicelib.cli.session import Session, command

FAILED, CANCELLED = 1, 3  # exit statuses
ROOM_FOR_IDS = 120  # columns


@command
def watch(session: Session, job_ids: JobIds) -> None:
    """Watch jobs until all are final.

    Exit status: 0 all COMPLETED; 1 one FAILED; 3 none failed, but one was CANCELLED.
    """
    ended = wait_for(session, list(dict.fromkeys(job_ids)))
    if session.as_json:
        session.output.document([seen.raw for seen in ended])
    leave([seen.job for seen in ended])


def wait_for(session: Session, job_ids: Sequence[str]) -> list[Seen]:
    """The jobs as they ended, in the order of their ids."""
    terminal = session.output.progress
    changes = follow(session.api, job_ids)
    latest: dict[str, Seen] = {}
    try:
        for seen in _with_bars(terminal, changes) if terminal.is_interactive else _in_lines(session.output, changes):
            latest[seen.job.id] = seen
    except KeyboardInterrupt:
        session.output.note(f"No longer watched, but not stopped: jobctl watch {' '.join(job_ids)}")
        raise
    return sorted(latest.values(), key=lambda seen: _place(job_ids, seen.job.id))


def leave(jobs: Iterable[Job]) -> None:
    """Raises Exit with the status that tells how they ended, unless all is well."""
    statuses = {job.status for job in jobs}
    if "FAILED" in statuses:
        raise typer.Exit(FAILED)
    if "CANCELLED" in statuses:
        raise typer.Exit(CANCELLED)


def change_line(job: Job) -> Text:
    """``019a… RUNNING attempt 1/3 40% message``."""
    parts: list[str | Text] = [job.id, status_text(job.status), f"attempt {job.tries}"]
    if (fraction := _fraction(job)) is not None and not job.is_final:
        parts.append(f"{fraction:.0%}")
    return joined([*parts, *_remark(job)])


def _in_lines(output: Output, changes: Iterable[Seen]) -> Iterator[Seen]:
    say = output.note if output.as_json else output.line
    for seen in changes:
        say(change_line(seen.job))
        yield seen


def _with_bars(terminal: Terminal, changes: Iterable[Seen]) -> Iterator[Seen]:
    with _bars(terminal) as bars:
        tasks: dict[str, TaskID] = {}
        for seen in changes:
            job = seen.job
            if job.id not in tasks:
                tasks[job.id] = bars.add_task("", total=1, job=job)
            bars.update(tasks[job.id], job=job, total=_total(job), completed=_done(job))
            if job.is_final:
                bars.stop_task(tasks[job.id])
            yield seen


@contextmanager
def _bars(terminal: Terminal) -> Iterator[Progress]:
    columns = [_Of(_name), _Of(_status), BarColumn(bar_width=14), _Of(_percent), _Of(_time), _Of(_message, fills=True)]
    with Progress(*columns, console=terminal, expand=True) as bars:
        yield bars


class _Of(ProgressColumn):
    """What a function makes of the job. fills: it gets the room that is left."""

    max_refresh = 0.5  # seconds; times do not need more

    def __init__(self, render: Callable[[Job], Text], *, fills: bool = False) -> None:
        super().__init__(Column(no_wrap=True, overflow="ellipsis", ratio=1 if fills else None))
        self._of = render

    def render(self, task: Task) -> Text:
        return self._of(task.fields["job"])


def _name(job: Job) -> Text:
    """The end of an id tells jobs apart: all that were made in one minute begin alike."""
    return Text(f"…{one_line(job.id)[-8:]} {one_line(job.job_type)[:16]}")


def _status(job: Job) -> Text:
    return status_text(job.status)


def _percent(job: Job) -> Text:
    return Text(f"{_done(job):>4.0%}" if job.is_final or _fraction(job) is not None else "    ")


def _time(job: Job) -> Text:
    if job.started_at is None:
        return Text("")
    return Text(length(((job.finished_at or datetime.now(UTC)) - job.started_at).total_seconds()))


def _message(job: Job) -> Text:
    return joined(_remark(job)[:1])


def _remark(job: Job) -> list[str | Text]:
    if job.status in {"FAILED", "RETRYING"} and job.error:
        return [Text(one_line(job.error), "red")]
    if job.progress and job.progress.message:
        return [one_line(job.progress.message)]
    return []


def _fraction(job: Job) -> float | None:
    return job.progress.fraction if job.progress else None


def _total(job: Job) -> float | None:
    """None makes the bar pulse: it runs, and does not say how far it is."""
    return None if job.status == "RUNNING" and _fraction(job) is None else 1


def _done(job: Job) -> float:
    return 1 if job.status == "COMPLETED" else _fraction(job) or 0


def _place(job_ids: Sequence[str], job_id: str) -> int:
    return job_ids.index(job_id) if job_id in job_ids else len(job_ids)
