"""The only place where the environment is read and clients are made and joined. Each is made once a process, at first use."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Collection, Mapping
from functools import lru_cache

import boto3
import msgspec
import redis
from botocore.config import Config

from chalicelib import redis_link
from chalicelib.announcer import Announcer
from chalicelib.broadcaster import Broadcaster
from chalicelib.bulk import Bulk
from chalicelib.children import Children
from chalicelib.chores import Chores
from chalicelib.connections import SHARDS, Connections
from chalicelib.declarations import Declarations
from chalicelib.doctor import Doctor
from chalicelib.engine import Engine
from chalicelib.executor import Executor
from chalicelib.fetcher import Fetcher
from chalicelib.firing import Ticker
from chalicelib.flow import Flow
from chalicelib.gatekeeper import Gatekeeper
from chalicelib.gateway import WAIT as GATEWAY_WAIT
from chalicelib.gateway import Gateway
from chalicelib.hand import Hand
from chalicelib.handlers import registry
from chalicelib.inspection import RedisInspection
from chalicelib.installation import Installation
from chalicelib.keyring import Keyring
from chalicelib.leadership import Leadership
from chalicelib.leases import Keeper
from chalicelib.logbook import Logbook
from chalicelib.maintenance import Maintenance
from chalicelib.presence import Presence
from chalicelib.pruning import JobPruning, Pruning
from chalicelib.queue_overview import QueueOverview
from chalicelib.queues import Queues
from chalicelib.rates import Rates
from chalicelib.readiness import Readiness
from chalicelib.releaser import Releaser
from chalicelib.reports import overview_view
from chalicelib.scheduler import Scheduler
from chalicelib.secret import Secret
from chalicelib.settings import LOCAL_STAGE, Settings
from chalicelib.settler import Settler
from chalicelib.snapshots import Snapshots
from chalicelib.statistics import Statistics
from chalicelib.store.admissions import AdmissionStore
from chalicelib.store.attempts import AttemptStore
from chalicelib.store.audit import AuditStore
from chalicelib.store.counts import CountStore
from chalicelib.store.database import PATIENCE_SECONDS, Database
from chalicelib.store.dependencies import DependencyStore
from chalicelib.store.detached import DetachedStore
from chalicelib.store.firings import FiringStore
from chalicelib.store.inspection import StoreInspection
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
from chalicelib.subscriptions import Subscriptions
from chalicelib.throttle import Throttle
from chalicelib.tickets import Tickets
from chalicelib.timetable import Timetable
from chalicelib.waiting import WaitingRoom
from chalicelib.waker import Waker
from chalicelib.worker import Worker
from chalicelib.workers import Form, Workers

API_PATIENCE_SECONDS = 4.0  # with Postgres: the API answers within five


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Raises MissingSettings."""
    return Settings.from_env({**os.environ, **_secret(os.environ)})


@lru_cache(maxsize=1)
def scheduler() -> Scheduler:
    return _scheduler("api")


@lru_cache(maxsize=1)
def dependencies() -> DependencyStore:
    return DependencyStore(_database("api"))


@lru_cache(maxsize=1)
def job_logs() -> LogStore:
    return LogStore(_database("api"))


@lru_cache(maxsize=1)
def statistics() -> Statistics:
    return _statistics("api")


@lru_cache(maxsize=1)
def queue_overview() -> QueueOverview:
    return QueueOverview(flow=flow(), statistics=statistics())


@lru_cache(maxsize=1)
def lists() -> JobLists:
    return JobLists(_database("api"))


@lru_cache(maxsize=1)
def bulk() -> Bulk:
    return Bulk(lists=lists(), audit=audit(), scheduler=scheduler())


@lru_cache(maxsize=1)
def audit() -> AuditStore:
    return AuditStore(_database("api"))


@lru_cache(maxsize=1)
def retention() -> RetentionStore:
    return RetentionStore(_database("api"))


@lru_cache(maxsize=1)
def keyring() -> Keyring:
    return _keyring("api")


@lru_cache(maxsize=1)
def gatekeeper() -> Gatekeeper:
    return Gatekeeper(
        keys=KeyStore(_database("api")),
        rates=Rates(_redis()),
        tickets=Tickets(_redis()),
        is_on=settings().auth_is_on,
        a_minute=settings().requests_a_minute,
    )


@lru_cache(maxsize=1)
def waiting_room() -> WaitingRoom:
    return WaitingRoom(_redis(), settings().long_polls)


def dashboard_origin() -> str | None:
    """Of a dashboard that is served from elsewhere. Read at deploy time too, when the API's preflight answers are made."""
    return "*" if os.environ.get("STAGE") == LOCAL_STAGE else os.environ.get("DASHBOARD_ORIGIN")


