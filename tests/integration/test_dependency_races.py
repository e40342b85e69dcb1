"""Jobs that wait for others, where two things happen at once, or somebody dies between two steps."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from chalicelib.attempt import Attempt
from chalicelib.errors import StoreUnavailable
from chalicelib.hand import Hand
from chalicelib.jobs import LEASE, AttemptError, ClaimedJob, Completed, Failed, Job, JobStatus, Settlement
from chalicelib.store.attempts import AttemptStore, Done
from chalicelib.store.dependencies import DependencyStore
from tests.integration.conftest import FOREVER, World, a_maintenance, claim
from tests.integration.dependents import end, in_redis, statuses, wait_until_somebody_waits, waiting

Conn = psycopg.Connection[Any]
BOOM = AttemptError(type="ValueError", message="boom")
BLOCKED, QUEUED, RUNNING, COMPLETED, FAILED, CANCELLED = JobStatus


@pytest.fixture
def store(world: World) -> DependencyStore:
    return DependencyStore(world._new_database())


def test_an_end_that_comes_while_a_submit_is_written_is_not_missed(world: World, conn: Conn) -> None:
    """The submit has looked at the job and not committed yet; its end waits for the row's lock, and then knows of the submit."""
    first = world.submit()
    (claimed,) = claim(world.attempts, first.id)
    with psycopg.connect(world._addresses.database_url) as submitting:
        submitting.execute("UPDATE jobs SET has_dependents = true WHERE id = %s", [first.id])
        done: list[Any] = []
        ending = threading.Thread(target=lambda: done.append(world.new_attempts().complete([claimed], [b"1"])))
        ending.start()
        wait_until_somebody_waits(conn)
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
        wait_until_somebody_waits(conn)
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
        wait_until_somebody_waits(conn)
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
