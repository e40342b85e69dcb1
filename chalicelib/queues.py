"""Redis: when to look at which job.

Three sorted sets a queue, under one hash tag. A job is in at most one of them, finished jobs are in none:

    ready    score: priority, then time       may be taken now
    delayed  score: run_at                    not yet
    leased   score: when the lease ends       somebody has it

A member is the job's rank (one byte, 0 for the highest priority) and its id, so that a script can rank a job that comes due
without asking anyone. All of it can be lost: ``sync`` puts each job where its row says, in any order and any number of times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import msgspec
import redis

from chalicelib.jobs import Job, JobStatus, RawId
from chalicelib.redis_link import CONNECTIONS, WAKE_CHANNEL, Batch, reaching_redis, text
from chalicelib.throttle import ALLOWANCE, throttle_of

CHUNK = 1_000  # members a script call: with their scores far below what Lua's unpack takes (8,000)


MOST_NAMES = 200  # of queues, before those that are empty are forgotten: every look at the queues looks at all
FEW = 8  # queues, that are looked at one by one


class Taken(msgspec.Struct, frozen=True):
    """What one look brought: job ids (raw) by queue, and when the next job comes due."""

    ids: dict[str, list[RawId]]
    next_due: timedelta | None  # from now: time, a slot or a token may be there; None: nothing is waiting for that
    is_watched: bool = False  # whether somebody was connected at that time


class Ranked(Protocol):
    """What it takes to find a job in its queue's sets."""

    @property
    def raw_id(self) -> RawId: ...
    @property
    def queue(self) -> str: ...
    @property
    def priority(self) -> int: ...


class Queues:
    """The sets of all queues."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def sync(self, jobs: Iterable[Job], batch: Batch) -> None:
        """Put each job where its row says, and wake sleeping workers when there is something to take sooner than before."""
        placed = _Places()
        for job in jobs:
            placed.add(job, *_place(job))
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

    def leave(self, left: Iterable[tuple[str, Ranked]], batch: Batch) -> None:
        """Jobs that are not in these queues any more, but in others, where ``sync`` puts them."""
        by_queue: dict[str, list[bytes]] = {}
        for queue, job in left:
            by_queue.setdefault(queue, []).append(member(job))
        for queue, members in by_queue.items():
            for key in sets_of(queue):
                batch.commands.zrem(key, *members)

    def forget(self, queue: str, ids: Iterable[UUID], batch: Batch) -> None:
        """For ids whose rows are gone, and with them their rank: every rank is tried."""
        strays = [bytes([rank]) + job_id.bytes for job_id in ids for rank in range(RANKS)]
        for key in sets_of(queue):
            batch.commands.zrem(key, *strays)

    def missing(self, jobs: Iterable[Job]) -> list[Job]:
        """Those that are in none of their queue's sets. The queues' names are known again, should they have been lost."""
        by_queue: dict[str, list[Job]] = {}
        for job in jobs:
            by_queue.setdefault(job.queue, []).append(job)
        batch = Batch(self._redis)
        for queue, some in by_queue.items():
            members: list[Any] = [member(job) for job in some]
            batch.commands.sadd(_NAMES, queue)
            for key in sets_of(queue):
                batch.commands.zmscore(key, members)
        answers = iter(batch.send())
        return [job for some in by_queue.values() for job in _in_none(some, [next(answers) for _ in range(4)][1:])]

    def names(self) -> list[str]:
        """Every queue that ever had a job, but those that ``forget_idle`` forgot."""
        with reaching_redis():
            return sorted(text(name) for name in self._redis.smembers(_NAMES))

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
        """Whether each has any job, in one round trip."""
        batch = Batch(self._redis)
        for name in names:
            batch.commands.exists(*sets_of(name))
        return [count > 0 for count in batch.send()]

    def take(self, queues: Sequence[str], limit: int, lease: timedelta) -> Taken:
        """Up to ``limit`` job ids that may be claimed now, hidden from other workers for ``lease``. What is set of a queue holds:
        none of a paused one, no more than its slots and its rate allow."""
        found: dict[str, list[RawId]] = {}
        waits: list[int] = []
        watchers = 0
        for queue in self._worth_a_look(queues):
            batch = Batch(self._redis)
            batch.commands.eval(_TAKE, 5, *sets_of(queue), *throttle_of(queue), limit, _ms(lease))
            batch.commands.hlen(CONNECTIONS)
            (wait, *members), watchers = batch.send()
            if members:
                found[queue] = [member[1:] for member in members]
                limit -= len(members)
            if wait >= 0:
                waits.append(wait)
            if limit == 0:
                break
        return Taken(found, timedelta(milliseconds=min(waits)) if waits else None, watchers > 0)

    def _worth_a_look(self, queues: Sequence[str]) -> Sequence[str]:
        """Where there are many, most are empty: one round trip tells which are not."""
        if len(queues) <= FEW:
            return queues
        return [name for name, is_busy in zip(queues, self._are_busy(queues), strict=True) if is_busy]

    def _put(self, placed: _Places, batch: Batch) -> None:
        for queue, arguments in placed.calls():
            batch.commands.eval(_SYNC, 3, *sets_of(queue), WAKE_CHANNEL, queue, *arguments)
            batch.commands.sadd(_NAMES, queue)  # after its jobs, see forget_idle


READY, DELAYED, LEASED, NOWHERE = range(4)


class _Places:
    """Jobs by queue and by the set they belong to."""

    def __init__(self) -> None:
        self._queues: dict[str, tuple[list[Any], list[Any], list[Any], list[Any]]] = {}

    def add(self, job: Ranked, place: int, score: int | None) -> None:
        sets = self._queues.get(job.queue)
        if sets is None:
            sets = self._queues[job.queue] = ([], [], [], [])
        if score is not None:
            sets[place].append(score)
        sets[place].append(member(job))

    def calls(self) -> Iterator[tuple[str, list[Any]]]:
        """The sync script's arguments, for each queue as many calls as it takes."""
        for queue, sets in self._queues.items():
            for place, parts in enumerate(sets):
                size = CHUNK if place == NOWHERE else 2 * CHUNK
                for start in range(0, len(parts), size):
                    yield queue, [place + 1, *parts[start : start + size]]


