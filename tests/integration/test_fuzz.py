"""Thousands of odd requests on every route: each is answered as described, and nothing falls over."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.calls import Api

ODD_TEXTS = [
    "",
    "\x00",
    "a\x00b",
    "\r\nSet-Cookie: a=b",
    "../..",
    "%00",
    "%2e%2e%2f",
    "'; DROP TABLE jobs; --",
    "😀",
    "ä" * 300,
    "null",
    "NaN",
    "-1",
    "1e999",
    "9" * 5_000,
    "2026-01-01T00:00:00Z",
    "0000-00-00T00:00:00Z",
    "01a20a21-9f5b-76e0-8fda-cd7a8388a0b2",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "js_000000000000_" + "A" * 43,
    "{{7*7}}",
    "<script>alert(1)</script>",
]
ODD_BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"x"',
    b"\xff\xfe",
    b'{"a":NaN}',
    b'{"a":1,"a":2}',
    b'{"\\ud800":1}',
    b'{"job_type":"\\u0000"}',
    b"[" * 2_000,
    b'{"a":' * 1_500 + b"1" + b"}" * 1_500,
    b'{"ids":["' + b"x" * 10_000 + b'"]}',
    b'{"priority":' + b"9" * 6_000 + b"}",
    b'{"delay_seconds":1e400}',
    b'{"name":"a","cron":"* * * * *","interval_seconds":1,"job":{"job_type":"echo"}}',
    b'{"name":"a","interval_seconds":31622400,"starts_at":"2199-12-31T00:00:00Z","job":{"job_type":"echo"}}',
    b'{"interval_seconds":1,"starts_at":"0001-01-01T00:00:00+14:00","job":{"job_type":"echo"}}',
    b'{"at":"9999-12-31T23:59:59-14:00","timezone":"Asia/Tokyo"}',
    b'{"cron":"0 0 29 2 1","timezone":"Pacific/Kiritimati","after":"2199-12-31T23:59:59-12:00","count":100}',
    b'{"interval_seconds":31622400,"count":100,"after":"2199-12-31T23:59:59Z"}',
    b'{"from":"2000-01-01T00:00:00Z","to":"2199-01-01T00:00:00Z"}',
    b'{"note":"\\u0000"}',
]
NAMES = [
    *("job_type", "payload", "queue", "priority", "run_at", "delay_seconds", "max_attempts", "timeout_seconds", "tags"),
    *("backoff", "jobs", "id", "ids", "status", "tag", "created_after", "created_before", "cursor", "dry_run", "limit"),
    *(
        "include",
        "exclude",
        "fields",
        "wait",
        "attempt",
        "minutes",
        "step_minutes",
        "name",
        "role",
        "expires_at",
        "rate_limit",
    ),
    *("COMPLETED", "FAILED", "CANCELLED"),
    *(
        "to",
        "confirm",
        "weight",
        "max_running_per_key",
        "rate_limit_per_key",
        "default_priority",
        "default_max_attempts",
    ),
    *("default_timeout_seconds", "concurrency_key"),
    *("action", "actor", "since", "until", "state"),
    *("paused", "max_running", "cron", "timezone", "misfire", "overlap", "job", "count", "after", "unknown"),
    *("concurrency_key", "unique", "for", "key", "on_conflict"),
    *("interval_seconds", "at", "starts_at", "ends_at", "catch_up", "note", "from", "to", "concurrency_key"),
]

texts = st.sampled_from(ODD_TEXTS) | st.text(max_size=30)
numbers = st.integers() | st.floats() | st.sampled_from([0, -1, 2**31, 2**63, 10**400])
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(texts, children, max_size=4),
    max_leaves=10,
)
objects = st.dictionaries(st.sampled_from(NAMES), values, max_size=6)
bodies = st.sampled_from(ODD_BODIES) | objects.map(lambda value: json.dumps(value).encode())
queries = st.dictionaries(st.sampled_from(NAMES), texts, max_size=4)


def routes() -> list[tuple[str, str]]:
    import app

    return [(route.method, route.path) for route in app.routes.table]


@settings(max_examples=3_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_is_answered_with_a_fault_of_ours(api: Api, data: st.DataObject) -> None:
    method, template = data.draw(st.sampled_from(routes()))
    query = {name: value for name, value in data.draw(queries).items() if name != "wait"}
    path = filled(template, data) + ("?" + urllib.parse.urlencode(query) if query else "")
    headers = {"Idempotency-Key": data.draw(texts.filter(is_header))} if data.draw(st.booleans()) else {}

    answer = Api(api._client, **headers).call(method, path, data.draw(bodies))

    assert answer.status_code < 500, answer.body
    if answer.status_code >= 400:
        document: dict[str, Any] = answer.json_body
        assert document["status"] == answer.status_code
        assert document["code"]
    for name, value in answer.headers.items():
        assert "\n" not in f"{name}{value}"
        assert "\r" not in f"{name}{value}"


def filled(template: str, data: st.DataObject) -> str:
    """The path with something in the place of each name; never with a slash, which would be another path."""
    while "{" in template:
        head, _, rest = template.partition("{")
        names = st.just("a") | texts.filter(lambda text: text and text.strip("."))
        part = urllib.parse.quote(data.draw(names), safe="")
        template = head + part.replace("%2F", "-") + rest.partition("}")[2]
    return template


def is_header(text: str) -> bool:
    return text.isascii() and text.isprintable()
