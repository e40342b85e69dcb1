"""What of an app is there, as Chalice would have written it down.

Chalice keeps its record in a file, and only after a deployment that came to its end. Whoever deploys from another computer, or
after an interruption, has no such file: Chalice would make a second REST API. So the record is made by looking, every time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.aws.apps import ROUTES, SOCKETS, App
from infra.aws.stage import Stage

Resource = dict[str, str]
API_STAGE = "api"
MISSING = ("ResourceNotFoundException", "NotFoundException")


def record(stage: Stage, app: App) -> list[Resource]:
    """Its functions, rules and APIs."""
    return [*_functions(stage, app), *_rules(stage, app), *_rest_api(stage, app), *_websocket_api(stage, app)]


def expected(app: App) -> set[str]:
    """The names that a whole record has."""
    names = {function.name for function in app.functions} | {f"{name}-event" for name in app.schedules}
    apis = {ROUTES: "rest_api", SOCKETS[0]: "websocket_api"}
    return names | {api for function, api in apis.items() if function in names}


def write(project: Path, stage: Stage, resources: list[Resource]) -> None:
    """Where Chalice looks for it."""
    file = project / ".chalice" / "deployed" / f"{stage.name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"resources": resources, "schema_version": "2.0", "backend": "api"}
    file.write_text(json.dumps(content, indent=2))


def api_ids(resources: list[Resource]) -> dict[str, str]:
    """RestApiId and WebsocketApiId, as far as they are there."""
    kinds = {"rest_api": ("RestApiId", "rest_api_id"), "websocket_api": ("WebsocketApiId", "websocket_api_id")}
    found = [(*kinds[each["name"]], each) for each in resources if each["name"] in kinds]
    return {name: each[key] for name, key, each in found}


def _functions(stage: Stage, app: App) -> Iterator[Resource]:
    functions = stage.client("lambda")
    for function in app.functions:
        name = app.function_name(stage.name, function.name)
        if found := _found(functions.get_function, FunctionName=name):
            arn = found["Configuration"]["FunctionArn"]
            yield {"name": function.name, "resource_type": "lambda_function", "lambda_arn": arn}


def _rules(stage: Stage, app: App) -> Iterator[Resource]:
    for name in app.schedules:
        rule = f"{app.function_name(stage.name, name)}-event"
        if _found(stage.client("events").describe_rule, Name=rule):
            yield {"name": f"{name}-event", "resource_type": "cloudwatch_event", "rule_name": rule}


def _rest_api(stage: Stage, app: App) -> Iterator[Resource]:
    """All stages' are called the same: ours is the one that calls our function."""
    if "rest_api" not in expected(app):
        return
    gateway = stage.client("apigateway")
    ours = f":function:{app.function_name(stage.name, ROUTES)}/"
    for page in gateway.get_paginator("get_rest_apis").paginate():
        for api in page.get("items", []):
            if api["name"] == app.chalice_name and any(ours in uri for uri in _uris(gateway, api["id"])):
                yield _api("rest_api", "https", stage, api["id"])


def _uris(gateway: Any, api_id: str) -> Iterator[str]:
    """Of what it calls."""
    for page in gateway.get_paginator("get_resources").paginate(restApiId=api_id, embed=["methods"]):
        for resource in page["items"]:
            for method in resource.get("resourceMethods", {}).values():
                yield method.get("methodIntegration", {}).get("uri", "")


def _websocket_api(stage: Stage, app: App) -> Iterator[Resource]:
    if "websocket_api" not in expected(app):
        return
    name = f"{app.chalice_name}-{stage.name}-websocket-api"
    for page in stage.client("apigatewayv2").get_paginator("get_apis").paginate():
        for api in page["Items"]:
            if api["Name"] == name:
                yield _api("websocket_api", "wss", stage, api["ApiId"])


def half_made(stage: Stage, app: App) -> list[str]:
    """WebSocket APIs without a stage, of a deployment that was interrupted: Chalice never gives them one later."""
    ids = [resource["websocket_api_id"] for resource in _websocket_api(stage, app)]
    return [api_id for api_id in ids if not _has_stage(stage, api_id)]


def _has_stage(stage: Stage, api_id: str) -> bool:
    stages = stage.client("apigatewayv2").get_stages(ApiId=api_id)["Items"]
    return any(each["StageName"] == API_STAGE for each in stages)


def _api(kind: str, scheme: str, stage: Stage, api_id: str) -> Resource:
    url = f"{scheme}://{api_id}.execute-api.{stage.region}.amazonaws.com/{API_STAGE}/"
    return {"name": kind, "resource_type": kind, f"{kind}_id": api_id, f"{kind}_url": url}


def _found(ask: Any, **names: str) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = ask(**names)
    except ClientError as error:
        if error.response["Error"]["Code"] not in MISSING:
            raise
        return None
    return answer
