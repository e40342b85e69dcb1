"""What callers, lists, schedules and metrics see of jobs that were pruned."""

from __future__ import annotations

import re
from datetime import timedelta

from chalicelib.pruning import JobPruning
from chalicelib.store.lists import JobFilter, JobLists
from tests.integration.calls import Api, problem
from tests.integration.conftest import World
from tests.integration.old_days import FAILED, ONE, TWO, Connection, Past, make, no_old_partitions, past, pruning

__all__ = ["no_old_partitions", "past", "pruning"]


def test_a_pruned_job_is_not_found_and_nothing_breaks(
    api: Api, world: World, conn: Connection, past: Past, pruning: JobPruning
) -> None:
    make(conn, ONE)
    newer = past.job(ONE, FAILED)
    gone = past.job(ONE)
    listed = api.get("/jobs?status=COMPLETED&limit=1")
    counts = api.get("/stats").json_body["counts"]

    pruning.run()

    for method, path in (
        ("GET", ""),
        ("GET", "/logs"),
        *(("POST", f"/{move}") for move in ("cancel", "revive", "copy")),
    ):
        answer = api.call(method, f"/jobs/{gone}{path}")
        assert (answer.status_code, problem(answer)["code"]) == (404, "job_not_found")
    assert api.post("/jobs/revive", {"ids": [str(gone)]}).json_body["count"] == 0
    assert [job["id"] for job in listed.json_body] == [str(gone)]
    assert api.get(f"/jobs?cursor={gone}").json_body[0]["id"] == str(newer)
    assert api.get("/jobs?tag=old&status=COMPLETED").json_body == []
    for key in world.cache.keys("*:fresh"):
        world.cache.delete(key)
    assert api.get("/stats").json_body["counts"] == counts


def test_pruned_jobs_leave_lists_whole(conn: Connection, past: Past, pruning: JobPruning, lists: JobLists) -> None:
    make(conn, ONE)
    make(conn, TWO)
    kept = past.job(ONE, FAILED)
    past.job(TWO)

    pruning.run()

    assert [job.id for job in lists.page(JobFilter(tag="old")).jobs] == [kept]
    assert [job.id for job in lists.page(JobFilter()).jobs] == [kept]


def test_a_schedule_goes_on_when_its_last_job_has_gone(api: Api, conn: Connection) -> None:
    job = {"job_type": "process_data", "payload": {"user_id": 1}}
    assert api.post("/schedules", {"name": "s", "cron": "0 3 1 1 *", "overlap": "skip", "job": job}).status_code == 201
    first = api.post("/schedules/s/run").json_body["id"]
    conn.execute("DELETE FROM jobs")
    conn.execute("DELETE FROM job_tags")

    assert api.get("/schedules/s").json_body["last_run_at"] is not None
    assert api.get(f"/jobs/{first}").status_code == 404
    assert api.post("/schedules/s/run").status_code == 201


def test_metrics_tell_of_pruning(api: Api, conn: Connection, past: Past, pruning: JobPruning, world: World) -> None:
    make(conn, ONE)
    past.job(ONE)
    before = api.get("/metrics").body.decode()
    pruning.run()
    for key in world.cache.keys("*:fresh"):
        world.cache.delete(key)

    lines = api.get("/metrics").body.decode().splitlines()

    (behind,) = re.findall(r"^jobscheduler_retention_behind_seconds (\S+)$", before, re.MULTILINE)
    assert timedelta(days=8) < timedelta(seconds=float(behind)) < timedelta(days=11)
    assert 'jobscheduler_jobs_pruned_total{status="COMPLETED"} 1.0' in lines
    assert "jobscheduler_retention_behind_seconds 0.0" in lines
    assert f'jobscheduler_partitions{{table="jobs"}} {len(partition_names(conn, "jobs"))}.0' in lines


def partition_names(conn: Connection, table: str) -> list[str]:
    rows = conn.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [table])
    return [name for (name,) in rows.fetchall()]
