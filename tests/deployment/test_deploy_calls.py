"""Parts of a deployment call by call, against moto: what the emulator cannot do, and what goes wrong."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from infra.aws import apps, facts, plan, session, settings, site, stacks, templates
from infra.aws.apps import API, WORKER
from infra.aws.destroy import Destroy, snapshots
from infra.aws.functions import Place, configuration
from infra.aws.record import api_ids, record
from infra.aws.stacks import Change, Stack
from infra.aws.stage import Stage, find_stage
from infra.aws.steps import aws_step
from infra.aws.up import Up, _keep_databases
from infra.local.steps import StepFailed
from tests.deployment.templates import FROM_ELSEWHERE

pytestmark = pytest.mark.usefixtures("signed_in")

ONE_BUCKET = "Resources: {Bucket: {Type: 'AWS::S3::Bucket'}}\n"
ROLES = {"ApiRoleArn": "api", "SocketRoleArn": "socket", "WorkerRoleArn": "worker", "MigrateRoleArn": "migrate"}
OUTPUTS = ROLES | {"PrivateSubnetIds": "subnet-a,subnet-b", "ClientSecurityGroupId": "sg-1"}
DATA = {
    "DatabaseHost": "db.example",
    "DatabasePort": "5432",
    "DatabaseName": "jobs",
    "DatabaseSecretArn": "arn:database",
    "CacheHost": "cache.example",
    "CachePort": "6379",
    "CacheSecretArn": "arn:cache",
    "PreparesStatements": "true",
}


def client(service: str) -> Any:
    make: Any = boto3.client
    return make(service, region_name="eu-central-1")


def test_who_we_are_is_asked_before_anything_is_done(stage: Stage) -> None:
    assert (stage.region, stage.account) == ("eu-central-1", "123456789012")
    assert stage.identity.startswith("arn:aws:")


def test_without_a_region_nothing_is_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    with pytest.raises(StepFailed, match="No region") as failed:
        find_stage("prod")
    assert "AWS_REGION=" in failed.value.advice


@pytest.mark.parametrize("name", ["", "Prod", "pro-d", "1st", "p" * 17, "local", "worker"])
def test_a_name_that_would_break_others_is_refused(name: str) -> None:
    with pytest.raises(StepFailed, match=r"stage"):
        find_stage(name)


def test_clients_are_led_to_an_emulator_where_one_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(session.session("eu-central-1")).__module__ == "boto3.session"

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    emulated = session.session("eu-central-1")

    assert type(emulated).__module__ == "localstack_client.session"
    assert emulated.client("s3").meta.endpoint_url == "http://127.0.0.1:1"


def test_options_are_those_of_the_templates_and_what_is_found_out_is_none(stage: Stage) -> None:
    known = facts.options(stage.templates)

    assert {"Database", "Proxy", "NotifyEmail", "DomainName", "MaxTasks", "ApiMemory"} <= set(known)
    assert not set(known) & set(facts.FOUND_OUT)
    for option in known.values():
        assert option.default is not None, option.name


def test_every_parameter_is_chosen_by_a_person_or_told_by_another_stack(stage: Stage) -> None:
    told = set(FROM_ELSEWHERE)
    for concern in templates.CONCERNS:
        told |= set(templates.read(stage.template(concern)).get("Outputs", {}))

    assert set(facts.FOUND_OUT) - {"VpcId"} <= told
    for name, parameter in templates.all_parameters(stage.templates).items():
        assert name in told or parameter.default is not None, name


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("Databse=aurora", "no option Databse"),
        ("Database=mysql", "cannot be 'mysql'"),
        ("VpcId=vpc-1", "no option VpcId"),
        ("ApiMemory=much", "must be a number"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_anything_is_done(stage: Stage, words: str, problem: str) -> None:
    with pytest.raises(StepFailed, match=problem):
        facts.choose(stage, words)


def test_settings_name_secrets_and_hold_none_and_are_written_only_when_they_change(stage: Stage) -> None:
    wanted = settings.settings(stage, DATA, {"ApiMemory": "1024", "Database": "aurora"})

    first, second = settings.put(stage, wanted), settings.put(stage, wanted)
    third = settings.put(stage, wanted | {"DATABASE_HOST": "other.example"})

    assert (first.is_new, second.is_new, third.is_new) == (True, False, True)
    assert first.arn == third.arn
    versions = client("secretsmanager").list_secret_version_ids(SecretId="job-scheduler/prod", IncludeDeprecated=True)
    assert len(versions["Versions"]) == 2
    assert (wanted["DATABASE_SECRET_ID"], wanted["CACHE_SECRET_ID"]) == ("arn:database", "arn:cache")
    assert settings.chosen_before(stage) == {"ApiMemory": "1024"}
    tags = client("secretsmanager").describe_secret(SecretId="job-scheduler/prod")["Tags"]
    assert tags == [{"Key": "job-scheduler:stage", "Value": "prod"}]


def test_settings_that_a_person_added_stay(stage: Stage) -> None:
    settings.put(stage, settings.settings(stage, DATA, {}) | {"API_LONG_POLLS": "20", "DATABASE_HOST": "old.example"})

    wanted = settings.settings(stage, DATA, {})

    assert (wanted["API_LONG_POLLS"], wanted["DATABASE_HOST"]) == ("20", "db.example")


def test_other_settings_are_another_release(stage: Stage) -> None:
    """Functions read them at their start, and would go on with the old ones."""
    one, other = (settings.version({"DATABASE_HOST": host}) for host in ("a", "b"))

    assert configuration(stage, API, place(settings=one)) != configuration(stage, API, place(settings=other))


def place(**changes: Any) -> Place:
    usual: dict[str, Any] = {
        "outputs": OUTPUTS,
        "sizes": apps.sizes({}),
        "reserve": True,
        "traced": False,
        "settings": "1",
    }
    return Place(**usual | changes)


def test_chalice_is_told_of_roles_network_and_sizes(stage: Stage) -> None:
    config = configuration(stage, API, place(traced=True))
    here = config["stages"]["prod"]

    assert config["api_gateway_endpoint_type"] == "REGIONAL"
    assert set(config["stages"]) == {"prod"}
    assert here["manage_iam_role"] is False
    assert (here["subnet_ids"], here["security_group_ids"]) == (["subnet-a", "subnet-b"], ["sg-1"])
    assert here["xray"] is True
    roles = {name: own["iam_role_arn"] for name, own in here["lambda_functions"].items()}
    assert roles == {"api_handler": "api", **dict.fromkeys(apps.SOCKETS, "socket")}
    assert here["lambda_functions"]["api_handler"]["reserved_concurrency"] == 40


def test_every_function_of_both_apps_has_a_role(stage: Stage) -> None:
    for app, names in ((API, {"api_handler", *apps.SOCKETS}), (WORKER, {"tick", "run", "migrate"})):
        assert set(configuration(stage, app, place())["stages"]["prod"]["lambda_functions"]) == names


def test_an_account_without_room_keeps_no_functions_apart(stage: Stage) -> None:
    config = configuration(stage, WORKER, place(reserve=False))

    assert "reserved_concurrency" not in json.dumps(config)


def test_our_rest_api_is_the_one_that_calls_our_function(stage: Stage) -> None:
    """All stages' are called the same; and Chalice's own record is lost with the computer, or an interruption."""
    ours = [rest_api(f"job-scheduler-{name}") for name in ("test", "prod", "prod2")][1]

    assert [resource["rest_api_id"] for resource in record(stage, API)] == [ours]
    assert api_ids(record(stage, API)) == {"RestApiId": ours}


def rest_api(function: str) -> str:
    gateway = client("apigateway")
    api_id = gateway.create_rest_api(name="job-scheduler")["id"]
    (root,) = gateway.get_resources(restApiId=api_id)["items"]
    names = {"restApiId": api_id, "resourceId": root["id"], "httpMethod": "GET"}
    gateway.put_method(**names, authorizationType="NONE")
    path = f"2015-03-31/functions/arn:aws:lambda:eu-central-1:123456789012:function:{function}/invocations"
    uri = f"arn:aws:apigateway:eu-central-1:lambda:path/{path}"
    gateway.put_integration(**names, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    return str(api_id)


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    files = tmp_path / "dist"
    (files / "assets").mkdir(parents=True)
    (files / "index.html").write_text("<html>")
    (files / "icon.svg").write_text("<svg/>")
    (files / "robots.txt").write_text("Disallow: /")
    (files / "assets" / "app-1.js").write_text("export {}")
    return files


@pytest.fixture
def bucket() -> str:
    client("s3").create_bucket(Bucket="the-dashboard", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return "the-dashboard"


def test_the_page_is_uploaded_last_and_only_what_changed_is(stage: Stage, dist: Path, bucket: str) -> None:
    assert site.upload(stage, bucket, dist) == ["assets/app-1.js", "icon.svg", "robots.txt", "index.html"]
    assert site.upload(stage, bucket, dist) == []

    (dist / "index.html").write_text("<html lang=en>")

    assert site.upload(stage, bucket, dist) == ["index.html"]
    assert client("s3").head_object(Bucket=bucket, Key="assets/app-1.js")["CacheControl"].endswith("immutable")
    assert client("s3").head_object(Bucket=bucket, Key="index.html")["CacheControl"] == "no-cache"


def test_a_bucket_is_emptied_to_the_last_file(stage: Stage, dist: Path, bucket: str) -> None:
    site.upload(stage, bucket, dist)

    assert site.empty(stage, bucket) == 4
    assert site.empty(stage, bucket) == 0


def test_cloudfront_is_told_of_what_may_change_under_its_name_and_of_nothing_else(stage: Stage) -> None:
    cloudfront = client("cloudfront")
    origin = {"Id": "o", "DomainName": "the-dashboard.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    behaviour = {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only", "CachePolicyId": "c"}
    config = {"CallerReference": "1", "Comment": "", "Enabled": True, "Origins": {"Quantity": 1, "Items": [origin]}}
    made = cloudfront.create_distribution(DistributionConfig=config | {"DefaultCacheBehavior": behaviour})
    distribution = made["Distribution"]["Id"]

    assert site.invalidate(stage, distribution, ["assets/app-1.js"]) == 0
    assert site.invalidate(stage, distribution, ["assets/app-1.js", "icon.svg", "index.html"]) == 3

    (only,) = cloudfront.list_invalidations(DistributionId=distribution)["InvalidationList"]["Items"]
    told = cloudfront.get_invalidation(DistributionId=distribution, Id=only["Id"])["Invalidation"]
    assert told["InvalidationBatch"]["Paths"]["Items"] == ["/icon.svg", "/index.html", "/"]


def test_a_stack_is_made_told_and_deleted(stage: Stage, tmp_path: Path) -> None:
    stack = Stack(with_template(stage, tmp_path, "edge", ONE_BUCKET), "edge")
    assert (stack.status(), stack.outputs()) == ("", {})

    (change,) = stack.put({})

    assert change == Change("Add", "AWS::S3::Bucket", "Bucket", replaces=False)
    assert len(buckets()) == 1
    assert stack.delete()
    assert not stack.delete()


def buckets() -> set[str]:
    return {each["Name"] for each in client("s3").list_buckets()["Buckets"]}


def with_template(stage: Stage, directory: Path, concern: str, text: str) -> Stage:
    (directory / f"{concern}.yaml").write_text(text)
    return Stage(stage.name, stage.region, stage.account, stage.identity, directory, stage.home)


def test_nothing_is_done_when_a_look_at_the_changes_raises(stage: Stage, tmp_path: Path) -> None:
    stack = Stack(with_template(stage, tmp_path, "edge", ONE_BUCKET), "edge")

    with pytest.raises(StepFailed):
        stack.put({}, check=refuse)

    assert not buckets()


def refuse(_changes: list[Change]) -> None:
    raise StepFailed("no", "advice")


@pytest.mark.parametrize(("action", "replaces"), [("Modify", True), ("Remove", False)])
@pytest.mark.parametrize("kind", ["AWS::RDS::DBInstance", "AWS::RDS::DBCluster"])
def test_a_new_empty_database_never_takes_anothers_place(kind: str, action: str, *, replaces: bool) -> None:
    with pytest.raises(StepFailed, match="new, empty database in the place of Instance"):
        _keep_databases([Change(action, kind, "Instance", replaces)])


def test_a_database_may_grow(stage: Stage) -> None:
    _keep_databases([Change("Modify", "AWS::RDS::DBInstance", "Instance", replaces=False)])


def test_the_snapshot_of_a_deleted_database_is_told_by_name(stage: Stage) -> None:
    rds = client("rds")
    assert snapshots(stage) == []
    sizes = {
        "AllocatedStorage": 20,
        "DBInstanceClass": "db.t4g.small",
        "MasterUsername": "u",
        "MasterUserPassword": "password",
    }
    rds.create_db_instance(DBInstanceIdentifier="job-scheduler-prod", Engine="postgres", **sizes)
    rds.delete_db_instance(DBInstanceIdentifier="job-scheduler-prod", FinalDBSnapshotIdentifier="the-last-one")

    assert snapshots(stage) == ["the-last-one"]


def test_a_databases_protection_is_lifted_before_it_is_deleted(stage: Stage, tmp_path: Path) -> None:
    protected = "Parameters: {DeletionProtection: {Type: String, Default: 'true'}}\n" + ONE_BUCKET
    changed = with_template(stage, tmp_path, "data", protected)
    Stack(changed, "data").put({})

    Destroy(changed)._unprotect()

    assert Stack(changed, "data").parameters() == {"DeletionProtection": "false"}


def test_roles_stay_until_lambda_has_left_the_network(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives its places in the VPC back in the functions' roles, minutes after they are gone."""
    deleted: list[str] = []
    monkeypatch.setattr(Destroy, "_delete", lambda _, concern, **__: deleted.append(concern))

    Destroy(stage).run()

    assert set(deleted) == set(templates.CONCERNS)
    assert deleted.index("roles") > deleted.index("network")


