"""The peers whose jobs wait in Redis. Celery's results may go to Postgres all the same."""

from __future__ import annotations

from tests.bench.comparison.peer import Command, Language, Outcome, Peer

NO_BULK = "no bulk API: the queue is filled one by one"
SIDE_BY_SIDE = "no bulk API: the queue is filled by 50 submits at once"


def _celery(node: str, *options: str) -> Command:
    quiet = ("--loglevel=WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat")
    return ("celery", "--app=tasks", "worker", f"--hostname={node}@%h", *quiet, *options)


def _threads(count: int) -> tuple[Command, ...]:
    return tuple(_celery(node, "--pool=threads", f"--concurrency={count}") for node in ("one", "two"))


CELERY_POSTGRES = Peer(
    name="celery-postgres",
    title="Celery, results in Postgres",
    folder="celery",
    language=Language.PYTHON,
    outcome=Outcome.RESULT_IN_POSTGRES,
    settings="Redis broker, prefork -c 4, prefetch 64; 10 ms jobs: prefork -c 100",
    workers=(_celery("one", "--concurrency=4"),),
    sleep_workers=(_celery("one", "--concurrency=100"),),
    drain_jobs=5000,
    sleep_jobs=3000,
    environment={"BENCH_RESULTS": "postgres"},
    notes=(NO_BULK, "what waits or runs is in Redis only: a job that Redis loses is lost"),
)

CELERY_REDIS = Peer(
    name="celery-redis",
    title="Celery, results in Redis",
    folder="celery",
    language=Language.PYTHON,
    outcome=Outcome.RESULT_IN_REDIS,
    settings="Redis broker, 2 processes x -P threads -c 4, prefetch 64; 10 ms jobs: -c 50",
    workers=_threads(4),
    sleep_workers=_threads(50),
    drain_jobs=15_000,
    sleep_jobs=5000,
    environment={"BENCH_RESULTS": "redis"},
    notes=(NO_BULK,),
)

RQ = Peer(
    name="rq",
    title="RQ",
    folder="rq",
    language=Language.PYTHON,
    outcome=Outcome.RESULT_IN_REDIS,
    settings="worker-pool -n 2, SimpleWorker (no fork per job)",
    workers=(("rq", "worker-pool", "--num-workers=2", "--worker-class=rq.worker.SimpleWorker", "--quiet", "default"),),
    bulk_api="enqueue_many, 1,000 a call",
    drain_jobs=8000,
    notes=("one job a process: 100 at once would be 100 processes",),
)

DRAMATIQ = Peer(
    name="dramatiq",
    title="Dramatiq",
    folder="dramatiq",
    language=Language.PYTHON,
    outcome=Outcome.RESULT_IN_REDIS,
    settings="-p 2 -t 8, Results; 10 ms jobs: -t 50",
    workers=(("dramatiq", "tasks", "-p", "2", "-t", "8"),),
    sleep_workers=(("dramatiq", "tasks", "-p", "2", "-t", "50"),),
    drain_jobs=40_000,
    notes=(NO_BULK,),
)

HUEY = Peer(
    name="huey",
    title="Huey",
    folder="huey",
    language=Language.PYTHON,
    outcome=Outcome.RESULT_IN_REDIS,
    settings="RedisHuey, -w 4 -k process; 10 ms jobs: -w 100 -k thread",
    workers=(("huey_consumer", "tasks.huey", "-w", "4", "-k", "process", "-q"),),
    sleep_workers=(("huey_consumer", "tasks.huey", "-w", "100", "-k", "thread", "-q"),),
    notes=(NO_BULK,),
)

ARQ = Peer(
    name="arq",
    title="arq",
    folder="arq",
    language=Language.PYTHON,
    outcome=Outcome.RESULT_IN_REDIS,
    settings="1 process, max_jobs 100, poll_delay 0.01",
    workers=(("arq", "tasks.WorkerSettings"),),
    sleep_workers=(("arq", "tasks.WorkerSettings"),),
    drain_jobs=20_000,
    sleep_jobs=5000,
    notes=(SIDE_BY_SIDE,),
)


def _taskiq(at_once: int) -> Command:
    return ("taskiq", "worker", "tasks:broker", "-w", "2", "--max-async-tasks", str(at_once), "--log-level", "WARNING")


TASKIQ = Peer(
    name="taskiq",
    title="taskiq",
    folder="taskiq",
    language=Language.PYTHON,
    outcome=Outcome.RESULT_IN_REDIS,
    settings="-w 2, --max-async-tasks 100, ListQueueBroker, uvloop; 10 ms jobs: --max-async-tasks 50",
    workers=(_taskiq(100),),
    sleep_workers=(_taskiq(50),),
    drain_jobs=30_000,
    notes=(SIDE_BY_SIDE,),
)

BULLMQ = Peer(
    name="bullmq",
    title="BullMQ",
    folder="bullmq",
    language=Language.NODE,
    outcome=Outcome.RESULT_IN_REDIS,
    settings="1 process, concurrency 100",
    workers=(("node", "worker.mjs"),),
    sleep_workers=(("node", "worker.mjs"),),
    bulk_api="addBulk, 1,000 a call",
)

PEERS = (CELERY_POSTGRES, CELERY_REDIS, RQ, DRAMATIQ, HUEY, ARQ, TASKIQ, BULLMQ)
