from __future__ import annotations

import itertools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from boto3.session import Session

from chalicelib.broadcaster import LEASE, SENDERS, SLOW_SENDERS, Broadcaster
from chalicelib.connections import CHANGES, SHARDS, Connections, registry, shard_of
from chalicelib.errors import ConnectionGone, GatewayUnavailable, QueueUnavailable
from chalicelib.events import FRAME_BYTES, Subscription, position
from chalicelib.gateway import Gateway
from chalicelib.joblog import LogEntry
from chalicelib.jobs import Job
from chalicelib.leadership import Leadership, Told, leader_of
from chalicelib.redis_link import WATCHED, WHOLE_FROM
from chalicelib.roster import Roster
from chalicelib.stream import EVENTS, EventStream
from tests.integration.conftest import World, told
from tests.samples import an_attempt


class ListeningGateway(Gateway):
    """Stands in for API Gateway, which only AWS has: keeps what was sent, and knows who has left."""

    def __init__(self) -> None:
        super().__init__("", Session)
        self.sent: dict[str, list[Any]] = defaultdict(list)
        self.gone: set[str] = set()
        self.slow: dict[str, threading.Event] = {}
        self.refusing: set[str] = set()
        self.tries: dict[str, int] = defaultdict(int)
        self.cut_off: list[str] = []
        self.delay_seconds = 0.0

    def send(self, api_id: str, stage: str, connection_id: str, frame: bytes) -> None:
        self.tries[connection_id] += 1
        time.sleep(self.delay_seconds if connection_id.startswith("slow") else 0)
        if connection_id in self.slow:
            self.slow[connection_id].wait(10)
        if connection_id in self.gone:
            raise ConnectionGone(connection_id)
        if connection_id in self.refusing:
            raise GatewayUnavailable(connection_id)
        assert len(frame) <= FRAME_BYTES
        self.sent[connection_id].append(msgspec.json.decode(frame))

    def cut(self, api_id: str, stage: str, connection_id: str) -> None:
        self.cut_off.append(connection_id)


@pytest.fixture
def gateway() -> ListeningGateway:
    return ListeningGateway()


@pytest.fixture
def connections(world: World) -> Connections:
    return Connections(world.cache)


@pytest.fixture
def broadcasting(world: World, connections: Connections, gateway: ListeningGateway) -> Callable[[], Any]:
    @contextmanager
    def running(name: str = "b", *, is_lasting: bool = True) -> Iterator[None]:
        stopped, client = threading.Event(), world.cache
        broadcaster = Broadcaster(
            name=name,
            stream=EventStream(client),
            leadership=Leadership(client, SHARDS),
            connections=Connections(client),
            gateway=gateway,
            overview=lambda: b'{"workers":1}',
            is_lasting=is_lasting,
        )
        thread = threading.Thread(target=broadcaster.run, args=(stopped,))
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

    return running


def eventually(condition: Callable[[], object]) -> None:
    ends_at = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends_at, "it never happened"
        time.sleep(0.01)


def statuses(frames: list[Any]) -> list[str]:
    return [frame["data"]["status"] for frame in frames]


def test_a_client_that_asks_for_nothing_gets_every_change_in_the_ancestors_frame(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[[], Any]
) -> None:
    connections.add("c", "api", "stage")

    with broadcasting():
        job = world.submit(payload={"a": 1})
        world.run_due()
        eventually(lambda: len(gateway.sent["c"]) == 3)

    frames = gateway.sent["c"]
    assert statuses(frames) == ["QUEUED", "RUNNING", "COMPLETED"]
    assert {frame["type"] for frame in frames} == {"JobStatusUpdate"}
    assert frames[-1]["data"]["id"] == str(job.id)
    assert frames[-1]["data"]["result"] == {"a": 1}
    assert [frame["data"]["version"] for frame in frames] == [1, 2, 3]


def test_what_happened_before_the_broadcaster_came_is_told_when_it_stops_too(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[[], Any]
) -> None:
    connections.add("c", "api", "stage")
    world.submit()

    with broadcasting():
        pass

    assert statuses(gateway.sent["c"]) == ["QUEUED"]


