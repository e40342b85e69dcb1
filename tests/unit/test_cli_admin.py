"""Queues, schedules, keys and the tables to look at."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
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
    "state": "active",
    "source": "code",
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
        (["set", "mail", "--rate", "100/60s"], {"rate_limit": {"jobs": 100, "per_seconds": 60}}),
        (["set", "mail", "--rate", "100/m"], {"rate_limit": {"jobs": 100, "per_seconds": 60}}),
        (["set", "mail", "--rate", "5", "--burst", "9"], {"rate_limit": {"jobs": 5, "per_seconds": 1, "burst": 9}}),
        (["set", "mail", "--rate", "none", "--rate-per-key", "none"], {"rate_limit": None, "rate_limit_per_key": None}),
        (
            ["set", "mail", "--max-running-per-key", "2", "--rate-per-key", "1.5/1h", "--burst-per-key", "4"],
            {"max_running_per_key": 2, "rate_limit_per_key": {"jobs": 1.5, "per_seconds": 3600, "burst": 4}},
        ),
        (["set", "mail", "--weight", "2.5"], {"weight": 2.5}),
        (["set", "mail", "--weight", "none"], {"weight": 1}),
        (
            ["set", "mail", "--default-priority", "-5", "--default-max-attempts", "9", "--default-timeout", "1h30m"],
            {"default_priority": -5, "default_max_attempts": 9, "default_timeout_seconds": 5400},
        ),
        (["set", "mail", "--default-priority", "none"], {"default_priority": None}),
        (["set", "mail", "--default-timeout", "none"], {"default_timeout_seconds": None}),
    ],
)
def test_only_what_was_said_of_a_queue_is_changed(jobs: Jobs, words: list[str], body: object) -> None:
    jobs.answers("/queues/mail", says(QUEUE))

    assert jobs("queues", *words).out == "mail paused, 5 at once, 2.5/s\n"
    assert [(seen.method, seen.path) for seen in jobs.requests] == [("PUT", "/api/queues/mail")]
    assert jobs.bodies == [body]


@pytest.mark.parametrize(
    "words",
    [
        ["mail"],
        ["mail", "--max-running", "many"],
        ["mail", "--rate-limit", "nan"],
        ["mail", "--rate", "5/"],
        ["mail", "--rate", "5/x"],
        ["mail", "--rate", "/60s"],
        ["mail", "--burst", "5"],
        ["mail", "--rate", "5", "--burst-per-key", "5"],
        ["mail", "--default-timeout", "soon"],
    ],
)
def test_a_limit_is_a_number_or_none(jobs: Jobs, words: list[str]) -> None:
    assert jobs("queues", "set", *words).status == 2


def test_a_queue_is_shown_with_all_that_is_set_of_it(jobs: Jobs) -> None:
    whole = {
        **QUEUE,
        "rate_limit": {"jobs": 100, "per_seconds": 60, "burst": 20},
        "max_running_per_key": 2,
        "rate_limit_per_key": {"jobs": 1},
        "weight": 2,
        "default_priority": 0,
        "default_timeout_seconds": 600,
        "oldest_age_seconds": 75,
        "paused_at": ago(minutes=3),
        "paused_by": "ops",
    }
    jobs.answers("/queues/mail", says(whole))

    title, *lines = jobs("queues", "show", "mail").out.splitlines()

    assert title == "mail"
    assert [
        line.split(maxsplit=1 if line.split()[0] not in {"a", "default"} else 2)[-1].rstrip() for line in lines
    ] == [
        "paused 3m ago by ops",
        "1,234 QUEUED, 2 RUNNING",
        "due for 1m 15s",
        "0 in, 0 out",
        "5 at once, 100 in 60 s (20 in a burst), 2 at once a key, 1/s a key",
        "2",
        "0",
        "10m 00s",
    ]
    assert jobs("queues", "show", "mail", "--json").document == whole


def test_a_purge_shows_the_count_and_wants_the_name(jobs: Jobs) -> None:
    steps = [{"count": 3, "cursor": None}, {"count": 2, "cursor": "a"}, {"count": 1, "cursor": None}]
    jobs.answers("/queues/mail/purge", *map(says, steps))

    ran = jobs("queues", "purge", "mail", stdin=b"mail\n", is_terminal=True)

    assert (ran.status, ran.out.strip()) == (0, "3 jobs cancelled")
    assert "This cancels 3 jobs. The queue's name, to go on" in ran.err
    asked = {"confirm": "mail"}
    assert jobs.bodies == [{**asked, "dry_run": True}, asked, {**asked, "cursor": "a"}]


@pytest.mark.parametrize("said", [b"\n", b"y\n", b"Mail\n", b""])
def test_without_the_name_nothing_is_purged(jobs: Jobs, said: bytes) -> None:
    jobs.answers("/queues/mail/purge", says({"count": 3, "cursor": None}))

    assert jobs("queues", "purge", "mail", stdin=said, is_terminal=True).status == 130
    assert jobs("queues", "purge", "mail").status == 2
    assert all(body["dry_run"] for body in jobs.bodies)


def test_a_purge_that_was_agreed_to_asks_nothing(jobs: Jobs) -> None:
    jobs.answers("/queues/mail/purge", says({"count": 3, "cursor": None}))

    assert jobs("queues", "purge", "mail", "--yes").out == "3 jobs cancelled\n"
    assert jobs("queues", "purge", "mail", "--dry-run").out == "3 jobs would be cancelled\n"
    assert len(jobs.bodies) == 3


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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["echo", "n=1", "--every", "1h30m"], {"interval_seconds": 5400}),
        (["echo", "n=1", "--at", "2099-01-31T14:00+01:00"], {"at": "2099-01-31T13:00:00.000Z"}),
        (
            ["@daily", "echo", "n=1", "--starts", "2099-01-31T14:00Z", "--ends", "2099-02-01T00:00Z"],
            {"cron": "@daily", "starts_at": "2099-01-31T14:00:00.000Z", "ends_at": "2099-02-01T00:00:00.000Z"},
        ),
        (
            ["@daily", "echo", "n=1", "--misfire", "run_all", "--catch-up", "5"],
            {"cron": "@daily", "misfire": "run_all", "catch_up": 5},
        ),
    ],
)
def test_a_schedule_says_when_in_one_of_three_ways(jobs: Jobs, words: list[str], said: dict[str, Any]) -> None:
    jobs.answers("/schedules", says(SCHEDULE, 201))

    assert jobs("schedules", "add", "x", *words, "--concurrency-key", "c").status == 0
    assert jobs.bodies == [
        {"name": "x", "job": {"job_type": "echo", "payload": {"n": 1}, "concurrency_key": "c"}, **said}
    ]


def test_a_schedule_without_a_job_type_is_not_sent(jobs: Jobs) -> None:
    ran = jobs("schedules", "add", "x", "@daily")

    assert (ran.status, jobs.requests) == (2, [])
    assert "--every" in ran.err


def test_a_schedule_is_paused_with_a_note_and_resumed(jobs: Jobs) -> None:
    paused = {**SCHEDULE, "state": "paused", "paused_note": "down", "next_run_at": None}
    jobs.answers("/schedules/nightly/pause", says(paused))
    jobs.answers("/schedules/nightly/resume", says(SCHEDULE))

    told = jobs("schedules", "pause", "nightly", "--note", "down").out
    assert told == "nightly  0 3 * * *  Europe/Berlin  paused: down\n"
    assert jobs.bodies == [{"note": "down"}]
    assert "next" in jobs("schedules", "resume", "nightly").out


def test_schedules_are_listed_run_shown_and_removed(jobs: Jobs) -> None:
    ended = {**SCHEDULE, "cron": None, "interval_seconds": 90, "state": "ended", "next_run_at": None, "source": "api"}
    jobs.answers("/schedules", says([SCHEDULE, ended]))
    jobs.answers("/schedules/nightly", says(SCHEDULE))
    jobs.answers("/schedules/nightly/run", says(a_job(), 201))

    _, first, second = jobs("schedules").out.splitlines()
    assert first.split() == ["nightly", "0", "3", "*", "*", "*", "Europe/Berlin", "echo", "active", "code", "in", "6h"]
    assert second.split() == ["nightly", "every", "1m", "30s", "Europe/Berlin", "echo", "ended", "api"]
    assert '"cron": "0 3 * * *"' in jobs("schedules", "show", "nightly").out
    assert jobs("schedules", "run", "nightly", "--json").document["job_type"] == "echo"
    assert jobs("schedules", "remove", "nightly").out == "nightly removed\n"
    assert [seen.method for seen in jobs.requests] == ["GET", "GET", "POST", "DELETE"]


def test_all_pages_of_schedules_are_shown(jobs: Jobs) -> None:
    link = '</api/schedules?queue=mail&cursor=nightly>; rel="next"'
    jobs.answers("/schedules", says([SCHEDULE], 200, link=link), says([], 200, link=link), says([SCHEDULE]))

    shown = jobs("schedules", "--state", "active", "--queue", "mail", "--type", "echo").out
    listed = jobs("schedules", "list", "--json").document

    assert len(shown.splitlines()) == 3
    assert jobs.queries[:2] == [
        {"state": "active", "queue": "mail", "job_type": "echo", "limit": "1000"},
        {"queue": "mail", "cursor": "nightly"},
    ]
    assert [each["name"] for each in listed] == ["nightly"]


def test_a_preview_is_a_time_a_line(jobs: Jobs) -> None:
    jobs.answers("/schedules/preview", says({"times": [ago(hours=-7), ago(hours=-31)]}))

    first, second = jobs("schedules", "preview", "0 3 * * *", "--timezone", "Europe/Berlin").out.splitlines()

    assert first.endswith("in 6h")
    assert second.endswith("in 1d")
    jobs("schedules", "preview", "--every", "90s", "--count", "2")
    assert jobs.bodies == [{"cron": "0 3 * * *", "timezone": "Europe/Berlin"}, {"interval_seconds": 90, "count": 2}]


def test_a_preview_of_a_name_is_that_schedules(jobs: Jobs) -> None:
    jobs.answers("/schedules/nightly/preview", says({"times": [ago(hours=-7)]}))

    assert jobs("schedules", "preview", "nightly", "--count", "1").out.endswith("in 6h\n")
    assert jobs.requests[0].path == "/api/schedules/nightly/preview?count=1"


def test_runs_are_a_table_and_a_job_that_is_gone_is_called_so(jobs: Jobs) -> None:
    run = {"scheduled_for": ago(hours=1), "kind": "time", "job_id": "j" * 36}
    failed = {**run, "status": "FAILED", "finished_at": ago(minutes=5), "error": "boom"}
    jobs.answers("/schedules/nightly/runs", says([failed, {**run, "status": None}]))

    _, first, second = jobs("schedules", "runs", "nightly").out.splitlines()

    assert first.split()[2:] == ["time", "j" * 36, "FAILED", "5m", "ago", "boom"]
    assert second.split()[2:] == ["time", "j" * 36, "(gone)"]


def test_a_backfill_goes_on_until_it_is_done(jobs: Jobs) -> None:
    following = "2026-11-02T00:00:00.000Z"
    jobs.answers(
        "/schedules/nightly/backfill",
        says({"count": 1000, "next": following, "dry_run": False}),
        says({"count": 7, "next": None, "dry_run": False}),
    )

    ran = jobs("schedules", "backfill", "nightly", "--from", "2026-11-01T00:00Z", "--to", "2026-11-03T00:00Z")

    assert ran.out == "1,007 jobs submitted\n"
    assert [body["from"] for body in jobs.bodies] == ["2026-11-01T00:00:00.000Z", following]
    assert {body["to"] for body in jobs.bodies} == {"2026-11-03T00:00:00.000Z"}


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
    since = ago(minutes=1)
    minute = {"minute": since, "completed": 10, "failed": 1, "retried": 2, "cancelled": 0, "run_p50": 0.25}
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
    assert f"\n{datetime.fromisoformat(since).astimezone():%H:%M} " in stats
    days = jobs("stats", "--minutes", "10080", "--step", "1440").out
    assert jobs.queries[-1] == {"minutes": "10080", "step_minutes": "1440"}
    assert f"{datetime.fromisoformat(since).astimezone():%Y-%m-%d %H:%M} " in days
    assert len(jobs("audit").out.splitlines()) == 3
    jobs("audit", "--action", "purge_queue", "--by", "ann", "--since", "2026-01-01T00:00Z", "--until", "1d")
    assert jobs.queries[-1]["action"] == "purge_queue"
    assert (jobs.queries[-1]["actor"], jobs.queries[-1]["since"]) == ("ann", "2026-01-01T00:00:00.000Z")
    assert jobs.queries[-1]["until"].startswith(ago(days=1)[:13])


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
