"""``make deploy`` and ``make destroy``, whole, against the emulator with IAM enforced and databases that ask for passwords.

Not covered here, because the emulator has not got it:
- servers of RDS and ElastiCache, RDS Proxy, TLS to either (``a_cloud`` has another data stack; TLS is a rule of ``Settings``)
- NAT gateways, and what a VPC does to who reaches whom: without a way out, IAM refuses frames here
- CloudFront as a server: the front door takes its place; that invalidations are asked for is tested in ``test_deploy_calls``
- reserved concurrency: the emulator's account is too small for it, as new accounts are; the plan says so
- Fargate: the worker's service needs scaling policies that the emulator has not got
- deletion protection and the last snapshot: see ``test_deploy_calls``
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

from infra.aws.templates import CONCERNS
from infra.local.services import ROOT
from tests.deployment.a_cloud import FIRST, STAGE, Cloud, a_cloud

pytestmark = pytest.mark.timeout(900)  # four deployments, each of two packages

KEY = re.compile(r"js_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")
KILLED_AFTER = (
    "stack network",
    "stack roles",
    "deploy worker",
    "migrations",
    "lost calls",
    "stack edge",
    "stack alarms",
)
ALWAYS = {"look", "declared schedules", "smoke test"}  # they only ask


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with a_cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture(scope="module")
def frames_at_once() -> list[str]:
    """Where frames could be posted to by the time that the very first deployment of the API was done."""
    return []


@pytest.fixture(scope="module")
def deployed(cloud: Cloud, frames_at_once: list[str]) -> str:
    """What the last of many deployments said: all before it were killed, each a step further than the one before."""
    for step in KILLED_AFTER:
        assert not KEY.search(killed_after(cloud, step))
        if step == "migrations":
            kill_when_there_is_a_rest_api(cloud)
        if step == "lost calls":
            frames_at_once += frames(cloud)
    return successful(cloud.run("up"))


def killed_after(cloud: Cloud, step: str) -> str:
    """With everything that it had started, as by a computer that goes out."""
    process = subprocess.Popen(
        cloud.command("up"),
        cwd=ROOT,
        env=cloud.environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    said = ""
    assert process.stdout is not None
    for line in process.stdout:
        said += line
        if re.match(rf"[✓·] {step} ", line):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, said
    process.stdout.close()
    return said


def role(cloud: Cloud, output: str) -> str:
    """Its name."""
    stack = cloud.client("cloudformation").describe_stacks(StackName="job-scheduler-prod-roles")["Stacks"][0]
    (arn,) = [each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == output]
    return str(arn).rpartition("/")[2]


def frames(cloud: Cloud) -> list[str]:
    """Where the worker may post frames to."""
    policy = cloud.client("iam").get_role_policy(RoleName=role(cloud, "WorkerRoleArn"), PolicyName="send-frames")
    (statement,) = policy["PolicyDocument"]["Statement"]
    found: list[str] = statement["Resource"]
    return found


def kill_when_there_is_a_rest_api(cloud: Cloud) -> None:
    """Chalice has made it by then, and has not written it down."""
    process = subprocess.Popen(
        cloud.command("up"), cwd=ROOT, env=cloud.environment(), stdout=subprocess.DEVNULL, start_new_session=True
    )
    wait_until(lambda: bool(cloud.client("apigateway").get_rest_apis()["items"]))
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def successful(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def steps(said: str) -> dict[str, str]:
    """Mark by step."""
    return {name: mark for mark, name in re.findall(r"^([✓·✗]) (.+?) +\d+\.\d s", said, re.MULTILINE)}


@pytest.fixture
def get(cloud: Cloud, deployed: str) -> Callable[[str], Any]:
    """With the first key."""
    found = KEY.search(deployed)
    assert found is not None
    http = urllib3.PoolManager(headers={"Authorization": f"Bearer {found[0]}"})
    return lambda path: http.request("GET", f"{cloud.stack.url}/api{path}")


def test_a_deployment_that_was_killed_again_and_again_goes_on_and_tells_the_key_once(deployed: str) -> None:
    assert len(KEY.findall(deployed)) == 1
    assert steps(deployed)["first API key"] == "✓"
    assert "a job was done and told of" in deployed


def test_the_first_key_is_an_admins(get: Callable[[str], Any]) -> None:
    answer = get("/keys")

    assert answer.status == 200
    assert [key["name"] for key in answer.json() if key["role"] == "admin"] == ["first"]


def test_a_deployment_of_what_is_there_changes_nothing(cloud: Cloud, deployed: str) -> None:
    before = state(cloud)

    said = successful(cloud.run("up"))

    assert state(cloud) == before
    assert {name for name, mark in steps(said).items() if mark == "✓"} == ALWAYS
    assert not KEY.search(said)


def test_a_plan_says_what_would_change_and_what_it_costs_and_does_nothing(cloud: Cloud, deployed: str) -> None:
    before = state(cloud)

    same = successful(cloud.run("plan"))
    other = successful(cloud.run("plan", OPTIONS="LogDays=7"))

    assert state(cloud) == before
    assert "job-scheduler-prod-roles   stays as it is" in same
    assert "ApiLog (Logs::LogGroup) changes" in other
    assert "Functions are not kept apart: 90 would be reserved" in same
    assert "A month at rest: $" in same
    assert "A million jobs beside that: $" in same


def test_a_password_that_was_rotated_needs_no_deployment(cloud: Cloud, get: Callable[[str], Any]) -> None:
    assert get("/jobs").status == 200

    cloud.change_password("second-password")

    assert get("/jobs").status == 200
    cloud.change_password(FIRST)


def test_no_password_is_in_the_settings_or_in_a_functions_environment(cloud: Cloud, deployed: str) -> None:
    settings = cloud.client("secretsmanager").get_secret_value(SecretId="job-scheduler/prod")["SecretString"]
    configurations = json.dumps(cloud.client("lambda").list_functions()["Functions"], default=str)

    assert FIRST not in settings + configurations
    assert "first-token" not in settings + configurations


def test_frames_may_be_posted_to_our_own_websocket_api_only(
    cloud: Cloud, deployed: str, frames_at_once: list[str]
) -> None:
    (api,) = cloud.client("apigatewayv2").get_apis()["Items"]

    assert frames_at_once
    assert all(f":{api['ApiId']}/api/" in resource for resource in frames_at_once)


def test_functions_are_called_once_and_lost_calls_are_kept(cloud: Cloud, deployed: str) -> None:
    for name in ("tick", "run"):
        config = cloud.client("lambda").get_function_event_invoke_config(
            FunctionName=f"job-scheduler-worker-prod-{name}"
        )

        assert config["MaximumRetryAttempts"] == 0
        assert ":job-scheduler-prod-roles-LostCalls-" in config["DestinationConfig"]["OnFailure"]["Destination"]


def test_everything_bears_the_stages_name(cloud: Cloud, deployed: str) -> None:
    stage = {"job-scheduler:stage": STAGE}.items()

    for function in cloud.client("lambda").list_functions()["Functions"]:
        assert cloud.client("lambda").list_tags(Resource=function["FunctionArn"])["Tags"].items() >= stage
    for stack in cloud.client("cloudformation").describe_stacks()["Stacks"]:
        assert {"Key": "job-scheduler:stage", "Value": STAGE} in stack["Tags"]
    apis = cloud.client("apigatewayv2")
    (api,) = apis.get_apis()["Items"]
    arn = f"arn:aws:apigateway:us-east-1::/apis/{api['ApiId']}"
    assert apis.get_tags(ResourceArn=arn)["Tags"].items() >= stage


def test_assets_are_kept_for_a_year_and_the_page_is_asked_for_every_time(cloud: Cloud, deployed: str) -> None:
    http = urllib3.PoolManager()

    page = http.request("GET", f"{cloud.stack.url}/")
    asset = http.request("GET", f"{cloud.stack.url}/assets/app-1a2b3c.js")

    assert page.headers["cache-control"] == "no-cache"
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_a_new_release_brings_the_schema_up_to_date_before_it_takes_over(cloud: Cloud, deployed: str) -> None:
    functions = cloud.client("lambda")
    said = successful(cloud.run("up", OPTIONS="WorkerMemory=1152"))

    order = [name for name, mark in steps(said).items() if name in ("migrations", "deploy worker", "deploy api")]
    assert order == ["migrations", "deploy worker", "deploy api"]
    assert functions.get_function(FunctionName="job-scheduler-worker-prod-run")["Configuration"]["MemorySize"] == 1152
    assert steps(successful(cloud.run("up")))["deploy worker"] == "·"  # what was chosen once is kept


@contextlib.contextmanager
def no_way_out(cloud: Cloud) -> Iterator[None]:
    """Nobody can post a frame."""
    names = [{"RoleName": role(cloud, each), "PolicyName": "no-way-out"} for each in ("WorkerRoleArn", "SocketRoleArn")]
    refused = {"Effect": "Deny", "Action": "execute-api:ManageConnections", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [refused]})
    for name in names:
        cloud.client("iam").put_role_policy(**name, PolicyDocument=policy)
    try:
        yield
    finally:
        for name in names:
            cloud.client("iam").delete_role_policy(**name)


def test_without_a_way_out_a_deployment_waits_for_no_frame(cloud: Cloud, deployed: str) -> None:
    with no_way_out(cloud):
        said = successful(cloud.run("up", OPTIONS="Egress=endpoints"))

    assert "a job was done after" in said


def test_a_stage_goes_when_its_name_is_typed_and_nothing_of_it_stays(cloud: Cloud, deployed: str) -> None:
    assert cloud.run("destroy", "--confirm", "test").returncode == 1
    assert state(cloud)["stacks"]

    killed = subprocess.Popen(cloud.command("destroy", "--confirm", STAGE), cwd=ROOT, env=cloud.environment())
    wait_until(lambda: not cloud.client("apigatewayv2").get_apis()["Items"])
    killed.kill()
    killed.wait()
    successful(cloud.run("destroy", "--confirm", STAGE))

    assert state(cloud) == {"stacks": {}, "functions": {}, "apis": [], "files": {}, "settings": []}
    assert "There is nothing of prod" in successful(cloud.run("destroy", "--confirm", STAGE))


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def state(cloud: Cloud) -> dict[str, Any]:
    """Everything that a deployment could have changed."""
    stacks = cloud.client("cloudformation").describe_stacks()["Stacks"]
    functions = cloud.client("lambda").list_functions()["Functions"]
    rest = cloud.client("apigateway")
    apis = [
        (api["id"], len(rest.get_deployments(restApiId=api["id"])["items"])) for api in rest.get_rest_apis()["items"]
    ]
    s3 = cloud.client("s3")
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    files = [item for bucket in buckets for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    secrets = cloud.client("secretsmanager").list_secrets()["SecretList"]
    ours = [secret for secret in secrets if secret["Name"] == f"job-scheduler/{STAGE}"]
    return {
        "stacks": {each["StackName"]: each.get("LastUpdatedTime", each["CreationTime"]) for each in stacks},
        "functions": {each["FunctionName"]: (each["LastModified"], each["CodeSha256"]) for each in functions},
        "apis": apis,
        "files": {item["Key"]: item["LastModified"] for item in files},
        "settings": [sorted(secret["SecretVersionsToStages"]) for secret in ours],
    }


def test_the_templates_are_those_of_the_stacks(cloud: Cloud) -> None:
    assert {file.stem for file in cloud.templates.glob("*.yaml")} == set(CONCERNS)