def test_a_database_is_protected_once_it_is_there(stage: Stage, tmp_path: Path) -> None:
    """What is left of a creation that failed has to be cleared away, and CloudFormation cannot delete what is protected."""
    protected = "Parameters: {DeletionProtection: {Type: String, Default: 'true'}}\n" + ONE_BUCKET
    for concern in templates.CONCERNS:
        with_template(stage, tmp_path, concern, protected)
    up = Up(with_template(stage, tmp_path, "data", protected), {})
    wishes: list[str] = []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(up, "_stack", lambda _, **more: wishes.append(more["DeletionProtection"]))
        up._data()

    assert wishes == ["false", "true"]


def test_a_stack_that_is_half_deleted_is_not_built_upon(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(with_template(stage, tmp_path, "edge", ONE_BUCKET), "edge")
    stack.put({})

    with said_to_be(stack, "DELETE_FAILED", monkeypatch), pytest.raises(StepFailed, match="half deleted"):
        stack._settle()


def test_a_name_of_ones_own_is_not_asked_before_it_points_there(stage: Stage) -> None:
    told = {"Address": "https://jobs.example.com", "DistributionDomainName": "d1.cloudfront.net"}
    with_name, without = Up(stage, {"DomainName": "jobs.example.com"}), Up(stage, {})
    for up in (with_name, without):
        up.facts.learn(told)

    assert with_name._reachable() == "https://d1.cloudfront.net"
    assert without._reachable() == "https://jobs.example.com"


def test_a_plan_counts_what_is_made_and_adds_up_what_it_costs(stage: Stage) -> None:
    (line,) = plan.of_stack(stage, "data", {})
    assert "is made: up to" in line

    usual = {name: each.default or "" for name, each in facts.options(stage.templates).items()}
    small = list(plan.of_costs(plan.as_options(usual, apps.sizes({}))))
    large = list(plan.of_costs(plan.as_options(usual | {"MultiAz": "true", "CacheReplicas": "1"}, apps.sizes({}))))

    assert dollars(large) > dollars(small) > 0
    parts = [float(line.split("$")[1].split()[0].replace(",", "")) for line in small[2:] if line.startswith("  ")]
    totals = [float(line.rpartition("$")[2].replace(",", "")) for line in small[1:] if not line.startswith("  ")]
    assert sum(parts) == pytest.approx(sum(totals), abs=0.2)


def dollars(lines: list[str]) -> float:
    return float(lines[1].rpartition("$")[2].replace(",", ""))


@pytest.mark.parametrize(
    ("code", "advice"),
    [("AccessDenied", "may not do that"), ("ExpiredToken", "Sign in again"), ("Odd", "Put the cause right")],
)
def test_what_aws_refuses_is_told_with_its_step_and_what_to_do(code: str, advice: str) -> None:
    with pytest.raises(StepFailed, match=r"^stack data: .*s3:DoIt") as failed, aws_step("stack data"):
        raise ClientError({"Error": {"Code": code, "Message": "not authorized to perform s3:DoIt"}}, "DoIt")

    assert advice in failed.value.advice
    assert "goes on from here" in failed.value.advice


def test_an_aws_that_cannot_be_reached_is_told_so() -> None:
    with pytest.raises(StepFailed, match="settings: AWS cannot be reached"), aws_step("settings"):
        raise EndpointConnectionError(endpoint_url="https://sts.example")


def test_a_stack_that_failed_says_its_first_cause(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(with_template(stage, tmp_path, "edge", ONE_BUCKET), "edge")
    stack.put({})
    events = [
        {
            "LogicalResourceId": "Later",
            "ResourceStatus": "CREATE_FAILED",
            "ResourceStatusReason": "Resource creation cancelled",
        },
        {"LogicalResourceId": "Cache", "ResourceStatus": "CREATE_FAILED", "ResourceStatusReason": "no such node type"},
    ]
    monkeypatch.setattr(stack._cloud, "describe_stack_events", lambda **_: {"StackEvents": events})

    with pytest.raises(StepFailed, match=r"Cache: no such node type$"):
        stack._wait(("UPDATE_COMPLETE",))


def test_what_a_failed_creation_left_behind_is_cleared_away_first(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CloudFormation can do nothing else with it."""
    monkeypatch.setattr(stacks, "POLL_SECONDS", 0.0)
    stack = Stack(with_template(stage, tmp_path, "edge", ONE_BUCKET), "edge")
    stack.put({})
    before = buckets()
    with said_to_be(stack, "ROLLBACK_COMPLETE", monkeypatch):
        stack._settle()

    stack.put({})

    assert len(buckets()) == 1
    assert buckets() != before


@contextlib.contextmanager
def said_to_be(stack: Stack, status: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        real = stack._describe
        patch.setattr(stack, "_describe", lambda: (found := real()) and found | {"StackStatus": status})
        yield
