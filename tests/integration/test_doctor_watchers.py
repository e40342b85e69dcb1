"""Connections that cannot be any more, and events that nobody reads, are found."""

from __future__ import annotations

import time
from datetime import timedelta

import msgspec

from chalicelib import connections as registries
from chalicelib.connections import LONGEST_LIFE, SHARDS, Connections, shard_of
from chalicelib.jobs import LEASE
from chalicelib.leadership import Leadership, Told
from tests.integration.conftest import World
from tests.integration.examination import Examine, examine, wrong

__all__ = ["examine"]


def test_a_connection_that_cannot_be_any_more_is_found_and_forgotten(world: World, examine: Examine) -> None:
    connections = Connections(world.cache)
    connections.add("young", "api", "stage")
    connections.add("old", "api", "stage")
    old = msgspec.structs.replace(
        connections.all()["old"], connected_at=int(time.time() - LONGEST_LIFE.total_seconds()) - 2
    )
    world.cache.hset(registries.registry(shard_of("old")), "old", msgspec.json.encode(old))

    report = examine()

    assert wrong(report) == {"connections_expired": "warning"}
    assert report.named("connections_expired").samples == ["old"]
    mended = examine(repair=True)
    assert mended.repairs == ["connections_expired: forgot connections: 1 are left"]
    assert mended.is_healthy


def test_a_connection_that_cannot_be_read_is_found(world: World, examine: Examine) -> None:
    world.cache.hset(registries.registry(3), "odd", b"?")

    report = examine()

    assert wrong(report) == {"connections_unreadable": "warning"}
    assert report.named("connections_unreadable").samples == ["odd"]


def lead(world: World) -> None:
    Leadership(world.cache, SHARDS).lead("late", LEASE, is_lasting=True)


def test_events_that_nobody_reads_are_found(world: World, examine: Examine) -> None:
    Connections(world.cache).add("watcher", "api", "stage")
    assert wrong(examine()) == {}
    world.submit()

    assert wrong(examine()) == {"event_reader": "error"}
    assert wrong(examine(pause=lambda _: lead(world))) == {}


def test_events_that_were_read_or_that_nobody_waits_for_are_no_finding(world: World, examine: Examine) -> None:
    connections = Connections(world.cache)
    connections.add("watcher", "api", "stage")
    world.submit()
    (entry,) = world.stream.read("0", timedelta(0))
    Leadership(world.cache, SHARDS).save(dict.fromkeys(range(SHARDS), Told(entry.id)))
    assert wrong(examine()) == {}

    world.submit()
    assert wrong(examine()) == {"event_reader": "error"}
    connections.remove("watcher")
    assert wrong(examine()) == {}
