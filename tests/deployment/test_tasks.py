"""What a deployment does for the worker's tasks on Fargate, which no emulator of ours has: call by call, against moto."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from infra.aws import fargate
from infra.aws.stacks import Stack
from infra.aws.stage import Stage
from infra.aws.up import Up
from infra.local.steps import StepFailed
from tests.deployment.templates import with_one_queue

REPOSITORY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/job-scheduler-prod"
DEMANDED = {
    "SubnetIds": "subnet-1",
    "ClientSecurityGroupId": "sg-1",
    "DatabaseSecretArn": "arn:database",
    "CacheSecretArn": "arn:cache",
    "SettingsSecretArn": "arn:settings",
    "RepositoryUri": REPOSITORY,
}
DATA = {
    "DatabaseHost": "db.example",
    "DatabasePort": "5432",
    "DatabaseName": "jobs",
    "CacheHost": "cache.example",
    "CachePort": "6379",
    "PreparesStatements": "true",
}
STEPS = ("_data", "_migrate_and_deploy_worker", "_deploy", "_call_once", "_dashboard", "_smoke", "_write_addresses")


@pytest.fixture
def tasks(stage: Stage, tmp_path: Path) -> Stage:
    """Whose templates all are small enough for moto."""
    for template in stage.templates.glob("*.yaml"):
        (tmp_path / template.name).write_text(with_one_queue(template.stem))
    own = Stage(stage.name, stage.region, stage.account, stage.identity, tmp_path, stage.home)
    account = {"UnreservedConcurrentExecutions": 1000}
    own.client("lambda").get_account_settings = lambda: {"AccountLimit": account}
    return own


def bring_up(stage: Stage, chosen: dict[str, str]) -> dict[str, str]:
    """Parameters of the service's stack afterwards."""
    up = Up(stage, chosen)
    up.facts.learn(DEMANDED)
    up._service()
    return Stack(stage, "service").parameters()


def at_sources(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fargate, "sources", lambda: version)


def test_a_service_without_an_image_says_how_to_build_one(tasks: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    bring_up(tasks, {"MinTasks": "1", "Architecture": "ARM64"})

    said = capsys.readouterr().out
    image = f"{REPOSITORY}:{fargate.sources()}"
    assert fargate.NO_IMAGE in said
    assert "get-login-password --region eu-central-1" in said
    assert f"docker build --platform linux/arm64 --file infra/images/Dockerfile --target worker --tag {image}" in said
    assert f'make deploy STAGE=prod OPTIONS="ImageUri={image}"' in said


def test_an_image_is_built_for_the_processor_that_tasks_have(stage: Stage) -> None:
    assert "--platform linux/amd64" in fargate.how_to_build(stage, REPOSITORY, "X86_64")


@pytest.mark.parametrize("options", [{"Slots": "8"}, {"Slots": "8", "ImageUri": "image:1"}])
def test_an_image_of_another_release_is_complained_of_before_and_after(
    tasks: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: dict[str, str]
) -> None:
    at_sources("a" * 16, monkeypatch)
    bring_up(tasks, {"ImageUri": "image:1"})
    at_sources("b" * 16, monkeypatch)
    capsys.readouterr()

    Up(tasks, options).plan()
    assert "Tasks go on with image:1, which was built from other sources" in capsys.readouterr().out

    parameters = bring_up(tasks, options)
    assert parameters["ImageSources"] == "a" * 16
    assert "Tasks go on with image:1, which was built from other sources" in capsys.readouterr().out


def test_a_new_image_is_taken_to_be_of_this_release(
    tasks: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at_sources("a" * 16, monkeypatch)
    bring_up(tasks, {"ImageUri": "image:1"})
    at_sources("b" * 16, monkeypatch)

    Up(tasks, {"ImageUri": "image:2"}).plan()
    parameters = bring_up(tasks, {"ImageUri": "image:2"})

    assert parameters["ImageSources"] == "b" * 16
    assert "other sources" not in capsys.readouterr().out


def test_other_settings_are_told_to_tasks(tasks: Stage) -> None:
    versions = set()
    for host in ("db.example", "proxy.example"):
        up = Up(tasks, {"MinTasks": "1"})
        up.facts.learn(DEMANDED | DATA | {"DatabaseHost": host})
        up._write_settings()
        up._service()
        versions.add(Stack(tasks, "service").parameters()["SettingsVersion"])

    assert len(versions) == 2
    assert "" not in versions


@pytest.mark.parametrize(("code", "mark"), [("", "✓ role of ECS"), ("InvalidInput", "· role of ECS")])
def test_ecs_has_its_role_before_it_has_a_service(
    tasks: Stage, capsys: pytest.CaptureFixture[str], code: str, mark: str
) -> None:
    if code:
        refuse_a_role(tasks, code)

    bring_up(tasks, {"MinTasks": "1"})

    said = capsys.readouterr().out
    assert said.index(mark) < said.index("✓ stack service")
    if not code:
        assert tasks.client("iam").list_roles(PathPrefix="/aws-service-role/ecs.amazonaws.com/")["Roles"]


def test_a_refusal_of_ecss_role_is_told(tasks: Stage) -> None:
    refuse_a_role(tasks, "AccessDenied")

    with pytest.raises(StepFailed, match="role of ECS"):
        bring_up(tasks, {"MinTasks": "1"})


def refuse_a_role(stage: Stage, code: str) -> None:
    def refuse(**_: str) -> None:
        problem = "Service role name AWSServiceRoleForECS has been taken in this account"
        raise ClientError({"Error": {"Code": code, "Message": problem}}, "CreateServiceLinkedRole")

    stage.client("iam").create_service_linked_role = refuse


# -- what comes after what


@pytest.fixture
def wishes() -> list[str]:
    """What the installer was asked for."""
    return []


@pytest.fixture
def up(tasks: Stage, monkeypatch: pytest.MonkeyPatch, wishes: list[str]) -> Up:
    """With steps that take no time."""
    made = Up(tasks, {"MinTasks": "1"})
    for step in STEPS:
        monkeypatch.setattr(made, step, lambda *_: None)
    made.facts.learn(DEMANDED | DATA)

    def ask(**wished: object) -> dict[str, str]:
        wishes.extend(wished)
        return {"first_key": "js_the_first"} if "first_key" in wished else {}

    monkeypatch.setattr(made._installer, "ask", ask)
    monkeypatch.setattr(made, "_stack", lambda concern: wishes.append(f"stack {concern}"))
    monkeypatch.setattr(made, "_service", lambda: wishes.append("service"))
    return made


def test_declared_schedules_wait_until_no_former_task_fires_them(up: Up, wishes: list[str]) -> None:
    up.run()

    assert wishes[-2:] == ["service", "apply_schedules"]


def test_the_first_key_is_told_whatever_becomes_of_the_service(
    up: Up, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(up, "_service", fail)

    with pytest.raises(StepFailed):
        up.run()

    assert "js_the_first" in capsys.readouterr().out


def fail() -> None:
    raise StepFailed("no", "advice")
