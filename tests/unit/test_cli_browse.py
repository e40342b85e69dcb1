from __future__ import annotations

import re
import socket

import msgspec
import pytest

from tests.command import JOB_ID, Jobs, a_job, ago, refuses, says
from tests.local_http import answer

# An escape that clears the screen, an 8-bit one, one that turns text around, and rich's markup.
EVIL = "\x1b[2J\x9b31m\u202e[bold red]x[/bold red]\r"
NEXT = '</api/jobs?limit=2&cursor={}>; rel="next"'


def ids(*numbers: int) -> list[dict[str, object]]:
    return [a_job(id=f"job-{number}") for number in numbers]


@pytest.fixture
def paged(jobs: Jobs) -> Jobs:
    """Seven jobs on five pages, of which two are empty."""
    pages = [ids(1, 2), ids(), ids(3), ids(), ids(4, 5, 6, 7)]
    links = [{"link": NEXT.format(number)} for number in range(4)]
    jobs.answers("/jobs", *(says(page, 200, **headers) for page, headers in zip(pages, [*links, {}], strict=True)))
    return jobs


def test_a_list_goes_on_over_short_and_empty_pages_until_no_link_is_left(paged: Jobs) -> None:
    ran = paged("list", "--limit", "100", "--json")

    assert [job["id"] for job in ran.document] == [f"job-{number}" for number in range(1, 8)]
    assert [query.get("cursor") for query in paged.queries] == [None, "0", "1", "2", "3"]


def test_a_list_ends_when_there_are_enough(paged: Jobs) -> None:
    ran = paged("list", "--limit", "3")

    assert [line.split()[0] for line in ran.out.splitlines()] == ["ID", "job-1", "job-2", "job-3"]
    assert "There are more" in ran.err


def test_the_end_of_the_list_is_not_mistaken_for_more(jobs: Jobs) -> None:
    jobs.answers("/jobs", says(ids(1, 2), 200, link=NEXT.format(1)), says([]))

    assert jobs("list", "--limit", "2").err == ""


def test_every_filter_has_its_parameter(jobs: Jobs) -> None:
    jobs.answers("/jobs", says([]))

    ran = jobs(
        *["list", "--status", "failed", "--queue", "mail", "--type", "echo", "--tag", "a&b", "--id", "01A2-"],
        *["--limit", "5"],
        *["--after", "2026-01-01T00:00Z", "--before", "2026-01-02T00:00+01:00"],
    )

    assert ran.out == "no jobs\n"
    assert jobs.queries == [
        {
            "status": "FAILED",
            "queue": "mail",
            "job_type": "echo",
            "tag": "a&b",
            "id": "01A2-",
            "created_after": "2026-01-01T00:00:00.000Z",
            "created_before": "2026-01-01T23:00:00.000Z",
            "limit": "5",
        }
    ]


def test_a_row_shows_what_people_look_for(jobs: Jobs) -> None:
    jobs.answers("/jobs", says([a_job("RUNNING", queue="mail")]))

    header, row = jobs("list").out.splitlines()

    assert header.split() == ["ID", "STATUS", "TYPE", "QUEUE", "TRY", "AGE"]
    assert row.split() == [JOB_ID, "RUNNING", "echo", "mail", "1/3", "1m"]


def test_a_pipe_gets_whole_ids_and_no_colours_however_long_the_rest(jobs: Jobs) -> None:
    jobs.answers("/jobs", says([a_job(job_type="t" * 300, queue="q" * 100)]))

    _, row = jobs("list").out.splitlines()

    assert row.split()[0] == JOB_ID
    assert "t" * 300 in row
    assert "\x1b" not in row


