"""The guarded API, deployed: the description and the API agree, sockets take tickets, and the command line works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import urllib3
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.e2e.conftest import ROOT, RunningStack, wait_until

pytestmark = pytest.mark.timeout(600)  # the first test brings the stack up

HERE = Path(__file__).resolve().parent


def test_a_stranger_is_let_in_nowhere(guarded_stack: RunningStack) -> None:
    ready = urllib3.request("GET", f"{guarded_stack.api_url}/ready").json()
    listed = urllib3.request("GET", f"{guarded_stack.api_url}/jobs")

    assert ready["auth"] == "on"
    assert (listed.status, listed.json()["code"]) == (401, "unauthenticated")
    with pytest.raises(InvalidStatus):
        connect(guarded_stack.ws_url)
    with pytest.raises(InvalidStatus):
        connect(f"{guarded_stack.ws_url}?ticket=nonsense")


def test_a_ticket_opens_one_socket_that_is_told_of_jobs(guarded_stack: RunningStack) -> None:
    ticket = guarded_stack.post("/ws-tickets", {}).json()["ticket"]

    with connect(f"{guarded_stack.ws_url}?ticket={ticket}") as client:
        client.send('{"action":"ping"}')
        while json.loads(client.recv(timeout=10)) != {"type": "Pong"}:
            pass  # news of other tests' jobs
        submitted = guarded_stack.submit("echo", "told")
        statuses = []
        while "COMPLETED" not in statuses:
            frame = json.loads(client.recv(timeout=30))
            statuses += [frame["data"]["status"]] if frame["data"]["id"] == submitted["id"] else []
    with pytest.raises(InvalidStatus):
        connect(f"{guarded_stack.ws_url}?ticket={ticket}")


def test_a_revoked_keys_socket_is_cut(guarded_stack: RunningStack) -> None:
    made = guarded_stack.post("/keys", {"name": "watcher", "role": "viewer"}).json()
    header = {"Authorization": f"Bearer {made['key']}"}
    ticket = urllib3.request("POST", f"{guarded_stack.api_url}/ws-tickets", headers=header).json()["ticket"]

    with connect(f"{guarded_stack.ws_url}?ticket={ticket}") as client:
        urllib3.request(
            "DELETE",
            f"{guarded_stack.api_url}/keys/{made['id']}",
            headers={"Authorization": f"Bearer {guarded_stack.key}"},
        )

        with pytest.raises(ConnectionClosed):
            read_to_the_end(client)


def read_to_the_end(client: ClientConnection) -> None:
    """News of other tests' jobs may come first."""
    while True:
        client.recv(timeout=20)


def jobs(stack: RunningStack, *arguments: str, status: int = 0) -> str:
    """The command, as a person runs it."""
    environment = {**os.environ, "JOBS_URL": stack.api_url, "JOBS_KEY": stack.key}
    command = [sys.executable, "-m", "chalicelib.cli", *arguments]
    ran = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=60, check=False)
    assert ran.returncode == status, ran.stdout + ran.stderr
    return ran.stdout


def test_a_job_is_submitted_and_waited_for_on_the_command_line(guarded_stack: RunningStack) -> None:
    done = json.loads(jobs(guarded_stack, "submit", "echo", "a.b=1", "--tag", "cli", "--wait", "--json"))
    failed = json.loads(
        jobs(guarded_stack, "submit", "fail_job", "seconds=1", "--max-attempts", "1", "--wait", "--json", status=1)
    )

    assert (done["status"], done["result"]) == ("COMPLETED", {"a": {"b": 1}})
    assert failed["errors"][0]["type"] == "SimulatedFailure"
    assert [each["id"] for each in json.loads(jobs(guarded_stack, "list", "--tag", "cli", "--json"))] == [done["id"]]
    assert "this job type always fails" in jobs(guarded_stack, "show", failed["id"])


def test_a_queue_is_paused_and_goes_on_on_the_command_line(guarded_stack: RunningStack) -> None:
    jobs(guarded_stack, "queues", "pause", "cli-queue")
    job_id = json.loads(jobs(guarded_stack, "submit", "echo", "x=1", "--queue", "cli-queue", "--json"))["id"]
    waiting = guarded_stack.get(f"/jobs/{job_id}?wait=1").json()

    jobs(guarded_stack, "queues", "resume", "cli-queue")

    assert waiting["status"] == "QUEUED"
    assert guarded_stack.get(f"/jobs/{job_id}?wait=15").json()["status"] == "COMPLETED"


def test_what_went_on_can_be_read(guarded_stack: RunningStack) -> None:
    guarded_stack.wait_for(guarded_stack.submit("echo", 1)["id"], 15)

    wait_until(lambda: b'queue_oldest_age_seconds{queue="default"}' in guarded_stack.get("/metrics").data, 15)
    counts = guarded_stack.get("/stats").json()["counts"]
    metrics = guarded_stack.get("/metrics")
    (worker,) = [each for each in guarded_stack.get("/workers").json() if each["form"] == "container"]

    assert counts["COMPLETED"] >= 1
    assert metrics.headers["content-type"].startswith("text/plain")
    assert worker["concurrency"] == 16
    assert "submit" in {entry["action"] for entry in guarded_stack.get("/audit").json()}


def test_the_api_does_what_its_description_says(guarded_stack: RunningStack) -> None:
    """Every check of Schemathesis on every route: examples, boundary values, random ones good and bad, and sequences.

    The last one: it leaves queues paused and limited behind, and jobs that wait for hosts that there are not.
    """
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "--no-color"]
    command += [
        "run",
        f"{guarded_stack.api_url}/openapi.json",
        "--header",
        f"Authorization: Bearer {guarded_stack.key}",
    ]
    command += ["--max-examples", "25", "--seed", "1"]
    command += [
        "--suppress-health-check",
        "filter_too_much",
    ]  # ranges of a backfill, two times of which one is the later
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.e2e.schemathesis_hooks", "PYTHONPATH": str(ROOT)}

    ran = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=580, check=False)

    assert ran.returncode == 0, ran.stdout[-6_000:] + ran.stderr[-2_000:]
