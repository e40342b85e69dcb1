"""Partitions that go as a whole: first out of their table, then looked through once more, then dropped.

Taking one out needs its table for itself, for a few milliseconds. DETACH … CONCURRENTLY would need less, but there is none while
a table has a default partition. So we ask for the lock and soon give up (``Database.gives_way``), and ask again the next turn.

The same transaction writes down which table that was, by its oid, and only what is written down is ever dropped: not what is
called like a partition, and not what has been attached again. So a crash in between leaves nothing that is not found.

Between the last look at the rows and the moment when they are out, somebody may have revived one, and it may have run since. One
that is unfinished then keeps the partition where it is; one that has ended again is put back among the jobs before the drop.
"""

from __future__ import annotations

import logging
from typing import LiteralString

import msgspec
import psycopg
from psycopg import sql

from chalicelib.retention import Retention
from chalicelib.store.database import Database, Row
from chalicelib.store.partitions import Partition, PartitionStore, made_at
from chalicelib.store.retention import ADD_PRUNED, HAS_EXPIRED, OUR_TURN, is_our_turn, parameters

logger = logging.getLogger(__name__)

PAGES = 1_000  # of 8 KB a step: about 20 ms of reading


class Detached(msgspec.Struct, frozen=True):
    """A row of detached_partitions. page: where to go on looking."""

    oid: int
    parent: str
    name: str
    page: int


class DetachedStore:
    """Takes partitions out, and drops them."""

    def __init__(self, database: Database, pages: int = PAGES) -> None:
        self._database = database
        self._pages = pages

    def detach(self, partition: Partition) -> bool:
        """Returns whether it is out: not where others would have had to wait, or a job in it is unfinished."""
        self._database.gives_way(_detachment(partition))
        return any(each.oid == partition.oid for each in self.all())

    def all(self) -> list[Detached]:
        """Those that are out and not dropped, oldest first."""
        rows = self._database.fetch(
            "SELECT partition::bigint, parent, name, page FROM detached_partitions ORDER BY detached_at, name"
        )
        return [Detached(*row) for row in rows]

    def orphans(self, retention: Retention) -> list[Partition]:
        """Partitions of tags and logs whose jobs have gone, all of them, and whose day is old enough."""
        attached = PartitionStore(self._database).attached()
        days = {(each.first, each.end) for each in attached if each.parent == "jobs"}
        lonely = [each for each in attached if (each.first, each.end) not in days and not each.is_default]
        return [each for each in lonely if self._is_forsaken(each, retention)]

    def step(self, detached: Detached, retention: Retention) -> bool:
        """Look through some more of it, or drop it. Returns whether it is still there, and ours to go on with."""
        with self._database.transaction() as alone:
            page = _our_page(alone, detached)
            if page is None:
                return False
            if detached.parent == "jobs" and page < _size(alone, detached):
                self._look(alone, detached, page, retention)
                return True
        if self._database.gives_way(_drop(detached)) and all(each.oid != detached.oid for each in self.all()):
            logger.info("dropped a partition", extra={"partition": detached.name})
        return False

    def _is_forsaken(self, partition: Partition, retention: Retention) -> bool:
        if partition.end is None or retention.shortest is None:
            return False
        ((is_forsaken,),) = self._database.fetch(
            """
            SELECT %(made_by)s + %(kept_for)s <= now()
                   AND NOT EXISTS (SELECT FROM jobs WHERE id >= %(first)s AND id < %(end)s)
            """,
            {
                "made_by": made_at(partition.end),
                "kept_for": retention.shortest,
                "first": partition.first,
                "end": partition.end,
            },
        )
        return bool(is_forsaken)

    def _look(self, alone: psycopg.Connection[Row], detached: Detached, page: int, retention: Retention) -> None:
        """Nobody writes to it any more, so that its pages stay as they are."""
        stretch = {"from": f"({page},0)", "to": f"({page + self._pages},0)", **parameters(retention)}
        table = sql.Identifier(detached.name)
        columns = _columns(alone, detached)
        put_back = (
            "INSERT INTO jobs ({columns}) SELECT {columns} FROM {table} AS job WHERE "
            + _STRETCH
            + " AND NOT "
            + HAS_EXPIRED
        )
        kept = alone.execute(sql.SQL(put_back).format(columns=columns, table=table), stretch).rowcount
        if kept:
            logger.warning("jobs that were revived are put back", extra={"partition": detached.name, "count": kept})
        count = "SELECT status, count(*) FROM {table} AS job WHERE " + _STRETCH + " AND " + HAS_EXPIRED + " GROUP BY 1"
        gone: dict[str, int] = dict(alone.execute(sql.SQL(count).format(table=table), stretch).fetchall())
        alone.execute(ADD_PRUNED, {"statuses": [*gone], "counts": [*gone.values()]})
        alone.execute(
            "UPDATE detached_partitions SET page = %(page)s WHERE partition = %(oid)s",
            {"page": page + self._pages, "oid": detached.oid},
        )


