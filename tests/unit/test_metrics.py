from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chalicelib import metrics
from chalicelib.figures import UNFINISHED, Depth, RetentionFigures, ScheduleFigures, Total
from chalicelib.histograms import counted
from chalicelib.metrics import Figures
from chalicelib.queue_settings import QueueSettings, Rate

TOTAL = Total("a", "csv", 5, 2, 3, 1, 7.5, 2.5, counted([0.5, 7.0]), counted([0.001, 0.002, 0.9, 1.597]))

ORDER = ("queue", "job_type", "status", "outcome", "form", "table", "le", "state")


def samples(**figures: Any) -> dict[tuple[str, ...], float]:
    told = metrics.text(Figures(**{"depths": {}, "totals": [], "workers": None, "connections": None, **figures}))
    return {
        (sample.name, *(sample.labels[name] for name in ORDER if name in sample.labels)): sample.value
        for family in text_string_to_metric_families(told)
        for sample in family.samples
        if "schedules" in figures or "_schedule" not in sample.name
    }


def test_what_there_is_now_is_told_by_queue_and_status() -> None:
    found = samples(depths={"a": Depth({"QUEUED": 3, "RUNNING": 1}, 12.5), "b": Depth({"SCHEDULED": 2}, None)})

    counts = {("a", "QUEUED"): 3, ("a", "RUNNING"): 1, ("b", "SCHEDULED"): 2}
    jobs = {("jobscheduler_jobs", *each): counts.get(each, 0) for each in product("ab", UNFINISHED)}
    assert found == jobs | {
        ("jobscheduler_queue_oldest_age_seconds", "a"): 12.5,
        ("jobscheduler_queue_oldest_age_seconds", "b"): 0,
    }


def test_what_is_set_of_queues_is_told_and_no_limit_is_no_sample() -> None:
    limited = QueueSettings(
        name="a",
        paused=True,
        max_running=5,
        rate_limit=Rate(jobs=90, per_seconds=60),
        max_running_per_key=0,
        rate_limit_per_key=Rate(jobs=2),
        weight=3.0,
    )

    found = samples(settings=[limited, QueueSettings(name="b")])

    assert found == {
        ("jobscheduler_queue_paused", "a"): 1,
        ("jobscheduler_queue_paused", "b"): 0,
        ("jobscheduler_queue_max_running", "a"): 5,
        ("jobscheduler_queue_rate_limit_per_second", "a"): 1.5,
        ("jobscheduler_queue_max_running_per_key", "a"): 0,
        ("jobscheduler_queue_key_rate_limit_per_second", "a"): 2,
        ("jobscheduler_queue_weight", "a"): 3,
        ("jobscheduler_queue_weight", "b"): 1,
    }


def test_what_was_done_is_told_by_queue_job_type_and_outcome() -> None:
    found = samples(totals=[TOTAL])

    assert {outcome: found["jobscheduler_jobs_finished_total", "a", "csv", outcome] for outcome in OUTCOMES} == OUTCOMES
    assert found["jobscheduler_attempts_retried_total", "a", "csv"] == 3


OUTCOMES = {"completed": 5, "failed": 2, "cancelled": 1}


@pytest.mark.parametrize(("bound", "count"), [("0.001", 1), ("0.004", 2), ("1.024", 3), ("4.096", 4), ("+Inf", 4)])
def test_run_times_are_told_in_coarse_buckets(bound: str, count: int) -> None:
    found = samples(totals=[TOTAL])

    assert found["jobscheduler_job_run_seconds_bucket", "a", "csv", bound] == count
    assert found["jobscheduler_job_run_seconds_count", "a", "csv"] == 4
    assert found["jobscheduler_job_run_seconds_sum", "a", "csv"] == 2.5
    assert sum(name == "jobscheduler_job_wait_seconds_bucket" for name, *_ in found) == 15


def test_workers_and_connections_are_told_where_they_are_known() -> None:
    found = samples(workers={"container": 2, "lambda": 0}, connections=7)

    assert found == {
        ("jobscheduler_workers", "container"): 2,
        ("jobscheduler_workers", "lambda"): 0,
        ("jobscheduler_websocket_connections",): 7,
    }


def test_what_went_and_what_is_due_to_go_is_told() -> None:
    kept = RetentionFigures(pruned={"COMPLETED": 7, "FAILED": 0}, behind_seconds=90.5, partitions={"jobs": 41})

    assert samples(retention=kept) == {
        ("jobscheduler_jobs_pruned_total", "COMPLETED"): 7,
        ("jobscheduler_jobs_pruned_total", "FAILED"): 0,
        ("jobscheduler_partitions", "jobs"): 41,
        ("jobscheduler_retention_behind_seconds",): 90.5,
    }


def test_schedules_are_told_by_state_and_how_late_the_latest_is() -> None:
    found = samples(schedules=ScheduleFigures({"active": 3, "paused": 1, "ended": 0}, 2.5))

    assert found == {
        ("jobscheduler_schedules", "active"): 3,
        ("jobscheduler_schedules", "paused"): 1,
        ("jobscheduler_schedules", "ended"): 0,
        ("jobscheduler_schedule_lateness_seconds",): 2.5,
    }


def test_names_are_escaped() -> None:
    assert samples(depths={'a"\\\n': Depth({"QUEUED": 1}, None)})["jobscheduler_jobs", 'a"\\\n', "QUEUED"] == 1
