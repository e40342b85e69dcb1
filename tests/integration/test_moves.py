"""Every move against every status, on Postgres."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from uuid_utils.compat import uuid7

from chalicelib.backoff import Fixed, Linear
from chalicelib.jobs import (
    CANCEL,
    CLAIM,
    COMPLETE,
    FAIL,
    FAIL_UNSTARTED,
    LEASE,
    MOVES,
    RELEASE,
    RETRY,
    REVIVE,
    AttemptError,
    Cancelled,
    ClaimedJob,
    Completed,
    Failed,
    Job,
    JobStatus,
    Move,
    Outcome,
    Postponed,
    Progress,
    Released,
    Retry,
    Settlement,
    Terms,
)
from chalicelib.store.attempts import MAX_CRASHES, AttemptStore
from chalicelib.store.dependencies import DependencyStore
from chalicelib.store.jobs import REVIVED_ATTEMPTS, JobStore
from chalicelib.store.rows import KEPT_ERRORS
from chalicelib.views import maybe
from tests.integration.conftest import FOREVER, a_job, claim, insert, put_in_status
from tests.samples import a_claimed_job

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
BOOM = AttemptError(type="ValueError", message="boom")


def settle(attempts: AttemptStore, job: ClaimedJob, outcome: Outcome) -> list[Job]:
    return attempts.settle([Settlement(job, outcome)])


def as_claimed(job: Job) -> ClaimedJob:
    return a_claimed_job(id=job.id, attempt=job.attempt)


Moving = Callable[[JobStore, AttemptStore, Job], object]

# Every way there is to make a move.
MAKE_MOVE: list[tuple[Move, Moving]] = [
    (CLAIM, lambda _, attempts, job: claim(attempts, job.id)),
    (COMPLETE, lambda _, attempts, job: attempts.complete([as_claimed(job)], [b"1"]).count),
    (COMPLETE, lambda _, attempts, job: settle(attempts, as_claimed(job), Completed(b"1"))),
    (RETRY, lambda _, attempts, job: settle(attempts, as_claimed(job), Retry(BOOM, timedelta(0)))),
    (FAIL, lambda _, attempts, job: settle(attempts, as_claimed(job), Failed(BOOM))),
    (CANCEL, lambda store, attempts, job: _cancelled(store, attempts, job)),
    (REVIVE, lambda store, _, job: store.revive([job.id])),
    (RELEASE, lambda store, _, job: DependencyStore(store._database).release([job.id])),
    (FAIL_UNSTARTED, lambda store, _, job: _failed_with_another(store, job)),
]


def _failed_with_another(store: JobStore, job: Job) -> object:
    other = insert(store)
    store._database.count(
        "UPDATE jobs SET status = 'FAILED', finished_at = now() WHERE id = %(other)s", {"other": other.id}
    )
    store._database.count(
        "UPDATE jobs SET depends_on = %(others)s WHERE id = %(id)s", {"id": job.id, "others": [other.id]}
    )
    return DependencyStore(store._database).release([job.id])


def _cancelled(store: JobStore, attempts: AttemptStore, job: Job) -> object:
    """A running job is asked first, and is cancelled by its worker."""
    if job.status is JobStatus.RUNNING:
        return settle(attempts, as_claimed(job), Cancelled())
    return store.cancel([job.id])


@pytest.mark.parametrize("status", JobStatus)
@pytest.mark.parametrize(("move", "make"), MAKE_MOVE, ids=lambda part: getattr(part, "name", ""))
def test_postgres_allows_exactly_the_moves_in_the_table(
    store: JobStore,
    attempts: AttemptStore,
    conn: psycopg.Connection[Any],
    move: Move,
    make: Moving,
    status: JobStatus,
) -> None:
    job = insert(store)
    put_in_status(conn, job, status)
    before = store.get(job.id)

    moved = bool(make(store, attempts, before))

    assert moved == (status in move.sources)
    after = store.get(job.id)
    assert after.status == (move.target if moved else status)
    assert after.version == before.version + moved


def test_every_move_of_the_table_is_tried() -> None:
    assert {move for move, _ in MAKE_MOVE} == set(MOVES)


def test_a_claim_starts_the_next_attempt(store: JobStore, attempts: AttemptStore) -> None:
    (claimed,) = claim(attempts, insert(store).id)

    running = store.get(claimed.id)
    assert (running.status, running.attempt, running.worker_id) == (JobStatus.RUNNING, 1, "w")
    assert claimed.attempt == 1
    assert running.started_at is not None
    assert running.lease_expires_at is not None
    assert running.lease_expires_at - running.started_at == LEASE


def test_two_claims_of_one_job_give_it_to_one_worker(store: JobStore, attempts: AttemptStore) -> None:
    job = insert(store)

    first, second = claim(attempts, job.id), claim(attempts, job.id)

    assert len(first) == 1
    assert second == []


def test_a_job_is_not_claimed_before_its_time(store: JobStore, attempts: AttemptStore) -> None:
    job = insert(store, delay=timedelta(hours=1))

    assert claim(attempts, job.id) == []
    assert job.waits


def test_a_job_that_may_run_longer_than_we_have_is_left_alone(store: JobStore, attempts: AttemptStore) -> None:
    job = insert(store, timeout_seconds=30.0)

    assert attempts.claim([job.id.bytes], "w", LEASE, timedelta(seconds=29)) == []
    assert len(attempts.claim([job.id.bytes], "w", LEASE, timedelta(seconds=30))) == 1


def test_a_worker_that_outlived_its_lease_cannot_finish_the_job(
    store: JobStore, attempts: AttemptStore, expire_lease: Callable[[ClaimedJob | Job], None]
) -> None:
    (slow,) = claim(attempts, insert(store).id)
    expire_lease(slow)
    (fast,) = claim(attempts, slow.id)

    assert settle(attempts, slow, Completed(b'"slow"')) == []
    (done,) = settle(attempts, fast, Completed(b'"fast"'))

    assert done.attempt == 2
    assert bytes(store.get(done.id).result or b"") == b'"fast"'


def test_a_vanished_worker_counts_as_a_crash_and_not_as_a_failure(
    store: JobStore, attempts: AttemptStore, expire_lease: Callable[[ClaimedJob | Job], None]
) -> None:
    (first,) = claim(attempts, insert(store, max_attempts=1).id)
    expire_lease(first)

    (second,) = claim(attempts, first.id)

    assert (second.attempt, second.crashes, second.failures) == (2, 1, 0)


def test_a_job_whose_workers_keep_vanishing_is_failed(
    store: JobStore, attempts: AttemptStore, expire_lease: Callable[[ClaimedJob | Job], None]
) -> None:
    job = insert(store)
    for _ in range(MAX_CRASHES):
        (running,) = claim(attempts, job.id)
        assert attempts.bury([job.id]) == []
        expire_lease(running)

    assert claim(attempts, job.id) == []
    assert attempts.bury([job.id]) == [job.id]

    buried = store.get(job.id)
    assert (buried.status, buried.crashes) == (JobStatus.FAILED, MAX_CRASHES)
    assert "vanished" in (buried.error or "")


def test_a_retry_waits_and_keeps_its_error(store: JobStore, attempts: AttemptStore) -> None:
    (running,) = claim(attempts, insert(store).id)

    (waiting,) = settle(attempts, running, Retry(BOOM, timedelta(hours=1)))

    assert (waiting.status, waiting.waits, waiting.failures) == (JobStatus.QUEUED, True, 1)
    assert waiting.error == "boom"
    (kept,) = msgspec.json.decode(store.get(waiting.id).errors or b"[]")
    assert (kept["attempt"], kept["type"], kept["message"]) == (1, "ValueError", "boom")


def test_an_error_tells_when_its_attempt_started_and_on_which_worker(
    store: JobStore, attempts: AttemptStore, conn: psycopg.Connection[Any]
) -> None:
    jobs = store.insert([a_job(), a_job()])
    kept: dict[UUID, list[tuple[str, int, str, str | None]]] = {job.id: [] for job in jobs}
    for worker, outcome in (("first", Retry(BOOM, timedelta(0))), ("second", Failed(BOOM))):
        running = attempts.claim([job.id.bytes for job in jobs], worker, LEASE, FOREVER)
        for ago, held in enumerate(running, start=1):
            conn.execute("UPDATE jobs SET started_at = started_at - %s WHERE id = %s", [timedelta(hours=ago), held.id])
            started_at = maybe(store.get(held.id).started_at)
            kept[held.id].append((worker, held.attempt, "ValueError", started_at))
        attempts.settle([Settlement(held, outcome) for held in running])

    assert {job.id: told(job) for job in store.find([*kept])} == kept


def test_an_attempt_that_was_lost_with_its_worker_is_told_like_any_other(
    store: JobStore, attempts: AttemptStore, conn: psycopg.Connection[Any]
) -> None:
    job = insert(store)
    kept = []
    for n in range(MAX_CRASHES):
        attempts.claim([job.id.bytes], f"w{n}", LEASE, FOREVER)
        conn.execute(
            "UPDATE jobs SET started_at = now() - interval '5 minutes', lease_expires_at = now() - interval '1 s'"
        )
        kept.append((f"w{n}", n + 1, "WorkerCrashed", maybe(store.get(job.id).started_at)))
    attempts.bury([job.id])

    assert told(store.get(job.id)) == kept


def told(job: Job) -> list[tuple[str, int, str, str | None]]:
    """Of each attempt that failed, in their order."""
    errors = msgspec.json.decode(job.errors or b"[]")
    assert all(error["started_at"] < error["at"] for error in errors)
    return [(error["worker_id"], error["attempt"], error["type"], error["started_at"]) for error in errors]


def test_a_released_job_is_due_at_once_and_pays_nothing(store: JobStore, attempts: AttemptStore) -> None:
    (running,) = claim(attempts, insert(store).id)

    (released,) = settle(attempts, running, Released())

    assert (released.status, released.waits, released.failures) == (JobStatus.QUEUED, False, 0)
    assert released.run_at == released.created_at
    assert claim(attempts, released.id)[0].attempt == 2


def test_a_completed_job_forgets_its_last_error_and_keeps_the_list(store: JobStore, attempts: AttemptStore) -> None:
    (first,) = claim(attempts, insert(store).id)
    settle(attempts, first, Retry(BOOM, timedelta(0)))
    (second,) = claim(attempts, first.id)

    settle(attempts, second, Completed(b"null"))

    done = store.get(first.id)
    assert done.error is None
    assert len(msgspec.json.decode(done.errors or b"[]")) == 1


def test_only_the_last_errors_are_kept(store: JobStore, attempts: AttemptStore, conn: psycopg.Connection[Any]) -> None:
    job = insert(store, max_attempts=100)
    conn.execute("UPDATE jobs SET errors = (SELECT jsonb_agg(n) FROM generate_series(1, %s) AS n)", [KEPT_ERRORS])
    (running,) = claim(attempts, job.id)

    settle(attempts, running, Retry(BOOM, timedelta(0)))

    errors = msgspec.json.decode(store.get(job.id).errors or b"[]")
    assert len(errors) == KEPT_ERRORS
    assert (errors[0], errors[-1]["message"]) == (2, "boom")


def test_one_statement_settles_outcomes_of_every_kind(store: JobStore, attempts: AttemptStore) -> None:
    jobs = claim(attempts, *(insert(store).id for _ in range(6)))
    outcomes: list[Outcome] = [
        Completed(b"[1]"),
        Retry(BOOM, timedelta(hours=1)),
        Failed(BOOM),
        Released(),
        Postponed(timedelta(hours=1)),
        Cancelled(),
    ]

    settled = attempts.settle([Settlement(job, outcome) for job, outcome in zip(jobs, outcomes, strict=True)])

    by_id = {job.id: job.status for job in settled}
    assert [by_id[job.id] for job in jobs] == ["COMPLETED", "QUEUED", "FAILED", "QUEUED", "QUEUED", "CANCELLED"]


def test_renewing_keeps_the_lease_of_the_attempt_that_holds_it(
    store: JobStore, attempts: AttemptStore, expire_lease: Callable[[ClaimedJob | Job], None]
) -> None:
    (stale,) = claim(attempts, insert(store).id)
    expire_lease(stale)
    (current,) = claim(attempts, stale.id)
    before = store.get(current.id).lease_expires_at

    assert attempts.renew([stale], LEASE) == []
    (renewed,) = attempts.renew([current], LEASE)

    assert before is not None
    assert renewed.lease_expires_at > before
    assert not renewed.must_end


def test_progress_is_a_new_version_and_only_the_holder_may_report_it(store: JobStore, attempts: AttemptStore) -> None:
    (running,) = claim(attempts, insert(store).id)
    other = msgspec.structs.replace(running, attempt=9)

    assert attempts.report([(other, Progress(0.1, "no"))]) == []
    before = store.get(running.id)
    assert attempts.report([(running, Progress(0.5, "half"))]) == [running.id]

    told = store.get(running.id)
    assert told.version == before.version + 1
    assert msgspec.json.decode(told.progress or b"") == {"fraction": 0.5, "message": "half"}


def test_nul_in_a_result_is_replaced_and_an_escaped_backslash_is_not(store: JobStore, attempts: AttemptStore) -> None:
    (running,) = claim(attempts, insert(store).id)
    value = ["a\x00b", "\\u0000", "\\\x00"]

    settle(attempts, running, Completed(msgspec.json.encode(value)))

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


def test_cancelling_a_running_job_asks_once_and_leaves_it_running(store: JobStore, attempts: AttemptStore) -> None:
    (running,) = claim(attempts, insert(store).id)

    (asked,) = store.cancel([running.id])

    assert asked.status is JobStatus.RUNNING
    assert asked.cancel_requested_at is not None
    assert store.cancel([running.id]) == []
    assert [renewal.must_end for renewal in attempts.renew([running], LEASE)] == [True]


@pytest.mark.parametrize("late", [Completed(b"1"), Retry(BOOM, timedelta(0)), Failed(BOOM), Released()])
def test_a_job_that_was_asked_to_end_takes_no_other_outcome(
    store: JobStore, attempts: AttemptStore, late: Outcome
) -> None:
    (running,) = claim(attempts, insert(store).id)
    store.cancel([running.id])

    assert attempts.complete([running], [b"1"]).count == 0
    assert settle(attempts, running, late) == []
    (ended,) = settle(attempts, running, Cancelled())

    assert (ended.status, ended.result) == (JobStatus.CANCELLED, None)


def test_a_cancelled_job_whose_worker_vanished_is_not_claimed_but_ended(
    store: JobStore, attempts: AttemptStore, expire_lease: Callable[[ClaimedJob | Job], None]
) -> None:
    (running,) = claim(attempts, insert(store).id)
    store.cancel([running.id])
    assert attempts.bury([running.id]) == []
    expire_lease(running)

    assert claim(attempts, running.id) == []
    assert attempts.bury([running.id]) == [running.id]

    ended = store.get(running.id)
    assert (ended.status, ended.crashes) == (JobStatus.CANCELLED, 1)


def test_a_revived_job_has_attempts_again_and_no_crashes(
    store: JobStore, attempts: AttemptStore, expire_lease: Callable[[ClaimedJob | Job], None]
) -> None:
    (crashed,) = claim(attempts, insert(store, max_attempts=1).id)
    expire_lease(crashed)
    (running,) = claim(attempts, crashed.id)
    settle(attempts, running, Failed(BOOM))

    (revived,) = store.revive([running.id])

    assert (revived.status, revived.waits, revived.crashes) == (JobStatus.QUEUED, False, 0)
    assert (revived.failures, revived.max_attempts) == (1, 1 + REVIVED_ATTEMPTS)
    assert claim(attempts, revived.id)[0].attempt == 3


def test_a_revived_cancelled_job_is_asked_nothing_any_more(store: JobStore, attempts: AttemptStore) -> None:
    job = insert(store)
    store.cancel([job.id])

    (revived,) = store.revive([job.id])

    assert revived.cancel_requested_at is None
    assert len(claim(attempts, job.id)) == 1


def test_a_crash_is_kept_among_the_errors(
    store: JobStore, attempts: AttemptStore, expire_lease: Callable[[ClaimedJob | Job], None]
) -> None:
    (crashed,) = claim(attempts, insert(store).id)
    expire_lease(crashed)
    claim(attempts, crashed.id)

    (kept,) = msgspec.json.decode(store.get(crashed.id).errors or b"[]")

    assert (kept["attempt"], kept["type"], kept["message"]) == (1, "WorkerCrashed", "its worker w vanished")


def test_a_claim_whose_answer_was_lost_is_given_back_and_costs_nothing(store: JobStore, attempts: AttemptStore) -> None:
    (mine,) = claim(attempts, insert(store).id)
    (other,) = attempts.claim([insert(store).id.bytes], "somebody else", LEASE, timedelta(days=1))

    (given_back,) = attempts.disown([mine.id, other.id], "w")

    assert (given_back.id, given_back.status) == (mine.id, JobStatus.QUEUED)
    assert (given_back.crashes, given_back.failures) == (0, 0)


def test_postponing_counts_no_failure(store: JobStore, attempts: AttemptStore) -> None:
    (running,) = claim(attempts, insert(store, max_attempts=1).id)

    (waiting,) = settle(attempts, running, Postponed(timedelta(hours=1)))

    assert (waiting.status, waiting.waits, waiting.failures, waiting.error) == (JobStatus.QUEUED, True, 0, None)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"queue": "mail", "priority": -7, "max_attempts": 9, "timeout_seconds": 0.25},
        {"run_at": datetime(2030, 1, 2, 3, 4, 5, 678_901, UTC)},
        {"run_at": datetime(2030, 1, 2, tzinfo=timezone(timedelta(hours=5, minutes=30))), "delay": timedelta(hours=1)},
        {"tags": ["a b", 'quo"te', "back\\slash", "{},NULL", "ü", ""]},
        {"backoff": Linear(step=2)},
        {"concurrency_key": "customer 7", "otherwise": Terms(-3, 25, 0.001)},
        {"payload": msgspec.Raw(b'{"b": 1.50, "a": [null, "\\u00fc"]}')},
    ],
)
def test_a_job_inserted_alone_is_recorded_as_among_many(store: JobStore, fields: dict[str, Any]) -> None:
    alone = insert(store, **fields)
    _, among = store.insert([a_job(), a_job(**fields)])

    for job in (alone, among):
        row = store.get(job.id)
        assert row == job
        assert (row.queue, row.tags) == (fields.get("queue", "default"), fields.get("tags", []))
        assert bytes(row.payload or b"") == bytes(fields.get("payload", b"{}"))
    assert recorded(store.get(alone.id)) == recorded(store.get(among.id))


def test_a_copy_keeps_all_that_was_asked(store: JobStore, conn: psycopg.Connection[Any]) -> None:
    asked = insert(
        store,
        job_type="fail",
        queue="mail",
        priority=-7,
        max_attempts=9,
        timeout_seconds=0.25,
        tags=["b", "a"],
        payload=msgspec.Raw(b'{"b": 1.50}'),
        backoff=Fixed(seconds=3),
        concurrency_key="customer 7",
    )
    conn.execute("UPDATE jobs SET schedule = 'nightly', scheduled_for = '2026-01-02 03:04:05Z'")

    copy = store.copy(asked.id, uuid7())

    old, new = (as_it_was_asked(conn, job_id) for job_id in (asked.id, copy.id))
    assert new == old
    assert {name for name, value in old.items() if value is None} == LEFT_TO_RUNS
    tagged = conn.execute("SELECT tag FROM job_tags WHERE job_id = %s ORDER BY tag", [copy.id]).fetchall()
    assert tagged == [("a",), ("b",)]


LEFT_TO_RUNS = {
    "ended_badly",
    "result",
    "error",
    "progress",
    "worker_id",
    "started_at",
    "finished_at",
    "lease_expires_at",
    "cancel_requested_at",
}


def as_it_was_asked(conn: psycopg.Connection[Any], job_id: UUID) -> dict[str, Any]:
    """Its whole row, by column, but what is different in any two jobs, and what it waited for."""
    ((row,),) = conn.execute(
        "SELECT to_jsonb(job) - '{id,created_at,run_at,depends_on}'::text[] FROM jobs AS job WHERE id = %s", [job_id]
    ).fetchall()
    return dict(row)


def recorded(row: Job) -> Job:
    """Without what is different in any two jobs."""
    run_at = row.run_at if row.run_at.year == 2030 else EPOCH
    return msgspec.structs.replace(row, id=UUID(int=0), created_at=EPOCH, run_at=run_at)


def test_a_delay_counts_from_now_by_postgres(store: JobStore) -> None:
    alone = insert(store, delay=timedelta(seconds=90))
    _, among = store.insert([a_job(), a_job(delay=timedelta(seconds=90))])

    assert [job.run_at - job.created_at for job in (alone, among)] == [timedelta(seconds=90)] * 2


def test_a_jobs_own_backoff_reaches_the_worker(store: JobStore, attempts: AttemptStore) -> None:
    (claimed,) = claim(attempts, insert(store, backoff=Fixed(seconds=3)).id)

    assert msgspec.json.decode(claimed.backoff or b"") == {"type": "fixed", "seconds": 3.0}
