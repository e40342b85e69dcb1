"""What the API's description shows as examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.bulk_forms import Cancellation, Purge, Revival, Transfer
from chalicelib.forms import Batch, KeyForm
from chalicelib.queue_settings import QueueChange
from chalicelib.retention import RetentionChange
from chalicelib.schedule_forms import Backfill, Definition, NamedDefinition, PauseNote, Preview
from chalicelib.submissions import Submission

NIGHTLY = {
    "cron": "30 2 * * mon-fri",
    "job": {"job_type": "http_request", "payload": {"url": "https://example.com/report", "method": "POST"}},
}

BODIES: Mapping[Any, Mapping[str, object]] = {
    Submission: {
        "small": {"job_type": "process_data", "payload": {"user_id": 101}},
        "with options": {
            "job_type": "http_request",
            "payload": {"url": "https://example.com/hook", "method": "POST"},
            "queue": "hooks",
            "priority": 10,
            "delay_seconds": 60,
            "max_attempts": 5,
            "backoff": {"type": "exponential", "base": 2, "cap": 600},
            "tags": ["customer:7"],
        },
        "once, a minute after the last change": {
            "job_type": "http_request",
            "payload": {"url": "https://example.com/reindex/7"},
            "delay_seconds": 60,
            "unique": {"for": "queued", "key": "reindex:7", "on_conflict": "replace"},
        },
    },
    Batch: {"two jobs": {"jobs": [{"job_type": "echo", "payload": 1}, {"job_type": "echo", "payload": 2}]}},
    Cancellation: {"count first": {"queue": "hooks", "dry_run": True}, "then do it": {"queue": "hooks"}},
    Revival: {"what failed today": {"job_type": "http_request", "created_after": "2026-11-25T00:00:00Z"}},
    NamedDefinition: {
        "every working day": {"name": "nightly", "timezone": "Europe/Paris", "overlap": "skip", **NIGHTLY},
        "every five minutes": {"name": "poll", "interval_seconds": 300, "job": {"job_type": "echo", "payload": 1}},
        "once": {"name": "launch", "at": "2099-01-01T00:00:00Z", "job": {"job_type": "echo", "payload": 1}},
    },
    Definition: {
        "make up for what was missed": {"misfire": "run_all", "catch_up": 24, **NIGHTLY},
        "only the newest run counts": {"overlap": "cancel_previous", "ends_at": "2099-01-01T00:00:00Z", **NIGHTLY},
    },
    Preview: {
        "a cron expression": {"cron": "30 2 * * mon-fri", "timezone": "Europe/Paris", "count": 3},
        "an interval": {"interval_seconds": 90, "starts_at": "2026-12-01T00:00:00Z", "after": "2026-12-24T00:00:00Z"},
    },
    PauseNote | None: {"why": {"note": "the source is down until Monday"}},
    Backfill: {
        "count first": {"from": "2026-11-01T00:00:00Z", "to": "2026-11-08T00:00:00Z", "dry_run": True},
        "then do it": {"from": "2026-11-01T00:00:00Z", "to": "2026-11-08T00:00:00Z"},
    },
    Transfer: {
        "a whole queue": {"queue": "mail", "to": "bulk-mail"},
        "some jobs": {"ids": ["01a20a21-9f5b-76e0-8fda-cd7a8388a0b2"], "to": "urgent"},
    },
    Purge: {"count first": {"confirm": "mail", "dry_run": True}, "then do it": {"confirm": "mail"}},
    QueueChange: {
        "pause": {"paused": True},
        "be gentle": {"max_running": 5, "rate_limit": {"jobs": 100, "per_seconds": 60}},
        "what its jobs get": {"default_priority": 10, "default_max_attempts": 5, "default_timeout_seconds": 600},
    },
    KeyForm: {"for a service": {"name": "billing", "role": "operator", "rate_limit": 600}},
    RetentionChange: {"less of what worked, all that failed": {"COMPLETED": 7, "FAILED": None}},
}

JOB: Mapping[str, object] = {
    "id": "01a20a21-9f5b-76e0-8fda-cd7a8388a0b2",
    "job_type": "process_data",
    "payload": {"user_id": 101},
    "status": "QUEUED",
    "result": None,
    "created_at": "2026-11-23T20:38:25.380Z",
    "started_at": None,
    "finished_at": None,
    "worker_id": None,
    "queue": "default",
    "priority": 0,
    "run_at": "2026-11-23T20:38:25.380Z",
    "attempt": 0,
    "max_attempts": 3,
    "version": 1,
    "error": None,
    "progress": None,
    "tags": [],
    "timeout_seconds": 30.0,
    "cancel_requested_at": None,
    "concurrency_key": None,
    "schedule": None,
    "scheduled_for": None,
    "errors": [],
}
