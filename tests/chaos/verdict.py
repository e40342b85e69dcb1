"""What must hold at the end: pure functions over what was recorded. Each returns the violations that it found, in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID

from tests.chaos import narrow
from tests.chaos.history import Change, Row
from tests.chaos.ledger import Account

FINAL = {"COMPLETED", "FAILED", "CANCELLED"}
# Written down again, on purpose: it is the product's own table that is judged here.
LEGAL = {
    ("BLOCKED", "QUEUED"),
    ("BLOCKED", "FAILED"),
    ("BLOCKED", "CANCELLED"),
    ("FAILED", "BLOCKED"),
    ("CANCELLED", "BLOCKED"),
    ("QUEUED", "RUNNING"),
    ("QUEUED", "CANCELLED"),
    ("RUNNING", "RUNNING"),
    ("RUNNING", "QUEUED"),
    ("RUNNING", "COMPLETED"),
    ("RUNNING", "FAILED"),
    ("RUNNING", "CANCELLED"),
    ("FAILED", "QUEUED"),
    ("CANCELLED", "QUEUED"),
}
MOST_CRASHES = 3
FAILS_BY_ITSELF = {"doomed", "flaky"}


@dataclass(frozen=True)
class Evidence:
    """Everything that was recorded, by Postgres and outside."""

    rows: list[Row]
    changes: list[Change]
    account: Account

    @cached_property
    def revived(self) -> set[UUID]:
        return {change.id for change in self.changes if _revives(change)}

    @cached_property
    def ended_badly(self) -> set[UUID]:
        return {change.id for change in self.changes if change.status in {"FAILED", "CANCELLED"}}


def _revives(change: Change) -> bool:
    return change.status in {"QUEUED", "BLOCKED"} and change.status_was in FINAL


def judge(evidence: Evidence) -> list[str]:
    return [violation for rule in RULES for violation in rule(evidence)]


def every_job_is_final(evidence: Evidence) -> Iterator[str]:
    for row in evidence.rows:
        if row.status not in FINAL:
            yield f"{row.id} is {row.status}"


def what_was_acknowledged_exists_once(evidence: Evidence) -> Iterator[str]:
    """A submit without an answer may have made its job or not; it never made two."""
    jobs = defaultdict(list)
    for row in evidence.rows:
        jobs[row.tags[0]].append(row.id)
    for serial, job_id in evidence.account.told.items():
        if jobs[serial] != [job_id]:
            yield f"submit {serial} was answered with {job_id}; there is {jobs[serial]}"
    for serial, ids in jobs.items():
        if len(ids) > 1 or serial not in evidence.account.asked:
            yield f"submit {serial} made {ids}"


def every_move_is_legal(evidence: Evidence) -> Iterator[str]:
    for change in evidence.changes:
        if change.operation == "INSERT":
            is_legal = (change.status, change.attempt, change.version) == ("QUEUED", 0, 1)
        else:
            is_legal = change.operation == "UPDATE" and _is_legal(change)
        if not is_legal:
            yield f"illegal move: {change}"


def _is_legal(change: Change) -> bool:
    if _is_tied(change):
        return True
    if change.status == change.status_was and change.attempt == change.attempt_was:
        return _follows(change, most=1) and (change.status_was not in FINAL)
    return (change.status_was, change.status) in LEGAL and _follows(change, least=1, most=1) and _counts(change)


def _is_tied(change: Change) -> bool:
    """To what it depends on, by the transaction that submits it: nobody has seen it before."""
    moved = (change.status_was, change.status, change.attempt, change.version_was, change.version)
    return moved == ("QUEUED", "BLOCKED", 0, 1, 1)


def _follows(change: Change, *, most: int, least: int = 0) -> bool:
    """How much higher the version is than it was."""
    return least <= (change.version or 0) - (change.version_was or 0) <= most


def _counts(change: Change) -> bool:
    """A claim makes a new attempt, and takes a job from nobody whose lease goes on; nothing else makes one."""
    more = (change.attempt or 0) - (change.attempt_was or 0)
    if change.status != "RUNNING":
        return more == 0
    return more == 1 and (change.status_was == "QUEUED" or change.lease_was_over is True)


def every_life_has_one_outcome(evidence: Evidence) -> Iterator[str]:
    """A life begins with a submit or a revival."""
    lives: Counter[UUID] = Counter()
    outcomes: Counter[UUID] = Counter()
    for change in evidence.changes:
        lives[change.id] += change.operation == "INSERT" or _revives(change)
        outcomes[change.id] += change.status in FINAL and change.status_was != change.status
    for job_id, count in lives.items():
        if outcomes[job_id] != count:
            yield f"{job_id} lived {count} times and had {outcomes[job_id]} outcomes"


def rows_are_what_their_changes_made_them(evidence: Evidence) -> Iterator[str]:
    """Nothing was committed past the record, and nothing that was committed is gone."""
    last = {change.id: (change.status, change.attempt, change.version) for change in evidence.changes}
    rows = {row.id: row for row in evidence.rows}
    for job_id in last.keys() ^ rows.keys():
        yield f"{job_id} is in the table or in the history, but not in both"
    for job_id in last.keys() & rows.keys():
        row = rows[job_id]
        if last[job_id] != (row.status, row.attempt, row.version):
            yield f"{row} does not follow from {last[job_id]}"


def no_attempt_is_claimed_twice(evidence: Evidence) -> Iterator[str]:
    for attempt, count in Counter(_claims(evidence)).items():
        if count > 1:
            yield f"{attempt} was claimed {count} times"


def no_attempt_is_begun_twice(evidence: Evidence) -> Iterator[str]:
    for attempt, count in Counter((run.job_id, run.attempt) for run in evidence.account.began).items():
        if count > 1:
            yield f"{attempt} was begun {count} times"


def nothing_runs_that_was_not_claimed(evidence: Evidence) -> Iterator[str]:
    claims = set(_claims(evidence))
    for run in evidence.account.began:
        if (run.job_id, run.attempt) not in claims:
            yield f"begun without a claim: {run}"


def completed_jobs_ran_and_kept_their_result(evidence: Evidence) -> Iterator[str]:
    """The one that the attempt itself wrote down before it returned."""
    results = {(run.job_id, run.attempt): run.result for run in evidence.account.ended}
    for row in evidence.rows:
        if row.status == "COMPLETED" and (row.result is None or results.get((row.id, row.attempt)) != row.result):
            yield f"{row} has a result that its attempt did not write: {results.get((row.id, row.attempt))}"


def failed_jobs_had_a_reason(evidence: Evidence) -> Iterator[str]:
    """Their own failures, workers that died with them, or jobs that they depend on."""
    for row in evidence.rows:
        if row.status != "FAILED" or row.crashes >= MOST_CRASHES or _failed_with(row) & evidence.ended_badly:
            continue
        if row.job_type not in FAILS_BY_ITSELF or row.failures < row.max_attempts:
            yield f"failed without a reason: {row}"


def _failed_with(row: Row) -> set[UUID]:
    """The job that it names as its reason, where it is one that it depends on."""
    return {
        each for each in row.depends_on or [] if row.error and row.error.startswith(f"job {each}, on which it depends")
    }


def nothing_goes_before_what_it_depends_on(evidence: Evidence) -> Iterator[str]:
    rows = {row.id: row for row in evidence.rows}
    ends: defaultdict[UUID, set[str | None]] = defaultdict(set)
    for change in evidence.changes:
        if change.status in FINAL:
            ends[change.id].add(change.status)
        if (change.status_was, change.status) == ("BLOCKED", "QUEUED") and change.id in rows:
            yield from _too_early(change, rows[change.id], ends)


def _too_early(release: Change, row: Row, ends: Mapping[UUID, set[str | None]]) -> Iterator[str]:
    enough = FINAL if row.runs_anyway else {"COMPLETED"}
    for other in row.depends_on or []:
        if not ends.get(other, set()) & enough:
            yield f"{release} came before the end of {other}"


def cancelled_jobs_were_asked_to_end(evidence: Evidence) -> Iterator[str]:
    """And those that were asked to end did, whatever their handlers said."""
    rows = {row.id: row for row in evidence.rows}
    for row in evidence.rows:
        if row.is_cancel_requested != (row.status == "CANCELLED"):
            yield f"asked to end or not, it ended otherwise: {row}"
    for job_id, answer in evidence.account.cancelled.items():
        found = rows.get(job_id)
        if found is None or (job_id not in evidence.revived and found.status != "CANCELLED"):
            yield f"the cancel of {job_id} was answered with {answer}, and yet: {found}"


def no_more_run_than_their_queue_allows(evidence: Evidence) -> Iterator[str]:
    """At each claim: how many of the queue, and of the job's key, have leases that go on."""
    leased: dict[UUID, Change] = {}
    for change in evidence.changes:
        if change.queue != narrow.QUEUE:
            continue
        if change.status == "RUNNING":
            leased[change.id] = change
        else:
            leased.pop(change.id, None)
        if change.status == "RUNNING" and change.attempt != change.attempt_was:
            yield from _beyond_limits(change, _living(leased.values(), change.at))


