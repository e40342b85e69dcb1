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
    Batch: {
        "two jobs": {"jobs": [{"job_type": "echo", "payload": 1}, {"job_type": "echo", "payload": 2}]},
        "two, and one after both": {
            "jobs": [
                {"job_type": "echo", "payload": "left"},
                {"job_type": "echo", "payload": "right"},
                {"job_type": "echo", "payload": "both", "depends_on": [0, 1], "if_dependency_fails": "run"},
            ]
        },
    },
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

# By operation, where it is another than the job above.
ANSWERS: Mapping[str, object] = {
    "show_dependencies": {
        "depends_on": [
            {"id": "01a20a21-9f5b-76e0-8fda-cd7a8388a0b2", "job_type": "process_data", "status": "COMPLETED"},
            {"id": "01a20a21-a004-7d31-9c4a-0a6fbd3b7c11", "job_type": "http_request", "status": "RUNNING"},
        ],
        "dependents": [{"id": "01a20a21-a1c8-7a90-b0f5-5f0c6a2be9d4", "job_type": "csv_summary", "status": "BLOCKED"}],
        "more": False,
    },
    "show_job": {
        **JOB,
        "status": "RETRYING",
        "run_at": "2026-11-23T20:38:31.040Z",
        "started_at": "2026-11-23T20:38:25.402Z",
        "worker_id": "worker-7c9f-1",
        "attempt": 1,
        "version": 3,
        "error": "connection refused",
        "errors": [
            {
                "attempt": 1,
                "started_at": "2026-11-23T20:38:25.402Z",
                "at": "2026-11-23T20:38:27.911Z",
                "worker_id": "worker-7c9f-1",
                "type": "ConnectionError",
                "message": "connection refused",
                "traceback": "",
            }
        ],
    },
    "list_job_types": [
        {
            "name": "sleep",
            "description": "Do nothing for a while.",
            "schema": {
                "$ref": "#/$defs/Sleep",
                "$defs": {
                    "Sleep": {
                        "title": "Sleep",
                        "type": "object",
                        "properties": {"seconds": {"type": "number", "minimum": 0, "maximum": 600}},
                        "required": ["seconds"],
                        "additionalProperties": False,
                    }
                },
            },
            "queue": "default",
            "priority": 0,
            "max_attempts": 3,
            "timeout_seconds": 660.0,
            "backoff": {"type": "exponential", "base": 2.0, "cap": 3600.0},
            "isolation": "thread",
        }
    ],
    "show_stats": {
        "at": "2026-11-25T09:30:12.250Z",
        "counts": {
            "BLOCKED": 0,
            "SCHEDULED": 12,
            "QUEUED": 3,
            "RETRYING": 1,
            "RUNNING": 16,
            "COMPLETED": 184_220,
            "FAILED": 31,
            "CANCELLED": 4,
        },
        "step_minutes": 60,
        "series": [
            {
                "minute": "2026-11-25T08:00:00.000Z",
                "completed": 1_873,
                "failed": 2,
                "retried": 5,
                "cancelled": 0,
                "wait_p50": 0.0034,
                "wait_p95": 0.019,
                "wait_p99": 0.15,
                "run_p50": 0.22,
                "run_p95": 1.7,
                "run_p99": 4.9,
            }
        ],
    },
    "list_schedules": [
        {
            "name": "nightly",
            "cron": "30 2 * * mon-fri",
            "interval_seconds": None,
            "at": None,
            "timezone": "Europe/Paris",
            "starts_at": None,
            "ends_at": None,
            "job": {
                "job_type": "http_request",
                "payload": {"url": "https://example.com/report", "method": "POST"},
                "queue": "default",
                "priority": 0,
                "max_attempts": 5,
                "timeout_seconds": 120.0,
                "tags": [],
                "backoff": None,
                "concurrency_key": None,
            },
            "misfire": "run_once",
            "overlap": "skip",
            "catch_up": 10,
            "source": "api",
            "state": "active",
            "paused": False,
            "paused_note": None,
            "paused_by": None,
            "next_run_at": "2026-11-26T01:30:00.000Z",
            "last_run_at": "2026-11-25T01:30:00.000Z",
            "last_job_id": "01a20f5c-1d40-7b3a-9c64-5f0f3f2f8a11",
            "last_outcomes": ["COMPLETED", "COMPLETED", "FAILED"],
            "created_at": "2026-11-20T14:02:11.900Z",
            "updated_at": "2026-11-20T14:02:11.900Z",
            "version": 1,
        }
    ],
    "list_audit": [
        {
            "id": "01a21107-3f8e-7c55-8f2b-0b6a6a0c2b1d",
            "at": "2026-11-25T09:29:58.126Z",
            "actor": "3f9c2a7b1d04",
            "actor_name": "ann",
            "action": "purge_queue",
            "target": "/queues/mail/purge",
            "detail": {},
            "request_id": "a93de52d-362d-4879-b600-e565f4ca7df2",
        }
    ],
}
