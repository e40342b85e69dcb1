"""Chalice, called for a stage: its configuration is written from the stacks' outputs, into a directory that can be thrown away.

Nothing is deployed that is there already: a release is a digest of everything that Chalice packs or reads, and the last thing
that a deployment does is to write it on the functions.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.aws.apps import App, Function
from infra.aws.record import expected, record, write
from infra.aws.stage import Stage
from infra.bytecode import add_bytecode, kept_by_chalice
from infra.local.changes import digest
from infra.local.shell import run
from infra.local.stack import ROOT
from infra.local.steps import StepFailed

RELEASE = "job-scheduler:release"  # a tag of functions
ADVICE = "Put the cause right and run `make deploy` again: it goes on from here."
PACKED = ("app.py", "chalicelib", "requirements.txt")


@dataclass(frozen=True)
class Place:
    """What functions need to know. sizes: see ``apps.OPTIONS``; reserve: whether the account has room for them.

    settings: a digest of those they read at their start, so that other settings are another release.
    """

    outputs: Mapping[str, str]
    sizes: Mapping[str, int]
    reserve: bool
    traced: bool
    settings: str


class Project:
    """One app of a stage, as Chalice sees it."""

    def __init__(self, stage: Stage, app: App, place: Place) -> None:
        self.app = app
        self.directory = stage.directory / app.name
        self._stage = stage
        self._config = configuration(stage, app, place)

    @property
    def release(self) -> str:
        sources = digest([self.app.directory / "app.py", ROOT / "chalicelib", ROOT / "requirements.txt"])
        config = json.dumps(self._config, sort_keys=True)
        return hashlib.sha256(f"{sources} {config} {sys.implementation.cache_tag}".encode()).hexdigest()[:16]

    def is_deployed(self) -> bool:
        """Whether all of it is there, and of this release."""
        there = {resource["name"] for resource in record(self._stage, self.app)}
        return there >= expected(self.app) and all(self.is_released(function.name) for function in self.app.functions)

    def is_released(self, function: str) -> bool:
        functions = self._stage.client("lambda")
        name = self.app.function_name(self._stage.name, function)
        try:
            tags = functions.get_function(FunctionName=name).get("Tags", {})
        except functions.exceptions.ResourceNotFoundException:
            return False
        return bool(tags.get(RELEASE) == self.release)

    def package(self) -> Path:
        """What ``deploy`` will send: built, checked and compiled beforehand, so that Chalice finds it."""
        self._lay_out()
        with tempfile.TemporaryDirectory() as directory:
            self._chalice("package", directory)
            package = kept_by_chalice(self.directory, Path(directory))
        self._check(package)
        add_bytecode(package)
        return package

    def deploy(self) -> None:
        """Raises StepFailed."""
        self.package()
        write(self.directory, self._stage, record(self._stage, self.app))
        self._chalice("deploy")
        self._mark()

    def delete(self) -> int:
        """How many things were there. Raises StepFailed."""
        there = record(self._stage, self.app)
        if there:
            self._lay_out()
            write(self.directory, self._stage, there)
            self._chalice("delete")
        return len(there)

    def _lay_out(self) -> None:
        (self.directory / ".chalice").mkdir(parents=True, exist_ok=True)
        (self.directory / ".chalice" / "config.json").write_text(json.dumps(self._config, indent=2))
        for name in PACKED:
            link = self.directory / name
            link.unlink(missing_ok=True)
            link.symlink_to((self.app.directory / name).resolve())

    def _chalice(self, command: str, *arguments: str) -> None:
        chalice = str(Path(sys.executable).with_name("chalice"))
        environment = os.environ | {"AWS_DEFAULT_REGION": self._stage.region, "PYTHONDONTWRITEBYTECODE": "1"}
        whole = [chalice, command, "--stage", self._stage.name, *arguments]
        log = self._stage.log(f"{command}-{self.app.name}")
        run(whole, directory=self.directory, environment=environment, log=log, advice=ADVICE)

    def _check(self, package: Path) -> None:
        """Chalice leaves out a package it finds no wheel for, and calls that a success."""
        with zipfile.ZipFile(package) as contents:
            names = contents.namelist()
        if not any(name.startswith("psycopg_binary/") and name.endswith(".so") for name in names):
            problem = f"The package of {self.app.name} lacks psycopg's library."
            raise StepFailed(
                problem, "There may be no wheel for this Python on this machine: try Python 3.12 or newer."
            )

    def _mark(self) -> None:
        """Chalice takes tags away that it does not know, so that an interrupted deployment bears no mark."""
        there = record(self._stage, self.app)
        _tag(self._stage, there)
        for resource in there:
            if "lambda_arn" in resource:
                functions = self._stage.client("lambda")
                functions.tag_resource(Resource=resource["lambda_arn"], Tags={RELEASE: self.release})


def configuration(stage: Stage, app: App, place: Place) -> dict[str, Any]:
    """The repository's, with this stage in the place of the local one."""
    common: dict[str, Any] = json.loads((app.directory / ".chalice" / "config.json").read_text())
    here = {
        "manage_iam_role": False,
        "iam_role_arn": place.outputs[app.functions[0].role],
        "lambda_memory_size": place.sizes[app.memory],
        "xray": place.traced,
        "subnet_ids": place.outputs["PrivateSubnetIds"].split(","),
        "security_group_ids": [place.outputs["ClientSecurityGroupId"]],
        "tags": stage.tags,
        "environment_variables": {"STAGE": stage.name, "SETTINGS_SECRET_ID": stage.secret, "SETTINGS": place.settings},
        "lambda_functions": {function.name: _own(function, place) for function in app.functions},
    }
    return common | {"stages": {stage.name: here}}


