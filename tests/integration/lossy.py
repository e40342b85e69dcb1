"""A worker without threads, whose connections break when told to: each thing it does is a call."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from chalicelib.announcer import Announcer
from chalicelib.attempt import Attempt
from chalicelib.errors import QueueUnavailable, StoreUnavailable
from chalicelib.fetcher import Fetcher
from chalicelib.hand import Hand
from chalicelib.jobs import ClaimedJob, Job, Outcome, RawId, Settlement
from chalicelib.leases import Keeper
from chalicelib.logbook import Logbook
from chalicelib.redis_link import Batch, RedisLink
from chalicelib.releaser import Releaser
from chalicelib.settler import Settler
from chalicelib.store.attempts import AttemptStore, Done
from chalicelib.store.dependencies import DependencyStore
from chalicelib.store.logs import LogStore
from tests.integration.conftest import World

T = TypeVar("T")
LONG_AGO = float("-inf")


class HardOfHearing(AttemptStore):
    """Misses the answer to its next statement when told to. The statement itself is carried out."""

    misses_next = False
    asked: Sequence[RawId] = ()  # for, by the last claim

    def begin(self, *, hears: bool) -> None:
        self.misses_next, self.asked = not hears, ()

    def claim(self, ids: Sequence[RawId], worker_id: str, lease: timedelta, fits: timedelta) -> list[ClaimedJob]:
        self.asked = ids
        return self._heard(super().claim(ids, worker_id, lease, fits))

    def complete(self, jobs: Sequence[ClaimedJob], results: Sequence[bytes], ran: Sequence[float] = ()) -> Done:
        return self._heard(super().complete(jobs, results, ran))

    def settle(self, settlements: Sequence[Settlement]) -> list[Job]:
        return self._heard(super().settle(settlements))

    def _heard(self, answer: T) -> T:
        if self.misses_next:
            self.misses_next = False
            raise StoreUnavailable("the answer was lost")
        return answer


class Severable(RedisLink):
    """Its batches reach Redis, or do not."""

    is_severed = False

    def batch(self) -> Batch:
        return _Unsent(self._client) if self.is_severed else super().batch()


class _Unsent(Batch):
    def send(self) -> list[Any]:
        raise QueueUnavailable("severed")


class Claim:
    """An attempt, and the worker that made it."""

    def __init__(self, worker: Hands, attempt: Attempt) -> None:
        self.worker = worker
        self.attempt = attempt

    @property
    def job(self) -> ClaimedJob:
        return self.attempt.job

    def __repr__(self) -> str:
        return f"<attempt {self.job.attempt} of job {self.job.id}, by {self.worker.worker_id}>"


class Hands:
    """One worker's parts, each to be moved by hand."""

    def __init__(self, worker_id: str, world: World, link: RedisLink) -> None:
        self.worker_id = worker_id
        self.attempts = HardOfHearing(world.attempts._database)
        self.hand = Hand(4)
        self.in_doubt: dict[UUID, int | None] = {}  # what a lost answer was about: the attempt it made of it, if any
        self.lease_ends: dict[UUID, float | None] = {}  # of those, as the look left them
        self._settings = world.settings
        announcer = Announcer(redis_link=link, stream=world.stream, store=world.store)
        dependencies = DependencyStore(world.store._database)
        releaser = Releaser(dependencies=dependencies, queues=world.queues, announcer=announcer)
        self.fetcher = Fetcher(
            attempts=self.attempts,
            store=world.store,
            releaser=releaser,
            queues=world.queues,
            announcer=announcer,
            worker_id=worker_id,
        )
        self._settler = Settler(
            attempts=self.attempts,
            store=world.store,
            releaser=releaser,
            queues=world.queues,
            announcer=announcer,
            logbook=Logbook(LogStore(world.store._database), announcer),
            hand=self.hand,
            pause=lambda _: None,
        )
        self._keeper = Keeper(
            attempts=self.attempts,
            queues=world.queues,
            announcer=announcer,
            logbook=Logbook(LogStore(world.store._database), announcer),
            hand=self.hand,
            show_life=lambda: None,
            say_goodbye=lambda: None,
        )

    def __repr__(self) -> str:
        return f"<worker {self.worker_id}>"

    def start(self, jobs: Sequence[ClaimedJob]) -> list[Claim]:
        attempts = [Attempt(job, self._settings, held_since=LONG_AGO) for job in jobs]
        self.hand.add(attempts)
        return [Claim(self, attempt) for attempt in attempts]

    def settle(self, ended: Sequence[tuple[Claim, Outcome]]) -> None:
        for claim, outcome in ended:
            self.hand.end(claim.attempt)
            claim.attempt.outcome = outcome
            self._settler.put(claim.attempt)
        self._settler.finish()
        self._settler.run()

    def keep(self) -> None:
        """One beat of the keeper."""
        self._keeper.run(_OneBeat())


class _OneBeat(threading.Event):
    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True
