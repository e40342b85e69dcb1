"""What changed since the last time: digests of files, remembered by name. And turns, for what stacks of one checkout share."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

SKIPPED = {"__pycache__", "node_modules", "dist", ".DS_Store"}


def digest(paths: Iterable[Path]) -> str:
    """One value for names and contents of all files at and below the paths. A missing path counts as empty."""
    result = hashlib.sha256()
    for path in paths:
        for file in _files(path):
            result.update(f"{file.relative_to(path.parent)}\0{file.stat().st_size}\0".encode())
            result.update(file.read_bytes())
    return result.hexdigest()[:16]


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir() and path.name not in SKIPPED:
        for child in sorted(path.iterdir()):
            yield from _files(child)


@contextlib.contextmanager
def one_at_a_time(checkout: Path, name: str) -> Iterator[None]:
    """Waits while another process is at the same thing in this checkout. Ends with the process, however that ends."""
    file = checkout / ".local" / f"{name}.turn"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


class Stamps:
    """Which version of each thing was last made, in one file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def matches(self, name: str, value: str) -> bool:
        return self._read().get(name) == value

    def put(self, name: str, value: str) -> None:
        stamps = self._read() | {name: value}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(stamps, indent=2))

    def forget(self) -> None:
        """All of it is to be made anew."""
        self._file.unlink(missing_ok=True)

    def _read(self) -> dict[str, str]:
        if not self._file.exists():
            return {}
        stamps: dict[str, str] = json.loads(self._file.read_text())
        return stamps
