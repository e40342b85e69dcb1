"""``chalice deploy --stage local``, unmodified, when an app changed or the emulator lacks something of it.

``chalice package`` comes first: it leaves the package where ``chalice deploy`` looks for it, and in between it gets its bytecode.

Stacks of one checkout share Chalice's record in .chalice/deployed: ids are the same in each emulator, so it holds for all,
and one deploy at a time is let in.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from infra.bytecode import add_bytecode, forget_all_but, kept_by_chalice
from infra.local import aws
from infra.local.changes import Stamps, digest, one_at_a_time
from infra.local.native import is_lambdas_kind, make_native
from infra.local.shell import run
from infra.local.stack import ROOT, Stack
from infra.local.steps import StepFailed

STAGE = "local"
ADVICE = "Put the cause right and run `make up` again. `make reset` starts from nothing."


@dataclass(frozen=True)
class App:
    """A Chalice app and where it lies."""

    name: str
    directory: Path

    @property
    def records(self) -> Path:
        return self.directory / ".chalice"

    def sources(self) -> str:
        """A digest of everything that Chalice packs or reads."""
        config = sorted(self.records.glob("*.json"))
        return digest([self.directory / "app.py", ROOT / "chalicelib", ROOT / "requirements.txt", *config])

    def deployed(self) -> list[dict[str, str]]:
        file = self.records / "deployed" / f"{STAGE}.json"
        if not file.exists():
            return []
        resources: list[dict[str, str]] = json.loads(file.read_text())["resources"]
        return resources


API = App("api", ROOT)
WORKER = App("worker", ROOT / "worker_fn")


def deploy(stack: Stack, app: App, stamps: Stamps) -> bool:
    """Whether anything had to be deployed."""
    sources = app.sources()
    if stamps.matches(app.name, sources) and _is_deployed(stack, app):
        return False
    with one_at_a_time(ROOT, "deploy"):
        package = _package(stack, app)
        _chalice(stack, app, "deploy")
        forget_all_but(package)
    aws.save(stack)
    stamps.put(app.name, sources)
    return True


def _is_deployed(stack: Stack, app: App) -> bool:
    deployed = app.deployed()
    return bool(deployed) and all(aws.exists(stack, resource) for resource in deployed)


def _package(stack: Stack, app: App) -> Path:
    """Built, checked and compiled beforehand: Chalice deploys the package that it finds."""
    with tempfile.TemporaryDirectory() as directory:
        _chalice(stack, app, "package", directory)
        package = kept_by_chalice(app.directory, Path(directory))
    _check_package(app, package)
    if not is_lambdas_kind():
        make_native(package)
    add_bytecode(package)
    return package


def _chalice(stack: Stack, app: App, command: str, *arguments: str) -> None:
    chalice = str(Path(sys.executable).with_name("chalice"))
    # pip may need a person's proxy or index; and what is packed must not change between two calls
    environment = dict(os.environ) | stack.aws_environment() | {"PYTHONDONTWRITEBYTECODE": "1"}
    log = stack.log(f"deploy-{app.name}")
    whole = [chalice, command, "--stage", STAGE, *arguments]
    run(whole, directory=app.directory, environment=environment, log=log, advice=ADVICE)


def _check_package(app: App, package: Path) -> None:
    """Chalice leaves out a package it finds no wheel for, and calls that a success."""
    with zipfile.ZipFile(package) as contents:
        names = contents.namelist()
    if not any(name.startswith("psycopg_binary/") and name.endswith(".so") for name in names):
        problem = f"The package of {app.name} lacks psycopg's library."
        raise StepFailed(problem, "There may be no wheel for this Python on this machine: try Python 3.12 or newer.")
