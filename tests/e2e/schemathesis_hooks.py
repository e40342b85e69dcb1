"""Leaves out what a schema would allow and cannot say: URLs that lead nowhere, headers that HTTP forbids, times that are over,
cron expressions and time zones that there are not, jobs that nobody has submitted."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import schemathesis

from chalicelib.errors import InvalidInput
from chalicelib.handlers.http_request import HttpRequest
from chalicelib.handlers.sources import check_url
from chalicelib.timing import KINDS as KIND_NAMES
from chalicelib.timing import Timing

KINDS, TIMING = set(KIND_NAMES), set(Timing.__struct_fields__)


@schemathesis.hook
def filter_case(context: Any, case: schemathesis.Case[Any]) -> bool:
    body: Any = case.body
    if not isinstance(body, dict):
        return True
    jobs = body["jobs"] if isinstance(body.get("jobs"), list) else [body]
    if "job" in body or "count" in body or KINDS & body.keys():
        return _can_be_meant(body.get("job")) and _can_be_scheduled(body.get("job")) and _names_times(body)
    if "from" in body or "to" in body:
        return _is_range(body)
    return all(_can_be_meant(job) for job in jobs) and not _is_over(body.get("expires_at"))


@schemathesis.hook
def map_case(context: Any, case: schemathesis.Case[Any]) -> schemathesis.Case[Any]:
    """To JSON Schema 6.0 is an integer; to us it is not, and no client writes one so."""
    case.body = _whole(case.body)
    return case


def _whole(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {name: _whole(part) for name, part in value.items()}
        case list():
            return [_whole(part) for part in value]
        case _:
            return value


def _can_be_scheduled(job: Any) -> bool:
    """The schedule says when, and whether its jobs may meet; they depend on no others."""
    if not isinstance(job, dict):
        return True
    names = "run_at", "delay_seconds", "unique", "depends_on"
    return not any(job.get(name) for name in names) and job.get("if_dependency_fails") != "run"


def _can_be_meant(job: Any) -> bool:
    payload: Any = job.get("payload") if isinstance(job, dict) else None
    if isinstance(job, dict) and job.get("run_at") and job.get("delay_seconds"):
        return False  # one of them at most
    if isinstance(job, dict) and _names_others(job.get("depends_on")):
        return False
    match payload:
        case {"url": None, "text": None}:
            return False  # that one is to be given, the description does say, but boundary values are made without reading it
        case {"url": str(url)}:
            headers = payload.get("headers")
            return _leads_somewhere(url, headers if isinstance(headers, dict) else {})
        case _:
            return True


def _names_others(depends_on: Any) -> bool:
    """As the schema has it: by ids, or by places in a batch. There is no such job."""
    return isinstance(depends_on, list) and depends_on != [] and all(map(_is_name, _whole(depends_on)))


def _is_name(value: Any) -> bool:
    if isinstance(value, str):
        return _UUID.fullmatch(value) is not None
    return type(value) is int and value >= 0


_UUID = re.compile("[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


def _leads_somewhere(url: str, headers: dict[str, Any]) -> bool:
    try:
        check_url(url)
        HttpRequest(url="http://localhost", headers=headers)
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def _names_times(body: dict[str, Any]) -> bool:
    """A preview may be of times that are over; what is kept has one to come."""
    try:
        timing = msgspec.convert({name: body[name] for name in TIMING & body.keys()}, Timing)
        return timing.times(datetime.now(UTC)).first_after(datetime.now(UTC)) is not None or "job" not in body
    except (InvalidInput, msgspec.ValidationError, ValueError, OverflowError):
        return False


def _is_range(body: dict[str, Any]) -> bool:
    try:
        return datetime.fromisoformat(body["from"]) < datetime.fromisoformat(body["to"])
    except (KeyError, TypeError, ValueError):
        return False


def _is_over(moment: Any) -> bool:
    try:
        return datetime.fromisoformat(moment) <= datetime.now(UTC)
    except (TypeError, ValueError):
        return False