def test_the_next_broadcaster_goes_on_where_the_last_one_stopped(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[..., Any]
) -> None:
    connections.add("c", "api", "stage")
    world.submit()
    with broadcasting("first"):
        eventually(lambda: gateway.sent["c"])
    world.submit()

    with broadcasting("second"):
        eventually(lambda: len(gateway.sent["c"]) == 2)

    assert len(gateway.sent["c"]) == 2


def test_one_of_two_broadcasters_sends(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[..., Any]
) -> None:
    connections.add("c", "api", "stage")

    with broadcasting("first"), broadcasting("second"):
        for _ in range(3):
            world.submit()
        eventually(lambda: len(gateway.sent["c"]) >= 3)

    assert len(gateway.sent["c"]) == 3


@pytest.mark.parametrize(
    "subscription",
    [Subscription(queues=["mine"]), Subscription(job_types=["fail"]), Subscription(queues=["x"], job_types=["fail"])],
)
def test_a_subscription_shows_what_it_names_and_nothing_else(
    world: World,
    connections: Connections,
    gateway: ListeningGateway,
    broadcasting: Callable[[], Any],
    subscription: Subscription,
) -> None:
    subscribe(connections, "c", subscription)
    connections.add("all", "api", "stage")

    with broadcasting():
        world.submit("echo", queue="other")
        wanted = world.submit("fail", queue="mine")
        eventually(lambda: len(gateway.sent["all"]) == 2)
        eventually(lambda: gateway.sent["c"])

    assert [frame["data"]["id"] for frame in gateway.sent["c"]] == [str(wanted.id)]


def test_batches_hold_the_newest_version_of_each_job(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[[], Any]
) -> None:
    subscribe(connections, "c", Subscription(batch=True))
    jobs = [world.submit(payload="x" * 3000) for _ in range(40)]
    world.run_due()

    with broadcasting():
        eventually(lambda: sum(len(frame["data"]) for frame in gateway.sent["c"]) >= 40)

    shown = [job for frame in gateway.sent["c"] for job in frame["data"]]
    assert {job["id"] for job in shown} == {str(job.id) for job in jobs}
    assert {(job["status"], job["version"]) for job in shown} == {("COMPLETED", 3)}
    assert {frame["type"] for frame in gateway.sent["c"]} == {"JobStatusUpdates"}
    assert len(gateway.sent["c"]) > 1


def test_a_client_that_left_is_forgotten(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[[], Any]
) -> None:
    age(world, connections, "left")
    connections.add("stayed", "api", "stage")
    gateway.gone.add("left")

    with broadcasting():
        world.submit()
        eventually(lambda: "left" not in connections.all())
        eventually(lambda: gateway.sent["stayed"])


def test_a_client_that_has_just_come_survives_a_410_and_misses_nothing(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[[], Any]
) -> None:
    connections.add("new", "api", "stage")
    gateway.gone.add("new")

    with broadcasting():
        world.submit()
        eventually(lambda: gateway.tries["new"] >= 2)
        gateway.gone.clear()
        eventually(lambda: gateway.sent["new"])

    assert statuses(gateway.sent["new"]) == ["QUEUED"]


def test_a_slow_client_does_not_hold_up_the_others(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[[], Any]
) -> None:
    connections.add("slow", "api", "stage")
    connections.add("quick", "api", "stage")
    gateway.slow["slow"] = threading.Event()

    with broadcasting():
        for _ in range(3):
            world.submit()
        eventually(lambda: len(gateway.sent["quick"]) == 3)
        assert gateway.sent["slow"] == []
        gateway.slow["slow"].set()
        eventually(lambda: len(gateway.sent["slow"]) == 3)


