"""The verdict can fail: each rule, on a history in which one thing is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.chaos import narrow, verdict
from tests.chaos.history import Change, Row
from tests.chaos.ledger import Account, Run
from tests.chaos.verdict import Evidence, judge

DONE, DOOMED, DROPPED, TIED, LOST, LATE = (UUID(int=n) for n in (1, 2, 3, 4, 5, 9))


def a_good_run() -> Evidence:
    """One job that was run twice, one that failed and was revived, one that was cancelled; one that ran after the first, and
    one that failed with the second."""
    reason = f"job {DOOMED}, on which it depends, failed"
    return Evidence(
        rows=[
            a_row(DONE, "quick", "COMPLETED", attempt=2, version=4, crashes=1, result="done"),
            a_row(DOOMED, "doomed", "FAILED", attempt=2, version=6, failures=2, max_attempts=2),
            a_row(DROPPED, "sleepy", "CANCELLED", attempt=1, version=4, is_cancel_requested=True),
            a_row(TIED, "quick", "COMPLETED", attempt=1, version=4, result="after", depends_on=[DONE]),
            a_row(
                LOST,
                "quick",
                "FAILED",
                attempt=0,
                version=2,
                depends_on=[DOOMED],
                error=reason,
            ),
        ],
        changes=[
            *a_life(DONE, "INSERT QUEUED 0 1", "QUEUED RUNNING 1 2", "RUNNING RUNNING 2 3", "RUNNING COMPLETED 2 4"),
            *a_life(DOOMED, "INSERT QUEUED 0 1", "QUEUED RUNNING 1 2", "RUNNING FAILED 1 3"),
            *a_life(DOOMED, "FAILED QUEUED 1 4", "QUEUED RUNNING 2 5", "RUNNING FAILED 2 6", attempt=1, version=3),
            *a_life(DROPPED, "INSERT QUEUED 0 1", "QUEUED RUNNING 1 2", "RUNNING RUNNING 1 3", "RUNNING CANCELLED 1 4"),
            *a_life(TIED, "INSERT QUEUED 0 1", "QUEUED BLOCKED 0 1", "BLOCKED QUEUED 0 2", "QUEUED RUNNING 1 3"),
            *a_life(TIED, "RUNNING COMPLETED 1 4", attempt=1, version=3),
            *a_life(LOST, "INSERT QUEUED 0 1", "QUEUED BLOCKED 0 1", "BLOCKED FAILED 0 2"),
        ],
        account=Account(
            began=[
                a_run(DONE, 1),
                a_run(DONE, 2),
                a_run(DOOMED, 1),
                a_run(DOOMED, 2),
                a_run(DROPPED, 1),
                a_run(TIED, 1),
            ],
            ended=[a_run(DONE, 1, "lost"), a_run(DONE, 2, "done"), a_run(TIED, 1, "after")],
            told={"serial-1": DONE, "serial-2": DOOMED},
            asked={f"serial-{n}" for n in (1, 2, 3, 4, 5)},
            cancelled={DROPPED: "RUNNING"},
            deaths=[],
        ),
    )


def a_row(job_id: UUID, job_type: str, status: str, **fields: Any) -> Row:
    row = Row(job_id, job_type, status, 1, 1, 3, 0, 0, False, [f"serial-{job_id.int}"], None, None)
    return row._replace(**fields)


def a_life(job_id: UUID, *moves: str, attempt: int = 0, version: int = 1) -> list[Change]:
    """moves: from (INSERT: nothing), to, attempt and version thereafter. attempt, version: before."""
    changes = []
    for move in moves:
        status_was, status, attempt_then, version_then = move.split()
        is_new = status_was == "INSERT"
        changes.append(
            Change(
                id=job_id,
                operation="INSERT" if is_new else "UPDATE",
                status_was=None if is_new else status_was,
                status=status,
                attempt_was=None if is_new else attempt,
                attempt=int(attempt_then),
                version_was=None if is_new else version,
                version=int(version_then),
                lease_was_over=True if status_was == "RUNNING" else None,
            )
        )
        attempt, version = int(attempt_then), int(version_then)
    return changes


def claims(*keys: str, lasting: float = 60.0) -> list[Change]:
    """Of jobs of the narrow queue, one after the other. lasting: seconds, until each lease is over."""
    claimed = []
    for number, key in enumerate(keys):
        at = datetime(2026, 11, 25, 12, 0, number, tzinfo=UTC)
        leased_until = at + timedelta(seconds=lasting)
        (change,) = a_life(UUID(int=10 + number), "QUEUED RUNNING 1 2")
        claimed.append(change._replace(queue=narrow.QUEUE, concurrency_key=key, lease_expires_at=leased_until, at=at))
    return claimed


def a_run(job_id: UUID, attempt: int, result: str = "") -> Run:
    return Run(job_id=job_id, attempt=attempt, pid=1, result=result)


def with_row(evidence: Evidence, job_id: UUID, **fields: Any) -> Evidence:
    return replace(evidence, rows=[row._replace(**fields) if row.id == job_id else row for row in evidence.rows])


def with_change(evidence: Evidence, number: int, **fields: Any) -> Evidence:
    changes = [*evidence.changes]
    changes[number] = changes[number]._replace(**fields)
    return replace(evidence, changes=changes)


def with_more(evidence: Evidence, *changes: Change) -> Evidence:
    return replace(evidence, changes=[*evidence.changes, *changes])


def with_account(evidence: Evidence, **fields: Any) -> Evidence:
    return replace(evidence, account=replace(evidence.account, **fields))


def test_a_good_run_is_not_complained_about() -> None:
    assert judge(a_good_run()) == []


def test_a_lease_that_is_over_holds_no_slot() -> None:
    several = with_more(a_good_run(), *claims("a", "a", "a", "a", lasting=0.5))

    assert list(verdict.no_more_run_than_their_queue_allows(several)) == []


Tampering = Callable[[Evidence], Evidence]

WRONG: list[tuple[Callable[[Evidence], object], Tampering]] = [
    (verdict.every_job_is_final, lambda good: with_row(good, DONE, status="QUEUED")),
    (verdict.what_was_acknowledged_exists_once, lambda good: replace(good, rows=good.rows[1:])),
    (verdict.what_was_acknowledged_exists_once, lambda good: with_row(good, DOOMED, tags=["serial-1"])),
    (verdict.what_was_acknowledged_exists_once, lambda good: with_row(good, DROPPED, tags=["nobody asked"])),
    (
        verdict.every_move_is_legal,
        lambda good: with_more(good, *a_life(DONE, "COMPLETED QUEUED 2 5", attempt=2, version=4)),
    ),
    (
        verdict.every_move_is_legal,
        lambda good: with_more(good, *a_life(DONE, "COMPLETED COMPLETED 2 5", attempt=2, version=4)),
    ),
    (verdict.every_move_is_legal, lambda good: with_change(good, 2, lease_was_over=False)),
    (verdict.every_move_is_legal, lambda good: with_change(good, 3, attempt=1)),
    (verdict.every_move_is_legal, lambda good: with_change(good, 3, version=3)),
    (verdict.every_move_is_legal, lambda good: with_change(good, 1, operation="DELETE", status=None)),
    (verdict.every_life_has_one_outcome, lambda good: replace(good, changes=good.changes[:-1])),
    (verdict.every_life_has_one_outcome, lambda good: with_more(good, good.changes[3])),
    (verdict.rows_are_what_their_changes_made_them, lambda good: with_row(good, DONE, attempt=1)),
    (verdict.rows_are_what_their_changes_made_them, lambda good: replace(good, rows=good.rows[:-1])),
    (verdict.no_attempt_is_claimed_twice, lambda good: with_more(good, good.changes[1])),
    (verdict.no_attempt_is_begun_twice, lambda good: with_account(good, began=[*good.account.began, a_run(DONE, 2)])),
    (verdict.nothing_runs_that_was_not_claimed, lambda good: with_account(good, began=[a_run(DONE, 3)])),
    (verdict.completed_jobs_ran_and_kept_their_result, lambda good: with_row(good, DONE, result="lost")),
    (verdict.completed_jobs_ran_and_kept_their_result, lambda good: with_account(good, ended=[])),
    (verdict.failed_jobs_had_a_reason, lambda good: with_row(good, DOOMED, failures=1)),
    (verdict.failed_jobs_had_a_reason, lambda good: with_row(good, DONE, status="FAILED")),
    (verdict.failed_jobs_had_a_reason, lambda good: with_row(good, LOST, depends_on=[DONE])),
    (verdict.failed_jobs_had_a_reason, lambda good: with_row(good, LOST, error=None)),
    (verdict.nothing_goes_before_what_it_depends_on, lambda good: with_row(good, TIED, depends_on=[DOOMED])),
    (
        verdict.nothing_goes_before_what_it_depends_on,
        lambda good: with_row(good, TIED, depends_on=[LATE], runs_anyway=True),
    ),
    (verdict.every_move_is_legal, lambda good: with_more(good, *a_life(DONE, "QUEUED BLOCKED 0 2"))),
    (verdict.cancelled_jobs_were_asked_to_end, lambda good: with_row(good, DROPPED, is_cancel_requested=False)),
    (verdict.cancelled_jobs_were_asked_to_end, lambda good: with_account(good, cancelled={DONE: "RUNNING"})),
    (verdict.no_more_run_than_their_queue_allows, lambda good: with_more(good, *claims("a", "b", "c", "d"))),
    (verdict.no_more_run_than_their_queue_allows, lambda good: with_more(good, *claims("a", "a"))),
]


@pytest.mark.parametrize(("rule", "tamper"), WRONG)
def test_what_is_wrong_is_found_by_its_rule(rule: Callable[[Evidence], list[str]], tamper: Tampering) -> None:
    assert list(rule(tamper(a_good_run())))


def test_every_rule_is_seen_to_fail() -> None:
    assert {rule for rule, _ in WRONG} == set(verdict.RULES)
