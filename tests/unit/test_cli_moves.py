from __future__ import annotations

import pytest

from tests.command import JOB_ID, Jobs, a_job, breaks_off, refuses, says


@pytest.fixture
def three_steps(jobs: Jobs) -> Jobs:
    """2,500 jobs are found, in three calls; then moved, in three calls."""
    steps = [{"count": 1_000, "cursor": "a"}, {"count": 1_000, "cursor": "b"}, {"count": 500, "cursor": None}]
    for path in ("/jobs/cancel", "/jobs/revive"):
        jobs.answers(path, *(says(step) for step in [*steps, *steps]))
    return jobs


def test_jobs_are_moved_one_by_one_the_oldest_first_and_a_refusal_stops_no_other(jobs: Jobs) -> None:
    jobs.answers("/jobs/a/cancel", says(a_job("CANCELLED", id="a")))
    jobs.answers("/jobs/b/cancel", refuses(409, "illegal_move", "cannot cancel job b: it is COMPLETED"))
    jobs.answers("/jobs/c/cancel", says(a_job("RUNNING", id="c", cancel_requested_at="2026-01-01T00:00:00.000Z")))

    ran = jobs("cancel", "c", "a", "b")

    assert ran.status == 4
    assert ran.out.splitlines() == ["a  CANCELLED", "c  RUNNING  asked to stop"]
    assert ran.err == "b: cannot cancel job b: it is COMPLETED (HTTP 409)\n"


def test_a_revived_job_is_one_document(jobs: Jobs) -> None:
    jobs.answers(f"/jobs/{JOB_ID}/revive", says(a_job()))

    assert [job["status"] for job in jobs("revive", JOB_ID, "--json").document] == ["QUEUED"]


def test_a_dry_run_counts_over_all_cursors_and_moves_nothing(three_steps: Jobs) -> None:
    ran = three_steps("cancel", "--queue", "mail", "--status", "QUEUED", "--dry-run")

    assert ran.out == "2,500 jobs would be cancelled\n"
    asked = {"queue": "mail", "status": "QUEUED", "dry_run": True}
    assert three_steps.bodies == [asked, {**asked, "cursor": "a"}, {**asked, "cursor": "b"}]


def test_what_a_filter_finds_is_counted_then_moved_until_no_cursor_is_left(three_steps: Jobs) -> None:
    ran = three_steps("revive", "--type", "echo", "--yes", "--json")

    assert ran.document == {"count": 2_500, "dry_run": False}
    assert three_steps.bodies[3:] == [
        {"job_type": "echo"},
        {"job_type": "echo", "cursor": "a"},
        {"job_type": "echo", "cursor": "b"},
    ]


def test_without_a_terminal_and_without_yes_nothing_is_moved(three_steps: Jobs) -> None:
    ran = three_steps("cancel", "--tag", "old")

    assert ran.status == 2
    assert "Cancel 2,500 jobs? Say so with --yes" in " ".join(ran.err.replace("│", " ").split())
    assert all(body["dry_run"] for body in three_steps.bodies)


@pytest.mark.parametrize(("said", "status", "calls"), [("y\n", 0, 6), ("n\n", 130, 3), ("\n", 130, 3), ("", 130, 3)])
def test_a_person_is_asked(three_steps: Jobs, said: str, status: int, calls: int) -> None:
    ran = three_steps("cancel", "--tag", "old", stdin=said.encode(), is_terminal=True)

    assert (ran.status, len(three_steps.requests)) == (status, calls)
    assert "Cancel 2,500 jobs?" in ran.err


def test_nothing_found_is_nothing_asked(jobs: Jobs) -> None:
    jobs.answers("/jobs/revive", says({"count": 0, "cursor": None}))

    assert jobs("revive", "--status", "failed").out == "0 jobs revived\n"
    assert len(jobs.requests) == 1


def test_a_queue_is_moved_into_another(three_steps: Jobs) -> None:
    steps = [{"count": 1_000, "cursor": "a"}, {"count": 200, "cursor": None}]
    three_steps.answers("/jobs/move", *map(says, [*steps, *steps]))

    ran = three_steps("move", "--queue", "mail", "--to", "slow", stdin=b"y\n", is_terminal=True)

    assert (ran.status, ran.out.strip()) == (0, "1,200 jobs moved")
    assert "Move 1,200 jobs?" in ran.err
    asked = {"queue": "mail", "to": "slow"}
    assert three_steps.bodies[2:] == [asked, {**asked, "cursor": "a"}]


def test_jobs_are_moved_by_name_without_a_question(jobs: Jobs) -> None:
    jobs.answers("/jobs/move", says({"count": 1, "cursor": None}))

    assert jobs("move", "a", "b", "--to", "slow").out == "1 jobs moved\n"
    assert jobs.bodies == [{"ids": ["a", "b"], "to": "slow", "dry_run": True}, {"ids": ["a", "b"], "to": "slow"}]


def test_a_move_without_a_goal_is_none(jobs: Jobs) -> None:
    assert jobs("move", "--queue", "mail").status == 2
    assert jobs.requests == []


@pytest.mark.parametrize("command", [["cancel"], ["move", "--to", "slow"]])
@pytest.mark.parametrize("words", [[], ["x", "--queue", "mail"], ["x", "--dry-run"]])
def test_it_is_ids_or_filters(jobs: Jobs, command: list[str], words: list[str]) -> None:
    assert jobs(*command, *words).status == 2
    assert jobs.requests == []


def test_a_step_of_a_cancel_may_be_repeated_and_a_revive_may_not(jobs: Jobs) -> None:
    counted, done = says({"count": 1, "cursor": None}), says({"count": 1, "cursor": None})
    for move in ("cancel", "revive"):
        jobs.answers(f"/jobs/{move}", counted, breaks_off, done)

    assert jobs("cancel", "--queue", "mail", "--yes").status == 0
    ran = jobs("revive", "--queue", "mail", "--yes")

    assert ran.status == 4
    assert "stopped after 0 of 1" in ran.err
    assert len(jobs.requests) == 3 + 2
