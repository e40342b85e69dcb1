"""Examines a deployment, any time and while it works: are its promises kept, and what is to be done where they are not?

Nothing is changed without ``repair``, and with it nothing but what is safe at any time: Redis is made to follow the rows,
partitions are made, connections that cannot exist are forgotten. No row is touched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

import msgspec

from chalicelib.checks.clocks import Clocks
from chalicelib.checks.keeping import Keeping
from chalicelib.checks.limits import Limits
from chalicelib.checks.looking import Eye
from chalicelib.checks.mending import Mending
from chalicelib.checks.reminders import Reminders
from chalicelib.checks.schedules import Schedules
from chalicelib.checks.schema import Schema
from chalicelib.checks.servers import Servers
from chalicelib.checks.strays import Strays
from chalicelib.checks.watchers import Watchers
from chalicelib.checks.work import Work
from chalicelib.chores import Chores
from chalicelib.connections import Connections
from chalicelib.errors import QueueUnavailable, SchedulerError, StoreUnavailable
from chalicelib.findings import Diagnosis, Finding, Report, Severity, fine
from chalicelib.handlers.registry import Registry
from chalicelib.inspection import RedisInspection
from chalicelib.maintenance import Maintenance
from chalicelib.queues import Queues
from chalicelib.redis_link import RedisLink
from chalicelib.store.inspection import StoreInspection
from chalicelib.store.jobs import JobStore
from chalicelib.store.migrations import MigrationStore
from chalicelib.store.partitions import PartitionStore
from chalicelib.workers import Workers


class Server(StrEnum):
    """What a check needs. The values name the findings."""

    POSTGRES = "postgres"
    REDIS = "redis"


POSTGRES, REDIS = frozenset({Server.POSTGRES}), frozenset({Server.REDIS})
BOTH = POSTGRES | REDIS


class Check(msgspec.Struct, frozen=True):
    """Something to look at. name: said when it cannot be looked at."""

    name: str
    needs: frozenset[Server]
    look: Callable[[], Iterable[Diagnosis]]


class Doctor:
    """Runs the checks, and the cures."""

    def __init__(
        self,
        *,
        inspection: StoreInspection,
        redis: RedisInspection,
        store: JobStore,
        migrations: MigrationStore,
        partitions: PartitionStore,
        maintenance: Maintenance,
        redis_link: RedisLink,
        queues: Queues,
        connections: Connections,
        workers: Workers,
        chores: Chores,
        registry: Registry,
        limits: Limits | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """pause: takes seconds, between two looks at the same thing."""
        limits = limits or Limits()
        eye = Eye(limits, pause)
        mending = Mending(store=store, queues=queues, redis=redis, redis_link=redis_link, rebuild=maintenance.rebuild)
        work = Work(
            inspection=inspection,
            chores=chores,
            workers=workers,
            redis_link=redis_link,
            mending=mending,
            limits=limits,
        )
        self._clocks: dict[Server, Callable[[], float]] = {
            Server.POSTGRES: inspection.clock,
            Server.REDIS: redis.clock,
        }
        self._checks = [
            *_schema(Schema(inspection=inspection, migrations=migrations, partitions=partitions, limits=limits)),
            *_keeping(Keeping(inspection, limits)),
            Check("epoch", REDIS, work.epoch),
            Check("reminders", BOTH, Reminders(inspection=inspection, redis=redis, mending=mending, eye=eye).look),
            *_strays(Strays(inspection=inspection, redis=redis, queues=queues, mending=mending, eye=eye)),
            Check("work", POSTGRES, work.look),
            Check("dependencies", POSTGRES, work.dependencies),
            Check("schedules", POSTGRES, Schedules(inspection=inspection, registry=registry, limits=limits).look),
            *_servers(Servers(inspection=inspection, redis=redis, limits=limits)),
            *_watchers(Watchers(redis=redis, connections=connections, eye=eye)),
            *_time(Clocks(postgres=inspection.clock, redis=redis.clock, limits=limits)),
        ]

    def run(self, *, repair: bool = False) -> Report:
        """repair: mend what can be mended, and look again. Never raises for a server that is away: that is a finding."""
        diagnoses = self._examine()
        repairs = [_mended(each) for each in diagnoses if each.mend and each.finding.repairable] if repair else []
        if repairs:
            diagnoses = self._examine()
        return Report([each.finding for each in diagnoses], repairs)

    def _examine(self) -> list[Diagnosis]:
        away = {server: reason for server in self._clocks if (reason := self._silence(server))}
        reached = [_reached(server, away.get(server), self._checks) for server in self._clocks]
        possible = (check for check in self._checks if not check.needs & away.keys())
        return [*reached, *(diagnosis for check in possible for diagnosis in _looked(check))]

    def _silence(self, server: Server) -> str:
        """Why it does not answer; nothing when it does."""
        try:
            self._clocks[server]()
        except (StoreUnavailable, QueueUnavailable) as error:
            return _reason(error)
        return ""


def _schema(schema: Schema) -> Iterator[Check]:
    yield Check("schema_version", POSTGRES, schema.version)
    yield Check("schema_ahead", POSTGRES, schema.ahead)
    yield Check("partitions_missing", POSTGRES, schema.partitions)
    yield Check("jobs_in_default_partition", POSTGRES, schema.default)
    yield Check("partitions_full", POSTGRES, schema.size)


def _keeping(keeping: Keeping) -> Iterator[Check]:
    yield Check("retention_behind", POSTGRES, keeping.behind)
    yield Check("detached_partitions", POSTGRES, keeping.detached)


def _strays(strays: Strays) -> Iterator[Check]:
    yield Check("queues_without_names", REDIS, strays.names)
    yield Check("strays", BOTH, strays.look)


def _servers(servers: Servers) -> Iterator[Check]:
    yield Check("eviction_policy", REDIS, servers.eviction_policy)
    yield Check("redis_memory", REDIS, servers.memory)
    yield Check("postgres_connections", POSTGRES, servers.sessions)
    yield Check("idle_in_transaction", POSTGRES, servers.idle_transactions)


def _watchers(watchers: Watchers) -> Iterator[Check]:
    yield Check("connections", REDIS, watchers.registry)
    yield Check("event_reader", REDIS, watchers.reader)


def _time(clocks: Clocks) -> Iterator[Check]:
    yield Check("clock_skew", BOTH, clocks.servers)
    yield Check("machine_clock", POSTGRES, clocks.machine)


def _reached(server: Server, reason: str | None, checks: Iterable[Check]) -> Diagnosis:
    if reason is None:
        return fine(server, "answers")
    unchecked = [check.name for check in checks if server in check.needs]
    return Diagnosis(
        Finding(
            check=server,
            severity=Severity.ERROR,
            found=f"cannot be reached ({reason}); what needs it was not checked",
            count=len(unchecked),
            samples=unchecked,
            advice="start it, or correct its address and the network's rules; jobs are safe meanwhile",
        )
    )


def _looked(check: Check) -> list[Diagnosis]:
    try:
        return list(check.look())
    except (StoreUnavailable, QueueUnavailable) as error:
        finding = Finding(
            check=check.name,
            severity=Severity.WARNING,
            found=f"unknown: {_reason(error)}",
            advice="see that this user may ask, that the schema is up to date, and that the server stays up",
        )
        return [Diagnosis(finding)]


def _mended(diagnosis: Diagnosis) -> str:
    try:
        done = diagnosis.mend() if diagnosis.mend else ""
    except SchedulerError as error:
        done = f"could not be mended: {_reason(error)}"
    return f"{diagnosis.finding.check}: {done}"


def _reason(error: SchedulerError) -> str:
    """One line: Postgres adds hints on others."""
    return str(error).partition("\n")[0] or "no answer"
