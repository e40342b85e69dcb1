"""The CloudFormation templates as Python values: intrinsic functions are dictionaries, as in JSON."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.decode import decode_str

ROOT = Path(__file__).resolve().parents[2]
DIRECTORY = ROOT / "infra" / "cloud"
NAMES = ("network", "data", "roles", "edge", "service", "alarms")  # in the order in which they can be made

# Parameters without a default that no stack tells: Chalice does, or the deployment itself.
FROM_ELSEWHERE = {
    "Stage",
    "SubnetIds",
    "SettingsSecretArn",
    "SettingsVersion",
    "ImageSources",
    "RestApiId",
    "WebsocketApiId",
    "ApiFunctionName",
    "WorkerFunctionNames",
}

Value = dict[str, Any]


def text(name: str) -> str:
    return (DIRECTORY / f"{name}.yaml").read_text()


@cache
def template(name: str) -> Value:
    document, problems = decode_str(text(name))
    assert not problems
    assert document is not None
    return dict(document)


def with_one_queue(name: str) -> str:
    """A template with the same parameters, of which moto can make a stack."""
    return text(name).partition("Conditions:")[0] + "Resources:\n  Queue: {Type: 'AWS::SQS::Queue'}\n"


def resource(name: str, logical_id: str) -> Value:
    """Its properties."""
    properties: Value = template(name)["Resources"][logical_id]["Properties"]
    return properties


def resources(kind: str) -> Iterator[tuple[str, str, Value]]:
    """Template, logical id and the whole resource, of all templates."""
    for name in NAMES:
        for logical_id, found in template(name)["Resources"].items():
            if found["Type"] == kind:
                yield name, logical_id, found


def alternatives(value: Any) -> Iterator[Any]:
    """What an Fn::If may come to, all the way down; None for what is left out."""
    if isinstance(value, dict) and set(value) == {"Fn::If"}:
        for branch in value["Fn::If"][1:]:
            yield from alternatives(branch)
    elif value == {"Ref": "AWS::NoValue"}:
        yield None
    else:
        yield value


def each(value: Any) -> Iterator[Any]:
    """The elements of a list, or the one value that stands for a list of one; of both branches of an Fn::If."""
    for found in alternatives(value):
        for element in found if isinstance(found, list) else [found]:
            yield from (one for one in alternatives(element) if one is not None)
