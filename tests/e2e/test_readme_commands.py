"""The README's curl commands, run as they stand there, against a stack on other ports."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import RunningStack, wait_until

pytestmark = pytest.mark.timeout(400)

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def commands() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    joined = "\n".join(blocks).replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.startswith("curl ")]


def shown() -> list[dict[str, object]]:
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", README, re.DOTALL)]


def run(stack: RunningStack, command: str, job_id: str = "") -> object:
    there = command.replace("http://localhost:8000", stack.url).replace("<id>", job_id)
    said = subprocess.run(["bash", "-c", f"{there} --silent"], text=True, capture_output=True, check=True, timeout=30)
    return json.loads(said.stdout)


def test_the_commands_answer_as_shown(stack: RunningStack) -> None:
    submit, list_jobs, show_job, list_types, cancel, revive = (command.partition("  #")[0] for command in commands())
    job_shown, problem_shown = shown()

    submitted = run(stack, submit)
    assert isinstance(submitted, dict)
    assert submitted.keys() == job_shown.keys()
    same = ("job_type", "payload", "status", "attempt", "max_attempts", "version")
    assert {name: submitted[name] for name in same} == {name: job_shown[name] for name in same}

    listed = run(stack, list_jobs)
    assert isinstance(listed, list)
    assert submitted["id"] in {job["id"] for job in listed}
    told = run(stack, show_job, submitted["id"])
    assert isinstance(told, dict)
    assert told["id"] == submitted["id"]
    types = run(stack, list_types)
    assert isinstance(types, list)
    assert {"csv_summary", "http_request", "process_data"} <= {each["name"] for each in types}

    asked = run(stack, cancel, submitted["id"])
    assert isinstance(asked, dict)
    assert asked["cancel_requested_at"] is not None
    stack.wait_for(submitted["id"], 10, status="CANCELLED")
    revived = run(stack, revive, submitted["id"])
    assert isinstance(revived, dict)
    assert revived["status"] == "QUEUED"

    refused = stack.post("/jobs", {"job_type": "sleep", "payload": {"seconds": "x"}}).json()
    assert {**refused, "request_id": None} == {**problem_shown, "request_id": None}


def test_the_commands_of_the_command_line_work_as_shown(stack: RunningStack) -> None:
    shown = [line.partition("  #")[0] for line in README.splitlines() if line.startswith("jobctl ")]
    environment = {**os.environ, "JOBS_URL": stack.api_url}
    job_id = stack.submit("echo")["id"]

    assert len(shown) > 15
    for command in shown:
        ran = said(environment, *shlex.split(command.replace("<id>", job_id))[1:])
        assert (ran.returncode, bool(ran.stdout)) == (0, True), (command, ran.stderr)
    for name in ("nightly", "poll"):
        assert said(environment, "schedules", "remove", name).returncode == 0


def said(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chalicelib.cli", *words]
    return subprocess.run(command, env=environment, text=True, capture_output=True, timeout=60, check=False)


def test_doctor_finds_nothing_wrong_with_the_stack(stack: RunningStack) -> None:
    """It may take a moment until workers have forgotten what other tests have killed."""
    wait_until(lambda: examined(stack).endswith("healthy\n"), 60)


def examined(stack: RunningStack) -> str:
    command = [sys.executable, "-m", "infra.local", "doctor"]
    ran = subprocess.run(command, env=stack.environment, text=True, capture_output=True, timeout=60, check=False)
    return ran.stdout
