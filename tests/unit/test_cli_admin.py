"""Queues, schedules, keys and the tables to look at."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib import cli, resources
from tests.command import Jobs, a_job, ago, refuses, says

QUEUE = {
    "name": "mail",
    "paused": True,
    "max_running": 5,
    "rate_limit": {"jobs": 2.5},
    "depth": {"QUEUED": 1234, "RUNNING": 2},
}
SCHEDULE = {
    "name": "nightly",
    "cron": "0 3 * * *",
    "timezone": "Europe/Berlin",
    "job": {"job_type": "echo", "payload": {"n": 12345678901234567890123}},
    "misfire": "skip",
    "overlap": "skip",
    "paused": False,
    "next_run_at": ago(hours=-7),
    "last_run_at": None,
}
KEY = {"id": "k1", "name": "ci", "role": "operator", "created_at": ago(days=2), "created_by": "ann"}


def test_queues_are_a_table(jobs: Jobs) -> None:
    jobs.answers("/queues", says([QUEUE]))

    header, row = jobs("queues").out.splitlines()

    assert header.split()[:4] == ["QUEUE", "STATE", "QUEUED", "RUNNING"]
    assert row.split() == ["mail", "paused", "1,234", "2", "0", "0", "0", "5", "at", "once,", "2.5/s"]
    assert jobs("queues", "--json").document == jobs("queues", "list", "--json").document == [QUEUE]


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (["pause", "mail"], {"paused": True}),
        (["resume", "mail"], {"paused": False}),
        (["set", "mail", "--max-running", "10"], {"max_running": 10}),
        (["set", "mail", "--max-running", "none", "--rate-limit", "0.5"], {"max_running": None, "rate_limit": 0.5}),
    ],
)
def test_only_what_was_said_of_a_queue_is_changed(jobs: Jobs, words: list[str], body: object) -> None:
    jobs.answers("/queues/mail", says(QUEUE))

    assert jobs("queues", *words).out == "mail paused, 5 at once, 2.5/s\n"
    assert [(seen.method, seen.path) for seen in jobs.requests] == [("PUT", "/api/queues/mail")]
    assert jobs.bodies == [body]


@pytest.mark.parametrize("words", [["mail"], ["mail", "--max-running", "many"], ["mail", "--rate-limit", "nan"]])
def test_a_limit_is_a_number_or_none(jobs: Jobs, words: list[str]) -> None:
    assert jobs("queues", "set", *words).status == 2


def test_a_schedule_is_added_with_its_job(jobs: Jobs) -> None:
    jobs.answers("/schedules", says(SCHEDULE, 201))

    ran = jobs(
        *["schedules", "add", "nightly", "0 3 * * *", "echo", "n=1", "--timezone", "Europe/Berlin", "--queue", "mail"],
        *["--timeout", "10m", "--overlap", "skip", "--paused"],
    )

    assert ran.status == 0
    assert ran.out.startswith("nightly  0 3 * * *  Europe/Berlin  next ")
    assert jobs.bodies == [
        {
            "name": "nightly",
            "cron": "0 3 * * *",
            "job": {"job_type": "echo", "payload": {"n": 1}, "queue": "mail", "timeout_seconds": 600.0},
            "timezone": "Europe/Berlin",
            "overlap": "skip",
            "paused": True,
        }
    ]


def test_a_schedule_is_paused_and_resumed(jobs: Jobs) -> None:
    jobs.answers("/schedules/nightly/pause", says({**SCHEDULE, "paused": True}))
    jobs.answers("/schedules/nightly/resume", says(SCHEDULE))

    assert jobs("schedules", "pause", "nightly").out == "nightly  0 3 * * *  Europe/Berlin  paused\n"
    assert "next" in jobs("schedules", "resume", "nightly").out


def test_schedules_are_listed_run_shown_and_removed(jobs: Jobs) -> None:
    jobs.answers("/schedules", says([SCHEDULE]))
    jobs.answers("/schedules/nightly", says(SCHEDULE))
    jobs.answers("/schedules/nightly/run", says(a_job(), 201))

    assert jobs("schedules").out.splitlines()[1].split()[0] == "nightly"
    assert '"cron": "0 3 * * *"' in jobs("schedules", "show", "nightly").out
    assert jobs("schedules", "run", "nightly", "--json").document["job_type"] == "echo"
    assert jobs("schedules", "remove", "nightly").out == "nightly removed\n"
    assert [seen.method for seen in jobs.requests] == ["GET", "GET", "POST", "DELETE"]


def test_a_preview_is_a_time_a_line(jobs: Jobs) -> None:
    jobs.answers("/schedules/preview", says({"times": [ago(hours=-7), ago(hours=-31)]}))

    first, second = jobs("schedules", "preview", "0 3 * * *", "--timezone", "Europe/Berlin").out.splitlines()

    assert first.endswith("in 6h")
    assert second.endswith("in 1d")
    assert jobs.bodies == [{"cron": "0 3 * * *", "timezone": "Europe/Berlin"}]


def test_a_new_key_stands_alone_on_standard_output_with_a_warning_beside_it(jobs: Jobs) -> None:
    jobs.answers("/keys", says({**KEY, "key": "s3cret"}, 201))

    ran = jobs("keys", "create", "ci", "--role", "operator", "--rate-limit", "60")

    assert ran.out == "s3cret\n"
    assert "shown once" in ran.err
    assert jobs.bodies == [{"name": "ci", "role": "operator", "rate_limit": 60}]
    assert jobs("keys", "create", "ci", "--json").document["key"] == "s3cret"


def test_making_a_key_is_not_repeated(jobs: Jobs) -> None:
    jobs.answers("/keys", refuses(429, "rate_limited", "too many", retry_after="0"))

    assert jobs("keys", "create", "ci").status == 4
    assert len(jobs.requests) == 1


def test_keys_are_listed_by_what_they_are_worth_and_revoked(jobs: Jobs) -> None:
    revoked, expired = {**KEY, "revoked_at": ago(days=1)}, {**KEY, "expires_at": ago(days=1)}
    jobs.answers("/keys", says([KEY, revoked, expired]))
    jobs.answers("/keys/k1", says(None, 200))

    _, *rows = jobs("keys").out.splitlines()

    assert [row.split()[3] for row in rows] == ["valid", "revoked", "expired"]
    assert jobs("keys", "revoke", "k1").out == "k1 revoked\n"
    assert (jobs.requests[-1].method, jobs.requests[-1].path) == ("DELETE", "/api/keys/k1")


def test_there_are_tables_to_look_at(jobs: Jobs) -> None:
    echo = {
        "name": "echo",
        "description": "Give it back.",
        "timeout_seconds": 60,
        "max_attempts": 3,
        "schema": {"x": 1},
    }
    minute = {"minute": ago(minutes=1), "completed": 10, "failed": 1, "retried": 2, "cancelled": 0, "run_p50": 0.25}
    acted = {"at": ago(minutes=2), "actor_name": "ann", "action": "job.cancel", "target": "x", "detail": {"a": 1}}
    jobs.answers("/job-types", says([echo]))
    jobs.answers("/workers", says([{"id": "w1", "form": "container", "concurrency": 16, "running_count": 3}]))
    jobs.answers("/stats", says({"at": ago(), "counts": {"FAILED": 12}, "series": [minute, minute]}))
    jobs.answers("/audit", says([acted], 200, link='</api/audit?cursor=1>; rel="next"'), says([acted]))

    assert "Give it back." in jobs("types").out
    assert jobs("types", "echo").out == '{\n  "x": 1\n}\n'
    assert jobs("types", "nothing").status == 2
    assert "3/16" in jobs("workers").out
    stats = jobs("stats", "--minutes", "90", "--queue", "mail").out
    assert "20 completed, 2 failed, 4 retried" in stats
    assert "250ms" in stats
    assert jobs.queries[-1] == {"minutes": "90", "queue": "mail"}
    assert len(jobs("audit").out.splitlines()) == 3


# What works straight on the database


def test_the_first_key_is_made_without_the_api(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[dict[str, Any]] = []

    def create(**given: Any) -> tuple[None, str]:
        asked.append(given)
        return None, "s3cret"

    monkeypatch.setattr(resources, "keyring", lambda: SimpleNamespace(create=create))

    assert cli.main(["keys", "bootstrap", "ann"]) == 0

    said = capsys.readouterr()
    assert said.out == "s3cret\n"
    assert "shown once" in said.err
    (given,) = asked
    assert (given["name"], given["role"], given["created_by"]) == ("ann", "admin", "bootstrap")


def test_an_environment_without_addresses_is_named_and_is_status_1() -> None:
    """In a process of its own: in this one the environment may have been read already."""
    environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    command = [sys.executable, "-m", "chalicelib.cli", "migrate"]

    ran = subprocess.run(command, env=environment, text=True, capture_output=True, timeout=60, check=False)

    assert (ran.returncode, ran.stderr) == (1, "set DATABASE_URL, REDIS_URL\n")


def test_options_before_its_name_do_not_change_what_a_direct_command_is(jobs: Jobs) -> None:
    ran = jobs("--url", "http://localhost", "doctor", "--help")

    assert ran.status == 0
    assert "--repair" in ran.out


def without_typer(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    hidden = "import sys; sys.modules.update(typer=None, rich=None); from chalicelib import cli; "
    command = [sys.executable, "-c", f"{hidden}sys.exit(cli.main({arguments}))"]
    return subprocess.run(command, capture_output=True, check=False, text=True)


@pytest.mark.parametrize("arguments", [["doctor", "--help"], ["migrate", "--help"], ["keys", "bootstrap", "--help"]])
def test_direct_commands_run_where_typer_and_rich_are_not_installed(arguments: list[str]) -> None:
    ran = without_typer(arguments)

    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_other_commands_say_what_is_missing() -> None:
    ran = without_typer(["list"])

    assert (ran.returncode, ran.stderr) == (2, "This command needs typer and rich: pip install 'job-scheduler[cli]'\n")


KEPT = {"COMPLETED": 14, "FAILED": None, "CANCELLED": 1}


@pytest.mark.parametrize(
    ("words", "calls", "bodies"),
    [
        ([], [("GET", "/api/retention")], [None]),
        (["list"], [("GET", "/api/retention")], [None]),
        (["set", "--completed", "14"], [("PUT", "/api/retention")], [{"COMPLETED": 14}]),
        (
            ["set", "--failed", "forever", "--cancelled", "1"],
            [("PUT", "/api/retention")],
            [{"FAILED": None, "CANCELLED": 1}],
        ),
    ],
)
def test_retention_is_shown_and_changed_by_status(
    jobs: Jobs, words: list[str], calls: list[tuple[str, str]], bodies: list[object]
) -> None:
    jobs.answers("/retention", says(KEPT))

    shown = " ".join(jobs("retention", *words).out.split())

    assert shown == "COMPLETED 14 days FAILED for ever CANCELLED 1 day"
    assert [(seen.method, seen.path) for seen in jobs.requests] == calls
    assert jobs.bodies == [body for body in bodies if body is not None]
    assert jobs("retention", *words, "--json").document == KEPT


@pytest.mark.parametrize("words", [[], ["--completed", "1.5"], ["--failed", "-1"], ["--cancelled", "none"]])
def test_a_retention_is_whole_days_or_for_ever(jobs: Jobs, words: list[str]) -> None:
    assert jobs("retention", "set", *words).status == 2
    assert jobs.requests == []
