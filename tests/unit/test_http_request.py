from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from chalicelib.errors import GiveUp, InvalidPayload
from chalicelib.handlers import registry
from chalicelib.handlers.deadlines import TooSlow
from chalicelib.handlers.http_request import BODY_BYTES, Answer, HttpRequest, http_request
from chalicelib.handlers.outbound import Unreachable
from chalicelib.handlers.statuses import UnexpectedStatus
from tests.fake_context import FakeContext, a_settings
from tests.local_http import LocalServer, answer, redirect


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer({"/": answer(b"hello", content_type="text/plain")}) as server:
        yield server


def decoded(**payload: Any) -> HttpRequest:
    decoded: HttpRequest = registry.get("http_request").decode(msgspec.json.encode(payload))
    return decoded


def run(url: str, **payload: Any) -> Answer:
    return http_request(decoded(url=url, **payload), FakeContext())


def test_an_answer_is_kept(server: LocalServer) -> None:
    kept = run(server.url())

    assert (kept.status, kept.body, kept.body_encoding, kept.body_truncated) == (200, "hello", "text", False)
    assert kept.headers["content-type"] == "text/plain"
    assert kept.url == server.url()
    assert 0 <= kept.elapsed_ms < 5000


@pytest.mark.parametrize(
    ("body", "sent", "content_type"),
    [
        ("plain ü", "plain ü".encode(), "text/plain; charset=utf-8"),
        ({"a": [1, None]}, b'{"a":[1,null]}', "application/json"),
        ([], b"[]", "application/json"),
        (False, b"false", "application/json"),
    ],
)
def test_a_string_is_sent_as_it_is_and_anything_else_as_json(
    server: LocalServer, body: object, sent: bytes, content_type: str
) -> None:
    run(server.url(), method="POST", body=body)

    (seen,) = server.seen
    assert (seen.method, seen.body, seen.headers["content-type"]) == ("POST", sent, content_type)


def test_headers_are_sent_and_may_name_the_content_type(server: LocalServer) -> None:
    run(server.url(), method="PUT", body="<a/>", headers={"Content-Type": "text/xml", "X-Token": "t"})

    assert {"content-type": "text/xml", "x-token": "t"}.items() <= server.seen[0].headers.items()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_is_sent(server: LocalServer, method: str) -> None:
    run(server.url(), method=method)

    assert server.seen[0].method == method


def test_redirects_are_followed_and_the_last_place_is_told(server: LocalServer) -> None:
    server.answers["/old"] = redirect("/")

    assert run(server.url("/old")).url == server.url("/")


def test_a_redirect_can_be_the_answer(server: LocalServer) -> None:
    server.answers["/old"] = redirect("/")

    kept = run(server.url("/old"), follow_redirects=False, expected_status=302)

    assert (kept.status, kept.headers["location"]) == (302, "/")


@pytest.mark.parametrize(("expected", "status"), [(404, 404), ([200, 503], 503), (None, 204)])
def test_an_expected_status_is_success(server: LocalServer, expected: object, status: int) -> None:
    server.answers["/"] = answer(status=status)

    assert run(server.url(), expected_status=expected).status == status


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_a_refusal_is_final(server: LocalServer, status: int) -> None:
    server.answers["/"] = answer(b"no such thing", status)

    with pytest.raises(GiveUp, match=f"answered {status}: no such thing"):
        run(server.url())


@pytest.mark.parametrize("status", [302, 408, 425, 429, 500, 502, 503])
def test_an_answer_that_may_change_is_tried_again(server: LocalServer, status: int) -> None:
    server.answers["/"] = answer(b"later", status)

    with pytest.raises(UnexpectedStatus, match=f"answered {status}: later"):
        run(server.url())


def test_success_that_was_not_expected_is_a_failure(server: LocalServer) -> None:
    with pytest.raises(UnexpectedStatus, match="answered 200"):
        run(server.url(), expected_status=201)


