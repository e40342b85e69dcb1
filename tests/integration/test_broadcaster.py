from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from boto3.session import Session

from chalicelib.broadcaster import SENDERS, Broadcaster
from chalicelib.connections import CHANGES, SHARDS, Connections, registry, shard_of
from chalicelib.errors import ConnectionGone, GatewayUnavailable
from chalicelib.events import FRAME_BYTES, Subscription
from chalicelib.gateway import Gateway
from chalicelib.leadership import Leadership
from chalicelib.stream import EventStream
from tests.integration.conftest import World, told


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
    def running(name: str = "b") -> Iterator[None]:
        stopped, client = threading.Event(), world.cache
        broadcaster = Broadcaster(
            name=name,
            stream=EventStream(client),
            leadership=Leadership(client, SHARDS),
            connections=Connections(client),
            gateway=gateway,
            overview=lambda: b"{}",
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


def test_a_registry_that_was_lost_and_begun_anew_is_read_again(
    world: World, connections: Connections, gateway: ListeningGateway, broadcasting: Callable[[], Any]
) -> None:
    connections.add("before", "api", "stage")
    with broadcasting():
        world.submit()
        eventually(lambda: gateway.sent["before"])
        world.cache.delete(*map(registry, range(SHARDS)), CHANGES)
        connections.add("after", "api", "stage")
        world.submit()
        eventually(lambda: gateway.sent["after"])


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
    connection = connections.find(connection_id)
    assert connection is not None
    connections.subscribe(connection, subscription)
