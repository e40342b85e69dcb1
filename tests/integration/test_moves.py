"""Every move against every status, on Postgres."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from chalicelib.jobs import (
    CLAIM,
    COMPLETE,
    FAIL,
    LEASE,
    MOVES,
    RETRY,
    AttemptError,
    Completed,
    Failed,
    Job,
    JobStatus,
    Move,
    Outcome,
    Progress,
    Released,
    Retry,
    Settlement,
)
from chalicelib.store.jobs import KEPT_ERRORS, MAX_CRASHES, JobStore
from tests.integration.conftest import claim, insert, put_in_status

BOOM = AttemptError(type="ValueError", message="boom")


def settle(store: JobStore, job: Job, outcome: Outcome) -> list[Job]:
    return store.settle([Settlement(job, outcome)])


MAKE_MOVE: dict[str, Callable[[JobStore, Job], list[Job]]] = {
    CLAIM.name: lambda store, job: claim(store, job.id),
    COMPLETE.name: lambda store, job: settle(store, job, Completed(b"1")),
    RETRY.name: lambda store, job: settle(store, job, Retry(BOOM, timedelta(0))),
    FAIL.name: lambda store, job: settle(store, job, Failed(BOOM)),
}


@pytest.mark.parametrize("status", JobStatus)
@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.name)
def test_postgres_allows_exactly_the_moves_in_the_table(
    store: JobStore, conn: psycopg.Connection[Any], move: Move, status: JobStatus
) -> None:
    job = insert(store)
    put_in_status(conn, job, status)
    before = store.get(job.id)

    moved = bool(MAKE_MOVE[move.name](store, before))

    assert moved == (status in move.sources)
    after = store.get(job.id)
    assert after.status == (move.target if moved else status)
    assert after.version == before.version + moved


def test_a_claim_starts_the_next_attempt(store: JobStore) -> None:
    job = insert(store)

    (running,) = claim(store, job.id)

    assert (running.status, running.attempt, running.worker_id) == (JobStatus.RUNNING, 1, "w")
    assert running.started_at is not None
    assert running.lease_expires_at is not None
    assert running.lease_expires_at - running.started_at == LEASE


def test_two_claims_of_one_job_give_it_to_one_worker(store: JobStore) -> None:
    job = insert(store)

    first, second = claim(store, job.id), claim(store, job.id)

    assert len(first) == 1
    assert second == []


def test_a_job_is_not_claimed_before_its_time(store: JobStore) -> None:
    job = insert(store, delay=timedelta(hours=1))

    assert claim(store, job.id) == []
    assert job.waits


def test_a_job_that_may_run_longer_than_we_have_is_left_alone(store: JobStore) -> None:
    job = insert(store, timeout_seconds=30.0)

    assert store.claim([job.id], "w", LEASE, timedelta(seconds=29)) == []
    assert len(store.claim([job.id], "w", LEASE, timedelta(seconds=30))) == 1


def test_a_worker_that_outlived_its_lease_cannot_finish_the_job(
    store: JobStore, expire_lease: Callable[[Job], None]
) -> None:
    (slow,) = claim(store, insert(store).id)
    expire_lease(slow)
    (fast,) = claim(store, slow.id)

    assert settle(store, slow, Completed(b'"slow"')) == []
    (done,) = settle(store, fast, Completed(b'"fast"'))

    assert done.attempt == 2
    assert bytes(done.result or b"") == b'"fast"'


def test_a_vanished_worker_counts_as_a_crash_and_not_as_a_failure(
    store: JobStore, expire_lease: Callable[[Job], None]
) -> None:
    (first,) = claim(store, insert(store, max_attempts=1).id)
    expire_lease(first)

    (second,) = claim(store, first.id)

    assert (second.attempt, second.crashes, second.failures) == (2, 1, 0)


def test_a_job_whose_workers_keep_vanishing_is_failed(store: JobStore, expire_lease: Callable[[Job], None]) -> None:
    job = insert(store)
    for _ in range(MAX_CRASHES):
        (running,) = claim(store, job.id)
        assert store.bury([job.id]) == []
        expire_lease(running)

    assert claim(store, job.id) == []
    (buried,) = store.bury([job.id])

    assert (buried.status, buried.crashes) == (JobStatus.FAILED, MAX_CRASHES)
    assert "vanished" in (buried.error or "")


def test_a_retry_waits_and_keeps_its_error(store: JobStore) -> None:
    (running,) = claim(store, insert(store).id)

    (waiting,) = settle(store, running, Retry(BOOM, timedelta(hours=1)))

    assert (waiting.status, waiting.waits, waiting.failures) == (JobStatus.QUEUED, True, 1)
    assert waiting.error == "boom"
    (kept,) = msgspec.json.decode(store.get(waiting.id).errors or b"[]")
    assert (kept["attempt"], kept["type"], kept["message"]) == (1, "ValueError", "boom")


def test_a_released_job_is_due_at_once_and_pays_nothing(store: JobStore) -> None:
    (running,) = claim(store, insert(store).id)

    (released,) = settle(store, running, Released())

    assert (released.status, released.waits, released.failures) == (JobStatus.QUEUED, False, 0)
    assert claim(store, released.id)[0].attempt == 2


def test_a_completed_job_forgets_its_last_error_and_keeps_the_list(store: JobStore) -> None:
    (first,) = claim(store, insert(store).id)
    settle(store, first, Retry(BOOM, timedelta(0)))
    (second,) = claim(store, first.id)

    settle(store, second, Completed(b"null"))

    done = store.get(first.id)
    assert done.error is None
    assert len(msgspec.json.decode(done.errors or b"[]")) == 1


def test_only_the_last_errors_are_kept(store: JobStore, conn: psycopg.Connection[Any]) -> None:
    job = insert(store, max_attempts=100)
    conn.execute("UPDATE jobs SET errors = (SELECT jsonb_agg(n) FROM generate_series(1, %s) AS n)", [KEPT_ERRORS])
    (running,) = claim(store, job.id)

    settle(store, running, Retry(BOOM, timedelta(0)))

    errors = msgspec.json.decode(store.get(job.id).errors or b"[]")
    assert len(errors) == KEPT_ERRORS
    assert (errors[0], errors[-1]["message"]) == (2, "boom")


def test_one_statement_settles_outcomes_of_every_kind(store: JobStore) -> None:
    jobs = claim(store, *(insert(store).id for _ in range(4)))
    outcomes: list[Outcome] = [Completed(b"[1]"), Retry(BOOM, timedelta(hours=1)), Failed(BOOM), Released()]

    settled = store.settle([Settlement(job, outcome) for job, outcome in zip(jobs, outcomes, strict=True)])

    by_id = {job.id: job.status for job in settled}
    assert [by_id[job.id] for job in jobs] == ["COMPLETED", "QUEUED", "FAILED", "QUEUED"]


def test_renewing_keeps_the_lease_of_the_attempt_that_holds_it(
    store: JobStore, expire_lease: Callable[[Job], None]
) -> None:
    (stale,) = claim(store, insert(store).id)
    expire_lease(stale)
    (current,) = claim(store, stale.id)

    assert store.renew([stale], LEASE) == []
    (renewed,) = store.renew([current], LEASE)

    assert renewed.lease_expires_at is not None
    assert current.lease_expires_at is not None
    assert renewed.lease_expires_at > current.lease_expires_at


def test_progress_is_a_new_version_and_only_the_holder_may_report_it(store: JobStore) -> None:
    (running,) = claim(store, insert(store).id)
    other = msgspec.structs.replace(running, attempt=9)

    assert store.report([(other, Progress(0.1, "no"))]) == []
    (told,) = store.report([(running, Progress(0.5, "half"))])

    assert told.version == running.version + 1
    assert msgspec.json.decode(told.progress or b"") == {"fraction": 0.5, "message": "half"}


def test_nul_in_a_result_is_replaced_and_an_escaped_backslash_is_not(store: JobStore) -> None:
    (running,) = claim(store, insert(store).id)
    value = ["a\x00b", "\\u0000", "\\\x00"]

    settle(store, running, Completed(msgspec.json.encode(value)))

    assert msgspec.json.decode(store.get(running.id).result or b"") == ["a\ufffdb", "\\u0000", "\\\ufffd"]


@pytest.mark.parametrize(
    ("broken", "constraint"),
    [
        ("status = 'DONE'", "status_is_known"),
        ("status = 'RUNNING'", "leased_iff_running"),
        ("lease_expires_at = now()", "leased_iff_running"),
        ("status = 'COMPLETED'", "finished_iff_final"),
        ("finished_at = now()", "finished_iff_final"),
        ("failures = 4, attempt = 4", "attempts_in_range"),
        ("failures = 1", "attempts_in_range"),
        ("priority = 101", "priority_in_range"),
        ("timeout_seconds = 0", "timeout_is_positive"),
    ],
)
def test_the_table_refuses_what_must_not_be(
    store: JobStore, conn: psycopg.Connection[Any], broken: str, constraint: str
) -> None:
    insert(store)

    with pytest.raises(psycopg.errors.CheckViolation, match=constraint):
        conn.execute(f"UPDATE jobs SET {broken}".encode())
