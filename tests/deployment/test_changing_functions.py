"""What stands in the way of changing and calling a function: states of Lambda that neither the emulator nor moto has."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from infra.aws import functions
from infra.aws.apps import API, sizes
from infra.aws.calls import kept_apart
from infra.aws.functions import Place, Project
from infra.aws.installing import RUNTIME, Installer
from infra.aws.record import expected, half_made, record
from infra.aws.stage import Stage
from infra.aws.up import Up

ROLES = {"ApiRoleArn": "api", "SocketRoleArn": "socket", "WorkerRoleArn": "worker", "MigrateRoleArn": "migrate"}
OUTPUTS = ROLES | {"PrivateSubnetIds": "subnet-a,subnet-b", "ClientSecurityGroupId": "sg-1"}


class OneFunction:
    """A client of Lambda for a function that refuses a change while it is changed, and whose first call wakes it and fails."""

    def __init__(self, *, runtime: str = RUNTIME, update: str = "Successful", state: str = "Active") -> None:
        self.configuration = {"Runtime": runtime, "LastUpdateStatus": update, "State": state}
        self.changes: list[str] = []
        self.asked: list[Any] = []
        self._looks = 0

    def get_function_configuration(self, **_: object) -> dict[str, str]:
        """Whoever looks a third time sees it done."""
        self._looks += 1
        if self.configuration["LastUpdateStatus"] == "InProgress" and self._looks > 2:
            self.configuration["LastUpdateStatus"] = "Successful"
        return dict(self.configuration)

    def update_function_configuration(self, *, FunctionName: str, Runtime: str) -> None:  # noqa: N803 - AWS's names
        self._change("runtime")
        self.configuration["Runtime"] = Runtime

    def update_function_code(self, *, FunctionName: str, ZipFile: bytes) -> None:  # noqa: N803 - likewise
        self._change(f"code for {self.configuration['Runtime']}")

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - likewise
        if self.configuration["State"] == "Inactive":
            self.configuration["State"] = "Pending"
            raise refusal("ResourceNotReadyException")
        assert self.configuration["State"] == "Active"
        self.asked.append(json.loads(Payload))
        return {"Payload": io.BytesIO(b"{}")}

    def get_waiter(self, name: str) -> Waiter:
        return Waiter(name, self)

    def _change(self, what: str) -> None:
        if self.configuration["LastUpdateStatus"] == "InProgress":
            raise refusal("ResourceConflictException")
        self.changes.append(what)
        self.configuration["LastUpdateStatus"] = "InProgress"


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "not now"}}, "TheCall")


class Waiter:
    """As botocore's are: they know how a state goes on from Pending and InProgress, and from no other."""

    def __init__(self, name: str, function: OneFunction) -> None:
        goes_on = {
            "function_updated_v2": ("LastUpdateStatus", "InProgress", "Successful"),
            "function_active_v2": ("State", "Pending", "Active"),
        }
        self._key, self._from, self._to = goes_on[name]
        self._now = function.configuration

    def wait(self, **_: object) -> None:
        if self._now[self._key] not in (self._from, self._to):
            raise WaiterError(self._key, "Max attempts exceeded", {})
        self._now[self._key] = self._to


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "POLL_SECONDS", 0.0)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    file = tmp_path / "package.zip"
    file.write_bytes(b"a package")
    return file


def installer(stage: Stage, function: OneFunction) -> Installer:
    made = Installer(stage)
    made._functions = function
    return made


def test_another_python_comes_before_the_code_that_was_packed_for_it(stage: Stage, package: Path) -> None:
    function = OneFunction(runtime="python3.9")

    installer(stage, function).renew(package)

    assert function.changes == ["runtime", f"code for {RUNTIME}"]


def test_the_same_python_is_left_alone(stage: Stage, package: Path) -> None:
    function = OneFunction()

    installer(stage, function).renew(package)

    assert function.changes == [f"code for {RUNTIME}"]


@pytest.mark.parametrize("update", ["InProgress", "Failed"])
def test_whatever_became_of_an_update_before_stands_not_in_the_way(stage: Stage, package: Path, update: str) -> None:
    function = OneFunction(update=update)

    installer(stage, function).renew(package)

    assert function.changes == [f"code for {RUNTIME}"]
    assert function.configuration["LastUpdateStatus"] == "Successful"


def test_a_function_that_fell_asleep_is_woken_before_it_is_asked(stage: Stage) -> None:
    function = OneFunction(state="Inactive")

    installer(stage, function).ask(migrate=True)

    assert function.asked == [{"migrate": True}]


# -- with all functions of an app


