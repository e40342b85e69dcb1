"""Keys, roles, tickets, the limit on calls, and the audit."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest
import redis
from chalice.test import Client

from chalicelib import resources, wire
from chalicelib.callers import Role
from chalicelib.connections import Connections
from chalicelib.errors import QueueUnavailable
from chalicelib.gatekeeper import REMEMBERED_SECONDS, Gatekeeper
from chalicelib.keyring import Keyring
from chalicelib.keys import as_text, new_key
from chalicelib.rates import Rates
from chalicelib.store.database import Database
from chalicelib.store.keys import KeyStore
from chalicelib.tickets import Tickets
from infra.local.services import Addresses
from tests.integration.calls import Api, problem
from tests.integration.conftest import World

MakeKey = Callable[..., str]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gatekeeper(
    database: Database,
    cache: redis.Redis,
    conn: psycopg.Connection[Any],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> Gatekeeper:
    """In the place of the one that lets everybody in."""
    conn.execute("DELETE FROM api_keys")
    keeper = Gatekeeper(
        keys=KeyStore(database), rates=Rates(cache), tickets=Tickets(cache), is_on=True, a_minute=6_000, clock=clock
    )
    keyring = Keyring(store=KeyStore(database), connections=Connections(cache), gateway=resources.gateway(), is_on=True)
    monkeypatch.setattr(resources, "gatekeeper", lambda: keeper)
    monkeypatch.setattr(resources, "keyring", lambda: keyring)
    return keeper


@pytest.fixture
def make_key(gatekeeper: Gatekeeper, world: World) -> MakeKey:
    def make(role: Role = Role.ADMIN, **options: Any) -> str:
        return resources.keyring().create(name=f"a {role}", role=role, created_by="test", **options)[1]

    return make


def guarded() -> list[tuple[str, str, Role]]:
    import app

    return [(route.method, route.path, route.role) for route in app.routes.table if route.role is not None]


def a_path(path: str) -> str:
    return path.replace("{job_id}", "01a20a21-9f5b-76e0-8fda-cd7a8388a0b2").replace("{key_id}", "0" * 12)


def test_without_a_key_only_what_says_nothing_of_jobs_can_be_called(api: Api, gatekeeper: Gatekeeper) -> None:
    answers = {(method, path): api.call(method, a_path(path)) for method, path, _ in guarded()}

    assert len(answers) >= 15
    assert {call: answer.status_code for call, answer in answers.items() if answer.status_code != 401} == {}
    assert all(answer.headers["WWW-Authenticate"] == "Bearer" for answer in answers.values())
    assert {api.get(path).status_code for path in ("/", "/health", "/ready", "/openapi.json", "/docs")} == {200}


@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_what_it_includes_and_no_more(api: Api, make_key: MakeKey, role: Role) -> None:
    caller = api.with_key(make_key(role))

    refused = {(method, path) for method, path, _ in guarded() if caller.call(method, a_path(path)).status_code == 403}

    assert refused == {(method, path) for method, path, needed in guarded() if not role.includes(needed)}


def test_an_operator_pauses_a_queue_and_leaves_its_limits_to_admins(api: Api, make_key: MakeKey) -> None:
    operator, admin = api.with_key(make_key(Role.OPERATOR)), api.with_key(make_key())

    def change(caller: Api, **fields: object) -> int:
        return int(caller.call("PUT", "/queues/mail", json.dumps(fields).encode()).status_code)

    assert change(operator, paused=True) == 200
    assert [change(operator, max_running=5), change(operator, rate_limit=None, paused=False)] == [403, 403]
    assert change(admin, max_running=5) == 200
    queue = operator.get("/queues/mail").json_body
    assert (queue["paused"], queue["max_running"]) == (True, 5)


def test_a_paused_queue_tells_since_when_and_by_whom(api: Api, make_key: MakeKey) -> None:
    operator, admin = api.with_key(make_key(Role.OPERATOR)), api.with_key(make_key())

    def change(caller: Api, **fields: object) -> tuple[bool, str | None, str | None]:
        queue = caller.call("PUT", "/queues/mail", json.dumps(fields).encode()).json_body
        return queue["paused"], queue["paused_at"], queue["paused_by"]

    assert change(admin, max_running=1) == (False, None, None)
    _, since, by = change(operator, paused=True)
    assert (since is not None, by) == (True, "a operator")
    assert change(admin, paused=True, max_running=5) == (True, since, by)
    assert change(admin, paused=False) == (False, None, None)
    _, later, by = change(admin, paused=True)
    assert later is not None
    assert since is not None
    assert (later > since, by) == (True, "a admin")


def test_a_key_can_ask_what_it_may_do(api: Api, make_key: MakeKey) -> None:
    key = make_key(Role.OPERATOR)

    told = api.with_key(key).get("/me").json_body

    assert told == {"id": key.split("_")[1], "name": "a operator", "role": "operator"}


def test_a_viewer_cancels_nothing_and_is_told_why(api: Api, make_key: MakeKey, world: World) -> None:
    job = world.submit(delay_seconds=60)

    answer = api.with_key(make_key(Role.VIEWER)).post(f"/jobs/{job.id}/cancel")

    assert problem(answer)["code"] == "forbidden"
    assert "operator" in problem(answer)["detail"]
    assert world.store.get(job.id).finished_at is None


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer js_",
        "Bearer " + "x" * 5_000,
        "Bearer js_000000000000_" + "A" * 43,
        "Bearer \u00fc",
        "Bearer js_' OR 1=1 --",
    ],
)
def test_what_is_no_key_opens_nothing(api: Api, make_key: MakeKey, authorization: str) -> None:
    answer = api.get("/jobs", Authorization=authorization)

    assert (answer.status_code, problem(answer)["code"]) == (401, "unauthenticated")


def test_the_right_id_with_a_wrong_secret_opens_nothing(api: Api, make_key: MakeKey) -> None:
    key_id = make_key().split("_")[1]

    assert api.with_key(as_text(key_id, new_key()[1])).get("/jobs").status_code == 401


def test_a_revoked_key_opens_nothing_once_it_was_forgotten(api: Api, make_key: MakeKey, clock: Clock) -> None:
    admin, key = api.with_key(make_key()), make_key(Role.VIEWER)
    assert api.with_key(key).get("/jobs").status_code == 200

    revoked = admin.call("DELETE", f"/keys/{key.split('_')[1]}")
    clock.now += REMEMBERED_SECONDS + 0.1

    assert (revoked.status_code, revoked.body) == (204, b"")
    assert api.with_key(key).get("/jobs").status_code == 401
    assert REMEMBERED_SECONDS <= 60


def test_an_expired_key_opens_nothing(api: Api, make_key: MakeKey, conn: psycopg.Connection[Any]) -> None:
    key = make_key(Role.VIEWER)
    conn.execute("UPDATE api_keys SET expires_at = now() - interval '1 second'")

    assert api.with_key(key).get("/jobs").status_code == 401


def test_a_key_is_kept_as_a_hash_and_shown_once(api: Api, make_key: MakeKey, conn: psycopg.Connection[Any]) -> None:
    admin = api.with_key(make_key())

    made = admin.post("/keys", {"name": "billing", "role": "operator", "rate_limit": 600})
    listed = admin.get("/keys")

    assert made.status_code == 201
    assert api.with_key(made.json_body["key"]).get("/jobs").status_code == 200
    assert {**listed.json_body[0], "last_used_at": None, "key": made.json_body["key"]} == made.json_body
    secret = made.json_body["key"].split("_", 2)[2]
    assert secret not in listed.body.decode()
    rows = conn.execute(
        "SELECT (api_keys.*)::text FROM api_keys UNION ALL SELECT (audit.*)::text FROM audit"
    ).fetchall()
    assert len(rows) == 3
    assert secret not in str(rows)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": "", "role": "viewer"}, "$.name"),
        ({"name": "a\nb", "role": "viewer"}, "$.name"),
        ({"name": "a", "role": "root"}, "$.role"),
        ({"name": "a", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}, "$"),
        ({"name": "a", "role": "viewer", "rate_limit": 0}, "$.rate_limit"),
        ({"name": "a"}, "$"),
    ],
)
def test_a_bad_key_is_not_made(
    api: Api, make_key: MakeKey, conn: psycopg.Connection[Any], body: object, path: str
) -> None:
    answer = api.with_key(make_key()).post("/keys", body)

    assert (answer.status_code, [fault["path"] for fault in problem(answer)["errors"]]) == (422, [path])
    assert conn.execute("SELECT count(*) FROM api_keys").fetchone() == (1,)


def test_the_use_of_a_key_is_noted(api: Api, make_key: MakeKey) -> None:
    admin = api.with_key(make_key())

    assert admin.get("/keys").json_body[0]["last_used_at"] is not None


def test_a_key_that_calls_too_often_is_slowed_down_and_others_are_not(api: Api, make_key: MakeKey) -> None:
    busy, calm = api.with_key(make_key(Role.VIEWER, rate_limit=6)), api.with_key(make_key(Role.VIEWER))

    first, second = busy.get("/jobs"), busy.get("/jobs")

    assert (first.status_code, second.status_code) == (200, 429)
    assert problem(second)["code"] == "rate_limited"
    assert 1 <= int(second.headers["Retry-After"]) <= 11
    assert calm.get("/jobs").status_code == 200


def test_a_bucket_takes_a_burst_and_no_more_than_its_rate(cache: redis.Redis) -> None:
    rates = Rates(cache)

    waits = [rates.wait("k", a_minute=600) for _ in range(130)]

    taken = sum(1 for wait in waits if wait == timedelta(0))
    assert 100 <= taken < 115  # ten seconds' worth, and what comes in while the test runs
    assert timedelta(0) < waits[-1] < timedelta(seconds=0.2)


def test_calls_are_not_counted_while_redis_is_away(
    api: Api, make_key: MakeKey, gatekeeper: Gatekeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise QueueUnavailable("away")

    key = make_key(Role.VIEWER)
    monkeypatch.setattr(gatekeeper._rates, "wait", away)

    assert api.with_key(key).get("/jobs").status_code == 200


@pytest.fixture
def connect(client: Client, world: World) -> Callable[[str | None], int]:
    """Connects a WebSocket with a ticket, as API Gateway does. Returns the status of the handshake."""

    def connect(ticket: str | None) -> int:
        query = None if ticket is None else {"ticket": ticket}
        context = {
            "connectionId": "c1",
            "apiId": "api",
            "stage": "api",
            "domainName": "localhost",
            "routeKey": "$connect",
        }
        import app

        answer = app.connect({"requestContext": context, "queryStringParameters": query}, None)
        return int(answer["statusCode"])

    return connect


def test_a_ticket_opens_one_socket_with_its_callers_role(
    api: Api, make_key: MakeKey, connect: Callable[[str | None], int]
) -> None:
    issued = api.with_key(make_key(Role.OPERATOR)).post("/ws-tickets")
    ticket = issued.json_body["ticket"]

    assert issued.status_code == 201
    assert [connect(ticket), connect(ticket)] == [200, 401]
    connection = resources.connections().find("c1")
    assert connection is not None
    assert connection.role is Role.OPERATOR


@pytest.mark.parametrize("ticket", [None, "", "x", "\ud800"])
def test_without_a_ticket_the_handshake_is_refused(
    gatekeeper: Gatekeeper, connect: Callable[[str | None], int], ticket: str | None
) -> None:
    assert connect(ticket) == 401
    assert resources.connections().find("c1") is None


def test_a_ticket_is_good_for_thirty_seconds(
    api: Api, make_key: MakeKey, connect: Callable[[str | None], int], cache: redis.Redis
) -> None:
    ticket = api.with_key(make_key()).post("/ws-tickets").json_body["ticket"]
    (key,) = cache.scan_iter("ticket:*")

    assert 29_000 < cache.pttl(key) <= 30_000
    assert ticket.encode() not in key
    cache.pexpire(key, 0)
    assert connect(ticket) == 401


def test_revoking_a_key_cuts_its_sockets(
    api: Api, make_key: MakeKey, connect: Callable[[str | None], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key(Role.VIEWER)
    connect(api.with_key(key).post("/ws-tickets").json_body["ticket"])
    cut: list[str] = []
    monkeypatch.setattr(
        resources.keyring()._gateway, "cut", lambda api_id, stage, connection_id: cut.append(connection_id)
    )

    api.with_key(make_key()).call("DELETE", f"/keys/{key.split('_')[1]}")

    assert cut == ["c1"]
    assert resources.connections().find("c1") is None


def test_what_changes_something_is_in_the_audit(api: Api, make_key: MakeKey) -> None:
    key = make_key()
    admin = api.with_key(key)
    submitted = admin.post("/jobs", {"job_type": "echo", "payload": "s3cret", "delay_seconds": 60})
    job_id = submitted.json_body["id"]
    admin.post(f"/jobs/{job_id}/cancel")
    admin.post(f"/jobs/{job_id}/cancel")  # refused: it is cancelled already
    admin.post(f"/jobs/{job_id}/revive")
    admin.post(f"/jobs/{job_id}/copy")
    admin.post("/jobs/batch", {"jobs": [{"job_type": "echo"}]})
    admin.post("/jobs/cancel", {"queue": "default"})
    admin.post("/jobs/cancel", {"queue": "default", "dry_run": True})
    admin.get("/jobs")

    answer = admin.get("/audit")

    entries = answer.json_body[::-1]
    assert [entry["action"] for entry in entries] == [
        "submit",
        "cancel",
        "revive",
        "copy",
        "submit_batch",
        "cancel_many",
    ]
    assert {entry["actor"] for entry in entries} == {key.split("_")[1]}
    assert entries[0]["request_id"] == submitted.headers["X-Request-Id"]
    assert entries[0]["detail"] == {"job_type": "echo", "queue": "default", "ids": [job_id]}
    assert entries[1]["target"] == f"/jobs/{job_id}/cancel"
    assert "s3cret" not in answer.body.decode()


def test_the_audit_is_paged(api: Api, make_key: MakeKey) -> None:
    admin = api.with_key(make_key())
    for _ in range(5):
        admin.post("/jobs", {"job_type": "echo"})
    seen, path = [], "/audit?limit=2"
    while path:
        answer = admin.get(path)
        seen += [entry["id"] for entry in answer.json_body]
        path = answer.headers.get("Link", "").partition("<" + wire.BASE)[2].partition(">")[0]

    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)


def test_viewers_get_no_tracebacks(api: Api, make_key: MakeKey, world: World) -> None:
    job = world.submit("fail", max_attempts=1)
    world.run_due()

    def traceback_for(role: Role) -> str:
        shown = api.with_key(make_key(role)).get(f"/jobs/{job.id}").json_body["errors"][0]
        assert (shown["type"], shown["message"]) == ("ValueError", "boom")
        return str(shown["traceback"])

    assert traceback_for(Role.VIEWER) == ""
    assert "boom" in traceback_for(Role.OPERATOR)


def test_no_secret_reaches_a_log_line_an_error_or_an_event(
    api: Api, make_key: MakeKey, connect: Callable[[str | None], int], world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = make_key()
    admin = api.with_key(key)
    ticket = admin.post("/ws-tickets").json_body["ticket"]
    connect(ticket)
    wrong = as_text(key.split("_")[1], new_key()[1])
    said = [
        admin.post("/jobs", {"job_type": "echo", "payload": {"password": "hunter2"}}).headers,
        api.with_key(wrong).get("/jobs").body,
        admin.post("/jobs", {"job_type": "sleep", "payload": {"seconds": "hunter2"}}).body,
        admin.get("/audit").body,
    ]
    logged = [json.dumps({**vars(record), "msg": record.getMessage()}, default=str) for record in caplog.records]
    in_redis = [world.cache.dump(name) for name in world.cache.scan_iter("*") if name != b"{ws}:events"]

    for secret in (key, key.split("_", 2)[2], wrong, ticket, "hunter2"):
        assert secret not in str(said)
        assert not any(secret in line for line in logged)
        assert secret.encode() not in b"".join(each for each in in_redis if each)


def test_a_closed_door_tells_no_one_whether_a_key_exists(api: Api, make_key: MakeKey) -> None:
    known, unknown = make_key().split("_")[1], "f" * 12

    answers = [api.with_key(as_text(key_id, "A" * 43)).get("/jobs") for key_id in (known, unknown)]

    first, second = (msgspec.json.decode(answer.body) for answer in answers)
    assert {**first, "request_id": None} == {**second, "request_id": None}


def test_every_answer_has_security_headers_and_a_request_id(
    api: Api, gatekeeper: Gatekeeper, addresses: Addresses
) -> None:
    for answer in (api.get("/health"), api.get("/jobs"), api.call("DELETE", "/jobs"), api.post("/jobs", b"{")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "X-Request-Id" in answer.headers
