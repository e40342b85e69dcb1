"""Whom Postgres runs as, and where that user can reach its files.

Postgres refuses to run as root. Started by root it runs as "nobody", who often cannot reach the checkout, for example
below /root: then programs and data are kept under /var/lib.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from pathlib import Path

NOBODY = 65534  # the overflow uid of the Linux kernel
SHARED = Path("/var/lib/job-scheduler")


def server_uid() -> int | None:
    """None means: run as whoever runs us."""
    return NOBODY if os.geteuid() == 0 else None


def reachable(path: Path) -> Path:
    """The path itself if the server's user can get to it, else its stand-in under /var/lib."""
    path = path.absolute()
    return path if server_uid() is None or _open_to_others(path) else stand_in(path)


def stand_in(path: Path) -> Path:
    """Where root keeps what belongs at a path the server's user cannot reach."""
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
    return SHARED / f"{path.name}-{digest}"


def own(path: Path) -> None:
    """Make the directory, private to the server's user."""
    path.mkdir(parents=True, exist_ok=True, mode=0o755)
    path.chmod(0o700)
    uid = server_uid()
    if uid is not None:
        os.chown(path, uid, uid)


def copy_for_server(sources: list[Path], to: Path) -> None:
    """Copy siblings to a directory that the server's user can read, all or nothing."""
    part = to.with_name(f"{to.name}.{os.getpid()}")
    for source in sources:
        shutil.copytree(source, part / source.name, symlinks=True)
    _open_tree(part)
    try:
        part.rename(to)
    except OSError:  # another process was first
        shutil.rmtree(part)


def _open_to_others(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents if parent.exists())


def _open_tree(directory: Path) -> None:
    for path in (directory, *directory.rglob("*")):
        mode = path.stat().st_mode
        runs = path.is_dir() or mode & stat.S_IXUSR
        path.chmod(mode | (0o755 if runs else 0o644))
