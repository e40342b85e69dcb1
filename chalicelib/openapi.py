"""The API's description, OpenAPI 3.1, made from the table of routes and the types that the views are annotated with."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from chalicelib import examples
from chalicelib.answers import Problem
from chalicelib.errors import (
    Forbidden,
    InvalidInput,
    MalformedJson,
    RateLimited,
    SchedulerError,
    StoreUnavailable,
    TooLarge,
    Unauthenticated,
)
from chalicelib.handlers.registry import Registry
from chalicelib.routes import Route, is_optional
from chalicelib.schemas import REF, Schema, completed, for_browsers
from chalicelib.submissions import Submission
from chalicelib.views import JobView
from chalicelib.wire import BASE, JSON, PROBLEM, REQUEST_ID, STATUS_CODES

TITLE = "Job Scheduler"
INTRODUCTION = """Jobs are submitted over HTTP, kept in Postgres, and run by workers. Delivery is at least once; the outcome is
committed exactly once.

Send an API key with every request: `Authorization: Bearer js_…`. A key has the role `viewer`, `operator` or `admin`, and
each may do what those before it may. Whatever is wrong comes back as a problem document (RFC 9457) whose `code` is for
programs. Lists are paged by the `Link` header; times are UTC."""
_BY_ROLE = "Takes the role `{role}` or a higher one."

_HEADERS: Schema = {
    REQUEST_ID: {"description": "Names this request in the logs.", "schema": {"type": "string"}},
}
_LINK: Schema = {
    "Link": {"description": 'The next page, `rel="next"`; absent on the last one.', "schema": {"type": "string"}}
}
_ETAG: Schema = {"ETag": {"description": "Of what is shown.", "schema": {"type": "string"}}}
_LOCATION: Schema = {"Location": {"description": "Where the job is.", "schema": {"type": "string"}}}


def document(table: Sequence[Route], registry: Registry) -> Schema:
    types = _types(table, registry)
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    by_type = dict(zip(map(_key, types), schemas, strict=True))
    described = {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": "1", "description": INTRODUCTION},
        "servers": [{"url": BASE}],
        "paths": _paths(table, by_type),
        "components": {
            "schemas": completed(
                components, registry, {name: by_type[_key(each.payload_type)] for name, each in registry.all().items()}
            ),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key, `js_…`."}},
        },
    }
    result: Schema = for_browsers(described)
    return result


def _types(table: Sequence[Route], registry: Registry) -> list[Any]:
    found: list[Any] = [Problem, Submission, JobView]
    for route in table:
        found += [shape for name, shape in route.takes.items() if name != "call"]
        found += [route.gives] if route.gives not in (None, type(None)) else []
    found += [job_type.payload_type for job_type in registry.all().values()]
    return [*{_key(shape): shape for shape in found}.values()]


def _key(shape: Any) -> str:
    return repr(shape)


def _paths(table: Sequence[Route], by_type: Mapping[str, Schema]) -> Schema:
    paths: Schema = {}
    for route in table:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_type)
    return paths


def _operation(route: Route, by_type: Mapping[str, Schema]) -> Schema:
    summary, _, rest = (inspect.getdoc(route.view) or "").replace("``", "`").partition("\n")
    role = [] if route.role is None else [_BY_ROLE.format(role=route.role)]
    operation: Schema = {
        "operationId": route.name,
        "tags": [_tag(route)],
        "summary": summary.rstrip("."),
        "description": "\n\n".join([text for text in (rest.strip(), *role) if text]),
        "parameters": _parameters(route, by_type),
        "responses": _responses(route, by_type),
        "security": [] if route.role is None else [{"key": []}],
    }
    if "body" in route.takes:
        operation["requestBody"] = _request_body(route.takes["body"], by_type)
    return operation


def _tag(route: Route) -> str:
    first = route.path.split("/")[1]
    return first if route.role is not None and first else "service"


def _parameters(route: Route, by_type: Mapping[str, Schema]) -> list[Schema]:
    named = [name for name in route.takes if f"{{{name}}}" in route.path]
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": by_type[_key(route.takes[name])]} for name in named
    ]
    return [*parameters, *_of_form(route, "query", "query"), *_of_form(route, "headers", "header")]


def _of_form(route: Route, name: str, place: str) -> list[Schema]:
    """The fields of a form as parameters."""
    if name not in route.takes:
        return []
    (schema,), components = msgspec.json.schema_components([route.takes[name]], ref_template=REF)
    properties = components[schema["$ref"].rsplit("/", 1)[1]]["properties"]
    return [{"name": field, "in": place, "required": False, **_described(shape)} for field, shape in properties.items()]


def _described(schema: Schema) -> Schema:
    return {"schema": schema, **({"description": schema["description"]} if "description" in schema else {})}


def _request_body(shape: Any, by_type: Mapping[str, Schema]) -> Schema:
    content: Schema = {"schema": by_type[_key(shape)]}
    if shape in examples.BODIES:
        content["examples"] = {name: {"value": value} for name, value in examples.BODIES[shape].items()}
    return {"required": not is_optional(shape), "content": {JSON: content}}


def _responses(route: Route, by_type: Mapping[str, Schema]) -> Schema:
    responses: Schema = {}
    for status, meaning in route.statuses.items():
        responses[str(int(status))] = {
            "description": meaning,
            "headers": _HEADERS | _more_headers(route, status),
            **_content(route, status, by_type),
        }
    for number, codes in sorted(_failures(route).items()):
        responses[str(number)] = _failure(HTTPStatus(number), codes)
    return responses


def _more_headers(route: Route, status: HTTPStatus) -> Schema:
    if "If-None-Match" in getattr(route.takes.get("headers"), "__struct_encode_fields__", ()):
        return _ETAG
    if route.gives is JobView and status is HTTPStatus.CREATED:
        return _LOCATION
    return _LINK if "cursor" in getattr(route.takes.get("query"), "__struct_fields__", ()) else {}


def _content(route: Route, status: HTTPStatus, by_type: Mapping[str, Schema]) -> Schema:
    if status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
        return {}
    media: Schema = {"schema": _shown(route, by_type[_key(route.gives)])}
    if route.name in examples.ANSWERS:
        media["example"] = examples.ANSWERS[route.name]
    elif route.gives is JobView:
        media["example"] = examples.JOB
    return {"content": {route.content_type.partition(";")[0]: media}}


def _shown(route: Route, schema: Schema) -> Schema:
    """Where some fields of a job can be asked for, none of them is required."""
    if "fields" not in getattr(route.takes.get("query"), "__struct_fields__", ()):
        return schema
    text = msgspec.json.encode(schema).decode().replace(REF.format(name="JobView"), REF.format(name="PartialJob"))
    partial: Schema = msgspec.json.decode(text)
    return partial


def _failures(route: Route) -> dict[int, list[str]]:
    """Codes by status."""
    kinds: list[type[SchedulerError]] = [InvalidInput, StoreUnavailable, *route.fails]
    kinds += [Unauthenticated, Forbidden, RateLimited] if route.role is not None else []
    kinds += [MalformedJson, TooLarge] if "body" in route.takes else []
    failures: dict[int, list[str]] = {500: ["internal_server_error"]}
    if "body" in route.takes:
        failures[415] = ["unsupported_media_type"]
    for kind in kinds:
        status = next(int(code) for known, code in STATUS_CODES.items() if issubclass(kind, known))
        failures.setdefault(status, []).append(kind.code)
    return {status: codes for status, codes in failures.items() if status not in route.statuses}


def _failure(status: HTTPStatus, codes: Sequence[str]) -> Schema:
    example = {
        "type": "about:blank",
        "title": status.phrase,
        "status": int(status),
        "detail": status.description or status.phrase,
        "code": codes[0],
        "request_id": "a93de52d-362d-4879-b600-e565f4ca7df2",
    }
    media = {"schema": {"$ref": REF.format(name="Problem")}, "example": example}
    headers = _HEADERS | ({"Retry-After": {"schema": {"type": "string"}}} if int(status) in (429, 503) else {})
    described = f"{status.phrase}: " + ", ".join(f"`{code}`" for code in codes)
    return {"description": described, "headers": headers, "content": {PROBLEM: media}}
