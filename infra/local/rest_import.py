"""Teaches the emulator ImportRestApi and PutRestApi, the two calls ``chalice deploy`` needs and it lacks.

Its own parser of OpenAPI paths does most of the work; it forgets templates and responses, so those are put again. An API's
id comes from its name: it stays the same when the emulator starts from nothing, and other programs can work it out.
"""

# ruff: noqa: SLF001 - the emulator has no public way in; ``require`` notices when the private one changes

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator
from types import ModuleType
from typing import Any

from infra.local.emulator_parts import require

Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[Response]]
Document = dict[str, Any]

INTEGRATION = "x-amazon-apigateway-integration"
BINARY_TYPES = "x-amazon-apigateway-binary-media-types"
VERBS = {"get", "post", "put", "delete", "patch", "head", "options"}
REST_NAMES = [
    "handle_request",
    "_rest_apis",
    "_resources",
    "_authorizers_v1",
    "_create_rest_api",
    "_delete_rest_api",
    "_get_rest_api",
    "_import_security_schemes",
    "_import_path_item",
    "_put_integration",
    "_put_method_response",
    "_put_integration_response",
]
WEBSOCKET_NAMES = ["handle_request", "_apis", "_delete_api"]


def stable_id(name: str) -> str:
    """Ten hexadecimal digits, like API Gateway's own."""
    return hashlib.sha256(name.encode()).hexdigest()[:10]


class RestApis:
    """REST APIs as whole documents, over the emulator's module for their parts."""

    def __init__(self, gateway: ModuleType) -> None:
        require(gateway, REST_NAMES)
        self._gateway: Any = gateway
        self._inner: Handler = gateway.handle_request

    async def handle_request(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Response:
        match method, path.strip("/").split("/"):
            case "POST", ["restapis"] if _first(query.get("mode")) == "import":
                return self._import(json.loads(body))
            case "PUT", ["restapis", api_id]:
                return self._overwrite(api_id, json.loads(body))
            case "PATCH", ["restapis", _]:
                body = json.dumps(_patched(json.loads(body))).encode()
        return await self._inner(method, path, headers, body, query)

    def _import(self, document: Document) -> Response:
        name = document["info"]["title"]
        api_id = stable_id(name)
        self._gateway._delete_rest_api(api_id)
        self._gateway._create_rest_api({"name": name, "tags": {"ms-custom-id": api_id}})
        self._fill(api_id, document)
        return 201, *self._described(api_id)

    def _overwrite(self, api_id: str, document: Document) -> Response:
        if api_id in self._gateway._rest_apis:
            self._clear(api_id)
            self._fill(api_id, document)
        answer: Response = self._gateway._get_rest_api(api_id)
        return answer

    def _described(self, api_id: str) -> tuple[dict[str, str], bytes]:
        _, headers, body = self._gateway._get_rest_api(api_id)
        return headers, body

    def _clear(self, api_id: str) -> None:
        resources = self._gateway._resources[api_id]
        root = next(resource for resource in resources.values() if resource["path"] == "/")
        root["resourceMethods"].clear()
        self._gateway._resources[api_id] = {root["id"]: root}
        self._gateway._authorizers_v1[api_id] = {}

    def _fill(self, api_id: str, document: Document) -> None:
        self._gateway._rest_apis[api_id]["binaryMediaTypes"] = document.get(BINARY_TYPES, [])
        authorizers = self._gateway._import_security_schemes(api_id, document)
        for path, item in document["paths"].items():
            self._gateway._import_path_item(api_id, path, item, authorizers, document.get("security"))
        for path, verb, operation in _operations(document):
            self._complete(api_id, self._resource_id(api_id, path), verb, operation)

    def _resource_id(self, api_id: str, path: str) -> str:
        wanted = path.rstrip("/") or "/"
        found: str = next(key for key, value in self._gateway._resources[api_id].items() if value["path"] == wanted)
        return found

    def _complete(self, api_id: str, resource_id: str, verb: str, operation: Document) -> None:
        place = api_id, resource_id, verb
        integration = operation[INTEGRATION]
        self._gateway._put_integration(*place, integration | {"type": integration["type"].upper()})
        for status, response in operation.get("responses", {}).items():
            self._gateway._put_method_response(*place, status, _method_response(response))
        for pattern, response in integration.get("responses", {}).items():
            selection = {} if pattern == "default" else {"selectionPattern": pattern}
            self._gateway._put_integration_response(*place, response["statusCode"], response | selection)


class WebSocketApis:
    """WebSocket APIs whose id comes from their name. Creating one again replaces it."""

    def __init__(self, gateway: ModuleType) -> None:
        require(gateway, WEBSOCKET_NAMES)
        self._gateway: Any = gateway
        self._inner: Handler = gateway.handle_request

    async def handle_request(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Response:
        if method == "POST" and path.strip("/") == "v2/apis":
            body = self._with_stable_id(json.loads(body))
        return await self._inner(method, path, headers, body, query)

    def _with_stable_id(self, request: Document) -> bytes:
        api_id = stable_id(request["name"])
        if api_id in self._gateway._apis:
            self._gateway._delete_api(api_id)
        tags = request.get("tags", {}) | {"ms-custom-id": api_id}
        return json.dumps(request | {"tags": tags}).encode()


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _patched(request: Document) -> Document:
    """Chalice's patch, without what the emulator would store in a form it cannot read back."""
    operations = [
        operation
        | ({"value": None} if operation["path"] == "/minimumCompressionSize" and not operation["value"] else {})
        for operation in request.get("patchOperations", [])
        if not operation["path"].startswith("/endpointConfiguration/types")
    ]
    return request | {"patchOperations": operations}


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            if verb in VERBS and INTEGRATION in operation:
                yield path, verb.upper(), operation


def _method_response(response: Document) -> Document:
    headers = {f"method.response.header.{name}": False for name in response.get("headers", {})}
    return {"responseModels": {"application/json": "Empty"}, "responseParameters": headers}
