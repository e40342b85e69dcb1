"""What the README says is true: its diagram, its make targets and its example handler. Its curl commands run in tests/e2e."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import msgspec
import pytest

from chalicelib.handlers.registry import Registry
from chalicelib.jobs import MOVES
from tests.samples import an_attempt

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_diagram_shows_the_table_of_moves() -> None:
    (drawn,) = [block for block in blocks("mermaid") if block.startswith("stateDiagram")]

    edges = [f"    {source} --> {move.target}: {move.name}" for move in MOVES for source in sorted(move.sources)]
    assert drawn.splitlines()[1:] == edges


def test_every_make_target_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", README, re.MULTILINE)) <= targets


def test_every_path_it_names_exists() -> None:
    named = re.findall(r"^\| `([^`]+)` \|", README, re.MULTILINE) + re.findall(r"!\[.*?\]\((.+?)\)", README)

    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_no_shell_takes_the_command_for_one_of_its_own() -> None:
    (command,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    builtins = subprocess.run(["bash", "-c", "compgen -b"], capture_output=True, text=True, check=True).stdout.split()

    assert "jobs" in builtins
    assert command not in builtins
    assert f"`{command}`" in README


def test_the_example_handler_works(monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib.handlers import registry as handlers

    added = Registry()
    monkeypatch.setattr(handlers, "_types", added._types)
    monkeypatch.setattr(handlers, "_declared", added._declared)
    module = {"__name__": "greetings"}
    for example in blocks("python"):
        exec(compile(example, "README.md", "exec"), module)  # noqa: S102

    job_type = added.get("greet")
    context = an_attempt()
    assert job_type.run(job_type.decode(msgspec.json.encode({"name": "Ada"})), context) == ["Hello, Ada!"]
    (declared,) = added._declared
    assert declared.run is added.get("greet_all").run
