"""Real Postgres and Valkey, started once for the run; every test begins with both empty."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
import redis
from chalice.test import Client
from uuid_utils.compat import uuid7

from chalicelib import resources
from chalicelib.announcer import Announcer
from chalicelib.children import Children
from chalicelib.chores import Chores
from chalicelib.connections import Connections
from chalicelib.events import Event
from chalicelib.executor import Executor
from chalicelib.fetcher import Fetcher
from chalicelib.firing import Ticker
from chalicelib.flow import Flow
from chalicelib.hand import Hand
from chalicelib.handlers.registry import JobContext, Registry, job
from chalicelib.jobs import LEASE, ClaimedJob, Job, JobStatus, NewJob, Terms
from chalicelib.keyring import Keyring
from chalicelib.leases import Keeper
from chalicelib.logbook import Logbook
from chalicelib.maintenance import Maintenance
from chalicelib.pruning import JobPruning, Pruning
from chalicelib.queues import Queues
from chalicelib.redis_link import RedisLink, connect
from chalicelib.releaser import Releaser
from chalicelib.schedule_forms import SchedulesQuery
from chalicelib.scheduler import Scheduler
from chalicelib.schedules import Schedule
from chalicelib.settings import Settings
from chalicelib.settler import Settler
from chalicelib.store.admissions import AdmissionStore
from chalicelib.store.attempts import AttemptStore
from chalicelib.store.audit import AuditStore
from chalicelib.store.database import Database
from chalicelib.store.dependencies import DependencyStore
from chalicelib.store.detached import DetachedStore
from chalicelib.store.firings import FiringStore
from chalicelib.store.jobs import JobStore
from chalicelib.store.keys import KeyStore
from chalicelib.store.lists import JobLists
from chalicelib.store.logs import LogStore
from chalicelib.store.migrations import MigrationStore
from chalicelib.store.partitions import PartitionStore
from chalicelib.store.queues import QueueStore
from chalicelib.store.retention import RetentionStore
from chalicelib.store.schedule_runs import RunStore
from chalicelib.store.schedules import ScheduleStore
from chalicelib.store.stats import StatsStore
from chalicelib.store.walks import WalkStore
from chalicelib.stream import EventStream
from chalicelib.submissions import Submission
from chalicelib.throttle import Throttle
from chalicelib.timetable import Timetable
from chalicelib.waker import Waker
from chalicelib.worker import Budget, Worker
from chalicelib.workers import Workers
from infra.local.services import Addresses, databases
from tests.integration.calls import Api

FOREVER = timedelta(days=1)
KEPT_BY_TESTS = (
    "jobs",
    "job_tags",
    "job_logs",
    "job_dependents",
    "job_stats",
    "job_stats_hours",
    "idempotency_keys",
    "audit",
    "queues",
    "schedules",
    "unique_jobs",
    "schedule_runs",
)
KEPT_BY_RETENTION = "retention_walks", "detached_partitions"


@pytest.fixture(scope="session")
def addresses() -> Iterator[Addresses]:
    with databases() as running:
        database = Database(running.database_url)
        MigrationStore(database).apply()
        PartitionStore(database).ensure()
        database.close()
        os.environ |= {
            "DATABASE_URL": running.database_url,
            "REDIS_URL": running.redis_url,
            "API_AUTH": "off",
            "AWS_REGION": "us-east-1",
            "STAGE": "local",
        }
        yield running


@pytest.fixture(scope="session")
def shared_connection(addresses: Addresses) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(addresses.database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module", autouse=True)
def unused_tables(shared_connection: psycopg.Connection[Any]) -> None:
    """An index keeps the pages of what was deleted, and so other files, in whatever order, would change this one's plans."""
    shared_connection.execute(f"TRUNCATE {', '.join(KEPT_BY_TESTS)}".encode())


