"""Both Lambda packages as a deploy makes them, and an interpreter in which nothing else is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from infra.bytecode import add_bytecode
from infra.local.changes import one_at_a_time

ROOT = Path(__file__).resolve().parents[1]
PROJECTS = {"api": ROOT, "worker": ROOT / "worker_fn"}
# What Lambda's Python runtime brings, besides the standard library.
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six")


def build(name: str, directory: Path) -> Path:
    """The package of one app, with its bytecode, in ``directory``."""
    chalice = Path(sys.executable).with_name("chalice")
    command = [str(chalice), "--project-dir", str(PROJECTS[name]), "package", "--stage", "local", str(directory)]
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with one_at_a_time(ROOT, "deploy"):  # Chalice writes into the checkout, where a deploy would find half a package
        subprocess.run(command, check=True, capture_output=True, env=environment, timeout=110)
    package = directory / "deployment.zip"
    add_bytecode(package)
    return package


def unpack(package: Path, directory: Path) -> Path:
    with zipfile.ZipFile(package) as zipped:
        zipped.extractall(directory)
    return directory


def runtime(directory: Path) -> Path:
    """A directory with what Lambda's runtime brings, and nothing else."""
    directory.mkdir()
    for name in RUNTIME:
        _link(name, directory)
    return directory


def start(code: Path, brought: Path, then: str, *options: str, python: Sequence[str] = (sys.executable,)) -> list[str]:
    """The command that runs ``then`` where only ``code`` and ``brought`` can be imported, and nothing that is compiled is kept.

    -I and -S: neither this environment's packages nor its variables are seen.
    """
    program = f"import sys; sys.path[:0] = [{str(code)!r}, {str(brought)!r}]; {then}"
    return [*python, "-B", "-I", "-S", *options, "-c", program]


def _link(name: str, directory: Path) -> None:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(name)
    origin = Path(spec.origin)
    source = origin.parent if origin.name == "__init__.py" else origin
    (directory / source.name).symlink_to(source)
