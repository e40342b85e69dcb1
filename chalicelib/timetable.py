"""Schedules: keep them, look at them, and run them by hand. When they are due, ``firing`` submits their jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Literal

from msgspec import UNSET, structs

from chalicelib.callers import Deed
from chalicelib.cron import INSTANT
from chalicelib.definitions import check_name, new_schedule, with_time
from chalicelib.errors import InvalidInput, ScheduleExists, ScheduleIsDeclared, StoreUnavailable
from chalicelib.jobs import Job
from chalicelib.schedule_forms import (
    Backfill,
    Backfilled,
    Definition,
    NamedDefinition,
    Preview,
    RunsQuery,
    SchedulesQuery,
)
from chalicelib.scheduler import Scheduler
from chalicelib.schedules import NewSchedule, Run, RunKind, Schedule, Source
from chalicelib.store.firings import FiringStore
from chalicelib.store.schedule_runs import RunStore
from chalicelib.store.schedules import ScheduleStore, keeps_time
from chalicelib.timing import check_year, timing_of

TRIES = 5  # to change what somebody else changes at the same time

Change = Literal["new", "changed", "unchanged", "taken over"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Timetable:
    """Schedules, from the outside."""

    def __init__(self, *, store: ScheduleStore, firings: FiringStore, runs: RunStore, scheduler: Scheduler) -> None:
        self._store = store
        self._firings = firings
        self._runs = runs
        self._scheduler = scheduler

    @contextmanager
    def alone(self) -> Iterator[Timetable]:
        """One whose changes are made all or none, and nobody else has one at the same time."""
        with self._store.alone() as store:
            yield Timetable(store=store, firings=self._firings, runs=self._runs, scheduler=self._scheduler)

    def page(self, query: SchedulesQuery) -> tuple[list[Schedule], str | None]:
        """By name, and where the next page begins."""
        found = self._store.page(query.chosen())
        return found, None if len(found) < query.limit else found[-1].name

    def get(self, name: str) -> Schedule:
        """Raises ScheduleNotFound."""
        return self._store.get(name)

    def create(self, definition: NamedDefinition, deed: Deed | None = None) -> Schedule:
        """Raises ScheduleExists, InvalidInput or TooLarge."""
        self._store.insert(with_time(self._new(definition.name, definition)), deed)
        return self._store.get(definition.name)

    def put(self, name: str, definition: Definition, deed: Deed | None = None) -> Schedule:
        """Make it so, whatever had this name. Raises ScheduleIsDeclared, InvalidInput or TooLarge."""
        check_name(name)

        def change() -> bool:
            seen = self._store.find(name)
            if seen is None:
                return self._inserted(with_time(self._new(name, definition)), deed)
            _refuse_declared(seen)
            new = self._new(name, definition, seen)
            return self._store.replace(seen, new if keeps_time(seen, new) else with_time(new), deed)

        _insist(change)
        return self._store.get(name)

    def delete(self, name: str, deed: Deed | None = None) -> None:
        """Its runs and jobs stay. Raises ScheduleNotFound or ScheduleIsDeclared."""

        def change() -> bool:
            seen = self._store.get(name)
            _refuse_declared(seen)
            return self._store.delete(seen, deed)

        _insist(change)

    def declare(self, name: str, definition: Definition, source: Source) -> Change:
        """As its declaration says, but paused if it is paused. One that was made over the API is taken over.

        A time that is over already is no mistake here: the declaration stays where it is. Raises InvalidInput or TooLarge.
        """
        done: list[Change] = []

        def change() -> bool:
            seen = self._store.find(name)
            new = self._new(name, definition, seen, source)
            done.append(_change(seen, new))
            if seen is None:
                return self._inserted(new, None)
            return seen.rules == new.rules or self._store.replace(seen, structs.replace(new, paused=seen.paused))

        _insist(change)
        return done[-1]

    def withdraw(self, keep: Iterable[str]) -> list[str]:
        """Delete what is declared no more: all that was declared, and is not to be kept. Returns the names."""
        return self._store.withdraw(keep)

    def pause(self, name: str, note: str | None = None, deed: Deed | None = None) -> Schedule:
        """Until it is resumed, no time is its time. Raises ScheduleNotFound."""
        self._store.pause(name, note, deed)
        return self._store.get(name)

    def resume(self, name: str, deed: Deed | None = None) -> Schedule:
        """Times that passed meanwhile were not missed; where none is to come, it has ended. Raises ScheduleNotFound."""

        def change() -> bool:
            seen = self._store.get(name)
            times = seen.rules.timing.times(seen.created_at)
            return not seen.paused or self._store.resume(seen, times.first_after(self._store.now()), deed)

        _insist(change)
        return self._store.get(name)

    def run_now(self, name: str) -> Job:
        """Once more, paused or not, and whatever still runs. Raises ScheduleNotFound."""
        jobs = self._firings.submit(name, [None], RunKind.HAND)
        self._scheduler.enqueue(jobs)
        return jobs[0]

    def runs(self, name: str, query: RunsQuery) -> tuple[list[Run], int | None]:
        """Newest first, and where the next page begins. Raises ScheduleNotFound."""
        self._store.get(name)
        before = None if query.cursor is UNSET else EPOCH + timedelta(microseconds=query.cursor)
        runs = self._runs.page(name, before, query.limit)
        is_last = len(runs) < query.limit
        return runs, None if is_last else (runs[-1].scheduled_for - EPOCH) // timedelta(microseconds=1)

    def preview(self, asked: Preview) -> list[datetime]:
        """The next times, in UTC; fewer where there are no more. Raises InvalidInput."""
        check_year(asked.after, "$.after")
        now = self._store.now()
        return [*islice(timing_of(asked).times(now).after(asked.after or now), asked.count)]

    def preview_of(self, name: str, count: int) -> list[datetime]:
        """The next times of one that is kept, as if it were not paused. Raises ScheduleNotFound."""
        schedule = self._store.get(name)
        return [*islice(schedule.rules.timing.times(schedule.created_at).after(self._store.now()), count)]

    def backfill(self, name: str, asked: Backfill) -> Backfilled:
        """Oldest first, beside whatever runs. Twice is as once. Raises ScheduleNotFound or InvalidInput."""
        schedule = self._store.get(name)
        _check_range(asked, schedule)
        times = _times_in(schedule, asked.from_, min(asked.to, self._store.now()), asked.limit + 1)
        chosen, following = times[: asked.limit], next(iter(times[asked.limit :]), None)
        if asked.dry_run:
            count = self._runs.without_run(name, chosen)
        else:
            jobs = self._firings.submit(name, chosen, RunKind.BACKFILL) if chosen else []
            self._scheduler.enqueue(jobs)
            count = len(jobs)
        return Backfilled(count=count, next=following, dry_run=asked.dry_run)

    def _new(
        self, name: str, definition: Definition, seen: Schedule | None = None, source: Source = Source.API
    ) -> NewSchedule:
        return new_schedule(self._scheduler, name, definition, source, seen, self._store.now())

    def _inserted(self, new: NewSchedule, deed: Deed | None) -> bool:
        try:
            self._store.insert(new, deed)
        except ScheduleExists:
            return False
        return True


def _insist(change: Callable[[], bool]) -> None:
    """Again, where somebody else was faster. Raises StoreUnavailable where that does not end."""
    if not any(change() for _ in range(TRIES)):
        raise StoreUnavailable("somebody else changes this schedule all the time")


def _change(seen: Schedule | None, new: NewSchedule) -> Change:
    """What declaring it does."""
    if seen is None:
        return "new"
    if seen.rules.source is Source.API:
        return "taken over"
    return "unchanged" if seen.rules == new.rules else "changed"


def _refuse_declared(schedule: Schedule) -> None:
    """What would come back with the next deploy."""
    if schedule.rules.source is not Source.API:
        raise ScheduleIsDeclared(schedule.name, schedule.rules.source)


def _check_range(asked: Backfill, schedule: Schedule) -> None:
    check_year(asked.from_, "$.from")
    check_year(asked.to, "$.to")
    if asked.to <= asked.from_:
        raise InvalidInput("expected a time after from", "$.to")
    if schedule.forgotten_to is not None and asked.from_ <= schedule.forgotten_to:
        until = schedule.forgotten_to.isoformat()
        raise InvalidInput(f"which times up to {until} had runs is not known any more: begin after that", "$.from")


def _times_in(schedule: Schedule, start: datetime, end: datetime, most: int) -> list[datetime]:
    """The first ones in [start, end)."""
    times = schedule.rules.timing.times(schedule.created_at).after(start - INSTANT)
    return [*islice(takewhile(lambda at: at < end, times), most)]
