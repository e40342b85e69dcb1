"""The places where a process can kill itself: between two steps that belong together.

The product knows nothing of them: methods of its parts are wrapped from outside, in the process that is to die.
"""

from __future__ import annotations

import functools
import itertools
import os
import random
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.announcer import Announcer
from chalicelib.chores import Chores
from chalicelib.executor import Executor
from chalicelib.queues import Queues
from chalicelib.store.attempts import AttemptStore
from chalicelib.store.dependencies import DependencyStore
from chalicelib.store.jobs import JobStore
from chalicelib.stream import EventStream
from tests.chaos.ledger import Ledger


@dataclass(frozen=True)
class Step:
    """Before or after a method, when its arguments (with self) or its answer fit."""

    name: str
    owner: type
    method: str
    before: Callable[..., bool] | None = None
    after: Callable[[Any], bool] | None = None
    soon: bool = False  # it comes so seldom that one must die there at the first time


def _always(*_: object) -> bool:
    return True


def _is_late(_: object, jobs: Sequence[object], batch: Any) -> bool:
    """Watchers are told in a batch of their own, after the one that synced."""
    return len(jobs) > 0 and len(batch.commands) == 0


WORKER_STEPS = (
    Step("take>claim", Queues, "take", after=lambda taken: any(look.members for look in taken.looks.values())),
    Step("claim>run", AttemptStore, "claim", after=bool),
    Step("run>settle", Executor, "run", after=_always),
    Step("complete>sync", AttemptStore, "complete", after=lambda done: done.count > 0),
    Step("settle>sync", AttemptStore, "settle", after=bool),
    Step("sync>announce", EventStream, "append", before=_is_late, soon=True),
    Step("announce>drop", Announcer, "send", after=_always),
    Step("renew>hold", AttemptStore, "renew", after=bool, soon=True),
    Step("sweep>cursor", Chores, "save_swept_to", before=_always, soon=True),
    Step("disown>give", AttemptStore, "disown", after=bool, soon=True),
    Step("bury>sync", AttemptStore, "bury", after=bool, soon=True),
    Step("end>release", DependencyStore, "released_by", before=lambda _, ended: len(ended) > 0, soon=True),
    Step("rebuild>epoch", Chores, "set_epoch", before=_always, soon=True),
)
API_STEPS = (
    Step("insert>enqueue", JobStore, "insert", after=_always),
    Step("tie>release", DependencyStore, "released", before=lambda _, ids: len(ids) > 0, soon=True),
    Step("cancel>sync", JobStore, "cancel", after=bool),
    Step("revive>enqueue", JobStore, "revive", after=bool),
)
STEPS = {step.name: step for step in (*WORKER_STEPS, *API_STEPS)}
RARE = {
    "disown>give",
    "bury>sync",
    "rebuild>epoch",
}  # they come with an outage, or when workers were killed with one job


def order(name: str, rng: random.Random, most: int) -> str:
    """To die at a step: its name, a colon, and at which time of passing there: the first, or up to ``most``."""
    return f"{name}:{1 if STEPS[name].soon else rng.randint(1, most)}"


def die_at(order: str, ledger: Ledger) -> None:
    """order: as above."""
    name, _, nth = order.rpartition(":")
    step = STEPS[name]
    passes = itertools.count(1)

    def arrive() -> None:
        if next(passes) == int(nth):
            ledger.write("died", name)
            os.kill(os.getpid(), signal.SIGKILL)

    _wrap(step, arrive)


def _wrap(step: Step, arrive: Callable[[], None]) -> None:
    original = getattr(step.owner, step.method)

    @functools.wraps(original)
    def wrapped(*args: Any, **options: Any) -> Any:
        if step.before is not None and step.before(*args):
            arrive()
        answer = original(*args, **options)
        if step.after is not None and step.after(answer):
            arrive()
        return answer

    setattr(step.owner, step.method, wrapped)
