from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from chalicelib.figures import Total
from chalicelib.histograms import counted, percentile
from chalicelib.jobs import (
    LEASE,
    AttemptError,
    Cancelled,
    Completed,
    Failed,
    JobStatus,
    Outcome,
    Postponed,
    Released,
    Retry,
    Settlement,
    status_label,
)
from chalicelib.store.attempts import MAX_CRASHES, AttemptStore
from chalicelib.store.counts import CountStore
from chalicelib.store.database import Database
from chalicelib.store.jobs import JobStore
from chalicelib.store.migrations import DIRECTORY
from chalicelib.store.partitions import first_id_at
from chalicelib.store.stats import StatsStore
from infra.local.services import Addresses
from tests.integration.conftest import World, a_job, a_maintenance, claim, explain, insert

BOOM = AttemptError(type="ValueError", message="boom")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def stats(database: Database) -> StatsStore:
    return StatsStore(database)


@pytest.fixture
def counts(database: Database) -> CountStore:
    return CountStore(database)


def only(totals: Sequence[Total]) -> dict[str, Any]:
    (total,) = totals
    return msgspec.structs.asdict(total)


def test_a_workers_attempts_are_counted(world: World, stats: StatsStore) -> None:
    for job_type in ("echo", "echo", "fail"):
        world.submit(job_type, max_attempts=1)

    world.run_due()

    echo, fail = stats.totals()
    assert (echo.queue, echo.job_type, echo.completed, echo.failed) == ("default", "echo", 2, 0)
    assert (fail.job_type, fail.completed, fail.failed) == ("fail", 0, 1)
    assert sum(echo.wait_counts) == sum(echo.run_counts) == 2
    assert 0 < echo.run_seconds < echo.wait_seconds < 30


def test_every_outcome_is_counted_as_what_it_is(store: JobStore, attempts: AttemptStore, stats: StatsStore) -> None:
    outcomes: list[Outcome] = [
        Completed(b"1"),
        Failed(BOOM),
        Retry(BOOM, timedelta(0)),
        Cancelled(),
        Postponed(timedelta(0)),
        Released(),
    ]
    jobs = claim(attempts, *(job.id for job in store.insert([a_job() for _ in outcomes])))

    attempts.settle([Settlement(job, outcome, 0.003) for job, outcome in zip(jobs, outcomes, strict=True)])

    total = only(stats.totals())
    assert [total[name] for name in ("completed", "failed", "retried", "cancelled")] == [1, 1, 1, 1]
    assert total["run_counts"] == counted([0.003] * 4)


def test_batches_add_up(store: JobStore, attempts: AttemptStore, stats: StatsStore) -> None:
    for ran in (0.001, 7.0, 0.1):
        attempts.complete(claim(attempts, insert(store).id), [b"1"], [ran])

    total = only(stats.totals())
    assert (total["completed"], total["run_seconds"]) == (3, pytest.approx(7.101))
    assert total["run_counts"] == counted([0.001, 7.0, 0.1])


def test_the_wait_is_the_time_from_run_at_to_the_claim(
    store: JobStore, attempts: AttemptStore, stats: StatsStore, conn: psycopg.Connection[Any]
) -> None:
    inserted = insert(store)
    conn.execute("UPDATE jobs SET run_at = now() - interval '20 seconds', created_at = now() - interval '1 hour'")

    (claimed,) = claim(attempts, inserted.id)
    attempts.complete([claimed], [b"1"])

    assert 20 <= claimed.waited < 30
    assert only(stats.totals())["wait_seconds"] == claimed.waited


@pytest.mark.parametrize("short", [True, False])
def test_only_what_was_ours_is_counted(store: JobStore, attempts: AttemptStore, stats: StatsStore, short: bool) -> None:
    jobs = claim(attempts, *(job.id for job in store.insert([a_job() for _ in range(3)])))
    store.cancel([jobs[1].id])

    for _ in range(2):  # the second time, as when the answer to the first was lost, none is ours any more
        if short:
            attempts.complete(jobs, [b"1"] * 3, [1.0, 2.0, 4.0])
        else:
            attempts.settle([Settlement(job, Completed(b"1"), ran) for job, ran in zip(jobs, (1, 2, 4), strict=True)])

    total = only(stats.totals())
    assert (total["completed"], total["run_seconds"]) == (2, 5.0)


