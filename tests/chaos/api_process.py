"""Clients and the API that they call, in one process: ``python -m tests.chaos.api_process NAME SEED [--die STEP:N …]``.

It submits, cancels and revives until its standard input is closed. A line there asks for a storm of cancels.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import queue
import random
import sys
import threading
from collections import deque
from uuid import UUID

import msgspec

import app
from chalicelib import resources
from chalicelib.errors import IllegalMove, QueueUnavailable, SchedulerError
from chalicelib.jobs import Job, JobStatus
from chalicelib.store.lists import JobFilter
from chalicelib.submissions import Submission
from tests.chaos import process, steps, traffic
from tests.chaos.ledger import Ledger
from tests.chaos.pace import Pace

PAUSE_SECONDS = 0.1  # on average, between two actions
KNOWN = 40  # jobs, the last ones, of which new ones may depend on some
STORM = 300  # jobs cancelled at once
WATCHER = "chaos-watcher"  # a connection to nowhere


class Clients:
    """What they do next is drawn from the seed."""

    def __init__(self, name: str, rng: random.Random, pace: Pace, ledger: Ledger) -> None:
        self._name = name
        self._rng = rng
        self._pace = pace
        self._ledger = ledger
        self._count = 0
        self._known: deque[UUID] = deque(maxlen=KNOWN)

    def act(self) -> None:
        (action,) = self._rng.choices(
            [self.submit_one, self.submit_many, self.cancel_one, self.revive_some, self.watch], [50, 20, 14, 8, 8]
        )
        with contextlib.suppress(SchedulerError):  # an outage, or a job that will not: the next one, please
            action()

    def submit_one(self) -> None:
        """Over HTTP."""
        asked = self._new_submission()
        answer = app.app(_posted(asked), None)
        if answer["statusCode"] == 201:
            self._hear(asked, UUID(json.loads(answer["body"])["id"]))

    def submit_many(self) -> None:
        asked = [self._new_submission() for _ in range(self._rng.randint(2, 30))]
        for submission, job in zip(asked, resources.scheduler().submit(asked), strict=True):
            self._hear(submission, job.id)

    def cancel_one(self) -> None:
        for job in self._some(1, self._rng.choice([JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.BLOCKED])):
            self._cancel(job.id)

    def storm(self) -> None:
        """Some of these have ended already, or are about to."""
        with contextlib.suppress(SchedulerError):
            for job in self._some(STORM):
                with contextlib.suppress(IllegalMove):
                    self._cancel(job.id)

    def revive_some(self) -> None:
        for job in self._some(3, self._rng.choice([JobStatus.FAILED, JobStatus.CANCELLED])):
            resources.scheduler().revive(job.id)

    def watch(self) -> None:
        """Somebody comes, or goes: so that there is something to announce, and sometimes not."""
        with contextlib.suppress(QueueUnavailable):
            if self._rng.random() < 0.5:
                resources.connections().add(WATCHER, "api", "chaos")
            else:
                resources.connections().remove(WATCHER)

    def _some(self, most: int, status: JobStatus | None = None) -> list[Job]:
        found = resources.lists().page(JobFilter(status=status, limit=500)).jobs
        return self._rng.sample(found, min(most, len(found)))

    def _new_submission(self) -> Submission:
        self._count += 1
        serial = f"{self._name}-{self._count}"
        self._ledger.write("asked", serial)
        return traffic.submission(self._rng, self._pace, serial, self._known)

    def _hear(self, asked: Submission, job_id: UUID) -> None:
        self._ledger.write("told", asked.tags[0], job_id)
        self._known.append(job_id)

    def _cancel(self, job_id: UUID) -> None:
        self._ledger.write("cancelled", job_id, resources.scheduler().cancel(job_id).status)


def _posted(submission: Submission) -> dict[str, object]:
    """As API Gateway hands it over."""
    body = msgspec.json.encode(submission)
    return {
        "requestContext": {
            "resourcePath": "/jobs",
            "httpMethod": "POST",
            "path": "/api/jobs",
            "requestId": "chaos",
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "headers": {"content-type": "application/json"},
        "multiValueHeaders": {"content-type": ["application/json"]},
        "pathParameters": {},
        "stageVariables": {},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def main(arguments: list[str]) -> int:
    pace, ledger = process.begin()
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("seed", type=int)
    parser.add_argument("--die", action="append", default=[])
    options = parser.parse_args(arguments)
    for order in options.die:
        steps.die_at(order, ledger)
    clients = Clients(options.name, random.Random(options.seed), pace, ledger)
    _serve(clients, random.Random(options.seed))
    return 0


def _serve(clients: Clients, rng: random.Random) -> None:
    storms: queue.SimpleQueue[str] = queue.SimpleQueue()
    over = threading.Event()
    threading.Thread(target=_listen, args=(storms, over), daemon=True).start()
    while not over.wait(rng.expovariate(1 / PAUSE_SECONDS)):
        clients.act()
        if not storms.empty():
            storms.get()
            clients.storm()


def _listen(storms: queue.SimpleQueue[str], over: threading.Event) -> None:
    for line in sys.stdin:
        storms.put(line)
    over.set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