def test_a_sheet_shows_everything(jobs: Jobs) -> None:
    failure = {
        "attempt": 1,
        "at": ago(seconds=5),
        "type": "ValueError",
        "message": "no",
        "traceback": "Traceback:\n  x",
    }
    job = a_job(
        "FAILED",
        attempt=3,
        tags=["a", "b"],
        worker_id="w-1",
        errors=[failure, {**failure, "attempt": 2, "started_at": ago(seconds=17.5), "worker_id": "w-2"}],
        error="no",
    )
    jobs.answers(f"/jobs/{JOB_ID}", says(job))

    out = jobs("show", JOB_ID).out

    for expected in (
        JOB_ID,
        "FAILED",
        "echo",
        "a, b",
        "w-1",
        "3 of 3",
        '"n": 1',
        "Attempt 1 failed 5s ago\n",
        "Attempt 2 failed 5s ago, after 12s, on w-2\n",
    ):
        assert expected in out
    assert "ValueError: no\nTraceback:\n  x\n" in out


def test_the_sheet_of_a_job_that_failed_with_another(jobs: Jobs) -> None:
    failure = {
        "attempt": 0,
        "at": ago(seconds=5),
        "type": "DependencyFailed",
        "message": "job x failed",
        "traceback": "",
    }
    ended = {"finished_at": ago(seconds=5), "attempt": 0, "error": "job x failed"}
    jobs.answers(f"/jobs/{JOB_ID}", says(a_job("FAILED", errors=[failure], depends_on=["x", "y"], **ended)))

    sheet = jobs("show", JOB_ID).out

    assert "depends on  x, y" in sheet
    assert "Failed before it started 5s ago\nDependencyFailed: job x failed" in sheet
    assert not re.search(r"^(due)? +[0-9]{4}-", sheet, re.MULTILINE)


def test_the_sheet_of_a_large_payload_is_cut_and_says_so(jobs: Jobs) -> None:
    jobs.answers(f"/jobs/{JOB_ID}", says(a_job(payload=list(range(1_000)))))

    out = jobs("show", JOB_ID).out

    assert "802 more lines; --json shows all" in out
    assert len(jobs("show", JOB_ID, "--json").document["payload"]) == 1_000


@pytest.mark.parametrize(
    "command", ["list", "show", "logs", "queues", "workers", "keys", "audit", "schedules", "types"]
)
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_nothing_that_strangers_wrote_reaches_a_terminal_as_a_command(
    jobs: Jobs, command: str, options: list[str]
) -> None:
    failure = {"attempt": 1, "at": ago(), "type": EVIL, "message": EVIL, "traceback": EVIL, "worker_id": EVIL}
    job = a_job(
        "FAILED",
        job_type=EVIL,
        queue=EVIL,
        payload={EVIL: EVIL},
        error=EVIL,
        tags=[EVIL],
        worker_id=EVIL,
        errors=[failure],
    )
    line = {"attempt": 1, "line": 1, "at": ago(), "level": EVIL, "logger": EVIL, "message": EVIL}
    named = {
        "id": EVIL,
        "name": EVIL,
        "description": EVIL,
        "role": EVIL,
        "created_by": EVIL,
        "host": EVIL,
        "form": EVIL,
    }
    acted = {"at": ago(), "actor_name": EVIL, "action": EVIL, "target": EVIL, "detail": {EVIL: EVIL}}
    planned = {"cron": EVIL, "timezone": EVIL, "job": {"job_type": EVIL}}
    for path in ("jobs", "queues", "workers", "keys", "audit", "schedules", "job-types"):
        version = EVIL if path == "workers" else 1
        jobs.answers(f"/{path}", says([{**job, **line, **named, **acted, **planned, "version": version}]))
    jobs.answers(f"/jobs/{JOB_ID}", says(job))
    jobs.answers(f"/jobs/{JOB_ID}/logs", says({"lines": [line]}), says({"lines": []}))

    ran = jobs(command, *([JOB_ID] if command in {"show", "logs"} else []), *options)

    assert ran.status == 0
    assert not set("\x1b\x9b\u202e\r") & set(ran.out + ran.err)
    assert "[bold red]x[/bold red]" in ran.out
    if options:
        assert msgspec.json.encode(EVIL) in msgspec.json.encode(ran.document)


def test_what_a_stranger_wrote_into_a_refusal_is_text_too(jobs: Jobs) -> None:
    jobs.answers("/jobs", refuses(422, "invalid_input", EVIL, (EVIL, EVIL)))

    ran = jobs("list")

    assert ran.status == 4
    assert not set("\x1b\x9b\u202e\r") & set(ran.err)


