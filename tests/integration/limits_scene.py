"""Queues with limits, and what must be so of them whatever was done: in Redis, in the rows, and between both."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID

import redis
from hypothesis.stateful import invariant

from chalicelib.jobs import ClaimedJob, Job, JobStatus
from chalicelib.members import KEY_BYTES, key_hash, member, raw_id_of
from chalicelib.queue_settings import QueueChange
from chalicelib.throttle import throttle_of
from chalicelib.turns import turns_of
from tests.integration.conftest import a_flow
from tests.integration.limits_model import PLAIN, Queue, Waiting
from tests.integration.lossy import Claim, Hands
from tests.integration.machines import Stage
from tests.integration.model import ModelJob

QUEUES = ("a", "b")
KEYS = ("k", "l", "m")
WORKERS = 2
A_MOMENT = timedelta(seconds=20)  # to end a few dozen echoes; a worker that goes in circles is stopped by it
LOOKED_AT_AGAIN = 61.0  # seconds until a key that nobody called up is looked at by itself
PARTIES = {b"": PLAIN, **{key_hash(key): key for key in KEYS}}

# KEYS     sets whose scores are times
# ARGV[1]  ms by which they come nearer
AGE = """
for _, set in ipairs(KEYS) do
  for _, m in ipairs(redis.call('ZRANGE', set, 0, -1)) do redis.call('ZINCRBY', set, -ARGV[1], m) end
