"""What stands for a job in the sets of its queue: a few bytes, by which a script can rank it without asking anyone.

    plain   rank (1 byte, 0 for the highest priority), id (16)
    keyed   hash of its concurrency key (8), rank, id

So all jobs of a key lie side by side, the most urgent first, and among equals the oldest.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Protocol

from chalicelib.jobs import RawId

RANKS = 201
RANK_STEP = 10**13  # over any time in ms until the year 2286; all ranks stay below 2**53, where a double is exact
KEY_BYTES = 8
ID_BYTES = 16


class Ranked(Protocol):
    """What it takes to find a job in its queue's sets."""

    @property
    def raw_id(self) -> RawId: ...
    @property
    def queue(self) -> str: ...
    @property
    def priority(self) -> int: ...
    @property
    def concurrency_key(self) -> str | None: ...


def member(job: Ranked) -> bytes:
    """The job's entry in its queue's sets."""
    plain = _RANK_BYTES[rank(job)] + job.raw_id
    return plain if job.concurrency_key is None else key_hash(job.concurrency_key) + plain


def rank(job: Ranked) -> int:
    return 100 - job.priority  # priorities run from -100 to 100


@lru_cache(maxsize=10_000)
def key_hash(concurrency_key: str) -> bytes:
    """Two keys with one hash, which nobody lives to see, would share their turns and limits."""
    return blake2b(concurrency_key.encode(), digest_size=KEY_BYTES).digest()


def is_member(entry: bytes) -> bool:
    """Whether it can be one of ours."""
    return len(entry) in (1 + ID_BYTES, KEY_BYTES + 1 + ID_BYTES)


def is_keyed(entry: bytes) -> bool:
    return len(entry) > 1 + ID_BYTES


def raw_id_of(entry: bytes) -> RawId:
    return entry[-ID_BYTES:]


_RANK_BYTES = [bytes([rank]) for rank in range(RANKS)]
