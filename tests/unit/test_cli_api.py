from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.cli.api import LONGEST_PAUSE, TRIES, Api
from chalicelib.errors import ApiRefused, ApiUnreachable
from tests.command import breaks_off, refuses, says, turns
from tests.local_http import Answer, LocalServer

REFUSING = [
    refuses(429, "rate_limited", "slow down", retry_after="0"),
    refuses(503, "store_unavailable", "away", retry_after="0"),
    refuses(503, "store_unavailable", "away"),
]
BUSY = [*REFUSING, breaks_off]


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer({}) as server:
        yield server


@pytest.fixture
def api(server: LocalServer) -> Api:
    return Api(server.url("/api/"), None, backoff=0)


@pytest.mark.parametrize("busy", BUSY)
def test_what_may_be_repeated_is_tried_again(server: LocalServer, api: Api, busy: Answer) -> None:
    server.answers["/api/x"] = turns(busy, says("ok"), busy, says("ok"), busy, says("ok"), busy, busy, says("ok"))

    assert api.get("/x").read(str) == "ok"
    assert api.put("/x", {}).read(str) == "ok"
    assert api.delete("/x").read(str) == "ok"
    assert api.post("/x", {"a": 1}, idempotency_key="k").read(str) == "ok"

    assert [seen.method for seen in server.seen] == [
        "GET",
        "GET",
        "PUT",
        "PUT",
        "DELETE",
        "DELETE",
        "POST",
        "POST",
        "POST",
    ]
    assert {seen.body for seen in server.seen[-3:]} == {b'{"a":1}'}
    assert {seen.headers["idempotency-key"] for seen in server.seen[-3:]} == {"k"}


@pytest.mark.parametrize("busy", BUSY)
def test_a_plain_post_is_sent_once(server: LocalServer, api: Api, busy: Answer) -> None:
    server.answers["/api/x"] = turns(busy, says("ok"))

    with pytest.raises((ApiRefused, ApiUnreachable)):
        api.post("/x", {})

    assert len(server.seen) == 1


@pytest.mark.parametrize("busy", REFUSING)
def test_patience_ends_with_the_last_refusal(server: LocalServer, api: Api, busy: Answer) -> None:
    server.answers["/api/x"] = busy

    with pytest.raises(ApiRefused, match=r"slow down|away"):
        api.get("/x")

    assert len(server.seen) == 1 + TRIES


def test_patience_with_lost_answers_ends_too(server: LocalServer, api: Api) -> None:
    server.answers["/api/x"] = breaks_off

    with pytest.raises(ApiUnreachable, match="broke before an answer"):
        api.get("/x")

    assert len(server.seen) == 1 + TRIES


def test_nobody_waits_for_hours_because_they_were_told_to(api: Api) -> None:
    assert api._patience(repeats=True).parse_retry_after("86400") == LONGEST_PAUSE


def test_only_an_api_that_was_there_is_waited_for(server: LocalServer, api: Api) -> None:
    server.answers["/api/x"] = says("ok")
    before = api._patience(repeats=True).connect
    api.get("/x")

    assert (before, api._patience(repeats=True).connect) == (0, TRIES)


def test_a_refusal_that_is_final_is_not_repeated(server: LocalServer, api: Api) -> None:
    server.answers["/api/x"] = refuses(409, "illegal_move", "no")

    with pytest.raises(ApiRefused, match="no"):
        api.get("/x")

    assert len(server.seen) == 1


def test_it_is_said_why_one_waits(server: LocalServer, api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    server.answers["/api/x"] = turns(BUSY[0], says("ok"))

    api.get("/x")

    assert capsys.readouterr().err == "the API is busy (HTTP 429): trying again\n"
