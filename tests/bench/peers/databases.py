"""This project, and the peers that keep their jobs in Postgres."""

from __future__ import annotations

from tests.bench.comparison.peer import History, Language, Outcome, Peer

_OUR_ID = """
    (lpad(to_hex(('x' || left(replace(sample.id::text, '-', ''), 12))::bit(48)::bigint - (total - n) / 1000 - 1), 12, '0')
     || '7' || lpad(to_hex(n % 1000), 3, '0') || '8' || left(md5(n::text), 15))::uuid
    """  # UUIDv7, rising, 1000 a millisecond until just before the sample's own

OURS = Peer(
    name="ours",
    title="This project",
    folder="ours",
    language=Language.THIS,
    outcome=Outcome.RESULT_IN_POSTGRES,
    settings="--concurrency 16 --processes 2; 10 ms jobs: --concurrency 100",
    workers=(("python", "worker.py", "--concurrency", "16", "--processes", "2"),),
    sleep_workers=(("python", "worker.py", "--concurrency", "100"),),
    bulk_api="Scheduler.submit, 1,000 a call",
    history=History(table="jobs", id_column="id", finished="status = 'COMPLETED'", new_id=_OUR_ID),
)

PG_BOSS = Peer(
    name="pg-boss",
    title="pg-boss 12",
    folder="pgboss",
    language=Language.NODE,
    outcome=Outcome.RESULT_IN_POSTGRES,
    settings="2 processes, batchSize 500, perJobResults, burstWhenBatchFull, notify; 10 ms jobs: batchSize 50",
    workers=(("node", "worker.mjs", "500"),) * 2,
    sleep_workers=(("node", "worker.mjs", "50"),) * 2,
    bulk_api="insert, 1,000 a call",
    history=History(table="pgboss.job", id_column="id", finished="state = 'completed'", new_id="gen_random_uuid()"),
)

PGQUEUER = Peer(
    name="pgqueuer",
    title="PgQueuer",
    folder="pgqueuer",
    language=Language.PYTHON,
    outcome=Outcome.STATUS_IN_POSTGRES,
    settings="2 processes, asyncpg, uvloop, batch size 500; 10 ms jobs: batch size 25, at most 50 at once",
    workers=(("python", "worker.py", "500"),) * 2,
    sleep_workers=(("python", "worker.py", "25", "50"),) * 2,
    bulk_api="enqueue with lists, 1,000 a call",
    notes=("what a job returns is not kept",),
    history=History(table="pgqueuer_log", id_column="id", finished="status = 'successful'"),
)

PROCRASTINATE = Peer(
    name="procrastinate",
    title="Procrastinate",
    folder="procrastinate",
    language=Language.PYTHON,
    outcome=Outcome.STATUS_IN_POSTGRES,
    settings="2 processes, --concurrency 10; 10 ms jobs: --concurrency 50",
    workers=(("procrastinate", "--app=tasks.app", "worker", "--concurrency", "10"),) * 2,
    sleep_workers=(("procrastinate", "--app=tasks.app", "worker", "--concurrency", "50"),) * 2,
    bulk_api="batch_defer_async, 1,000 a call",
    drain_jobs=8000,
    sleep_jobs=2000,
    notes=("what a job returns is not kept",),
    history=History(table="procrastinate_jobs", id_column="id", finished="status = 'succeeded'"),
)

GRAPHILE = Peer(
    name="graphile-worker",
    title="Graphile Worker",
    folder="graphile",
    language=Language.NODE,
    outcome=Outcome.NOTHING,
    settings="2 processes, concurrency 24, localQueue 500, completeJobBatchDelay 0; 10 ms jobs: concurrency 50",
    workers=(("node", "worker.mjs", "24"),) * 2,
    sleep_workers=(("node", "worker.mjs", "50"),) * 2,
    bulk_api="addJobs, 1,000 a call",
    notes=("no outcome: a job's row is deleted when it is done", "so it has no finished rows to grow with"),
)

PEERS = (OURS, PG_BOSS, PGQUEUER, PROCRASTINATE, GRAPHILE)