def test_a_failure_shows_the_beginning_of_the_body_and_no_query(server: LocalServer) -> None:
    server.answers["/"] = answer(b"x" * 1000, 500)

    with pytest.raises(UnexpectedStatus) as failure:
        run(server.url("/?token=secret"))
    assert str(failure.value).endswith(": " + "x" * 500)
    assert "secret" not in str(failure.value)


def test_a_long_body_is_cut_between_characters(server: LocalServer) -> None:
    server.answers["/"] = answer("€".encode() * 30_000)

    kept = run(server.url())

    assert kept.body_truncated
    assert kept.body == "€" * (BODY_BYTES // 3)


@pytest.mark.parametrize("body", [b"\xff\xfe", b"\x00\x01", b"\x1b[31m"])
def test_a_body_that_is_not_printable_text_is_kept_as_base64(server: LocalServer, body: bytes) -> None:
    server.answers["/"] = answer(body)

    kept = run(server.url())

    assert (kept.body_encoding, base64.b64decode(kept.body)) == ("base64", body)


@pytest.mark.parametrize("body", [b'"' * 100_000, b"\x01" * 100_000, b"\\\n" * 50_000])
def test_the_result_fits_whatever_the_body(server: LocalServer, body: bytes) -> None:
    server.answers["/"] = answer(body, 200, **{f"x_{number}": "v" * 5000 for number in range(60)})

    assert len(msgspec.json.encode(run(server.url()))) < 256 * 1024


def test_cookies_that_the_server_sets_are_not_kept(server: LocalServer) -> None:
    server.answers["/"] = answer(set_cookie="session=secret")

    assert "set-cookie" not in run(server.url()).headers


def test_a_private_address_is_refused_unless_the_settings_allow_it(server: LocalServer) -> None:
    outside = FakeContext(settings=a_settings(allow_private_addresses=False))

    with pytest.raises(GiveUp, match="not public"):
        http_request(decoded(url=server.url()), outside)
    assert server.seen == []


def test_the_time_limit_is_for_the_whole_answer(server: LocalServer) -> None:
    server.answers["/"] = server.drip(b"HTTP/1.0 200 OK\r\n\r\n", b"x")

    with pytest.raises(TooSlow, match="within 1 s"):  # the smallest limit there is
        run(server.url(), timeout_seconds=1)


def test_the_jobs_own_deadline_counts_too(server: LocalServer) -> None:
    server.answers["/"] = server.drip(b"HTTP/1.0 200 OK\r\n\r\n", b"x")

    with pytest.raises(TooSlow):
        http_request(decoded(url=server.url()), FakeContext(time_left=timedelta(seconds=0.1)))


def test_a_closed_port_is_tried_again() -> None:
    with pytest.raises(Unreachable, match="refused"):
        run("http://127.0.0.9:9/")


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        ({}, "missing required field `url`"),
        ({"url": "ftp://x/"}, "http:// or https://"),
        ({"url": "http://user:pw@x/"}, "user name or password"),
        ({"url": "http://x/", "method": "CONNECT"}, "Invalid enum value"),
        ({"url": "http://x/", "headers": {"Host": "y"}}, "Host cannot be set"),
        ({"url": "http://x/", "headers": {"Transfer-Encoding": "chunked"}}, "cannot be set"),
        ({"url": "http://x/", "headers": {"Proxy-Authorization": "y"}}, "cannot be set"),
        ({"url": "http://x/", "headers": {"a b": "y"}}, "no header name"),
        ({"url": "http://x/", "headers": {"a": "y\r\nHost: z"}}, "line ends"),
        ({"url": "http://x/", "headers": {"a": "€"}}, "Latin-1"),
        ({"url": "http://x/", "timeout_seconds": 121}, "<= 120"),
        ({"url": "http://x/", "expected_status": 99}, ">= 100"),
        ({"url": "http://x/", "expected_status": []}, "length >= 1"),
        ({"url": "http://x/", "verify": False}, "unknown field `verify`"),
    ],
)
def test_a_payload_that_cannot_be_sent_is_refused(payload: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidPayload, match=fault) as refused:
        decoded(**payload)
    assert "pw" not in str(refused.value)
    assert refused.value.path.startswith("$.payload")
