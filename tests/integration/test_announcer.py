from __future__ import annotations

from uuid import UUID

import msgspec
import pytest

from chalicelib.connections import Connections
from tests.integration.conftest import World, told


def ids_told(world: World) -> list[UUID]:
    return [event.job_id for event in told(world)]


@pytest.mark.parametrize("believed", [True, False])
def test_a_watcher_hears_of_a_change_whatever_was_believed_before(world: World, believed: bool) -> None:
    job = world.submit()
    Connections(world.cache).add("watcher", "api", "stage")
    world.announcer.is_watched = believed

    world.announcer.send(world.announcer.batch(), [job.id])

    assert ids_told(world) == [job.id]
    assert world.announcer.is_watched


def test_while_nobody_watches_no_row_is_read_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = world.submit()
    monkeypatch.setattr(world.store, "shown", lambda ids: pytest.fail("read"))
    announcer = world.new_announcer()
    monkeypatch.setattr(announcer, "_store", world.store)

    announcer.send(announcer.batch(), [job.id])

    assert ids_told(world) == []


def test_what_is_told_is_as_new_as_the_row(world: World) -> None:
    Connections(world.cache).add("watcher", "api", "stage")
    job = world.submit(payload="x" * 5000)
    world.store.cancel([job.id])

    world.announcer.send(world.announcer.batch(), [job.id])

    events = told(world)
    body = msgspec.json.decode(events[-1].body)
    assert (body["status"], body["version"], body["omitted"]) == ("CANCELLED", 2, ["payload"])


def test_the_batchs_own_answers_come_back(world: World) -> None:
    Connections(world.cache).add("watcher", "api", "stage")
    job = world.submit()
    batch = world.announcer.batch()
    batch.commands.echo("one")
    batch.commands.echo("two")

    assert world.announcer.send(batch, [job.id]) == [b"one", b"two"]