_STRETCH: LiteralString = "job.ctid >= %(from)s::tid AND job.ctid < %(to)s::tid"


def _detachment(partition: Partition) -> sql.Composed:
    """One statement, so that its time limit covers all of it. It looks before it asks for the lock, and again when it has it."""
    is_busy = sql.SQL("EXISTS (SELECT FROM ONLY {} WHERE finished_at IS NULL)").format(sql.Identifier(partition.name))
    return sql.SQL(
        """
        DO $$ BEGIN
            IF NOT {our_turn} OR NOT EXISTS (
               SELECT FROM pg_inherits WHERE inhrelid = {oid} AND inhparent = {parent_name}::regclass) THEN RETURN;
            END IF;
            IF {is_busy} THEN DELETE FROM retention_walks WHERE partition = {oid}; RETURN; END IF;
            LOCK TABLE ONLY {parent} IN ACCESS EXCLUSIVE MODE;
            IF {is_busy} THEN RETURN; END IF;
            ALTER TABLE {parent} DETACH PARTITION {name};
            DELETE FROM retention_walks WHERE partition = {oid};
            INSERT INTO detached_partitions (partition, parent, name) VALUES ({oid}, {parent_name}, {text});
        END $$
        """
    ).format(
        our_turn=sql.SQL(OUR_TURN),
        oid=partition.oid,
        parent=sql.Identifier(partition.parent),
        parent_name=partition.parent,
        name=sql.Identifier(partition.name),
        text=partition.name,
        is_busy=is_busy if partition.parent == "jobs" else sql.SQL("false"),
    )


def _our_page(alone: psycopg.Connection[Row], detached: Detached) -> int | None:
    """Where to go on. None: somebody else does, or it has been dropped or attached again. What is gone is forgotten."""
    if not is_our_turn(alone):
        return None
    alone.execute(
        """
        DELETE FROM detached_partitions AS old
         WHERE partition = %(oid)s
           AND (EXISTS (SELECT FROM pg_inherits WHERE inhrelid = old.partition)
                OR NOT EXISTS (SELECT FROM pg_class WHERE oid = old.partition AND oid = to_regclass(old.name)))
        """,
        {"oid": detached.oid},
    )
    row = alone.execute(
        "SELECT page FROM detached_partitions WHERE partition = %(oid)s", {"oid": detached.oid}
    ).fetchone()
    return int(row[0]) if row else None


def _size(alone: psycopg.Connection[Row], detached: Detached) -> int:
    """In pages."""
    ((size,),) = alone.execute(
        "SELECT pg_relation_size(%(oid)s) / current_setting('block_size')::int", {"oid": detached.oid}
    ).fetchall()
    return int(size)


def _columns(alone: psycopg.Connection[Row], detached: Detached) -> sql.Composed:
    """Of jobs, without those that Postgres computes, and those that a migration has added since this was taken out."""
    rows = alone.execute(
        """
        SELECT attname FROM pg_attribute AS mine
         WHERE attrelid = 'jobs'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
           AND EXISTS (SELECT FROM pg_attribute AS its
                        WHERE its.attrelid = %(oid)s AND its.attname = mine.attname AND NOT its.attisdropped)
        """,
        {"oid": detached.oid},
    ).fetchall()
    return sql.SQL(", ").join([sql.Identifier(name) for (name,) in rows])


def _drop(detached: Detached) -> sql.Composed:
    """Under its own lock: it may have been attached since we looked, or dropped by another pruner, of which a session may hear no
    sooner than with the lock."""
    return sql.SQL(
        """
        DO $$ BEGIN
            IF NOT {our_turn} OR to_regclass({text})::oid IS DISTINCT FROM {oid}::oid THEN RETURN;
            END IF;
            BEGIN
                LOCK TABLE ONLY {name} IN ACCESS EXCLUSIVE MODE;
            EXCEPTION WHEN undefined_table THEN RETURN;
            END;
            IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = {oid}) THEN RETURN; END IF;
            DROP TABLE {name};
            DELETE FROM detached_partitions WHERE partition = {oid};
        END $$
        """
    ).format(our_turn=sql.SQL(OUR_TURN), text=detached.name, oid=detached.oid, name=sql.Identifier(detached.name))
