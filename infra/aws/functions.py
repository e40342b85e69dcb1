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
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.aws.apps import App, Function
from infra.aws.record import expected, half_made, record, write
from infra.aws.stage import Stage
from infra.bytecode import add_bytecode, kept_by_chalice
from infra.local.changes import digest
from infra.local.shell import run
from infra.local.stack import ROOT
from infra.local.steps import StepFailed

RELEASE = "job-scheduler:release"  # a tag of functions
POLL_SECONDS = 1.0
PATIENCE_SECONDS = 300.0  # for a place in the VPC, as AWS's own waiters have it
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
        self._traced = place.traced
        self._config = configuration(stage, app, place)

    @property
    def release(self) -> str:
        sources = digest([self.app.directory / "app.py", ROOT / "chalicelib", ROOT / "requirements.txt"])
        config = json.dumps(self._config, sort_keys=True)
        return hashlib.sha256(f"{sources} {config} {sys.implementation.cache_tag}".encode()).hexdigest()[:16]

    def is_deployed(self) -> bool:
        """Whether all of it is there, and of this release."""
        there = {resource["name"] for resource in record(self._stage, self.app)}
        is_whole = there >= expected(self.app) and not half_made(self._stage, self.app)
        return is_whole and all(self.is_released(function.name) for function in self.app.functions)

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
        self._clear_away()
        for function in self._arns():
            let_finish(self._stage.client("lambda"), function)
            self._trace_no_more(function)
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

    def _clear_away(self) -> None:
        """What Chalice could not finish, so that it makes it anew."""
        for api_id in half_made(self._stage, self.app):
            self._stage.client("apigatewayv2").delete_api(ApiId=api_id)

    def _arns(self) -> list[str]:
        """Of the functions that are there."""
        return [resource["lambda_arn"] for resource in record(self._stage, self.app) if "lambda_arn" in resource]

    def _trace_no_more(self, function: str) -> None:
        """Unless it is wanted: Chalice begins to trace, and never ends it."""
        functions = self._stage.client("lambda")
        found = functions.get_function_configuration(FunctionName=function)
        if not self._traced and found.get("TracingConfig", {}).get("Mode") == "Active":
            functions.update_function_configuration(FunctionName=function, TracingConfig={"Mode": "PassThrough"})
            let_finish(functions, function)

    def _mark(self) -> None:
        """Chalice takes tags away that it does not know, so that an interrupted deployment bears no mark."""
        _tag(self._stage, record(self._stage, self.app))
        for function in self._arns():
            self._stage.client("lambda").tag_resource(Resource=function, Tags={RELEASE: self.release})


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


def let_finish(functions: Any, name: str) -> None:
    """Lambda refuses to change what is still being made or changed. What came of that does not matter: it is changed again."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _is_busy(functions.get_function_configuration(FunctionName=name)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _is_busy(configuration: Mapping[str, Any]) -> bool:
    return configuration.get("State") == "Pending" or configuration.get("LastUpdateStatus") == "InProgress"
