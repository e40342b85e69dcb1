"""What a stage costs a month, as sums that can be read: ``python -m infra.aws.costs`` prints the tables of docs/operations.md.

Shape, for whoever shows it: ``monthly_at_rest(options)`` and ``per_million_jobs(options)`` give a tuple of ``Line``: ``what`` is
paid for, the ``sum`` in words, and the ``dollars``, None where this list knows no price. ``total(lines)`` adds up what is known.

Prices are AWS's list prices on demand for us-east-1, without free tiers, as they were known at ``AS_OF``; they change, and other
regions ask more. What is measured names its source; what is assumed is a field of ``Options``. Taxes, support, reserved
prices and traffic between zones are left out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from infra.aws.prices import A_GB, A_MILLION, AN_HOUR, CACHE_NODE, DATABASE_INSTANCE, EACH_MONTH

AS_OF = "November 2026"
HOURS = 730  # a month, as AWS counts it
SECONDS = HOURS * 3_600
MILLION = 1_000_000
ZONES = 2  # that network.yaml has subnets in
PROXY_VCPUS = 2  # the least that RDS Proxy asks for
PROXY_ACUS = 8  # likewise, before Aurora Serverless
ENDPOINTS = 2  # Secrets Manager and Lambda; S3's costs nothing
TASKS_ENDPOINTS = 3  # besides: logs, and ECR's two
STORED_BYTES = 540  # of a finished job with a small payload: 27 MB for 50,000 (README, "Pages are filled to 45 %")
ALARMS = 23  # in infra/cloud/alarms.yaml
TASKS_ALARMS = 2  # in infra/cloud/service.yaml: those that scale
METRICS = 7  # of all queues together (chalicelib/emf.py), and the faults that filters count in logs
METRICS_A_QUEUE = 2
LINE_BYTES = 207  # of the worker's about a job: 181 measured, and CloudWatch counts 26 more for each
WAKE_SECONDS = 2  # at most one submit in this time wakes the worker (chalicelib/waker.py)
SECRETS = 3  # settings, database, cache
TICKS = HOURS * 60


@dataclass(frozen=True, kw_only=True)
class Options:
    """A stage as it is deployed, and how it is used.

    The first fields are the parameters of the stacks; memory is that of the functions. The rest are assumptions about the work:
    ``jobs_a_request`` 1 is ``POST /jobs``, more is ``POST /jobs/batch``; ``api_seconds`` and ``tick_seconds`` are billed for each
    call; ``job_seconds`` is how long a handler holds one of the worker's slots; ``frames_a_job`` go to watchers;
    ``outside_bytes_a_job`` pass the NAT gateway, there and back: what a handler asks of the web, frames, and what tasks log.
    """

    database: Literal["instance", "aurora"] = "instance"
    instance_class: str = "db.t4g.small"
    storage_gb: float = 20
    multi_az: bool = False
    aurora_acus: float = 0.5  # on average
    proxy: bool = False
    cache_node_type: str = "cache.t4g.micro"
    cache_replicas: int = 0
    egress: Literal["nat", "endpoints"] = "nat"
    tasks: float = 0  # Fargate tasks that run, on average
    task_vcpus: float = 0.5
    task_gb: float = 1
    queues: int = 5
    api_memory_gb: float = 0.5
    worker_memory_gb: float = 1
    worker_slots: int = 16
    tick_seconds: float = 1.2  # measured: a run that finds nothing
    api_seconds: float = 0.02  # the handler's 1.4 ms on a third of a core, and three round trips
    jobs_a_request: int = 1
    job_seconds: float = 0.1
    frames_a_job: float = 0
    outside_bytes_a_job: float = 1_000
    lines_a_job: float = 0.01  # the worker's, for each attempt that fails or is cancelled: what succeeds leaves none
    log_bytes_a_call: float = 650  # our line has 275, Lambda's three the rest
    answer_bytes: float = 1_500
    more_seconds_a_job: float = 0.0001  # of a batch: 16 µs of a core measured, on a third of one, and as much again
    more_bytes_a_job: float = 45  # its id in the answer


SMALL = Options()
MIDDLE = Options(
    instance_class="db.m7g.large",
    multi_az=True,
    storage_gb=200,
    cache_node_type="cache.t4g.small",
    cache_replicas=1,
    tasks=2,
    task_vcpus=1,
    task_gb=2,
    jobs_a_request=100,
)
LARGE = Options(
    instance_class="db.m7g.2xlarge",
    multi_az=True,
    storage_gb=600,
    cache_node_type="cache.m7g.large",
    cache_replicas=1,
    tasks=10,
    task_vcpus=1,
    task_gb=2,
    jobs_a_request=1_000,
)
EXAMPLES = ((1, 30, SMALL), (100, 14, MIDDLE), (10_000, 1, LARGE))  # jobs a second, days that they are kept, stage


@dataclass(frozen=True)
class Line:
    """dollars: None where the price is not on this list."""

    what: str
    sum: str
    dollars: float | None


def total(lines: Iterable[Line]) -> float:
    """Dollars, of the lines whose price is known."""
    return sum(line.dollars or 0.0 for line in lines)


def monthly_at_rest(options: Options) -> tuple[Line, ...]:
    """What a stage costs a month that runs no job."""
    return (
        *_database(options),
        _hourly("Valkey", CACHE_NODE.get(options.cache_node_type), 1 + options.cache_replicas, options.cache_node_type),
        *_egress(options),
        *_tick(options),
        *_tasks(options),
        *_watching(options),
    )


def per_million_jobs(options: Options) -> tuple[Line, ...]:
    """What a million jobs cost beside that: submitted over HTTP, run, and told. Storage is not in it: see ``stored_gb``."""
    return *_submitted(options), *_run(options), *_said(options, 1)


def stored_gb(jobs_a_second: float, days: float) -> float:
    """GB of Postgres that finished jobs take which are kept so long: what retention has to be chosen by."""
    return jobs_a_second * 86_400 * days * STORED_BYTES / 1e9


def monthly_at(jobs_a_second: float, options: Options) -> tuple[Line, ...]:
    """What a month costs in all, at an even rate."""
    jobs, a_million = jobs_a_second * SECONDS / MILLION, total(_submitted(options))
    return (
        Line("At rest", "as above", total(monthly_at_rest(options))),
        Line("Submits", f"{jobs:,.1f} million jobs × ${a_million:.4f}", jobs * a_million),
        *_runs_at(jobs_a_second, options),
        *_said(options, jobs),
    )


def _database(options: Options) -> Iterable[Line]:
    copies = 2 if options.multi_az else 1
    if options.database == "aurora":
        yield _hourly("Aurora Serverless v2", AN_HOUR["aurora_acu"], options.aurora_acus * copies, "ACU")
        yield _stored("Aurora, storage", options.storage_gb, "aurora_storage")
    else:
        price = DATABASE_INSTANCE.get(options.instance_class)
        yield _hourly("RDS Postgres", price, copies, options.instance_class)
        yield _stored("RDS, storage", options.storage_gb * copies, "rds_storage")
    if options.proxy:
        units = max(PROXY_ACUS, options.aurora_acus) if options.database == "aurora" else PROXY_VCPUS
        yield _hourly("RDS Proxy", AN_HOUR["proxy"], units, "vCPU or ACU")


def _egress(options: Options) -> Iterable[Line]:
    if options.egress == "nat":
        yield _hourly("NAT gateway", AN_HOUR["nat"], 1, "gateway")
        yield _hourly("NAT gateway, address", AN_HOUR["public_address"], 1, "IPv4 address")
    else:
        endpoints = ENDPOINTS + (TASKS_ENDPOINTS if options.tasks else 0)
        yield _hourly("VPC endpoints", AN_HOUR["endpoint"], endpoints * ZONES, "endpoint and zone")


def _tick(options: Options) -> Iterable[Line]:
    yield _millions("Lambda, ticks", TICKS / MILLION, "lambda_requests")
    yield _lambda_time("Lambda, time of ticks", TICKS * options.tick_seconds, options.worker_memory_gb)


def _tasks(options: Options) -> Iterable[Line]:
    if options.tasks:
        yield _hourly("Fargate, vCPU", AN_HOUR["fargate_vcpu"], options.tasks * options.task_vcpus, "vCPU")
        yield _hourly("Fargate, memory", AN_HOUR["fargate_gb"], options.tasks * options.task_gb, "GB")


def _watching(options: Options) -> Iterable[Line]:
    yield _each_month("Secrets", SECRETS, "secret")
    yield _each_month("CloudWatch, alarms", ALARMS + (TASKS_ALARMS if options.tasks else 0), "alarm")
    yield _each_month("CloudWatch, metrics", METRICS + METRICS_A_QUEUE * options.queues, "metric")
    yield _each_month("CloudWatch, dashboard", 1, "dashboard")


def _submitted(options: Options) -> tuple[Line, ...]:
    """A million jobs."""
    requests = 1 / options.jobs_a_request
    more = options.jobs_a_request - 1
    seconds = options.api_seconds + more * options.more_seconds_a_job
    sent = requests * (options.answer_bytes + more * options.more_bytes_a_job) * MILLION / 1e9
    logs = requests * options.log_bytes_a_call * MILLION / 1e9
    return (
        _millions("API Gateway, requests", requests, "rest_requests"),
        _millions("CloudFront, requests", requests, "cloudfront_requests"),
        _gigabytes("CloudFront, answers", sent, "cloudfront_out"),
        _millions("Lambda, calls of the API", requests, "lambda_requests"),
        _lambda_time("Lambda, time of the API", requests * MILLION * seconds, options.api_memory_gb),
        _gigabytes("CloudWatch, logs", logs, "logs"),
        _millions("API Gateway, frames", options.frames_a_job, "frames"),
    )


def _run(options: Options) -> Iterable[Line]:
    """In functions, when no task runs: their slots are taken to be full, which they are only under load."""
    if not options.tasks:
        seconds = MILLION * options.job_seconds / options.worker_slots
        yield _lambda_time("Lambda, time of the worker", seconds, options.worker_memory_gb)


def _runs_at(jobs_a_second: float, options: Options) -> Iterable[Line]:
    """In functions: those that are woken and find little, or, where there is more to do, those whose slots are full."""
    if not options.tasks:
        woken = min(jobs_a_second, 1 / WAKE_SECONDS) * options.tick_seconds
        full = jobs_a_second * options.job_seconds / options.worker_slots
        yield _lambda_time("Lambda, time of the worker", SECONDS * max(woken, full), options.worker_memory_gb)


def _said(options: Options, millions: float) -> Iterable[Line]:
    """By workers, about so many million jobs. What functions log does not pass the NAT gateway."""
    logged = millions * MILLION * options.lines_a_job * LINE_BYTES
    yield _gigabytes("CloudWatch, logs of the worker", logged / 1e9, "logs")
    if options.egress == "nat":
        yield _gigabytes("NAT gateway, traffic", millions * MILLION * options.outside_bytes_a_job / 1e9, "nat")


def _hourly(what: str, price: float | None, units: float, unit: str) -> Line:
    if price is None:
        return Line(what, f"{units:g} × {unit}: not on this list of prices", None)
    return Line(what, f"{units:g} × {unit} × {HOURS} h × ${price:g}", units * HOURS * price)


def _lambda_time(what: str, seconds: float, gigabytes: float) -> Line:
    price = AN_HOUR["lambda_gb"] / 3_600
    return Line(what, f"{seconds:,.0f} s × {gigabytes:g} GB × ${price:.10f}", seconds * gigabytes * price)


def _millions(what: str, millions: float, price: str) -> Line:
    return Line(what, f"{millions:g} million × ${A_MILLION[price]:g}", millions * A_MILLION[price])


def _gigabytes(what: str, gigabytes: float, price: str) -> Line:
    amount = f"{gigabytes:.3g}" if gigabytes < 1_000 else f"{gigabytes:,.0f}"
    return Line(what, f"{amount} GB × ${A_GB[price]:g}", gigabytes * A_GB[price])


def _stored(what: str, gigabytes: float, price: str) -> Line:
    return Line(what, f"{gigabytes:g} GB × ${EACH_MONTH[price]:g}", gigabytes * EACH_MONTH[price])


def _each_month(what: str, number: int, price: str) -> Line:
    return Line(what, f"{number} × ${EACH_MONTH[price]:g}", number * EACH_MONTH[price])


def tables() -> str:
    """In Markdown, for docs/operations.md."""
    parts = []
    for rate, days, options in EXAMPLES:
        parts.append(_table(f"A stage for {rate:,} jobs/s, at rest", monthly_at_rest(options)))
        title = f"The same with {rate:,} jobs/s, {options.jobs_a_request:,} a request"
        parts.append(
            _table(
                f"{title}; kept for {days} days they take {stored_gb(rate, days):,.1f} GB", monthly_at(rate, options)
            )
        )
    parts.append(_table("A million jobs, one a request, run by functions", per_million_jobs(SMALL)))
    parts.append(_table("A million jobs, a hundred a request, run by tasks", per_million_jobs(MIDDLE)))
    return "\n".join(parts)


def _table(title: str, lines: Sequence[Line]) -> str:
    rows = [
        f"| {line.what} | {line.sum} | {'?' if line.dollars is None else f'{line.dollars:,.2f}'} |" for line in lines
    ]
    return "\n".join([f"| {title} | sum | $ |", "|---|---|---:|", *rows, f"| in all | | {total(lines):,.2f} |", ""])


if __name__ == "__main__":
    sys.stdout.write(tables())
