"""Redis: the copy of the queues' settings that ``take`` obeys, and the pace that rates ask for.

Postgres has the truth, and maintenance puts the copy right every few seconds. A queue that was ever set has a second key beside
its copy: where the copy alone is lost, nothing is taken until it is back. After the loss of all of Redis nothing is taken of any
queue until copies, leases and jobs are back (``Queues.take``).

A pace is one number: when the next start would be due, had all starts kept their distance. It may lie ahead of the clock by as
much as the burst allows. Whose number has passed is as good as unknown, and goes when others start.
Source: the virtual scheduling form of the generic cell rate algorithm, ITU-T I.371.
"""

from __future__ import annotations

from collections.abc import Sequence

import redis

from chalicelib.queue_settings import QueueSettings, Rate
from chalicelib.redis_link import WAKE_CHANNEL, Batch


class Throttle:
    """Copies of settings, each fenced by its version."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def put(self, settings: QueueSettings, batch: Batch) -> None:
        """Unless there is a newer copy. Sleeping workers look again: they may take now what they might not before."""
        copy, mark, _ = throttle_of(settings.name)
        keys = copy, mark, parked_of(settings.name)
        batch.commands.eval(_PUT, 3, *keys, WAKE_CHANNEL, settings.name, settings.version, *_fields(settings))

    def wrong(self, settings: Sequence[QueueSettings]) -> list[QueueSettings]:
        """Those whose copy says something else, or is lost."""
        batch = Batch(self._redis)
        for each in settings:
            copy, mark, _ = throttle_of(each.name)
            batch.commands.hmget(copy, *FIELDS)
            batch.commands.exists(mark)
        answers = iter(batch.send())
        return [each for each in settings if (next(answers), next(answers)) != (_copied(each), 1)]


def throttle_of(queue: str) -> tuple[str, str, str]:
    """The copy, what tells that there ought to be one, and the pace."""
    return f"throttle:{{q:{queue}}}", f"throttled:{{q:{queue}}}", f"pace:{{q:{queue}}}"


def parked_of(queue: str) -> str:
    """Keys whose jobs may not start now."""
    return f"parked:{{q:{queue}}}"


FIELDS = ("paused", "max_running", "interval", "burst", "key_max_running", "key_interval", "key_burst", "weight")


def _fields(settings: QueueSettings) -> list[str]:
    """As HSET wants them; what is left out is no limit."""
    values = (
        "1" if settings.paused else "0",
        settings.max_running,
        *_pace(settings.rate_limit),
        settings.max_running_per_key,
        *_pace(settings.rate_limit_per_key),
        settings.weight,
    )
    known = zip(FIELDS, values, strict=True)
    return [part for name, value in known if value is not None for part in (name, str(value))]


def _pace(rate: Rate | None) -> tuple[float | None, int | None]:
    return (rate.interval_ms, rate.at_once) if rate else (None, None)


def _copied(settings: QueueSettings) -> list[bytes | None]:
    fields = _fields(settings)
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    return [values[name].encode() if name in values else None for name in FIELDS]


# KEYS     the copy, its mark, and the parked keys, which may be looked at again: their limits may be other ones now
# ARGV     channel to wake workers on, the queue's name, version of the settings, then their fields and values
# returns  nothing
_PUT = """
if tonumber(redis.call('HGET', KEYS[1], 'version') or 0) > tonumber(ARGV[3]) then return end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[3], unpack(ARGV, 4))
redis.call('SET', KEYS[2], 1)
redis.call('ZUNIONSTORE', KEYS[3], 1, KEYS[3], 'WEIGHTS', 0)
redis.call('PUBLISH', ARGV[1], ARGV[2])
"""

# The parts of ``take`` that obey. They know ``remove``, and LEASED, a set of live leases: a slot is one of them, never a counter.
# COPY     HASH  see FIELDS; intervals are ms from one start to the next
# MARK     exists where COPY ought to
# PACE     ZSET  whose pace -> when the next start is due, ms; '' is the queue's own
ALLOWANCE = """
local paused, slots, interval, burst, key_slots, key_interval, key_burst, weight = unpack(redis.call('HMGET', COPY,
  'paused', 'max_running', 'interval', 'burst', 'key_max_running', 'key_interval', 'key_burst', 'weight'))

-- Never further ahead than the burst allows: the rate was another one, or the clock was set back.
local function next_start(name, every, at_once)
  local due, latest = math.max(now, tonumber(redis.call('ZSCORE', PACE, name) or 0)), now + at_once * every
  if due > latest then redis.call('ZADD', PACE, latest, name) end
  return math.min(due, latest)
end

-- How many may start now, ms until one may, and when the next start is due.
local function pace(name, every, at_once)
  local due = next_start(name, every, at_once)
  local slack = now + (at_once - 1) * every - due
  if slack < -0.001 then return 0, math.min(864e5, math.max(1, math.ceil(-slack))), due end
  return math.floor((slack + 0.001) / every) + 1, 0, due
end

-- starts: when the next one is due, and whose, in turns. Makes room for them: what has passed says nothing any more.
local function charge(starts)
  if #starts == 0 then return end
  remove(redis.call('ZRANGEBYSCORE', PACE, '-inf', now, 'LIMIT', 0, 1000), PACE)
  redis.call('ZADD', PACE, unpack(starts))
  local last = redis.call('ZRANGE', PACE, -1, -1, 'WITHSCORES')[2]
  redis.call('PEXPIRE', PACE, math.ceil(last - now) + 1000)
end

-- How many of ``most`` may start now, slots aside; and where it is none, ms until there may be more (-1: until somebody says so).
-- Not under 20 ms: a fast queue is looked at for a handful of starts, not for each.
local function startable(most)
  if not paused then return redis.call('EXISTS', MARK) == 0 and most or 0, 1000 end
  if paused == '1' then return 0, -1 end
  if not interval then return most, 0 end
  local count, wait = pace('', tonumber(interval), tonumber(burst))
  return math.min(most, count), math.max(20, wait)
end

local function free_slots()
  return slots and slots - redis.call('ZCARD', LEASED) or 1e9
end
"""
