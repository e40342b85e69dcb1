"""Redis: when to look at which job.

A job is in at most one of its queue's sets, all under one hash tag; finished jobs are in none:

    ready    score: priority, then time       may be taken now
    lines    by key (see ``turns``)           the same, of jobs with a concurrency key
    delayed  score: run_at                    not yet
    leased   score: when the lease ends       somebody has it

All of it can be lost: ``sync`` puts each job where its row says, in any order and any number of times. Only a lease is more than
rows say: it hides a job, and holds a slot, from the moment that somebody takes it until he has claimed it. So it ends by its
taker, by its time, or with the job, and never by who read before that the job waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
import redis

from chalicelib.figures import KeyCounts
from chalicelib.jobs import Job, JobStatus
from chalicelib.members import KEY_BYTES, RANK_STEP, Ranked, is_keyed, member, rank
from chalicelib.queue_scripts import SYNC, SYNC_KEYED, TAKE
from chalicelib.redis_link import EPOCH, WAKE_CHANNEL, WATCHED, Batch, reaching_redis, text
from chalicelib.throttle import throttle_of
from chalicelib.turns import turns_of

CHUNK = 1_000  # members a script call: with their scores far below what Lua's unpack takes (8,000)
Lease = int | Literal["any"]  # which one ends: that which ends at this time, in ms
NO_LEASE: Final = 0
ANY_LEASE: Final = "any"
MOST_NAMES = 200  # of queues, before those that are empty are forgotten: every look at the queues looks at all


class Look(msgspec.Struct, frozen=True):
    """What one look at a queue brought. wait: until there may be more, zero: there is; None: nobody can tell.

    weight: the queue's share of the workers' turns. lease_end: of all its members, in ms, by the clock of Redis.
    """

    members: list[bytes]
    wait: timedelta | None
    weight: float
    lease_end: int = 0


class Taken(msgspec.Struct, frozen=True):
    """By queue. is_watched: whether somebody was connected at that time.

    is_lost: Redis has lost everything, and does not know all jobs again yet, nor who runs some: what was taken must go back.
    """

    looks: dict[str, Look]
    is_watched: bool = False
    is_lost: bool = False


class Queues:
    """The sets of all queues."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._is_lost = False  # as the last take found

    def sync(self, jobs: Iterable[Job], batch: Batch) -> None:
        """Put each job where its row says, and wake sleeping workers when there is something to take sooner than before.

        Of a job that waits, as we read, a lease goes on: its taker may be claiming it just now.
        """
        self._sync(((job, NO_LEASE) for job in jobs), batch)

    def give_back(self, jobs: Iterable[tuple[Job, int]], batch: Batch) -> None:
        """The same by who took them: his own lease, which ends then (``Look.lease_end``), ends now."""
        self._sync(jobs, batch)

    def release(self, jobs: Iterable[Job], batch: Batch) -> None:
        """The same by who knows that nobody has them: their leases end, whosever they are."""
        self._sync(((job, ANY_LEASE) for job in jobs), batch)

    def _sync(self, jobs: Iterable[tuple[Job, Lease]], batch: Batch) -> None:
        placed = _Places()
        for job, lease in jobs:
            # One that waits for others is not here, unless it was let go since its row was read: then it has to stay.
            if job.status is not JobStatus.BLOCKED:
                place, score = _place(job)
                placed.add(job, place, score, lease if place in (READY, DELAYED) else ANY_LEASE)
        self._put(placed, batch)

    def hold(self, jobs: Iterable[Ranked], until: datetime, batch: Batch) -> None:
        """Somebody has them until then."""
        placed, score = _Places(), _epoch_ms(until)
        for job in jobs:
            placed.add(job, LEASED, score)
        self._put(placed, batch)

    def drop(self, jobs: Iterable[Ranked], batch: Batch) -> None:
        """They are finished."""
        placed = _Places()
        for job in jobs:
            placed.add(job, NOWHERE, None)
        self._put(placed, batch)

    def forget(self, queue: str, members: Iterable[bytes], batch: Batch) -> None:
        """For jobs that are not there any more: their rows are gone, or say another queue."""
        placed = _Places()
        for entry in members:
            placed.add_entry(queue, entry, NOWHERE, None)
        self._put(placed, batch)

    def leave(self, left: Iterable[tuple[str, Ranked]], batch: Batch) -> None:
        """Jobs that are not in these queues any more, but in others, where ``sync`` puts them."""
        placed = _Places()
        for queue, job in left:
            placed.add_entry(queue, member(job), NOWHERE, None)
        self._put(placed, batch)

    def missing(self, jobs: Iterable[Job]) -> list[Job]:
        """Those that are in none of their queue's sets. The queues' names are known again, should they have been lost."""
        by_queue: dict[str, list[Job]] = {}
        for job in jobs:
            by_queue.setdefault(job.queue, []).append(job)
        return [job for queue, some in by_queue.items() for job in self._missing_in(queue, some)]

    def _missing_in(self, queue: str, jobs: Sequence[Job]) -> list[Job]:
        """A job in a line is missing too where its key has no turn and is not parked either: nobody would call it. So is one
        with a key that has a lease and no slot: nobody would count it."""
        members: list[Any] = [member(job) for job in jobs]
        keys: list[Any] = [entry[:KEY_BYTES] for entry in members]
        _, slots, turns, parked = turns_of(queue)
        batch = Batch(self._redis)
        batch.commands.sadd(_NAMES, queue)
        for key in (*sets_of(queue), slots):
            batch.commands.zmscore(key, members)
        for key in (turns, parked):
            batch.commands.zmscore(key, keys)
        _, *scores = batch.send()
        places = zip(jobs, members, _known(scores), strict=True)
        return [job for job, entry, found in places if not _is_placed(entry, found)]

    def names(self) -> list[str]:
        """Every queue that ever had a job, but those that ``forget_idle`` forgot."""
        with reaching_redis():
            return sorted(text(name) for name in self._redis.smembers(_NAMES))

    def busy_names(self) -> list[str]:
        """Those of queues that have jobs, of whatever kind."""
        names = self.names()
        return [name for name, is_busy in zip(names, self._are_busy(names), strict=True) if is_busy]

    def keys(self, names: Sequence[str]) -> dict[str, KeyCounts]:
        """By queue: how many of its keys wait, and are held back."""
        batch = Batch(self._redis)
        for name in names:
            _, _, turns, parked = turns_of(name)
            batch.commands.zcard(turns)
            batch.commands.zscore(turns, b"")  # jobs without a key
            batch.commands.zcard(parked)
        answers = iter(batch.send())
        return {name: _counts(next(answers), next(answers), next(answers)) for name in names}

    def forget_idle(self, most: int = MOST_NAMES) -> int:
        """Where there are more names than ``most``, forget those whose queues are empty. Returns how many.

        A submit adds its jobs first and the name after them: so a name that is dropped as its queue comes to life is put back,
        by whoever of both comes last.
        """
        names = self.names()
        if len(names) <= most:
            return 0
        idle = [name for name, is_busy in zip(names, self._are_busy(names), strict=True) if not is_busy]
        return self._dropped(idle) if idle else 0

    def _dropped(self, names: Sequence[str]) -> int:
        with reaching_redis():
            self._redis.srem(_NAMES, *names)
        woken = [name for name, is_busy in zip(names, self._are_busy(names), strict=True) if is_busy]
        if woken:
            with reaching_redis():
                self._redis.sadd(_NAMES, *woken)
        return len(names) - len(woken)

    def _are_busy(self, names: Sequence[str]) -> list[bool]:
        """Whether each has any job, or a key whose turn has to come for it to be forgotten; in one round trip."""
        batch = Batch(self._redis)
        for name in names:
            batch.commands.exists(*sets_of(name), *turns_of(name)[2:])
        return [count > 0 for count in batch.send()]

    def take(self, shares: Mapping[str, int], lease: timedelta) -> Taken:
        """Job ids that may be claimed now, hidden from other workers for ``lease``. shares: most of each queue, at most 2,000.

        What is set of a queue holds: none of a paused one, no more than its slots and rates and those of its keys allow. So
        nothing may be taken while running jobs are missing that hold slots. Who has found that out takes no more until all are
        there again.
        """
        if self._is_lost and not self._knows_all():
            return Taken({}, is_lost=True)
        batch = Batch(self._redis)
        batch.commands.exists(EPOCH)
        for queue, most in shares.items():
            keys = *sets_of(queue), *turns_of(queue)[1:], *throttle_of(queue)
            batch.commands.eval(TAKE, len(keys), *keys, most, _ms(lease))
        batch.commands.exists(WATCHED)
        is_known, *answers, watchers = batch.send()
        self._is_lost = not is_known
        looks = {queue: _look(*answer) for queue, answer in zip(shares, answers, strict=True)}
        return Taken(looks, watchers > 0, self._is_lost)

    def _knows_all(self) -> bool:
        with reaching_redis():
            return bool(self._redis.exists(EPOCH))

    def _put(self, placed: _Places, batch: Batch) -> None:
        for queue, arguments in placed.plain.calls():
            batch.commands.eval(SYNC, 4, *sets_of(queue)[:3], throttle_of(queue)[0], WAKE_CHANNEL, queue, *arguments)
        for queue, arguments in placed.keyed.calls():
            _, delayed, leased, lines = sets_of(queue)
            keys = lines, delayed, leased, *turns_of(queue)[1:], throttle_of(queue)[0]
            batch.commands.eval(SYNC_KEYED, len(keys), *keys, WAKE_CHANNEL, queue, *arguments)
        for queue in placed.queues():
            batch.commands.sadd(_NAMES, queue)  # after its jobs, see forget_idle


