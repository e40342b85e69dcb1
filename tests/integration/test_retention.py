"""Finished jobs go when their time is over, and nothing else does; whatever holds a lock, nobody waits for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.errors import LockNotAvailable

from chalicelib.jobs import JobStatus
from chalicelib.maintenance import Maintenance
from chalicelib.pruning import JobPruning
from chalicelib.retention import Retention, RetentionChange
from chalicelib.store.database import LOCK_WAIT, Database
from chalicelib.store.detached import DetachedStore
from chalicelib.store.jobs import JobStore
from chalicelib.store.lists import JobFilter, JobLists
from chalicelib.store.partitions import FILLFACTORS, PartitionStore, _attached, _created, _promise, first_id
from chalicelib.store.retention import RetentionStore
from chalicelib.store.walks import Came, WalkStore
from infra.local.services import Addresses
from tests.integration.calls import Api, problem
from tests.integration.conftest import World, a_job_pruning, a_maintenance, insert

Connection = psycopg.Connection[Any]
COMPLETED, FAILED, CANCELLED = JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED
ONE, TWO, THREE = (datetime.now(UTC).date() - timedelta(days=n) for n in (40, 50, 120))
WHOLE = ("jobs", "job_tags", "job_logs", "job_dependents")


def name_of(day: date, table: str = "jobs") -> str:
    return f"{table}_{day:%Y%m%d}"


def make(conn: Connection, day: date, *tables: str) -> None:
    for table in tables or WHOLE:
        conn.execute(
            f"CREATE TABLE {name_of(day, table)} PARTITION OF {table} FOR VALUES"
            f" FROM ('{first_id(day)}') TO ('{first_id(day + timedelta(days=1))}')".encode()
        )


@pytest.fixture(autouse=True)
def no_old_partitions(conn: Connection) -> Iterator[None]:
    yield
    for day in (ONE, TWO, THREE):
        for table in WHOLE:
            conn.execute(f"DROP TABLE IF EXISTS {name_of(day, table)}".encode())


@pytest.fixture
def pruning(database: Database) -> JobPruning:
    return a_job_pruning(database)


class Past:
    """Makes jobs of old days. They ended soon after they were made, unless told otherwise; each has a tag and a line of log."""

    def __init__(self, conn: Connection, store: JobStore) -> None:
        self._conn = conn
        self._store = store
        self._count = 0

    def job(self, day: date, status: JobStatus = COMPLETED, *, ended_ago: timedelta | None = None) -> UUID:
        self._count += 1
        job_id = UUID(int=first_id(day).int + self._count)
        insert(self._store, id=job_id, tags=["old", f"n{self._count}"])
        is_final = status in {COMPLETED, FAILED, CANCELLED}
        self._conn.execute(
            """
            UPDATE jobs
               SET status = %(status)s, attempt = 1, lease_expires_at = CASE WHEN %(status)s = 'RUNNING' THEN now() END,
                   finished_at = CASE WHEN %(is_final)s THEN coalesce(now() - %(ago)s::interval, %(day)s::date) END
             WHERE id = %(id)s
            """,
            {"status": status, "is_final": is_final, "ago": ended_ago, "day": day, "id": job_id},
        )
        self._conn.execute("INSERT INTO job_logs VALUES (%s, 1, 1, now(), 'INFO', 'x', 'hello')", [job_id])
        self._conn.execute("INSERT INTO job_dependents VALUES (%s, %s)", [job_id, job_id])
        return job_id


@pytest.fixture
def past(conn: Connection, store: JobStore) -> Past:
    return Past(conn, store)


def ids(conn: Connection, table: str = "jobs", column: str = "id") -> set[UUID]:
    return {job_id for (job_id,) in conn.execute(f"SELECT {column} FROM {table}".encode()).fetchall()}


def everywhere(conn: Connection) -> list[set[UUID]]:
    """Ids that jobs, and the tables beside it, know."""
    return [ids(conn), *(ids(conn, table, "job_id") for table in WHOLE[1:])]


def exist(conn: Connection, *names: str) -> list[bool]:
    return [conn.execute("SELECT to_regclass(%s)", [name]).fetchall()[0][0] is not None for name in names]


def days_exist(conn: Connection, day: date) -> list[bool]:
    return exist(conn, *(name_of(day, table) for table in WHOLE))


def pruned(conn: Connection) -> dict[str, int]:
    return dict(conn.execute("SELECT status, pruned FROM retention").fetchall())


# What goes, and when


def test_a_day_in_which_all_has_expired_is_dropped_with_its_tags_and_logs(
    conn: Connection, past: Past, pruning: JobPruning
) -> None:
    make(conn, ONE)
    for _ in range(3):
        past.job(ONE)
    past.job(ONE, CANCELLED)
    young = past.job(datetime.now(UTC).date(), ended_ago=timedelta(0))

    pruning.run()

    assert days_exist(conn, ONE) == [False] * 4
    assert everywhere(conn) == [{young}] * 4
    assert pruned(conn) == {"COMPLETED": 3, "CANCELLED": 1, "FAILED": 0}
    assert conn.execute("SELECT FROM detached_partitions").fetchall() == []


def test_an_unfinished_job_keeps_its_partition_and_nothing_else_in_it(
    conn: Connection, past: Past, pruning: JobPruning
) -> None:
    make(conn, ONE)
    kept = []
    for status in (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.BLOCKED):
        past.job(ONE)
        kept.append(past.job(ONE, status))
    past.job(ONE)

    pruning.run()

    assert days_exist(conn, ONE) == [True] * 4
    assert everywhere(conn) == [{*kept}] * 4
    assert conn.execute("SELECT count(*) FROM job_tags").fetchall() == [(6,)]
    assert pruned(conn)["COMPLETED"] == 4


def test_failed_jobs_stay_longer_than_completed_ones(conn: Connection, past: Past, pruning: JobPruning) -> None:
    make(conn, ONE)
    make(conn, THREE)
    kept = past.job(ONE, FAILED)
    past.job(ONE)
    past.job(THREE, FAILED)

    pruning.run()

    assert everywhere(conn) == [{kept}] * 4
    assert (days_exist(conn, ONE), days_exist(conn, THREE)) == ([True] * 4, [False] * 4)


def test_what_counts_is_when_a_job_ended_not_when_it_was_made(
    conn: Connection, past: Past, pruning: JobPruning
) -> None:
    make(conn, ONE)
    kept = past.job(ONE, ended_ago=timedelta(days=29, hours=23))
    past.job(ONE, ended_ago=timedelta(days=30, minutes=1))

    pruning.run()

    assert ids(conn) == {kept}


@pytest.mark.parametrize("status", [COMPLETED, FAILED, CANCELLED])
@pytest.mark.parametrize("days", [None, 1, 45, 3650])
def test_each_status_goes_by_its_own_days(
    conn: Connection, past: Past, pruning: JobPruning, database: Database, status: JobStatus, days: int | None
) -> None:
    make(conn, ONE)
    change = dict.fromkeys(("completed", "failed", "cancelled"), 1) | {status.lower(): days}
    RetentionStore(database).change(RetentionChange(**change))
    for each in (COMPLETED, FAILED, CANCELLED):
        past.job(ONE, each)

    pruning.run()

    left = {each for (each,) in conn.execute("SELECT status FROM jobs").fetchall()}
    assert left == (set() if days == 1 else {status})


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


def test_new_settings_begin_a_new_walk(conn: Connection, past: Past, pruning: JobPruning, database: Database) -> None:
    make(conn, ONE)
    past.job(ONE, FAILED)
    pruning.run()
    assert len(ids(conn)) == 1

    RetentionStore(database).change(RetentionChange(failed=30))
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


def test_maintenance_prunes(world: World, conn: Connection, past: Past, database: Database) -> None:
    make(conn, ONE)
    past.job(ONE)
    maintenance: Maintenance = a_maintenance(database, world.cache)

    maintenance.run_once()

    assert ids(conn) == set()


# Where the rows are


def test_default_partitions_lose_what_has_expired(conn: Connection, past: Past, pruning: JobPruning) -> None:
    kept = [past.job(ONE, FAILED), past.job(TWO, JobStatus.QUEUED)]
    for day in (ONE, TWO, THREE):
        past.job(day)

    pruning.run()

    assert everywhere(conn) == [{*kept}] * 4
    assert exist(conn, "jobs_default", "job_tags_default", "job_logs_default", "job_dependents_default") == [True] * 4


def test_jobs_whose_tags_and_logs_have_no_partition_of_their_own_take_them_along(
    conn: Connection, past: Past, pruning: JobPruning
) -> None:
    make(conn, ONE, "jobs")
    make(conn, TWO, "jobs", "job_tags")
    other = past.job(THREE, FAILED, ended_ago=timedelta(days=1))
    for day in (ONE, TWO):
        past.job(day)

    pruning.run()

    assert everywhere(conn) == [{other}] * 4
    assert days_exist(conn, ONE) == days_exist(conn, TWO) == [False] * 4


def test_partitions_of_tags_and_logs_stay_while_there_are_jobs_of_their_day(
    conn: Connection, past: Past, pruning: JobPruning
) -> None:
    make(conn, ONE, "job_tags")
    make(conn, TWO, "job_tags", "job_logs")
    kept = past.job(ONE, FAILED)
    past.job(TWO)

    pruning.run()

    assert everywhere(conn) == [{kept}] * 4
    assert days_exist(conn, ONE) == [False, True, False, False]
    assert days_exist(conn, TWO) == [False] * 4


def test_young_partitions_of_tags_and_logs_stay_without_jobs(
    conn: Connection, pruning: JobPruning, database: Database
) -> None:
    soon = datetime.now(UTC).date() + timedelta(days=6)
    conn.execute(f"DROP TABLE {name_of(soon)}".encode())

    pruning.run()

    assert days_exist(conn, soon) == [False, True, True, True]
    assert PartitionStore(database).ensure() == [name_of(soon)]


# What goes wrong on the way


def test_a_crash_between_detach_and_drop_leaves_nothing_behind(
    conn: Connection, past: Past, pruning: JobPruning, database: Database
) -> None:
    make(conn, ONE)
    past.job(ONE)
    detach_one(database)
    assert exist(conn, name_of(ONE)) == [True]
    assert ids(conn) == set()

    pruning.run()

    assert days_exist(conn, ONE) == [False] * 4
    assert pruned(conn)["COMPLETED"] == 1


def detach_one(database: Database) -> None:
    (found,) = [each for each in PartitionStore(database).attached() if each.name == name_of(ONE)]
    assert DetachedStore(database).detach(found)


def test_a_detached_partition_that_somebody_attached_again_is_not_dropped(
    conn: Connection, past: Past, pruning: JobPruning, database: Database
) -> None:
    make(conn, ONE)
    kept = past.job(ONE, FAILED)
    detach_one(database)
    conn.execute(
        f"ALTER TABLE jobs ATTACH PARTITION {name_of(ONE)} FOR VALUES"
        f" FROM ('{first_id(ONE)}') TO ('{first_id(ONE + timedelta(days=1))}')".encode()
    )

    pruning.run()

    assert ids(conn) == {kept}
    assert conn.execute("SELECT FROM detached_partitions").fetchall() == []


def test_a_table_that_is_only_called_like_a_partition_is_not_dropped(
    conn: Connection, past: Past, pruning: JobPruning, database: Database
) -> None:
    make(conn, ONE)
    conn.execute(f"ALTER TABLE jobs DETACH PARTITION {name_of(ONE)}".encode())
    make(conn, TWO)
    conn.execute(
        f"""
        INSERT INTO detached_partitions (partition, parent, name)
        VALUES ('{name_of(TWO)}'::regclass, 'jobs', '{name_of(ONE)}')
        """.encode()
    )
    conn.execute(f"ALTER TABLE jobs DETACH PARTITION {name_of(TWO)}".encode())

    pruning.run()

    assert exist(conn, name_of(ONE), name_of(TWO)) == [True, True]
    assert conn.execute("SELECT FROM detached_partitions").fetchall() == []


def test_a_job_that_was_revived_and_ended_again_is_put_back_before_the_drop(
    conn: Connection, past: Past, pruning: JobPruning, database: Database
) -> None:
    make(conn, ONE)
    past.job(ONE)
    kept = past.job(ONE, ended_ago=timedelta(hours=1))
    detach_one(database)

    pruning.run()

    jobs, *others = everywhere(conn)
    assert jobs == {kept}
    assert all(kept in each for each in others)
    assert days_exist(conn, ONE) == [False, True, True, True]
    assert pruned(conn)["COMPLETED"] == 1


def test_a_migration_between_the_taking_out_and_the_drop_is_no_obstacle(
    conn: Connection, past: Past, pruning: JobPruning, database: Database
) -> None:
    make(conn, ONE)
    past.job(ONE)
    kept = past.job(ONE, ended_ago=timedelta(hours=1))
    detach_one(database)
    conn.execute("ALTER TABLE jobs ADD COLUMN added_since text NOT NULL DEFAULT 'x'")
    try:
        pruning.run()
    finally:
        conn.execute("ALTER TABLE jobs DROP COLUMN added_since")

    assert ids(conn) == {kept}
    assert days_exist(conn, ONE)[0] is False


def test_a_partition_with_an_unfinished_job_is_not_detached_whatever_was_seen_before(
    conn: Connection, past: Past, pruning: JobPruning, database: Database
) -> None:
    make(conn, ONE)
    revived = past.job(ONE, JobStatus.QUEUED)
    (found,) = [each for each in PartitionStore(database).attached() if each.name == name_of(ONE)]

    assert not DetachedStore(database).detach(found)

    assert ids(conn) == {revived}


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


# What others see


def test_a_pruned_job_is_not_found_and_nothing_breaks(
    api: Api, world: World, conn: Connection, past: Past, pruning: JobPruning
) -> None:
    make(conn, ONE)
    newer = past.job(ONE, FAILED)
    gone = past.job(ONE)
    listed = api.get("/jobs?status=COMPLETED&limit=1")
    counts = api.get("/stats").json_body["counts"]

    pruning.run()

    for method, path in (
        ("GET", ""),
        ("GET", "/logs"),
        *(("POST", f"/{move}") for move in ("cancel", "revive", "copy")),
    ):
        answer = api.call(method, f"/jobs/{gone}{path}")
        assert (answer.status_code, problem(answer)["code"]) == (404, "job_not_found")
    assert api.post("/jobs/revive", {"ids": [str(gone)]}).json_body["count"] == 0
    assert [job["id"] for job in listed.json_body] == [str(gone)]
    assert api.get(f"/jobs?cursor={gone}").json_body[0]["id"] == str(newer)
    assert api.get("/jobs?tag=old&status=COMPLETED").json_body == []
    for key in world.cache.keys("*:fresh"):
        world.cache.delete(key)
    assert api.get("/stats").json_body["counts"] == counts


def test_a_schedule_goes_on_when_its_last_job_has_gone(api: Api, conn: Connection) -> None:
    job = {"job_type": "process_data", "payload": {"user_id": 1}}
    assert api.post("/schedules", {"name": "s", "cron": "0 3 1 1 *", "overlap": "skip", "job": job}).status_code == 201
    first = api.post("/schedules/s/run").json_body["id"]
    conn.execute("DELETE FROM jobs")
    conn.execute("DELETE FROM job_tags")

    assert api.get("/schedules/s").json_body["last_run_at"] is not None
    assert api.get(f"/jobs/{first}").status_code == 404
    assert api.post("/schedules/s/run").status_code == 201


def test_metrics_tell_of_pruning(api: Api, conn: Connection, past: Past, pruning: JobPruning, world: World) -> None:
    make(conn, ONE)
    past.job(ONE)
    before = api.get("/metrics").body.decode()
    pruning.run()
    for key in world.cache.keys("*:fresh"):
        world.cache.delete(key)

    lines = api.get("/metrics").body.decode().splitlines()

    (behind,) = re.findall(r"^jobscheduler_retention_behind_seconds (\S+)$", before, re.MULTILINE)
    assert timedelta(days=8) < timedelta(seconds=float(behind)) < timedelta(days=11)
    assert 'jobscheduler_jobs_pruned_total{status="COMPLETED"} 1.0' in lines
    assert "jobscheduler_retention_behind_seconds 0.0" in lines
    assert f'jobscheduler_partitions{{table="jobs"}} {len(partition_names(conn, "jobs"))}.0' in lines


def partition_names(conn: Connection, table: str) -> list[str]:
    rows = conn.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [table])
    return [name for (name,) in rows.fetchall()]


def test_retention_is_read_and_changed(api: Api, conn: Connection) -> None:
    assert api.get("/retention").json_body == {"COMPLETED": 30, "FAILED": 90, "CANCELLED": 30}

    changed = api.call("PUT", "/retention", json.dumps({"COMPLETED": 14, "FAILED": None}).encode())

    assert (changed.status_code, changed.json_body) == (200, {"COMPLETED": 14, "FAILED": None, "CANCELLED": 30})
    assert api.get("/retention").json_body == changed.json_body
    rows = conn.execute("SELECT action, target, detail FROM audit").fetchall()
    assert [
        (action, target, json.loads(detail) if isinstance(detail, str | bytes) else detail)
        for action, target, detail in rows
    ] == [("change_retention", "/retention", {"COMPLETED": 14, "FAILED": None})]


@pytest.mark.parametrize(
    "body", [b'{"COMPLETED":0}', b'{"FAILED":1.5}', b'{"RUNNING":1}', b"[]", b'{"CANCELLED":3651}']
)
def test_an_odd_retention_changes_nothing(api: Api, conn: Connection, body: bytes) -> None:
    answer = api.call("PUT", "/retention", body)

    assert (answer.status_code, problem(answer)["status"]) == (422, 422)
    assert api.get("/retention").json_body == {"COMPLETED": 30, "FAILED": 90, "CANCELLED": 30}
    assert conn.execute("SELECT FROM audit").fetchall() == []


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


# Making partitions


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


def test_pruned_jobs_leave_lists_whole(conn: Connection, past: Past, pruning: JobPruning, lists: JobLists) -> None:
    make(conn, ONE)
    make(conn, TWO)
    kept = past.job(ONE, FAILED)
    past.job(TWO)

    pruning.run()

    assert [job.id for job in lists.page(JobFilter(tag="old")).jobs] == [kept]
    assert [job.id for job in lists.page(JobFilter()).jobs] == [kept]
