"""What the API answers, as far as people get to see it. Programs get the API's own JSON."""

from __future__ import annotations

from datetime import datetime

import msgspec

FINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED"})


class Progress(msgspec.Struct, frozen=True):
    """fraction: 0 to 1."""

    fraction: float | None = None
    message: str | None = None


class Failure(msgspec.Struct, frozen=True):
    attempt: int
    at: datetime | None = None
    started_at: datetime | None = None
    worker_id: str | None = None
    type: str = ""
    message: str = ""
    traceback: str | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    job_type: str
    status: str
    payload: msgspec.Raw = msgspec.Raw(b"null")
    result: msgspec.Raw = msgspec.Raw(b"null")
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    worker_id: str | None = None
    queue: str = ""
    priority: int = 0
    run_at: datetime | None = None
    attempt: int = 0
    max_attempts: int = 0
    version: int = 0
    error: str | None = None
    progress: Progress | None = None
    tags: list[str] = []
    timeout_seconds: float | None = None
    cancel_requested_at: datetime | None = None
    concurrency_key: str | None = None
    depends_on: list[str] = []
    schedule: str | None = None
    scheduled_for: datetime | None = None
    errors: list[Failure] | None = None

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def tries(self) -> str:
        return f"{self.attempt}/{self.max_attempts}"


class LogLine(msgspec.Struct, frozen=True):
    attempt: int
    line: int
    at: datetime
    level: str
    message: str
    logger: str = ""


class LogPage(msgspec.Struct, frozen=True):
    lines: list[msgspec.Raw]
    cursor: str | None = None


class Moved(msgspec.Struct, frozen=True):
    count: int
    cursor: str | None = None


class JobType(msgspec.Struct, frozen=True):
    name: str
    description: str = ""
    timeout_seconds: float | None = None
    max_attempts: int | None = None
    schema: msgspec.Raw = msgspec.Raw(b"{}")


class Rate(msgspec.Struct, frozen=True):
    jobs: float
    per_seconds: float = 1.0
    burst: int | None = None


class Queue(msgspec.Struct, frozen=True):
    name: str
    paused: bool = False
    paused_at: datetime | None = None
    paused_by: str | None = None
    max_running: int | None = None
    rate_limit: Rate | None = None
    max_running_per_key: int | None = None
    rate_limit_per_key: Rate | None = None
    weight: float = 1.0
    default_priority: int | None = None
    default_max_attempts: int | None = None
    default_timeout_seconds: float | None = None
    depth: dict[str, int] = {}
    oldest_age_seconds: float | None = None
    in_per_minute: float | None = None
    out_per_minute: float | None = None


class Worker(msgspec.Struct, frozen=True):
    id: str
    form: str = ""
    host: str = ""
    pid: int | None = None
    version: str | None = None
    concurrency: int | None = None
    started_at: datetime | None = None
    seen_at: datetime | None = None
    running_count: int = 0


class Bucket(msgspec.Struct, frozen=True):
    minute: datetime
    completed: int = 0
    failed: int = 0
    retried: int = 0
    cancelled: int = 0
    wait_p50: float | None = None
    wait_p95: float | None = None
    run_p50: float | None = None
    run_p95: float | None = None


class Stats(msgspec.Struct, frozen=True):
    counts: dict[str, int]
    series: list[Bucket] = []


class Retention(msgspec.Struct, frozen=True, rename="upper"):
    """Days. None: for ever."""

    completed: int | None
    failed: int | None
    cancelled: int | None


class Key(msgspec.Struct, frozen=True):
    id: str
    name: str
    role: str
    rate_limit: int | None = None
    created_at: datetime | None = None
    created_by: str = ""
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    key: str = ""


class AuditEntry(msgspec.Struct, frozen=True):
    at: datetime
    action: str
    actor_name: str = ""
    target: str = ""
    detail: msgspec.Raw = msgspec.Raw(b"null")


class ScheduledJob(msgspec.Struct, frozen=True):
    job_type: str = ""


class Schedule(msgspec.Struct, frozen=True):
    name: str
    cron: str | None = None
    interval_seconds: int | None = None
    at: datetime | None = None
    timezone: str = "UTC"
    job: ScheduledJob = ScheduledJob()
    source: str = ""
    state: str = "active"
    paused_note: str | None = None
    next_run_at: datetime | None = None
    last_run_at: datetime | None = None
    last_outcomes: list[str | None] = []


class Run(msgspec.Struct, frozen=True):
    scheduled_for: datetime
    job_id: str
    kind: str = ""
    status: str | None = None
    finished_at: datetime | None = None
    error: str | None = None


class Backfilled(msgspec.Struct, frozen=True):
    count: int
    next: datetime | None = None


class Preview(msgspec.Struct, frozen=True):
    times: list[datetime]
