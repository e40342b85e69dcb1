"""What must hold of the workers that come and go, and of what a person hears. Both look at metrics that the worker tells."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

from chalicelib import emf
from chalicelib.emf import Ran
from chalicelib.figures import Depth
from infra.aws import costs
from tests.deployment.templates import ROOT, Value, resource, resources, template

STAGE = {"Ref": "Stage"}


def test_a_task_gives_back_its_jobs_before_it_is_killed() -> None:
    (container,) = resource("service", "Task")["ContainerDefinitions"]
    command = container["Command"]

    assert int(command[command.index("--grace") + 1]) < container["StopTimeout"] <= 120  # seconds, Fargate's limit
    assert {"Name": "STAGE", "Value": STAGE} in container["Environment"]


def test_a_task_says_what_the_images_program_understands() -> None:
    """What stands here comes behind the image's ENTRYPOINT."""
    (container,) = resource("service", "Task")["ContainerDefinitions"]
    image = (ROOT / "infra" / "images" / "Dockerfile").read_text().partition(" AS worker\n")[2].partition("\nFROM ")[0]
    (entry,) = re.findall(r"^ENTRYPOINT (.*)$", image, re.MULTILINE)
    program = [sys.executable, *json.loads(entry)[1:]]

    said = subprocess.run([*program, "--help"], cwd=ROOT, text=True, capture_output=True, check=True, timeout=60).stdout

    assert [option for option in container["Command"][::2] if option not in said] == []


def alarms() -> dict[str, Value]:
    return {
        logical_id: found["Properties"]
        for name, logical_id, found in resources("AWS::CloudWatch::Alarm")
        if name == "alarms"
    }


WATCHED = {  # what each alarm looks at
    "JobsWait": "OldestAge",
    "NobodyLooks": "OldestAge",
    "JobsFail": "FailedLastMinute",
    "CallsLost": "ApproximateNumberOfMessagesVisible",
    "FaultsLogged": "Faults",
    "ApiErrors": "Errors",
    "ApiThrottles": "Throttles",
    "TickErrors": "Errors",
    "TickThrottles": "Throttles",
    "RunErrors": "Errors",
    "RunThrottles": "Throttles",
    "ConnectErrors": "Errors",
    "ConnectThrottles": "Throttles",
    "MessageErrors": "Errors",
    "MessageThrottles": "Throttles",
    "DisconnectErrors": "Errors",
    "DisconnectThrottles": "Throttles",
    "Concurrency": "ConcurrentExecutions",
    "DatabaseConnections": "DatabaseConnections",
    "DatabaseBusy": "CPUUtilization",
    "DatabaseDisk": "FreeStorageSpace",
    "CacheMemory": "DatabaseMemoryUsagePercentage",
    "CacheBusy": "EngineCPUUtilization",
}


def test_whatever_can_go_wrong_has_an_alarm_that_somebody_hears() -> None:
    found = alarms()

    assert {key: alarm["MetricName"] for key, alarm in found.items()} == WATCHED
    for alarm in found.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Topic"}]
        assert len(alarm["AlarmDescription"]) > 20
    assert found["NobodyLooks"]["TreatMissingData"] == "breaching"


