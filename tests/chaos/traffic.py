"""Which jobs are submitted: all kinds, on several queues, now or later, urgent or not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from chalicelib.backoff import Fixed
from chalicelib.submissions import Submission
from tests.chaos import narrow
from tests.chaos.handlers import Work
from tests.chaos.pace import Pace

QUEUES = ("default", "mail", "reports.daily", "slow", narrow.QUEUE)
KEYS = ("ann", "bob", "cem")
WEIGHTS = {
    "quick": 45,
    "sleepy": 16,
    "coroutine": 12,
    "flaky": 10,
    "later": 5,
    "doomed": 3,
    "apart": 3,
    "deaf": 2,
    "long": 4,
}


def submission(rng: random.Random, pace: Pace, serial: str, known: Sequence[UUID] = ()) -> Submission:
    """serial: a tag, by which the job is found again when its submitter died. known: jobs that it may depend on."""
    (kind,) = rng.choices([*WEIGHTS], [*WEIGHTS.values()])
    options: dict[str, Any] = {}
    if rng.random() < 0.15:
        options["delay_seconds"] = rng.uniform(0.05, pace.lease)
    if rng.random() < 0.3:
        options["priority"] = rng.randint(-100, 100)
    if rng.random() < 0.4:
        options["concurrency_key"] = rng.choice(KEYS)
    if kind == "flaky" and rng.random() < 0.5:
        options["backoff"] = Fixed(seconds=rng.uniform(0, 1))
    if known and rng.random() < 0.2:
        options["depends_on"] = rng.sample(known, min(len(known), rng.randint(1, 3)))
        options["if_dependency_fails"] = rng.choice(["fail", "run"])
    return Submission(
        job_type="sleepy" if kind == "long" else kind,
        payload=msgspec.Raw(msgspec.json.encode(_work(kind, rng, pace))),
        queue=rng.choice(QUEUES),
        tags=[serial],
        **options,
    )


def _work(kind: str, rng: random.Random, pace: Pace) -> Work:
    match kind:
        case "long":
            return Work(seconds=2 * pace.renew_after)  # has its lease renewed
        case "sleepy" | "coroutine" | "apart" | "deaf":
            return Work(seconds=rng.uniform(0.01, 0.5))
        case "flaky" | "later":
            return Work(failures=rng.randint(1, 3))
        case _:
            return Work()