def _living(leases: Iterable[Change], at: datetime | None) -> list[Change]:
    return [lease for lease in leases if at and lease.lease_expires_at and lease.lease_expires_at > at]


def _beyond_limits(claim: Change, living: Sequence[Change]) -> Iterator[str]:
    if len(living) > narrow.MAX_RUNNING:
        yield f"{len(living)} run in a queue that allows {narrow.MAX_RUNNING}: {claim}"
    key = claim.concurrency_key
    if key and sum(lease.concurrency_key == key for lease in living) > narrow.MAX_RUNNING_PER_KEY:
        yield f"more than {narrow.MAX_RUNNING_PER_KEY} of a key run: {claim}"


RULES: tuple[Callable[[Evidence], Iterable[str]], ...] = (
    every_job_is_final,
    what_was_acknowledged_exists_once,
    every_move_is_legal,
    every_life_has_one_outcome,
    rows_are_what_their_changes_made_them,
    no_attempt_is_claimed_twice,
    no_attempt_is_begun_twice,
    nothing_runs_that_was_not_claimed,
    completed_jobs_ran_and_kept_their_result,
    failed_jobs_had_a_reason,
    nothing_goes_before_what_it_depends_on,
    cancelled_jobs_were_asked_to_end,
    no_more_run_than_their_queue_allows,
)


def _claims(evidence: Evidence) -> Iterator[tuple[UUID, int]]:
    for change in evidence.changes:
        if change.status == "RUNNING" and change.attempt != change.attempt_was and change.attempt is not None:
            yield change.id, change.attempt
