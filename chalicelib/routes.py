"""The table of routes, from which the API is served and described: each view's annotations say what it takes and gives.

A view takes ``call`` first; then, as it needs them, ``query``, ``headers`` and ``body``, decoded as they are annotated, and
what its path names. It returns a ``Reply``, whose parameter is what the answer holds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from chalice.app import Chalice, CORSConfig, Request, Response
from uuid_utils.compat import uuid7

from chalicelib import wire
from chalicelib.callers import ANYONE, Caller, Deed, Role
from chalicelib.decoding import decoded, refuse_repeated_names
from chalicelib.errors import InvalidInput, SchedulerError, StoreUnavailable, TooLarge
from chalicelib.forms import NoQuery, headers_of, query_of
from chalicelib.gatekeeper import Gatekeeper
from chalicelib.patterns import in_words

logger = logging.getLogger(__name__)

BODY_BYTES = 5 * 1024 * 1024

View = Callable[..., wire.Reply[Any] | Response]
Fails = Sequence[type[SchedulerError]]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One operation. role: the least that may call it; None: anyone. statuses: what each success means, the usual one first."""

    method: str
    path: str
    role: Role | None
    view: View
    statuses: Mapping[HTTPStatus, str]
    fails: Fails
    takes: Mapping[str, Any]  # parameter -> annotation
    gives: Any
    content_type: str

    @property
    def name(self) -> str:
        return self.view.__name__


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a caller who may make it."""

    caller: Caller
    action: str
    path: str
    request_id: str

    def deed(self, **detail: object) -> Deed:
        """For the audit. detail: no payloads, no secrets."""
        return Deed(
            id=uuid7(),
            caller=self.caller,
            action=self.action,
            target=self.path,
            request_id=self.request_id,
            detail=detail,
        )


class Routes:
    """Puts views behind addresses."""

    def __init__(self, app: Chalice, gatekeeper: Callable[[], Gatekeeper], cors: CORSConfig | None) -> None:
        self._app = app
        self._gatekeeper = gatekeeper
        self._cors = cors
        self.table: list[Route] = []

    def add(
        self,
        address: str,
        role: Role | None,
        *,
        statuses: Mapping[HTTPStatus, str] | None = None,
        fails: Fails = (),
        content_type: str = wire.JSON,
    ) -> Callable[[View], View]:
        """address: as in ``POST /jobs/{job_id}/cancel``."""
        method, path = address.split()

        def register(view: View) -> View:
            takes = get_type_hints(view, include_extras=True)
            gives = takes.pop("return")
            takes.pop("call")
            route = Route(
                method=method,
                path=path,
                role=role,
                view=view,
                statuses=statuses or {HTTPStatus.OK: "Done"},
                fails=fails,
                takes=takes,
                gives=_content_of(gives),
                content_type=content_type,
            )
            self.table.append(route)
            self._serve(route)
            return view

        return register

    def _serve(self, route: Route) -> None:
        def serve(**values: str) -> Response:
            return self._answered(route, values)

        serve.__name__ = route.name
        content_types = [wire.JSON] if "body" in route.takes else []
        self._app.route(route.path, methods=[route.method], content_types=content_types, cors=self._cors)(serve)

    def _answered(self, route: Route, values: Mapping[str, str]) -> Response:
        """Every failure raised on purpose becomes a problem document, every answer gets its request id and a log line."""
        request = self._app.current_request
        if request is None:
            raise RuntimeError("no request is being served")
        request_id = wire.request_id_of(request.context)
        caller = ANYONE
        try:
            if route.role is not None:
                caller = self._gatekeeper().recognise(request.headers.get("authorization"))
                caller.require(route.role)
            response = _called(route, request, caller, values)
        except SchedulerError as error:
            _log_cause(error)
            response = wire.problem(error, request_id)
        response.headers[wire.REQUEST_ID] = request_id
        _log(request, caller, response)
        return response


def _content_of(gives: Any) -> Any:
    """What the ``Reply`` in a view's return annotation holds."""
    replies = [each for each in (gives, *get_args(gives)) if get_origin(each) is wire.Reply]
    return get_args(replies[0])[0]


def _called(route: Route, request: Request, caller: Caller, values: Mapping[str, str]) -> Response:
    call = Call(
        caller=caller,
        action=route.name,
        path=route.path.format_map(values),
        request_id=wire.request_id_of(request.context),
    )
    reply = route.view(call, **_arguments(route, request, values))
    return reply if isinstance(reply, Response) else wire.rendered(reply, next(iter(route.statuses)))


def _arguments(route: Route, request: Request, values: Mapping[str, str]) -> dict[str, Any]:
    arguments: dict[str, Any] = {name: _from_path(name, values[name], route.takes[name]) for name in values}
    arguments["query"] = query_of(_params(request), route.takes.get("query", NoQuery))
    if "query" not in route.takes:
        arguments.pop("query")
    if "headers" in route.takes:
        arguments["headers"] = headers_of(request.headers, route.takes["headers"])
    if "body" in route.takes:
        arguments["body"] = _body_of(request, route.takes["body"])
    return arguments


def _from_path(name: str, value: str, shape: Any) -> Any:
    """Raises InvalidInput."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        reason = "not a job id: expected a UUID" if shape is UUID else in_words(str(error))
        raise InvalidInput(reason, name) from None


def _params(request: Request) -> dict[str, list[str]]:
    params = request.query_params
    return {} if params is None else {name: params.getlist(name) for name in params}


def _body_of(request: Request, shape: Any) -> Any:
    """None where there is no body and none is needed."""
    raw = _body(request)
    if not is_optional(shape):
        return decoded(raw, shape)
    (needed,) = (
        part for part in get_args(shape) if part is not type(None)
    )  # a body that says null is no body left out
    return decoded(raw, needed) if raw else None


def is_optional(shape: Any) -> bool:
    return type(None) in get_args(shape)


def _body(request: Request) -> bytes:
    """Raises TooLarge or InvalidInput."""
    raw = request.raw_body
    if isinstance(raw, str):
        raw = raw.encode()
    if len(raw) > BODY_BYTES:
        raise TooLarge("body", len(raw), BODY_BYTES)
    refuse_repeated_names(raw)
    return raw


def _log_cause(error: SchedulerError) -> None:
    """The caller is not told what of ours is away; an operator is."""
    if isinstance(error, StoreUnavailable):
        logger.error("postgres is away", extra={"reason": str(error)})


def _log(request: Request, caller: Caller, response: Response) -> None:
    # One line a request: it is what an operator greps for, and the emulator waits 50 ms for a function that says nothing.
    logger.info(
        "answered",
        extra={
            "method": request.method,
            "path": request.path,
            "status": int(response.status_code),
            "request_id": wire.request_id_of(request.context),
            "caller": caller.id,
        },
    )
