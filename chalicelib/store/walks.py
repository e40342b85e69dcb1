"""Walks through partitions of jobs that have old ones: what has expired goes, or the whole partition can go.

A step is one transaction with a bounded number of rows, and knows from ``retention_walks`` where the one before it stopped. So a
crash costs a step, and of several walkers one has the turn.

A partition is first only looked through, up to the first job that has not expired: one whose jobs have all expired is dropped,
which costs next to nothing. Others are walked again from the start and lose what has expired, with tags and logs. Then they are
left alone until something else expires (``retention.next_look``): nothing is read again and again.

Deleted rows leave dead ones behind, for autovacuum to sweep up as anywhere. Their place is not used again before a day's
partition is dropped, and costs no more than it did with the rows in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, LiteralString
from uuid import UUID

import msgspec
import psycopg
from psycopg import sql

from chalicelib.retention import Retention, due_at, next_look
from chalicelib.store.arrays import texts, uuids
from chalicelib.store.database import Database, Row
from chalicelib.store.partitions import Partition, PartitionStore, made_at
from chalicelib.store.retention import ADD_PRUNED, EXPIRES_AT, HAS_EXPIRED, is_our_turn, parameters

LOOKED_AT = 20_000  # rows a step: about 15 ms of reading
DELETED = 2_000  # rows a step: about 30 ms
START = UUID(int=0)


class Came(Enum):
    """What a step came to."""

    MORE = "more"  # there is more to walk
    OVER = "over"  # until the next walk
    EMPTY = "empty"  # nothing is left that has to be kept: the partition can go
    NOT_OURS = "not ours"  # somebody else walks, or the partition has gone


class Step(msgspec.Struct, frozen=True):
    """gone: jobs that it deleted."""

    came: Came
    gone: int = 0


class Due(msgspec.Struct, frozen=True):
    """A partition to walk through. since: how long it has been due. with_sisters: tags and logs of its jobs have partitions too,
    and go with those."""

    partition: Partition
    since: timedelta
    with_sisters: bool


class _Walk(msgspec.Struct, frozen=True):
    """A row of retention_walks. place: the last id that was seen."""

    place: UUID
    empties: bool
    keeps: bool
    keeps_until: datetime | None
    began_at: datetime


class _Seen(msgspec.Struct, frozen=True):
    """A stretch of rows. last: the last one's id, None where there was none; kept: how many have not expired; keeps_until: when
    the first of these does."""

    count: int
    last: UUID | None
    kept: int
    keeps_until: datetime | None
    now: datetime


class WalkStore:
    """Makes steps."""

    def __init__(self, database: Database, looked_at: int = LOOKED_AT, deleted: int = DELETED) -> None:
        self._database = database
        self._looked_at = looked_at
        self._deleted = deleted

    def due(self, retention: Retention) -> list[Due]:
        """What is to be walked through now, oldest first. Catalogs answer it: no job is read."""
        attached = PartitionStore(self._database).attached()
        ranges = Counter((each.first, each.end) for each in attached)
        tables = len({each.parent for each in attached})
        next_at, now = self._next_looks(retention)
        return [
            Due(each, now - due, ranges[each.first, each.end] == tables and not each.is_default)
            for each in attached
            if each.parent == "jobs"
            and (due := due_at(retention, made_at(each.end) if each.end else None, next_at.get(each.oid), now))
            and due <= now
        ]

    def overlong(self, due: Due, retention: Retention, for_longer_than: timedelta) -> UUID | None:
        """A job among the partition's oldest that ought to have gone so long ago."""
        query = (
            """
            SELECT id
              FROM (SELECT id, """
            + EXPIRES_AT
            + """ AS expires_at FROM ONLY {partition} AS job ORDER BY id LIMIT %(limit)s) AS oldest
             WHERE expires_at < now() - %(longer)s
             LIMIT 1
            """
        )
        limits = {"limit": self._looked_at, "longer": for_longer_than}
        with self._database.transaction() as alone:
            rows = _all(alone, query, due.partition, **limits, **parameters(retention))
        return rows[0][0] if rows else None

    def step(self, due: Due, retention: Retention) -> Step:
        """One more stretch of the partition."""
        with self._database.transaction() as alone:
            if not (is_our_turn(alone) and _is_attached(alone, due.partition)):
                return Step(Came.NOT_OURS)
            walk = self._begun(alone, due, retention)
            seen = self._look(alone, due.partition, walk, retention)
            if not walk.empties and seen.kept:
                walk = msgspec.structs.replace(walk, place=START, empties=True)  # again, from the start
                seen = self._look(alone, due.partition, walk, retention)
            gone = self._delete(alone, due.partition, walk, seen, retention) if walk.empties else 0
            return Step(self._save(alone, due, _further(walk, seen), seen, retention), gone)

    def _next_looks(self, retention: Retention) -> tuple[dict[int, datetime], datetime]:
        """By partition, where the last walk was made with these settings. And what time it is."""
        rows = self._database.fetch(
            """
            SELECT now(), partition::bigint, next_at
              FROM (SELECT now()) AS clock
              LEFT JOIN retention_walks ON days IS NOT DISTINCT FROM %(days)s::int[] AND next_at IS NOT NULL
            """,
            {"days": retention.days},
        )
        return {oid: at for _, oid, at in rows if oid is not None}, rows[0][0]

    def _begun(self, alone: psycopg.Connection[Row], due: Due, retention: Retention) -> _Walk:
        """The walk that is under way, or a new one. Where nobody drops, there is no point in only looking."""
        begun: LiteralString = """
            INSERT INTO retention_walks AS walk (partition, days, place, empties, keeps, began_at)
            VALUES (%(oid)s, %(days)s::int[], %(start)s, %(empties)s, false, now())
                ON CONFLICT (partition) DO UPDATE
               SET days = excluded.days, place = excluded.place, empties = excluded.empties, keeps = false, keeps_until = NULL,
                   began_at = now(), next_at = NULL
             WHERE walk.days IS DISTINCT FROM excluded.days OR walk.next_at <= now()
        """
        oid = due.partition.oid
        alone.execute(begun, {"oid": oid, "days": retention.days, "start": START, "empties": not due.with_sisters})
        row = alone.execute(
            "SELECT place, empties, keeps, keeps_until, began_at FROM retention_walks WHERE partition = %(oid)s",
            {"oid": oid},
        ).fetchone()
        return _Walk(*(row or ()))

    def _look(self, alone: psycopg.Connection[Row], partition: Partition, walk: _Walk, retention: Retention) -> _Seen:
        """By jobs' key. Finished rows are not the only ones that are read; of others it is not known when they expire."""
        query = (
            """
            WITH stretch AS MATERIALIZED (
                SELECT id, """
            + HAS_EXPIRED
            + " AS has_expired, "
            + EXPIRES_AT
            + """ AS expires_at
                  FROM ONLY {partition} AS job
                 WHERE id > %(place)s
                 ORDER BY id
                 LIMIT %(limit)s)
            SELECT count(*), (SELECT id FROM stretch ORDER BY id DESC LIMIT 1), count(*) FILTER (WHERE NOT has_expired),
                   min(expires_at) FILTER (WHERE NOT has_expired), now()
              FROM stretch
            """
        )
        return _Seen(
            *_one(
                alone,
                query,
                partition,
                place=walk.place,
                limit=self._deleted if walk.empties else self._looked_at,
                **parameters(retention),
            )
        )

    def _delete(
        self, alone: psycopg.Connection[Row], partition: Partition, walk: _Walk, seen: _Seen, retention: Retention
    ) -> int:
        """Returns how many. A job that somebody revives at this moment is looked at once more, and stays."""
        if seen.count == seen.kept:
            return 0
        query = (
            "DELETE FROM ONLY {partition} AS job WHERE id > %(place)s AND id <= %(last)s AND "
            + HAS_EXPIRED
            + " RETURNING id, status, tags"
        )
        gone = _all(alone, query, partition, place=walk.place, last=seen.last, **parameters(retention))
        if gone:
            counts = Counter(status for _, status, _ in gone)
            alone.execute(ADD_PRUNED, {"statuses": [*counts], "counts": [*counts.values()]})
            _delete_tags(alone, [(tag, job_id.bytes) for job_id, _, tags in gone for tag in tags])
            for table in _BY_JOB:
                _delete_rows(alone, table, [job_id.bytes for job_id, _, _ in gone])
        return len(gone)

    def _save(self, alone: psycopg.Connection[Row], due: Due, walk: _Walk, seen: _Seen, retention: Retention) -> Came:
        """A walk that has come to the end of a partition that can go stays there until it went."""
        is_over = seen.last is None
        can_go = is_over and not walk.keeps and not due.partition.is_default
        next_at = next_look(retention, walk.began_at, walk.keeps_until, seen.now) if is_over and not can_go else None
        alone.execute(
            """
            UPDATE retention_walks
               SET place = %(place)s, empties = %(empties)s, keeps = %(keeps)s, keeps_until = %(keeps_until)s,
                   next_at = %(next_at)s
             WHERE partition = %(oid)s
            """,
            {**msgspec.structs.asdict(walk), "next_at": next_at, "oid": due.partition.oid},
        )
        return Came.EMPTY if can_go else Came.OVER if is_over else Came.MORE


