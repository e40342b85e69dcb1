"""Partitions of coming days are made while their tables are in use, without reading what is there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from chalicelib.store.database import Database
from chalicelib.store.partitions import FILLFACTORS, PartitionStore, _attached, _created, _promise, first_id
from infra.local.services import Addresses
from tests.integration.conftest import World
from tests.integration.old_days import ONE, Connection, exist, name_of, no_old_partitions

__all__ = ["no_old_partitions"]


def test_a_partition_that_is_made_beside_its_table_is_as_one_made_in_it(
    conn: Connection, database: Database, world: World
) -> None:
    (day,) = {datetime.now(UTC).date() + timedelta(days=7)}
    for table in FILLFACTORS:
        made, reference = name_of(day, table), name_of(ONE, table)
        conn.execute(f"DROP TABLE {made}".encode())
        conn.execute(
            f"CREATE TABLE {reference} PARTITION OF {table} FOR VALUES FROM ('{first_id(ONE)}')"
            f" TO ('{first_id(ONE + timedelta(days=1))}') WITH (fillfactor = {FILLFACTORS[table]})".encode()
        )

    PartitionStore(database).ensure()

    for table in FILLFACTORS:
        made, reference = name_of(day, table), name_of(ONE, table)
        assert catalog(conn, made) == catalog(conn, reference)


def catalog(conn: Connection, name: str) -> list[Any]:
    """All that tells partitions apart, but their names and bounds."""
    suffix = name.rpartition("_")[2]
    questions = (
        "SELECT relkind, relpersistence, relispartition, reloptions, relhasindex, relrowsecurity FROM pg_class WHERE oid = {}",
        """SELECT attname, atttypid, attnotnull, attgenerated, attstorage, attcompression, attinhcount, attislocal,
                  pg_get_expr(adbin, adrelid)
             FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
            WHERE attrelid = {} AND attnum > 0 ORDER BY attnum""",
        """SELECT conname, contype, convalidated, coninhcount, conislocal, conparentid, pg_get_constraintdef(oid)
             FROM pg_constraint WHERE conrelid = {} ORDER BY conname""",
        """SELECT pg_get_indexdef(indexrelid), indisprimary, indisvalid, inhparent
             FROM pg_index LEFT JOIN pg_inherits ON inhrelid = indexrelid WHERE indrelid = {} ORDER BY 1""",
    )
    asked = [conn.execute(each.format(f"'{name}'::regclass").encode()).fetchall() for each in questions]
    told: list[Any] = json.loads(json.dumps(asked, default=str).replace(suffix, "DAY"))
    return told


def test_a_table_in_use_gets_its_partition_later(conn: Connection, database: Database, addresses: Addresses) -> None:
    name = name_of(datetime.now(UTC).date() + timedelta(days=7))
    conn.execute(f"DROP TABLE {name}".encode())
    with psycopg.connect(addresses.database_url) as busy:
        busy.execute("LOCK TABLE jobs_default IN ROW EXCLUSIVE MODE")
        assert PartitionStore(database).ensure() == []
        assert exist(conn, name) == [False]
        busy.rollback()

    assert PartitionStore(database).ensure() == [name]


def test_submits_and_claims_go_on_while_a_partition_is_made(
    conn: Connection, database: Database, addresses: Addresses
) -> None:
    name = name_of(datetime.now(UTC).date() + timedelta(days=7))
    conn.execute(f"DROP TABLE {name}".encode())
    today = name_of(datetime.now(UTC).date())
    with psycopg.connect(addresses.database_url) as busy:
        busy.execute(f"LOCK TABLE ONLY jobs, ONLY {today} IN ROW EXCLUSIVE MODE".encode())

        assert PartitionStore(database).ensure() == [name]


def test_a_default_partition_that_is_too_full_to_be_read_under_a_lock_is_read_without_one(
    conn: Connection, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full is stood in for: the lock is refused while nothing promises that no row is there."""
    days = [datetime.now(UTC).date() + timedelta(days=n) for n in (1, 5, 7)]
    for day in days:
        conn.execute(f"DROP TABLE {name_of(day)}".encode())
    gives_way = database.gives_way

    def refusing(statement: Any, **options: Any) -> bool:
        is_refused = "ATTACH" in statement.as_string(conn) and promises(conn) != [True]
        return not is_refused and gives_way(statement, **options)

    monkeypatch.setattr(database, "gives_way", refusing)
    made = PartitionStore(database).ensure()
    monkeypatch.undo()

    assert made == [name_of(day) for day in days[1:]]
    assert promises(conn) == []
    assert PartitionStore(database).ensure() == [name_of(days[0])]


def promises(conn: Connection) -> list[bool]:
    """Whether each was checked."""
    rows = conn.execute("SELECT convalidated FROM pg_constraint WHERE conname = 'no_rows_of_coming_days'").fetchall()
    return [is_checked for (is_checked,) in rows]


def test_postgres_believes_the_promise_and_reads_nothing(conn: Connection, addresses: Addresses) -> None:
    day = datetime.now(UTC).date() + timedelta(days=5)
    told: list[str] = []
    with psycopg.connect(addresses.database_url) as alone:
        alone.execute(f"DROP TABLE {name_of(day)}".encode())
        alone.execute(_promise("jobs", day - timedelta(days=2), day + timedelta(days=2)))
        alone.execute("ALTER TABLE jobs_default VALIDATE CONSTRAINT no_rows_of_coming_days")
        alone.execute(_created(name_of(day), "jobs"))
        alone.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
        alone.execute("SET LOCAL client_min_messages = debug1")
        alone.execute(_attached(name_of(day), "jobs", day))
        alone.rollback()

    (believed,) = [line for line in told if "default" in line and "implied" in line]
    assert "jobs_default" in believed


def test_a_promise_that_a_crash_has_left_goes_with_the_next_look(conn: Connection, database: Database) -> None:
    day = datetime.now(UTC).date() + timedelta(days=5)
    conn.execute(_promise("job_logs", day, day))

    PartitionStore(database).ensure()

    assert promises(conn) == []
