"""What WebSocket clients are answered."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from boto3.session import Session

from chalicelib import resources
from chalicelib.connections import Connections
from chalicelib.errors import ConnectionGone, GatewayUnavailable
from chalicelib.events import ClientMessage, Ping, Subscription, position
from chalicelib.gateway import Gateway
from chalicelib.redis_link import connect
from chalicelib.stream import EVENTS, EventStream
from chalicelib.subscriptions import Subscriptions
from tests.integration.calls import Api
from tests.integration.conftest import World

NOWHERE = "redis://127.0.0.1:9"


@pytest.fixture
def subscriptions(world: World) -> Subscriptions:
    Connections(world.cache).add("c", "api", "stage")
    return Subscriptions(connections=Connections(world.cache), stream=world.stream)


def answer(subscriptions: Subscriptions, said: ClientMessage) -> dict[str, str]:
    frame = subscriptions.answer("c", said)
    assert frame is not None
    told: dict[str, str] = msgspec.json.decode(frame)
    return told


def test_who_left_before_the_answer_is_no_failure(
    api: Api, subscriptions: Subscriptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure would count among those that wake somebody, and slow emulators down."""
    import app

    for failure in (ConnectionGone, GatewayUnavailable):
        monkeypatch.setattr(resources, "gateway", lambda failure=failure: Failing(failure))
        for said in ('{"action":"ping"}', "nonsense"):
            assert app.message(event("c", said), None)["statusCode"] == 200
            assert app.message(event("unknown", said), None)["statusCode"] == 200


def test_who_leaves_while_redis_is_away_is_forgotten_later(
    api: Api, subscriptions: Subscriptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    import app

    monkeypatch.setattr(resources, "connections", lambda: Connections(connect(NOWHERE)))

    assert app.disconnect(event("c"), None)["statusCode"] == 200


class Failing(Gateway):
    """Stands in for API Gateway: nothing can be sent."""

    def __init__(self, failure: type[Exception]) -> None:
        super().__init__("", Session)
        self._failure = failure

    def _call(self, *call: object) -> None:
        raise self._failure("c")


def event(connection_id: str, body: str = "") -> dict[str, object]:
    context = {"connectionId": connection_id, "apiId": "api", "stage": "api", "domainName": "localhost"}
    return {"requestContext": {**context, "routeKey": "$default"}, "body": body}


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
    late = answer(subscriptions, Subscription(after=first.id))
    assert late["event_id"] != first.id
    found = Connections(world.cache).find("c")
    assert found is not None
    assert found.subscription.after == late["event_id"]  # so that it is told once


@pytest.mark.parametrize("said", [Ping(), Subscription()])
def test_who_is_not_known_is_to_be_cut(subscriptions: Subscriptions, said: ClientMessage) -> None:
    assert subscriptions.answer("stranger", said) is None


@pytest.mark.parametrize("said", [Ping(), Subscription()])
def test_while_redis_is_away_clients_are_sent_to_come_back(said: ClientMessage) -> None:
    nowhere = connect(NOWHERE)

    assert Subscriptions(connections=Connections(nowhere), stream=EventStream(nowhere)).answer("c", said) is None
