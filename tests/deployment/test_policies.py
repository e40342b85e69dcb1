"""What each role may do is what its functions do: on an emulator that enforces IAM, with the calls of the code itself.

Both homes are tried alike: the policies of the local stage, and the roles of infra/cloud/roles.yaml, whose policies the
emulator's CloudFormation works out.

What the emulator does not enforce, and nothing here shows: it writes a function's logs whatever its role says, so that calls as
Lambda makes them stand for those; it puts no function into a VPC, traces none and keeps no lost calls, so that what a role grants
Lambda itself for that (``LAMBDAS_OWN``) is left out; it knows no limits that an organisation sets. Where AWS checks a log stream
against ``log-group:NAME:*``, it checks the group's name alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.redis_link import connect
from infra.local.ports import LOOPBACK
from infra.local.services import databases
from tests.deployment.policies import BUCKET, Account, Party, Statement, less_each
from tests.running_emulator import Running

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "infra" / "cloud" / "roles.yaml"
LAMBDAS_OWN = ("ec2:", "xray:", "sqs:")

# A REST call that revokes a key cuts its connections itself; no worker is woken by a worker.
API = {"wake the worker", "cut a connection"}
SOCKET = {"send a frame", "cut a connection"}
WORKER = {"send a frame", "cut a connection", "read a source"}


def sockets(api: str) -> tuple[str, ...]:
    return tuple(f"{api}-websocket_{event}" for event in ("connect", "message", "disconnect"))


def workers(stage: str) -> tuple[str, ...]:
    return tuple(f"job-scheduler-worker-{stage}-{name}" for name in ("tick", "run"))


LOCAL = {
    "local api": (ROOT / ".chalice", ("job-scheduler-local", *sockets("job-scheduler-local")), API | SOCKET),
    "local worker": (ROOT / "worker_fn" / ".chalice", workers("local"), WORKER),
}
CLOUD = {  # by the template's output
    "ApiRoleArn": (("job-scheduler-tried",), API),
    "SocketRoleArn": (sockets("job-scheduler-tried"), SOCKET),
    "WorkerRoleArn": (workers("tried"), WORKER),
    "MigrateRoleArn": (("job-scheduler-worker-tried-migrate",), set[str]()),
}
SERVICES = {"secretsmanager", "lambda", "s3", "execute-api"}  # that the calls in policies.py try


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    running = Running(tmp_path_factory.mktemp("emulator"))
    with databases() as addresses:
        process = running.start()
        cache = connect(addresses.redis_url)
        try:
            yield Account(f"http://{LOOPBACK}:{running.port}", cache)
        finally:
            cache.close()
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="module")
def roles(account: Account) -> dict[str, list[Statement]]:
    """The statements of each role that the template makes, by output."""
    if not TEMPLATE.exists():
        pytest.skip("infra/cloud/roles.yaml is not there: only the local stage's policies were tried")
    return _roles_of(account)


@pytest.fixture(scope="module", params=[*LOCAL, *CLOUD])
def party(request: pytest.FixtureRequest, account: Account) -> Party:
    made = _local(request.param) if request.param in LOCAL else _cloud(request.param, request.getfixturevalue("roles"))
    account.prepare(made)
    return made


def test_a_role_may_do_what_its_functions_do_and_nothing_of_what_others_do(account: Account, party: Party) -> None:
    every = set(account.uses(account.session(party.statements), party))

    refused = account.refusals(party.statements, party)

    assert every - refused == party.uses


def test_without_any_of_its_permissions_something_fails_that_a_function_does(account: Account, party: Party) -> None:
    for permission, left in less_each(party.statements):
        assert account.refusals(left, party) & party.uses, f"nothing needs {permission}"


def test_a_role_may_not_do_what_nobody_does(account: Account, party: Party) -> None:
    assert account.permitted_trespasses(party) == set()


def test_code_talks_to_no_service_that_was_not_tried() -> None:
    sources = [*(ROOT / "chalicelib").rglob("*.py"), ROOT / "app.py", *(ROOT / "worker_fn").glob("*.py")]
    made = re.compile(
        r"""(?:client|resource|create_client)\(\s*"([\w-]+)"|SigV4Auth\([^,]*,(?:[^,]*,)?\s*"([\w-]+)\""""
    )
    code = "\n".join(path.read_text() for path in sources)

    assert {one or other for one, other in made.findall(code)} == SERVICES


def _local(name: str) -> Party:
    directory, functions, uses = LOCAL[name]
    statements = json.loads((directory / "policy-local.json").read_text())["Statement"]
    makes = {f"make /aws/lambda/{function}" for function in functions}  # the template makes those of the cloud
    return _party("local", statements, uses | makes, ("job-scheduler/local",), functions)


def _cloud(output: str, roles: dict[str, list[Statement]]) -> Party:
    functions, uses = CLOUD[output]
    secrets = ("job-scheduler/tried", "tried-database", "tried-cache")
    return _party("tried", roles[output], uses, secrets, functions)


def _party(
    stage: str, statements: list[Statement], uses: set[str], secrets: tuple[str, ...], functions: tuple[str, ...]
) -> Party:
    reads = {f"read {secret}" for secret in secrets}
    logs = {f"{verb} /aws/lambda/{function}" for verb in ("begin", "write") for function in functions}
    return Party(
        stage=stage, statements=statements, uses=frozenset(uses | reads | logs), secrets=secrets, functions=functions
    )


def _roles_of(account: Account) -> dict[str, list[Statement]]:
    stacks = account.client("cloudformation")
    given = {
        "Stage": "tried",
        "DatabaseSecretArn": account.secret("tried-database"),
        "CacheSecretArn": account.secret("tried-cache"),
        "SourceObjects": f"arn:aws:s3:::{BUCKET}/*",
    }
    parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]
    stacks.create_stack(
        StackName="roles", TemplateBody=TEMPLATE.read_text(), Parameters=parameters, Capabilities=["CAPABILITY_IAM"]
    )
    stacks.get_waiter("stack_create_complete").wait(StackName="roles", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    outputs = stacks.describe_stacks(StackName="roles")["Stacks"][0]["Outputs"]
    arns = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    return {output: _statements(account.client("iam"), arns[output].rpartition("/")[2]) for output in CLOUD}


def _statements(iam: Any, role: str) -> list[Statement]:
    """Without those that Lambda uses itself, which name a service that no code of ours talks to."""
    inline = iam.list_role_policies(RoleName=role)["PolicyNames"]
    documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in inline]
    for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        version = iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId="v1")
        documents.append(version["PolicyVersion"]["Document"])
    statements = [each for document in documents for each in document["Statement"] if not _is_lambdas_own(each)]
    text = re.sub(r"(:log-group:[^\"]+):\*", r"\1", json.dumps(statements))  # as the emulator names them
    stated: list[Statement] = json.loads(text)
    return stated


def _is_lambdas_own(statement: Statement) -> bool:
    action = statement["Action"]
    first: str = action if isinstance(action, str) else action[0]
    return first.startswith(LAMBDAS_OWN)
