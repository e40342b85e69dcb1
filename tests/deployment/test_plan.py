"""What ``make deploy`` says before it asks, on stacks in whatever state. The client refuses what CloudFormation would refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.backends import get_backend

from infra.aws.stacks import Stack
from infra.aws.stage import Stage
from infra.aws.up import Up
from infra.local.steps import StepFailed
from tests.deployment.templates import with_one_queue

ACCOUNT = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}
CHANGEABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")


@pytest.fixture
def planned(stage: Stage, tmp_path: Path) -> Stage:
    """Whose network is there, and would change. Its template is small, as moto has to make it."""
    for template in stage.templates.glob("*.yaml"):
        (tmp_path / template.name).write_text(template.read_text())
    own = Stage(stage.name, stage.region, stage.account, stage.identity, tmp_path, stage.home)
    (tmp_path / "network.yaml").write_text(with_one_queue("network"))
    Stack(own, "network").put({"Stage": "prod"})
    (tmp_path / "network.yaml").write_text(with_one_queue("network") + "  Other: {Type: 'AWS::SQS::Queue'}\n")
    own.client("lambda").get_account_settings = lambda: {"AccountLimit": ACCOUNT}
    own.client("cloudformation").meta.events.register("provide-client-params.cloudformation.CreateChangeSet", refuse)
    return own


def refuse(params: dict[str, Any], **_: object) -> None:
    """As CloudFormation does; moto makes a change set in any state."""
    if params["ChangeSetType"] == "UPDATE" and (stack := network(params["StackName"])).status not in CHANGEABLE:
        problem = f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated."
        raise ClientError({"Error": {"Code": "ValidationError", "Message": problem}}, "CreateChangeSet")


def network(name: str = "job-scheduler-prod-network") -> Any:
    backend: Any = get_backend("cloudformation")["123456789012"]["eu-central-1"]
    return next(stack for stack in backend.stacks.values() if stack.name == name)


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        ("UPDATE_COMPLETE", "changes"),
        ("ROLLBACK_COMPLETE", "is made anew"),
        ("ROLLBACK_FAILED", "is made anew"),
        ("CREATE_FAILED", "is made anew"),
        ("CREATE_IN_PROGRESS", "is being changed"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "is being changed"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "is being changed"),
        ("DELETE_IN_PROGRESS", "is being changed"),
        ("REVIEW_IN_PROGRESS", "is made: up to"),
    ],
)
def test_a_plan_knows_what_becomes_of_a_stack_in_whatever_state_it_was_left(
    planned: Stage, capsys: pytest.CaptureFixture[str], status: str, fate: str
) -> None:
    network().status = status

    Up(planned, {}).plan()

    assert f"job-scheduler-prod-network {fate}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "advice"), [("DELETE_FAILED", "make destroy"), ("UPDATE_ROLLBACK_FAILED", "Continue its rollback")]
)
def test_a_plan_says_how_a_stack_gets_unstuck(planned: Stage, status: str, advice: str) -> None:
    network().status = status

    with pytest.raises(StepFailed) as failed:
        Up(planned, {}).plan()
    assert advice in failed.value.advice


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_IN_PROGRESS", "REVIEW_IN_PROGRESS"])
def test_a_database_that_was_never_made_whole_is_not_protected_while_it_is_made(
    planned: Stage, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    (planned.templates / "data.yaml").write_text(with_one_queue("data"))
    Stack(planned, "data").put(
        {"Stage": "prod", "VpcId": "vpc-1", "SubnetIds": "subnet-1", "ClientSecurityGroupId": "sg-1"}
    )
    network("job-scheduler-prod-data").status = status
    up, wishes = Up(planned, {}), list[str]()
    monkeypatch.setattr(up, "_stack", lambda _, **more: wishes.append(more["DeletionProtection"]))

    up._data()

    assert wishes == ["false", "true"]
