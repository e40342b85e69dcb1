"""What ``doctor`` asks of Redis. It reads across the other adapters' keys, page by page, and never with KEYS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import redis

from chalicelib.connections import SHARDS, registry
from chalicelib.leadership import CURSORS, leader_of
from chalicelib.members import KEY_BYTES, is_keyed, is_member, raw_id_of
from chalicelib.queues import DELAYED, LEASED, READY, sets_of
from chalicelib.redis_link import Batch, reaching_redis, text
from chalicelib.stream import EVENTS
from chalicelib.turns import turns_of

PAGE = 1_000


class Scores(NamedTuple):
    """A member's score in each of its queue's sets, in ms since the epoch, or by rank in ``ready``, which here stands for the
    lines of keys too, but only where the key will be called. None: it is not in it."""

    ready: float | None
    delayed: float | None
    leased: float | None


class Reminder(msgspec.Struct, frozen=True):
    """An entry of one of a queue's sets. place: as in ``queues``."""

    queue: str
    place: int
    member: bytes

    @property
    def job_id(self) -> UUID | None:
        """None: it is not ours to read."""
        return UUID(bytes=raw_id_of(self.member)) if is_member(self.member) else None


class Memory(msgspec.Struct, frozen=True):
    """policy: what goes when memory is full. used, limit: bytes; limit 0: what the machine has."""

    policy: str
    used: int
    limit: int


class RedisInspection:
    """Questions about queues, watchers and the server. All raise QueueUnavailable, also where we may not look."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def clock(self) -> float:
        """Redis's time, seconds since the epoch."""
        with reaching_redis():
            seconds, micros = self._redis.time()
        return float(seconds) + float(micros) / 1e6

    def memory(self) -> Memory:
        with reaching_redis():
            facts: Any = self._redis.info("memory")
        return Memory(str(facts["maxmemory_policy"]), int(facts["used_memory"]), int(facts["maxmemory"]))

    def scores(self, queue: str, members: list[Any]) -> tuple[float, list[Scores]]:
        """Where the members are, all at one moment, and that moment in ms since the epoch."""
        with reaching_redis(), self._redis.pipeline(transaction=True) as at_once:
            at_once.time()
            for key in sets_of(queue):
                at_once.zmscore(key, members)
            for key in turns_of(queue)[2:]:
                at_once.zmscore(key, [entry[:KEY_BYTES] for entry in members])
            (seconds, micros), *found = at_once.execute()
        return seconds * 1000 + micros / 1000, [_scores(*each) for each in zip(*found, strict=True)]

    def queues_with_sets(self) -> set[str]:
        """Names of all queues that hold reminders, whoever has told of them."""
        with reaching_redis():
            names = {text(key) for key in self._redis.scan_iter(match="{q:*}:*", count=PAGE)}
        return {_queue(name) for name in names}

    def reminders(self, queue: str) -> Iterator[list[Reminder]]:
        """Every entry that stays where it is meanwhile, in pages; some may come twice."""
        for key, place in zip(sets_of(queue), PLACES, strict=True):
            cursor: int | None = None
            while cursor != 0:
                with reaching_redis():
                    answer: Any = self._redis.zscan(key, cursor or 0, count=PAGE)
                cursor, entries = answer
                yield [Reminder(queue, place, member) for member, _ in entries]

    def remove(self, reminder: Reminder, batch: Batch) -> None:
        """The entry itself, and no other of its job."""
        ready, delayed, leased, lines = sets_of(reminder.queue)
        sets = lines if is_keyed(reminder.member) else ready, delayed, leased
        batch.commands.zrem(sets[reminder.place], reminder.member)

    def connection_records(self) -> Iterator[dict[str, bytes]]:
        """The registry as it is written, by connection id, in pages."""
        for shard in range(SHARDS):
            cursor: int | None = None
            while cursor != 0:
                with reaching_redis():
                    answer: Any = self._redis.hscan(registry(shard), cursor or 0, count=PAGE)
                cursor, records = answer
                yield {key.decode(errors="replace"): value for key, value in records.items()}

    def has_unheard_events(self) -> bool:
        """Whether somebody is connected and events wait, but nobody reads them."""
        with reaching_redis():
            cursors = {int(shard): text(cursor) for shard, cursor in self._redis.hgetall(CURSORS).items()}
            return any(
                self._redis.xrange(EVENTS, min=f"({cursors[shard]}" if shard in cursors else "-", count=1)
                for shard in self._unserved()
            )

    def _unserved(self) -> list[int]:
        """Shards with connections that nobody leads."""
        batch = Batch(self._redis)
        for shard in range(SHARDS):
            batch.commands.hlen(registry(shard))
            batch.commands.exists(leader_of(shard))
        answers = batch.send()
        return [shard for shard in range(SHARDS) if answers[2 * shard] and not answers[2 * shard + 1]]


PLACES = (READY, DELAYED, LEASED, READY)  # of a queue's sets


def _scores(
    ready: float | None, delayed: float | None, leased: float | None, line: float | None, *called: float | None
) -> Scores:
    is_called = any(turn is not None for turn in called)
    return Scores(line if ready is None and is_called else ready, delayed, leased)


def _queue(key: str) -> str:
    return key.removeprefix("{q:").rpartition("}:")[0]
