"""Each image's program, with the files that the Dockerfile copies and the packages that its requirements bring: no more."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest
from dockerfile_parse import DockerfileParser

from tests.deployment.compose import ROOT

IMAGES = ROOT / "infra" / "images"
LET_IN = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
LEFT_OUT = shutil.ignore_patterns("__pycache__", "node_modules", "deployed", "deployments", "dist")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("target", ["worker", "emulator", "deployer"])
def test_an_images_program_starts_with_what_is_in_the_image(target: str, tmp_path: Path) -> None:
    steps = stage(target)
    copy(steps, tmp_path / "app")
    python = interpreter(tmp_path / "venv", IMAGES / f"{target}-requirements.txt")
    (entry,) = [json.loads(value) for kind, value in steps if kind == "ENTRYPOINT"]

    imported = f"import runpy; runpy.run_module({entry[2]!r}, run_name='imported')"
    there: dict[str, Any] = {"cwd": tmp_path / "app", "env": {"PATH": os.environ["PATH"]}}
    ran = subprocess.run([python, "-c", imported], **there, text=True, capture_output=True, check=False)

    assert ran.returncode == 0, ran.stderr


@pytest.mark.timeout(300)
def test_the_deployer_packs_without_a_registry(tmp_path: Path) -> None:
    """With what was brought into the image, and the settings that stand in it."""
    (downloads,) = [value for kind, value in stage("deployer-venv") if kind == "RUN" and "/wheels" in value]
    for command in downloads.replace("/venv/bin/pip", f"{sys.executable} -m pip").split("&&"):
        words = shlex.split(command.replace("/wheels", str(tmp_path)))
        subprocess.run(words, cwd=ROOT, check=True, capture_output=True, timeout=100)
    deployer = stage("deployer")
    settings = dict(each.split("=") for kind, value in deployer if kind == "ENV" for each in value.split())
    put("requirements.txt", tmp_path / "app")
    put("app.py", tmp_path / "app")
    put(".chalice/*.json", tmp_path / "app")
    put("chalicelib", tmp_path / "app")

    chalice = [str(Path(sys.executable).with_name("chalice")), "package", "--stage", "local", str(tmp_path / "built")]
    settings["PIP_FIND_LINKS"] = settings["PIP_FIND_LINKS"].replace("/wheels", str(tmp_path))
    environment = {**os.environ, **settings, "AWS_DEFAULT_REGION": "us-east-1"}
    subprocess.run(chalice, cwd=tmp_path / "app", env=environment, check=True, capture_output=True, timeout=110)

    assert settings["PIP_NO_INDEX"] == "1"
    assert ("COPY", "--from=deployer-venv /wheels /wheels") in deployer
    with zipfile.ZipFile(tmp_path / "built" / "deployment.zip") as package:
        packed = {name.partition("/")[0] for name in package.namelist()}
    assert {"psycopg_binary", "hiredis", "msgspec", "uuid_utils", "redis", "yoyo"} <= packed


def stage(target: str) -> list[tuple[str, str]]:
    """Instructions and what they say."""
    found: list[tuple[str, str]] = []
    here = False
    for each in DockerfileParser(path=str(IMAGES / "Dockerfile")).structure:
        if each["instruction"] == "FROM":
            here = each["value"].split()[-1] == target
        elif here:
            found.append((each["instruction"], each["value"]))
    return found


def copy(steps: list[tuple[str, str]], app: Path) -> None:
    """What stands in this folder; what other stages have made is not there."""
    for kind, value in steps:
        words = [word for word in value.split() if not word.startswith("--")]
        if kind == "COPY" and "--from" not in value:
            for source in LET_IN if words == [".", "."] else words[:-1]:
                put(source, app)


def put(source: str, app: Path) -> None:
    for path in ROOT.glob(source):
        there = app / path.relative_to(ROOT)
        there.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, there, symlinks=True, ignore=LEFT_OUT, dirs_exist_ok=True)
        else:
            shutil.copy(path, there)


def interpreter(directory: Path, requirements: Path) -> Path:
    """Of its own, into which only these were installed."""
    venv.create(directory, symlinks=True)
    python = directory / "bin" / "python"
    install = ["-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, *install, "--requirement", str(requirements)], check=True, capture_output=True, timeout=250
    )
    return python