@lru_cache(maxsize=1)
def workers() -> Workers:
    return Workers(_redis())


@lru_cache(maxsize=1)
def connections() -> Connections:
    return Connections(_redis())


@lru_cache(maxsize=1)
def subscriptions() -> Subscriptions:
    return Subscriptions(connections=connections(), stream=EventStream(_redis()))


@lru_cache(maxsize=1)
def gateway() -> Gateway:
    return Gateway(settings().websocket_endpoint, boto3.Session)


@lru_cache(maxsize=1)
def waker() -> Waker:
    return Waker(_redis(), lambda: boto3.client("lambda", config=_IMPATIENT), settings().worker_function)


@lru_cache(maxsize=1)
def migrations() -> MigrationStore:
    return MigrationStore(_database("api"))


@lru_cache(maxsize=1)
def partitions() -> PartitionStore:
    return PartitionStore(_database("api"))


@lru_cache(maxsize=1)
def flow() -> Flow:
    return _flow("api")


@lru_cache(maxsize=1)
def timetable() -> Timetable:
    database = _database("api")
    return Timetable(
        store=ScheduleStore(database), firings=FiringStore(database), runs=RunStore(database), scheduler=scheduler()
    )


@lru_cache(maxsize=1)
def declarations() -> Declarations:
    return Declarations(registry=registry, timetable=timetable())


@lru_cache(maxsize=1)
def installation() -> Installation:
    """As patient as housekeeping: a migration may take its time."""
    database = _database("house")
    return Installation(
        migrations=MigrationStore(database),
        partitions=PartitionStore(database),
        declarations=declarations(),
        keyring=_keyring("house"),
    )


@lru_cache(maxsize=1)
def readiness() -> Readiness:
    return Readiness(migrations=migrations(), redis_link=redis_link.RedisLink(_redis()))


@lru_cache(maxsize=1)
def doctor() -> Doctor:
    client, database = _redis(), _database("doctor")
    return Doctor(
        inspection=StoreInspection(database),
        redis=RedisInspection(client),
        store=JobStore(database),
        migrations=MigrationStore(database),
        partitions=PartitionStore(database),
        maintenance=_maintenance("doctor"),
        redis_link=redis_link.RedisLink(client),
        queues=Queues(client),
        connections=connections(),
        workers=workers(),
        chores=Chores(client),
        registry=registry,
    )


def engine(slots: int, *, shows_life: bool, only: Collection[str] = ()) -> Engine:
    """A new worker on shared clients. shows_life: whether submits may rely on it, and wake no Lambda.

    only: the queues that it takes from; none: those that the settings name, or else all. On one that leaves queues to others no
    submit relies.
    """
    only = only or settings().worker_queues
    worker_id = f"{socket.gethostname()}-{os.getpid()}-{random.randbytes(3).hex()}"
    return Engine(
        worker=_worker(worker_id, Hand(slots), "container" if shows_life else "lambda", only),
        broadcaster=_broadcaster(worker_id, is_lasting=shows_life),
        maintenance=maintenance(),
        ticker=ticker(),
    )


def maintenance() -> Maintenance:
    return _maintenance("house")


def ticker() -> Ticker:
    """On a connection of its own: what is due does not wait for what keeps house."""
    return Ticker(firings=FiringStore(_database("fire")), scheduler=_scheduler("fire"))


def _broadcaster(name: str, *, is_lasting: bool) -> Broadcaster:
    return Broadcaster(
        name=name,
        stream=EventStream(_redis()),
        leadership=Leadership(_redis(), SHARDS),
        connections=connections(),
        gateway=gateway(),
        overview=lambda: msgspec.json.encode(overview_view(_statistics("watch").overview())),
        is_lasting=is_lasting,
    )


def _statistics(role: str) -> Statistics:
    database = _database(role)
    return Statistics(
        stats=StatsStore(database),
        counts=CountStore(database),
        retention=RetentionStore(database),
        walks=WalkStore(database),
        partitions=PartitionStore(database),
        schedules=ScheduleStore(database),
        snapshots=Snapshots(_redis()),
        queues=Queues(_redis()),
        workers=workers(),
        connections=connections(),
        settings=QueueStore(database),
    )


def _maintenance(role: str) -> Maintenance:
    database, client = _database(role), _redis()
    return Maintenance(
        store=JobStore(database),
        releaser=_releaser(role),
        partitions=PartitionStore(database),
        flow=_flow(role),
        keyring=_keyring(role),
        pruning=Pruning(
            store=JobStore(database),
            unique=AdmissionStore(database),
            stats=StatsStore(database),
            audit=AuditStore(database),
            runs=RunStore(database),
        ),
        job_pruning=JobPruning(
            retention=RetentionStore(database), walks=WalkStore(database), detached=DetachedStore(database)
        ),
        announcer=_announcer(role),
        queues=Queues(client),
        chores=Chores(client),
    )