def _own(function: Function, place: Place) -> dict[str, Any]:
    own: dict[str, Any] = {"iam_role_arn": place.outputs[function.role]}
    return own | ({"reserved_concurrency": place.sizes[function.most]} if place.reserve else {})


def _tag(stage: Stage, resources: list[dict[str, str]]) -> None:
    """What Chalice does not tag: all but the functions."""
    for resource in resources:
        match resource:
            case {"rule_name": rule}:
                arn = f"arn:aws:events:{stage.region}:{stage.account}:rule/{rule}"
                tags = [{"Key": key, "Value": value} for key, value in stage.tags.items()]
                stage.client("events").tag_resource(ResourceARN=arn, Tags=tags)
            case {"rest_api_id": api_id}:
                arn = f"arn:aws:apigateway:{stage.region}::/restapis/{api_id}"
                stage.client("apigateway").tag_resource(resourceArn=arn, tags=stage.tags)
            case {"websocket_api_id": api_id}:
                arn = f"arn:aws:apigateway:{stage.region}::/apis/{api_id}"
                stage.client("apigatewayv2").tag_resource(ResourceArn=arn, Tags=stage.tags)


def keep_lost_calls(stage: Stage, app: App, names: Mapping[str, int], queue: str) -> bool:
    """Let Lambda call them once and not three times: the next tick does what a lost one should have. Whether that was new.

    names: of functions, with the seconds that a call may wait for its turn. queue: the ARN of where lost calls go.
    """
    new = [_call_once(stage, app.function_name(stage.name, name), seconds, queue) for name, seconds in names.items()]
    return any(new)


def _call_once(stage: Stage, function: str, seconds: int, queue: str) -> bool:
    functions = stage.client("lambda")
    wanted = {
        "MaximumRetryAttempts": 0,
        "MaximumEventAgeInSeconds": seconds,
        "DestinationConfig": {"OnFailure": {"Destination": queue}},
    }
    try:
        now = functions.get_function_event_invoke_config(FunctionName=function)
    except ClientError:
        now = {}
    if _holds(now, wanted):
        return False
    functions.put_function_event_invoke_config(FunctionName=function, **wanted)
    return True


def _holds(now: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """AWS adds empty parts to what it was told."""
    destination = now.get("DestinationConfig", {}).get("OnFailure", {})
    plain = {name: now.get(name) for name in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")}
    return plain | {"DestinationConfig": {"OnFailure": destination}} == wanted