def _in_none(jobs: Sequence[Job], scores: Sequence[Sequence[float | None]]) -> list[Job]:
    """scores: of each job, for each set."""
    return [job for job, found in zip(jobs, zip(*scores, strict=True), strict=True) if found == (None, None, None)]


def _place(job: Job) -> tuple[int, int | None]:
    match job.status:
        case JobStatus.QUEUED if job.waits:
            return DELAYED, _epoch_ms(job.run_at)
        case JobStatus.QUEUED:
            return READY, _rank(job) * RANK_STEP + _epoch_ms(job.run_at)
        case JobStatus.RUNNING if job.lease_expires_at is not None:
            return LEASED, _epoch_ms(job.lease_expires_at)
        case _:
            return NOWHERE, None


def member(job: Ranked) -> bytes:
    """The job's entry in its queue's sets."""
    return _RANK_BYTES[_rank(job)] + job.raw_id


def _rank(job: Ranked) -> int:
    return 100 - job.priority  # priorities run from -100 to 100


def _epoch_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)


def sets_of(queue: str) -> tuple[str, str, str]:
    return f"{{q:{queue}}}:ready", f"{{q:{queue}}}:delayed", f"{{q:{queue}}}:leased"


_NAMES = "queues"
RANKS = 201
RANK_STEP = 10**13  # over any time in ms until the year 2286; all ranks stay below 2**53, where a double is exact
_RANK_BYTES = [bytes([rank]) for rank in range(RANKS)]


# KEYS     ready, delayed, leased
# ARGV[1]  channel to wake workers on
# ARGV[2]  the queue's name, which they are told
# ARGV[3]  where the jobs belong: 1 to 3 as in KEYS, 4 for nowhere
# ARGV[4…] score and member of each; nowhere: members only
# returns  nothing
_SYNC = """
local place, step = tonumber(ARGV[3]), ARGV[3] == '4' and 1 or 2
local idle = redis.call('EXISTS', KEYS[1]) == 0
local soonest = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
local members = {}
for i = 3 + step, #ARGV, step do members[#members + 1] = ARGV[i] end
for i = 1, 3 do
  if i ~= place then redis.call('ZREM', KEYS[i], unpack(members)) end
end
if place < 4 then redis.call('ZADD', KEYS[place], unpack(ARGV, 4)) end
local head = place == 2 and redis.call('ZRANGE', KEYS[2], 0, 0)[1]
if (place == 1 and idle) or (head and head ~= soonest) then
  redis.call('PUBLISH', ARGV[1], ARGV[2])
end
"""

# KEYS     ready, delayed, leased; the queue's throttle and its mark
# ARGV[1]  limit     most jobs to take, at most 2,000
# ARGV[2]  lease_ms  how long they are hidden from other workers
# returns  ms until the next delayed job, lease, slot or token is due (-1: none), then members, best first.
#          Of jobs that are held back the wait is their slot's or token's alone: other jobs that come due change nothing.
_TAKE = (
    ALLOWANCE
    + """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function move(members, key, score)
  local parts = {}
  for i, m in ipairs(members) do parts[2 * i - 1], parts[2 * i] = score(m), m end
  if #parts > 0 then redis.call('ZADD', key, unpack(parts)) end
end
for i = 2, 3 do
  local due = redis.call('ZRANGEBYSCORE', KEYS[i], '-inf', now, 'LIMIT', 0, ARGV[1])
  if #due > 0 then redis.call('ZREM', KEYS[i], unpack(due)) end
  move(due, KEYS[1], function(m) return string.byte(m) * 1e13 + now end)
end
local taken, most, wait = {}, allowance(now, tonumber(ARGV[1]))
for i, m in ipairs(most > 0 and redis.call('ZPOPMIN', KEYS[1], most) or {}) do
  if i % 2 == 1 then taken[#taken + 1] = m end
end
move(taken, KEYS[3], function() return now + ARGV[2] end)
local held = #taken == 0 and redis.call('EXISTS', KEYS[1]) == 1
if held and wait then return {wait} end
wait = -1
for i = held and 3 or 2, 3 do
  local due = redis.call('ZRANGE', KEYS[i], 0, 0, 'WITHSCORES')[2]
  if due and (wait < 0 or due - now < wait) then wait = math.max(0, due - now) end
end
return {wait, unpack(taken)}
"""
)
