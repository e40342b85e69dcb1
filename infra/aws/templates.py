"""What the stacks' templates say of themselves, and what a person chose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.local.steps import StepFailed

CONCERNS = ("network", "data", "roles", "edge", "alarms", "service")


@dataclass(frozen=True)
class Parameter:
    """default: None where whoever makes the stack must know."""

    name: str
    says: str
    default: str | None
    allowed: tuple[str, ...]


class _Loader(yaml.SafeLoader):
    """Functions of CloudFormation become what they are called with: here nobody evaluates them."""


def _plain(loader: _Loader, _suffix: str, node: yaml.Node) -> Any:
    match node:
        case yaml.ScalarNode():
            return loader.construct_scalar(node)
        case yaml.SequenceNode():
            return loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            return loader.construct_mapping(node, deep=True)


_Loader.add_multi_constructor("!", _plain)


def read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.load(file.read_text(), Loader=_Loader)  # noqa: S506 - a SafeLoader
    return content


def parameters(file: Path) -> dict[str, Parameter]:
    """By name."""
    return {name: _parameter(name, said) for name, said in read(file).get("Parameters", {}).items()}


def _parameter(name: str, said: Mapping[str, Any]) -> Parameter:
    default = said.get("Default")
    allowed = tuple(str(value) for value in said.get("AllowedValues", ()))
    return Parameter(name, said.get("Description", ""), None if default is None else str(default), allowed)


def kinds(file: Path) -> dict[str, int]:
    """How many resources of which kind there may be; conditions may leave some out."""
    found: dict[str, int] = {}
    for resource in read(file)["Resources"].values():
        found[resource["Type"]] = found.get(resource["Type"], 0) + 1
    return found


def all_parameters(directory: Path) -> dict[str, Parameter]:
    """Of all templates in it. The same name means the same in each."""
    found: dict[str, Parameter] = {}
    for concern in CONCERNS:
        found |= parameters(directory / f"{concern}.yaml")
    return found


def chosen(words: str, known: Mapping[str, Parameter]) -> dict[str, str]:
    """What a person says in OPTIONS, like ``Database=aurora MinTasks=1``. Raises StepFailed."""
    pairs = [word.partition("=") for word in words.split()]
    for name, _, value in pairs:
        _check(name, value, known)
    return {name: value for name, _, value in pairs}


def _check(name: str, value: str, known: Mapping[str, Parameter]) -> None:
    if name not in known:
        raise StepFailed(f"There is no option {name}.", "make deploy-options lists them all.")
    allowed = known[name].allowed
    if allowed and value not in allowed:
        raise StepFailed(f"{name} cannot be {value!r}.", f"It can be: {', '.join(allowed)}")
