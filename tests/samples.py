"""Values for tests that need no database."""

from __future__ import annotations

import time
from typing import Any

from uuid_utils.compat import uuid7

from chalicelib.attempt import Attempt
from chalicelib.jobs import ClaimedJob
from tests.fake_context import a_settings


def a_claimed_job(**fields: Any) -> ClaimedJob:
    if "id" in fields:
        fields["raw_id"] = fields.pop("id").bytes
    return ClaimedJob(
        **{
            "raw_id": uuid7().bytes,
            "attempt": 1,
            "job_type": "echo",
            "queue": "default",
            "priority": 0,
            "failures": 0,
            "max_attempts": 3,
            "crashes": 0,
            "timeout_seconds": 30.0,
            "backoff": None,
            "payload": b"{}",
            "waited": 0.0,
            **fields,
        }
    )


def an_attempt(**fields: Any) -> Attempt:
    return Attempt(a_claimed_job(**fields), a_settings(), time.monotonic())