READY, DELAYED, LEASED, NOWHERE = range(4)


class _Places:
    """Jobs by queue and by the set they belong to, those with keys apart."""

    def __init__(self) -> None:
        self.plain = _Calls()
        self.keyed = _Calls()

    def add(self, job: Ranked, place: int, score: int | None, ends: Lease = ANY_LEASE) -> None:
        self.add_entry(job.queue, member(job), place, score, ends)

    def add_entry(self, queue: str, entry: bytes, place: int, score: int | None, ends: Lease = ANY_LEASE) -> None:
        calls = self.keyed if is_keyed(entry) else self.plain
        calls.add(queue, entry, place, score, ends)

    def queues(self) -> set[str]:
        return {queue for queue, _ in (*self.plain.sets, *self.keyed.sets)}


class _Calls:
    """Arguments for one of the sync scripts."""

    def __init__(self) -> None:
        self.sets: dict[tuple[str, Lease], tuple[list[Any], list[Any], list[Any], list[Any]]] = {}

    def add(self, queue: str, entry: bytes, place: int, score: int | None, ends: Lease) -> None:
        sets = self.sets.get((queue, ends))
        if sets is None:
            sets = self.sets[queue, ends] = ([], [], [], [])
        if score is not None:
            sets[place].append(score)
        sets[place].append(entry)

    def calls(self) -> Iterator[tuple[str, list[Any]]]:
        """For each queue as many calls as it takes."""
        for (queue, ends), sets in self.sets.items():
            for place, parts in enumerate(sets):
                size = CHUNK if place == NOWHERE else 2 * CHUNK
                for start in range(0, len(parts), size):
                    yield queue, [place + 1, ends, *parts[start : start + size]]


