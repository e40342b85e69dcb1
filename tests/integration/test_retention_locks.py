"""Pruning among others: whatever holds a lock, nobody waits for it, and no job is pruned twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.errors import LockNotAvailable

from chalicelib.jobs import JobStatus
from chalicelib.pruning import JobPruning
from chalicelib.retention import Retention
from chalicelib.store.database import LOCK_WAIT, Database
from chalicelib.store.detached import DetachedStore
from chalicelib.store.jobs import JobStore
from chalicelib.store.partitions import PartitionStore
from chalicelib.store.walks import Came, WalkStore
from infra.local.services import Addresses
from tests.integration.conftest import a_job_pruning, insert
from tests.integration.old_days import (
    FAILED,
    ONE,
    THREE,
    TWO,
    Connection,
    Past,
    days_exist,
    everywhere,
    ids,
    make,
    name_of,
    no_old_partitions,
    past,
    pruned,
    pruning,
)

__all__ = ["no_old_partitions", "past", "pruning"]


def test_a_job_that_is_revived_while_the_lock_is_waited_for_keeps_its_partition(
    conn: Connection, past: Past, database: Database, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.store.database.LOCK_WAIT", timedelta(seconds=20))
    monkeypatch.setattr("chalicelib.store.database.LOCKED_FOR", timedelta(seconds=20))
    make(conn, ONE)
    revived = past.job(ONE, FAILED)
    (found,) = [each for each in PartitionStore(database).attached() if each.name == name_of(ONE)]
    with psycopg.connect(addresses.database_url) as other, ThreadPoolExecutor(1) as thread:
        other.execute("UPDATE jobs SET status = 'QUEUED', finished_at = NULL WHERE id = %s", [revived])
        detaching = thread.submit(DetachedStore(database).detach, found)
        while not conn.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
            assert not detaching.done()
        other.commit()

        assert not detaching.result(10)

    assert ids(conn) == {revived}


def test_a_partition_that_another_pruner_has_dropped_meanwhile_is_not_walked_through(
    conn: Connection, database: Database
) -> None:
    make(conn, ONE)
    walks = WalkStore(database)
    (due,) = [each for each in walks.due(Retention()) if not each.partition.is_default]
    conn.execute(f"DROP TABLE {name_of(ONE)}".encode())

    assert walks.step(due, Retention()).came is Came.NOT_OURS


def test_several_pruners_at_once_prune_each_job_once(
    conn: Connection, past: Past, pruning: JobPruning, addresses: Addresses
) -> None:
    for day in (ONE, TWO, THREE):
        make(conn, day)
        for _ in range(10):
            past.job(day)
    kept = past.job(TWO, FAILED, ended_ago=timedelta(days=1))
    databases = [Database(addresses.database_url) for _ in range(4)]

    with ThreadPoolExecutor() as threads:
        for _ in threads.map(prune_often, databases):
            pass
    pruning.run()  # what was somebody else's turn until the end

    assert everywhere(conn) == [{kept}] * 4
    assert pruned(conn)["COMPLETED"] == 30
    assert conn.execute("SELECT FROM detached_partitions").fetchall() == []


def prune_often(database: Database) -> None:
    pruning = a_job_pruning(database, walks=WalkStore(database, looked_at=3, deleted=3))
    for _ in range(8):
        pruning.run()
    database.close()


def test_a_long_transaction_makes_pruning_give_up_and_nobody_wait(
    conn: Connection, past: Past, pruning: JobPruning, addresses: Addresses, store: JobStore
) -> None:
    make(conn, ONE)
    past.job(ONE)
    with psycopg.connect(addresses.database_url) as busy:
        busy.execute("LOCK TABLE jobs IN ROW EXCLUSIVE MODE")

        pruning.run()

        assert days_exist(conn, ONE) == [True] * 4
        assert conn.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall() == []
        assert store.get(insert(store).id).status is JobStatus.QUEUED
        busy.rollback()

    pruning.run()
    assert days_exist(conn, ONE) == [False] * 4


def test_no_lock_is_waited_for_longer_than_a_submit_may_be_held_up(
    conn: Connection, past: Past, database: Database, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Postgres was told when it was asked for the lock; the clock on the wall is not."""
    for day in (ONE, TWO):
        make(conn, day)
        past.job(day)
    refusals: list[LockNotAvailable] = []
    settings: list[Any] = []
    execute = psycopg.Connection.execute

    def noting(self: Connection, query: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return execute(self, query, *args, **kwargs)
        except LockNotAvailable as error:
            refusals.append(error)
            raise
        finally:
            if "lock_timeout" in str(query):
                shown = execute(self, "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")
                settings.append(shown.fetchone())

    with psycopg.connect(addresses.database_url) as busy:
        busy.execute("LOCK TABLE jobs IN ROW EXCLUSIVE MODE")
        monkeypatch.setattr(psycopg.Connection, "execute", noting)
        a_job_pruning(database).run()
        monkeypatch.undo()

    assert len(refusals) == 1  # and no further request this turn
    assert settings == [("15ms", "40ms")]
    assert timedelta(milliseconds=50) > LOCK_WAIT
    assert conn.execute("SHOW lock_timeout").fetchall() == [("0",)]
    assert database.fetch("SHOW lock_timeout") == [("0",)]
