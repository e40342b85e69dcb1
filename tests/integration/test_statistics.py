from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from chalicelib.connections import Connections
from chalicelib.hand import Hand
from chalicelib.presence import Presence
from chalicelib.queue_settings import QueueChange
from chalicelib.queues import Queues
from chalicelib.redis_link import connect
from chalicelib.snapshots import Snapshots
from chalicelib.statistics import Statistics
from chalicelib.store.counts import CountStore
from chalicelib.store.database import Database
from chalicelib.store.partitions import PartitionStore
from chalicelib.store.queues import QueueStore
from chalicelib.store.retention import RetentionStore
from chalicelib.store.schedules import ScheduleStore
from chalicelib.store.stats import StatsStore
from chalicelib.store.walks import WalkStore
from chalicelib.workers import Workers
from tests.integration.calls import Api
from tests.integration.conftest import World


@pytest.fixture
def statistics(world: World, database: Database) -> Statistics:
    return Statistics(
        stats=StatsStore(database),
        schedules=ScheduleStore(database),
        counts=CountStore(database),
        retention=RetentionStore(database),
        walks=WalkStore(database),
        partitions=PartitionStore(database),
        snapshots=Snapshots(world.cache),
        queues=world.queues,
        workers=world.workers,
        connections=Connections(world.cache),
        settings=QueueStore(database),
    )


@pytest.fixture
def without_redis(database: Database) -> Iterator[Statistics]:
    client = connect("redis://127.0.0.1:1")
    yield Statistics(
        stats=StatsStore(database),
        schedules=ScheduleStore(database),
        counts=CountStore(database),
        retention=RetentionStore(database),
        walks=WalkStore(database),
        partitions=PartitionStore(database),
        snapshots=Snapshots(client),
        queues=Queues(client),
        workers=Workers(client),
        connections=Connections(client),
        settings=QueueStore(database),
    )
    client.close()


def some_jobs(world: World) -> None:
    for job_type in ("echo", "echo", "fail"):
        world.submit(job_type, queue="a", max_attempts=1)
    world.run_due()
    world.submit(queue="a", delay_seconds=3600)
    world.submit(queue="b")
    world.scheduler.cancel(world.submit(queue="b").id)


def test_stats_count_all_jobs_and_tell_each_minute(world: World, statistics: Statistics) -> None:
    some_jobs(world)

    stats = statistics.stats()

    assert stats.counts == {
        "BLOCKED": 0,
        "SCHEDULED": 1,
        "QUEUED": 1,
        "RETRYING": 0,
        "RUNNING": 0,
        "COMPLETED": 2,
        "FAILED": 1,
        "CANCELLED": 1,
    }
    assert sum(minute.completed for minute in stats.series) == 2
    assert sum(minute.completed for minute in statistics.stats(60, 1, "b").series) == 0
    assert sum(minute.failed for minute in statistics.stats(60, 1, None, "fail").series) == 1
    assert datetime.now(UTC) - stats.at < timedelta(minutes=1)
    assert list(msgspec.to_builtins(stats.series[0])) == [
        "minute",
        "completed",
        "failed",
        "retried",
        "cancelled",
        "wait_p50",
        "wait_p95",
        "wait_p99",
        "run_p50",
        "run_p95",
        "run_p99",
    ]


def test_a_step_is_asked_for_by_the_minute_and_told(world: World, api: Api) -> None:
    some_jobs(world)

    by_minute, by_day = api.get("/stats").json_body, api.get("/stats?minutes=10080&step_minutes=1440&queue=a").json_body

    assert (by_minute["step_minutes"], by_day["step_minutes"]) == (1, 1440)
    assert all(bucket["minute"].endswith("T00:00:00.000Z") for bucket in by_day["series"])
    assert sum(bucket["completed"] for bucket in by_day["series"]) == 2


def test_what_failed_in_the_last_minute_is_counted_once_that_is_over(
    statistics: Statistics, conn: psycopg.Connection[Any]
) -> None:
    for minutes_ago, failed in ((0, 1), (1, 20), (1, 300), (2, 4000)):
        conn.execute(
            """
            INSERT INTO job_stats (minute, queue, job_type, shard, failed)
            VALUES (date_trunc('minute', now()) - make_interval(mins => %s), %s, 'echo', 0, %s)
            """,
            (minutes_ago, f"q{failed}", failed),
        )

    assert statistics.failed_last_minute() == 320


