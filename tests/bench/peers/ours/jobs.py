"""The bench's job types, as an application would write them."""

from __future__ import annotations

from typing import TypedDict

from chalicelib.handlers.registry import JobContext, job
from tests.bench.peers.inside import stamps


class Payload(TypedDict):
    number: int
    note: str


@job("bench_noop")
def noop(payload: Payload, context: JobContext) -> int:
    return stamps.noop(payload["number"])


@job("bench_sleep")
def sleep(payload: Payload, context: JobContext) -> int:
    return stamps.sleep(payload["number"])
