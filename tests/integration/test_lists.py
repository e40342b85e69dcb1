"""Lists: the filters, the pages, and the indexes that serve them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest
from uuid_utils.compat import uuid7

from chalicelib import wire
from chalicelib.jobs import LEASE, AttemptError, Completed, Failed, JobStatus, Retry, Settlement
from chalicelib.store.attempts import AttemptStore
from chalicelib.store.jobs import START, JobFilter, JobStore
from chalicelib.views import INLINE_BYTES, inline
from tests.integration.conftest import World, a_job, claim, insert

TODAY_READ_WHOLE = f"Seq Scan on jobs_{datetime.now(UTC):%Y%m%d}"  # the other days' partitions are empty here
BOOM = AttemptError(type="ValueError", message="boom")


def put_one_in_each_state(store: JobStore, attempts: AttemptStore) -> None:
    insert(store)
    insert(store, delay=timedelta(hours=1))
    for outcome in (Completed(b"1"), Retry(BOOM, timedelta(hours=1)), Retry(BOOM, timedelta(0)), Failed(BOOM)):
        (running,) = claim(attempts, insert(store).id)
        attempts.settle([Settlement(running, outcome)])
    claim(attempts, insert(store).id)


@pytest.mark.parametrize("label", [*JobStatus, "SCHEDULED", "RETRYING"])
def test_the_filter_finds_exactly_the_jobs_that_show_the_label(
    store: JobStore, attempts: AttemptStore, label: str
) -> None:
    put_one_in_each_state(store, attempts)
    everything = [inline(job) for job in store.page(JobFilter())]

    found = store.page(wire.job_filter({"status": label}))

    assert {job.id for job in found} == {view.id for view in everything if view.status == label}


def test_pages_follow_each_other_without_gaps(store: JobStore) -> None:
    newest_first = sorted((insert(store).id for _ in range(7)), reverse=True)

    first = store.page(JobFilter(limit=3))
    second = store.page(JobFilter(limit=3, before=first[-1].id))
    third = store.page(JobFilter(limit=3, before=second[-1].id))

    assert [job.id for job in (*first, *second, *third)] == newest_first


def test_filters_join(store: JobStore) -> None:
    wanted = insert(store, queue="mail", job_type="send")
    insert(store, queue="mail", job_type="other")
    insert(store, queue="other", job_type="send")

    assert [job.id for job in store.page(JobFilter(queue="mail", job_type="send"))] == [wanted.id]


@pytest.mark.parametrize(("length", "is_inline"), [(INLINE_BYTES - 2, True), (INLINE_BYTES - 1, False)])
def test_values_over_4_kb_are_left_out_of_lists_and_named(
    store: JobStore, attempts: AttemptStore, length: int, is_inline: bool
) -> None:
    value = msgspec.json.encode("x" * length)
    (running,) = claim(attempts, insert(store, payload=msgspec.Raw(value)).id)
    (told,) = attempts.settle([Settlement(running, Completed(value))])
    (listed,) = store.page(JobFilter())

    for view in (inline(store.get(told.id)), inline(listed)):
        assert view.omitted == ([] if is_inline else ["payload", "result"])
        assert (view.payload is not None, view.result is not None) == (is_inline, is_inline)


def test_a_null_result_is_not_an_omitted_one(store: JobStore, attempts: AttemptStore) -> None:
    (running,) = claim(attempts, insert(store, payload=msgspec.Raw(b"null")).id)
    attempts.settle([Settlement(running, Completed(b"null"))])

    assert inline(store.page(JobFilter())[0]).omitted == []


# Plans are looked at on a table of 20,000 jobs, nearly all completed, as it would be after some days.
@pytest.fixture
def busy(conn: psycopg.Connection[Any], store: JobStore) -> None:
    conn.execute(
        """
        INSERT INTO jobs (id, job_type, queue, status, priority, max_attempts, attempt, failures, timeout_seconds,
                          run_at, payload, finished_at)
        SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - n), 12, '0')
                || '-7000-8000-000000000000')::uuid,
               CASE n % 500 WHEN 3 THEN 'rare' ELSE 'common' END, 'default', end_of.status, 0, 3, 1, 0, 60,
               now(), '{}', CASE WHEN end_of.status <> 'QUEUED' THEN now() END
          FROM generate_series(1, 20000) AS n,
               LATERAL (SELECT CASE WHEN n % 1000 = 0 THEN 'FAILED' WHEN n % 997 = 0 THEN 'QUEUED'
                                    ELSE 'COMPLETED' END AS status) AS end_of
        """
    )
    conn.execute("ANALYZE jobs")


@pytest.mark.parametrize(
    ("chosen", "index"),
    [
        (JobFilter(), "pkey"),
        (JobFilter(before=uuid7()), "pkey"),
        (JobFilter(status=JobStatus.FAILED), "ended_badly"),
        (JobFilter(status=JobStatus.RUNNING, queue="default"), "id_idx"),
        (JobFilter(job_type="rare"), "job_type_id_idx"),
    ],
    ids=["all", "next page", "failed", "running", "job type"],
)
def test_lists_are_served_by_an_index_without_reading_the_table(
    busy: None, world: World, explained: list[str], chosen: JobFilter, index: str
) -> None:
    world.store.page(chosen)

    (plan,) = explained
    assert index in plan
    assert TODAY_READ_WHOLE not in plan
    assert all(int(rows) < 100 for rows in re.findall(r"Rows Removed by Filter: (\d+)", plan))


@pytest.mark.parametrize("count", [1, 50, 1_000])
def test_recording_outcomes_takes_time_that_grows_with_their_number_only(
    busy: None, world: World, explained: list[str], count: int
) -> None:
    """The statistics of a busy table know of no RUNNING row: a plan that believes them loops over all rows for each row."""
    jobs = claim(world.attempts, *(job.id for job in world.store.insert([a_job() for _ in range(count)])))
    explained.clear()

    world.attempts.complete(jobs, [b"1"] * count)
    world.attempts.settle([Settlement(job, Completed(b"1")) for job in jobs])
    world.attempts.renew(jobs, LEASE)

    assert len(explained) == 3
    for plan in explained:
        assert TODAY_READ_WHOLE not in plan
        assert sum(int(rows) for rows in re.findall(r"Rows Removed by Join Filter: (\d+)", plan)) <= count
        assert max(int(loops) for loops in re.findall(r"Function Scan on held .*loops=(\d+)", plan)) == 1


def test_unfinished_jobs_are_found_without_reading_the_finished_ones(
    busy: None, world: World, explained: list[str]
) -> None:
    world.store.unfinished(START, timedelta(0), 1_000)

    (plan,) = explained
    assert "unfinished" in plan or "queue_id" in plan
    assert TODAY_READ_WHOLE not in plan
    assert all(int(rows) < 100 for rows in re.findall(r"Rows Removed by Filter: (\d+)", plan))


def test_a_claim_finds_rows_by_id(busy: None, world: World, explained: list[str]) -> None:
    job = insert(world.store)
    explained.clear()

    claim(world.attempts, job.id)

    (plan,) = explained
    assert TODAY_READ_WHOLE not in plan


@pytest.fixture
def explained(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Plans of the statements that the store runs from here on, as Postgres executed them."""
    plans: list[str] = []
    database = world.store._database
    fetch = database.fetch

    def explaining(query: Any, params: Any = None, **options: Any) -> Any:
        with database.transaction() as connection:
            rows = connection.execute(b"EXPLAIN (ANALYZE, COSTS OFF) " + query.encode(), params).fetchall()
            plans.append("\n".join(line for (line,) in rows))
            raise psycopg.Rollback
        return fetch(query, params, **options) if "RETURNING" in query or "SELECT" in query else 0

    monkeypatch.setattr(database, "fetch", explaining)
    monkeypatch.setattr(database, "count", explaining)
    world.attempts = AttemptStore(database)
    return plans
