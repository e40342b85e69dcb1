"""Every template made into a stack by the AWS emulator, each with what those before it told; and the roles that came of it.

The emulator refuses what it does not know, so that each of these is left to cfn-lint and the tests beside this one:
- AWS::EC2::EIP, AWS::EC2::NatGateway (Egress=nat; here with endpoints)
- AWS::RDS::DBProxy, AWS::RDS::DBProxyTargetGroup (Proxy=yes)
- AWS::ApplicationAutoScaling::ScalableTarget, …::ScalingPolicy (a worker service with an image; here its repository and roles)
- MasterUserSecret.SecretArn of a database (here the text of an ARN stands in its place)
Whether AWS takes the values of properties (versions, sizes, policies of CloudFront) is not said by it: cfn-lint knows most.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deployment.templates import NAMES, template, text
from tests.running_emulator import Running

REGION, ACCOUNT = "us-east-1", "000000000000"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!db-1234-abcdef"
GIVEN = {
    "Stage": "prod",
    "Egress": "endpoints",
    "ContainerEndpoints": "yes",
    "SettingsSecretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:job-scheduler/prod-abcdef",
    "RestApiId": "rest123",
    "WebsocketApiId": "socket123",
    "ApiFunctionName": "job-scheduler-prod",
    "WorkerFunctionNames": "job-scheduler-worker-prod-tick,job-scheduler-worker-prod-run",
    "SourceObjects": "arn:aws:s3:::sources/*",
    "NotifyEmail": "somebody@example.com",
}
LACKS = {
    "network": ({"Egress": "nat"}, {"AWS::EC2::EIP", "AWS::EC2::NatGateway"}),
    "data": ({"Proxy": "yes"}, {"AWS::RDS::DBProxy", "AWS::RDS::DBProxyTargetGroup"}),
    "service": (
        {"ImageUri": "image:1"},
        {"AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy"},
    ),
}
Told = dict[str, str]


class Account:
    """What stacks are made in."""

    def __init__(self, emulator: Running) -> None:
        self.emulator = emulator
        self._cloudformation = emulator.client("cloudformation")

    def make(self, name: str, told: Told, stack: str = "") -> Told:
        """The stack's outputs, with those before it. Fails with what went wrong."""
        stack = stack or f"job-scheduler-prod-{name}"
        values = GIVEN | told | {"SubnetIds": told.get("PrivateSubnetIds", "")}
        parameters = [
            {"ParameterKey": key, "ParameterValue": values[key]}
            for key in template(name)["Parameters"]
            if key in values
        ]
        body = re.sub(r"!GetAtt (Instance|Cluster)\.MasterUserSecret\.SecretArn", SECRET, text(name))
        self._cloudformation.create_stack(
            StackName=stack, TemplateBody=body, Parameters=parameters, Capabilities=["CAPABILITY_IAM"]
        )
        made = self._ready(stack)
        assert made["StackStatus"] == "CREATE_COMPLETE", self._problems(stack)
        return told | {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}

    def role(self, stack: str, logical_id: str) -> str:
        """The ARN of one that no output tells."""
        found = self._cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
        return f"arn:aws:iam::{ACCOUNT}:role/{found['StackResourceDetail']['PhysicalResourceId']}"

    def may(self, role_arn: str, action: str, resource: str) -> bool:
        answer = self.emulator.client("iam").simulate_principal_policy(
            PolicySourceArn=role_arn, ActionNames=[action], ResourceArns=[resource]
        )
        (result,) = answer["EvaluationResults"]
        return bool(result["EvalDecision"] == "allowed")

    def _ready(self, stack: str) -> Any:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            (found,) = self._cloudformation.describe_stacks(StackName=stack)["Stacks"]
            if not found["StackStatus"].endswith("IN_PROGRESS"):
                return found
            time.sleep(0.02)
        raise AssertionError(f"{stack} is not ready")

    def _problems(self, stack: str) -> list[str]:
        events = self._cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        return [str(event.get("ResourceStatusReason")) for event in events if "FAILED" in event["ResourceStatus"]]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    running = Running(tmp_path_factory.mktemp("emulator"))
    process = running.start()
    yield Account(running)
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def told(account: Account) -> Told:
    """By all stacks together."""
    outputs: Told = {}
    for name in NAMES:
        outputs = account.make(name, outputs)
    return outputs


