from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infra.aws import costs
from infra.aws.costs import MIDDLE, SMALL, monthly_at, monthly_at_rest, per_million_jobs, total

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def dollars(lines: tuple[costs.Line, ...], what: str) -> float | None:
    return next(line.dollars for line in lines if line.what == what)


def test_a_server_costs_its_hours() -> None:
    assert dollars(monthly_at_rest(SMALL), "RDS Postgres") == pytest.approx(730 * 0.032)


def test_a_second_zone_costs_the_database_again_and_its_disk() -> None:
    twice = monthly_at_rest(replace(SMALL, multi_az=True))

    assert dollars(twice, "RDS Postgres") == pytest.approx(2 * 730 * 0.032)
    assert dollars(twice, "RDS, storage") == pytest.approx(40 * 0.115)


def test_what_is_not_on_the_list_is_said_and_not_guessed() -> None:
    lines = monthly_at_rest(replace(SMALL, instance_class="db.x99.huge"))

    assert dollars(lines, "RDS Postgres") is None
    assert total(lines) == pytest.approx(total(monthly_at_rest(SMALL)) - 730 * 0.032)


def test_jobs_that_share_a_request_share_what_it_costs() -> None:
    together = per_million_jobs(replace(SMALL, jobs_a_request=100))

    assert dollars(together, "API Gateway, requests") == pytest.approx(0.035)
    assert dollars(together, "Lambda, time of the worker") == dollars(
        per_million_jobs(SMALL), "Lambda, time of the worker"
    )


def test_functions_that_are_woken_for_single_jobs_cost_more_than_their_slots_would() -> None:
    assert dollars(monthly_at(1, SMALL), "Lambda, time of the worker") == pytest.approx(
        0.5 * 1.2 * costs.SECONDS / 60_000, 1e-3
    )


def test_where_tasks_run_no_function_does() -> None:
    assert "Lambda, time of the worker" not in [
        line.what for line in (*monthly_at(100, MIDDLE), *per_million_jobs(MIDDLE))
    ]


def test_where_tasks_run_there_are_alarms_that_scale_them() -> None:
    alone = dollars(monthly_at_rest(SMALL), "CloudWatch, alarms")

    assert dollars(monthly_at_rest(replace(SMALL, tasks=1)), "CloudWatch, alarms") == pytest.approx((alone or 0) + 0.2)


def test_what_goes_outside_passes_the_nat_gateway_and_is_paid_by_the_byte() -> None:
    talkative = replace(SMALL, outside_bytes_a_job=10_000)

    assert dollars(per_million_jobs(talkative), "NAT gateway, traffic") == pytest.approx(10 * 0.045)
    assert dollars(monthly_at(1, talkative), "NAT gateway, traffic") == pytest.approx(26.28 * 0.045)
    assert "NAT gateway, traffic" not in [line.what for line in per_million_jobs(replace(SMALL, egress="endpoints"))]


def test_an_attempt_that_fails_leaves_a_line_in_the_log() -> None:
    assert dollars(per_million_jobs(SMALL), "CloudWatch, logs of the worker") == pytest.approx(0.01 * 0.207 * 0.5)


def test_the_guide_shows_these_sums() -> None:
    assert costs.tables() in GUIDE.read_text()
    assert costs.AS_OF in GUIDE.read_text()
