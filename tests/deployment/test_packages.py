"""Both Lambda packages, as a deploy makes them: what is in them, and that they start where nothing else is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.util import source_from_cache
from pathlib import Path

import pytest

from infra.bytecode import add_bytecode, forget_all_but, kept_by_chalice
from tests import packages
from tests.packages import PROJECTS, ROOT

ZIPPED_LIMIT = 50 * 1024 * 1024  # for a direct upload to Lambda
UNZIPPED_LIMIT = 250 * 1024 * 1024
# Lambda's Pythons that we deploy for, beside the one that runs the tests: Chalice takes that of the interpreter it runs in.
OTHER_VERSIONS = [version for version in ("3.11", "3.12", "3.13") if not sys.version.startswith(f"{version}.")]
OURS = ("app.py", "chalice/", "chalicelib/")
COMPILED = ("psycopg_binary/", "hiredis/", "msgspec/", "uuid_utils/")
LAPTOPS = {
    "tests",
    "infra",
    "frontend",
    "worker_fn",
    "docs",
    ".chalice",
    "ministack",
    "pytest",
    "mypy",
    "boto3",
    "botocore",
}

Package = tuple[str, Path]


@pytest.fixture(scope="module", params=PROJECTS)
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Package:
    return request.param, packages.build(request.param, tmp_path_factory.mktemp(request.param))


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

    for wanted in COMPILED:
        assert any(name.startswith(wanted) for name in compiled), wanted


def test_the_package_holds_nothing_that_only_a_laptop_needs(package: Package) -> None:
    _, zipped = package
    tops = {name.partition("/")[0] for name in names(zipped)}

    assert not tops & LAPTOPS


def test_the_package_holds_no_setting_and_no_key(package: Package) -> None:
    _, zipped = package

    kinds = {Path(name).suffix for name in names(zipped) if name.startswith(("app", "chalicelib/"))}
    assert kinds <= {".py", ".pyc", ".sql", ".toml"}


def test_the_package_is_within_lambdas_limits(package: Package) -> None:
    _, zipped = package
    with zipfile.ZipFile(zipped) as archive:
        unzipped = sum(entry.file_size for entry in archive.infolist())

    assert zipped.stat().st_size < ZIPPED_LIMIT
    assert unzipped < UNZIPPED_LIMIT


def test_every_module_comes_compiled(package: Package) -> None:
    _, zipped = package
    tag = sys.implementation.cache_tag
    compiled = {source_from_cache(name) for name in names(zipped) if name.endswith(f".{tag}.pyc")}

    assert {name for name in names(zipped) if name.endswith(".py")} <= compiled


def test_what_was_compiled_is_not_compiled_again(package: Package) -> None:
    _, zipped = package

    assert not add_bytecode(zipped)


def test_what_a_checkout_has_compiled_for_itself_stays_out(tmp_path: Path) -> None:
    found, theirs = tmp_path / "found.zip", "chalicelib/__pycache__/jobs.cpython-39.pyc"
    with zipfile.ZipFile(found, "w") as archive:
        archive.writestr("chalicelib/jobs.py", "JOBS = 1")
        archive.writestr(theirs, b"of another Python")

    add_bytecode(found)

    assert theirs not in names(found)
    assert len(_compiled(found)) == 1


def test_what_chalice_deploys_is_the_package_that_was_compiled(tmp_path: Path) -> None:
    project = tmp_path / "project"
    _copy(PROJECTS["worker"], project)
    _package(project, tmp_path / "first")

    add_bytecode(kept_by_chalice(project, tmp_path / "first"))
    _package(project, tmp_path / "second")  # as `chalice deploy` does, it takes the package that it finds

    assert _compiled(tmp_path / "second" / "deployment.zip")
    assert not _compiled(tmp_path / "first" / "deployment.zip")


def test_the_package_starts_in_a_clean_interpreter(package: Package, tmp_path: Path) -> None:
    _, zipped = package
    code, brought = packages.unpack(zipped, tmp_path / "code"), packages.runtime(tmp_path / "runtime")

    started = _start(code, brought, (sys.executable,))

    assert started.stderr == ""
    assert started.stdout.startswith("job-scheduler")


@pytest.mark.parametrize("version", OTHER_VERSIONS)
def test_what_we_require_is_there_for_each_version_and_the_apps_start_there(
    package: Package, version: str, tmp_path: Path
) -> None:
    code = tmp_path / "code"
    with zipfile.ZipFile(package[1]) as archive:
        archive.extractall(code, [name for name in archive.namelist() if name.startswith(OURS)])
    _install(version, code)

    started = _start(code, packages.runtime(tmp_path / "runtime"), _interpreter(version))

    assert started.stderr == ""
    assert started.stdout.startswith("job-scheduler")


def _install(version: str, code: Path) -> None:
    """The wheels that Chalice would pack, did it run in that Python."""
    kind = ["--only-binary", ":all:", "--platform", "manylinux2014_x86_64", "--python-version", version]
    place = ["--target", str(code), "--requirement", str(ROOT / "requirements.txt"), "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *kind, *place]
    subprocess.run(command, check=True, capture_output=True, timeout=110)


def test_of_all_packages_the_deployed_one_stays(tmp_path: Path) -> None:
    for name in ("old.zip", "deployed.zip", "older.zip", "notes.txt"):
        (tmp_path / name).touch()

    forget_all_but(tmp_path / "deployed.zip")

    assert {each.name for each in tmp_path.iterdir()} == {"deployed.zip", "notes.txt"}


def _interpreter(version: str) -> tuple[str, ...]:
    """Skips, by name, where there is none: pyenv's show themselves only when they are chosen."""
    command = ("env", f"PYENV_VERSION={version}", f"PATH={os.environ['PATH']}", f"python{version}")
    if subprocess.run([*command, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip(f"there is no Python {version} here: all that we require has wheels for it, and was not started")
    return command


def _start(code: Path, brought: Path, python: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    command = packages.start(code, brought, "import app; print(app.app.app_name)", python=python)
    return subprocess.run(command, capture_output=True, text=True, env={}, cwd=code.parent, check=False)


def _copy(app: Path, project: Path) -> None:
    """What Chalice reads of an app, without what earlier deploys have left there."""
    project.mkdir()
    for name in ("app.py", "requirements.txt"):
        (project / name).symlink_to(app / name)
    shutil.copytree(app / "chalicelib", project / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    (project / ".chalice").mkdir()
    for file in (app / ".chalice").glob("*.json"):
        shutil.copy(file, project / ".chalice")


def _package(project: Path, built: Path) -> None:
    chalice = Path(sys.executable).with_name("chalice")
    command = [str(chalice), "package", "--stage", "local", str(built)]
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(command, cwd=project, check=True, capture_output=True, env=environment, timeout=110)


def _compiled(zipped: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(zipped) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.endswith(".pyc")}