class Deployed(Project):
    """With functions that are there already: what Chalice would do is noted, and what of the app is there by then."""

    def __init__(self, stage: Stage, *, traced: bool = False) -> None:
        place = Place(outputs=OUTPUTS, sizes=sizes({}), reserve=True, traced=traced, settings="1")
        super().__init__(stage, API, place)
        self.found: list[str] = []
        self.states: list[dict[str, Any]] = []

    def package(self) -> Path:
        return self.directory

    def _chalice(self, command: str, *arguments: str) -> None:
        self.found = [resource["name"] for resource in record(self._stage, API)]
        self.states = [configuration(self._stage, name) for name in names()]


def names() -> Iterator[str]:
    yield from (API.function_name("prod", function.name) for function in API.functions)


def configuration(stage: Stage, name: str) -> dict[str, Any]:
    found: dict[str, Any] = stage.client("lambda").get_function_configuration(FunctionName=name)
    return found


@pytest.fixture
def deployed(stage: Stage) -> Stage:
    """Whose API's functions are there, and traced."""
    roles = stage.client("iam")
    role = roles.create_role(RoleName="any", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    made = {"Runtime": RUNTIME, "Handler": "app.app", "Role": role, "TracingConfig": {"Mode": "Active"}}
    for name in names():
        stage.client("lambda").create_function(FunctionName=name, Code={"ZipFile": an_archive()}, **made)
    return stage


def an_archive() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("app.py", "")
    return archive.getvalue()


@pytest.mark.parametrize(("traced", "told"), [(True, []), (False, [{"Mode": "PassThrough"}] * 4)])
def test_functions_are_traced_no_more_when_nobody_wants_it(
    deployed: Stage, told: list[dict[str, str]], *, traced: bool
) -> None:
    modes: list[dict[str, str]] = []
    deployed.client("lambda").meta.events.register(
        "provide-client-params.lambda.UpdateFunctionConfiguration",
        lambda params, **_: modes.append(params["TracingConfig"]),
    )

    Deployed(deployed, traced=traced).deploy()

    assert modes == told


def test_chalice_is_called_when_no_function_is_being_changed(deployed: Stage) -> None:
    looks = iter(["Pending", "Pending"])
    events = deployed.client("lambda").meta.events
    events.register(
        "after-call.lambda.GetFunctionConfiguration", lambda parsed, **_: parsed.update(State=next(looks, "Active"))
    )
    project = Deployed(deployed)

    project.deploy()

    assert [state["State"] for state in project.states] == ["Active"] * 4


def a_websocket_api(stage: Stage, *stages: str) -> str:
    gateway = stage.client("apigatewayv2")
    wanted = {"ProtocolType": "WEBSOCKET", "RouteSelectionExpression": "$request.body.action"}
    api: str = gateway.create_api(Name="job-scheduler-prod-websocket-api", **wanted)["ApiId"]
    for name in stages:
        gateway.create_stage(ApiId=api, StageName=name)
    return api


def test_a_websocket_api_that_was_left_without_its_stage_is_made_anew(deployed: Stage) -> None:
    """Chalice makes the stage with the API, and never later."""
    api = a_websocket_api(deployed)
    project = Deployed(deployed)
    assert half_made(deployed, API) == [api]

    project.deploy()

    assert "websocket_api" not in project.found


def test_a_websocket_api_with_its_stage_stays(deployed: Stage) -> None:
    a_websocket_api(deployed, "api")
    project = Deployed(deployed)

    project.deploy()

    assert "websocket_api" in project.found


def test_an_app_whose_websocket_api_has_no_stage_is_not_deployed(
    deployed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = a_websocket_api(deployed)
    monkeypatch.setattr(functions, "record", lambda *_: [{"name": name} for name in expected(API)])
    project = Deployed(deployed)
    monkeypatch.setattr(project, "is_released", lambda _: True)
    assert not project.is_deployed()

    deployed.client("apigatewayv2").create_stage(ApiId=api, StageName="api")

    assert project.is_deployed()


# -- how many at once


@pytest.mark.parametrize(
    ("unreserved", "is_kept_apart", "has_room"),
    [(10, False, False), (189, False, False), (190, False, True), (149, True, False), (150, True, True)],
)
def test_an_account_has_room_for_ours_and_a_hundred_others_beside_what_is_reserved(
    deployed: Stage, unreserved: int, *, is_kept_apart: bool, has_room: bool
) -> None:
    """Lambda leaves a hundred to those that have reserved nothing. What this stage has already is not asked for again."""
    if is_kept_apart:
        deployed.client("lambda").put_function_concurrency(
            FunctionName="job-scheduler-prod", ReservedConcurrentExecutions=40
        )
    account = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": unreserved}
    deployed.client("lambda").get_account_settings = lambda: {"AccountLimit": account}

    assert kept_apart(deployed) == (40 if is_kept_apart else 0)
    assert Up(deployed, {})._has_room() is has_room