def test_programs_get_the_apis_own_words(jobs: Jobs) -> None:
    job = b'{"id":"x","job_type":"echo","status":"QUEUED","payload":{"n":12345678901234567890123,"x":1.10},"new":1}'
    jobs.answers("/jobs/x", answer(job))

    out = jobs("show", "x", "--json").out

    assert '"n": 12345678901234567890123' in out
    assert '"x": 1.10' in out
    assert '"new": 1' in out


# What goes wrong


def test_an_api_that_is_not_there_is_named_with_what_to_do(jobs: Jobs) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/api"
        ran = jobs("list", "--url", url)

    assert (ran.status, ran.out) == (4, "")
    assert ran.err.startswith(f"{url}: nothing answers there. Is the API up")
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"status":"ok"}', b"", b"\xff"])
def test_an_answer_of_something_else_is_no_traceback(jobs: Jobs, body: bytes) -> None:
    jobs.answers("/jobs", answer(body))

    ran = jobs("list")

    assert (ran.status, ran.out) == (4, "")
    assert "is the URL right?" in ran.err


def test_a_refusal_by_the_gateway_has_words_as_well(jobs: Jobs) -> None:
    jobs.answers("/jobs", says({"message": "Missing Authentication Token"}, 403))
    assert jobs("list").err == "Missing Authentication Token (HTTP 403)\n"

    jobs.answers("/jobs", answer(b"<html>", 404))
    assert jobs("list").err == "HTTP 404 Not Found\n"


def test_the_key_goes_to_the_api_and_is_not_carried_elsewhere(jobs: Jobs) -> None:
    jobs.answers("/jobs", answer(status=302, location="http://127.0.0.1:1/elsewhere"))

    ran = jobs("list", key="s3cret")

    assert (ran.status, ran.err) == (4, "HTTP 302 Found\n")
    assert jobs.requests[0].headers["authorization"] == "Bearer s3cret"


def test_a_fault_that_is_the_whole_refusal_is_not_said_twice(jobs: Jobs) -> None:
    jobs.answers("/jobs", refuses(422, "invalid_input", "expected a number", ("limit", "expected a number")))

    assert jobs("list").err == "expected a number (HTTP 422)\nlimit\n"


def test_a_missing_key_is_explained(jobs: Jobs) -> None:
    jobs.answers("/jobs", refuses(401, "unauthenticated", "no API key"))

    ran = jobs("list")

    assert ran.err.splitlines()[0] == "no API key (HTTP 401)"
    assert "JOBS_KEY" in ran.err.splitlines()[1]


def test_an_option_near_the_command_wins_over_one_before_it_and_over_the_environment(jobs: Jobs) -> None:
    jobs.answers("/jobs", says([]))

    jobs("list", key="environment")
    jobs("--key", "early", "list", key="environment")
    jobs("--key", "early", "list", "--key", "late", key="environment")

    keys = [seen.headers["authorization"] for seen in jobs.requests]
    assert keys == ["Bearer environment", "Bearer early", "Bearer late"]


def test_an_id_leads_nowhere_else(jobs: Jobs) -> None:
    jobs("show", "../queues?x=1#y")

    assert jobs.requests[0].path == "/api/jobs/..%2Fqueues%3Fx%3D1%23y"


def test_a_copy_is_told_by_its_id_and_sent_once(jobs: Jobs) -> None:
    jobs.answers("/jobs/x/copy", says(a_job(), 201))
    assert jobs("copy", "x").out == f"{JOB_ID}\n"

    jobs.answers("/jobs/x/copy", refuses(503, "store_unavailable", "away", retry_after="0"))
    assert jobs("copy", "x").status == 4
    assert len(jobs.requests) == 2


def test_a_pipe_gets_json_whole_however_long_its_lines(jobs: Jobs) -> None:
    jobs.answers("/schedules/x", says({"name": "x" * 50_000}))

    assert "x" * 50_000 in jobs("schedules", "show", "x").out
