"""Which function runs which job type.

A handler's annotations are its contract: the payload's type is the schema that the API checks and the dashboard's form uses.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, TypeVar, get_type_hints
from uuid import UUID

import msgspec

from chalicelib.backoff import Backoff, Exponential
from chalicelib.errors import InvalidPayload, UnknownJobType
from chalicelib.settings import Settings

Encoded = bytes | msgspec.Raw


class JobContext(Protocol):
    """What a handler may know and do while its job runs."""

    @property
    def job_id(self) -> UUID: ...
    @property
    def attempt(self) -> int: ...
    @property
    def scheduled_for(self) -> datetime | None:
        """For which of its schedule's times the job runs: not always now. None: no schedule submitted it."""

    @property
    def deadline(self) -> datetime: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """Lines for the job's own log, which clients can follow. So is every line logged, by any logger, on the handler's
        thread or in its tasks. An attempt keeps 1,000 lines and 1 MB of them."""

    def progress(self, fraction: float, message: str = "") -> None:
        """Tell watchers how far the job is. fraction: 0 to 1. Cheap: call it as often as you like."""

    def check_cancelled(self) -> None:
        """Raises AttemptStopped when the attempt timed out, was cancelled, or is no longer ours."""


Isolation = Literal["thread", "process"]


class JobType(msgspec.Struct, frozen=True, kw_only=True):
    """A job type: its function, the shape of its payload, and its defaults."""

    name: str
    run: Callable[[Any, JobContext], Any]
    payload_type: Any
    description: str
    timeout: timedelta
    max_attempts: int
    backoff: Backoff
    isolation: Isolation = "thread"
    is_async: bool = False  # its function is a coroutine function

    def decode(self, payload: Encoded) -> Any:
        """The payload as its type. Raises InvalidPayload with the path of the fault."""
        try:
            return msgspec.json.decode(payload, type=self.payload_type)
        except msgspec.ValidationError as fault:
            raise InvalidPayload(self.name, str(fault)) from None

    def json_schema(self) -> dict[str, Any]:
        return msgspec.json.schema(self.payload_type)


class Declared(msgspec.Struct, frozen=True):
    """A schedule that stands beside a handler. name: None for the job type's. content: as the API takes it, but job_type."""

    run: Callable[..., object]
    name: str | None
    payload: bytes
    content: Mapping[str, object]


class Registry:
    """Job types by name, and the schedules that are declared beside them."""

    def __init__(self) -> None:
        self._types: dict[str, JobType] = {}
        self._declared: list[Declared] = []

    def add(self, job_type: JobType) -> None:
        if job_type.name in self._types:
            raise ValueError(f"two handlers are called {job_type.name!r}")
        self._types[job_type.name] = job_type
        self._check_declared()

    def declare(self, declared: Declared) -> None:
        """Raises ValueError for a second schedule of one name, and for a payload that its job type does not take."""
        self._declared.append(declared)
        self._check_declared()

    def declared(self) -> dict[str, tuple[JobType, Declared]]:
        """By name: those whose function is a handler."""
        types = {id(job_type.run): job_type for job_type in self._types.values()}
        known = [(types[id(each.run)], each) for each in self._declared if id(each.run) in types]
        return {each.name or job_type.name: (job_type, each) for job_type, each in known}

    def declared_in_vain(self) -> list[Declared]:
        """Those whose function no ``@job`` has made a handler."""
        return [
            each for each in self._declared if all(job_type.run is not each.run for job_type in self._types.values())
        ]

    def _check_declared(self) -> None:
        known = self.declared()
        if len(known) + len(self.declared_in_vain()) < len(self._declared):
            raise ValueError(f"two schedules of one name: {', '.join(known)} are there; give one a name of its own")
        for name, (job_type, each) in known.items():
            try:
                job_type.decode(each.payload)
            except InvalidPayload as error:
                raise ValueError(f"schedule {name}: {error}") from None

    def get(self, name: str) -> JobType:
        """Raises UnknownJobType."""
        try:
            return self._types[name]
        except KeyError:
            raise UnknownJobType(name, sorted(self._types)) from None

    def find(self, name: str) -> JobType | None:
        return self._types.get(name)

    def all(self) -> Mapping[str, JobType]:
        return self._types


registry = Registry()

P = TypeVar("P")
R = TypeVar("R")


def job(
    name: str,
    *,
    timeout: timedelta = timedelta(minutes=5),
    max_attempts: int = 3,
    backoff: Backoff | None = None,
    isolation: Isolation = "thread",
    into: Registry = registry,
) -> Callable[[Callable[[P, JobContext], R]], Callable[[P, JobContext], R]]:
    """Register a function, plain or ``async``, as the handler of a job type.

    Its first parameter's annotation is the payload's schema: a msgspec Struct, a dataclass, a TypedDict or any JSON type.
    isolation: "process" runs it in a child process, which can be stopped whatever it does: for native code, for code
    that blocks, and for code that keeps a core busy.
    """

    def register(run: Callable[[P, JobContext], R]) -> Callable[[P, JobContext], R]:
        into.add(
            JobType(
                name=name,
                run=run,
                payload_type=_payload_type(run),
                description=inspect.cleandoc(run.__doc__ or ""),
                timeout=timeout,
                max_attempts=max_attempts,
                backoff=backoff or Exponential(),
                isolation=isolation,
                is_async=inspect.iscoroutinefunction(run),
            )
        )
        return run

    return register


def _payload_type(run: Callable[..., object]) -> Any:
    first = next(iter(run.__code__.co_varnames))
    return get_type_hints(run, include_extras=True).get(first, Any)