def _is_attached(alone: psycopg.Connection[Row], partition: Partition) -> bool:
    return bool(
        alone.execute(
            "SELECT FROM pg_inherits WHERE inhrelid = %(oid)s AND inhparent = %(parent)s::regclass",
            {"oid": partition.oid, "parent": partition.parent},
        ).fetchall()
    )


def _further(walk: _Walk, seen: _Seen) -> _Walk:
    until = [each for each in (walk.keeps_until, seen.keeps_until) if each is not None]
    return msgspec.structs.replace(
        walk,
        place=seen.last or walk.place,
        keeps=walk.keeps or seen.kept > 0,
        keeps_until=min(until, default=None),
    )


def _delete_tags(alone: psycopg.Connection[Row], tagged: Sequence[tuple[str, bytes]]) -> None:
    """By the whole key: there is no index on the job alone."""
    if tagged:
        alone.execute(
            """
            DELETE FROM job_tags AS old
             USING unnest(%(tags)b, %(ids)b) AS gone (tag, job_id)
             WHERE old.tag = gone.tag AND old.job_id = gone.job_id AND old.job_id BETWEEN %(first)s AND %(last)s
            """,
            {"tags": texts([tag for tag, _ in tagged]), **_bounded([job_id for _, job_id in tagged])},
        )


_BY_JOB = "job_logs", "job_dependents"  # tables whose index begins with the job


def _delete_rows(alone: psycopg.Connection[Row], table: str, ids: Sequence[bytes]) -> None:
    query: LiteralString = "DELETE FROM {} WHERE job_id = ANY(%(ids)b) AND job_id BETWEEN %(first)s AND %(last)s"
    alone.execute(sql.SQL(query).format(sql.Identifier(table)), _bounded(ids))


def _bounded(ids: Sequence[bytes]) -> dict[str, object]:
    return {"ids": uuids(ids), "first": UUID(bytes=min(ids)), "last": UUID(bytes=max(ids))}


def _one(alone: psycopg.Connection[Row], query: LiteralString, partition: Partition, **params: Any) -> Row:
    return _all(alone, query, partition, **params)[0]


def _all(alone: psycopg.Connection[Row], query: LiteralString, partition: Partition, **params: Any) -> list[Row]:
    return alone.execute(sql.SQL(query).format(partition=sql.Identifier(partition.name)), params).fetchall()