def test_jobs_that_end_without_an_attempt_are_counted(
    store: JobStore, attempts: AttemptStore, stats: StatsStore, conn: psycopg.Connection[Any]
) -> None:
    poison, cancelled = insert(store), insert(store)
    claim(attempts, poison.id, cancelled.id)
    store.cancel([cancelled.id])
    conn.execute(
        "UPDATE jobs SET lease_expires_at = now() - interval '1 second', crashes = %(n)s, attempt = 3",
        {"n": MAX_CRASHES - 1},
    )

    attempts.bury([poison.id, cancelled.id])

    total = only(stats.totals())
    assert (total["failed"], total["cancelled"], total["wait_counts"]) == (1, 1, [])


def test_a_cancelled_job_that_never_ran_is_counted_and_one_that_runs_not_yet(
    store: JobStore, attempts: AttemptStore, stats: StatsStore
) -> None:
    waiting, running = insert(store), insert(store)
    (claimed,) = claim(attempts, running.id)

    store.cancel([running.id])
    assert stats.totals() == []
    store.cancel([waiting.id, running.id])
    assert only(stats.totals())["cancelled"] == 1
    attempts.settle([Settlement(claimed, Cancelled())])

    assert only(stats.totals())["cancelled"] == 2


def a_minute(conn: psycopg.Connection[Any], ago: timedelta, **columns: Any) -> datetime:
    values = {"queue": "default", "job_type": "echo", "completed": 1, "failed": 0, "shard": 0, "runs": [1.0], **columns}
    values["runs"] = counted(values["runs"])
    ((minute,),) = conn.execute(
        """
        INSERT INTO job_stats (minute, queue, job_type, shard, completed, failed, run_seconds, run_counts)
        VALUES (date_trunc('minute', now()) - %(ago)s, %(queue)s, %(job_type)s, %(shard)s, %(completed)s, %(failed)s, 1.5,
                %(runs)s)
        RETURNING minute
        """,
        {"ago": ago, **values},
    ).fetchall()
    assert isinstance(minute, datetime)
    return minute


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def test_a_series_sums_each_minute_and_leaves_out_what_is_not_asked_for(
    stats: StatsStore, conn: psycopg.Connection[Any]
) -> None:
    a_minute(conn, minutes(5), shard=1, completed=2, runs=[0.1, 0.2])
    a_minute(conn, minutes(5), shard=2, completed=1, runs=[50.0])
    a_minute(conn, minutes(5), queue="other", failed=4)
    a_minute(conn, minutes(3), job_type="csv")
    a_minute(conn, minutes(70))

    series = stats.series(minutes(60))

    assert [(each.completed, each.failed) for each in series] == [(4, 4), (1, 0)]
    assert series[1].minute - series[0].minute == minutes(2)
    (of_queue, _) = stats.series(minutes(60), queue="default")
    assert (of_queue.completed, of_queue.failed) == (3, 0)
    assert of_queue.run_p50 == percentile(counted([0.2]), 0.5)
    assert of_queue.run_p99 == percentile(counted([50.0]), 0.5)
    assert of_queue.wait_p50 is None
    assert [each.completed for each in stats.series(minutes(60), job_type="csv")] == [1]
    assert stats.series(minutes(4), queue="other") == []


def test_several_minutes_are_told_together_by_the_clock_in_utc_wherever_postgres_is(
    conn: psycopg.Connection[Any], addresses: Addresses
) -> None:
    nepal = Database(make_conninfo(addresses.database_url, options="-c timezone=Asia/Kathmandu"))
    stats = StatsStore(nepal)
    runs = {ago: [0.01 * ago, 2.0] for ago in range(1, 300, 3)}
    came = {a_minute(conn, minutes(ago), completed=ago, runs=these): ago for ago, these in runs.items()}

    for step in (1, 7, 45, 60, 90, 1440):
        wanted: dict[datetime, list[int]] = {}
        for minute, ago in sorted(came.items()):
            wanted.setdefault(minute - (minute - EPOCH) % minutes(step), []).append(ago)
        series = stats.series(minutes(10_080), minutes(step))

        assert {each.minute: each.completed for each in series} == {at: sum(agos) for at, agos in wanted.items()}
        assert [each.minute for each in series] == [*wanted]
        for each, agos in zip(series, wanted.values(), strict=True):
            together = counted(second for ago in agos for second in runs[ago])
            shown = (each.run_p50, each.run_p95, each.run_p99)
            assert shown == tuple(percentile(together, share) for share in (0.5, 0.95, 0.99))
    nepal.close()


