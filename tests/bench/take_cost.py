"""What taking jobs costs Redis: plain ones, those of keys however many keys wait, and delayed ones that come due.

    python -m tests.bench.take_cost

Redis alone, through the adapter that workers use, without claims: microseconds of Redis's own time for each job (``INFO
commandstats``), and the longest single call, which is how long others had to wait for it.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import redis
from uuid_utils.compat import uuid7

from chalicelib.chores import Chores
from chalicelib.jobs import LEASE, RawId
from chalicelib.members import member
from chalicelib.queue_settings import QueueSettings, Rate
from chalicelib.queues import Queues, sets_of
from chalicelib.redis_link import Batch
from chalicelib.throttle import Throttle
from chalicelib.turns import turns_of
from infra.local.services import databases

QUEUE = "bench"
BATCH = 1_000
WAITING = 100_000
KEYS = (1, 10, 100, 1_000, 10_000, 100_000)
DELAYED = 1_000_000
AT_ONCE = 50_000


class Entry(msgspec.Struct, frozen=True):
    """What it takes to put a job into its queue's sets."""

    raw_id: RawId
    queue: str = QUEUE
    priority: int = 0
    concurrency_key: str | None = None


class Cost(msgspec.Struct, frozen=True):
    """jobs: taken. us_a_job: of Redis's time. longest_ms: the slowest call, as the caller saw it."""

    jobs: int
    us_a_job: float
    longest_ms: float
    median_ms: float


class Bench:
    """One Redis, emptied before each case."""

    def __init__(self, client: redis.Redis) -> None:
        self.redis = client
        self.queues = Queues(client)

    def fill(self, entries: Sequence[Entry], at: datetime | None = None) -> None:
        """at: when they are due; None: now."""
        keyed = entries[0].concurrency_key is not None
        ready, delayed, _, lines = sets_of(QUEUE)
        _, _, turns, _ = turns_of(QUEUE)
        scores = {member(entry): n for n, entry in enumerate(entries)}
        for some in _chunks(list(scores), 5_000):
            if at is not None:
                self.redis.zadd(delayed, dict.fromkeys(some, at.timestamp() * 1000))
            elif keyed:
                self.redis.zadd(lines, dict.fromkeys(some, 0))
                self.redis.zadd(turns, {entry[:8]: 100 * 1e13 for entry in some})
            else:
                self.redis.zadd(ready, {entry: 100 * 1e13 + scores[entry] for entry in some})

    def clear(self, settings: QueueSettings | None = None) -> None:
        self.redis.flushall()
        Chores(self.redis).set_epoch()
        if settings is not None:
            batch = Batch(self.redis)
            Throttle(self.redis).put(settings, batch)
            batch.send()

    def take(self, most: int, batch: int = BATCH) -> Cost:
        """Until that many are there, or no more come."""
        self.redis.config_resetstat()
        taken, times = 0, []
        while taken < most:
            began = time.perf_counter()
            look = self.queues.take({QUEUE: min(batch, most - taken)}, LEASE).looks[QUEUE]
            times.append((time.perf_counter() - began) * 1000)
            taken += len(look.members)
            if not look.members and look.wait != timedelta(0):
                break
        return Cost(taken, self._spent_us() / max(1, taken), max(times), statistics.median(times))

    def _spent_us(self) -> float:
        stats = self.redis.info("commandstats")
        return float(stats["cmdstat_eval"]["usec"])


def cases(bench: Bench) -> Iterator[tuple[str, Cost]]:
    bench.clear()
    bench.fill([_entry() for _ in range(WAITING)])
    yield f"plain, {WAITING:,} wait, {BATCH} a look", bench.take(50_000)
    yield f"plain, {WAITING // 2:,} wait, 16 a look", bench.take(8_000, 16)
    limits = QueueSettings(
        name=QUEUE, max_running_per_key=1_000, rate_limit_per_key=Rate(jobs=1e6, burst=1_000), version=1
    )
    for keys in KEYS:
        for name, settings in (("", None), (", limited", limits)):
            bench.clear(settings)
            bench.fill([_entry(str(n % keys)) for n in range(max(WAITING, keys))])
            yield f"{keys:,} keys{name}, {WAITING:,} wait, 1000 a look", bench.take(20_000)
            yield f"{keys:,} keys{name}, 16 a look", bench.take(4_000, 16)
    bench.clear()
    bench.fill([_entry() for _ in range(DELAYED)], datetime.now(UTC) + timedelta(days=1))
    bench.fill([_entry() for _ in range(10_000)])
    yield f"plain, beside {DELAYED:,} delayed", bench.take(10_000)
    bench.clear()
    bench.fill([_entry() for _ in range(AT_ONCE)], datetime.now(UTC))
    yield f"{AT_ONCE:,} due in the same second", bench.take(AT_ONCE)
    bench.clear()
    bench.fill([_entry(str(n % 10_000)) for n in range(AT_ONCE)], datetime.now(UTC))
    yield f"{AT_ONCE:,} due in the same second, 10,000 keys", bench.take(AT_ONCE)


def _entry(key: str | None = None) -> Entry:
    return Entry(uuid7().bytes, concurrency_key=key)


def _chunks(values: list[bytes], size: int) -> Iterator[list[bytes]]:
    return (values[start : start + size] for start in range(0, len(values), size))


def main() -> None:
    sys.stdout.write(f"{'':<55} {'jobs':>8} {'µs/job':>8} {'median ms':>10} {'longest ms':>10}\n")
    with databases() as addresses:
        for name, cost in cases(Bench(redis.Redis.from_url(addresses.redis_url))):
            figures = f"{cost.jobs:>8,} {cost.us_a_job:>8.2f} {cost.median_ms:>10.2f} {cost.longest_ms:>10.2f}"
            sys.stdout.write(f"{name:<55} {figures}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
