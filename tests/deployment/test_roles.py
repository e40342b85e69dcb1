"""What roles may do: what their code does, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.deployment.templates import NAMES, Value, each, resources, template

NAMELESS = {  # actions that AWS knows no resources for, or that are asked before the resource is there
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "ecr:GetAuthorizationToken",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


def statements() -> Iterator[tuple[str, Value]]:
    """Every statement of a policy that a role has, and where it is."""
    for name in NAMES:
        for logical_id, found in template(name)["Resources"].items():
            properties = found["Properties"]
            documents = [policy["PolicyDocument"] for policy in each(properties.get("Policies", []))]
            if found["Type"] == "AWS::IAM::ManagedPolicy":
                documents.append(properties["PolicyDocument"])
            for document in documents:
                for statement in each(document["Statement"]):
                    yield f"{name}.{logical_id}", statement


def test_no_role_may_do_something_to_everything_that_could_be_named() -> None:
    for where, statement in statements():
        actions = set(each(statement["Action"]))
        assert not [action for action in actions if "*" in action], where
        if "*" in each(statement["Resource"]):
            assert actions <= NAMELESS, f"{where}: {sorted(actions - NAMELESS)} on everything"


def test_every_name_in_a_statement_is_of_this_account_and_stage() -> None:
    composed = [named["Fn::Sub"] for _, s in statements() for named in each(s["Resource"]) if set(named) == {"Fn::Sub"}]

    assert len(composed) >= 6
    for name in composed:
        assert ":${AWS::Region}:${AWS::AccountId}:" in name
        assert "${Stage}" in name or "${WebsocketApiId}" in name


def test_functions_may_read_three_secrets_and_no_more() -> None:
    read = [s["Resource"] for _, s in statements() if "secretsmanager:GetSecretValue" in each(s["Action"])]

    assert len(read) == 3  # functions, tasks, and the proxy
    for named in read:
        for one in each(named):
            is_given = one.get("Ref") in {"DatabaseSecretArn", "CacheSecretArn", "SettingsSecretArn"}
            is_settings = str(one.get("Fn::Sub")).endswith(":secret:job-scheduler/${Stage}-??????")
            assert is_given or is_settings or "MasterUserSecret.SecretArn" in json.dumps(one).replace('", "', ".")


def test_only_lambda_itself_uses_what_a_place_in_the_vpc_takes() -> None:
    allowed, denied = (
        next(s for _, s in statements() if s.get("Sid") == sid) for sid in ("EnterTheVpc", "ButNotFromCode")
    )

    assert denied["Effect"] == "Deny"
    assert denied["Action"] == allowed["Action"]
    assert list(denied["Condition"]["ArnLike"]) == ["lambda:SourceFunctionArn"]


def test_a_role_can_be_taken_by_its_service_alone() -> None:
    for name, logical_id, found in resources("AWS::IAM::Role"):
        (statement,) = found["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        services = {"roles": "lambda.amazonaws.com", "service": "ecs-tasks.amazonaws.com", "data": "rds.amazonaws.com"}
        assert statement["Principal"] == {"Service": services[name]}, logical_id
