"""Redis: which container workers are alive, what every worker does, and the bell that wakes them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
import redis

from chalicelib.jobs import Job
from chalicelib.redis_link import CANCEL_CHANNEL, WAKE_CHANNEL, Batch, reaching_redis, text

SIGN_OF_LIFE = timedelta(seconds=3)  # a killed worker is taken to be alive this long; meanwhile submits wake no Lambda

KEPT = timedelta(minutes=5)  # so that a killed worker can still be seen

Form = Literal["container", "lambda"]
FORMS: tuple[Form, ...] = ("container", "lambda")


class WorkerReport(msgspec.Struct, frozen=True, kw_only=True):
    """A worker process. running: the first hundred of the jobs whose handlers run. queues: that it takes from; none: all."""

    id: str
    form: Form
    host: str
    pid: int
    version: str
    concurrency: int
    started_at: datetime
    seen_at: datetime
    running: list[UUID]
    running_count: int
    queues: list[str] = []


class Workers:
    """Signs of life, by Redis's clock."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def show_life(self, worker_id: str) -> None:
        with reaching_redis():
            self._redis.eval(_SHOW_LIFE, 1, _ALIVE, worker_id, int(SIGN_OF_LIFE.total_seconds() * 1000))

    def say_goodbye(self, worker_id: str) -> None:
        with reaching_redis():
            self._redis.zrem(_ALIVE, worker_id)
            self._redis.zrem(_SEEN, worker_id)
            self._redis.hdel(_REPORTS, worker_id)

    def report(self, report: WorkerReport) -> None:
        """Whatever form it has. When it was seen, Redis says."""
        with reaching_redis():
            self._redis.eval(
                _REPORT, 2, _SEEN, _REPORTS, report.id, msgspec.json.encode(report), int(KEPT.total_seconds() * 1000)
            )

    def all(self, seen_within: timedelta = KEPT) -> list[WorkerReport]:
        """Those that reported lately and did not say goodbye, oldest first."""
        with reaching_redis(), self._redis.pipeline() as commands:
            commands.time()
            commands.zrange(_SEEN, 0, -1, withscores=True)
            commands.hgetall(_REPORTS)
            (seconds, _), seen, reports = commands.execute()
        living = {each: score / 1000 for each, score in seen if score / 1000 > seconds - seen_within.total_seconds()}
        found = [_seen(reports[each], at) for each, at in living.items() if each in reports]
        return sorted(found, key=lambda report: report.started_at)

    def count(self, batch: Batch) -> None:
        """Adds the number of living workers to the batch's answers."""
        batch.commands.eval(_COUNT, 1, _ALIVE)

    def nudge(self, jobs: Iterable[Job], batch: Batch) -> None:
        """Tell whoever runs these jobs that somebody asked for their end. The rows say so too, should nobody hear it."""
        for job in jobs:
            batch.commands.publish(CANCEL_CHANNEL, _NUDGE.pack(job.id.bytes, job.attempt))

    def listen(
        self,
        on_wake: Callable[[str], None],
        on_cancel: Callable[[UUID, int], None],
        on_hearing: Callable[[], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Until told to stop, call ``on_wake`` with a queue that has news, ``on_cancel`` with an attempt that must end.

        on_hearing: once nothing will be missed any more that is said from then on. Raises QueueUnavailable.
        """
        with reaching_redis(), self._redis.pubsub() as bell:
            bell.subscribe(WAKE_CHANNEL, CANCEL_CHANNEL)
            while not should_stop():
                match bell.get_message(timeout=0.25):
                    case {"type": "subscribe", "data": 2}:  # both of them
                        on_hearing()
                    case {"type": "message", "channel": channel, "data": data} if text(channel) == CANCEL_CHANNEL:
                        job_id, attempt = _NUDGE.unpack(data)
                        on_cancel(UUID(bytes=job_id), attempt)
                    case {"type": "message", "data": data}:
                        on_wake(text(data))


def _seen(encoded: bytes, at: float) -> WorkerReport:
    report = msgspec.json.decode(encoded, type=WorkerReport)
    return msgspec.structs.replace(report, seen_at=datetime.fromtimestamp(at, UTC))


_ALIVE = "workers"
_SEEN = "{workers}:seen"
_REPORTS = "{workers}:reports"
_NUDGE = struct.Struct("!16sI")  # a job's id, and the attempt that was running: after a revival it is another

# KEYS[1]  ZSET  worker id -> when its sign of life ends, ms since the epoch
# ARGV     worker id, how long the sign lasts in ms
_SHOW_LIFE = """
local clock = redis.call('TIME')
redis.call('ZADD', KEYS[1], clock[1] * 1000 + math.floor(clock[2] / 1000) + ARGV[2], ARGV[1])
"""

# KEYS[1]  as above
# returns  how many signs of life have not ended
_COUNT = """
local clock = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', clock[1] * 1000 + math.floor(clock[2] / 1000))
return redis.call('ZCARD', KEYS[1])
"""

# KEYS[1]  ZSET  worker id -> when it reported last, ms since the epoch
# KEYS[2]  HASH  worker id -> its report
# ARGV     worker id, report, how long a report is kept in ms
_REPORT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3], 'LIMIT', 0, 1000)
if #gone > 0 then
  redis.call('ZREM', KEYS[1], unpack(gone))
  redis.call('HDEL', KEYS[2], unpack(gone))
end
"""