def test_the_first_bucket_is_whole(stats: StatsStore, conn: psycopg.Connection[Any]) -> None:
    with conn.transaction():
        ((past,),) = conn.execute("SELECT date_part('minute', now())::int").fetchall()
        for since_the_hour in (0, -1, -60, -61):
            a_minute(conn, minutes(past - since_the_hour))

    assert [each.completed for each in stats.series(minutes(past + 2), minutes(60))] == [2, 1]


HOURS = [minutes(n) for n in (60, 120, 720, 1_440)]


def test_hours_that_were_added_up_tell_what_their_minutes_do(stats: StatsStore, conn: psycopg.Connection[Any]) -> None:
    for ago in range(0, 2_000, 17):
        a_minute(conn, minutes(ago), runs=[ago])
        a_minute(conn, minutes(ago), shard=3, queue="other", failed=ago % 5, runs=[ago, 0.1])
        a_minute(conn, minutes(ago), shard=4, queue="other", job_type="csv")
    a_minute(conn, timedelta(days=30), completed=7)
    stats.prune()

    def told() -> list[Sequence[object]]:
        asked: list[dict[str, Any]] = [{"step": step, **of} for step in HOURS for of in ({}, {"queue": "other"})]
        asked += [{"step": step, "job_type": "csv"} for step in (*HOURS, minutes(50))]
        return [stats.totals(), *(stats.series(timedelta(days=7), **each) for each in asked)]

    before = told()
    added = stats.add_up()

    assert added in (32, 33, 34)
    assert told() == before
    assert stats.add_up() <= 2  # the last one once more, and one that has ended meanwhile
    assert {
        shard for (shard,) in conn.execute("SELECT shard FROM job_stats WHERE minute < now() - interval '2 hours'")
    } == {0}
    conn.execute("DELETE FROM job_stats WHERE minute > 'epoch' AND minute < now() - interval '3 hours'")
    assert [len(stats.series(timedelta(days=7), step)) for step in HOURS] == [len(each) for each in before[1:9:2]]


def test_maintenance_adds_up_hours(world: World, database: Database, conn: psycopg.Connection[Any]) -> None:
    a_minute(conn, minutes(130))

    a_maintenance(database, world.cache).run_once()

    assert conn.execute("SELECT sum(completed) FROM job_stats_hours").fetchone() == (1,)


def test_what_came_late_is_added_the_next_time(stats: StatsStore, conn: psycopg.Connection[Any]) -> None:
    last = a_minute(conn, minutes(130))
    stats.add_up()
    conn.execute("UPDATE job_stats SET completed = 5")
    assert [each.completed for each in stats.series(timedelta(days=1), minutes(60))] == [1]

    stats.add_up()

    (hour,) = stats.series(timedelta(days=1), minutes(60))
    assert (hour.completed, hour.minute) == (5, last.replace(minute=0))


