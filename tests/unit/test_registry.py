from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

import msgspec
import pytest

from chalicelib.errors import InvalidPayload, UnknownJobType
from chalicelib.handlers.registry import JobContext, Registry, job


class AsStruct(msgspec.Struct):
    n: int


@dataclass
class AsDataclass:
    n: int


class AsTypedDict(TypedDict):
    n: int


def registered(payload_type: Any) -> Registry:
    def handler(payload: Any, context: JobContext) -> None:
        """Does it."""

    handler.__annotations__["payload"] = payload_type
    registry = Registry()
    job("it", timeout=timedelta(seconds=5), max_attempts=9, into=registry)(handler)
    return registry


@pytest.mark.parametrize("payload_type", [AsStruct, AsDataclass, AsTypedDict])
def test_the_payloads_annotation_is_its_schema(payload_type: Any) -> None:
    job_type = registered(payload_type).get("it")

    job_type.decode(b'{"n": 1}')
    with pytest.raises(InvalidPayload) as refused:
        job_type.decode(b'{"n": "one"}')

    assert refused.value.path == "$.payload.n"
    assert job_type.json_schema()["$defs"][payload_type.__name__]["properties"]["n"] == {"type": "integer"}


def test_a_job_type_has_the_defaults_its_handler_declares() -> None:
    job_type = registered(AsStruct).get("it")

    assert (job_type.timeout, job_type.max_attempts, job_type.description) == (timedelta(seconds=5), 9, "Does it.")


def test_two_handlers_cannot_have_one_name() -> None:
    registry = registered(AsStruct)

    with pytest.raises(ValueError, match="two handlers"):
        job("it", into=registry)(lambda payload, context: None)


def test_an_unknown_job_type_names_the_known_ones() -> None:
    with pytest.raises(UnknownJobType, match="known: it"):
        registered(AsStruct).get("that")
