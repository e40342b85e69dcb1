"""What the API answers of schedules."""

from __future__ import annotations

from uuid import UUID

import msgspec

from chalicelib.schedule_forms import Backfilled
from chalicelib.schedules import Misfire, Overlap, Run, RunKind, Schedule, ScheduledJob, Source, State
from chalicelib.views import Time, maybe, rfc3339


class PreviewView(msgspec.Struct, frozen=True):
    """The soonest first."""

    times: list[Time]


class ScheduleView(msgspec.Struct, frozen=True, kw_only=True):
    """The wire's schedule. last_run_at: the latest time that has a run.

    last_outcomes: where the jobs of the last ten runs stand, newest first; null where a job's row is gone.
    """

    name: str
    cron: str | None
    interval_seconds: int | None
    at: Time | None
    timezone: str
    starts_at: Time | None
    ends_at: Time | None
    job: ScheduledJob
    misfire: Misfire
    overlap: Overlap
    catch_up: int
    source: Source
    state: State
    paused: bool
    paused_note: str | None
    paused_by: str | None
    next_run_at: Time | None
    last_run_at: Time | None
    last_job_id: UUID | None
    last_outcomes: list[str | None]
    created_at: Time
    updated_at: Time
    version: int


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """A job that a schedule submitted for one of its times. kind: the time came, somebody ran it, or it filled a hole.

    status, finished_at and error are the job's; all null: its row is gone.
    """

    scheduled_for: Time
    kind: RunKind
    job_id: UUID
    status: str | None
    finished_at: Time | None
    error: str | None


class BackfillView(msgspec.Struct, frozen=True, kw_only=True):
    """What one call did, or with dry_run would do. next: the ``from`` of the call that goes on; null: it is done."""

    count: int
    next: Time | None
    dry_run: bool


def schedule_view(shown: Schedule) -> ScheduleView:
    rules, timing = shown.rules, shown.rules.timing
    return ScheduleView(
        name=shown.name,
        cron=timing.cron,
        interval_seconds=timing.interval_seconds,
        at=maybe(timing.at),
        timezone=timing.timezone,
        starts_at=maybe(timing.starts_at),
        ends_at=maybe(timing.ends_at),
        job=rules.job,
        misfire=rules.misfire,
        overlap=rules.overlap,
        catch_up=rules.catch_up,
        source=rules.source,
        state=shown.state,
        paused=shown.paused,
        paused_note=shown.paused_note,
        paused_by=shown.paused_by,
        next_run_at=maybe(shown.next_run_at),
        last_run_at=maybe(shown.last_run_at),
        last_job_id=shown.last_job_id,
        last_outcomes=shown.last_outcomes,
        created_at=rfc3339(shown.created_at),
        updated_at=rfc3339(shown.updated_at),
        version=shown.version,
    )


def run_view(run: Run) -> RunView:
    return RunView(
        scheduled_for=rfc3339(run.scheduled_for),
        kind=run.kind,
        job_id=run.job_id,
        status=run.status,
        finished_at=maybe(run.finished_at),
        error=run.error,
    )


def backfill_view(done: Backfilled) -> BackfillView:
    return BackfillView(count=done.count, next=maybe(done.next), dry_run=done.dry_run)
