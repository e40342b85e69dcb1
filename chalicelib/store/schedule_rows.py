"""Rows of the schedules table as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, LiteralString

import msgspec

from chalicelib.backoff import Backoff
from chalicelib.jobs import JobStatus, status_label
from chalicelib.schedules import Misfire, NewSchedule, Overlap, Rules, Run, RunKind, Schedule, ScheduledJob, Source
from chalicelib.store.database import Row
from chalicelib.timing import Timing

_OUTCOMES: LiteralString = "10"  # runs whose jobs a schedule shows

# What ``as_timing`` reads. A statement calls its row ``schedule``.
TIMING: LiteralString = """schedule.cron, schedule.interval_seconds, schedule.at, schedule.timezone, schedule.starts_at,
    schedule.ends_at"""

# What a declaration says; ``as_rules`` reads it.
RULES: LiteralString = (
    TIMING
    + """, schedule.job_type, schedule.payload, schedule.queue, schedule.priority, schedule.max_attempts,
    schedule.timeout_seconds, schedule.tags, schedule.backoff, schedule.concurrency_key, schedule.misfire, schedule.overlap,
    schedule.catch_up, schedule.source"""
)
RULE_COUNT = 19

# What ``as_schedules`` reads. Each job is asked for by its id: a join might be made over all of them.
COLUMNS: LiteralString = (
    RULES
    + """, schedule.name, schedule.paused, schedule.paused_note, schedule.paused_by, schedule.next_run_at,
    schedule.forgotten_to, schedule.created_at, schedule.updated_at, schedule.version,
    ARRAY(SELECT run.run_at FROM schedule_runs AS run WHERE run.schedule = schedule.name ORDER BY run.run_at DESC LIMIT 1),
    ARRAY(SELECT run.job_id FROM schedule_runs AS run WHERE run.schedule = schedule.name ORDER BY run.run_at DESC LIMIT 1),
    ARRAY(SELECT (SELECT job.status || CASE WHEN job.run_at > now() THEN CASE job.attempt WHEN 0 THEN ' SCHEDULED' ELSE
                                            ' RETRYING' END ELSE '' END
                    FROM jobs AS job WHERE job.id = run.job_id)
            FROM schedule_runs AS run WHERE run.schedule = schedule.name ORDER BY run.run_at DESC LIMIT """
    + _OUTCOMES
    + ")"
)


def as_schedules(rows: Iterable[Row]) -> list[Schedule]:
    return [_schedule(row) for row in rows]


def as_timing(cron: str, *rest: Any) -> Timing:
    interval_seconds, at, timezone, starts_at, ends_at = rest
    return Timing(
        cron=cron or None,
        interval_seconds=interval_seconds,
        at=at,
        timezone=timezone,
        starts_at=starts_at,
        ends_at=ends_at,
    )


def as_rules(row: Row) -> Rules:
    misfire, overlap, catch_up, source = row[-4:]
    return Rules(
        timing=as_timing(*row[:6]),
        job=_job(*row[6:-4]),
        misfire=Misfire(misfire),
        overlap=Overlap(overlap),
        catch_up=catch_up,
        source=Source(source),
    )


def parameters(new: NewSchedule) -> Mapping[str, Any]:
    """By column."""
    rules, job = new.rules, new.rules.job
    return {
        **msgspec.structs.asdict(rules.timing),
        **msgspec.structs.asdict(job),
        "cron": rules.timing.cron or "",
        "payload": bytes(job.payload).decode(),
        "backoff": None if job.backoff is None else msgspec.json.encode(job.backoff).decode(),
        "misfire": rules.misfire,
        "overlap": rules.overlap,
        "catch_up": rules.catch_up,
        "source": rules.source,
        "name": new.name,
        "paused": new.paused,
        "created_at": new.created_at,
        "next_run_at": None if new.paused else new.next_run_at,
    }


def as_run(row: Row) -> Run:
    """Of run_at, kind, job_id, and the job's status, attempt, whether it waits, finished_at and error."""
    run_at, kind, job_id, status, attempt, waits, finished_at, error = row
    label = None if status is None else status_label(JobStatus(status), attempt, waits=waits)
    return Run(run_at, RunKind(kind), job_id, label, finished_at, error)


def _schedule(row: Row) -> Schedule:
    name, paused, note, by, next_run_at, forgotten_to, created_at, updated_at, version, *runs = row[RULE_COUNT:]
    last_at, last_job, outcomes = runs
    return Schedule(
        name=name,
        rules=as_rules(row[:RULE_COUNT]),
        paused=paused,
        paused_note=note,
        paused_by=by,
        next_run_at=next_run_at,
        forgotten_to=forgotten_to,
        created_at=created_at,
        updated_at=updated_at,
        version=version,
        last_run_at=next(iter(last_at), None),
        last_job_id=next(iter(last_job), None),
        last_outcomes=[_outcome(each) for each in outcomes],
    )


def _outcome(told: str | None) -> str | None:
    """As clients see it; the second word is how a job that waits is called."""
    if told is None:
        return None
    status, _, waiting = told.partition(" ")
    return waiting if waiting and status == JobStatus.QUEUED else status


def _job(job_type: str, payload: bytes, *rest: Any) -> ScheduledJob:
    queue, priority, max_attempts, timeout_seconds, tags, backoff, concurrency_key = rest
    return ScheduledJob(
        job_type=job_type,
        payload=msgspec.Raw(payload),
        queue=queue,
        priority=priority,
        max_attempts=max_attempts,
        timeout_seconds=timeout_seconds,
        tags=tags,
        backoff=None if backoff is None else msgspec.json.decode(backoff, type=Backoff),
        concurrency_key=concurrency_key,
    )
