"""Redis: when to look at which job.

Three sorted sets a queue, under one hash tag. A job is in at most one of them, finished jobs are in none:

    ready    score: priority, then time       may be taken now
    delayed  score: run_at                    not yet
    leased   score: when the lease ends       somebody has it

A member is the job's rank (one byte, 0 for the highest priority) and its id, so that a script can rank a job that comes due
without asking anyone. All of it can be lost: ``sync`` puts each job where its row says, in any order and any number of times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import redis

from chalicelib.jobs import Job, JobStatus
from chalicelib.redis_link import WAKE_CHANNEL, Batch, reaching_redis, text

CHUNK = 500  # members a script call, far below what Lua's unpack takes


class Taken(msgspec.Struct, frozen=True):
    """What one look brought: job ids by queue, and when the next job comes due."""

    ids: dict[str, list[UUID]]
    next_due: timedelta | None  # from now; None: nothing is waiting for its time


class Queues:
    """The sets of all queues."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def sync(self, jobs: Iterable[Job], batch: Batch) -> None:
        """Put each job where its row says, and wake sleeping workers when there is something to take sooner than before."""
        for queue, members in _by_queue(jobs).items():
            batch.commands.sadd(_NAMES, queue)
            for start in range(0, len(members), CHUNK):
                chunk = members[start : start + CHUNK]
                batch.commands.eval(
                    _SYNC, 3, *_sets(queue), WAKE_CHANNEL, queue, *(part for each in chunk for part in each)
                )

    def forget(self, queue: str, ids: Iterable[UUID], batch: Batch) -> None:
        """For ids whose rows are gone, and with them their rank: every rank is tried."""
        strays = [bytes([rank]) + job_id.bytes for job_id in ids for rank in range(RANKS)]
        for key in _sets(queue):
            batch.commands.zrem(key, *strays)

    def names(self) -> list[str]:
        """Every queue that ever had a job."""
        with reaching_redis():
            return sorted(text(name) for name in self._redis.smembers(_NAMES))

    def take(self, queues: Sequence[str], limit: int, lease: timedelta) -> Taken:
        """Up to ``limit`` job ids that may be claimed now, hidden from other workers for ``lease``."""
        found: dict[str, list[UUID]] = {}
        waits: list[int] = []
        for queue in queues:
            with reaching_redis():
                wait, *members = self._redis.eval(_TAKE, 3, *_sets(queue), limit, _ms(lease))
            if members:
                found[queue] = [_id(member) for member in members]
                limit -= len(members)
            if wait >= 0:
                waits.append(wait)
            if limit == 0:
                break
        return Taken(found, timedelta(milliseconds=min(waits)) if waits else None)


def _by_queue(jobs: Iterable[Job]) -> dict[str, list[tuple[str, int, bytes]]]:
    """The sync script's arguments by queue: set ("r", "d", "l", or "" for none), score and member."""
    grouped: dict[str, list[tuple[str, int, bytes]]] = {}
    for job in jobs:
        grouped.setdefault(job.queue, []).append((*_place(job), member(job)))
    return grouped


def _place(job: Job) -> tuple[str, int]:
    match job.status:
        case JobStatus.QUEUED if job.waits:
            return "d", _epoch_ms(job.run_at)
        case JobStatus.QUEUED:
            return "r", _rank(job) * RANK_STEP + _epoch_ms(job.run_at)
        case JobStatus.RUNNING if job.lease_expires_at is not None:
            return "l", _epoch_ms(job.lease_expires_at)
        case _:
            return "", 0


def member(job: Job) -> bytes:
    """The job's entry in its queue's sets."""
    return bytes([_rank(job)]) + job.id.bytes


def _rank(job: Job) -> int:
    return 100 - job.priority  # priorities run from -100 to 100


def _id(entry: bytes) -> UUID:
    return UUID(bytes=entry[1:])


def _epoch_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)


def _sets(queue: str) -> tuple[str, str, str]:
    return f"{{q:{queue}}}:ready", f"{{q:{queue}}}:delayed", f"{{q:{queue}}}:leased"


_NAMES = "queues"
RANKS = 201
RANK_STEP = 10**13  # over any time in ms until the year 2286; all ranks stay below 2**53, where a double is exact


# KEYS     ready, delayed, leased
# ARGV[1]  channel to wake workers on
# ARGV[2]  the queue's name, which they are told
# ARGV[3…] for each job: set ("r", "d", "l", "" for none), score, member
# returns  nothing
_SYNC = """
local key = {r = KEYS[1], d = KEYS[2], l = KEYS[3]}
local empty = redis.call('EXISTS', KEYS[1]) == 0
local soonest = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
for i = 3, #ARGV, 3 do
  for set, name in pairs(key) do
    if set ~= ARGV[i] then redis.call('ZREM', name, ARGV[i + 2]) end
  end
  if key[ARGV[i]] then redis.call('ZADD', key[ARGV[i]], ARGV[i + 1], ARGV[i + 2]) end
end
local head = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
if (empty and redis.call('EXISTS', KEYS[1]) == 1) or (head and head ~= soonest) then
  redis.call('PUBLISH', ARGV[1], ARGV[2])
end
"""

# KEYS     ready, delayed, leased
# ARGV[1]  limit     most jobs to take
# ARGV[2]  lease_ms  how long they are hidden from other workers
# returns  ms until the next delayed job or lease is due (-1: none), then members, best first
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
for i = 2, 3 do
  for _, m in ipairs(redis.call('ZRANGEBYSCORE', KEYS[i], '-inf', now, 'LIMIT', 0, ARGV[1])) do
    redis.call('ZREM', KEYS[i], m)
    redis.call('ZADD', KEYS[1], string.byte(m) * 1e13 + now, m)
  end
end
local taken = {-1}
for i, m in ipairs(redis.call('ZPOPMIN', KEYS[1], ARGV[1])) do
  if i % 2 == 1 then taken[#taken + 1] = m; redis.call('ZADD', KEYS[3], now + ARGV[2], m) end
end
for i = 2, 3 do
  local due = redis.call('ZRANGE', KEYS[i], 0, 0, 'WITHSCORES')[2]
  if due and (taken[1] < 0 or due - now < taken[1]) then taken[1] = math.max(0, due - now) end
end
return taken
"""
