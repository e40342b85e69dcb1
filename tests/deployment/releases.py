"""A release's code as programs of its own: its API, its worker, its migrations. Beside it, whoever listens to what they tell."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MIGRATIONS = "chalicelib/migrations"
API = Path(__file__).with_name("release_api.py")


class NoHistory(Exception):
    """There is no earlier release to be had. The message says why."""


def previous_release(directory: Path) -> str:
    """Unpack the code as it was before its newest migration, and say which commit that is. Raises NoHistory."""
    if _git("rev-parse", "--is-shallow-repository") != "false":
        raise NoHistory(
            "this is no whole clone: fetch the history (git fetch --unshallow) to run old and new side by side"
        )
    commit = _git("rev-parse", "--verify", "--quiet", _git("log", "-1", "--format=%H", "--", MIGRATIONS) + "^1")
    if not commit:
        raise NoHistory("no commit comes before the newest migration")
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    directory.mkdir()
    # Python's own tarfile wants another call before 3.11.4
    subprocess.run(["tar", "-x"], cwd=directory, input=archive, check=True)
    return commit


def _git(*arguments: str) -> str:
    """What it says; nothing where it fails."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


@dataclass(frozen=True)
class Release:
    """Code in a directory, and the settings that all releases share."""

    directory: Path
    settings: Mapping[str, str]

    def migrate(self) -> None:
        command = [sys.executable, "-m", "chalicelib.cli", "migrate"]
        subprocess.run(command, cwd=self.directory, env=self._environment(), check=True, capture_output=True)

    @contextlib.contextmanager
    def worker(self, log: Path) -> Iterator[int]:
        """Its process id."""
        command = [sys.executable, "-m", "worker_fn", "--concurrency", "4", "--grace", "5"]
        with log.open("ab") as output:
            worker = subprocess.Popen(
                command, cwd=self.directory, env=self._environment(), stdout=output, stderr=output
            )
        try:
            yield worker.pid
        finally:
            worker.terminate()
            worker.wait(30)

    @contextlib.contextmanager
    def api(self, log: Path) -> Iterator[Api]:
        command = [sys.executable, str(API)]
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=self.directory,
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
            )
        with process:
            yield Api(process)

    def _environment(self) -> dict[str, str]:
        """The directory comes before whatever is installed."""
        return {**os.environ, **self.settings, "PYTHONPATH": str(self.directory)}


class Api:
    """A release's API."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def submit(self, **job: object) -> str:
        """The id."""
        answer = self._ask(call="post", path="/jobs", body=job)
        assert answer["status"] == 201, answer
        made: str = answer["body"]["id"]
        return made

    def connect(self, connection_id: str) -> None:
        answer = self._ask(call="connect", connection_id=connection_id)
        assert answer["statusCode"] == 200, answer

    def ping(self, connection_id: str) -> None:
        self._ask(call="ping", connection_id=connection_id)

    def _ask(self, **asked: object) -> Any:
        sent, heard = self._process.stdin, self._process.stdout
        assert sent is not None
        assert heard is not None
        sent.write(json.dumps(asked) + "\n")
        sent.flush()
        line = heard.readline()
        assert line, "the API has died"
        return json.loads(line)