def _known(scores: Sequence[Sequence[float | None]]) -> list[list[bool]]:
    """scores: of each set, for each member. Returns the reverse: for each member whether each set has it."""
    return [[score is not None for score in found] for found in zip(*scores, strict=True)]


def _is_placed(entry: bytes, found: Sequence[bool]) -> bool:
    """found: whether the job is in each of its queue's sets and has a slot, and its key a turn, or is parked."""
    ready, delayed, leased, line, slot, turn, parked = found
    return ready or delayed or (leased and (slot or not is_keyed(entry))) or (line and (turn or parked))


def _counts(turns: int, plain: float | None, parked: int) -> KeyCounts:
    return KeyCounts(turns - (plain is not None), parked)


def _look(wait: int, weight: bytes, lease_end: int, *members: bytes) -> Look:
    return Look([*members], None if wait < 0 else timedelta(milliseconds=wait), float(weight), lease_end)


def _place(job: Job) -> tuple[int, int | None]:
    match job.status:
        case JobStatus.QUEUED if job.waits:
            return DELAYED, _epoch_ms(job.run_at)
        case JobStatus.QUEUED:
            return READY, _ready_score(job)
        case JobStatus.RUNNING if job.lease_expires_at is not None:
            return LEASED, _epoch_ms(job.lease_expires_at)
        case _:
            return NOWHERE, None


def _ready_score(job: Job) -> int:
    """In a line the place follows from the member."""
    return 0 if job.concurrency_key is not None else rank(job) * RANK_STEP + _epoch_ms(job.run_at)


def _epoch_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)


def sets_of(queue: str) -> tuple[str, str, str, str]:
    """Ready, delayed, leased, lines."""
    return f"{{q:{queue}}}:ready", f"{{q:{queue}}}:delayed", f"{{q:{queue}}}:leased", turns_of(queue)[0]


_NAMES = "queues"
