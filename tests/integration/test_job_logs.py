from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from uuid_utils.compat import uuid7

from chalicelib.errors import StoreUnavailable, Unstorable
from chalicelib.hand import Hand
from chalicelib.handlers.registry import JobContext, Registry, job
from chalicelib.joblog import LogEntry, LogLine
from chalicelib.jobs import Completed, JobStatus
from chalicelib.logbook import Logbook
from chalicelib.store.database import Database
from chalicelib.store.logs import LogStore, NumberedLine
from tests import isolated_handlers
from tests.capturing import capturing
from tests.integration.conftest import World
from tests.integration.test_stopping import working
from tests.samples import an_attempt

here = logging.getLogger("somewhere.else")
go_on = threading.Event()


@pytest.fixture(autouse=True)
def captured() -> Iterator[None]:
    with capturing():
        yield


@pytest.fixture
def logs(database: Database) -> LogStore:
    return LogStore(database)


@pytest.fixture
def registry(registry: Registry) -> Registry:
    @job("talk", into=registry)
    def talk(payload: Any, context: JobContext) -> None:
        context.log.info("attempt %d begins", context.attempt)
        here.warning("something else")
        raise ValueError

    @job("talk_async", into=registry)
    async def talk_async(payload: Any, context: JobContext) -> None:
        here.info("on the loop")

    @job("wait", into=registry)
    def wait(payload: Any, context: JobContext) -> None:
        context.log.info("waiting")
        go_on.wait(30)
        context.log.info("done")

    go_on.clear()
    isolated_handlers.add_to(registry)
    return registry


def messages(lines: Sequence[LogLine]) -> list[str]:
    return [line.message for line in lines]


def test_what_a_handler_logs_is_kept_by_attempt(world: World, logs: LogStore, conn: psycopg.Connection[Any]) -> None:
    submitted = world.submit("talk", max_attempts=2)
    world.run_due()
    conn.execute("UPDATE jobs SET run_at = now()")
    world.queues.sync([world.store.get(submitted.id)], batch := world.link.batch())
    batch.send()
    world.run_due()

    lines = logs.read(submitted.id)

    assert [(line.attempt, line.line, line.level, line.logger, line.message) for line in lines] == [
        (1, 1, "INFO", "chalicelib.handlers", "attempt 1 begins"),
        (1, 2, "WARNING", "somewhere.else", "something else"),
        (2, 1, "INFO", "chalicelib.handlers", "attempt 2 begins"),
        (2, 2, "WARNING", "somewhere.else", "something else"),
    ]
    assert datetime.now(UTC) - lines[0].at < timedelta(minutes=1)
    assert messages(logs.read(submitted.id, attempt=2, limit=1)) == ["attempt 2 begins"]
    assert messages(logs.read(submitted.id, after=(1, 2))) == ["attempt 2 begins", "something else"]
    assert logs.read(submitted.id, after=(2, 2)) == []


def test_coroutines_and_child_processes_log_too(world: World, logs: LogStore) -> None:
    loop, apart = world.submit("talk_async"), world.submit("apart_talking")

    world.run_due()

    assert messages(logs.read(loop.id)) == ["on the loop"]
    assert messages(logs.read(apart.id)) == ["in a child", "in its task", "and its thread"]


def test_what_a_stopped_child_said_last_is_kept(world: World, logs: LogStore) -> None:
    submitted = world.submit("apart_last_words", timeout_seconds=2.0, max_attempts=1)

    world.run_due()

    assert world.store.get(submitted.id).status is JobStatus.FAILED
    assert messages(logs.read(submitted.id)) == ["working", "stopped"]


def test_lines_of_a_running_attempt_can_be_followed(world: World, logs: LogStore) -> None:
    submitted = world.submit("wait")
    with working(world.worker()):
        assert wait_for_lines(logs, submitted.id) == ["waiting"]
        go_on.set()

    assert messages(logs.read(submitted.id)) == ["waiting", "done"]


def wait_for_lines(logs: LogStore, job_id: UUID) -> list[str]:
    ends_at = time.monotonic() + 10
    while not (lines := logs.read(job_id)):
        assert time.monotonic() < ends_at
    return messages(lines)


