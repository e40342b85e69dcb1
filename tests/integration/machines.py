"""What the state machines have in common: how they are run, and a product with a cord to Redis that can be cut."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import psycopg
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from chalicelib.announcer import Announcer
from chalicelib.chores import Chores
from chalicelib.redis_link import WAKE_CHANNEL
from chalicelib.scheduler import Scheduler
from chalicelib.store.admissions import AdmissionStore
from chalicelib.store.database import Database
from chalicelib.store.dependencies import DependencyStore
from chalicelib.worker import Budget
from tests.integration.conftest import World, a_maintenance
from tests.integration.lossy import Claim, Hands, Severable


def run_machine(kind: type[RuleBasedStateMachine], examples: int, steps: int, **members: object) -> None:
    """members: what its examples share. A failure is shown as it was found: to make it small takes minutes."""
    machine = type(kind.__name__, (kind,), members)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            phases=[Phase.generate],
            print_blob=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


class Stage(RuleBasedStateMachine):
    """A scheduler, some workers and maintenance. Begins empty."""

    world: World
    conn: psycopg.Connection[Any]
    database: Database
    crew: ClassVar[int] = 3  # workers
    patience: ClassVar[timedelta] = timedelta(
        seconds=20
    )  # to end what is left: a worker that goes in circles is stopped by it

    def __init__(self) -> None:
        super().__init__()
        self.conn.execute("DELETE FROM jobs")
        self.conn.execute("DELETE FROM queues")
        self.world.cache.flushall()
        Chores(self.world.cache).set_epoch()
        self.is_lost = False  # Redis was flushed, and nobody has rebuilt it
        self.link = Severable(self.world.cache)
        self.scheduler = Scheduler(
            registry=self.world.registry,
            store=self.world.store,
            dependencies=DependencyStore(self.database),
            admissions=AdmissionStore(self.database),
            queues=self.world.queues,
            announcer=Announcer(redis_link=self.link, stream=self.world.stream, store=self.world.store),
            workers=self.world.workers,
            waker=self.world.waker,
        )
        self.maintenance = a_maintenance(self.database, self.world.cache)
        self.hired = 0
        self.workers: list[Hands] = [self.hire() for _ in range(self.crew)]
        self.claims: list[Claim] = []

    def hire(self) -> Hands:
        self.hired += 1
        return Hands(f"w{self.hired}", self.world, self.link)

    def run_a_worker(self) -> None:
        """A plain one, until nothing is left."""
        worker = self.world.worker()
        # Its bell rings when it goes: it would listen to silence for 0.25 s.
        worker._keeper._say_goodbye = self.ring
        worker.run(Budget(self.patience, until_empty=True), grace=self.patience)

    def ring(self) -> None:
        self.world.cache.publish(WAKE_CHANNEL, "")

    def close(self) -> None:
        for database in self.world._databases:
            database.close()
