"""What one part of a deployment has to know of the others, by the names that the templates' parameters have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from infra.aws import templates
from infra.aws.apps import API, OPTIONS, ROUTES, WORKER
from infra.aws.record import api_ids, record
from infra.aws.settings import chosen_before
from infra.aws.stacks import Stack
from infra.aws.stage import Stage
from infra.aws.templates import CONCERNS, Parameter
from infra.local.steps import StepFailed

FOUND_OUT = [
    "Stage",
    "VpcId",
    "SubnetIds",
    "ClientSecurityGroupId",
    "DatabaseSecretArn",
    "CacheSecretArn",
    "SettingsSecretArn",
    "SettingsVersion",
    "RestApiId",
    "WebsocketApiId",
    "ApiFunctionName",
    "WorkerFunctionNames",
    "DatabaseId",
    "DatabaseDimension",
    "CacheId",
    "LostCallsName",
    "LostCallsArn",
    "ImageSources",
]


class Facts:
    """Of one stage. They grow with every stack that is there."""

    def __init__(self, stage: Stage, chosen: Mapping[str, str]) -> None:
        self._stage = stage
        self.chosen = chosen
        self.known: dict[str, str] = {
            "Stage": stage.name,
            "ApiFunctionName": API.function_name(stage.name, ROUTES),
            "WorkerFunctionNames": ",".join(WORKER.function_name(stage.name, name) for name in ("tick", "run")),
        }

    def learn(self, new: Mapping[str, str]) -> None:
        self.known |= new
        if "PrivateSubnetIds" in new:
            self.known["SubnetIds"] = new["PrivateSubnetIds"]

    def look(self) -> None:
        """At everything that is there."""
        for concern in CONCERNS:
            self.learn(Stack(self._stage, concern).outputs())
        self.learn(api_ids(record(self._stage, API)))

    def values(self, concern: str) -> dict[str, str]:
        """The stack's parameters, as far as they are known or chosen."""
        names = templates.parameters(self._stage.template(concern))
        return {name: value for name, value in {**self.chosen, **self.known}.items() if name in names}

    def effective(self) -> dict[str, str]:
        """Each parameter that has a value: chosen, or of the last time, or the default."""
        defaults = {each.name: each.default for each in templates.all_parameters(self._stage.templates).values()}
        before: dict[str, str] = {}
        for concern in CONCERNS:
            before |= Stack(self._stage, concern).parameters()
        return {name: value for name, value in {**defaults, **before, **self.chosen}.items() if value is not None}

    def sizes_asked(self) -> dict[str, str]:
        """Of functions: chosen now, or the last time."""
        return chosen_before(self._stage) | dict(self.chosen)


def options(directory: Path) -> dict[str, Parameter]:
    """All that a person may choose. directory: of the templates."""
    own = {option.name: option for option in OPTIONS}
    found = templates.all_parameters(directory)
    return own | {name: each for name, each in found.items() if name not in FOUND_OUT}


def choose(stage: Stage, words: str) -> dict[str, str]:
    """Raises StepFailed."""
    chosen = templates.chosen(words, options(stage.templates))
    for option in OPTIONS:
        if option.name in chosen and not chosen[option.name].isdigit():
            raise StepFailed(f"{option.name} must be a number, not {chosen[option.name]!r}.", option.says)
    return chosen
