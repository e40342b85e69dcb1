"""What an attacker tried, and what holds since."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import redis

from chalicelib import pages, resources
from chalicelib.callers import Role
from chalicelib.connections import Connections
from chalicelib.decoding import refuse_repeated_names
from chalicelib.errors import ConnectionGone, InvalidInput, Unauthenticated
from chalicelib.figures import MOST_SERIES, OTHER, Depth, Total, largest_depths, largest_totals
from chalicelib.gatekeeper import Gatekeeper
from chalicelib.keyring import Keyring
from chalicelib.keys import as_text
from chalicelib.queues import Queues
from chalicelib.rates import Rates
from chalicelib.snapshots import Snapshots
from chalicelib.store.database import Database
from chalicelib.store.keys import KeyStore
from chalicelib.tickets import Tickets
from chalicelib.waiting import WaitingRoom
from tests.integration.calls import Api, problem
from tests.integration.conftest import World


def test_a_hundred_thousand_names_are_looked_at_once_each() -> None:
    """Comparing each with all others would take longer than a test may."""
    names = ",".join(f'"{n}":{n}' for n in range(100_000))

    refuse_repeated_names(b"{" + names.encode() + b"}")
    with pytest.raises(InvalidInput, match="'99999' stands twice"):
        refuse_repeated_names(b"{" + names.encode() + b',"99999":1}')


def test_no_nesting_hides_a_name_that_stands_twice(api: Api, conn: psycopg.Connection[Any]) -> None:
    for depth in (500, 900, 970, 975, 980, 990, 1_000, 5_000):
        nested = b"[" * depth + b'{"a":1,"a":2}' + b"]" * depth
        answer = api.post("/jobs", b'{"job_type":"echo","payload":' + nested + b"}")
        assert answer.status_code in (400, 422)
    assert api.get("/jobs").json_body == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"job_type":"' + b"x" * 1_000_000 + b'"}',
        b'{"' + b"x" * 1_000_000 + b'":1}',
        b'{"job_type":"echo","' + b"y" * 1_000_000 + b'":1,"' + b"y" * 1_000_000 + b'":2}',
        json.dumps({"job_type": "echo", "tags": ["\U000e0001" * 100_000]}).encode(),
    ],
)
def test_what_was_sent_is_not_sent_back_by_the_megabyte(api: Api, body: bytes) -> None:
    answer = api.post("/jobs", body)

    assert answer.status_code == 422
    assert len(answer.body) < 10_000


def test_faults_of_a_batch_are_told_in_few_words(api: Api) -> None:
    answer = api.post("/jobs/batch", {"jobs": [{"job_type": "x" * 10_000}] * 200})

    assert len(problem(answer)["errors"]) == 100
    assert len(answer.body) < 200_000


@pytest.mark.parametrize("payload", [b"1e999", b"9" * 5_000, b'"\\ud800"', b"[" * 2_000 + b"]" * 2_000])
@pytest.mark.parametrize("path", ["/jobs", "/jobs/batch"])
def test_a_payload_that_cannot_be_read_is_refused_alike_with_an_idempotency_key(
    api: Api, path: str, payload: bytes
) -> None:
    body = b'{"job_type":"echo","payload":' + payload + b"}"
    if path == "/jobs/batch":
        body = b'{"jobs":[' + body + b"]}"

    plain, with_key = api.post(path, body), api.post(path, body, **{"Idempotency-Key": "k"})

    assert (with_key.status_code, problem(with_key)["code"]) == (plain.status_code, problem(plain)["code"])
    assert plain.status_code in (201, 400, 422)


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59Z", "9000-01-01T00:00:00Z"])
def test_a_key_expires_in_a_year_that_can_be_told(api: Api, conn: psycopg.Connection[Any], moment: str) -> None:
    conn.execute("DELETE FROM api_keys")

    answer = api.post("/keys", {"name": "a", "role": "viewer", "expires_at": moment})

    assert answer.status_code == 422
    assert api.get("/keys").json_body == []


# WebSockets of keys that open nothing any more


class Gateway:
    def __init__(self) -> None:
        self.ended: list[str] = []

    def cut(self, api_id: str, stage: str, connection_id: str) -> None:
        self.ended.append(connection_id)
        if connection_id == "gone":
            raise ConnectionGone(connection_id)


@pytest.fixture
def keys(database: Database, conn: psycopg.Connection[Any]) -> KeyStore:
    conn.execute("DELETE FROM api_keys")
    return KeyStore(database)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


MakeKeyring = Callable[[bool], Keyring]


@pytest.fixture
def make_keyring(keys: KeyStore, cache: redis.Redis, gateway: Any) -> MakeKeyring:
    return lambda is_on: Keyring(store=keys, connections=Connections(cache), gateway=gateway, is_on=is_on)


def test_sockets_end_with_their_keys(
    make_keyring: MakeKeyring, cache: redis.Redis, gateway: Gateway, conn: psycopg.Connection[Any]
) -> None:
    keyring, connections = make_keyring(True), Connections(cache)
    made = {name: keyring.create(name=name, role=Role.VIEWER, created_by="t")[0] for name in ("kept", "over", "gone")}
    for name, key in made.items():
        connections.add(name, "api", "stage", key.caller)
    connections.add("nobody", "api", "stage")
    conn.execute("UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE name = 'over'")
    conn.execute("UPDATE api_keys SET revoked_at = now() WHERE name = 'gone'")

    assert keyring.cut_strangers() == 3
    assert sorted(gateway.ended) == ["gone", "nobody", "over"]
    assert connections.all().keys() == {"kept"}


def test_where_nobody_needs_a_key_no_socket_is_a_strangers(
    make_keyring: MakeKeyring, cache: redis.Redis, gateway: Gateway
) -> None:
    Connections(cache).add("somebody", "api", "stage")

    assert make_keyring(False).cut_strangers() == 0
    assert gateway.ended == []


def test_a_ticket_is_worth_nothing_once_its_key_is_revoked(
    make_keyring: MakeKeyring, keys: KeyStore, cache: redis.Redis
) -> None:
    keyring = make_keyring(True)
    keeper = Gatekeeper(keys=keys, rates=Rates(cache), tickets=Tickets(cache), is_on=True, a_minute=600)
    key, _ = keyring.create(name="a", role=Role.VIEWER, created_by="t")
    ticket = keeper.ticket(key.caller)

    keyring.revoke(key.id)

    with pytest.raises(Unauthenticated, match="revoked"):
        keeper.admit_socket(ticket)


# Many queues


def test_names_of_empty_queues_are_forgotten_where_there_are_many(world: World) -> None:
    for n in range(5):
        world.submit(queue=f"q{n}")
    waiting = world.submit(queue="later", delay_seconds=60)
    world.run_due()

    assert world.queues.forget_idle(most=6) == 0
    assert world.queues.forget_idle(most=5) == 5
    assert world.queues.names() == [waiting.queue]
    world.submit(queue="q1")
    assert world.queues.names() == ["later", "q1"]
    assert world.run_due() == 1


def test_a_queue_that_comes_to_life_while_it_is_forgotten_keeps_its_name(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.submit(queue="a")
    world.run_due()
    are_busy = Queues._are_busy
    looks = 0

    def with_a_submit_in_between(queues: Queues, names: Any) -> list[bool]:
        nonlocal looks
        looks += 1
        answer = are_busy(queues, names)
        if looks == 1:
            world.submit(queue="a")
        return answer

    monkeypatch.setattr(Queues, "_are_busy", with_a_submit_in_between)

    assert world.queues.forget_idle(most=0) == 0
    assert world.queues.names() == ["a"]


def test_jobs_are_found_among_many_empty_queues(world: World) -> None:
    for n in range(20):
        world.submit(queue=f"q{n:02}")
    assert world.run_due() == 20

    world.submit(queue="q13")

    assert world.run_due() == 1


def a_total(number: int, jobs: int) -> Total:
    return Total(f"q{number}", "t", jobs, 1, 0, 2, 0.5, 1.5, [jobs, 0], [0, jobs])


def test_monitoring_is_told_of_the_largest_queues_and_of_the_rest_together() -> None:
    totals = [a_total(n, jobs=n) for n in range(MOST_SERIES + 50)]
    depths = {f"q{n}": Depth({"QUEUED": n, "RUNNING": 1}, float(n)) for n in range(MOST_SERIES + 50)}

    told, told_depths = largest_totals(totals), largest_depths(depths)

    assert (len(told), len(told_depths)) == (MOST_SERIES + 1, MOST_SERIES + 1)
    assert (told[-1].queue, told[-1].completed, told[-1].cancelled) == (OTHER, sum(range(50)), 100)
    assert (told[-1].wait_seconds, told[-1].run_counts) == (25.0, [0, sum(range(50))])
    assert told_depths[OTHER] == Depth({"QUEUED": sum(range(50)), "RUNNING": 50}, 49.0)
    assert largest_totals(totals[:3]) == totals[2::-1]


# Long polls


def test_only_so_many_polls_wait_and_a_seat_that_is_left_is_free(cache: redis.Redis) -> None:
    room, asked = WaitingRoom(cache, seats=2), timedelta(seconds=20)

    with room.seat(asked) as first, room.seat(asked) as second, room.seat(asked) as third:
        assert (first, second, third) == (asked, asked, timedelta(0))
    with room.seat(asked) as again:
        assert again == asked
    with room.seat(timedelta(0)) as none:
        assert none == timedelta(0)


def test_a_seat_whose_owner_died_is_free_when_its_time_is_over(cache: redis.Redis) -> None:
    room = WaitingRoom(cache, seats=1)
    dead = room.seat(timedelta(seconds=20))
    dead.__enter__()
    ((name, _),) = cache.zscan_iter("long_polls")
    cache.zadd("long_polls", {str(name, "ascii"): 1})

    with room.seat(timedelta(seconds=20)) as within:
        assert within


def test_nobody_waits_while_redis_is_away(cache: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr(cache, "eval", away)

    with WaitingRoom(cache, seats=1).seat(timedelta(seconds=20)) as within:
        assert within == timedelta(0)


# Large answers


def test_a_page_of_whole_payloads_is_short_rather_than_large(api: Api, world: World) -> None:
    for _ in range(60):
        world.submit(payload="x" * 10)

    answer = api.get("/jobs?include=payload&limit=1000")

    assert len(answer.json_body) == 50
    assert 'rel="next"' in answer.headers["Link"]
    assert len(api.get("/jobs?limit=1000").json_body) == 60


def test_pages_of_the_audit_and_of_logs_end_early_too(
    api: Api, world: World, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_BYTES", 2_000)
    job = world.submit()
    for n in range(20):
        api.post("/jobs", {"job_type": "echo"})
        conn.execute(
            "INSERT INTO job_logs (job_id, attempt, line, at, level, logger, message) VALUES (%s, 1, %s, now(), 'INFO', 'l', %s)",
            [job.id, n + 1, "x" * 500],
        )

    audit, logs = api.get("/audit"), api.get(f"/jobs/{job.id}/logs").json_body

    assert 1 <= len(audit.json_body) < 20
    assert audit.json_body[-1]["id"] in audit.headers["Link"]
    assert (len(logs["lines"]), logs["cursor"]) == (4, "1-4")


def test_the_audit_names_what_was_made_and_not_a_thousand_ids(api: Api, world: World) -> None:
    made = api.post("/jobs", {"job_type": "echo", "delay_seconds": 60}).json_body["id"]
    copied = api.post(f"/jobs/{made}/copy").json_body["id"]
    api.post("/jobs/cancel", {"ids": [made] * 300})
    key = api.post("/keys", {"name": "k", "role": "viewer", "rate_limit": 5}).json_body["id"]

    created, cancelled, copy, submit = (entry["detail"] for entry in api.get("/audit").json_body)

    assert (submit["ids"], copy["ids"]) == ([made], [copied])
    assert (len(cancelled["filter"]["ids"]), cancelled["filter"]["count"]) == (20, 300)
    assert (created["id"], created["rate_limit"]) == (key, 5)


def test_series_of_different_questions_are_kept_apart(api: Api, world: World) -> None:
    world.submit()
    world.run_due()

    api.get("/stats?minutes=77&queue=None&job_type=None")

    assert len(api.get("/stats?minutes=77").json_body["series"]) == 1


def test_a_refused_call_is_logged_with_its_caller(
    api: Api, keys: KeyStore, cache: redis.Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    keeper = Gatekeeper(keys=keys, rates=Rates(cache), tickets=Tickets(cache), is_on=True, a_minute=600)
    monkeypatch.setattr(resources, "gatekeeper", lambda: keeper)
    key, text = resources.keyring().create(name="a", role=Role.VIEWER, created_by="t")

    api.with_key(text).get("/keys")
    api.with_key(as_text(key.id, "A" * 43)).get("/jobs")

    answered = [vars(record) for record in caplog.records if record.getMessage() == "answered"]
    assert [(line["status"], line["caller"]) for line in answered] == [(403, key.id), (401, "anyone")]


def test_answers_are_computed_while_redis_is_away_without_asking_it_each_time(
    cache: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def away(*_: object) -> None:
        nonlocal asked
        asked += 1
        raise redis.TimeoutError

    snapshots = Snapshots(cache)
    monkeypatch.setattr(cache, "mget", away)

    assert [snapshots.cached("n", lambda: 7, as_type=int).value for _ in range(5)] == [7] * 5
    assert asked == 1
