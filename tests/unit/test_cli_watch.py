from __future__ import annotations

import threading
import time

import pytest

from chalicelib.cli.api import Api
from chalicelib.cli.following import SHORTEST_POLL, THREADS, follow
from tests.command import JOB_ID, Jobs, a_job, ago, query_of, refuses, says, turns
from tests.local_http import Exchange, LocalServer, answer

DONE = {"finished_at": ago(), "started_at": ago(seconds=2)}
UNCHANGED = answer(status=304)


def test_a_job_is_watched_by_long_polls_that_return_when_it_changes(jobs: Jobs) -> None:
    halfway = a_job("RUNNING", progress={"fraction": 0.5, "message": "half"})
    jobs.answers(
        f"/jobs/{JOB_ID}",
        says(a_job("QUEUED"), etag='"1"'),
        says(halfway, etag='"2"'),
        UNCHANGED,
        says(a_job("COMPLETED", **DONE), etag='"3"'),
    )

    ran = jobs("watch", JOB_ID)

    assert ran.status == 0
    assert ran.out.splitlines() == [
        f"{JOB_ID}  QUEUED  attempt 1/3",
        f"{JOB_ID}  RUNNING  attempt 1/3  50%  half",
        f"{JOB_ID}  COMPLETED  attempt 1/3",
    ]
    assert [query.get("wait") for query in jobs.queries] == [None, "20", "20", "20"]
    assert [seen.headers.get("if-none-match") for seen in jobs.requests] == [None, '"1"', '"2"', '"2"']


def test_an_api_without_etags_is_waited_for_all_the_same(jobs: Jobs) -> None:
    running = says(a_job("RUNNING"))
    jobs.answers(f"/jobs/{JOB_ID}", running, running, says(a_job("COMPLETED", **DONE)))

    assert len(jobs("watch", JOB_ID).out.splitlines()) == 2


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        (["COMPLETED", "COMPLETED"], 0),
        (["COMPLETED", "FAILED"], 1),
        (["CANCELLED", "COMPLETED"], 3),
        (["CANCELLED", "FAILED"], 1),
    ],
)
def test_the_exit_status_is_that_of_the_worst_end(jobs: Jobs, ends: list[str], status: int) -> None:
    for number, end in enumerate(ends):
        running, ended = a_job("RUNNING", id=str(number)), a_job(end, id=str(number))
        jobs.answers(f"/jobs/{number}", says(running, etag='"1"'), says(ended, etag='"2"'))

    ran = jobs("watch", "0", "1", "0")

    assert ran.status == status
    assert len(ran.out.splitlines()) == 4


def test_one_job_that_changes_is_told_while_another_does_not() -> None:
    quick_was_told = threading.Event()

    def slow(exchange: Exchange) -> None:
        quick_was_told.wait(10)
        says(a_job("COMPLETED", id="slow"))(exchange)

    answers = {
        "/jobs/slow": turns(says(a_job("RUNNING", id="slow"), etag='"1"'), slow),
        "/jobs/quick": turns(says(a_job("RUNNING", id="quick"), etag='"1"'), says(a_job("COMPLETED", id="quick"))),
    }
    told = []
    with LocalServer(answers) as server:
        for seen in follow(Api(server.url().rstrip("/"), None), ["slow", "quick"]):
            told.append((seen.job.id, seen.job.status))
            if told[-1] == ("quick", "COMPLETED"):
                quick_was_told.set()

    assert told[-1] == ("slow", "COMPLETED")
    assert len(told) == 4


def test_many_jobs_take_turns(jobs: Jobs) -> None:
    names = [f"job-{number}" for number in range(THREADS + 4)]
    for name in names:
        jobs.answers(f"/jobs/{name}", says(a_job("RUNNING", id=name), etag='"1"'), says(a_job("COMPLETED", id=name)))

    ran = jobs("watch", *names, "--json")

    assert [job["id"] for job in ran.document] == names
    assert {job["status"] for job in ran.document} == {"COMPLETED"}
    assert {query_of(seen).get("wait") for seen in jobs.requests} == {None, "2"}


def test_an_unknown_job_ends_the_watch(jobs: Jobs) -> None:
    jobs.answers("/jobs/known", says(a_job("RUNNING", id="known"), etag='"1"'), UNCHANGED)
    jobs.answers("/jobs/unknown", refuses(404, "job_not_found", "no job unknown"))

    ran = jobs("watch", "known", "unknown")

    assert (ran.status, ran.err) == (4, "no job unknown (HTTP 404)\n")


def test_a_watch_outlives_an_api_that_is_away_for_a_moment(jobs: Jobs) -> None:
    jobs.answers(
        f"/jobs/{JOB_ID}",
        says(a_job("RUNNING"), etag='"1"'),
        refuses(503, "store_unavailable", "away", retry_after="0"),
        says(a_job("COMPLETED", **DONE), etag='"2"'),
    )

    assert jobs("watch", JOB_ID).status == 0


def test_an_api_that_does_not_wait_is_not_asked_as_fast_as_it_can(jobs: Jobs) -> None:
    asked_at = []

    def stamps(exchange: Exchange) -> None:
        asked_at.append(time.monotonic())
        (says(running) if len(asked_at) < 4 else says(a_job("COMPLETED", **DONE)))(exchange)

    running = a_job("RUNNING")
    jobs.answers(f"/jobs/{JOB_ID}", stamps)
    jobs("watch", JOB_ID)

    assert asked_at[3] - asked_at[1] > SHORTEST_POLL


# Logs


def a_line(number: int, **fields: object) -> dict[str, object]:
    return {
        "attempt": 1,
        "line": number,
        "at": ago(),
        "level": "INFO",
        "logger": "x",
        "message": f"m{number}",
        **fields,
    }


def test_logs_are_read_to_their_end(jobs: Jobs) -> None:
    jobs.answers(
        "/jobs/x/logs",
        says({"lines": [a_line(1), a_line(2)], "cursor": "c2"}),
        says({"lines": [a_line(3, level="ERROR")], "cursor": "c3"}),
        says({"lines": [], "cursor": "c3"}),
    )

    ran = jobs("logs", "x", "--attempt", "1")

    assert [line.split()[1:] for line in ran.out.splitlines()] == [
        ["#1", "INFO", "m1"],
        ["#1", "INFO", "m2"],
        ["#1", "ERROR", "m3"],
    ]
    assert [query.get("cursor") for query in jobs.queries] == [None, "c2", "c3"]
    assert {query["attempt"] for query in jobs.queries} == {"1"}
    assert {"wait"} & set().union(*jobs.queries) == set()


def test_logs_are_followed_until_the_job_is_final_and_what_it_said_last_is_read(jobs: Jobs) -> None:
    jobs.answers(
        "/jobs/x/logs",
        says({"lines": [a_line(1)], "cursor": "c1"}),
        says({"lines": [], "cursor": "c1"}),
        says({"lines": [], "cursor": "c1"}),
        says({"lines": [a_line(2)], "cursor": "c2"}),
        says({"lines": [], "cursor": "c2"}),
    )
    jobs.answers("/jobs/x", says(a_job("RUNNING")), says(a_job("COMPLETED")))

    ran = jobs("logs", "x", "--follow", "--json")

    assert [line["line"] for line in ran.document] == [1, 2]
    assert [query["wait"] for query in jobs.queries if "wait" in query] == ["20", "20", "20"]
