"""Puts compiled modules into a Lambda package: ``python -m infra.bytecode PACKAGE``.

Lambda's code directory is read-only, so that Python can keep nothing it has compiled, and compiles each module again at every cold
start: three quarters of the time that our imports take. Whatever is compiled here is for the Python that runs this, which is the one
that Chalice deploys for; another would pass it over and compile.
"""

from __future__ import annotations

import compileall
import sys
import tempfile
import zipfile
from pathlib import Path
from py_compile import PycInvalidationMode

COMPILED = ".pyc"
LAMBDA_ROOT = "/var/task"
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same package from the same files


def add_bytecode(package: Path) -> bool:
    """Whether anything was to be compiled. The package is replaced in one move, so that none is ever half written."""
    with zipfile.ZipFile(package) as zipped:
        if any(name.endswith(COMPILED) for name in zipped.namelist()):
            return False
        with tempfile.TemporaryDirectory() as directory:
            zipped.extractall(directory)
            _write(package, _compiled(Path(directory)))
    return True


def _compiled(root: Path) -> dict[str, bytes]:
    """By their names in the package. Nobody looks whether the source has changed since: it cannot."""
    mode = PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(root, quiet=2, stripdir=str(root), prependdir=LAMBDA_ROOT, invalidation_mode=mode)
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in sorted(root.rglob(f"*{COMPILED}"))}


def _write(package: Path, files: dict[str, bytes]) -> None:
    whole = package.with_suffix(".new")
    whole.write_bytes(package.read_bytes())
    with zipfile.ZipFile(whole, "a", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            zipped.writestr(_entry(name), content)
    whole.replace(package)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, LONG_AGO)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16  # Lambda's user reads it
    return entry


if __name__ == "__main__":
    add_bytecode(Path(sys.argv[1]))