def _worker(worker_id: str, hand: Hand, form: Form, only: Collection[str]) -> Worker:
    queues = Queues(_redis())
    presence = Presence(
        workers=workers(),
        hand=hand,
        worker_id=worker_id,
        form=form,
        host=socket.gethostname(),
        pid=os.getpid(),
        only=only,
    )
    return Worker(
        worker_id=worker_id,
        settings=settings(),
        registry=registry,
        queues=queues,
        workers=workers(),
        fetcher=Fetcher(
            attempts=AttemptStore(_database("claim")),
            store=JobStore(_database("claim")),
            releaser=_releaser("claim"),
            queues=queues,
            announcer=_announcer("claim"),
            worker_id=worker_id,
        ),
        executor=Executor(registry, random.Random(), _children().run),
        settler=Settler(
            attempts=AttemptStore(_database("settle")),
            store=JobStore(_database("settle")),
            releaser=_releaser("settle"),
            queues=queues,
            announcer=_announcer("settle"),
            logbook=Logbook(LogStore(_database("settle")), _announcer("settle")),
            hand=hand,
        ),
        keeper=Keeper(
            attempts=AttemptStore(_database("keep")),
            queues=queues,
            announcer=_announcer("keep"),
            logbook=Logbook(LogStore(_database("keep")), _announcer("keep")),
            hand=hand,
            show_life=presence.show,
            say_goodbye=presence.leave,
        ),
        hand=hand,
        only=only,
    )


def _scheduler(role: str) -> Scheduler:
    return Scheduler(
        registry=registry,
        store=JobStore(_database(role)),
        dependencies=DependencyStore(_database(role)),
        admissions=AdmissionStore(_database(role)),
        queues=Queues(_redis()),
        announcer=_announcer(role),
        workers=workers(),
        waker=waker(),
    )


def _flow(role: str) -> Flow:
    client = _redis()
    return Flow(
        store=QueueStore(_database(role)),
        queues=Queues(client),
        throttle=Throttle(client),
        redis_link=redis_link.RedisLink(client),
    )


def _keyring(role: str) -> Keyring:
    return Keyring(
        store=KeyStore(_database(role)),
        connections=connections(),
        gateway=gateway(),
        is_on=settings().auth_is_on,
    )


def _releaser(role: str) -> Releaser:
    return Releaser(dependencies=DependencyStore(_database(role)), queues=Queues(_redis()), announcer=_announcer(role))


def _announcer(role: str) -> Announcer:
    client = _redis()
    return Announcer(
        redis_link=redis_link.RedisLink(client), stream=EventStream(client), store=JobStore(_database(role))
    )


@lru_cache(maxsize=1)
def _children() -> Children:
    return Children()


# A time-out of 2 s and no second try: a push or a wake-up that hangs must not hold up what waits behind it.
_IMPATIENT = Config(
    connect_timeout=GATEWAY_WAIT.total_seconds(),
    read_timeout=GATEWAY_WAIT.total_seconds(),
    retries={"total_max_attempts": 1},
    max_pool_connections=32,
)


@lru_cache(maxsize=1)
def _redis() -> redis.Redis:
    return redis_link.connect(settings().redis_url, _login(settings().cache_secret_id))


@lru_cache(maxsize=16)
def _database(role: str) -> Database:
    """One connection for each role, because each role has a thread of its own."""
    patience = API_PATIENCE_SECONDS if role == "api" else PATIENCE_SECONDS
    return Database(
        settings().database_url,
        secret=_login(settings().database_secret_id),
        patience_seconds=patience,
        prepares=settings().prepare_statements,
    )


@lru_cache(maxsize=2)
def _login(secret_id: str) -> Secret | None:
    """One for all connections: each would find out for itself that a password was changed."""
    return Secret(lambda: _secret_text(secret_id, _IMPATIENT)) if secret_id else None


def _secret(env: Mapping[str, str]) -> dict[str, str]:
    """More settings, from Secrets Manager when the environment names a secret. Read once a cold start."""
    if not env.get("SETTINGS_SECRET_ID"):
        return {}
    return msgspec.json.decode(_secret_text(env["SETTINGS_SECRET_ID"]), type=dict[str, str])


def _secret_text(secret_id: str, config: Config | None = None) -> str:
    client = boto3.client("secretsmanager", config=config)
    return client.get_secret_value(SecretId=secret_id)["SecretString"]
