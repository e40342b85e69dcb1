"""Packages for machines that are not of Lambda's kind: on a Mac, or on ARM, functions import what is installed there."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from infra.bytecode import DONE, add_bytecode
from infra.local.native import make_native
from tests import packages

MAIN = ("psycopg_binary", "hiredis", "msgspec", "uuid_utils")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package whose compiled libraries nothing here can load."""
    package = packages.build("api", tmp_path_factory.mktemp("api"))
    spoiled = package.with_name("foreign.zip")
    with zipfile.ZipFile(package) as zipped, zipfile.ZipFile(spoiled, "w") as written:
        for name in zipped.namelist():
            if not name.endswith(".pyc"):
                written.writestr(name, b"of another machine" if ".so" in name else zipped.read(name))
    return spoiled


def imports(package: Path, directory: Path) -> subprocess.CompletedProcess[str]:
    code = packages.unpack(package, directory / "code")
    command = packages.start(code, packages.runtime(directory / "runtime"), "import app; print(app.app.app_name)")
    return subprocess.run(command, text=True, capture_output=True, check=False, timeout=60)


def test_a_foreign_package_starts_once_it_was_made_native(foreign: Path, tmp_path: Path) -> None:
    before = imports(foreign, tmp_path / "before")
    native = tmp_path / "native.zip"
    native.write_bytes(foreign.read_bytes())

    make_native(native)
    add_bytecode(native)

    after = imports(native, tmp_path / "after")
    assert before.returncode != 0
    assert (after.returncode, after.stdout.strip()) == (0, "job-scheduler"), after.stderr


def test_it_holds_the_same_modules_and_nothing_of_the_foreign_ones(foreign: Path, tmp_path: Path) -> None:
    native = tmp_path / "native.zip"
    native.write_bytes(foreign.read_bytes())

    make_native(native)

    with zipfile.ZipFile(foreign) as was, zipfile.ZipFile(native) as now:
        assert {name for name in was.namelist() if name.endswith(".py")} == {
            name for name in now.namelist() if name.endswith(".py")
        }
        assert not any(now.read(name) == b"of another machine" for name in now.namelist())
        assert all(any(name.startswith(f"{each}/") for name in now.namelist()) for each in MAIN)
        assert len(now.namelist()) == len({*now.namelist()})


def test_one_that_was_finished_is_left_alone(tmp_path: Path) -> None:
    package = tmp_path / "package.zip"
    with zipfile.ZipFile(package, "w") as zipped:
        zipped.comment = DONE
    before = package.read_bytes()

    make_native(package)

    assert package.read_bytes() == before
