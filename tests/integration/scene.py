"""The product and its model side by side: what each knows, and what must be so between them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from hypothesis.stateful import invariant

from chalicelib.jobs import Completed, Job, JobStatus
from tests.integration.lossy import Claim, Hands
from tests.integration.machines import Stage
from tests.integration.model import ModelJob, Reminder

QUEUES = ("a", "b")
PLACES = ("ready", "delayed", "leased")
WORKERS = 3
A_MOMENT = timedelta(seconds=10)  # to end a handful of echoes; a worker that goes in circles is stopped by it


class Seen:
    """A row as it was read once, and where it said that the job belongs."""

    def __init__(self, row: Job, place: Reminder | None) -> None:
        self.row = row
        self.place = place

    def __repr__(self) -> str:
        return f"<job {self.row.id} at version {self.row.version}, {self.place}>"


class Scene(Stage):
    """Jobs are numbered in the order they came."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[UUID] = []
        self.model: dict[UUID, ModelJob] = {}
        self.reminders: dict[UUID, Reminder] = {}
        self.history: list[Seen] = []
        self.last: dict[UUID, Job] = {}
        self.made: set[tuple[UUID, int]] = set()
        self.outer_error = sys.exception()

    @invariant()
    def rows_are_as_the_rules_say(self) -> None:
        if not self.model:
            return
        rows = self.world.store.find([*self.model])
        assert {row.id for row in rows} == {*self.model}
        for row in sorted(rows, key=lambda row: row.id):
            assert as_the_model_has_it(row) == self.model[row.id]
            self.expect_no_step_back(row)

    @invariant()
    def reminders_are_where_the_rules_say(self) -> None:
        assert self.reminders_in_redis() == self.reminders

    def expect_no_step_back(self, row: Job) -> None:
        before = self.last.get(row.id)
        if before is not None:
            assert row.attempt >= before.attempt
            assert row.version >= before.version
            if row.version == before.version:
                assert unaged(row) == unaged(before)
        if row != before:
            self.history.append(Seen(row, self.model[row.id].place))
        self.last[row.id] = row

    def expect_taken(self, taken: Sequence[UUID], names: Sequence[str], limit: int) -> None:
        """The best of each queue that is due, hidden from now on. What is due and was left may have moved up to ready."""
        now_in_redis = self.reminders_in_redis()
        for name in names:
            due = {job_id for job_id in self.in_queue(name) if self.reminders[job_id].is_due}
            got = [job_id for job_id in taken if self.model[job_id].queue == name]
            ranks = [-self.model[job_id].priority for job_id in got]
            assert ranks == sorted(ranks)
            assert {*got} <= due
            assert len(got) == len({*got}) == min(limit, len(due))
            for job_id in due - {*got}:
                self.expect_outranked(job_id, got)
                if now_in_redis[job_id].place == "ready":
                    self.reminders[job_id] = Reminder("ready", is_due=True)
        for job_id in taken:
            self.reminders[job_id] = Reminder("leased", is_due=False)

    def expect_outranked(self, left: UUID, taken: Sequence[UUID]) -> None:
        if self.reminders[left].place == "ready":
            for job_id in taken:
                assert self.model[job_id].priority >= self.model[left].priority

    def expect_corrected(self, refused: Sequence[UUID], misfits: Sequence[Job], *, has_time: bool) -> None:
        """Each was ended or put where its row says, or put aside: what lacks nothing but time."""
        put_aside = {job.id for job in misfits}
        fitting = [job_id for job_id in refused if job_id not in put_aside]
        for job_id in refused:
            self.model[job_id].bury()
        self.release(*fitting)
        # Abandoned jobs are not put aside yet: the same worker finds them again.
        assert not any(self.model[job_id].may_be_claimed for job_id in fitting)
        assert put_aside <= {*refused}
        assert not put_aside or not has_time

    def expect_doubtful_given_back(self, worker: Hands) -> None:
        """A lease that another has taken since is left to him."""
        now = self.lease_ends(worker.in_doubt)
        for job_id, attempt in worker.in_doubt.items():
            was_ours = attempt is not None and self.model[job_id].disown(attempt)
            still_ours = now[job_id] == worker.lease_ends[job_id]
            (self.release if was_ours or still_ours else self.remind)(job_id)
        worker.in_doubt = {}

    def teardown(self) -> None:
        """Whatever happened: once everything is due and Redis knows of it, one plain worker brings it to its end."""
        if sys.exception() is self.outer_error:
            self.age_rows(self.model)
            self.age_reminders(self.model)
            self.maintenance.rebuild()
            self.run_a_worker()
            for job in self.model.values():
                if job.claim("w"):
                    job.settle(job.attempt, Completed(b"null"))
                job.bury()
                assert job.is_final
            self.rows_are_as_the_rules_say()
            assert not any(reminder.is_due for reminder in self.reminders_in_redis().values())
        self.close()

    def numbers(self, fits: Callable[[ModelJob], bool]) -> list[int]:
        return [number for number, job_id in enumerate(self.ids) if fits(self.model[job_id])]

    def something_is_due(self) -> bool:
        return any(reminder.is_due for reminder in self.reminders.values())

    def something_is_in_doubt(self) -> bool:
        return any(worker.in_doubt for worker in self.workers)

    def certain(self) -> list[Hands]:
        return [worker for worker in self.workers if not worker.in_doubt]

    def would_be_refused_its_own(self, worker: Hands) -> bool:
        due = [self.model[job_id] for job_id, reminder in self.reminders.items() if reminder.is_due]
        return any(job.status is JobStatus.RUNNING and job.worker_id == worker.worker_id for job in due)

    def held(self) -> list[Claim]:
        """Attempts that their workers, alive, may still end as they like."""
        return [
            claim
            for claim in self.claims
            if claim.worker in self.workers and self.model[claim.job.id].is_held_as(claim.job.attempt)
        ]

    def unfinished(self) -> list[UUID]:
        return [job_id for job_id, job in self.model.items() if not job.is_final]

    def strayed(self) -> list[UUID]:
        return [job_id for job_id in self.unfinished() if self.reminders.get(job_id) != self.model[job_id].place]

    def lost(self) -> list[UUID]:
        return [job_id for job_id in self.unfinished() if job_id not in self.reminders]

    def in_queue(self, name: str) -> list[UUID]:
        return [job_id for job_id in self.reminders if self.model[job_id].queue == name]

    def remind(self, *ids: UUID) -> None:
        """By whoever read the rows: a lease is its taker's."""
        for job_id in ids:
            place, now = self.model[job_id].place, self.reminders.get(job_id)
            if now is None or now.place != "leased" or place is None or place.place == "leased":
                self.put_reminder(job_id, place)

    def release(self, *ids: UUID) -> None:
        """By who had them."""
        for job_id in ids:
            self.put_reminder(job_id, self.model[job_id].place)

    def put_reminder(self, job_id: UUID, place: Reminder | None) -> None:
        self.reminders.pop(job_id, None)
        if place is not None:
            self.reminders[job_id] = place

    def age_rows(self, ids: Iterable[UUID]) -> None:
        self.conn.execute(
            """
            UPDATE jobs
               SET run_at = least(run_at, now() - interval '1 hour'), lease_expires_at = lease_expires_at - interval '2 hours'
             WHERE id = ANY(%s) AND finished_at IS NULL
            """,
            [[*ids]],
        )
        for job_id in ids:
            self.model[job_id].let_time_pass()

    def age_reminders(self, ids: Iterable[UUID]) -> None:
        for job_id in ids:
            reminder = self.reminders.get(job_id)
            if reminder is not None and reminder.place != "ready":
                self.world.cache.zadd(self.key(job_id, reminder), {self.entry(job_id): 1})
                self.reminders[job_id] = Reminder(reminder.place, is_due=True)

    def lease_ends(self, ids: Iterable[UUID]) -> dict[UUID, float | None]:
        return {
            job_id: self.world.cache.zscore(f"{{q:{self.model[job_id].queue}}}:leased", self.entry(job_id))
            for job_id in ids
        }

    def key(self, job_id: UUID, reminder: Reminder) -> str:
        return f"{{q:{self.model[job_id].queue}}}:{reminder.place}"

    def entry(self, job_id: UUID) -> bytes:
        return bytes([100 - self.model[job_id].priority]) + job_id.bytes

    def reminders_in_redis(self) -> dict[UUID, Reminder]:
        """A job is in at most one set, in its own queue's."""
        seconds, micros = self.world.cache.time()
        now = seconds * 1000 + micros / 1000
        found: dict[UUID, Reminder] = {}
        with self.world.cache.pipeline(transaction=False) as commands:
            keys = [(queue, place) for queue in QUEUES for place in PLACES]
            for queue, place in keys:
                commands.zrange(f"{{q:{queue}}}:{place}", 0, -1, withscores=True)
            for (queue, place), entries in zip(keys, commands.execute(), strict=True):
                for entry, score in entries:
                    job_id = UUID(bytes=entry[1:])
                    assert job_id not in found
                    assert (self.model[job_id].queue, self.entry(job_id)) == (queue, entry)
                    found[job_id] = Reminder(place, is_due=place == "ready" or score <= now)
        return found


def as_the_model_has_it(row: Job) -> ModelJob:
    return ModelJob(
        queue=row.queue,
        priority=row.priority,
        max_attempts=row.max_attempts,
        is_due=not row.waits,
        status=row.status,
        version=row.version,
        attempt=row.attempt,
        failures=row.failures,
        crashes=row.crashes,
        errors=len(msgspec.json.decode(row.errors or b"")),
        lease_is_over=row.lease_expires_at is not None and row.lease_expires_at <= datetime.now(UTC),
        is_asked_to_end=row.cancel_requested_at is not None,
        worker_id=row.worker_id,
        progress=None if row.progress is None else msgspec.json.decode(row.progress)["fraction"],
        error=row.error,
        result=None if row.result is None else bytes(row.result),
    )


def unaged(row: Job) -> Job:
    """Without what a renewal or the passing of time changes."""
    epoch = datetime(2000, 1, 1, tzinfo=UTC)
    return msgspec.structs.replace(row, run_at=epoch, waits=False, created_at=epoch, lease_expires_at=None)
