"""One job's way through the whole system, with each kind of worker."""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

import boto3
import psycopg
import pytest
import redis
from botocore.exceptions import ClientError
from uuid_utils.compat import uuid7
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.e2e.conftest import RunningStack, call

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


def test_without_a_living_worker_a_submit_wakes_the_lambda(workerless: RunningStack) -> None:
    with workerless.watch() as client:
        submitted = workerless.submit("echo", "by lambda")
        frames = frames_of(client, submitted["id"])

    assert [frame["status"] for frame in frames] == ["QUEUED", "RUNNING", "COMPLETED"]
    assert workerless.job(submitted["id"])["result"] == "by lambda"


def test_an_isolated_handler_runs_in_a_child_of_the_lambda(workerless: RunningStack) -> None:
    submitted = workerless.submit("count_primes", {"below": 1_000_000})

    workerless.wait_for(submitted["id"], 30)

    assert workerless.job(submitted["id"])["result"] == 78_498


def test_a_lambdas_handler_hears_of_its_cancellation(workerless: RunningStack) -> None:
    with workerless.watch() as client:
        submitted = workerless.submit("sleep", {"seconds": 60})
        frames_of(client, submitted["id"], "RUNNING")
        asked = workerless.post(f"/jobs/{submitted['id']}/cancel", {}).json()
        frames = frames_of(client, submitted["id"], "CANCELLED")

    assert (asked["status"], asked["result"]) == ("RUNNING", None)
    assert frames[-1]["cancel_requested_at"] == asked["cancel_requested_at"]


def test_jobs_left_over_are_picked_up_by_the_scheduled_lambda(workerless: RunningStack) -> None:
    stranded = str(uuid7())
    with psycopg.connect(workerless.addresses["database_url"], autocommit=True) as connection:
        # As an API leaves it that dies between INSERT and enqueue, a while ago.
        connection.execute(
            """
            INSERT INTO jobs (id, job_type, queue, status, priority, max_attempts, timeout_seconds, run_at, created_at, payload)
            VALUES (%s, 'echo', 'default', 'QUEUED', 0, 3, 10, now(), now() - interval '10 seconds', '"left over"')
            """,
            [stranded],
        )

    assert workerless.wait_for(stranded, seconds=150)["result"] == "left over"


def test_a_killed_workers_job_is_done_by_the_next_one(stack: RunningStack) -> None:
    submitted = stack.submit("sleep", {"seconds": 3})
    stack.wait_for(submitted["id"], 10, status="RUNNING")

    stack.kill("worker")  # and it is started again

    assert stack.wait_for(submitted["id"], seconds=45)["attempt"] == 2


def test_the_emulator_refuses_what_our_policies_do_not_allow(stack: RunningStack) -> None:
    """IAM is enforced, so the deployed functions prove their policies each time a frame is sent or a Lambda woken."""
    stranger = account("AKIASTRANGER").client("lambda", endpoint_url=stack.addresses["aws_endpoint_url"])

    with pytest.raises(ClientError):
        stranger.invoke(FunctionName="job-scheduler-worker-local-run", InvocationType="Event")


def test_csv_summary_reads_from_s3_inside_the_lambda(workerless: RunningStack) -> None:
    """Which proves the worker's policy for reading objects: IAM is enforced."""
    objects = account().client("s3", endpoint_url=workerless.addresses["aws_endpoint_url"])
    objects.create_bucket(Bucket="uploads")
    objects.put_object(Bucket="uploads", Key="people.csv", Body=b"name,age\nAda,36\nGrace,\n")

    submitted = workerless.submit("csv_summary", {"url": "s3://uploads/people.csv"})

    summary = workerless.wait_for(submitted["id"], 60)["result"]
    assert summary["rows"] == 2
    assert [(column["name"], column["count"], column["missing"]) for column in summary["columns"]] == [
        ("name", 2, 0),
        ("age", 1, 1),
    ]


def test_a_client_that_redis_has_forgotten_is_sent_back_to_connect_again(stack: RunningStack) -> None:
    with stack.watch() as client, redis.Redis.from_url(stack.addresses["redis_url"]) as cache:
        cache.flushall()
        client.send('{"action":"ping"}')

        with pytest.raises(ConnectionClosed):
            client.recv(timeout=10)


def test_a_client_that_asks_for_nonsense_is_told_so_and_stays(stack: RunningStack) -> None:
    with stack.watch() as client:
        client.send('{"action":"subscribe","queues":"mail"}')
        answer = json.loads(client.recv(timeout=10))
        client.send('{"action":"ping"}')

        assert (answer["type"], answer["code"]) == ("Error", "invalid_input")
        assert json.loads(client.recv(timeout=10)) == {"type": "Pong"}


@pytest.mark.parametrize("program", ["emulator", "valkey", "postgres"])
def test_the_stack_survives_the_death_of_any_part(stack: RunningStack, program: str) -> None:
    before = stack.submit("echo", "before")["id"]
    stack.wait_for(before, 15)

    stack.kill(program)
    call(stack.environment, "up")

    after = stack.submit("echo", "after")["id"]
    stack.wait_for(after, 45)
    assert stack.job(before)["result"] == "before"


def account(key: str = "test") -> boto3.Session:
    """Of the emulator's administrator, or of a stranger."""
    return boto3.Session(aws_access_key_id=key, aws_secret_access_key=key, region_name="us-east-1")
