"""What WebSocket clients are answered."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
import redis

from chalicelib.connections import Connections
from chalicelib.events import ClientMessage, Ping, Subscription, position
from chalicelib.stream import EVENTS, EventStream
from chalicelib.subscriptions import Subscriptions
from tests.integration.conftest import World


@pytest.fixture
def subscriptions(world: World) -> Subscriptions:
    Connections(world.cache).add("c", "api", "stage")
    return Subscriptions(connections=Connections(world.cache), stream=world.stream)


def answer(subscriptions: Subscriptions, said: ClientMessage) -> dict[str, str]:
    frame = subscriptions.answer("c", said)
    assert frame is not None
    told: dict[str, str] = msgspec.json.decode(frame)
    return told


def test_a_ping_is_answered(subscriptions: Subscriptions) -> None:
    assert answer(subscriptions, Ping()) == {"type": "Pong"}


def test_a_subscription_is_noted_and_says_from_where_it_counts(world: World, subscriptions: Subscriptions) -> None:
    world.submit()
    (entry,) = world.stream.read("0", timedelta(0))

    told = answer(subscriptions, Subscription(queues=["a"]))

    assert told["type"] == "Subscribed"
    assert (
        position(told["event_id"]) >= position(entry.id) or position(entry.id)[0] - position(told["event_id"])[0] <= 1
    )
    found = Connections(world.cache).find("c")
    assert found is not None
    assert found.subscription == Subscription(queues=["a"])


def test_who_goes_on_is_told_whether_it_missed_something(world: World, subscriptions: Subscriptions) -> None:
    for _ in range(3):
        world.submit()
    first, second, _ = world.stream.read("0", timedelta(0))

    assert answer(subscriptions, Subscription(after=first.id))["event_id"] == first.id
    world.cache.xtrim(EVENTS, maxlen=2, approximate=False)
    assert answer(subscriptions, Subscription(after=second.id))["event_id"] == second.id
    assert answer(subscriptions, Subscription(after=first.id))["event_id"] != first.id


@pytest.mark.parametrize("said", [Ping(), Subscription()])
def test_who_is_not_known_is_to_be_cut(subscriptions: Subscriptions, said: ClientMessage) -> None:
    assert subscriptions.answer("stranger", said) is None


@pytest.mark.parametrize("said", [Ping(), Subscription()])
def test_while_redis_is_away_clients_are_sent_to_come_back(said: ClientMessage) -> None:
    nowhere = redis.Redis(port=9, socket_connect_timeout=1)

    assert Subscriptions(connections=Connections(nowhere), stream=EventStream(nowhere)).answer("c", said) is None