def test_each_stack_can_be_made_from_what_those_before_it_tell(told: Told) -> None:
    expected = {key for name in NAMES for key in template(name)["Outputs"]}

    assert set(told) == expected
    assert {key for key, value in told.items() if not value} == {"ServiceName"}  # there is no image yet
    assert len(told["PrivateSubnetIds"].split(",")) == len(told["PublicSubnetIds"].split(",")) == 2
    assert told["PreparesStatements"] == "true"
    assert told["Address"] == f"https://{told['DistributionDomainName']}"


def test_valkeys_token_is_in_its_secret_alone(account: Account, told: Told) -> None:
    secret = account.emulator.client("secretsmanager").get_secret_value(SecretId=told["CacheSecretArn"])["SecretString"]

    token = json.loads(secret)["token"]
    assert len(token) == 64
    assert not [value for value in told.values() if token in value]


def test_aurora_and_stand_bys_can_be_chosen(account: Account, told: Told) -> None:
    chosen = {"Stage": "other", "Database": "aurora", "MultiAz": "true", "CacheReplicas": "1"}

    other = account.make("data", told | chosen, "job-scheduler-other-data")

    assert (other["DatabaseId"], other["DatabaseDimension"]) == ("job-scheduler-other", "DBClusterIdentifier")
    assert other["CacheId"] == "job-scheduler-other"


def test_a_name_of_ones_own_takes_a_certificate(account: Account, told: Told) -> None:
    certificate = "arn:aws:acm:us-east-1:000000000000:certificate/1"

    with pytest.raises(ClientError, match="DomainName and CertificateArn go together"):
        account.make("edge", told | {"DomainName": "jobs.example.com"}, "job-scheduler-half-edge")
    own = {"Stage": "own", "DomainName": "jobs.example.com", "CertificateArn": certificate}
    assert account.make("edge", told | own, "job-scheduler-own-edge")["Address"] == "https://jobs.example.com"


@pytest.mark.parametrize("name", LACKS)
def test_the_emulator_lacks_what_is_named_above(account: Account, told: Told, name: str) -> None:
    chosen, lacking = LACKS[name]

    with pytest.raises(ClientError, match="Unrecognized resource types") as caught:
        account.make(name, told | chosen, f"job-scheduler-more-{name}")

    assert set(re.findall(r"AWS::\w+::\w+", str(caught.value))) == lacking


# -- what the roles may do

