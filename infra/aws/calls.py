"""How Lambda calls a stage's functions: how many at once are kept for them, and what becomes of calls that are lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra.aws.apps import API, WORKER, App
from infra.aws.stage import Stage


def kept_apart(stage: Stage) -> int:
    """How many calls at once this stage's functions have reserved already."""
    names = [app.function_name(stage.name, function.name) for app in (API, WORKER) for function in app.functions]
    return sum(_reserved(stage.client("lambda"), name) for name in names)


def _reserved(functions: Any, name: str) -> int:
    try:
        found = functions.get_function_concurrency(FunctionName=name)
    except functions.exceptions.ResourceNotFoundException:
        return 0
    return int(found.get("ReservedConcurrentExecutions") or 0)


def keep_lost_calls(stage: Stage, app: App, names: Mapping[str, int], queue: str) -> bool:
    """Let Lambda call them once and not three times: the next tick does what a lost one should have. Whether that was new.

    names: of functions, with the seconds that a call may wait for its turn. queue: the ARN of where lost calls go.
    """
    new = [_call_once(stage, app.function_name(stage.name, name), seconds, queue) for name, seconds in names.items()]
    return any(new)


def _call_once(stage: Stage, function: str, seconds: int, queue: str) -> bool:
    functions = stage.client("lambda")
    wanted = {
        "MaximumRetryAttempts": 0,
        "MaximumEventAgeInSeconds": seconds,
        "DestinationConfig": {"OnFailure": {"Destination": queue}},
    }
    try:
        now = functions.get_function_event_invoke_config(FunctionName=function)
    except ClientError:
        now = {}
    if _holds(now, wanted):
        return False
    functions.put_function_event_invoke_config(FunctionName=function, **wanted)
    return True


def _holds(now: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """AWS adds empty parts to what it was told."""
    destination = now.get("DestinationConfig", {}).get("OnFailure", {})
    plain = {name: now.get(name) for name in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")}
    return plain | {"DestinationConfig": {"OnFailure": destination}} == wanted
