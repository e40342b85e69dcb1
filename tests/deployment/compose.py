"""docker-compose.yml as Compose itself reads it, without an engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def compose(
    *words: str, settings: dict[str, str] | None = None, file: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """What `docker compose` says. file: another one than the project's."""
    command = [str(Path(sys.executable).with_name("docker-compose")), *(["--file", str(file)] if file else []), *words]
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        command, cwd=ROOT, env=kept | (settings or {}), text=True, capture_output=True, timeout=60, check=False
    )


def configuration(*profile: str, **settings: str) -> dict[str, Any]:
    ran = compose(*profile, "config", "--format", "json", settings=settings)
    assert ran.returncode == 0, ran.stderr
    read: dict[str, Any] = json.loads(ran.stdout)
    return read
