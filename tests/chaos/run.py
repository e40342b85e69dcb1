"""A whole run: start, break, mend, wait until every job is final, judge."""

from __future__ import annotations

import heapq
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import redis

from chalicelib.store.database import Database
from chalicelib.store.migrations import MigrationStore
from chalicelib.store.partitions import PartitionStore
from infra.local.services import ROOT
from tests.chaos import history, ledger, narrow, servers
from tests.chaos.crew import Crew
from tests.chaos.faults import FAULTS, Stage
from tests.chaos.pace import Pace
from tests.chaos.servers import Servers
from tests.chaos.steps import STEPS
from tests.chaos.verdict import Evidence, judge

LOOK_SECONDS = 0.05
MORE_SECONDS = 60.0  # for those who have not died yet where they should


@dataclass(frozen=True, kw_only=True)
class Plan:
    """seconds: how long things are broken. deaths: the steps at which processes kill themselves. all_must_die: whether it goes on
    until somebody has died at each of them."""

    seed: int
    seconds: float
    pace: Pace
    faults: Sequence[str] = tuple(FAULTS)
    deaths: frozenset[str] = frozenset(STEPS)
    all_must_die: bool = False
    sabotage: str | None = None
    say: Callable[[str], None] = print


@dataclass
class Report:
    """What a run found. No violations: all is well."""

    violations: list[str] = field(default_factory=list)
    jobs: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    deaths: Counter[str] = field(default_factory=Counter)
    crashes: int = 0
    seconds: float = 0.0
    home: Path = Path()


def run(plan: Plan) -> Report:
    rng = random.Random(plan.seed)
    began_at = time.monotonic()
    keeps = rng.random() < 0.5
    plan.say(f"seed {plan.seed}, {plan.pace.name}; valkey {'keeps' if keeps else 'loses'} its data at a restart")
    with servers.running(keeps=keeps) as (both, home):
        addresses = {
            "DATABASE_URL": both.database_url,
            "REDIS_URL": both.redis_url,
            "API_AUTH": "off",  # its watchers have no keys
            "STAGE": "local",
        }
        _migrate(both)
        crew = Crew(
            rng=rng, pace=plan.pace, environment=addresses, home=home, deaths=plan.deaths, sabotage=plan.sabotage
        )
        report = Report(home=home)
        try:
            _break(plan, Stage(both, crew, plan.pace, rng), report)
            _mend(both, crew)
            with psycopg.connect(both.database_url, autocommit=True) as connection:
                _wait(plan, crew, both, connection, report)
                report.violations += _doctor(addresses)
                crew.workers_leave()
                report.violations += [*crew.complaints, *_outlived(crew)]
                _conclude(report, connection, ledger.read(crew.ledger))
        finally:
            crew.kill_all()
    report.seconds = time.monotonic() - began_at
    return report


def _migrate(both: Servers) -> None:
    database = Database(both.database_url)
    MigrationStore(database).apply()
    PartitionStore(database).ensure()
    database.close()
    with psycopg.connect(both.database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO queues (name, max_running, max_running_per_key) VALUES (%s, %s, %s)",
            (narrow.QUEUE, narrow.MAX_RUNNING, narrow.MAX_RUNNING_PER_KEY),
        )
        history.record(connection)


def _break(plan: Plan, stage: Stage, report: Report) -> None:
    """Faults may overlap. All are drawn from the seed; what the processes do meanwhile is up to them."""
    began_at = time.monotonic()
    order = itertools.count()  # of what is due at the same time
    mending: list[tuple[float, int, Iterator[float]]] = []
    names = _bag(plan.faults, stage.rng)
    next_at = began_at + 2.0
    while not _is_enough(plan, began_at, stage.crew):
        stage.crew.look_after()
        stage.crew.look_after_clients()
        now = time.monotonic()
        if now >= next_at:
            name = next(names)
            plan.say(f"{now - began_at:7.1f} s  {name}")
            report.faults[name] += 1
            heapq.heappush(mending, (now, next(order), FAULTS[name](stage)))
            next_at = now + stage.rng.uniform(*plan.pace.gap)
        while mending and mending[0][0] <= now:
            _, _, fault = heapq.heappop(mending)
            for seconds in fault:
                heapq.heappush(mending, (now + seconds, next(order), fault))
                break
        time.sleep(LOOK_SECONDS)
    for _, _, fault in sorted(mending):
        for _ in fault:
            pass


def _is_enough(plan: Plan, began_at: float, crew: Crew) -> bool:
    passed = time.monotonic() - began_at
    if passed < plan.seconds:
        return False
    died = set(ledger.read(crew.ledger).deaths) if plan.all_must_die else plan.deaths
    return plan.deaths <= died or passed > plan.seconds + MORE_SECONDS


def _bag(names: Sequence[str], rng: random.Random) -> Iterator[str]:
    """Each once, in any order, again and again."""
    while True:
        yield from rng.sample(names, len(names))


def _mend(both: Servers, crew: Crew) -> None:
    """From here on nothing is broken any more."""
    crew.kills_itself = False
    for server in (both.postgres, both.valkey):
        if not server.is_running:
            server.start()
        server.thaw()
        server.address.wait_until_ready()
    for pid in crew.victims():
        os.kill(pid, signal.SIGCONT)
    crew.clients_leave()


def _wait(
    plan: Plan, crew: Crew, both: Servers, connection: psycopg.Connection[tuple[object, ...]], report: Report
) -> None:
    """Until every job is final, and then until Redis has forgotten them all."""
    plan.say(f"all is mended; {history.unfinished(connection)} jobs are not final yet")
    deadline = time.monotonic() + plan.pace.drain
    with redis.Redis.from_url(both.redis_url) as client:
        while history.unfinished(connection) or _reminders(client):
            if time.monotonic() > deadline:
                report.violations += _leftovers(history.unfinished(connection), _reminders(client))
                return
            crew.look_after()
            time.sleep(LOOK_SECONDS)


def _leftovers(unfinished: int, reminders: int) -> list[str]:
    late = [f"{unfinished} jobs are not final in time"] if unfinished else []
    return [*late, f"{reminders} reminders are left in Redis"] if reminders else late


def _reminders(client: redis.Redis) -> int:
    return sum(int(client.zcard(key)) for key in client.scan_iter("{q:*"))


def _outlived(crew: Crew) -> list[str]:
    return [f"{member.name} left a process behind: {stray}" for member in crew.gone for stray in member.strays()]


def _doctor(addresses: dict[str, str]) -> list[str]:
    """Warnings count too."""
    command = [sys.executable, "-m", "chalicelib.cli", "doctor", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | addresses, capture_output=True, text=True)
    if not done.returncode:
        return []
    if not done.stdout:
        return [f"doctor: {done.stderr}"]
    return [f"doctor: {found}" for found in json.loads(done.stdout)["findings"] if found["severity"] != "ok"]


def _conclude(report: Report, connection: psycopg.Connection[tuple[object, ...]], account: ledger.Account) -> None:
    evidence = Evidence(history.rows(connection), history.changes(connection), account)
    (report.home / "changes").write_text("".join(f"{change}\n" for change in evidence.changes))
    report.violations += judge(evidence)
    report.jobs = Counter(row.status for row in evidence.rows)
    report.attempts = len(account.began)
    report.crashes = sum(row.crashes for row in evidence.rows)
    report.deaths = Counter(account.deaths)
