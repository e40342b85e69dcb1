"""Both Lambda packages, built by Chalice itself: what is in them, and that they start where nothing else is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ZIPPED_LIMIT = 50 * 1024 * 1024  # for a direct upload to Lambda
# What Lambda's Python runtime brings, besides the standard library.
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six")

Package = tuple[str, Path]


@pytest.fixture(scope="module", params=[("api", "."), ("worker", "worker_fn")], ids=["api", "worker"])
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Package:
    name, project = request.param
    built = tmp_path_factory.mktemp(name)
    subprocess.run(
        [
            Path(sys.executable).with_name("chalice"),
            "--project-dir",
            project,
            "package",
            "--stage",
            "local",
            str(built),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
        env={**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        timeout=110,
    )
    return name, built / "deployment.zip"


def names(zipped: Path) -> set[str]:
    with zipfile.ZipFile(zipped) as archive:
        return set(archive.namelist())


def test_the_package_holds_all_of_the_library(package: Package) -> None:
    _, zipped = package
    library = ROOT / "chalicelib"
    ours = {
        path.relative_to(ROOT).as_posix()
        for path in library.rglob("*")
        if path.suffix in {".py", ".sql", ".toml"} and "__pycache__" not in path.parts
    }

    assert {"app.py", *ours} <= names(zipped)


def test_the_package_holds_the_compiled_parts_of_what_we_require(package: Package) -> None:
    _, zipped = package
    compiled = [name for name in names(zipped) if name.endswith(".so") or ".so." in name]

    for wanted in ("psycopg_binary/", "hiredis/", "msgspec/", "uuid_utils/"):
        assert any(name.startswith(wanted) for name in compiled), wanted


def test_the_package_holds_nothing_that_only_a_laptop_needs(package: Package) -> None:
    _, zipped = package
    tops = {name.partition("/")[0] for name in names(zipped)}

    assert not tops & {"tests", "infra", "frontend", "worker_fn", ".chalice", "ministack", "pytest", "mypy", "boto3"}
    assert zipped.stat().st_size < ZIPPED_LIMIT


def test_the_package_starts_in_a_clean_interpreter(package: Package, tmp_path: Path) -> None:
    _, zipped = package
    code, runtime = tmp_path / "code", tmp_path / "runtime"
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(code)
    runtime.mkdir()
    for name in RUNTIME:
        _link(name, runtime)

    # -I and -S: neither this environment's packages nor its variables are seen.
    start = f"import sys; sys.path[:0] = [{str(code)!r}, {str(runtime)!r}]; import app; print(app.app.app_name)"
    started = subprocess.run(
        [sys.executable, "-I", "-S", "-c", start], capture_output=True, text=True, env={}, cwd=tmp_path, check=False
    )

    assert started.stderr == ""
    assert started.stdout.startswith("job-scheduler")


def _link(name: str, runtime: Path) -> None:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    origin = Path(spec.origin)
    source = origin.parent if origin.name == "__init__.py" else origin
    (runtime / source.name).symlink_to(source)
