from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chalicelib.cli.batch import MOST_BYTES, MOST_JOBS, Line, pieces
from tests.command import JOB_ID, Jobs, a_job, breaks_off, refuses, says


@pytest.fixture
def accepting(jobs: Jobs) -> Jobs:
    jobs.answers("/jobs", says(a_job(), 201))
    return jobs


@pytest.mark.parametrize(
    ("words", "payload"),
    [
        ([], {}),
        (["user_id=101", "name=bob"], {"user_id": 101, "name": "bob"}),
        (["a.b=1", "a.c.d=x", "e=true", "f=null"], {"a": {"b": 1, "c": {"d": "x"}}, "e": True, "f": None}),
        (['zip="01234"', "phone=01234", "empty="], {"zip": "01234", "phone": "01234", "empty": ""}),
        (["list=[1,2]", "url=https://x/?a=b"], {"list": [1, 2], "url": "https://x/?a=b"}),
        (["nan=NaN", "minus=-1.5"], {"nan": "NaN", "minus": -1.5}),
        (["--payload", '{"n":[1]}'], {"n": [1]}),
        (["--payload", '"text"'], "text"),
    ],
)
def test_a_payload_is_made_of_arguments(accepting: Jobs, words: list[str], payload: Any) -> None:
    ran = accepting("submit", "echo", *words)

    assert (ran.status, ran.out) == (0, f"{JOB_ID}\n")
    assert accepting.bodies == [{"job_type": "echo", "payload": payload}]


def test_no_digit_of_a_long_number_is_lost(accepting: Jobs) -> None:
    accepting("submit", "echo", "n=123456789012345678901234567890", "x=1.10")

    assert b'{"n":123456789012345678901234567890,"x":1.10}' in accepting.requests[0].body


