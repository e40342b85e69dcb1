"""What is promised of limits, rates and turns, a second time and from the promises alone: what ``take`` does is judged by this.

It knows no Redis and no script. Jobs are told to it as what waits and what runs; time is what it is told has passed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

PLAIN = ""  # the party of jobs without a key
A_HAIR = 1e-3  # of a start: sums of floats


@dataclass(frozen=True)
class Waiting:
    """A job that could start, were there no limits. rank: less is more urgent; age: less is older."""

    party: str
    rank: int
    age: bytes

    @property
    def order(self) -> tuple[int, bytes]:
        return self.rank, self.age


@dataclass(frozen=True)
class Limits:
    """Of a queue. None: no limit."""

    is_paused: bool = False
    slots: int | None = None
    slots_per_key: int | None = None


@dataclass
class Pace:
    """A rate, and the starts that it has seen. sure: how many may start at once by now, at the very least."""

    jobs: float
    per_seconds: float
    burst: int
    sure: float = 0.0
    starts: list[float] = field(default_factory=list)

    def let_pass(self, seconds: float) -> None:
        self.sure = min(self.burst, self.sure + seconds * self.jobs / self.per_seconds)

    def start(self, count: int, asked_at: float, answered_at: float) -> None:
        """In any window there are no more than the burst and what the window brings; one more where it begins and ends."""
        self.sure = max(0.0, self.sure - count)
        self.starts += [asked_at] * count
        for number, began_at in enumerate(self.starts):
            most = self.burst + (answered_at - began_at) * self.jobs / self.per_seconds + 1
            assert len(self.starts) - number <= most

    def forget(self) -> None:
        """Whoever kept it has lost it."""
        self.sure, self.starts = 0.0, []


@dataclass
class Queue:
    """What is set of a queue. The paces of keys are by party."""

    limits: Limits = field(default_factory=Limits)
    pace: Pace | None = None
    paces: dict[str, Pace] = field(default_factory=dict)

    def all_paces(self) -> list[Pace]:
        return [*([self.pace] if self.pace else []), *self.paces.values()]

    def room(self, running: Counter[str]) -> float:
        """For how many more the queue has slots."""
        if self.limits.is_paused:
            return 0
        return math.inf if self.limits.slots is None else max(0, self.limits.slots - running.total())

    def room_of(self, party: str, running: Counter[str]) -> float:
        if party == PLAIN or self.limits.slots_per_key is None:
            return math.inf
        return max(0, self.limits.slots_per_key - running[party])

    def most(self, asked: int, waiting: Sequence[Waiting], running: Counter[str]) -> float:
        """How many may start now, were there no rates."""
        parties = Counter(job.party for job in waiting)
        startable = sum(min(count, self.room_of(party, running)) for party, count in parties.items())
        return min(asked, self.room(running), startable)

    def least(
        self, asked: int, waiting: Sequence[Waiting], running: Counter[str], returning: Sequence[Waiting] = ()
    ) -> float:
        """How many have to start now, rates and all: nobody waits for a slot or a start that is there.

        returning: of those that wait, whose leases are over: where slots are counted they keep theirs until somebody takes them.
        """
        if not self.counts_slots or not returning:
            return min(asked, self.room(running), _surely(self.pace), self._startable(waiting, running))
        kept = running + Counter(job.party for job in returning)
        if self._are_too_many(kept):
            return 0  # some give up their slots, and who that is, is not promised
        fresh = [job for job in waiting if job not in {*returning}]
        coming_back = sum(
            min(count, _surely(self.paces.get(party)))
            for party, count in Counter(job.party for job in returning).items()
        )
        # A key that comes back may have used up its own starts.
        paced = {job.party for job in returning} & {*self.paces}
        others = [job for job in fresh if job.party not in paced]
        room = 0 if self.limits.is_paused else math.inf
        room = min(room, coming_back + min(self.room(kept), self._startable(others, kept)))
        return min(asked, _surely(self.pace), room)

    def _startable(self, waiting: Sequence[Waiting], running: Counter[str]) -> float:
        return sum(
            min(count, self.room_of(party, running), _surely(self.paces.get(party)))
            for party, count in Counter(job.party for job in waiting).items()
        )

    @property
    def counts_slots(self) -> bool:
        return self.limits.slots is not None or self.limits.slots_per_key is not None

    def _are_too_many(self, leases: Counter[str]) -> bool:
        most, most_of_a_key = self.limits.slots, self.limits.slots_per_key
        keyed = max((count for party, count in leases.items() if party != PLAIN), default=0)
        return (most is not None and leases.total() > most) or (most_of_a_key is not None and keyed > most_of_a_key)

    def expect_in_order(
        self,
        taken: Sequence[Waiting],
        waiting: Sequence[Waiting],
        running: Counter[str],
        returning: Sequence[Waiting] = (),
    ) -> None:
        """Strict priority; among a key's jobs the urgent first and then the old. A key at a limit holds up no other.

        returning: as above; they go on before anything starts, in any order.
        """
        assert len({*taken}) == len(taken)
        assert {*taken} <= {*waiting}
        if self.counts_slots and returning:
            running = running + Counter(job.party for job in returning)
            taken = [job for job in taken if job not in {*returning}]
            waiting = [job for job in waiting if job not in {*returning}]
            if self._are_too_many(running):
                return
        ranks = [job.rank for job in taken]
        assert ranks == sorted(ranks)
        left = {*waiting} - {*taken}
        for party in {job.party for job in waiting}:
            _expect_best([job for job in taken if job.party == party], [job for job in left if job.party == party])
        started = running + Counter(job.party for job in taken)
        for job in left:
            if not self._may_be_held_up(job.party, started):
                assert not ranks or ranks[-1] <= job.rank

    def _may_be_held_up(self, party: str, running: Counter[str]) -> bool:
        return self.room_of(party, running) < 1 or party in self.paces

    def start(self, taken: Iterable[Waiting], asked_at: float, answered_at: float) -> None:
        parties = Counter(job.party for job in taken)
        if self.pace:
            self.pace.start(parties.total(), asked_at, answered_at)
        for party, count in parties.items():
            if party in self.paces:
                self.paces[party].start(count, asked_at, answered_at)


def expect_turns(served: Mapping[str, int], waiting: Iterable[str]) -> None:
    """waiting: those who had jobs all the time. Nobody was served more than once beyond any of them."""
    for party in waiting:
        assert served.get(party, 0) >= max(served.values(), default=0) - 1


def _surely(pace: Pace | None) -> float:
    return math.inf if pace is None else max(0, math.floor(pace.sure - A_HAIR))


def _expect_best(taken: Sequence[Waiting], left: Sequence[Waiting]) -> None:
    """Jobs without a key are as old as the time at which they came due: of these, ranks alone are compared."""
    worst = max((job.order for job in taken), default=None)
    for job in left:
        assert worst is None or worst < job.order or (job.party == PLAIN and worst[0] == job.rank)
    if taken and taken[0].party != PLAIN:
        assert [job.order for job in taken] == sorted(job.order for job in taken)
