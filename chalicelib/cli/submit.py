"""``submit``: one job, or a file of them."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import typer

from chalicelib.cli import options
from chalicelib.cli.answers import Job
from chalicelib.cli.batch import submit_file
from chalicelib.cli.following import Seen
from chalicelib.cli.output import joined, pretty, status_text
from chalicelib.cli.payloads import payload_from
from chalicelib.cli.session import Session, command
from chalicelib.cli.watch import leave, wait_for
from chalicelib.errors import ApiUnreachable

JobType = Annotated[str | None, typer.Argument(metavar="JOB_TYPE", help="One of those that `jobctl types` lists.")]
Wait = Annotated[bool, typer.Option("--wait", help="Follow the job to its end; the exit status tells how it ended.")]
Repeat = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        metavar="TEXT",
        help="A second submit with the same key gets the first one's job. Random unless given, to repeat what got no answer.",
    ),
]
Batch = Annotated[
    Path | None,
    typer.Option("--batch", metavar="FILE", help="A job a line, each as POST /jobs takes it. - is standard input."),
]


@command
def submit(
    session: Session,
    *,
    job_type: JobType = None,
    words: options.Words = None,
    payload: options.PayloadText = None,
    file: options.PayloadFile = None,
    delay: options.Delay = None,
    at: options.At = None,
    depends_on: options.DependsOn = None,
    if_dependency_fails: options.IfDependencyFails = None,
    queue: options.Queue = None,
    priority: options.Priority = None,
    max_attempts: options.Attempts = None,
    timeout: options.Timeout = None,
    tag: options.Tags = None,
    backoff: options.Backoff = None,
    concurrency_key: options.ConcurrencyKey = None,
    unique: options.Unique = None,
    unique_key: options.UniqueKey = None,
    on_conflict: options.OnConflict = None,
    repeat: Repeat = None,
    batch: Batch = None,
    wait: Wait = False,
) -> None:
    """Submit a job, or with --batch a file of jobs.

    jobctl submit process_data user_id=101 options.fast=true --wait

    The job's id alone goes to standard output. Exit status with --wait: 0 COMPLETED; 1 FAILED; 3 CANCELLED.
    """
    how = {
        "queue": queue,
        "priority": priority,
        "max_attempts": max_attempts,
        "tags": tag,
        "backoff": backoff,
        "concurrency_key": concurrency_key,
        "depends_on": depends_on,
        "if_dependency_fails": if_dependency_fails and if_dependency_fails.value,
    }
    once = options.unique(unique, unique_key, on_conflict)
    when = {"delay": delay, "at": at, "timeout": timeout}
    if batch is not None:
        _refuse_company(job_type, payload, file, repeat, once, *how.values(), *when.values(), wait or None)
        submit_file(session, batch)
        return
    if job_type is None:
        raise typer.BadParameter("name a job type (jobs types lists them), or give --batch")
    asked = options.submission(job_type, payload_from(words or [], payload, file), unique=once, **how, **when)
    _submit_one(session, asked, repeat or str(uuid.uuid4()), wait=wait)


def _refuse_company(*others: object) -> None:
    if any(other is not None and other != [] for other in others):
        raise typer.BadParameter("--batch takes everything from its file; only --json may stand beside it")


def _submit_one(session: Session, asked: dict[str, object], key: str, *, wait: bool) -> None:
    answer = _sent(session, asked, key)
    job = answer.job
    if wait:
        _see_through(session, job)
    elif session.as_json:
        session.output.document(answer.raw)
    else:
        session.output.line(job.id)
        if session.output.out.is_terminal:
            session.output.note(joined([status_text(job.status), f"in {job.queue}; follow it: jobctl watch {job.id}"]))


def _sent(session: Session, asked: dict[str, object], key: str) -> Seen:
    try:
        answer = session.api.post("/jobs", asked, idempotency_key=key)
    except ApiUnreachable:
        session.output.note(f"To be sure that it runs once, repeat it with --idempotency-key {key}")
        raise
    if answer.status == HTTPStatus.OK and "unique" in asked:
        session.output.note("this job was there already; no other was made")
    return Seen(answer.read(Job), answer.raw, None)


def _see_through(session: Session, job: Job) -> None:
    if not session.as_json:
        session.output.line(job.id)
    (ended,) = wait_for(session, [job.id])
    if session.as_json:
        session.output.document(ended.raw)
    else:
        _tell_end(session, ended.job)
    leave([ended.job])


def _tell_end(session: Session, job: Job) -> None:
    if job.status == "COMPLETED":
        session.output.line(pretty(job.result))
    elif job.error:
        session.output.note(f"{job.status}: {job.error}; jobctl show {job.id} has the rest")