def test_an_hour_is_added_up_when_it_is_over_for_certain(
    stats: StatsStore, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.store.stats.OVER_AFTER", minutes(180))
    ((past,),) = conn.execute("SELECT date_part('minute', now())::int").fetchall()
    a_minute(conn, minutes(180 + past))
    assert stats.add_up() == 0

    a_minute(conn, minutes(180 + past + 2))
    assert stats.add_up() == 1


def test_totals_do_not_go_down_when_minutes_are_folded_whose_hours_are_there(
    stats: StatsStore, conn: psycopg.Connection[Any]
) -> None:
    for hours in range(0, 240, 3):
        a_minute(conn, timedelta(hours=hours), completed=hours)
    stats.add_up()
    wanted = sum(range(0, 240, 3))
    assert only(stats.totals())["completed"] == wanted

    stats.prune()
    assert only(stats.totals())["completed"] == wanted
    ((oldest,),) = conn.execute("SELECT now() - min(hour) FROM job_stats_hours").fetchall()
    assert timedelta(days=8) < oldest < timedelta(days=9, hours=1)


def test_a_series_of_a_week_by_the_hour_reads_the_hours(
    stats: StatsStore, conn: psycopg.Connection[Any], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    conn.execute(
        """
        INSERT INTO job_stats (minute, queue, job_type, shard, completed, run_counts)
        SELECT date_trunc('minute', now()) - n * interval '1 minute', 'q', type, 0, 1, '{0,1,2,3,4,5,6,7}'
          FROM generate_series(0, 10079) AS n, unnest('{a,b}'::text[]) AS type
        """
    )
    stats.add_up()
    conn.execute("VACUUM ANALYZE job_stats, job_stats_hours")
    plans = explain(database, monkeypatch)

    stats.series(timedelta(days=7), minutes(60))
    stats.series(timedelta(days=7), minutes(60), queue="q", job_type="a")
    stats.totals()
    stats.series(minutes(120))

    read = [sum(_rows_read(plan)) for plan in plans if "Aggregate" in plan]
    assert len(read) == 4
    assert all(rows <= 2 * 130 for rows in read[:2])
    assert read[2] <= 2 * 330  # and what may be folded at any time
    assert read[3] <= 2 * 121
    assert "Seq Scan on job_stats " not in "".join(plans)


def _rows_read(plan: str) -> list[int]:
    """What each scan of the minutes returned or filtered out, in all its loops."""
    found, lines = [], plan.splitlines()
    for at, line in enumerate(lines):
        if re.search(r"Scan.* on job_stats ", line):
            rows, loops = re.findall(r"rows=([\d.]+) loops=(\d+)", line)[0]
            removed = re.findall(r"Rows Removed by \w+: (\d+)", "".join(lines[at : at + 5]))
            found.append(int(float(rows) * int(loops)) + sum(map(int, removed)))
    return found


def test_totals_outlive_the_pruning_of_their_minutes(stats: StatsStore, conn: psycopg.Connection[Any]) -> None:
    for days in (1, 8, 9):
        for shard in (0, 1):
            a_minute(conn, timedelta(days=days), shard=shard, runs=[days, 0.1])
    a_minute(conn, timedelta(days=8), queue="other")
    before = stats.totals()

    pruned = [stats.prune(), stats.prune()]
    assert stats.totals() == before
    pruned.append(stats.prune(timedelta(hours=1)))

    assert pruned == [5, 0, 2]
    assert stats.totals() == before
    assert conn.execute("SELECT minute, queue, shard FROM job_stats ORDER BY 2").fetchall() == [
        (EPOCH, "default", 0),
        (EPOCH, "other", 0),
    ]
    assert stats.series(timedelta(days=10_000)) == []


def test_what_went_out_in_the_last_minute_is_told_by_queue(stats: StatsStore, conn: psycopg.Connection[Any]) -> None:
    a_minute(conn, minutes(0), completed=10, failed=2)
    a_minute(conn, minutes(1), completed=60)
    a_minute(conn, minutes(2), completed=1_000)
    ((before,),) = conn.execute("SELECT date_part('second', now())").fetchall()

    rate = stats.out_per_minute()["default"]

    ((after,),) = conn.execute("SELECT date_part('second', now())").fetchall()
    if after > before:
        assert 12 + 60 - after <= rate <= 12 + 60 - before


def test_depths_are_counted_by_the_label_that_clients_see(
    counts: CountStore, store: JobStore, attempts: AttemptStore, conn: psycopg.Connection[Any]
) -> None:
    later = {"delay": timedelta(hours=1)}
    inserted = [insert(store, **options) for options in (later, later, {}, {}, {}, {"queue": "other"})]
    conn.execute("UPDATE jobs SET attempt = 1 WHERE id = %s", [inserted[1].id])
    conn.execute("UPDATE jobs SET run_at = now() - interval '30 seconds' WHERE id = %s", [inserted[2].id])
    claim(attempts, inserted[3].id)
    conn.execute("UPDATE jobs SET status = 'BLOCKED' WHERE id = %s", [inserted[4].id])
    attempts.complete(claim(attempts, insert(store, queue="done").id), [b"1"])

    depths = counts.depths()

    assert {*depths} == {"default", "other"}
    assert depths["default"].counts == {"SCHEDULED": 1, "RETRYING": 1, "QUEUED": 1, "RUNNING": 1, "BLOCKED": 1}
    assert depths["default"].counts == {
        status_label(job.status, job.attempt, waits=job.waits): 1 for job in store.find([i.id for i in inserted[:5]])
    }
    assert 30 <= (depths["default"].oldest_age_seconds or 0) < 40
    assert depths["other"].counts == {"QUEUED": 1}


def test_a_queue_where_nothing_is_due_has_no_age(counts: CountStore, store: JobStore) -> None:
    insert(store, delay=timedelta(hours=1))

    assert counts.depths()["default"].oldest_age_seconds is None


def test_what_ended_badly_is_counted(counts: CountStore, store: JobStore, attempts: AttemptStore) -> None:
    failed, cancelled, _ = store.insert([a_job() for _ in range(3)])
    attempts.settle([Settlement(job, Failed(BOOM)) for job in claim(attempts, failed.id)])
    store.cancel([cancelled.id])

    assert counts.ended_badly() == {JobStatus.FAILED: 1, JobStatus.CANCELLED: 1}


def test_what_comes_in_is_told_by_the_youngest_ids(
    counts: CountStore, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    for seconds in (10, 20, 30, 70):
        insert(store, id=first_id_at(now - timedelta(seconds=seconds)))
    insert(store, queue="other")
    assert counts.in_per_minute() == {"default": 3, "other": 1}

    monkeypatch.setattr("chalicelib.store.counts.NEWEST", 3)
    rates = counts.in_per_minute()  # two of them came in the last 20 s

    assert rates["default"] == pytest.approx(2 * 60 / 20, rel=0.1)
    assert rates["other"] == pytest.approx(1 * 60 / 20, rel=0.1)


def test_finished_jobs_are_never_read_to_count_the_others(
    database: Database,
    counts: CountStore,
    store: JobStore,
    conn: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conn.execute(
        """
        INSERT INTO jobs (id, job_type, queue, status, priority, max_attempts, attempt, timeout_seconds, run_at, payload,
                          finished_at)
        SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '-7000-8000-'
                || lpad(n::text, 12, '0'))::uuid,
               'echo', 'q', CASE WHEN n < 20000 THEN 'COMPLETED' ELSE 'FAILED' END, 0, 3, 1, 60, now(), '{}', now()
          FROM generate_series(1, 20100) AS n
        """
    )
    for _ in range(100):
        insert(store)
    conn.execute("VACUUM ANALYZE jobs")
    plans: list[str] = []
    fetch = database.fetch

    def explaining(query: Any, params: Any = None) -> Any:
        rows = conn.execute(b"EXPLAIN (ANALYZE, COSTS OFF) " + query.encode(), params).fetchall()
        plans.append("\n".join(line for (line,) in rows))
        return fetch(query, params)

    monkeypatch.setattr(database, "fetch", explaining)

    assert counts.depths()["default"].counts == {"QUEUED": 100}
    assert counts.ended_badly() == {"FAILED": 101}
    assert f"Seq Scan on jobs_{datetime.now(UTC):%Y%m%d}" not in "".join(plans)
    assert "Rows Removed" not in "".join(plans)
    assert "Index Only Scan" in plans[1]


def test_what_was_finished_before_anybody_counted_is_in_the_totals(
    store: JobStore, attempts: AttemptStore, stats: StatsStore, conn: psycopg.Connection[Any]
) -> None:
    done, failed, _ = store.insert([a_job() for _ in range(3)])
    attempts.claim([done.id.bytes, failed.id.bytes], "w", LEASE, timedelta(days=1))
    conn.execute(
        "UPDATE jobs SET status = 'COMPLETED', lease_expires_at = NULL, finished_at = now() WHERE id = %s", [done.id]
    )
    conn.execute(
        "UPDATE jobs SET status = 'FAILED', lease_expires_at = NULL, finished_at = now() WHERE id = %s", [failed.id]
    )
    seed = (
        (DIRECTORY / "0004.logs_and_stats.sql").read_text().partition("-- What was done before")[2].partition("\n")[2]
    )

    conn.execute(seed.encode())

    total = only(stats.totals())
    assert (total["completed"], total["failed"], total["cancelled"], total["run_counts"]) == (1, 1, 0, [])
