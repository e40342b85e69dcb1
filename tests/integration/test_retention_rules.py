"""Finished jobs go when their time is over, and nothing else does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.jobs import JobStatus
from chalicelib.maintenance import Maintenance
from chalicelib.pruning import JobPruning
from chalicelib.retention import RetentionChange
from chalicelib.store.database import Database
from chalicelib.store.retention import RetentionStore
from tests.integration.calls import Api, problem
from tests.integration.conftest import World, a_maintenance
from tests.integration.old_days import (
    CANCELLED,
    COMPLETED,
    FAILED,
    ONE,
    THREE,
    Connection,
    Past,
    days_exist,
    everywhere,
    ids,
    make,
    no_old_partitions,
    past,
    pruned,
    pruning,
)

__all__ = ["no_old_partitions", "past", "pruning"]


def test_a_day_in_which_all_has_expired_is_dropped_with_its_tags_and_logs(
    conn: Connection, past: Past, pruning: JobPruning
) -> None:
    make(conn, ONE)
    for _ in range(3):
        past.job(ONE)
    past.job(ONE, CANCELLED)
    young = past.job(datetime.now(UTC).date(), ended_ago=timedelta(0))

    pruning.run()

    assert days_exist(conn, ONE) == [False] * 4
    assert everywhere(conn) == [{young}] * 4
    assert pruned(conn) == {"COMPLETED": 3, "CANCELLED": 1, "FAILED": 0}
    assert conn.execute("SELECT FROM detached_partitions").fetchall() == []


def test_an_unfinished_job_keeps_its_partition_and_nothing_else_in_it(
    conn: Connection, past: Past, pruning: JobPruning
) -> None:
    make(conn, ONE)
    kept = []
    for status in (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.BLOCKED):
        past.job(ONE)
        kept.append(past.job(ONE, status))
    past.job(ONE)

    pruning.run()

    assert days_exist(conn, ONE) == [True] * 4
    assert everywhere(conn) == [{*kept}] * 4
    assert conn.execute("SELECT count(*) FROM job_tags").fetchall() == [(6,)]
    assert pruned(conn)["COMPLETED"] == 4


def test_failed_jobs_stay_longer_than_completed_ones(conn: Connection, past: Past, pruning: JobPruning) -> None:
    make(conn, ONE)
    make(conn, THREE)
    kept = past.job(ONE, FAILED)
    past.job(ONE)
    past.job(THREE, FAILED)

    pruning.run()

    assert everywhere(conn) == [{kept}] * 4
    assert (days_exist(conn, ONE), days_exist(conn, THREE)) == ([True] * 4, [False] * 4)


def test_what_counts_is_when_a_job_ended_not_when_it_was_made(
    conn: Connection, past: Past, pruning: JobPruning
) -> None:
    make(conn, ONE)
    kept = past.job(ONE, ended_ago=timedelta(days=29, hours=23))
    past.job(ONE, ended_ago=timedelta(days=30, minutes=1))

    pruning.run()

    assert ids(conn) == {kept}


@pytest.mark.parametrize("status", [COMPLETED, FAILED, CANCELLED])
@pytest.mark.parametrize("days", [None, 1, 45, 3650])
def test_each_status_goes_by_its_own_days(
    conn: Connection, past: Past, pruning: JobPruning, database: Database, status: JobStatus, days: int | None
) -> None:
    make(conn, ONE)
    change = dict.fromkeys(("completed", "failed", "cancelled"), 1) | {status.lower(): days}
    RetentionStore(database).change(RetentionChange(**change))
    for each in (COMPLETED, FAILED, CANCELLED):
        past.job(ONE, each)

    pruning.run()

    left = {each for (each,) in conn.execute("SELECT status FROM jobs").fetchall()}
    assert left == (set() if days == 1 else {status})


def test_maintenance_prunes(world: World, conn: Connection, past: Past, database: Database) -> None:
    make(conn, ONE)
    past.job(ONE)
    maintenance: Maintenance = a_maintenance(database, world.cache)

    maintenance.run_once()

    assert ids(conn) == set()


# Settings


def test_new_settings_begin_a_new_walk(conn: Connection, past: Past, pruning: JobPruning, database: Database) -> None:
    make(conn, ONE)
    past.job(ONE, FAILED)
    pruning.run()
    assert len(ids(conn)) == 1

    RetentionStore(database).change(RetentionChange(failed=30))
    pruning.run()

    assert ids(conn) == set()


def test_retention_is_read_and_changed(api: Api, conn: Connection) -> None:
    assert api.get("/retention").json_body == {"COMPLETED": 30, "FAILED": 90, "CANCELLED": 30}

    changed = api.call("PUT", "/retention", json.dumps({"COMPLETED": 14, "FAILED": None}).encode())

    assert (changed.status_code, changed.json_body) == (200, {"COMPLETED": 14, "FAILED": None, "CANCELLED": 30})
    assert api.get("/retention").json_body == changed.json_body
    rows = conn.execute("SELECT action, target, detail FROM audit").fetchall()
    assert [
        (action, target, json.loads(detail) if isinstance(detail, str | bytes) else detail)
        for action, target, detail in rows
    ] == [("change_retention", "/retention", {"COMPLETED": 14, "FAILED": None})]


@pytest.mark.parametrize(
    "body", [b'{"COMPLETED":0}', b'{"FAILED":1.5}', b'{"RUNNING":1}', b"[]", b'{"CANCELLED":3651}']
)
def test_an_odd_retention_changes_nothing(api: Api, conn: Connection, body: bytes) -> None:
    answer = api.call("PUT", "/retention", body)

    assert (answer.status_code, problem(answer)["status"]) == (422, 422)
    assert api.get("/retention").json_body == {"COMPLETED": 30, "FAILED": 90, "CANCELLED": 30}
    assert conn.execute("SELECT FROM audit").fetchall() == []