def test_a_payload_is_read_from_a_file_or_from_standard_input(accepting: Jobs, tmp_path: Path) -> None:
    file = tmp_path / "payload.json"
    file.write_text('{"from": "file"}')

    accepting("submit", "echo", "--file", str(file))
    accepting("submit", "echo", "-", stdin=b'{"from": "stdin"}')
    accepting("submit", "echo", "--file", "-", stdin=b"[1]")

    assert [body["payload"] for body in accepting.bodies] == [{"from": "file"}, {"from": "stdin"}, [1]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["user_id"], "expected key=value"),
        (["=1"], "expected key=value"),
        (["a=1", "a=2"], "given twice"),
        (["a=1", "a.b=2"], "has a value already"),
        (["a.b=1", "a=2"], "given twice"),
        (["--payload", "{"], "not JSON"),
        (["n=1", "--payload", "{}"], "once"),
        (["--file", "/nowhere/x.json"], "cannot read"),
        (["--delay", "soon"], "no duration"),
        (["--at", "2026-01-01T00:00"], "time zone"),
        (["--at", "2026-01-01T00:00Z", "--delay", "1m"], "not both"),
        (["--batch", "x.jsonl"], "from its file"),
        (["--batch", "x.jsonl", "--unique-key", "k"], "from its file"),
        (["--unique", "finished"], "no duration"),
        (["--on-conflict", "raise"], "is not one of"),
        (["--url", "localhost"], "no URL"),
        (["--key", "no\nkey"], "characters"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage_and_sends_nothing(accepting: Jobs, words: list[str], said: str) -> None:
    ran = accepting("submit", "echo", *words)

    assert ran.status == 2
    assert said in " ".join(ran.err.replace("│", " ").split())
    assert accepting.requests == []


def test_every_option_has_its_field(accepting: Jobs) -> None:
    options = (
        "--queue mail --priority 5 --delay 1h30m --max-attempts 7 --timeout 90 --tag a --tag b --concurrency-key c7"
    )
    backoff = '{"type":"fixed","seconds":30}'

    accepting("submit", "echo", *options.split(), "--backoff", backoff)

    assert accepting.bodies == [
        {
            "job_type": "echo",
            "payload": {},
            "queue": "mail",
            "priority": 5,
            "concurrency_key": "c7",
            "delay_seconds": 5400.0,
            "max_attempts": 7,
            "timeout_seconds": 90.0,
            "tags": ["a", "b"],
            "backoff": {"type": "fixed", "seconds": 30},
        }
    ]


@pytest.mark.parametrize(
    ("words", "unique"),
    [
        (["--unique", "queued"], {"for": "queued"}),
        (["--unique", "unfinished", "--unique-key", "k"], {"for": "unfinished", "key": "k"}),
        (["--unique", "10m", "--on-conflict", "replace_run_at"], {"for": 600.0, "on_conflict": "replace_run_at"}),
        (["--unique", "90"], {"for": 90.0}),
        (["--unique-key", "k"], {"key": "k"}),
        (["--on-conflict", "replace"], {"on_conflict": "replace"}),
    ],
)
def test_a_job_may_be_the_only_one(accepting: Jobs, words: list[str], unique: object) -> None:
    accepting("submit", "echo", *words)

    assert accepting.bodies == [{"job_type": "echo", "payload": {}, "unique": unique}]


def test_a_job_that_was_there_already_is_said_so(jobs: Jobs) -> None:
    jobs.answers("/jobs", says(a_job(), 200))

    ran = jobs("submit", "echo", "--unique", "queued")

    assert (ran.status, ran.out) == (0, f"{JOB_ID}\n")
    assert "there already" in ran.err


def test_a_time_is_sent_in_utc(accepting: Jobs) -> None:
    accepting("submit", "echo", "--at", "2026-01-01T01:00+02:00")

    assert accepting.bodies[0]["run_at"] == "2025-12-31T23:00:00.000Z"


def test_zero_is_a_value_like_any_other(accepting: Jobs) -> None:
    accepting("submit", "echo", "--delay", "0", "--priority", "0")

    assert accepting.bodies == [{"job_type": "echo", "payload": {}, "priority": 0, "delay_seconds": 0.0}]


def test_a_submit_whose_answer_was_lost_is_repeated_with_its_own_key(jobs: Jobs) -> None:
    jobs.answers("/jobs", breaks_off, says(a_job(), 200))

    ran = jobs("submit", "echo")

    assert (ran.status, ran.out) == (0, f"{JOB_ID}\n")
    first, second = (seen.headers["idempotency-key"] for seen in jobs.requests)
    assert first == second


def test_two_submits_have_two_keys(accepting: Jobs) -> None:
    accepting("submit", "echo")
    accepting("submit", "echo")
    accepting("submit", "echo", "--idempotency-key", "mine")

    first, second, third = (seen.headers["idempotency-key"] for seen in accepting.requests)
    assert first != second
    assert third == "mine"


@pytest.mark.parametrize(("end", "status"), [("COMPLETED", 0), ("FAILED", 1), ("CANCELLED", 3)])
def test_the_exit_status_tells_how_a_job_ended_that_was_waited_for(accepting: Jobs, end: str, status: int) -> None:
    ended = a_job(end, result={"sum": 5}, error="ValueError: no", finished_at="2026-01-01T00:00:00.000Z")
    accepting.answers(f"/jobs/{JOB_ID}", says(a_job("RUNNING"), etag='"1"'), says(ended, etag='"2"'))

    ran = accepting("submit", "echo", "--wait")

    assert ran.status == status
    assert ran.out.splitlines()[:2] == [JOB_ID, f"{JOB_ID}  RUNNING  attempt 1/3"]
    assert ('"sum": 5' in ran.out) is (end == "COMPLETED")


def test_a_program_that_waits_gets_the_job_as_it_ended(accepting: Jobs) -> None:
    accepting.answers(f"/jobs/{JOB_ID}", says(a_job("RUNNING"), etag='"1"'), says(a_job("FAILED"), etag='"2"'))

    ran = accepting("submit", "echo", "--wait", "--json")

    assert (ran.status, ran.document["status"]) == (1, "FAILED")
    assert "RUNNING" in ran.err


def test_a_refusal_names_every_fault_on_a_line_of_its_own(jobs: Jobs) -> None:
    faults = [("$.payload.user_id", "expected int"), ("$.queue", "too long")]
    jobs.answers("/jobs", refuses(422, "invalid_payload", "echo: it does not fit", *faults))

    ran = jobs("submit", "echo", "--json")

    assert (ran.status, ran.out) == (4, "")
    assert ran.err == "echo: it does not fit (HTTP 422)\n$.payload.user_id: expected int\n$.queue: too long\n"


# Batches


def a_file(tmp_path: Path, *lines: str) -> str:
    file = tmp_path / "jobs.jsonl"
    file.write_text("\n".join(lines) + "\n")
    return str(file)


def test_a_file_of_jobs_is_submitted_in_its_order(jobs: Jobs, tmp_path: Path) -> None:
    jobs.answers("/jobs/batch", says({"ids": ["a", "b"]}, 201))
    file = a_file(tmp_path, '{"job_type":"echo","payload":1}', "", '{"job_type":"sleep"}')

    assert jobs("submit", "--batch", file).out == "submitted 2 jobs\n"
    assert jobs("submit", "--batch", file, "--json").document == {"count": 2, "ids": ["a", "b"]}
    assert jobs.bodies[0] == {"jobs": [{"job_type": "echo", "payload": 1}, {"job_type": "sleep"}]}


def test_a_line_that_is_no_job_is_found_before_anything_is_submitted(jobs: Jobs) -> None:
    ran = jobs("submit", "--batch", "-", stdin=b'{"job_type":"echo"}\n\n[1]\n')

    assert ran.status == 2
    assert "line 3 is no JSON object, and nothing was submitted" in " ".join(ran.err.replace("│", " ").split())
    assert jobs.requests == []


def test_a_refused_batch_names_the_line_and_is_not_repeated(jobs: Jobs) -> None:
    jobs.answers("/jobs/batch", refuses(422, "invalid_input", "no", ("$.jobs[1].queue", "too long")))

    ran = jobs("submit", "--batch", "-", stdin=b'{"job_type":"echo"}\n\n{"job_type":"echo"}\n')

    assert ran.status == 4
    assert "line 3, $.queue: too long" in ran.err
    assert "0 of 2 jobs were submitted" in ran.err


def test_a_batch_without_an_answer_is_sent_again_with_the_same_key(jobs: Jobs) -> None:
    jobs.answers("/jobs/batch", breaks_off, says({"ids": ["a"]}, 200))

    ran = jobs("submit", "--batch", "-", stdin=b'{"job_type":"echo"}\n')

    assert (ran.status, ran.out) == (0, "submitted 1 jobs\n")
    first, second = (seen.headers["idempotency-key"] for seen in jobs.requests)
    assert first == second


def test_pieces_hold_what_one_request_may_hold() -> None:
    small = [Line(number, msgspec.Raw(b"{}")) for number in range(2 * MOST_JOBS + 1)]
    large = [Line(number, msgspec.Raw(b" " * (MOST_BYTES // 3))) for number in range(5)]

    assert [len(piece) for piece in pieces(small)] == [MOST_JOBS, MOST_JOBS, 1]
    assert [len(piece) for piece in pieces(large)] == [2, 2, 1]
    assert [line for piece in pieces(small) for line in piece] == small


def test_a_duration_from_now_can_be_an_expiry(jobs: Jobs) -> None:
    jobs.answers("/keys", says({"id": "k", "name": "ci", "role": "viewer", "key": "s3cret"}, 201))

    jobs("keys", "create", "ci", "--expires", "1d")

    expires = datetime.fromisoformat(jobs.bodies[0]["expires_at"])
    assert 86_000 < (expires - datetime.now(UTC)).total_seconds() <= 86_400