def ours() -> dict[str, set[tuple[str, ...]]]:
    """The metrics that the worker tells, and by which dimensions."""
    now = datetime.now(UTC)
    lines = [*emf.standing(now, "prod", {"a": Depth({}, None)}, 0), emf.running(now, "prod", Ran(0, 0, 0))]
    told: dict[str, set[tuple[str, ...]]] = {}
    for line in lines:
        (directive,) = json.loads(json.dumps(line))["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "JobScheduler"
        for metric in directive["Metrics"]:
            told.setdefault(metric["Name"], set()).add(tuple(directive["Dimensions"][0]))
    return told


def test_alarms_and_scaling_look_at_metrics_that_the_worker_tells() -> None:
    looked_at = [
        found["Properties"]
        for _, _, found in resources("AWS::CloudWatch::Alarm")
        if found["Properties"].get("Namespace") == "JobScheduler"
    ]

    assert len(looked_at) == 5
    for alarm in looked_at:
        assert alarm["Dimensions"] == [{"Name": "Stage", "Value": STAGE}]
        assert ("Stage",) in ours()[alarm["MetricName"]]


def test_workers_are_added_by_age_and_taken_away_when_it_is_quiet() -> None:
    more, fewer = resource("service", "TooOld"), resource("service", "YoungEnough")

    assert (more["MetricName"], more["Threshold"]) == ("OldestAge", {"Ref": "TargetAgeSeconds"})
    assert more["AlarmActions"] == [{"Ref": "MoreTasks"}]
    assert fewer["AlarmActions"] == [{"Ref": "FewerTasks"}]
    assert more["TreatMissingData"] == fewer["TreatMissingData"] == "ignore"
    steps = resource("service", "MoreTasks")["StepScalingPolicyConfiguration"]["StepAdjustments"]
    ends = [step.get("MetricIntervalUpperBound") for step in steps]
    assert [step["MetricIntervalLowerBound"] for step in steps] == [0, *ends[:-1]]  # without gaps, from none on
    assert ends[-1] is None
    assert template("service")["Parameters"]["MinTasks"]["MinValue"] == 0
    assert "DesiredCount" not in resource("service", "Service")  # an update would undo the scaling


def graphs() -> list[Value]:
    given = {"Stage": "prod", "AWS::Region": "r", "ApiFunctionName": "api", "Tick": "tick", "Run": "run"}
    given |= {"DatabaseDimension": "D", "DatabaseId": "d", "CacheId": "c", "LostCallsName": "q"}
    body, own = resource("alarms", "Graphs")["DashboardBody"]["Fn::Sub"]
    assert set(own) == {"Tick", "Run"}
    widgets: list[Value] = json.loads(re.sub(r"\$\{(.+?)\}", lambda found: given[found[1]], body))["widgets"]
    return widgets


def test_the_graphs_show_what_the_alarms_are_about() -> None:
    shown: set[Any] = {metric[1] for widget in graphs() for metric in widget["properties"]["metrics"]}

    assert shown >= set(WATCHED.values()) - {"FreeStorageSpace", "EngineCPUUtilization"}
    for widget in graphs():
        for namespace, name, *dimensions in widget["properties"]["metrics"]:
            if namespace == "JobScheduler":
                assert dimensions[:2] == ["Stage", "prod"]
                assert ("Stage",) in ours()[name]


def test_what_is_logged_as_a_fault_is_counted_for_each_that_logs() -> None:
    filters = [found["Properties"] for _, _, found in resources("AWS::Logs::MetricFilter")]

    assert len(filters) == 7  # the API, three of WebSockets, tick, run, tasks
    assert {one["FilterPattern"] for one in filters} == {'{ $.level = "ERROR" }'}
    (alarm,) = [one for one in alarms().values() if one["MetricName"] == "Faults"]
    for one in filters:
        (counted,) = one["MetricTransformations"]
        assert (counted["MetricNamespace"], counted["MetricName"]) == (alarm["Namespace"], alarm["MetricName"])


def test_no_alarm_and_no_metric_is_missing_in_the_sum_of_costs() -> None:
    stacks = [name for name, _, _ in resources("AWS::CloudWatch::Alarm")]
    told = [dimensions for ways in ours().values() for dimensions in ways]

    assert (stacks.count("alarms"), stacks.count("service")) == (costs.ALARMS, costs.TASKS_ALARMS)
    assert len(stacks) == costs.ALARMS + costs.TASKS_ALARMS
    assert told.count(("Stage",)) + 1 == costs.METRICS  # Faults, which filters count
    assert told.count(("Stage", "Queue")) == costs.METRICS_A_QUEUE