@pytest.fixture
def conn(shared_connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    for table in (*KEPT_BY_TESTS, *KEPT_BY_RETENTION):
        shared_connection.execute(f"DELETE FROM {table}".encode())
    shared_connection.execute("UPDATE retention SET days = CASE status WHEN 'FAILED' THEN 90 ELSE 30 END, pruned = 0")
    return shared_connection


@pytest.fixture(scope="session")
def shared_redis(addresses: Addresses) -> Iterator[redis.Redis]:
    client = connect(addresses.redis_url)
    yield client
    client.close()


@pytest.fixture
def cache(shared_redis: redis.Redis) -> redis.Redis:
    """Empty, as after a rebuild that found nothing."""
    shared_redis.flushdb()
    Chores(shared_redis).set_epoch()
    return shared_redis


@pytest.fixture
def database(addresses: Addresses, conn: psycopg.Connection[Any]) -> Iterator[Database]:
    database = Database(addresses.database_url)
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> JobStore:
    return JobStore(database)


@pytest.fixture
def lists(database: Database) -> JobLists:
    return JobLists(database)


@pytest.fixture
def attempts(database: Database) -> AttemptStore:
    return AttemptStore(database)


@pytest.fixture
def queues(cache: redis.Redis) -> Queues:
    return Queues(cache)


@pytest.fixture
def registry() -> Registry:
    """Handlers for tests: one that works, one that fails, one that gives back its payload."""
    handlers = Registry()

    @job("echo", into=handlers, timeout=timedelta(seconds=30))
    def echo(payload: Any, context: JobContext) -> Any:
        return payload

    @job("fail", into=handlers, timeout=timedelta(seconds=30))
    def fail(payload: Any, context: JobContext) -> None:
        raise ValueError("boom")

    return handlers


def told(world: World) -> list[Event]:
    """What the event stream holds."""
    return [event for entry in world.stream.read("0", timedelta(0)) for event in entry.events]


class World:
    """Everything around one Postgres and one Valkey, made by hand as ``resources`` makes it."""

    def __init__(self, addresses: Addresses, cache: redis.Redis, registry: Registry) -> None:
        self._addresses = addresses
        self.settings = a_settings(addresses)
        self._databases: list[Database] = []
        self.children = Children()
        self.cache = cache
        self.registry = registry
        self.store = self.new_store()
        self.attempts = self.new_attempts()
        self.lists = JobLists(self._new_database())
        self.link = RedisLink(cache)
        self.queues = Queues(cache)
        self.stream = EventStream(cache)
        self.announcer = self.new_announcer()
        self.workers = Workers(cache)
        self.invoked: list[str] = []
        self.waker = Waker(cache, lambda: self, "worker-function")
        self.scheduler = Scheduler(
            registry=registry,
            store=self.store,
            dependencies=DependencyStore(self.store._database),
            admissions=AdmissionStore(self.store._database),
            queues=self.queues,
            announcer=self.announcer,
            workers=self.workers,
            waker=self.waker,
        )

    def invoke(self, **call: str) -> None:
        """Stands in for Lambda."""
        self.invoked.append(call["FunctionName"])

    def new_store(self) -> JobStore:
        return JobStore(self._new_database())

    def new_attempts(self) -> AttemptStore:
        return AttemptStore(self._new_database())

    def new_announcer(self) -> Announcer:
        return Announcer(redis_link=self.link, stream=self.stream, store=self.new_store())

    def new_logbook(self) -> Logbook:
        return Logbook(LogStore(self._new_database()), self.new_announcer())

    def _new_database(self) -> Database:
        self._databases.append(Database(self._addresses.database_url, prepares=True))
        return self._databases[-1]

    def close(self) -> None:
        self.children.close()
        for database in self._databases:
            database.close()

    def submit(self, job_type: str = "echo", payload: object = None, **options: Any) -> Job:
        encoded = msgspec.Raw(msgspec.json.encode(payload))
        (submitted,) = self.scheduler.submit([Submission(job_type=job_type, payload=encoded, **options)])
        return submitted

    def releaser(self) -> Releaser:
        dependencies = DependencyStore(self._new_database())
        return Releaser(dependencies=dependencies, queues=self.queues, announcer=self.new_announcer())

    def fetcher(self, worker_id: str = "w") -> Fetcher:
        return Fetcher(
            attempts=self.new_attempts(),
            store=self.new_store(),
            releaser=self.releaser(),
            queues=self.queues,
            announcer=self.new_announcer(),
            worker_id=worker_id,
        )

    def settler(self, hand: Hand, **parts: Any) -> Settler:
        return Settler(
            **{
                "attempts": self.new_attempts(),
                "store": self.new_store(),
                "releaser": self.releaser(),
                "queues": self.queues,
                "announcer": self.new_announcer(),
                "logbook": self.new_logbook(),
                "hand": hand,
                **parts,
            }
        )

    def keeper(self, hand: Hand) -> Keeper:
        return Keeper(
            attempts=self.new_attempts(),
            queues=self.queues,
            announcer=self.new_announcer(),
            logbook=self.new_logbook(),
            hand=hand,
            show_life=lambda: None,
            say_goodbye=lambda: None,
        )

    def worker(self, slots: int = 4, worker_id: str = "w", only: Sequence[str] = ()) -> Worker:
        hand = Hand(slots)
        return Worker(
            worker_id=worker_id,
            settings=self.settings,
            registry=self.registry,
            queues=self.queues,
            workers=self.workers,
            fetcher=self.fetcher(worker_id),
            executor=Executor(self.registry, random.Random(1), self.children.run),
            settler=self.settler(hand),
            keeper=self.keeper(hand),
            hand=hand,
            only=only,
        )

    def run_due(self) -> int:
        """Let a worker run whatever is due. Returns how many attempts it made."""
        return self.worker().run(Budget(timedelta(minutes=10), until_empty=True), timedelta(seconds=10))


@pytest.fixture
def world(
    addresses: Addresses, conn: psycopg.Connection[Any], cache: redis.Redis, registry: Registry
) -> Iterator[World]:
    world = World(addresses, cache, registry)
    yield world
    world.close()


@pytest.fixture(scope="session")
def client(addresses: Addresses) -> Iterator[Client]:
    import app

    with Client(app.app) as client:
        yield client
    resources._database("api").close()


@pytest.fixture
def api(client: Client, world: World) -> Api:
    return Api(client)


def a_settings(addresses: Addresses) -> Settings:
    return Settings(
        stage="test",
        database_url=addresses.database_url,
        redis_url=addresses.redis_url,
        websocket_endpoint="http://localhost/{api_id}/{stage}",
        worker_function="",
        prepare_statements=True,
        allow_private_addresses=True,
    )


def a_flow(database: Database, cache: redis.Redis) -> Flow:
    return Flow(store=QueueStore(database), queues=Queues(cache), throttle=Throttle(cache), redis_link=RedisLink(cache))


def a_scheduler(database: Database, cache: redis.Redis, registry: Registry) -> Scheduler:
    """That wakes no function."""
    link, store = RedisLink(cache), JobStore(database)
    return Scheduler(
        registry=registry,
        store=store,
        dependencies=DependencyStore(database),
        admissions=AdmissionStore(database),
        queues=Queues(cache),
        announcer=Announcer(redis_link=link, stream=EventStream(cache), store=store),
        workers=Workers(cache),
        waker=Waker(cache, lambda: None, ""),
    )


def a_maintenance(database: Database, cache: redis.Redis, **parts: Any) -> Maintenance:
    announcer = Announcer(redis_link=RedisLink(cache), stream=EventStream(cache), store=JobStore(database))
    dependencies = DependencyStore(database)
    return Maintenance(
        **{
            "store": JobStore(database),
            "releaser": Releaser(dependencies=dependencies, queues=Queues(cache), announcer=announcer),
            "partitions": PartitionStore(database),
            "flow": a_flow(database, cache),
            "keyring": Keyring(
                store=KeyStore(database), connections=Connections(cache), gateway=resources.gateway(), is_on=False
            ),
            "pruning": Pruning(
                store=JobStore(database),
                unique=AdmissionStore(database),
                stats=StatsStore(database),
                audit=AuditStore(database),
                runs=RunStore(database),
            ),
            "job_pruning": a_job_pruning(database),
            "announcer": announcer,
            "queues": Queues(cache),
            "chores": Chores(cache),
            **parts,
        }
    )


def a_job_pruning(database: Database, **parts: Any) -> JobPruning:
    return JobPruning(
        **{
            "retention": RetentionStore(database),
            "walks": WalkStore(database),
            "detached": DetachedStore(database),
            "turn": timedelta(minutes=1),
            **parts,
        }
    )


@pytest.fixture
def timetable(world: World, database: Database) -> Timetable:
    return a_timetable(database, world.scheduler)


@pytest.fixture
def firings(database: Database) -> FiringStore:
    return FiringStore(database)


@pytest.fixture
def ticker(world: World, firings: FiringStore) -> Ticker:
    return Ticker(firings=firings, scheduler=world.scheduler)


def a_timetable(database: Database, scheduler: Scheduler) -> Timetable:
    return Timetable(
        store=ScheduleStore(database), firings=FiringStore(database), runs=RunStore(database), scheduler=scheduler
    )


def listed(timetable: Timetable) -> list[Schedule]:
    return timetable.page(SchedulesQuery())[0]


def a_job(**fields: Any) -> NewJob:
    return NewJob(
        **{
            "id": uuid7(),
            "job_type": "echo",
            "payload": msgspec.Raw(b"{}"),
            "otherwise": Terms(0, 3, 30.0),
            **fields,
        }
    )


def insert(store: JobStore, **fields: Any) -> Job:
    (inserted,) = store.insert([a_job(**fields)])
    return inserted


def claim(attempts: AttemptStore, *ids: UUID) -> list[ClaimedJob]:
    return attempts.claim([job_id.bytes for job_id in ids], "w", LEASE, FOREVER)


@pytest.fixture
def expire_lease(conn: psycopg.Connection[Any], cache: redis.Redis) -> Callable[[ClaimedJob | Job], None]:
    """Age a running job's lease, in Postgres and in Redis, as if its worker had gone 31 s ago."""

    def expire(job: ClaimedJob | Job) -> None:
        conn.execute(
            "UPDATE jobs SET lease_expires_at = now() - interval '1 second' WHERE id = %s AND status = 'RUNNING'",
            [job.id],
        )
        for member, _ in cache.zscan_iter(f"{{q:{job.queue}}}:leased"):
            cache.zadd(f"{{q:{job.queue}}}:leased", {member: 1})

    return expire


def put_in_status(conn: psycopg.Connection[Any], job: Job, status: JobStatus) -> None:
    """By force, past every rule but the table's own constraints. A RUNNING job's lease is over, so that it may be claimed."""
    conn.execute(
        """
        UPDATE jobs
           SET status = %(status)s, attempt = 1,
               lease_expires_at = CASE WHEN %(status)s = 'RUNNING' THEN now() - interval '1 second' END,
               finished_at = CASE WHEN %(status)s IN ('COMPLETED', 'FAILED', 'CANCELLED') THEN now() END
         WHERE id = %(id)s
        """,
        {"status": status, "id": job.id},
    )


def explain(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Plans of the statements that it runs from here on, as Postgres executed them."""
    plans: list[str] = []
    fetch = database.fetch

    def explaining(query: Any, params: Any = None, **options: Any) -> Any:
        with database.transaction() as connection:
            rows = connection.execute(b"EXPLAIN (ANALYZE, COSTS OFF) " + query.encode(), params).fetchall()
            plans.append("\n".join(line for (line,) in rows))
            raise psycopg.Rollback
        return fetch(query, params, **options) if "RETURNING" in query or "SELECT" in query else 0

    monkeypatch.setattr(database, "fetch", explaining)
    monkeypatch.setattr(database, "count", explaining)
    return plans