class Failing(LogStore):
    """Cannot write the first ``times`` times."""

    def __init__(self, database: Database, times: int, error: Exception) -> None:
        super().__init__(database)
        self.times = times
        self.error = error

    def write(self, lines: Sequence[NumberedLine]) -> None:
        self.times -= 1
        if self.times >= 0:
            raise self.error
        super().write(lines)


@pytest.mark.parametrize(
    ("times", "error", "kept"),
    [
        (1, StoreUnavailable("away"), ["attempt 1 begins", "something else"]),
        (99, StoreUnavailable("away"), []),
        (1, Unstorable("?"), []),
    ],
)
def test_lines_that_cannot_be_written_cost_no_outcome(
    world: World, database: Database, times: int, error: Exception, kept: list[str]
) -> None:
    submitted = world.submit("talk", max_attempts=1)
    (claimed,) = world.attempts.claim([submitted.id.bytes], "w", timedelta(seconds=30), timedelta(days=1))
    attempt = an_attempt(id=submitted.id)
    for message in ("attempt 1 begins", "something else"):
        attempt.note(LogEntry(0.0, "INFO", "a", message))
    attempt.outcome = Completed(b"1")
    settler = world.settler(Hand(1), logbook=Logbook(Failing(database, times, error), world.announcer))

    settler.put(attempt)
    settler.finish()
    settler.run()

    assert claimed.attempt == 1
    assert world.store.get(submitted.id).status is JobStatus.COMPLETED
    assert messages(LogStore(database).read(submitted.id)) == kept


def test_lines_written_twice_are_kept_once(logs: LogStore) -> None:
    job_id = uuid7()
    lines = [NumberedLine(job_id.bytes, 1, number, LogEntry(0.0, "INFO", "a", f"{number}")) for number in (1, 2)]

    logs.write(lines[:1])
    logs.write(lines)

    assert messages(logs.read(job_id)) == ["1", "2"]


def test_a_long_log_is_written_in_several_statements(
    world: World, logs: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.logbook.BYTES", 5)
    attempts = [an_attempt() for _ in range(2)]
    for attempt in attempts:
        for message in ("abc", "def", "ghi"):
            attempt.note(LogEntry(0.0, "INFO", "a", message))

    world.new_logbook().close(attempts)

    for attempt in attempts:
        assert messages(logs.read(attempt.job_id)) == ["abc", "def", "ghi"]
        assert attempt.lines is not None
        assert attempt.lines.pending() == []


def test_a_log_lies_in_the_partition_of_its_jobs_day(logs: LogStore, conn: psycopg.Connection[Any]) -> None:
    logs.write([NumberedLine(uuid7().bytes, 1, 1, LogEntry(0.0, "INFO", "a", "b"))])

    (name,) = conn.execute("SELECT tableoid::regclass::text FROM job_logs").fetchone() or ("",)

    assert name == f"job_logs_{datetime.now(UTC):%Y%m%d}"


def test_a_log_is_read_by_its_primary_key(
    database: Database, logs: LogStore, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    conn.execute(
        """
        INSERT INTO job_logs
        SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '-7000-8000-'
                || lpad(job::text, 12, '0'))::uuid, 1, line, now(), 'INFO', 'a', 'b'
          FROM generate_series(1, 100) AS job, generate_series(1, 100) AS line
        """
    )
    conn.execute("ANALYZE job_logs")
    (job_id,) = conn.execute("SELECT job_id FROM job_logs LIMIT 1").fetchone() or (uuid7(),)
    plans: list[str] = []
    fetch = database.fetch

    def explaining(query: Any, params: Any = None) -> Any:
        rows = conn.execute(b"EXPLAIN (ANALYZE, COSTS OFF) " + query.encode(), params).fetchall()
        plans.append("\n".join(line for (line,) in rows))
        return fetch(query, params)

    monkeypatch.setattr(database, "fetch", explaining)
    lines = logs.read(job_id, after=(1, 90), limit=5)

    assert [line.line for line in lines] == [91, 92, 93, 94, 95]
    (plan,) = plans
    assert f"job_logs_{datetime.now(UTC):%Y%m%d}_pkey" in plan
    assert "Seq Scan" not in plan
    assert "Sort" not in plan
    assert "Rows Removed" not in plan
