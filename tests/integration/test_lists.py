"""Lists: the filters, the pages, and the indexes that serve them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, get_args
from uuid import UUID

import msgspec
import psycopg
import pytest
from uuid_utils.compat import uuid7

from chalicelib.decoding import converted
from chalicelib.forms import ListQuery
from chalicelib.jobs import LEASE, AttemptError, Completed, Failed, JobStatus, Label, Retry, Settlement
from chalicelib.store.attempts import AttemptStore
from chalicelib.store.database import Database
from chalicelib.store.jobs import JobStore
from chalicelib.store.lists import JobFilter, JobLists, Part
from chalicelib.store.partitions import first_id_at, made_at
from chalicelib.store.unfinished import START
from chalicelib.views import INLINE_BYTES, inline
from tests.integration.conftest import World, a_job, claim, explain, insert

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
    store: JobStore, lists: JobLists, attempts: AttemptStore, label: str
) -> None:
    put_one_in_each_state(store, attempts)
    everything = [inline(job) for job in lists.page(JobFilter()).jobs]

    found = lists.page(converted({"status": label}, ListQuery).chosen()).jobs

    assert {job.id for job in found} == {view.id for view in everything if view.status == label}


def test_pages_follow_each_other_without_gaps(store: JobStore, lists: JobLists) -> None:
    newest_first = sorted((insert(store).id for _ in range(7)), reverse=True)

    first = lists.page(JobFilter(limit=3))
    second = lists.page(JobFilter(limit=3, before=first.stopped_at))
    third = lists.page(JobFilter(limit=3, before=second.stopped_at))

    assert [job.id for job in (*first.jobs, *second.jobs, *third.jobs)] == newest_first
    assert third.stopped_at is None


def test_filters_join(store: JobStore, lists: JobLists) -> None:
    wanted = insert(store, queue="mail", job_type="send")
    insert(store, queue="mail", job_type="other")
    insert(store, queue="other", job_type="send")

    assert [job.id for job in lists.page(JobFilter(queue="mail", job_type="send")).jobs] == [wanted.id]


@pytest.mark.parametrize(("length", "is_inline"), [(INLINE_BYTES - 2, True), (INLINE_BYTES - 1, False)])
def test_values_over_4_kb_are_left_out_of_lists_and_named(
    store: JobStore, lists: JobLists, attempts: AttemptStore, length: int, is_inline: bool
) -> None:
    value = msgspec.json.encode("x" * length)
    (running,) = claim(attempts, insert(store, payload=msgspec.Raw(value)).id)
    (told,) = attempts.settle([Settlement(running, Completed(value))])
    (listed,) = lists.page(JobFilter()).jobs

    for view in (inline(store.get(told.id)), inline(listed)):
        assert view.omitted == ([] if is_inline else ["payload", "result"])
        assert (view.payload is not None, view.result is not None) == (is_inline, is_inline)


def test_a_null_result_is_not_an_omitted_one(store: JobStore, lists: JobLists, attempts: AttemptStore) -> None:
    (running,) = claim(attempts, insert(store, payload=msgspec.Raw(b"null")).id)
    attempts.settle([Settlement(running, Completed(b"null"))])

    assert inline(lists.page(JobFilter()).jobs[0]).omitted == []


@pytest.fixture
def short_sighted(database: Database) -> JobLists:
    """Reads no more than five candidates a call."""
    return JobLists(database, reach=5)


def test_a_page_ends_where_the_reading_stopped_and_the_next_one_goes_on_there(
    store: JobStore, short_sighted: JobLists
) -> None:
    wanted = [insert(store, queue="mail", job_type="rare").id for _ in range(2)]
    for _ in range(12):
        insert(store, queue="mail", job_type="common")
    wanted.append(insert(store, queue="mail", job_type="rare").id)
    chosen = JobFilter(tag=None, status=JobStatus.QUEUED, job_type="rare")

    found: list[UUID] = []
    sizes: list[int] = []
    cursor: UUID | None = None
    while not sizes or cursor is not None:
        page = short_sighted.page(msgspec.structs.replace(chosen, before=cursor))
        found += [job.id for job in page.jobs]
        sizes.append(len(page.jobs))
        cursor = page.stopped_at

    assert found == sorted(wanted, reverse=True)
    assert sizes == [1, 0, 2, 0]


def test_a_list_by_tag_finds_each_job_once_and_survives_deleted_jobs(
    store: JobStore, lists: JobLists, conn: psycopg.Connection[Any]
) -> None:
    gone, kept = insert(store, tags=["a", "a", "b"]), insert(store, tags=["b", "ü"])
    conn.execute("DELETE FROM jobs WHERE id = %s", [gone.id])

    assert [job.id for job in lists.page(JobFilter(tag="b")).jobs] == [kept.id]
    assert [job.id for job in lists.page(JobFilter(tag="ü", queue="default")).jobs] == [kept.id]
    assert lists.page(JobFilter(tag="a")).jobs == []


def test_a_list_by_concurrency_key_is_read_from_whatever_else_is_asked(store: JobStore, lists: JobLists) -> None:
    wanted = insert(store, queue="mail", concurrency_key="ann")
    insert(store, queue="mail", concurrency_key="bob")
    insert(store, queue="mail")
    other = insert(store, queue="other", concurrency_key="ann")

    assert [job.id for job in lists.page(JobFilter(concurrency_key="ann", queue="mail")).jobs] == [wanted.id]
    assert [job.id for job in lists.page(JobFilter(concurrency_key="ann")).jobs] == [other.id, wanted.id]


def test_a_copy_has_its_originals_tags(store: JobStore, lists: JobLists) -> None:
    original = insert(store, tags=["a", "b"])

    copied = store.copy(original.id, uuid7())

    assert copied.tags == ["a", "b"]
    assert {job.id for job in lists.page(JobFilter(tag="a")).jobs} == {original.id, copied.id}


def test_created_after_and_before_frame_a_list(store: JobStore, lists: JobLists) -> None:
    days = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 3)]
    first, second, third = (insert(store, id=first_id_at(day)).id for day in days)

    def listed(**query: str) -> set[UUID]:
        return {job.id for job in lists.page(converted(query, ListQuery).chosen()).jobs}

    assert listed(created_after="2026-03-02T00:00:00Z") == {second, third}
    assert listed(created_before="2026-03-02T00:00:00Z") == {first}
    assert listed(created_after="2026-03-01T12:00:00Z", created_before="2026-03-03T00:00:00+01:00") == {second}


@pytest.fixture
def listed(lists: JobLists) -> Callable[..., list[UUID]]:
    def listed(**query: str) -> list[UUID]:
        return [job.id for job in lists.page(converted(query, ListQuery).chosen()).jobs]

    return listed


def test_jobs_are_found_by_the_first_digits_of_their_ids(store: JobStore, listed: Callable[..., list[UUID]]) -> None:
    ids = sorted(
        (insert(store, id=UUID(text), queue=queue).id for text, queue in IDS.items()),
        reverse=True,
    )

    for digits in range(1, 33):
        for job_id in ids:
            prefix = job_id.hex[:digits]
            wanted = [each for each in ids if each.hex.startswith(prefix)]
            assert listed(id=prefix) == listed(id=prefix.upper()) == wanted
    for length in range(1, 37):
        wanted = [each for each in ids if str(each).startswith(str(ids[1])[:length])]
        assert listed(id=str(ids[1])[:length]) == wanted
    second = "0190ffff-ffff-7"
    assert listed(id=second) == ids[2:4]
    assert listed(id=second, queue="a") == listed(id=second, cursor=str(ids[2])) == [ids[3]]
    assert listed(id=second, created_before="2020-01-01T00:00:00Z") == []
    assert listed(id=second, created_after="2100-01-01T00:00:00Z") == []
    assert listed(id="0", created_after="2024-08-01T00:00:00Z") == ids[:1]
    assert listed(id="f") == listed(id="f" * 32) == []


# Neighbours on both sides of a prefix's range.
IDS = {
    "0190fffe-ffff-7fff-bfff-ffffffffffff": "a",
    "0190ffff-ffff-7000-8000-000000000000": "a",
    "0190ffff-ffff-7fff-bfff-ffffffffffff": "b",
    "01910000-0000-7000-8000-000000000000": "a",
    "019c0000-0000-7000-8000-000000000000": "a",
}


@pytest.mark.parametrize("how", ["inline", "whole", "none"])
def test_lists_bring_as_much_of_large_values_as_they_are_asked_for(store: JobStore, lists: JobLists, how: Part) -> None:
    insert(store, payload=msgspec.Raw(b'"small"'))
    insert(store, payload=msgspec.Raw(msgspec.json.encode("x" * 5_000)))

    large, small = lists.page(JobFilter(), payload=how).jobs

    assert (small.payload is not None, large.payload is not None) == {
        "inline": (True, False),
        "whole": (True, True),
        "none": (False, False),
    }[how]


# Plans are looked at on a table of 20,000 jobs, nearly all completed, as it would be after some days.
@pytest.fixture
def busy(conn: psycopg.Connection[Any], store: JobStore) -> None:
    conn.execute(
        """
        INSERT INTO jobs (id, job_type, queue, status, priority, max_attempts, attempt, failures, timeout_seconds,
                          run_at, payload, tags, finished_at)
        SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - n), 12, '0')
                || '-7000-8000-000000000000')::uuid,
               CASE n % 500 WHEN 3 THEN 'rare' ELSE 'common' END, CASE n % 400 WHEN 7 THEN 'rare' ELSE 'default' END,
               end_of.status, 0, 3, 1, 0, 60,
               now(), '{}', CASE n % 300 WHEN 9 THEN '{rare}'::text[] ELSE '{}' END,
               CASE WHEN end_of.status <> 'QUEUED' THEN now() END
          FROM generate_series(1, 20000) AS n,
               LATERAL (SELECT CASE WHEN n % 1000 = 0 THEN 'FAILED' WHEN n % 97 = 0 THEN 'QUEUED'
                                    ELSE 'COMPLETED' END AS status) AS end_of
        """
    )
    conn.execute("INSERT INTO job_tags (tag, job_id) SELECT unnest(tags), id FROM jobs")
    conn.execute("ANALYZE jobs; ANALYZE job_tags")


COMBINATIONS = [
    {name: value for name, value in zip(("status", "queue", "job_type", "tag"), values, strict=True) if value}
    for values in product((None, *get_args(Label)), (None, "rare"), (None, "rare"), (None, "rare"))
]


def test_every_list_reads_a_bounded_number_of_rows_by_an_index(busy: None, world: World, explained: list[str]) -> None:
    """Reach is 200 of 20,000 here. A queue has two sources, and each may be read as far."""
    lists = JobLists(world.store._database, reach=200)

    read = {}
    for query in COMBINATIONS:
        explained.clear()
        lists.page(converted({**query, "created_after": "2020-01-01T00:00:00Z"}, ListQuery).chosen(100))
        read[tuple(query.items())] = max(map(_most_read, explained))
        assert not any(TODAY_READ_WHOLE in plan for plan in explained)

    assert len(read) == len(COMBINATIONS) == 72
    assert {query: most for query, most in read.items() if most > 210} == {}


PLACES: list[dict[str, str]] = [{}, {"queue": "default"}, {"job_type": "common"}, {"status": "FAILED"}, {"tag": "rare"}]


@pytest.mark.parametrize("digits", [12, 16, 32])
@pytest.mark.parametrize("also", PLACES, ids=str)
def test_a_list_by_digits_that_tell_the_day_looks_into_no_other(
    busy: None, world: World, explained: list[str], digits: int, also: dict[str, str]
) -> None:
    job = insert(world.store, tags=["rare"])
    explained.clear()
    lists = JobLists(world.store._database)

    lists.page(converted({**also, "id": job.id.hex[:digits]}, ListQuery).chosen())

    (plan,) = explained
    read = "\n".join(line for line in plan.splitlines() if "never executed" not in line)
    assert {*re.findall(r" on ((?:jobs|job_tags)_\w+)", read)} <= {
        f"{table}_{made_at(job.id):%Y%m%d}" for table in ("jobs", "job_tags")
    }
    assert TODAY_READ_WHOLE not in plan
    assert _most_read(plan) <= 100  # all the tags there are; of jobs one


def _most_read(plan: str) -> int:
    """Rows that a scan of the plan returned, or a filter removed."""
    returned = [float(rows) * int(loops) for rows, loops in re.findall(r"Scan .*rows=([\d.]+) loops=(\d+)", plan)]
    removed = [int(rows) for rows in re.findall(r"Rows Removed by Filter: (\d+)", plan)]
    return int(max([*returned, *removed]))


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

    assert explained
    for plan in explained:
        assert "id_idx" in plan  # either of the two on unfinished jobs
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
    """Plans of the statements that the stores run from here on."""
    plans = explain(world.store._database, monkeypatch)
    world.attempts = AttemptStore(world.store._database)
    return plans