LAMBDA, LOGS = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group"
SOCKETS = f"arn:aws:execute-api:{REGION}:{ACCOUNT}"
READ, WRITE = "secretsmanager:GetSecretValue", "logs:PutLogEvents"
POSTS, INVOKES = "execute-api:ManageConnections", "lambda:InvokeFunction"
FRAME = f"{SOCKETS}:socket123/api/POST/@connections/c1"
ROLES = {
    "ApiRoleArn": {
        "log": "/aws/lambda/job-scheduler-prod",
        "invokes": True,
        "posts": False,
        "cuts": True,
        "reads_sources": False,
    },
    "SocketRoleArn": {
        "log": "/aws/lambda/job-scheduler-prod-websocket_message",
        "invokes": False,
        "posts": True,
        "cuts": True,
        "reads_sources": False,
    },
    "WorkerRoleArn": {
        "log": "/aws/lambda/job-scheduler-worker-prod-tick",
        "invokes": False,
        "posts": True,
        "cuts": True,
        "reads_sources": True,
    },
    "MigrateRoleArn": {
        "log": "/aws/lambda/job-scheduler-worker-prod-migrate",
        "invokes": False,
        "posts": False,
        "cuts": False,
        "reads_sources": False,
    },
}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_its_work(account: Account, told: Told, role: str) -> None:
    work: dict[str, Any] = ROLES[role]

    for secret in (told["DatabaseSecretArn"], told["CacheSecretArn"], GIVEN["SettingsSecretArn"]):
        assert account.may(told[role], READ, secret)
    assert account.may(told[role], WRITE, f"{LOGS}:{work['log']}:log-stream:1")
    assert account.may(told[role], INVOKES, f"{LAMBDA}:job-scheduler-worker-prod-run") is work["invokes"]
    assert account.may(told[role], POSTS, FRAME) is work["posts"]
    assert account.may(told[role], POSTS, FRAME.replace("POST", "DELETE")) is work["cuts"]
    assert account.may(told[role], "s3:GetObject", "arn:aws:s3:::sources/a.csv") is work["reads_sources"]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_nothing_else(account: Account, told: Told, role: str) -> None:
    others = [
        (READ, f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:job-scheduler/test-abcdef"),
        (READ, f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:job-scheduler/prod2-abcdef"),
        ("secretsmanager:PutSecretValue", GIVEN["SettingsSecretArn"]),
        (WRITE, f"{LOGS}:/aws/lambda/another:log-stream:1"),
        (INVOKES, f"{LAMBDA}:job-scheduler-worker-test-run"),
        (INVOKES, f"{LAMBDA}:job-scheduler-worker-prod-migrate"),
        (POSTS, FRAME.replace("socket123", "another")),
        (POSTS, FRAME.replace("/api/", "/other/")),
        (POSTS, FRAME.replace("POST", "GET")),
        ("s3:GetObject", "arn:aws:s3:::private/a.csv"),
        ("s3:PutObject", "arn:aws:s3:::sources/a.csv"),
        ("sqs:ReceiveMessage", told["LostCallsArn"]),
        ("iam:PassRole", told[role]),
        ("rds:DeleteDBInstance", f"arn:aws:rds:{REGION}:{ACCOUNT}:db:job-scheduler-prod"),
    ]

    assert [other for other in others if account.may(told[role], *other)] == []


def test_only_the_worker_may_keep_calls_that_were_lost(account: Account, told: Told) -> None:
    assert [role for role in ROLES if account.may(told[role], "sqs:SendMessage", told["LostCallsArn"])] == [
        "WorkerRoleArn"
    ]


def test_a_task_does_the_workers_work_and_ecs_starts_it(account: Account, told: Told) -> None:
    task, ecs = (account.role("job-scheduler-prod-service", role) for role in ("TaskRole", "ExecutionRole"))
    repository = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/job-scheduler-prod"
    work = [(READ, told["DatabaseSecretArn"]), (READ, told["CacheSecretArn"]), (READ, GIVEN["SettingsSecretArn"])]
    work += [(POSTS, FRAME), ("s3:GetObject", "arn:aws:s3:::sources/a.csv")]
    start = [("ecr:GetAuthorizationToken", "*"), ("ecr:BatchGetImage", repository)]
    start += [(WRITE, f"{LOGS}:/job-scheduler/prod/worker:log-stream:1")]

    assert [each for each in work if not account.may(task, *each)] == []
    assert [each for each in start if not account.may(ecs, *each)] == []
    assert [each for each in start if account.may(task, *each)] == []
    assert [each for each in work if account.may(ecs, *each)] == []
    assert not account.may(ecs, "ecr:BatchGetImage", repository.replace("prod", "test"))
    assert not account.may(ecs, "ecr:PutImage", repository)


def test_before_there_is_a_settings_secret_roles_may_read_the_one_that_will_be(account: Account, told: Told) -> None:
    early = {"Stage": "early", "SettingsSecretArn": "", "WebsocketApiId": "*", "SourceObjects": ""}

    roles = account.make("roles", told | early, "job-scheduler-early-roles")

    will_be = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:job-scheduler/early-abcdef"
    assert account.may(roles["ApiRoleArn"], READ, will_be)
    assert not account.may(roles["ApiRoleArn"], READ, will_be.replace("early", "early2"))
    assert account.may(roles["WorkerRoleArn"], POSTS, FRAME)
    assert not account.may(roles["WorkerRoleArn"], "s3:GetObject", "arn:aws:s3:::sources/a.csv")
