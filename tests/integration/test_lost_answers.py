"""Postgres commits, and the connection breaks before it can say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
import pytest

from chalicelib.attempt import Attempt
from chalicelib.connections import Connections
from chalicelib.errors import StoreUnavailable
from chalicelib.hand import Hand
from chalicelib.jobs import AttemptError, ClaimedJob, Completed, Job, JobStatus, Outcome, Retry, Settlement
from chalicelib.store.attempts import AttemptStore, Done
from tests.integration.conftest import FOREVER, World, told

T = TypeVar("T")


class Cut(AttemptStore):
    """Its first answer of each kind is lost; ``before`` the statement was carried out, or after."""

    def __init__(self, attempts: AttemptStore, *, before: bool = False) -> None:
        super().__init__(attempts._database)
        self._before = before
        self._lost: set[str] = set()

    def claim(self, *arguments: Any) -> list[ClaimedJob]:
        return self._lose("claim", lambda: AttemptStore.claim(self, *arguments))

    def complete(self, jobs: Sequence[ClaimedJob], results: Sequence[bytes], ran: Sequence[float] = ()) -> Done:
        return self._lose("complete", lambda: AttemptStore.complete(self, jobs, results, ran))

    def settle(self, settlements: Sequence[Settlement]) -> list[Job]:
        return self._lose("settle", lambda: AttemptStore.settle(self, settlements))

    def _lose(self, name: str, statement: Callable[[], T]) -> T:
        if name in self._lost:
            return statement()
        self._lost.add(name)
        if not self._before:
            statement()
        raise StoreUnavailable("cut")


@pytest.mark.parametrize("before", [True, False])
def test_a_job_whose_claim_was_not_heard_of_is_given_back_at_once_and_pays_nothing(world: World, before: bool) -> None:
    submitted = world.submit()
    fetcher = world.fetcher()
    fetcher._attempts = Cut(world.attempts, before=before)
    with pytest.raises(StoreUnavailable):
        fetcher.fetch({"default": 1}, FOREVER)

    (claimed,) = fetcher.fetch({"default": 1}, FOREVER).jobs

    assert claimed.id == submitted.id
    assert (claimed.crashes, claimed.failures, claimed.attempt) == (0, 0, 1 if before else 2)


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Completed(b"1"), "COMPLETED"),
        (Retry(AttemptError(type="E", message="boom"), timedelta(hours=1)), "RETRYING"),
    ],
)
def test_an_outcome_whose_commit_was_not_heard_of_is_told_all_the_same(
    world: World, outcome: Outcome, status: str
) -> None:
    Connections(world.cache).add("watcher", "api", "stage")
    submitted = world.submit()
    (running,) = world.fetcher().fetch({"default": 1}, FOREVER).jobs
    settler = world.settler(Hand(1), attempts=Cut(world.attempts), pause=lambda _: None)
    attempt = Attempt(running, world.settings, 0.0)
    attempt.outcome = outcome

    settler.put(attempt)
    settler.finish()
    settler.run()

    row = world.store.get(submitted.id)
    assert row.version == 3
    assert row.status is (JobStatus.COMPLETED if status == "COMPLETED" else JobStatus.QUEUED)
    events = told(world)
    assert [msgspec.json.decode(event.body)["status"] for event in events][-1] == status
    assert world.cache.zcard("{q:default}:leased") == 0
