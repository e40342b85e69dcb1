"""What Postgres committed: every change of every job, recorded by a trigger in the same transaction.

It is independent of the code under test, which does not know that it is watched.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import class_row


class Change(NamedTuple):
    """One row's change. The ``_was`` fields are None for an INSERT."""

    id: UUID
    operation: str
    status_was: str | None
    status: str | None
    attempt_was: int | None
    attempt: int | None
    version_was: int | None
    version: int | None
    lease_was_over: bool | None
    worker_id: str | None = None
    queue: str | None = None
    concurrency_key: str | None = None
    lease_expires_at: datetime | None = None
    at: datetime | None = None


class Row(NamedTuple):
    """A job as it stands at the end."""

    id: UUID
    job_type: str
    status: str
    attempt: int
    version: int
    max_attempts: int
    failures: int
    crashes: int
    is_cancel_requested: bool
    tags: list[str]
    result: str | None
    error: str | None
    depends_on: list[UUID] | None = None
    runs_anyway: bool = False


def record(connection: psycopg.Connection[Any]) -> None:
    """From here on."""
    connection.execute(_TRIGGER)


def changes(connection: psycopg.Connection[Any]) -> list[Change]:
    """In the order in which each job's were committed: the number is drawn while the row is locked."""
    with connection.cursor(row_factory=class_row(Change)) as cursor:
        return cursor.execute(
            """
            SELECT id, operation, status_was, status, attempt_was, attempt, version_was, version, lease_was_over,
                   worker_id, queue, concurrency_key, lease_expires_at, at
              FROM chaos.changes ORDER BY number
            """
        ).fetchall()


def rows(connection: psycopg.Connection[Any]) -> list[Row]:
    with connection.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(
            """
            SELECT id, job_type, status, attempt, version, max_attempts, failures, crashes,
                   cancel_requested_at IS NOT NULL AS is_cancel_requested, tags, result #>> '{}' AS result, error,
                   depends_on, runs_anyway
              FROM jobs ORDER BY id
            """
        ).fetchall()


def unfinished(connection: psycopg.Connection[Any]) -> int:
    ((count,),) = connection.execute("SELECT count(*) FROM jobs WHERE finished_at IS NULL")
    return int(count)


_TRIGGER = """
CREATE SCHEMA chaos;

CREATE TABLE chaos.changes (
    number          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              uuid        NOT NULL,
    operation       text        NOT NULL,
    status_was      text,
    status          text,
    attempt_was     integer,
    attempt         integer,
    version_was     integer,
    version         integer,
    lease_was_over  boolean,
    worker_id       text,
    queue           text,
    concurrency_key text,
    lease_expires_at timestamptz,
    transaction     bigint      NOT NULL DEFAULT txid_current(),
    at              timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION chaos.record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.version = NEW.version AND OLD.has_dependents <> NEW.has_dependents THEN
        RETURN NULL; -- somebody waits for it: that is no change of its own
    END IF;
    INSERT INTO chaos.changes
           (id, operation, status_was, status, attempt_was, attempt, version_was, version, lease_was_over, worker_id, queue,
            concurrency_key, lease_expires_at)
    VALUES (coalesce(NEW.id, OLD.id), TG_OP, OLD.status, NEW.status, OLD.attempt, NEW.attempt, OLD.version, NEW.version,
            OLD.lease_expires_at <= now(), NEW.worker_id, NEW.queue, NEW.concurrency_key, NEW.lease_expires_at);
    RETURN NULL;
END $$;

CREATE TRIGGER record AFTER INSERT OR UPDATE OR DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION chaos.record();
"""
