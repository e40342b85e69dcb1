"""A walk through a day: when it is due, how far a turn takes it, and which rows it reads."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from chalicelib.pruning import JobPruning
from chalicelib.retention import Retention
from chalicelib.store.database import Database
from chalicelib.store.partitions import first_id
from chalicelib.store.walks import Came, WalkStore
from tests.integration.conftest import a_job_pruning
from tests.integration.old_days import (
    FAILED,
    ONE,
    Connection,
    Past,
    everywhere,
    ids,
    make,
    name_of,
    no_old_partitions,
    past,
    pruning,
)

__all__ = ["no_old_partitions", "past", "pruning"]


# When, and how far


def test_a_day_that_is_not_old_enough_is_not_read(conn: Connection, past: Past, database: Database) -> None:
    make(conn, ONE)
    walks = WalkStore(database)

    def due(days: int) -> list[str]:
        return [each.partition.name for each in walks.due(Retention(completed=days, failed=None, cancelled=None))]

    assert due(39) == [name_of(ONE), "jobs_default"]
    assert due(40) == ["jobs_default"]
    assert walks.due(Retention(completed=None, failed=None, cancelled=None)) == []


def test_a_day_is_left_alone_after_a_walk_until_something_expires_in_it(
    conn: Connection, past: Past, pruning: JobPruning, database: Database
) -> None:
    make(conn, ONE)
    kept = past.job(ONE, FAILED, ended_ago=timedelta(days=85))
    past.job(ONE)
    pruning.run()
    ((left,),) = conn.execute("SELECT next_at - now() FROM retention_walks WHERE keeps").fetchall()

    assert timedelta(days=4, hours=23) < left <= timedelta(days=5)
    assert [each for each in WalkStore(database).due(Retention()) if not each.partition.is_default] == []
    conn.execute("UPDATE retention_walks SET next_at = now() - interval '1 second'")
    conn.execute("UPDATE jobs SET finished_at = finished_at - interval '6 days' WHERE id = %s", [kept])
    pruning.run()
    assert ids(conn) == set()


def test_a_turn_is_bounded_and_the_next_one_goes_on(conn: Connection, past: Past, database: Database) -> None:
    make(conn, ONE)
    kept = past.job(ONE, FAILED)
    for _ in range(7):
        past.job(ONE)
    walks = WalkStore(database, looked_at=2, deleted=3)
    (due,) = [each for each in walks.due(Retention()) if not each.partition.is_default]

    gone = [walks.step(due, Retention()) for _ in range(4)]

    assert [(step.came, step.gone) for step in gone] == [
        (Came.MORE, 2),  # and one that is kept
        (Came.MORE, 3),
        (Came.MORE, 2),
        (Came.OVER, 0),
    ]
    assert ids(conn) == {kept}


def test_what_was_only_looked_at_is_deleted_once_something_is_found_that_stays(
    conn: Connection, past: Past, database: Database
) -> None:
    make(conn, ONE)
    for _ in range(7):
        past.job(ONE)
    kept = past.job(ONE, FAILED)
    walks = WalkStore(database, looked_at=2, deleted=5)
    (due,) = [each for each in walks.due(Retention()) if not each.partition.is_default]

    steps = [walks.step(due, Retention()) for _ in range(6)]

    assert [step.gone for step in steps] == [0, 0, 0, 5, 2, 0]
    assert steps[-1].came is Came.OVER
    assert everywhere(conn) == [{kept}] * 4


def test_a_turn_without_time_does_nothing(conn: Connection, past: Past, database: Database) -> None:
    make(conn, ONE)
    job_id = past.job(ONE)

    a_job_pruning(database, turn=timedelta(0)).run()

    assert ids(conn) == {job_id}


# How it is read: plans on a day of 20,000 jobs


@pytest.fixture
def full_day(conn: Connection) -> None:
    make(conn, ONE)
    conn.execute(
        """
        INSERT INTO jobs (id, job_type, queue, status, priority, max_attempts, attempt, failures, timeout_seconds,
                          run_at, payload, tags, finished_at)
        SELECT (left(%(first)s, 24) || lpad(to_hex(n), 12, '0'))::uuid, 'common', 'default',
               CASE WHEN n = 20000 THEN 'FAILED' ELSE 'COMPLETED' END, 0, 3, 1, 0, 60, now(), '{}', '{a,b}', %(day)s::date
          FROM generate_series(1, 20000) AS n
        """,
        {"first": str(first_id(ONE)), "day": ONE},
    )
    conn.execute("INSERT INTO job_tags (tag, job_id) SELECT unnest(tags), id FROM jobs")
    conn.execute("INSERT INTO job_logs SELECT id, 1, 1, now(), 'INFO', 'x', 'hello' FROM jobs")
    conn.execute("ANALYZE jobs; ANALYZE job_tags; ANALYZE job_logs")


@pytest.mark.parametrize("empties", [False, True])
def test_a_step_reads_a_bounded_number_of_rows_by_their_keys(
    conn: Connection, database: Database, full_day: None, monkeypatch: pytest.MonkeyPatch, empties: bool
) -> None:
    walks = WalkStore(database, looked_at=200, deleted=100)
    (due,) = [each for each in walks.due(Retention()) if not each.partition.is_default]
    walks.step(due, Retention())
    conn.execute("UPDATE retention_walks SET empties = %s", [empties])
    plans: list[str] = []
    execute = psycopg.Connection.execute

    def explaining(self: Connection, query: Any, params: Any = None, **options: Any) -> Any:
        text = query if isinstance(query, str) else query.as_string(self)
        if re.search(r"job_tags|job_logs|AS job\b", text):
            with self.transaction():
                lines = execute(self, ("EXPLAIN (ANALYZE, COSTS OFF) " + text).encode(), params).fetchall()
                plans.append("\n".join(line for (line,) in lines))
                raise psycopg.Rollback
        return execute(self, query, params, **options)

    monkeypatch.setattr(psycopg.Connection, "execute", explaining)
    walks.step(due, Retention())
    monkeypatch.undo()

    assert len(plans) == (4 if empties else 1)
    for plan in plans:
        assert "Seq Scan" not in plan
        read = [float(rows) * int(loops) for rows, loops in re.findall(r"Scan .*rows=([\d.]+) loops=(\d+)", plan)]
        assert max(read) <= 200
        assert sum(int(rows) for rows in re.findall(r"Rows Removed by Filter: (\d+)", plan)) <= 200


def test_whether_something_is_unfinished_is_asked_of_an_index(conn: Connection, full_day: None) -> None:
    rows = conn.execute(
        f"EXPLAIN (ANALYZE, COSTS OFF) SELECT EXISTS (SELECT FROM ONLY {name_of(ONE)} WHERE finished_at IS NULL)".encode()
    ).fetchall()

    plan = "\n".join(line for (line,) in rows)
    assert "Index" in plan
    assert "Seq Scan" not in plan
