"""Jobs that wait for other jobs, on Postgres and Redis."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from uuid_utils.compat import uuid7

from chalicelib.attempt import Attempt
from chalicelib.connections import Connections
from chalicelib.errors import InvalidBatch, InvalidInput, StoreUnavailable, UnknownDependency
from chalicelib.hand import Hand
from chalicelib.jobs import LEASE, AttemptError, ClaimedJob, Completed, Failed, Job, JobStatus, Settlement
from chalicelib.members import raw_id_of
from chalicelib.queues import sets_of
from chalicelib.store import dependencies
from chalicelib.store.attempts import AttemptStore, Done
from chalicelib.store.dependencies import MOST_PAGES, SHOWN, DependencyStore
from chalicelib.submissions import MOST_DEPENDENCIES, Submission
from chalicelib.uniqueness import Unique
from tests.integration.calls import Api
from tests.integration.conftest import FOREVER, World, a_maintenance, claim, explain, put_in_status, told

Conn = psycopg.Connection[Any]
BOOM = AttemptError(type="ValueError", message="boom")
BLOCKED, QUEUED, RUNNING, COMPLETED, FAILED, CANCELLED = JobStatus


@pytest.fixture
def store(world: World) -> DependencyStore:
    return DependencyStore(world._new_database())


def waiting(world: World, *others: Job, **options: Any) -> Job:
    return world.submit(depends_on=[other.id for other in others], **options)


def statuses(world: World, *jobs: Job) -> list[JobStatus]:
    return [world.store.get(each.id).status for each in jobs]


def end(world: World, ended: Job, status: JobStatus = COMPLETED) -> None:
    """As a worker does it, with a settler of its own."""
    if status is CANCELLED:
        world.scheduler.cancel(ended.id)
        return
    (claimed,) = claim(world.attempts, ended.id)
    hand = Hand(1)
    settler = world.settler(hand)
    attempt = Attempt(claimed, world.settings, held_since=0.0)
    attempt.outcome = Completed(b"1") if status is COMPLETED else Failed(BOOM)
    hand.add([attempt])
    settler.put(attempt)
    settler.finish()
    settler.run()


def in_redis(world: World) -> set[UUID]:
    ready, *_ = sets_of("default")
    members: Any = world.cache.zrange(ready, 0, -1)
    return {UUID(bytes=raw_id_of(entry)) for entry in members}


def test_a_job_runs_after_those_it_depends_on(world: World) -> None:
    first, second = world.submit(), world.submit()
    third = waiting(world, first, second)
    assert (third.status, third.depends_on, third.version) == (BLOCKED, [first.id, second.id], 1)

    world.run_due()

    ended = [world.store.get(each.id) for each in (first, second, third)]
    assert [each.status for each in ended] == [COMPLETED] * 3
    assert ended[2].started_at is not None
    assert all(each.finished_at is not None and each.finished_at <= ended[2].started_at for each in ended[:2])


def test_it_waits_for_the_last_one(world: World) -> None:
    first, second = world.submit(), world.submit()
    third = waiting(world, first, second)

    end(world, first)
    assert statuses(world, third) == [BLOCKED]
    assert third.id not in in_redis(world)

    end(world, second)
    assert statuses(world, third) == [QUEUED]
    assert third.id in in_redis(world)


def test_its_wait_for_a_worker_begins_when_it_is_let_go(world: World, conn: Conn) -> None:
    first = world.submit()
    second = waiting(world, first)
    conn.execute("UPDATE jobs SET run_at = run_at - interval '1 hour' WHERE id = %s", [second.id])
    end(world, first)

    (claimed,) = claim(world.attempts, second.id)

    assert claimed.waited < 60


def test_a_time_to_come_is_kept(world: World) -> None:
    first = world.submit()
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    second = waiting(world, first, run_at=at)
    end(world, first)

    let_go = world.store.get(second.id)

    assert (let_go.status, let_go.run_at, let_go.waits) == (QUEUED, at, True)


@pytest.mark.parametrize("status", [COMPLETED, FAILED, CANCELLED])
def test_what_has_ended_before_the_submit_counts_as_if_it_ended_after(world: World, status: JobStatus) -> None:
    first = world.submit()
    before = waiting(world, first)
    end(world, first, status)
    after, _ = world.scheduler.submit_once(Submission(job_type="echo", depends_on=[first.id]))

    assert statuses(world, before, after) == [QUEUED if status is COMPLETED else FAILED] * 2
    assert after.status == world.store.get(after.id).status


@pytest.mark.parametrize(("status", "how"), [(FAILED, "failed"), (CANCELLED, "was cancelled")])
def test_it_fails_with_the_first_that_ends_badly_and_says_why(
    world: World, conn: Conn, status: JobStatus, how: str
) -> None:
    first, second = world.submit(), world.submit()
    third = waiting(world, first, second)
    end(world, first, status)

    failed = world.store.get(third.id)

    assert failed.status is FAILED
    assert failed.error == f"job {first.id}, on which it depends, {how}"
    (error,) = msgspec.json.decode(failed.errors or b"[]")
    assert (error["type"], error["message"], error["attempt"]) == ("DependencyFailed", failed.error, 0)
    assert (failed.attempt, failed.failures, failed.version) == (0, 0, 2)
    counted = conn.execute("SELECT sum(failed) FROM job_stats").fetchone()
    assert counted == (1 + (status is FAILED),)


@pytest.mark.parametrize("status", [COMPLETED, FAILED, CANCELLED])
def test_it_runs_however_the_others_end_where_that_was_asked(world: World, status: JobStatus) -> None:
    first, second = world.submit(), world.submit()
    third = waiting(world, first, second, if_dependency_fails="run")

    end(world, first, status)
    assert statuses(world, third) == [BLOCKED]

    end(world, second, status)
    assert statuses(world, third) == [QUEUED]


def test_a_failure_goes_down_the_whole_chain_but_not_past_who_runs_anyway(world: World) -> None:
    first = world.submit()
    second = waiting(world, first)
    third = waiting(world, second)
    tidy = waiting(world, third, if_dependency_fails="run")
    last = waiting(world, tidy)

    end(world, first, FAILED)

    assert statuses(world, second, third, tidy, last) == [FAILED, FAILED, QUEUED, BLOCKED]


def test_a_job_whose_workers_died_lets_others_go(world: World, conn: Conn) -> None:
    first = world.submit()
    second = waiting(world, first, if_dependency_fails="run")
    put_in_status(conn, first, RUNNING)
    conn.execute("UPDATE jobs SET crashes = 2, attempt = 3 WHERE id = %s", [first.id])
    fetcher = world.fetcher()

    fetcher.follow_up(fetcher.fetch({"default": 1}, timedelta(days=1)), timedelta(days=1))

    assert statuses(world, first, second) == [FAILED, QUEUED]
    assert second.id in in_redis(world)


def test_a_waiting_job_can_be_cancelled_and_is_not_let_go_any_more(world: World) -> None:
    first = world.submit()
    second = waiting(world, first)
    third = waiting(world, second)
    world.scheduler.cancel(second.id)

    end(world, first)

    assert statuses(world, second, third) == [CANCELLED, FAILED]


def test_what_waited_and_was_pruned_away_is_no_obstacle(world: World, conn: Conn) -> None:
    first, second = world.submit(), world.submit()
    third = waiting(world, first, second)
    end(world, first)
    conn.execute("DELETE FROM jobs WHERE id = %s", [first.id])

    end(world, second)

    assert statuses(world, third) == [QUEUED]


def test_watchers_are_told_of_it(world: World) -> None:
    Connections(world.cache).add("watcher", "api", "stage")
    first = world.submit()
    second = waiting(world, first)
    end(world, first)

    bodies = [msgspec.json.decode(event.body) for event in told(world) if event.job_id == second.id]
    assert [body["status"] for body in bodies] == ["BLOCKED", "QUEUED"]


def test_jobs_of_a_batch_depend_on_earlier_ones_by_their_places(world: World) -> None:
    old = world.submit()
    (first, second, third), _ = world.scheduler.submit_batch(
        [
            msgspec.Raw(msgspec.json.encode(each))
            for each in (
                {"job_type": "echo"},
                {"job_type": "echo", "depends_on": [0]},
                {"job_type": "echo", "depends_on": [0, 1, str(old.id), 1]},
            )
        ]
    )

    rows = {row.id: row for row in world.store.find([first, second, third])}
    assert [rows[each].status for each in (first, second, third)] == [QUEUED, BLOCKED, BLOCKED]
    assert [rows[each].has_dependents for each in (first, second, third)] == [True, True, False]
    assert rows[third].depends_on == [first, second, old.id]
    world.run_due()
    assert {row.status for row in world.store.find([first, second, third])} == {COMPLETED}


@pytest.mark.parametrize("place", [0, 1, 7])
def test_no_job_of_a_batch_depends_on_itself_or_a_later_one(world: World, conn: Conn, place: int) -> None:
    with pytest.raises(InvalidBatch) as refused:
        world.scheduler.submit_batch([msgspec.Raw(msgspec.json.encode({"job_type": "echo", "depends_on": [place]}))])

    assert refused.value.faults[0][0] == "$.jobs[0].depends_on[0]"
    assert conn.execute("SELECT count(*) FROM jobs").fetchone() == (0,)


def test_a_single_job_has_no_places(world: World) -> None:
    with pytest.raises(InvalidInput) as refused:
        world.scheduler.submit([Submission(job_type="echo", depends_on=[0])])

    assert refused.value.path == "$.depends_on[0]"


def test_a_job_that_does_not_exist_cannot_be_waited_for(world: World, conn: Conn) -> None:
    first, nobody = world.submit(), uuid7()

    with pytest.raises(UnknownDependency) as refused:
        world.scheduler.submit_once(Submission(job_type="echo", depends_on=[first.id, nobody]))

    assert refused.value.faults == [("$.depends_on", f"there is no job {nobody}")]
    assert conn.execute("SELECT count(*), bool_or(has_dependents) FROM jobs").fetchone() == (1, False)
    assert conn.execute("SELECT count(*) FROM job_dependents").fetchone() == (0,)


def test_of_a_batch_each_stranger_is_told_with_its_place(world: World, conn: Conn) -> None:
    nobody = uuid7()
    asked = [{"job_type": "echo"}, {"job_type": "echo", "depends_on": [str(nobody)]}]

    with pytest.raises(UnknownDependency) as refused:
        world.scheduler.submit_batch([msgspec.Raw(msgspec.json.encode(each)) for each in asked])

    assert refused.value.faults == [("$.jobs[1].depends_on", f"there is no job {nobody}")]
    assert conn.execute("SELECT count(*) FROM jobs").fetchone() == (0,)


def test_a_job_that_another_stands_for_is_waited_for_there(world: World) -> None:
    holder = world.submit(unique=Unique(key="k"))
    asked = [{"job_type": "echo", "unique": {"key": "k"}}, {"job_type": "echo", "depends_on": [0]}]

    (stand_in, second), _ = world.scheduler.submit_batch([msgspec.Raw(msgspec.json.encode(each)) for each in asked])

    assert stand_in == holder.id
    assert world.store.get(second).depends_on == [holder.id]
    end(world, holder)
    assert world.store.get(second).status is QUEUED


def test_a_repeated_submit_gets_the_first_ones_job(api: Api, world: World) -> None:
    first = world.submit()
    body = {"job_type": "echo", "depends_on": [str(first.id)]}

    answers = [api.post("/jobs", body, **{"Idempotency-Key": "once"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json_body["id"] == answers[1].json_body["id"]
    assert answers[0].json_body["status"] == "BLOCKED"


def test_an_end_that_comes_while_a_submit_is_written_is_not_missed(world: World, conn: Conn) -> None:
    """The submit has looked at the job and not committed yet; its end waits for the row's lock, and then knows of the submit."""
    first = world.submit()
    (claimed,) = claim(world.attempts, first.id)
    with psycopg.connect(world._addresses.database_url) as submitting:
        submitting.execute("UPDATE jobs SET has_dependents = true WHERE id = %s", [first.id])
        done: list[Any] = []
        ending = threading.Thread(target=lambda: done.append(world.new_attempts().complete([claimed], [b"1"])))
        ending.start()
        while not conn.execute("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchall():
            pass
        submitting.commit()
        ending.join()

    assert done[0].awaited == [first.raw_id]


def test_a_job_that_is_cancelled_just_now_is_not_let_go(world: World, conn: Conn, store: DependencyStore) -> None:
    first = world.submit()
    second = waiting(world, first)
    world.attempts.complete(claim(world.attempts, first.id), [b"1"])
    with psycopg.connect(world._addresses.database_url) as cancelling:
        cancelling.execute("UPDATE jobs SET status = 'CANCELLED', finished_at = now() WHERE id = %s", [second.id])
        moved: list[list[Job]] = []
        releasing = threading.Thread(target=lambda: moved.append(store.release([second.id])))
        releasing.start()
        while not conn.execute("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchall():
            pass
        cancelling.commit()
        releasing.join()

    assert moved == [[]]
    assert statuses(world, second) == [CANCELLED]


def test_what_was_let_go_and_failed_meanwhile_is_judged_anew(world: World, conn: Conn, store: DependencyStore) -> None:
    """Both were put back while the release waited for the row: what it depends on is unfinished again."""
    first = world.submit()
    second = waiting(world, first)
    world.store.cancel([first.id])
    with psycopg.connect(world._addresses.database_url) as reviving:
        reviving.execute("UPDATE jobs SET version = version + 1 WHERE id = %s", [second.id])
        reviving.execute("UPDATE jobs SET status = 'QUEUED', finished_at = NULL WHERE id = %s", [first.id])
        moved: list[list[Job]] = []
        releasing = threading.Thread(target=lambda: moved.append(store.release([second.id])))
        releasing.start()
        while not conn.execute("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchall():
            pass
        reviving.commit()
        releasing.join()

    assert moved == [[]]
    assert statuses(world, second) == [BLOCKED]


def test_who_reads_an_old_row_takes_no_job_out_of_redis_that_was_let_go(world: World) -> None:
    first = world.submit()
    second = waiting(world, first)
    end(world, first)
    assert second.id in in_redis(world)

    world.scheduler.enqueue([second])

    assert second.id in in_redis(world)


def test_submits_that_wait_for_many_and_batches_that_end_them_do_not_wait_for_each_other(world: World) -> None:
    """In whichever order they ended."""
    others = [world.submit() for _ in range(40)]
    claimed = world.attempts.claim([other.id.bytes for other in others], "w", LEASE, FOREVER)
    ended = [Attempt(job, world.settings, held_since=0.0) for job in claimed]
    for attempt in ended:
        attempt.outcome = Completed(b"1")
    ended.sort(key=lambda attempt: attempt.job.raw_id, reverse=True)
    recorded: list[list[bytes]] = []

    class Noting(AttemptStore):
        def complete(self, jobs: Sequence[ClaimedJob], results: Sequence[bytes], ran: Sequence[float] = ()) -> Done:
            recorded.append([job.raw_id for job in jobs])
            return super().complete(jobs, results, ran)

    hand = Hand(40)
    hand.add(ended)
    settler = world.settler(hand, attempts=Noting(world.attempts._database))
    for attempt in ended:
        settler.put(attempt)
    settler.finish()
    settler.run()

    assert recorded == [sorted(other.id.bytes for other in others)]


def test_a_submit_looks_again_after_it_is_committed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job ends after the submit has marked it, and before it can be seen that another waits: nobody else will look."""
    first = world.submit()
    insert = world.scheduler._admissions.insert

    def slowly(*arguments: Any) -> Any:
        admission = insert(*arguments)
        world.attempts.complete(claim(world.attempts, first.id), [b"1"])
        return admission

    monkeypatch.setattr(world.scheduler._admissions, "insert", slowly)
    second = waiting(world, first)

    assert statuses(world, second) == [QUEUED]


@pytest.mark.parametrize("how", ["sweep", "patrol"])
@pytest.mark.parametrize("status", [COMPLETED, FAILED])
def test_what_a_crash_left_waiting_is_found(
    world: World, conn: Conn, monkeypatch: pytest.MonkeyPatch, how: str, status: JobStatus
) -> None:
    first = world.submit()
    second = waiting(world, first)
    third = waiting(world, second)
    claimed = claim(world.attempts, first.id)
    if status is COMPLETED:
        world.attempts.complete(claimed, [b"1"])
    else:
        world.attempts.settle([Settlement(claimed[0], Failed(BOOM))])
    conn.execute("UPDATE jobs SET created_at = created_at - interval '1 minute'")
    assert statuses(world, second, third) == [BLOCKED, BLOCKED]

    getattr(a_maintenance(world._new_database(), world.cache), how)()

    assert statuses(world, second, third) == ([QUEUED, BLOCKED] if status is COMPLETED else [FAILED, FAILED])
    assert (second.id in in_redis(world)) == (status is COMPLETED)


def test_a_submit_stands_although_postgres_leaves_before_the_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.submit()
    end(world, first)

    def away(*_: object, **__: object) -> list[Job]:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(world.scheduler._dependencies, "release", away)
    second = waiting(world, first)

    assert statuses(world, second) == [BLOCKED]


def test_an_end_whose_answer_was_lost_lets_others_go(world: World) -> None:
    first = world.submit()
    second = waiting(world, first)
    (claimed,) = claim(world.attempts, first.id)
    world.attempts.complete([claimed], [b"1"])  # nobody hears of it, and it is recorded again
    hand = Hand(1)
    settler = world.settler(hand)
    attempt = Attempt(claimed, world.settings, held_since=0.0)
    attempt.outcome = Completed(b"1")
    hand.add([attempt])
    settler.put(attempt)
    settler.finish()

    settler.run()

    assert statuses(world, second) == [QUEUED]


def test_many_ends_at_once_let_each_job_go_once(world: World) -> None:
    """Each of ten workers ends one of ten jobs, for which ten others wait."""
    others = [world.submit() for _ in range(10)]
    claimed = [claim(world.attempts, other.id)[0] for other in others]
    tied = [waiting(world, *others) for _ in range(10)]
    begin = threading.Barrier(len(others))

    def ends(one: Any, attempts: Any, store: DependencyStore) -> None:
        begin.wait()
        done = attempts.complete([one], [b"1"])
        for _ in store.released_by(done.awaited):
            pass

    threads = [
        threading.Thread(target=ends, args=(one, world.new_attempts(), DependencyStore(world._new_database())))
        for one in claimed
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {(row.status, row.version) for row in world.store.find([each.id for each in tied])} == {(QUEUED, 2)}


def test_one_that_is_put_back_alone_runs(world: World) -> None:
    first = world.submit()
    second = waiting(world, first)
    end(world, first, FAILED)

    revived = world.scheduler.revive(second.id)

    assert (revived.status, revived.depends_on) == (QUEUED, None)


def test_those_that_are_put_back_together_wait_for_each_other_again(world: World) -> None:
    first = world.submit()
    second = waiting(world, first)
    third = waiting(world, second)
    end(world, first, FAILED)

    world.scheduler.revive_all([third.id, second.id, first.id])

    assert statuses(world, first, second, third) == [QUEUED, BLOCKED, BLOCKED]
    world.run_due()
    assert statuses(world, first, second, third) == [COMPLETED] * 3


def test_one_that_is_put_back_waits_for_what_is_unfinished(world: World) -> None:
    first = world.submit()
    second = waiting(world, first)
    world.scheduler.cancel(second.id)

    revived = world.scheduler.revive(second.id)

    assert (revived.status, revived.depends_on) == (BLOCKED, [first.id])
    end(world, first)
    assert statuses(world, second) == [QUEUED]


def test_a_chain_that_is_put_back_by_a_filter_waits_for_what_comes_in_a_later_page(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest come first."""
    monkeypatch.setattr("chalicelib.bulk.BATCH", 2)
    first = world.submit()
    others = [waiting(world, first) for _ in range(5)]
    end(world, first, FAILED)

    assert api.post("/jobs/revive", {"status": "FAILED"}).json_body["count"] == 6

    assert statuses(world, first, *others) == [QUEUED] + [BLOCKED] * 5
    world.run_due()
    assert set(statuses(world, first, *others)) == {COMPLETED}


def test_what_a_filter_puts_back_without_the_one_that_failed_fails_again(world: World, api: Api, conn: Conn) -> None:
    first = world.submit(queue="elsewhere")
    second = waiting(world, first)
    end(world, first, FAILED)

    api.post("/jobs/revive", {"queue": "default"})
    conn.execute("UPDATE jobs SET created_at = created_at - interval '1 minute'")
    a_maintenance(world._new_database(), world.cache).patrol()

    assert statuses(world, second) == [FAILED]


def test_a_copy_waits_for_nothing(world: World) -> None:
    second = waiting(world, world.submit())

    copy = world.scheduler.copy(second.id)

    assert (copy.status, copy.depends_on) == (QUEUED, None)


def test_a_job_that_nobody_waits_for_costs_no_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DependencyStore, "_dependents", lambda *_: pytest.fail("looked"))
    for status in (COMPLETED, FAILED, CANCELLED):
        end(world, world.submit(), status)


@pytest.mark.parametrize("how", [FAILED, CANCELLED])
def test_a_long_chain_fails_in_pages_and_leaves_the_rest_to_maintenance(
    world: World, conn: Conn, how: JobStatus
) -> None:
    chain = [world.submit()]
    for _ in range(MOST_PAGES + 5):
        chain.append(waiting(world, chain[-1]))

    end(world, chain[0], how)
    assert statuses(world, *chain) == [how] + [FAILED] * MOST_PAGES + [BLOCKED] * 5

    conn.execute("UPDATE jobs SET created_at = created_at - interval '1 minute'")
    a_maintenance(world._new_database(), world.cache).patrol()
    assert statuses(world, *chain) == [how] + [FAILED] * (MOST_PAGES + 5)


def test_more_dependents_than_a_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependencies, "PAGE", 4)
    first = world.submit()
    others = [waiting(world, first) for _ in range(10)]

    end(world, first)

    assert set(statuses(world, *others)) == {QUEUED}


@pytest.mark.parametrize("is_analyzed", [True, False])
def test_only_the_rows_in_question_are_read(
    world: World, conn: Conn, monkeypatch: pytest.MonkeyPatch, is_analyzed: bool
) -> None:
    """Each once and by its key, among any number of others, whatever the planner knows of them."""
    first = world.submit()
    early = world.scheduler.submit([Submission(job_type="echo", depends_on=[first.id]) for _ in range(500)])
    for _ in range(20):
        world.scheduler.submit([Submission(job_type="echo") for _ in range(1_000)])
    late = world.scheduler.submit([Submission(job_type="echo", depends_on=[first.id, early[0].id]) for _ in range(500)])
    world.attempts.complete(claim(world.attempts, first.id), [b"1"])
    if is_analyzed:
        conn.execute("ANALYZE jobs")
    database = world._new_database()
    monkeypatch.setattr(database, "together", lambda: nullcontext(database))
    plans = explain(database, monkeypatch)

    moved = DependencyStore(database).release([job.id for job in (*early, *late)])

    assert {job.id for job in moved} == {job.id for job in early}
    for plan in plans:
        steps = [line for line in plan.splitlines() if " on jobs_" in line and "never executed" not in line]
        assert steps
        assert all("Index Scan using jobs_" in step or "Update on" in step for step in steps), plan
        read = [
            float(rows) * float(loops) for rows, loops in re.findall(r"rows=([0-9.]+) loops=([0-9]+)", "".join(steps))
        ]
        assert sum(read) <= 3_000, plan


def test_the_api_shows_who_waits_for_whom(api: Api, world: World, conn: Conn) -> None:
    gone, first = world.submit(), world.submit("echo", run_at=datetime.now(UTC) + timedelta(hours=1))
    second = waiting(world, gone, first)
    third = waiting(world, second)
    conn.execute("DELETE FROM jobs WHERE id = %s", [gone.id])

    shown = api.get(f"/jobs/{second.id}/dependencies").json_body

    assert shown == {
        "depends_on": [
            {"id": str(gone.id), "job_type": None, "status": None},
            {"id": str(first.id), "job_type": "echo", "status": "SCHEDULED"},
        ],
        "dependents": [{"id": str(third.id), "job_type": "echo", "status": "BLOCKED"}],
        "more": False,
    }
    job_view = api.get(f"/jobs/{second.id}").json_body
    assert job_view["depends_on"] == [str(gone.id), str(first.id)]
    assert "depends_on" not in api.get(f"/jobs/{first.id}").json_body


def test_the_api_says_where_it_shows_not_all(api: Api, world: World) -> None:
    first = world.submit()
    asked = [Submission(job_type="echo", depends_on=[first.id]) for _ in range(SHOWN + 1)]
    world.scheduler.submit(asked)

    shown = api.get(f"/jobs/{first.id}/dependencies").json_body

    assert (len(shown["dependents"]), shown["more"]) == (SHOWN, True)


def test_the_api_of_a_job_that_is_not_there(api: Api) -> None:
    assert api.get(f"/jobs/{uuid7()}/dependencies").json_body["code"] == "job_not_found"


def test_the_api_refuses_what_cannot_be_waited_for(api: Api, world: World) -> None:
    nobody = uuid7()
    for depends_on, code, path in (
        ([str(nobody)], "unknown_dependency", "$.depends_on"),
        ([0], "invalid_input", "$.depends_on[0]"),
        ([-1], "invalid_input", "$.depends_on[0]"),
        (["x"], "invalid_input", "$.depends_on[0]"),
        ([str(uuid7()) for _ in range(MOST_DEPENDENCIES + 1)], "invalid_input", "$.depends_on"),
    ):
        answer = api.post("/jobs", {"job_type": "echo", "depends_on": depends_on})
        assert (answer.status_code, answer.json_body["code"]) == (422, code)
        assert answer.json_body["errors"][0]["path"] == path


def test_a_job_that_may_change_another_depends_on_none(api: Api, world: World) -> None:
    unique = {"key": "k", "on_conflict": "replace"}

    answer = api.post("/jobs", {"job_type": "echo", "depends_on": [str(world.submit().id)], "unique": unique})

    assert (answer.status_code, answer.json_body["errors"][0]["path"]) == (422, "$.depends_on")


def test_a_schedules_jobs_depend_on_no_others(api: Api, world: World) -> None:
    job = {"job_type": "echo", "depends_on": [str(world.submit().id)]}

    answer = api.post("/schedules", {"name": "s", "interval_seconds": 60, "job": job})

    assert (answer.status_code, answer.json_body["errors"][0]["path"]) == (422, "$.job.depends_on")

    job = {"job_type": "echo", "if_dependency_fails": "run"}
    answer = api.post("/schedules", {"name": "s", "interval_seconds": 60, "job": job})
    assert (answer.status_code, answer.json_body["errors"][0]["path"]) == (422, "$.job.if_dependency_fails")
