from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from chalicelib.backoff import Exponential
from chalicelib.jobs import MOVES, REVIVE, Job, JobStatus, status_label
from chalicelib.views import rfc3339, whole
from tests.samples import a_claimed_job

FINAL = {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED}


def a_row(**fields: Any) -> Job:
    moment = datetime(2026, 11, 23, 9, 30, 0, 250_999, UTC)
    return Job(
        **{
            "id": uuid7(),
            "job_type": "echo",
            "queue": "default",
            "status": JobStatus.QUEUED,
            "priority": 0,
            "attempt": 0,
            "max_attempts": 3,
            "failures": 0,
            "crashes": 0,
            "version": 1,
            "timeout_seconds": 30.0,
            "run_at": moment,
            "waits": False,
            "created_at": moment,
            "started_at": None,
            "finished_at": None,
            "lease_expires_at": None,
            "worker_id": None,
            "tags": [],
            "progress": None,
            "error": None,
            "cancel_requested_at": None,
            "concurrency_key": None,
            "schedule": None,
            "scheduled_for": None,
            "depends_on": None,
            "runs_anyway": False,
            "has_dependents": False,
            "payload": msgspec.Raw(b"{}"),
            "result": None,
            "errors": msgspec.Raw(b"[]"),
            **fields,
        }
    )


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.name)
def test_no_move_but_a_revival_leaves_a_final_status(move: Any) -> None:
    assert not move.sources & FINAL or move is REVIVE


@pytest.mark.parametrize(
    ("status", "attempt", "waits", "label"),
    [
        (JobStatus.QUEUED, 0, False, "QUEUED"),
        (JobStatus.QUEUED, 0, True, "SCHEDULED"),
        (JobStatus.QUEUED, 1, True, "RETRYING"),
        (JobStatus.QUEUED, 1, False, "QUEUED"),
        (JobStatus.RUNNING, 1, True, "RUNNING"),
        (JobStatus.FAILED, 3, True, "FAILED"),
    ],
)
def test_a_queued_job_that_waits_is_shown_as_scheduled_or_retrying(
    status: JobStatus, attempt: int, waits: bool, label: str
) -> None:
    assert status_label(status, attempt, waits=waits) == label


@pytest.mark.parametrize(("failures", "left"), [(0, True), (1, True), (2, False)])
def test_the_last_attempt_leaves_none(failures: int, left: bool) -> None:
    assert a_claimed_job(failures=failures, max_attempts=3).has_attempts_left is left


@given(failures=st.integers(1, 10_000), seed=st.integers())
def test_a_retry_delay_stays_under_its_ceiling(failures: int, seed: int) -> None:
    delay = Exponential(base=2, cap=3600).delay(failures, random.Random(seed))

    assert timedelta(0) <= delay <= timedelta(seconds=min(3600, 2 * 2 ** min(failures - 1, 64)))


def test_retry_delays_are_spread_and_grow() -> None:
    rng = random.Random(7)
    means = [
        sum(Exponential().delay(failures, rng).total_seconds() for _ in range(500)) / 500 for failures in (1, 4, 40)
    ]

    assert means == sorted(means)
    assert means[0] == pytest.approx(1.0, rel=0.2)
    assert means[1] == pytest.approx(8.0, rel=0.2)
    assert means[2] == pytest.approx(1800.0, rel=0.2)


def test_times_are_utc_with_milliseconds() -> None:
    paris = timezone(timedelta(hours=1))

    assert rfc3339(datetime(2026, 1, 1, 0, 0, 0, 999_999, paris)) == "2025-12-31T23:00:00.999Z"


def test_the_wires_job_has_the_ancestors_names_and_ours_and_nothing_else() -> None:
    shown = msgspec.json.decode(msgspec.json.encode(whole(a_row())))

    assert list(shown) == [
        *("id", "job_type", "payload", "status", "result", "created_at", "started_at", "finished_at", "worker_id"),
        *("queue", "priority", "run_at", "attempt", "max_attempts", "version", "error", "progress", "tags"),
        *("timeout_seconds", "cancel_requested_at", "concurrency_key", "schedule", "scheduled_for", "errors"),
    ]
    assert shown["created_at"] == "2026-11-23T09:30:00.250Z"
