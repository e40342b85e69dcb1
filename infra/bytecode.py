"""Puts compiled modules into a Lambda package: ``python -m infra.bytecode PACKAGE``.

Lambda's code directory is read-only, so that Python can keep nothing it has compiled, and compiles each module again at every
cold start: two thirds of the time that our imports take. What is compiled here is for the Python that runs this, which is the
one that Chalice deploys for; another would pass it over and compile.
"""

from __future__ import annotations

import compileall
import filecmp
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from py_compile import PycInvalidationMode

COMPILED = ".pyc"
LAMBDA_ROOT = "/var/task"
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same package from the same files
DONE = f"compiled for {sys.implementation.cache_tag}".encode()


def add_bytecode(package: Path) -> bool:
    """Whether there was anything to do."""
    with zipfile.ZipFile(package) as zipped, tempfile.TemporaryDirectory() as directory:
        if zipped.comment == DONE:
            return False
        sources = [
            name for name in zipped.namelist() if not name.endswith(COMPILED)
        ]  # a checkout's own are of anyone's Python
        zipped.extractall(directory, sources)
        write(package, {name: zipped.read(name) for name in sources} | _compiled(Path(directory)), DONE)
    return True


def write(package: Path, files: Mapping[str, bytes], comment: bytes = b"") -> None:
    """In one move, so that none is ever half written. files: their contents, by their names in the package."""
    whole = package.with_suffix(".new")
    with zipfile.ZipFile(whole, "w") as zipped:
        zipped.comment = comment
        for name, content in files.items():
            zipped.writestr(_entry(name), content, compresslevel=6)
    whole.replace(package)


def kept_by_chalice(project: Path, built: Path) -> Path:
    """The package that ``chalice deploy`` will send, of which ``chalice package`` has put a copy into ``built``."""
    packages = (project / ".chalice" / "deployments").glob("*.zip")
    return next(package for package in packages if filecmp.cmp(package, built / "deployment.zip", shallow=False))


def forget_all_but(package: Path) -> None:
    """Chalice keeps a package of each version of the code, of seven megabytes."""
    for each in package.parent.glob("*.zip"):
        if each != package:
            each.unlink()


def _compiled(root: Path) -> dict[str, bytes]:
    """By their names in the package. Nobody looks whether the source has changed since: it cannot."""
    mode = PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(root, quiet=2, stripdir=str(root), prependdir=LAMBDA_ROOT, invalidation_mode=mode)
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in sorted(root.rglob(f"*{COMPILED}"))}


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, LONG_AGO)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o755 << 16  # whoever Lambda runs it as may read it, and start what is a program
    return entry


if __name__ == "__main__":
    add_bytecode(Path(sys.argv[1]))