def test_queues_tell_what_they_hold_and_how_fast_they_move(world: World, statistics: Statistics) -> None:
    some_jobs(world)

    a, b = msgspec.to_builtins(statistics.queues())

    assert (a["name"], a["in_per_minute"], a["oldest_age_seconds"]) == ("a", 4.0, None)
    assert a["depth"] == {"BLOCKED": 0, "SCHEDULED": 1, "QUEUED": 0, "RETRYING": 0, "RUNNING": 0}
    assert 0 < a["out_per_minute"] <= 3
    assert (b["depth"]["QUEUED"], b["in_per_minute"]) == (1, 2.0)
    assert 0 <= b["oldest_age_seconds"] < 60


def test_a_queue_that_is_empty_is_listed_while_redis_knows_its_name(
    world: World, statistics: Statistics, conn: psycopg.Connection[Any]
) -> None:
    world.submit(queue="once")
    conn.execute("DELETE FROM jobs")

    (queue,) = statistics.queues()

    assert (queue.name, sum(queue.depth.values()), queue.in_per_minute) == ("once", 0, 0.0)


def test_answers_are_shared_for_a_while(world: World, statistics: Statistics) -> None:
    world.submit()
    before = statistics.stats()
    world.submit()

    assert statistics.stats() == before
    for key in world.cache.keys("*:fresh"):
        world.cache.delete(key)
    assert statistics.stats().counts["QUEUED"] == 2


def test_metrics_tell_of_jobs_workers_and_connections(world: World, statistics: Statistics) -> None:
    some_jobs(world)
    presence = Presence(workers=world.workers, hand=Hand(1), worker_id="w", form="lambda", host="h", pid=1)
    presence.show()
    killed = Presence(workers=world.workers, hand=Hand(1), worker_id="k", form="lambda", host="h", pid=1)
    killed.show()
    world.cache.zincrby("{workers}:seen", -5_000, "k")
    Connections(world.cache).add("c", "api", "stage")

    QueueStore(statistics._settings._database).change("a", QueueChange(max_running=7))

    lines = statistics.metrics().splitlines()

    assert 'jobscheduler_queue_max_running{queue="a"} 7.0' in lines
    assert 'jobscheduler_jobs{queue="a",status="SCHEDULED"} 1.0' in lines
    assert 'jobscheduler_jobs_finished_total{job_type="echo",outcome="completed",queue="a"} 2.0' in sorted(
        _sorted_labels(line) for line in lines
    )
    assert 'jobscheduler_workers{form="lambda"} 1.0' in lines
    assert "jobscheduler_websocket_connections 1.0" in lines


def test_metrics_tell_zeros_of_queues_that_are_empty_now(world: World, statistics: Statistics) -> None:
    world.submit("echo", queue="done")
    world.run_due()
    QueueStore(statistics._settings._database).change("unused", QueueChange(max_running=7))

    lines = statistics.metrics().splitlines()

    for queue in ("done", "unused"):
        assert f'jobscheduler_jobs{{queue="{queue}",status="QUEUED"}} 0.0' in lines
        assert f'jobscheduler_queue_oldest_age_seconds{{queue="{queue}"}} 0.0' in lines


def _sorted_labels(line: str) -> str:
    name, _, rest = line.partition("{")
    labels, _, value = rest.partition("}")
    return f"{name}{{{','.join(sorted(labels.split(',')))}}}{value}"


def test_workers_are_those_that_report(world: World, statistics: Statistics) -> None:
    Presence(workers=world.workers, hand=Hand(1), worker_id="w", form="container", host="h", pid=1).show()

    assert [report.id for report in statistics.workers()] == ["w"]


def test_without_redis_what_postgres_knows_is_told(world: World, without_redis: Statistics) -> None:
    some_jobs(world)

    assert without_redis.stats().counts["COMPLETED"] == 2
    assert [queue.name for queue in without_redis.queues()] == ["a", "b"]
    told = without_redis.metrics()
    assert 'status="SCHEDULED"} 1.0' in told
    assert "jobscheduler_workers" not in told