end
"""


class Shelf:
    """What Redis has of a queue, read at once."""

    def __init__(self, cache: redis.Redis, name: str) -> None:
        self.name = name
        copy, mark, _ = throttle_of(name)
        with cache.pipeline() as commands:
            for key in _scored(name):
                commands.zrange(key, 0, -1, withscores=True)
            commands.exists(copy)
            commands.exists(mark)
            commands.time()
            *sets, self.has_copy, self.has_mark, (seconds, micros) = commands.execute()
        self.now = seconds * 1000 + micros / 1000
        self.ready, self.delayed, self.leased, self.lines, self.slots, self.turns, self.parked = map(dict, sets)

    def places(self) -> list[bytes]:
        """Of every job, as often as it has one."""
        return [*self.ready, *self.delayed, *self.leased, *self.lines]

    def live(self) -> set[bytes]:
        return {entry for entry, ends_at in self.leased.items() if ends_at > self.now}

    def waiting(self) -> list[bytes]:
        """All that a look may take."""
        due = [entry for entry, score in [*self.delayed.items(), *self.leased.items()] if score <= self.now]
        return [*self.ready, *self.lines, *due]

    def returning(self) -> list[bytes]:
        """Whose leases are over."""
        return [entry for entry, ends_at in self.leased.items() if ends_at <= self.now]

    def uncalled(self) -> set[bytes]:
        """Their keys have no turn and are not parked. Where those were lost, reminders of finished jobs may be left."""
        return {entry for entry in self.lines if entry[:KEY_BYTES] not in {*self.turns, *self.parked}}

    def running(self) -> Counter[str]:
        return Counter(party_of(entry) for entry in self.live())

    @property
    def is_mute(self) -> bool:
        """What is set of it is lost, and nobody knows what."""
        return bool(self.has_mark and not self.has_copy)


class LimitsScene(Stage):
    """The rules of one job are those of ``model``; this adds what queues promise."""

    crew = 2

    def __init__(self) -> None:
        super().__init__()
        self.flow = a_flow(self.database, self.world.cache)
        self.queues = {name: Queue() for name in QUEUES}
        self.model: dict[UUID, ModelJob] = {}
        self.rows: dict[UUID, Job] = {}
        self.has_strays = False  # something did not reach Redis, or was lost there, and nobody has mended it
        self.has_phantoms = False  # leases were lost, and the slots of jobs that are finished may be left
        self.unaware: set[UUID] = set()  # running jobs whose leases Redis does not know
        self.passed = 0.0  # seconds by which Redis was aged
        self.clock_ahead = ""  # redis's or postgres's, by less than a lease
        self.troubled_at = -LOOKED_AT_AGAIN  # leases or slots were lost: keys may wait for what nobody holds any more
        self.outer_error = sys.exception()

    # What must be so after every step

    @invariant()
    def all_is_as_promised(self) -> None:
        self.rows_are_as_the_rules_say()
        self.redis_is_consistent()

    def rows_are_as_the_rules_say(self) -> None:
        rows = {row.id: row for row in self.world.store.find([*self.model])} if self.model else {}
        assert {*rows} == {*self.model}
        for job_id, row in rows.items():
            job = self.model[job_id]
            counts = (row.status, row.attempt, row.failures, row.crashes)
            assert counts == (job.status, job.attempt, job.failures, job.crashes)
            job.is_due, job.lease_is_over = not row.waits, self.is_over(row)
        self.rows = rows

    def redis_is_consistent(self) -> None:
        for name in self.queues:
            shelf = Shelf(self.world.cache, name)
            self.expect_one_place(shelf)
            if not self.has_strays and not self.is_lost:
                self.expect_slots_and_turns(shelf)
                self.expect_leases(shelf)

    def expect_one_place(self, shelf: Shelf) -> None:
        places = shelf.places()
        assert len({*places}) == len(places)
        assert not [entry for entry in shelf.ready if party_of(entry) != PLAIN]
        assert not [entry for entry in shelf.lines if party_of(entry) == PLAIN]
        assert not {*shelf.turns} & {*shelf.parked}

    def expect_slots_and_turns(self, shelf: Shelf) -> None:
        """Reminders of finished jobs, whose cancellation did not reach Redis, may be in any state."""
        unfinished = {self.rows[job_id].raw_id for job_id in self.unfinished()}
        keyed = {entry for entry in shelf.leased if party_of(entry) != PLAIN}
        assert {entry for entry in keyed if raw_id_of(entry) in unfinished} <= {*shelf.slots}
        assert self.has_phantoms or {*shelf.slots} <= keyed
        assert not {raw_id_of(entry) for entry in shelf.uncalled()} & unfinished

    def expect_leases(self, shelf: Shelf) -> None:
        """Every unfinished job is somewhere, and what runs has a lease."""
        known = {raw_id_of(entry) for entry in shelf.places()}
        live = {raw_id_of(entry) for entry in shelf.live()}
        for job_id, row in self.rows.items():
            if row.queue == shelf.name and row.finished_at is None:
                assert row.raw_id in known
                assert not self.runs(row) or row.raw_id in live or job_id in self.unaware

    def open_queue(self, name: str) -> None:
        """That nobody has set, with nothing left of what was in it before."""
        self.world.cache.delete(*_scored(name))
        self.forget({job_id for job_id, job in self.model.items() if job.queue == name})
        self.queues[name] = Queue()

    def forget(self, ids: set[UUID]) -> None:
        self.model = {job_id: job for job_id, job in self.model.items() if job_id not in ids}
        self.claims = [claim for claim in self.claims if claim.job.id not in ids]

    # What is known

    def is_over(self, row: Job) -> bool:
        return row.lease_expires_at is not None and row.lease_expires_at.timestamp() <= time.time()

    def runs(self, row: Job) -> bool:
        return row.status is JobStatus.RUNNING and not self.is_over(row)

    def running_rows(self, name: str) -> Counter[str]:
        """By party, those whose leases Redis knows."""
        return Counter(
            row.concurrency_key or PLAIN
            for row in self.world.store.find([*self.model])
            if row.queue == name and self.runs(row) and row.id not in self.unaware
        )

    def notice_unaware(self) -> None:
        """After a trouble that explains it."""
        live = {raw_id_of(entry) for name in self.queues for entry in Shelf(self.world.cache, name).live()}
        rows = self.world.store.find([*self.model]) if self.model else []
        self.unaware = {row.id for row in rows if self.runs(row) and row.raw_id not in live}

    def unfinished(self) -> list[UUID]:
        return [job_id for job_id, job in self.model.items() if not job.is_final]

    def held(self) -> list[Claim]:
        """Attempts that their workers, alive, may still end as they like."""
        return [
            claim
            for claim in self.claims
            if claim.worker in self.workers and self.model[claim.job.id].is_held_as(claim.job.attempt)
        ]

    def is_exact(self, shelf: Shelf) -> bool:
        """Whether nothing is on its way: what may start has to."""
        settled_down = self.passed - self.troubled_at >= LOOKED_AT_AGAIN
        return settled_down and not (self.has_strays or self.is_lost or shelf.is_mute or shelf.uncalled())

    # Looks

    def expect_limits_kept(self, before: Shelf, entries: Sequence[bytes], asked: int, asked_at: float) -> None:
        """Of one look at one queue."""
        queue, answered_at = self.queues[before.name], self.clock()
        taken, waiting, running = _jobs(entries), _jobs(before.waiting()), before.running()
        if before.is_mute:
            assert taken == []
            return
        most = queue.most(asked, waiting, running)
        assert len(taken) <= most
        queue.start(taken, asked_at, answered_at)
        if self.is_exact(before):
            queue.expect_in_order(taken, waiting, running, _jobs(before.returning()))

    def expect_no_idling(self, before: Shelf, least: float, entries: Sequence[bytes]) -> None:
        if self.is_exact(before):
            assert len(entries) >= least

    def least(self, shelf: Shelf, asked: int) -> float:
        queue = self.queues[shelf.name]
        return queue.least(asked, _jobs(shelf.waiting()), shelf.running(), _jobs(shelf.returning()))

    def expect_rows_within_limits(self, name: str, before: Counter[str]) -> None:
        """What ran before a limit was lowered runs on; beyond that, nothing has started."""
        limits, now = self.queues[name].limits, self.running_rows(name)
        if limits.slots is not None:
            assert now.total() <= max(limits.slots, before.total())
        for party in KEYS:
            if limits.slots_per_key is not None:
                assert now[party] <= max(limits.slots_per_key, before[party])

    def start(self, worker: Hands, jobs: Sequence[ClaimedJob]) -> list[Claim]:
        claims = worker.start(jobs)
        self.claims += claims
        return claims

    # Time

    def clock(self) -> float:
        """Seconds, by Redis."""
        return time.monotonic() + self.passed

    def age_redis(self, seconds: float) -> None:
        for name in self.queues:
            _, delayed, leased, _, _, _, parked = _scored(name)
            keys = delayed, leased, parked, throttle_of(name)[2]
            self.world.cache.eval(AGE, len(keys), *keys, int(seconds * 1000))
        self.passed += seconds
        for queue in self.queues.values():
            for pace in queue.all_paces():
                pace.let_pass(seconds)

    def age_rows(self, seconds: float) -> None:
        self.conn.execute(
            """
            UPDATE jobs
               SET run_at = run_at - make_interval(secs => %(by)s), created_at = created_at - make_interval(secs => %(by)s),
                   lease_expires_at = lease_expires_at - make_interval(secs => %(by)s)
             WHERE finished_at IS NULL
            """,
            {"by": seconds},
        )

    # Maintenance

    def maintain(self) -> None:
        """As if a minute had gone by since the last time."""
        self.conn.execute("UPDATE jobs SET created_at = created_at - interval '1 minute' WHERE finished_at IS NULL")
        self.world.cache.delete(*(f"{{chores}}:{name}" for name in ("turn", "sweep", "sockets")))
        self.world.cache.set("{chores}:partitions", 1)
        self.world.cache.set("{chores}:pruning", 1)
        self.maintenance.run_once()
        self.is_lost = self.has_strays = False
        self.notice_unaware()

    # The end

    def teardown(self) -> None:
        """Whatever happened: without limits, in time, and after maintenance, one plain worker brings everything to its end."""
        if sys.exception() is self.outer_error:
            for name in self.queues:
                self.flow.change(name, NO_LIMITS)
            self.age_rows(7_200)
            self.age_redis(7_200)
            self.maintain()
            self.age_redis(7_200)
            self.run_a_worker()
            self.expect_the_end()
        self.close()

    def expect_the_end(self) -> None:
        for row in self.world.store.find([*self.model]) if self.model else []:
            assert row.finished_at is not None
            assert row.attempt <= self.model[row.id].attempt + 1
            assert row.failures == self.model[row.id].failures
        for name in self.queues:
            shelf = Shelf(self.world.cache, name)
            assert {*shelf.places()} == shelf.uncalled()
            assert self.has_phantoms or not shelf.slots


NO_LIMITS = QueueChange(
    paused=False, max_running=None, max_running_per_key=None, rate_limit=None, rate_limit_per_key=None
)


def party_of(entry: bytes) -> str:
    return PARTIES[entry[:-17]]


def entry_of(row: Job | ClaimedJob) -> bytes:
    return member(row)


def _jobs(entries: Sequence[bytes]) -> list[Waiting]:
    return [Waiting(party_of(entry), entry[-17], raw_id_of(entry)) for entry in entries]


def _scored(name: str) -> Iterator[str]:
    """Ready, delayed, leased, lines, slots, turns, parked."""
    yield from (f"{{q:{name}}}:{place}" for place in ("ready", "delayed", "leased"))
    yield from turns_of(name)