def test_any_number_of_slow_clients_costs_a_quick_one_nothing(
    world: World,
    connections: Connections,
    gateway: ListeningGateway,
    broadcasting: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chalicelib.outbox.SLOW_SECONDS", 0.0)  # so all that have had a turn are taken for slow
    monkeypatch.setattr("chalicelib.broadcaster.MOST_TURNS", 20)
    slow = [f"slow{n}" for n in range(40)]
    for name in slow:
        subscribe(connections, name, Subscription(batch=True))

    with broadcasting():
        world.submit()
        eventually(lambda: all(gateway.sent[name] for name in slow))
        hang = threading.Event()
        gateway.slow.update(dict.fromkeys(slow, hang))
        world.submit()
        eventually(lambda: sum(gateway.tries[name] > 1 for name in slow) >= SLOW_SENDERS)
        connections.add("quick", "api", "stage")
        world.submit()
        eventually(lambda: gateway.sent["quick"])
        hang.set()


def test_a_client_that_never_takes_a_frame_is_cut(
    world: World,
    connections: Connections,
    gateway: ListeningGateway,
    broadcasting: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chalicelib.outbox.RETRY_SECONDS", 0.001)
    connections.add("stuck", "api", "stage")
    gateway.refusing.add("stuck")

    with broadcasting():
        world.submit()
        eventually(lambda: gateway.cut_off == ["stuck"])
        eventually(lambda: connections.all() == {})


def test_connections_older_than_any_can_be_are_dropped(world: World, connections: Connections) -> None:
    age(world, connections, "ancient", seconds=3 * 3600)
    connections.add("fresh", "api", "stage")

    assert set(connections.all()) == {"fresh"}


def test_an_unreadable_record_silences_nobody(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[[], Any]
) -> None:
    connections.add("readable", "api", "stage")
    world.cache.hset(registry(shard_of("readable")), "from the future", b'{"id":"x","subscription":{"colour":"red"}}')

    with broadcasting():
        world.submit()
        eventually(lambda: gateway.sent["readable"])


def test_a_registry_that_was_lost_and_begun_anew_is_read_again_and_who_is_not_in_it_is_cut(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[[], Any]
) -> None:
    connections.add("before", "api", "stage")
    with broadcasting():
        world.submit()
        eventually(lambda: gateway.sent["before"])
        world.cache.delete(*map(registry, range(SHARDS)), CHANGES, WATCHED, WHOLE_FROM)
        connections.add(another_in_the_shard_of("before"), "api", "stage")
        world.submit()
        eventually(lambda: gateway.sent[another_in_the_shard_of("before")])
        eventually(lambda: gateway.cut_off == ["before"])


def another_in_the_shard_of(connection_id: str) -> str:
    return next(name for name in map(str, itertools.count()) if shard_of(name) == shard_of(connection_id))


def test_clients_that_redis_has_forgotten_are_cut_so_that_they_come_back(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[[], Any]
) -> None:
    connections.add("forgotten", "api", "stage")
    with broadcasting():
        world.submit()
        eventually(lambda: gateway.sent["forgotten"])
        world.cache.flushall()
        eventually(lambda: gateway.cut_off == ["forgotten"])


def test_a_client_too_far_behind_is_cut(
    world: World,
    connections: Connections,
    gateway: ListeningGateway,
    broadcasting: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chalicelib.backlog.MOST_KEPT", 3)
    connections.add("slow", "api", "stage")
    gateway.slow["slow"] = threading.Event()

    with broadcasting():
        for _ in range(6):
            world.submit()
            eventually(lambda: gateway.tries["slow"])
        time.sleep(0.2)  # all of it is in the outbox, whose first frame still hangs
        gateway.slow["slow"].set()
        eventually(lambda: gateway.cut_off == ["slow"])


def test_many_busy_slow_clients_leave_a_thread_for_a_quick_one(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[[], Any]
) -> None:
    gateway.delay_seconds = 0.1
    slow = [f"slow{n}" for n in range(SENDERS)]
    for name in slow:
        connections.add(name, "api", "stage")
    for _ in range(30):
        world.submit()

    with broadcasting():
        eventually(lambda: all(gateway.tries[name] for name in slow))
        connections.add("quick", "api", "stage")
        world.submit()
        eventually(lambda: gateway.sent["quick"])
        told = max(len(gateway.sent[name]) for name in slow)

    assert told < 20  # nobody's whole backlog went first


def test_a_client_that_takes_batches_and_is_too_far_behind_is_told_to_read(
    world: World,
    connections: Connections,
    gateway: ListeningGateway,
    broadcasting: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chalicelib.backlog.MOST_KEPT", 3)
    subscribe(connections, "slow", Subscription(batch=True))
    gateway.slow["slow"] = threading.Event()

    with broadcasting():
        world.submit()
        eventually(lambda: gateway.tries["slow"])
        for _ in range(6):
            world.submit()
        connections.add("quick", "api", "stage")
        last = world.submit()
        eventually(lambda: gateway.sent["quick"])  # so all of it was read
        gateway.slow["slow"].set()
        eventually(lambda: "Resync" in types(gateway.sent["slow"]))
        after = world.submit()
        eventually(lambda: str(after.id) in ids(gateway.sent["slow"]))

    assert gateway.cut_off == []
    assert str(last.id) not in ids(gateway.sent["slow"])


# Coming back


def test_who_comes_back_is_told_what_happened_meanwhile(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[[], Any]
) -> None:
    connections.add("another", "api", "stage")
    before = world.submit()
    (entry,) = world.stream.read("0", timedelta(0))
    missed = world.submit()

    with broadcasting():
        eventually(lambda: len(gateway.sent["another"]) == 2)
        subscribe(connections, "c", Subscription(batch=True, after=entry.id))
        eventually(lambda: gateway.sent["c"])
        news = world.submit()
        eventually(lambda: len(ids(gateway.sent["c"])) == 2)

    assert ids(gateway.sent["c"]) == [str(missed.id), str(news.id)]
    assert str(before.id) not in ids(gateway.sent["c"])


def test_who_has_been_away_for_too_long_is_told_to_read(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[[], Any]
) -> None:
    with broadcasting():
        subscribe(connections, "c", Subscription(batch=True, after="1-0"))
        eventually(lambda: gateway.sent["c"])
        news = world.submit()
        eventually(lambda: ids(gateway.sent["c"]))

    assert types(gateway.sent["c"]) == ["Resync", "JobStatusUpdates"]
    assert ids(gateway.sent["c"]) == [str(news.id)]


def test_who_comes_back_to_a_stream_that_was_cut_is_told_to_read(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[[], Any]
) -> None:
    connections.add("another", "api", "stage")
    for _ in range(3):
        world.submit()
    first, *_ = world.stream.read("0", timedelta(0))
    world.cache.xtrim(EVENTS, maxlen=1, approximate=False)

    with broadcasting():
        subscribe(connections, "c", Subscription(batch=True, after=first.id))
        eventually(lambda: gateway.sent["c"])

    assert types(gateway.sent["c"])[0] == "Resync"  # what is left of the stream may follow


def test_a_client_that_asks_for_something_else_loses_nothing_that_was_on_its_way(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[[], Any]
) -> None:
    connections.add("c", "api", "stage")
    gateway.slow["c"] = threading.Event()

    with broadcasting():
        jobs = [world.submit()]
        eventually(lambda: gateway.tries["c"])
        jobs.append(world.submit())
        connections.add("another", "api", "stage")
        jobs.append(world.submit())
        eventually(lambda: gateway.sent["another"])
        ask(connections, "c", Subscription(batch=True))
        jobs.append(world.submit())
        eventually(lambda: len(gateway.sent["another"]) >= 2)
        gateway.slow["c"].set()
        eventually(lambda: set(ids(gateway.sent["c"])) == {str(job.id) for job in jobs})


def test_after_an_outage_of_redis_everybody_is_told_to_read(
    world: World,
    connections: Connections,
    gateway: ListeningGateway,
    broadcasting: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What others could not tell meanwhile is in no stream. Also who goes on from before it, and who comes back later."""
    subscribe(connections, "c", Subscription(batch=True))
    world.submit()
    (before,) = world.stream.read("0", timedelta(0))
    subscribe(connections, "goes-on", Subscription(batch=True, after=before.id))
    read = EventStream.read
    away = threading.Event()

    def read_unless_away(stream: EventStream, after: str, wait: timedelta) -> Any:
        if away.is_set():
            raise QueueUnavailable("it is away")
        return read(stream, after, wait)

    monkeypatch.setattr(EventStream, "read", read_unless_away)
    with broadcasting():
        world.submit()
        eventually(lambda: ids(gateway.sent["c"]))
        away.set()
        time.sleep(1.2)
        away.clear()
        eventually(lambda: "Resync" in types(gateway.sent["c"]))
        subscribe(connections, "back", Subscription(batch=True, after=before.id))
        news = world.submit()
        eventually(lambda: all(str(news.id) in ids(gateway.sent[each]) for each in ("c", "goes-on", "back")))

    assert [types(gateway.sent[each]).count("Resync") for each in ("c", "goes-on", "back")] == [1, 1, 1]


@pytest.mark.parametrize("owed", [True, False], ids=["it was yet to be told", "its broadcaster had died before"])
def test_who_leads_after_an_outage_tells_those_to_read_whom_nobody_told(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[..., Any], *, owed: bool
) -> None:
    """Somebody else has found that Redis was away, and said from where on the stream is whole."""
    subscribe(connections, "c", Subscription(batch=True))
    before = world.stream.now()
    time.sleep(0.01)
    world.stream.break_off()
    saved = Told("0-0" if owed else before, b"other")
    Leadership(world.cache, SHARDS).save(dict.fromkeys(range(SHARDS), saved))

    with broadcasting("next"):
        eventually(lambda: gateway.sent["c"])

    assert types(gateway.sent["c"]) == ["Resync"]


def test_who_comes_after_everybody_had_left_is_not_told_to_read(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[..., Any]
) -> None:
    """Where others were told up to is of another time."""
    Leadership(world.cache, SHARDS).save(dict.fromkeys(range(SHARDS), Told("7-0", b"other")))
    subscribe(connections, "c", Subscription(batch=True))
    world.submit()

    with broadcasting("next"):
        eventually(lambda: gateway.sent["c"])

    assert types(gateway.sent["c"]) == ["JobStatusUpdates"]


def test_who_is_caught_up_over_what_another_release_wrote_is_told_to_read(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[..., Any]
) -> None:
    subscribe(connections, "c", Subscription(batch=True))
    world.submit()
    world.cache.xadd(EVENTS, {"news": b"in its own way", "b": 0})
    written_at = world.stream.last()
    while position(world.stream.now()) <= position(written_at):
        pass  # what comes later is read as it comes

    with broadcasting("next"):
        eventually(lambda: gateway.sent["c"])

    assert types(gateway.sent["c"])[0] == "Resync"


@pytest.mark.parametrize(("kept", "types_told"), [(1, "Resync"), (3, "JobStatusUpdates")])
def test_a_broadcaster_that_stood_still_tells_everybody_to_read_if_it_missed_something(
    kept: int,
    types_told: str,
    world: World,
    connections: Connections,
    gateway: ListeningGateway,
    broadcasting: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """kept: of four entries, of which it had read the first."""
    subscribe(connections, "c", Subscription(batch=True))
    read, stand_still, stands_still = EventStream.read, threading.Event(), threading.Event()

    def read_late(stream: EventStream, after: str, wait: timedelta) -> Any:
        while stand_still.is_set():
            stands_still.set()
            time.sleep(0.01)
        return read(stream, after, wait)

    monkeypatch.setattr(EventStream, "read", read_late)
    with broadcasting():
        world.submit()
        eventually(lambda: ids(gateway.sent["c"]))
        stand_still.set()
        assert stands_still.wait(10)
        for _ in range(3):
            world.submit()
        world.cache.xtrim(EVENTS, maxlen=kept, approximate=False)
        stand_still.clear()
        eventually(lambda: len(gateway.sent["c"]) >= 2)

    assert types(gateway.sent["c"])[1] == types_told


def test_what_was_logged_while_nobody_led_is_told_too(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[..., Any]
) -> None:
    job = world.submit()
    subscribe(connections, "c", Subscription(jobs=[], batch=True, logs=[job.id]))
    log_a_line(world, job)

    with broadcasting():
        eventually(lambda: types(gateway.sent["c"]) == ["JobLogs"])


# Statistics and logs


def test_who_asked_for_statistics_gets_them_and_nobody_else(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[[], Any]
) -> None:
    subscribe(connections, "c", Subscription(batch=True, stats=True))
    connections.add("other", "api", "stage")

    with broadcasting():
        eventually(lambda: len(gateway.sent["c"]) >= 2)

    assert {frame["type"] for frame in gateway.sent["c"]} == {"Stats"}
    assert gateway.sent["c"][0]["data"] == {"workers": 1}
    assert gateway.sent["other"] == []


def log_a_line(world: World, job: Job) -> None:
    attempt = an_attempt(id=job.id)
    attempt.note(LogEntry(0.0, "INFO", "mail", "sent"))
    world.new_logbook().write([attempt])


def test_who_watches_a_job_hears_what_it_logs_and_nobody_else(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[[], Any]
) -> None:
    job = world.submit()
    connections.add("other", "api", "stage")
    subscribe(connections, "c", Subscription(jobs=[], batch=True, logs=[job.id]))

    with broadcasting():
        log_a_line(world, job)
        eventually(lambda: gateway.sent["c"])

    line = {
        "attempt": 1,
        "line": 1,
        "at": "1970-01-01T00:00:00.000Z",
        "level": "INFO",
        "logger": "mail",
        "message": "sent",
    }
    assert gateway.sent["c"] == [
        {"type": "JobLogs", "job_id": str(job.id), "after": "1-0", "data": [line], "cursor": "1-1"}
    ]
    assert "JobLogs" not in types(gateway.sent["other"])


def test_lines_that_nobody_watches_are_not_told(world: World, connections: Connections) -> None:
    connections.add("c", "api", "stage")

    log_a_line(world, world.submit())

    assert [entry.lines for entry in world.stream.read("0", timedelta(0)) if entry.lines] == []


# Several broadcasters


def test_lasting_broadcasters_share_the_connections(world: World) -> None:
    leadership = Leadership(world.cache, SHARDS)

    def lead(name: str) -> set[int]:
        return leadership.lead(name, LEASE, is_lasting=True)

    assert lead("a") == set(range(SHARDS))
    assert lead("b") == set()  # all are taken yet
    left = lead("a")
    assert len(left) == SHARDS // 2
    assert lead("b") == set(range(SHARDS)) - left
    leadership.save(dict.fromkeys(left, Told("1-0", b"mark")))
    leadership.resign("a", left)
    assert lead("b") == set(range(SHARDS))
    assert leadership.told(sorted(left)) == [Told("1-0", b"mark")] * len(left)


def test_a_broadcaster_of_a_minute_leads_only_where_no_lasting_one_does(world: World) -> None:
    leadership = Leadership(world.cache, SHARDS)
    assert len(leadership.lead("lambda", LEASE, is_lasting=False)) == SHARDS
    assert leadership.lead("container", LEASE, is_lasting=True) == set()

    assert leadership.lead("lambda", LEASE, is_lasting=False) == set()

    assert len(leadership.lead("container", LEASE, is_lasting=True)) == SHARDS


def test_two_broadcasters_serve_everybody_once(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[..., Any]
) -> None:
    names = [f"c{n}" for n in range(20)]
    for name in names:
        subscribe(connections, name, Subscription(batch=True))

    with broadcasting("first"), broadcasting("second"):
        eventually(lambda: {world.cache.get(leader_of(shard)) for shard in range(SHARDS)} == {b"first", b"second"})
        job = world.submit()
        eventually(lambda: all(gateway.sent[name] for name in names))

    assert {name: ids(gateway.sent[name]) for name in names} == {name: [str(job.id)] for name in names}


def test_what_a_killed_broadcaster_had_not_told_is_told_by_the_next(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[..., Any]
) -> None:
    subscribe(connections, "c", Subscription(batch=True))
    told = world.submit()
    (entry,) = world.stream.read("0", timedelta(0))
    Leadership(world.cache, SHARDS).save(dict.fromkeys(range(SHARDS), Told(entry.id)))
    for shard in range(SHARDS):
        world.cache.set(leader_of(shard), "killed", px=500)
    missed = world.submit()

    with broadcasting("next"):
        eventually(lambda: gateway.sent["c"])

    assert ids(gateway.sent["c"]) == [str(missed.id)]
    assert str(told.id) not in ids(gateway.sent["c"])


def test_a_cursor_is_saved_only_as_far_as_everybody_was_told(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[..., Any]
) -> None:
    connections.add("quick", "api", "stage")
    connections.add("stuck", "api", "stage")
    gateway.slow["stuck"] = threading.Event()
    leadership = Leadership(world.cache, SHARDS)

    with broadcasting():
        world.submit()
        eventually(lambda: gateway.tries["stuck"] and gateway.sent["quick"])
        (entry,) = world.stream.read("0", timedelta(0))
        time.sleep(1.5)  # the next turn has come
        (told,) = leadership.told([0])
        assert told is None or position(told.cursor) < position(entry.id)
        gateway.slow["stuck"].set()
        eventually(lambda: cursor_of(leadership) == entry.id)


def cursor_of(leadership: Leadership) -> str:
    (told,) = leadership.told([0])
    return told.cursor if told is not None else ""


def test_while_somebody_is_yet_to_be_told_to_read_the_next_one_would_tell_it(
    world: World, connections: Connections
) -> None:
    """It, and those of its shard, but no others again."""
    subscribe(connections, "c", Subscription(batch=True))
    shard = shard_of("c")
    roster = Roster(connections)
    roster.begin_at("7-0")
    roster.serve(range(SHARDS), {})
    roster.refresh()
    (outbox,) = roster
    assert {told.cursor for told in roster.tidy().values()} == {"7-0"}

    outbox.start_over("7-0")

    assert [each for each, told in roster.tidy().items() if told.cursor == "0-0"] == [shard]


def test_who_is_known_to_have_been_told_to_read_is_not_told_again(world: World, connections: Connections) -> None:
    """What the one before us has seen of the registry, it has told of; of what came later we cannot know."""
    subscribe(connections, "c", Subscription(batch=True, after="1-0"))
    seen = connections.of_shards(range(SHARDS)).marks
    told = world.stream.now()
    next_one = Roster(connections)
    next_one.begin_at(world.stream.now())
    next_one.serve(range(SHARDS), {shard: Told(told, mark) for shard, mark in enumerate(seen)})
    another = Roster(connections)
    another.begin_at(world.stream.now())
    another.serve(range(SHARDS), dict.fromkeys(range(SHARDS), Told(told, b"older")))

    assert [late.after for late in next_one.refresh()] == [told]
    assert [late.after for late in another.refresh()] == ["1-0"]


def test_events_are_kept_for_a_minute_after_the_last_one_has_left(world: World, connections: Connections) -> None:
    connections.add("a", "api", "stage")
    connections.add("b", "api", "stage")
    connections.remove("a")
    assert world.cache.pttl(WATCHED) > 7_000_000
    connections.remove("b")

    world.submit()

    assert len(told(world)) == 1
    assert 0 < world.cache.pttl(WATCHED) <= 60_000
    world.cache.delete(WATCHED)
    whole_from = world.stream.whole_from()
    connections.add("c", "api", "stage")
    assert world.stream.whole_from() != whole_from


def test_nothing_is_kept_for_watchers_while_there_are_none(world: World, connections: Connections) -> None:
    world.submit()
    assert told(world) == []

    connections.add("c", "api", "stage")
    world.submit()
    assert len(told(world)) == 1


def age(world: World, connections: Connections, connection_id: str, seconds: int = 60) -> None:
    connections.add(connection_id, "api", "stage")
    connection = connections.find(connection_id)
    assert connection is not None
    older = msgspec.structs.replace(connection, connected_at=connection.connected_at - seconds)
    world.cache.hset(registry(shard_of(connection_id)), connection_id, msgspec.json.encode(older))


def subscribe(connections: Connections, connection_id: str, subscription: Subscription) -> None:
    connections.add(connection_id, "api", "stage")
    ask(connections, connection_id, subscription)


def ask(connections: Connections, connection_id: str, subscription: Subscription) -> None:
    connection = connections.find(connection_id)
    assert connection is not None
    assert connections.subscribe(connection, subscription)


def types(frames: list[Any]) -> list[str]:
    return [frame["type"] for frame in frames]


def ids(frames: list[Any]) -> list[str]:
    """Of the jobs that were told, one for each time."""
    told = [frame["data"] for frame in frames if "JobStatus" in frame["type"]]
    return [job["id"] for data in told for job in (data if isinstance(data, list) else [data])]
