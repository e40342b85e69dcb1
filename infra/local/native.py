"""Compiled libraries of this machine's own kind, in the place of those that Chalice packs.

Chalice packs for Lambda: for Linux on x86-64. The emulator starts functions as processes of this machine, which could import
none of that on a Mac, or on ARM. What is installed here comes from the same requirements.
"""

from __future__ import annotations

import csv
import platform
import zipfile
from collections.abc import Mapping
from importlib.metadata import PackagePath, distribution
from pathlib import Path, PurePosixPath

from infra.bytecode import DONE, write

LAMBDAS_KIND = "Linux", "x86_64"

Files = Mapping[str, bytes]


def is_lambdas_kind() -> bool:
    return (platform.system(), platform.machine()) == LAMBDAS_KIND


def make_native(package: Path) -> None:
    """One that was finished before is native already."""
    with zipfile.ZipFile(package) as zipped:
        if zipped.comment == DONE:
            return
        files = {name: zipped.read(name) for name in zipped.namelist()}
    write(package, _native(files))


def _native(files: Files) -> Files:
    foreign = {folder: _recorded(files, folder) for folder in _compiled(files)}
    gone = {name for names in foreign.values() for name in names}
    own = {name: content for folder in foreign for name, content in _installed(folder).items()}
    return {name: content for name, content in files.items() if name not in gone} | own


def _compiled(files: Files) -> list[str]:
    """Where each distribution that is not pure Python describes itself: its dist-info."""
    wheels = [PurePosixPath(name) for name in files if name.endswith(".dist-info/WHEEL")]
    return [str(wheel.parent) for wheel in wheels if b"Root-Is-Purelib: false" in files[str(wheel)]]


def _recorded(files: Files, folder: str) -> list[str]:
    return [row[0] for row in csv.reader(files[f"{folder}/RECORD"].decode().splitlines())]


def _installed(folder: str) -> Files:
    """What the distribution has here, of any version: our requirements say which."""
    name, _, _ = folder.removesuffix(".dist-info").rpartition("-")
    return {str(file): file.read_binary() for file in distribution(name).files or [] if _is_packed(file)}


def _is_packed(file: PackagePath) -> bool:
    return file.parts[0] != ".." and "__pycache__" not in file.parts
