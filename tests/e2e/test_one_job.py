"""One job's way through the whole system, with each kind of worker."""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

import psycopg
import pytest
from uuid_utils.compat import uuid7
from websockets.sync.client import ClientConnection

from tests.e2e.conftest import RunningStack

pytestmark = pytest.mark.timeout(400)  # the first test brings the stack up


def frames_of(client: ClientConnection, job_id: str, last: str = "COMPLETED") -> list[dict[str, Any]]:
    """The job's updates, up to the last one."""
    seen: list[dict[str, Any]] = []
    while not seen or seen[-1]["status"] != last:
        frame = json.loads(client.recv(timeout=30))
        assert frame["type"] == "JobStatusUpdate"
        if frame["data"]["id"] == job_id:
            seen.append(frame["data"])
    return seen


def without_repeats(statuses: list[str]) -> list[str]:
    return [status for n, status in enumerate(statuses) if n == 0 or statuses[n - 1] != status]


def test_a_client_written_for_the_ancestor_works_unchanged(stack: RunningStack) -> None:
    with stack.watch() as client:
        submitted = stack.submit("process_data", {"user_id": 101})
        frames = frames_of(client, submitted["id"])

    assert submitted["status"] == "QUEUED"
    assert without_repeats([frame["status"] for frame in frames]) == ["QUEUED", "RUNNING", "COMPLETED"]
    assert frames[-1]["result"]["user_id"] == 101
    assert frames[-1]["worker_id"]
    assert frames[-1]["started_at"] <= frames[-1]["finished_at"]
    assert submitted["id"] in {job["id"] for job in stack.get("/jobs").json()}


def test_a_failing_job_ends_as_failed(stack: RunningStack) -> None:
    with stack.watch() as client:
        submitted = stack.submit("fail_job", {"seconds": 1}, max_attempts=1)
        frames = frames_of(client, submitted["id"], last="FAILED")

    assert frames[-1]["error"] == "this job type always fails"
    assert stack.job(submitted["id"])["errors"][0]["type"] == "SimulatedFailure"


def test_progress_is_told_while_the_job_runs(stack: RunningStack) -> None:
    with stack.watch() as client:
        submitted = stack.submit("process_data", {"seconds": 2, "steps": 4})
        frames = frames_of(client, submitted["id"])

    fractions = [frame["progress"]["fraction"] for frame in frames if frame["progress"]]
    assert len(fractions) >= 2
    assert fractions == sorted(fractions)


def test_a_job_from_submit_to_the_completed_frame(stack: RunningStack, record_property: Any) -> None:
    took: list[float] = []
    with stack.watch() as client:
        for n in range(40):
            began = time.perf_counter()
            frames_of(client, stack.submit("echo", n)["id"])
            took.append((time.perf_counter() - began) * 1000)

    record_property("submit_to_completed_frame_p50_ms", round(statistics.median(took), 1))


def test_without_a_living_worker_a_submit_wakes_the_lambda(stack: RunningStack) -> None:
    stack.stop_worker()

    with stack.watch() as client:
        submitted = stack.submit("echo", "by lambda")
        frames = frames_of(client, submitted["id"])

    assert [frame["status"] for frame in frames] == ["QUEUED", "RUNNING", "COMPLETED"]
    assert stack.job(submitted["id"])["result"] == "by lambda"


def test_jobs_left_over_are_picked_up_by_the_scheduled_lambda(stack: RunningStack) -> None:
    stack.stop_worker()
    stranded = str(uuid7())
    with psycopg.connect(stack.addresses["database_url"], autocommit=True) as connection:
        # As an API leaves it that dies between INSERT and enqueue, a while ago.
        connection.execute(
            """
            INSERT INTO jobs (id, job_type, queue, status, priority, max_attempts, timeout_seconds, run_at, created_at, payload)
            VALUES (%s, 'echo', 'default', 'QUEUED', 0, 3, 10, now(), now() - interval '10 seconds', '"left over"')
            """,
            [stranded],
        )

    assert stack.wait_for(stranded, seconds=150)["result"] == "left over"


def test_a_killed_workers_job_is_done_by_the_next_one(stack: RunningStack) -> None:
    submitted = stack.submit("sleep", {"seconds": 3})
    stack.wait_for(submitted["id"], 10, status="RUNNING")

    stack.kill_worker()  # and it is started again

    assert stack.wait_for(submitted["id"], seconds=45)["attempt"] == 2


def test_the_emulator_refuses_what_our_policies_do_not_allow(stack: RunningStack) -> None:
    """IAM is enforced, so the deployed functions prove their policies each time a frame is sent or a Lambda woken."""
    import boto3
    from botocore.exceptions import ClientError

    stranger = boto3.client(
        "lambda",
        endpoint_url=stack.addresses["aws_endpoint_url"],
        region_name="us-east-1",
        aws_access_key_id="AKIASTRANGER",
        aws_secret_access_key="unknown",
    )

    with pytest.raises(ClientError):
        stranger.invoke(FunctionName="job-scheduler-worker-local-run", InvocationType="Event")
